"""The file of connections: what is kept, what is refused, and what survives."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.connections import ConnectionRegistry
from core.errors import Code, HaulierError
from core.model import (
    AnonymousCredentials,
    Connection,
    KeyringCredentials,
    ProfileCredentials,
)

ROOT = Path(__file__).parents[2]
PROD = Connection(
    name="prod",
    endpoint="https://s3.example.com/base",
    region="eu-west-1",
    addressing="path",
    credentials=KeyringCredentials(ref="prod@01"),
    tested_at=12.5,
)
OTHER = Connection(name="other", verify_tls=False, credentials=AnonymousCredentials())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config/haulier/connections.json"


@pytest.fixture
def registry(path: Path) -> ConnectionRegistry:
    return ConnectionRegistry(path)


def test_what_is_put_is_there_after_a_restart(path: Path, registry: ConnectionRegistry) -> None:
    """Every field comes back, in the order of names; file and folder are the owner's only."""
    assert registry.list() == ()
    registry.put(PROD)
    registry.put(OTHER)
    assert ConnectionRegistry(path).list() == (OTHER, PROD)
    assert registry.get("prod") == PROD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text())["version"] == 1


def test_edit_rename_remove(registry: ConnectionRegistry) -> None:
    """Putting in the place of another changes or renames it; names stay unique."""
    registry.put(PROD)
    registry.put(OTHER)
    renamed = registry.put(Connection(name="main", region="us-east-1"), replaces="prod")
    assert registry.list() == (renamed, OTHER)
    for connection, replaces, code in (
        (Connection(name="other"), "", Code.REFUSED),
        (Connection(name="other"), "main", Code.REFUSED),
        (Connection(name="x"), "prod", Code.NOT_FOUND),
        (Connection(name="a:b"), "main", Code.USAGE),
    ):
        with pytest.raises(HaulierError) as refused:
            registry.put(connection, replaces)
        assert refused.value.code is code
    assert registry.remove("main") == renamed
    with pytest.raises(HaulierError) as gone:
        registry.remove("main")
    assert gone.value.code is Code.NOT_FOUND
    assert "other" in gone.value.hint
    assert registry.list() == (OTHER,)


DAMAGED: list[tuple[bytes, int, int]] = [
    (b'{"version": 1,\n "connections": [}', 2, 18),
    (b"", 1, 1),
    (b"[]", 1, 1),
    (b'{"version": 1, "connections": [\n  {"name": 7}]}', 2, 12),
    (b'{"version": 1, "connections": [\n  {"name": "a",\n   "addressing": "up"}]}', 3, 18),
    (b'{"version": 1, "connections": [\n  {"name": "a:b"}]}', 2, 12),
    (b'{"version": 1, "connections": [{"name": "a"},\n{"name": "a"}]}', 2, 10),
    (b'{"version": 1, "connections": [\n{"name": "a", "endpoint": "nowhere"}]}', 2, 27),
    (b'{"version": 1, "connections": [\n{"name": "a", "credentials": {"type": "magic"}}]}', 2, 39),
    (b'{"version": 1,\n "x": "\xff"}', 2, 8),
    (b"[" * 100_000, 1, 1),
]


@pytest.mark.parametrize(("data", "line", "column"), DAMAGED)
def test_a_damaged_file_is_named_and_left_alone(path: Path, data: bytes, line: int, column: int) -> None:
    """Reading and changing both fail with file, line and column; not a byte of the file changes."""
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    registry = ConnectionRegistry(path)
    for call in (registry.list, lambda: registry.put(PROD), lambda: registry.get("prod")):
        with pytest.raises(HaulierError) as damaged:
            call()
        assert damaged.value.code is Code.USAGE
        assert f"{path}, line {line}, column {column}: " in damaged.value.message
    assert path.read_bytes() == data


def test_a_newer_file_is_left_alone(path: Path, registry: ConnectionRegistry) -> None:
    """A file of a later version is neither guessed at nor overwritten."""
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 2, "connections": {}}')
    with pytest.raises(HaulierError, match="newer"):
        registry.put(PROD)
    assert path.read_text() == '{"version": 2, "connections": {}}'


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file where the folder should be, and a folder where the file should be."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder/connections.json").mkdir(parents=True)
    for path in (tmp_path / "file/connections.json", tmp_path / "folder/connections.json"):
        with pytest.raises(HaulierError) as refused:
            ConnectionRegistry(path).put(PROD)
        assert str(tmp_path) in refused.value.message


