"""Power loss: whatever was not synced may be gone, and still nothing is called completed that is not whole.

The engine runs under strace; from the trace the states of the disk are made that a power cut could leave at any
moment (tests/crash/disk.py says how). Each is looked at as the next engine would find it: the journal is opened
by SQLite, which recovers it from its -wal, and what it calls completed is compared with the files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.connections import ConnectionRegistry
from core.engine.proving.proof import MIB
from core.launch import engine_command, engine_environment
from core.messages import GetJob, PlanJob, StartJob
from core.model import JobKind, JobOptions, JobSpec, JobState, Pair, Place
from core.paths import Paths
from core.socket_client import SocketClient
from tests.crash.disk import TRACED, Disk, Pick, by_chance, calls_of, everything, nothing_unsafe
from tests.paths.driving import at, connection_of, noise, put_all, until
from tests.servers import S3Server

MODULE = "tests.crash.traced"
CHANCES = 2  # drawn states for each moment, beside the two extremes
WANTED = {
    "deep/er/large.bin": noise(7 * MIB + 77, 6),
    **{f"deep/{number % 3}/{number:02}": noise(4000, number) for number in range(14)},
    "overwritten": noise(3000, 50),
}
THERE = {
    "overwritten": b"what was there before",
    **{f"extra/{number % 2}/{number}": noise(100, 90 + number) for number in range(6)},
}


@contextlib.contextmanager
def traced_engine(paths: Paths, trace: Path) -> Iterator[None]:
    """An engine under strace. Skips where tracing is not possible."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed")
    options = ["-f", "-y", "-s", str(4 * MIB), "--seccomp-bpf", "-e", f"trace={TRACED}", "-o", str(trace)]
    probe = subprocess.run([program, *options, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"nothing can be traced here: {probe.stderr.strip()[:200]}")
    tracer = subprocess.Popen(
        [program, *options, *engine_command(paths, MODULE)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=engine_environment(os.environ),
    )
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(paths.lock.read_text()), signal.SIGKILL)
        try:
            tracer.wait(20)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.wait()


async def open_line(paths: Paths) -> SocketClient:
    deadline = time.monotonic() + 40
    while True:
        try:
            return await SocketClient.open(paths.socket)
        except OSError:
            assert time.monotonic() < deadline, "the traced engine does not answer"
        await until(paths.socket.exists, "socket")


async def carry_out(client: SocketClient, source: Place, target: Place) -> None:
    """A sync with deletions, planned, confirmed, completed."""
    spec = JobSpec(
        kind=JobKind.SYNC,
        pairs=(Pair(source=source, target=target),),
        options=JobOptions(delete=True, retry="0.1x20", part_size=5 * MIB),
    )
    view = await client.call(PlanJob(spec=spec, key="k", start=False))
    deadline = time.monotonic() + 60
    while not view.state.is_final:
        assert time.monotonic() < deadline, view
        if view.state is JobState.PLANNED and view.plan is not None:
            await client.call(StartJob(job=view.id, plan_hash=view.plan.hash, confirm="YES"))
        view = await client.call(GetJob(job=view.id))
    assert view.state is JobState.COMPLETED, view.reason


class Looker:
    """Looks at a state as the next engine would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked: dict[int, tuple[set[str], set[str]]] = {}
        self.most_completed = 0

    def fault(self, state: dict[str, bytes]) -> str:
        """What is wrong with it; empty when nothing is."""
        files = {name.removeprefix("out/"): data for name, data in state.items() if name.startswith("out/")}
        files = {name: data for name, data in files.items() if not name.startswith(".haulier")}
        for name, data in files.items():
            if data not in (WANTED.get(name), THERE.get(name)):
                return f"{name} is neither whole nor what it was ({len(data)} bytes)"
        try:
            copied, deleted = self._journal(state)
        except sqlite3.DatabaseError as error:
            return f"the journal is damaged: {error}"
        self.most_completed = max(self.most_completed, len(copied) + len(deleted))
        for name in copied:
            if files.get(name) != WANTED[name]:
                return f"{name} is called completed and is {'not whole' if name in files else 'not there'}"
        for name in deleted:
            if name in files:
                return f"{name} is called deleted and is there"
        undo = b"".join(data for name, data in state.items() if name.startswith("state/undo/"))
        for name in THERE.keys() - WANTED.keys() - files.keys():
            if f'"{name}"'.encode() not in undo:
                return f"{name} is gone and no undo file knows of it"
        return ""

    def _journal(self, state: dict[str, bytes]) -> tuple[set[str], set[str]]:
        """Names that the surviving journal calls copied and deleted."""
        files = {
            ending: state.get(f"state/journal.sqlite3{ending}", b"") for ending in ("", "-wal", "-journal")
        }
        key = hash(tuple(files.values()))
        if key not in self._looked:
            path = self._folder / "j"
            for ending, data in files.items():
                path.with_name(f"j{ending}").write_bytes(data)
            path.with_name("j-shm").unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(path)) as db:
                damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
                if damage != "ok":
                    raise sqlite3.DatabaseError(damage)
                done: list[tuple[str, str]] = []
                if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'items'").fetchall():
                    done = db.execute("SELECT name, action FROM items WHERE state = 'completed'").fetchall()
            deleted = {name for name, action in done if action == "delete"}
            self._looked[key] = ({name for name, _ in done} - deleted, deleted)
        return self._looked[key]


async def test_what_is_called_completed_survives_a_power_cut(moto_server: S3Server, tmp_path: Path) -> None:
    """A download of large and small files with deletions: after a power cut at any moment, with anything that
    was not synced lost, torn or reordered, each final name holds the whole content or what was there before,
    what the journal calls completed is whole, and what is gone is in the undo file."""
    base = tmp_path / "base"
    out = base / "out"
    for name, data in THERE.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    paths = Paths.at(base / "state", tmp_path / "logs", tmp_path / "config" / "haulier")
    paths.config_dir.mkdir(parents=True)
    bucket = moto_server.new_bucket()
    put_all(moto_server, bucket, WANTED.items())
    ConnectionRegistry(paths.connections).put(connection_of(moto_server))
    trace = tmp_path / "trace"
    with traced_engine(paths, trace):
        client = await open_line(paths)
        await carry_out(client, at(moto_server, bucket), Place(kind="local", path=str(out)))
        await client.close()
    there = {f"out/{name}": data for name, data in THERE.items()}
    calls = calls_of(trace.read_bytes(), str(base))
    disk = Disk(str(base), there, calls)
    looker = Looker(tmp_path)
    names = {call.name for call in calls}
    assert {"fsync", "renameat", "pwrite64"} & names >= {"fsync", "pwrite64"}, names
    moments = sorted(set(disk.moments))
    for moment in moments:
        picks: list[tuple[str, Pick]] = [("nothing unsafe", nothing_unsafe), ("everything", everything)]
        picks += [(f"chance {n}", by_chance(f"{moment}/{n}")) for n in range(CHANCES)]
        for words, pick in picks:
            fault = looker.fault(disk.after(moment, pick))
            assert not fault, f"power cut after line {moment} of the trace, {words} survived: {fault}"
    assert looker.most_completed == len(WANTED) + len(THERE) - 1, "the trace was not understood to its end"
    assert len(moments) > 100


def test_the_method_finds_what_it_looks_for(tmp_path: Path) -> None:
    """The same look at traces of a program that renames before it syncs, does not sync the folder, or records
    too early: each is found."""
    root = tmp_path.as_posix()
    lines = [
        f'1 openat(AT_FDCWD</>, "{root}/.part", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3<{root}/.part>',
        f'1 pwrite64(3<{root}/.part>, "whole", 5, 0) = 5',
        f"1 fsync(3<{root}/.part>) = 0",
        f'1 rename("{root}/.part", "{root}/final") = 0',
        f"1 fsync(4<{root}>) = 0",
    ]

    def lost_at_end(left_out: int | None, order: list[int] | None = None) -> dict[str, bytes]:
        chosen = [lines[at] for at in order or range(len(lines)) if at != left_out]
        return Disk(root, {}, calls_of("\n".join(chosen).encode(), root)).after(99, nothing_unsafe)

    assert lost_at_end(None) == {"final": b"whole"}
    assert lost_at_end(2) == {"final": b""}, "data that was not synced"
    assert lost_at_end(4) == {}, "a name whose folder was not synced"
    assert lost_at_end(None, [0, 2, 1, 3, 4]) == {"final": b""}, "data written after the sync"
    assert lost_at_end(None, [0, 1, 2, 4, 3]) == {".part": b"whole"}, "a rename after the folder's sync"
