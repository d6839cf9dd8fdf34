"""The journal's file: opened only when it is whole and of a known format, written in whole groups."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engine.database import SCHEMA_VERSION, Database
from core.engine.journal import Journal
from core.errors import Code, HaulierError
from tests.engine.test_journal import completions, fill

REASONS = "SELECT reason FROM jobs ORDER BY id"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With two jobs in it."""
    made = Database(tmp_path / "j")
    with made.write() as db:
        db.executemany(
            "INSERT INTO jobs (key, spec, title, state, created, counts) VALUES (?, '', '', '', 0, '')",
            [("one",), ("two",)],
        )
    yield made
    made.close()


def content(folder: Path) -> dict[str, bytes]:
    """Every file that holds data. Looking makes an index (-shm) and, where there was none, an empty -wal."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}
    return {name: data for name, data in files.items() if data or not name.endswith("-wal")}


def test_a_group_is_written_whole_or_not_at_all(database: Database) -> None:
    """An error in the middle of a group leaves nothing of it, and the journal works on."""

    def broken_off() -> None:
        with database.write() as db:
            db.execute("UPDATE jobs SET reason = 'half' WHERE key = 'one'")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert database.rows(REASONS) == [("",), ("",)]
    with database.write() as db:
        db.execute("UPDATE jobs SET reason = 'whole'")
    assert database.rows(REASONS) == list(database.stream(REASONS)) == [("whole",), ("whole",)]


def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    """A screen reads while a group is being written, and sees nothing of it yet."""
    with database.write() as db:
        db.execute("UPDATE jobs SET reason = 'not yet'")
        began = time.monotonic()
        assert database.rows(REASONS) == [("",), ("",)]
        assert time.monotonic() - began < 1


def test_mode_is_private(tmp_path: Path) -> None:
    """Names of files are nobody else's business."""
    Journal(tmp_path / "j").close()
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def damaged(path: Path) -> HaulierError:
    with pytest.raises(HaulierError) as refused:
        Journal(path)
    assert str(path) in refused.value.message
    return refused.value


@pytest.mark.parametrize("damage", ["text", "half", "middle", "header"])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, damage: str) -> None:
    """Garbage, a cut file, a hole in the middle: a clear error with a way out, and not a byte changed."""
    path = tmp_path / "state" / "j"
    path.parent.mkdir()
    journal = Journal(path)
    fill(journal, 5000)
    journal.close()
    data = path.read_bytes()
    broken = {
        "text": b"this is no database\n" * 500,
        "half": data[: len(data) // 2],
        "middle": data[:40_000] + os.urandom(40_000) + data[80_000:],
        "header": b"\0" * 100 + data[100:],
    }[damage]
    path.write_bytes(broken)
    error = damaged(path)
    assert error.code is Code.FAILED
    assert "nothing was changed" in error.hint
    assert content(path.parent) == {"j": broken}


def test_damage_beside_an_unwritten_wal_is_left_alone(tmp_path: Path) -> None:
    """Killed with changes in the -wal, then damaged: opening it carries nothing into the damaged file."""
    path = tmp_path / "live" / "j"
    path.parent.mkdir()
    journal = Journal(path)
    job = fill(journal, 5000)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.complete(job, completions(1, 10))
    crashed = tmp_path / "crashed"
    shutil.copytree(path.parent, crashed)
    journal.close()
    assert (crashed / "j-wal").stat().st_size > 0
    data = (crashed / "j").read_bytes()
    (crashed / "j").write_bytes(data[:200_000] + os.urandom(100_000) + data[300_000:])
    before = content(crashed)
    damaged(crashed / "j")
    assert content(crashed) == before


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A journal of a later version is not touched by this one."""
    path = tmp_path / "state" / "j"
    path.parent.mkdir()
    Journal(path).close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = content(path.parent)
    error = damaged(path)
    assert error.code is Code.UNAVAILABLE
    assert "newer" in error.message
    assert content(path.parent) == before