def test_an_edit_by_hand_is_seen_and_kept(path: Path, registry: ConnectionRegistry) -> None:
    """What somebody adds with an editor is there at the next look, and survives the next change."""
    registry.put(PROD)
    by_hand = json.loads(path.read_text())
    by_hand["connections"].append({"name": "by-hand", "credentials": {"type": "profile", "profile": "p"}})
    path.write_text(json.dumps(by_hand))
    assert registry.get("by-hand").credentials == ProfileCredentials(profile="p")
    registry.put(OTHER)
    assert [each.name for each in registry.list()] == ["by-hand", "other", "prod"]


def test_an_edit_during_a_change_is_not_overwritten(
    path: Path, registry: ConnectionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor saves in the very moment between our reading and our renaming: its file stays."""
    registry.put(PROD)
    edited = path.read_text().replace("eu-west-1", "eu-west-2-new")
    real = os.fsync

    def save_in_between(descriptor: int) -> None:
        path.write_text(edited)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", save_in_between)
    with pytest.raises(HaulierError) as noticed:
        registry.put(OTHER)
    assert noticed.value.code is Code.REFUSED
    assert path.read_text() == edited
    assert [each.name for each in path.parent.iterdir() if each.name.endswith(".new")] == []


def test_two_writers_lose_nothing(path: Path) -> None:
    """Registries that share a file, each adding its own: all are there at the end."""
    failures: list[BaseException] = []

    def add(who: int) -> None:
        registry = ConnectionRegistry(path)
        try:
            for number in range(10):
                registry.put(Connection(name=f"c{who}-{number}"))
        except BaseException as error:  # noqa: BLE001 - told by the test below
            failures.append(error)

    threads = [threading.Thread(target=add, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(ConnectionRegistry(path).list()) == 40


def test_a_link_stays_a_link(path: Path, tmp_path: Path, registry: ConnectionRegistry) -> None:
    """People keep their settings elsewhere and link to them: the change goes where the link leads."""
    real = tmp_path / "dotfiles/connections.json"
    real.parent.mkdir()
    path.parent.mkdir(parents=True)
    path.symlink_to(real)
    registry.put(PROD)
    assert path.is_symlink()
    assert ConnectionRegistry(real).list() == (PROD,)


KILL_AT = ["os.fsync", "os.open", "pathlib.Path.replace", "pathlib.Path.unlink"]


@pytest.mark.parametrize("when", KILL_AT)
def test_a_writer_killed_at_any_step_loses_nothing(path: Path, registry: ConnectionRegistry, when: str) -> None:
    """A process is killed right before one step of a save, each step in turn: the old file is whole, and the
    next save works although a half-written file and a lock file are lying there."""
    registry.put(PROD)
    before = path.read_bytes()
    program = f"""
import os, pathlib, signal, sys
from core.connections import ConnectionRegistry
from core.model import Connection
registry = ConnectionRegistry(pathlib.Path(sys.argv[1]))
registry.list()
real = {when}
def killed(*arguments, **named):
    if "lock" in str(arguments[0]):
        return real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
{when} = killed
registry.put(Connection(name="x" * 60))
"""
    done = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    registry.put(OTHER)
    assert ConnectionRegistry(path).list() == (OTHER, PROD)


def test_a_full_disk_loses_nothing(
    path: Path, registry: ConnectionRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new file cannot be written, the old one is what it was and the error says why."""
    registry.put(PROD)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HaulierError, match="No space left"):
        registry.put(OTHER)
    assert path.read_bytes() == before


def hammer(registry: ConnectionRegistry, stop: Callable[[], bool]) -> None:
    while not stop():
        registry.put(PROD, replaces="prod")


def test_a_reader_never_sees_half_a_file(path: Path, registry: ConnectionRegistry) -> None:
    """While one thread rewrites the file over and over, a reader of the bytes always finds a whole one."""
    registry.put(PROD)
    done = threading.Event()
    writer = threading.Thread(target=hammer, args=(registry, done.is_set))
    writer.start()
    try:
        for _ in range(200):
            assert ConnectionRegistry(path).list() == (PROD,)
    finally:
        done.set()
        writer.join()
