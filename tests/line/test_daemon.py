"""The engine's process: one per folder, private, stoppable, and back after any death. The engine inside is
the toy; everything around it is the real daemon."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.daemon import AlreadyRunning, Daemon, EngineLock, engine_settings
from core.errors import Code, HaulierError
from core.launch import ALREADY_RUNNING, attach, connect, engine_command, engine_environment
from core.messages import Draining, JobChanged, PauseJob, Ping, Shutdown, TuneJob
from core.paths import Paths
from core.socket_client import SocketClient
from tests.line.serving import until
from tests.line.toy import ToyEngine

TOY = "tests.line.toy_daemon"

Spawn = subprocess.Popen[str]


@pytest.fixture
def started(paths: Paths) -> Iterator[list[Spawn]]:
    """Processes to be ended after the test."""
    processes: list[Spawn] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def spawn(paths: Paths, started: list[Spawn]) -> Spawn:
    process = subprocess.Popen(
        engine_command(paths, TOY),
        env=engine_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    started.append(process)
    return process


async def attached(paths: Paths) -> SocketClient:
    """A line to the engine, as soon as it greets."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        client = await attach(paths)
        if client is not None:
            return client
        await asyncio.sleep(0.01)
    raise AssertionError(f"no engine: {paths.engine_log.read_text() if paths.engine_log.exists() else ''}")


async def ended(process: Spawn, seconds: float = 15) -> int:
    return await asyncio.to_thread(process.wait, seconds)


def is_free(paths: Paths) -> bool:
    descriptor = os.open(paths.lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


async def test_second_engine_leaves_with_its_own_code(paths: Paths, started: list[Spawn]) -> None:
    """It names the first one's process, touches nothing, and the first works on."""
    first = spawn(paths, started)
    client = await attached(paths)
    second = spawn(paths, started)
    assert await ended(second) == ALREADY_RUNNING
    said = second.communicate()[0]
    assert f"process {first.pid}" in said
    assert said.count("\n") == 1
    await client.call(Ping())
    await client.close()
    assert await attach(paths) is not None


async def test_what_it_leaves_on_disk_is_private(paths: Paths, started: list[Spawn]) -> None:
    """Socket, lock and log are for the owner only, with an open umask too."""
    before = os.umask(0)
    try:
        spawn(paths, started)
        await (await attached(paths)).close()
    finally:
        os.umask(before)
    for path in (paths.socket, paths.lock, paths.engine_log):
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600, path
    for folder in (paths.metadata_dir, paths.run_dir, paths.logs_dir):
        assert stat.S_IMODE(folder.lstat().st_mode) == 0o700, folder


async def test_no_core_dumps_and_no_readers(paths: Paths, started: list[Spawn]) -> None:
    """The limit for core files is 0, and the kernel treats the process as not dumpable (its files in /proc
    belong to root)."""
    process = spawn(paths, started)
    await (await attached(paths)).close()
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert any(line.split()[4:6] == ["0", "0"] for line in limits.splitlines() if "core file" in line)
    code = "import ctypes; from core.daemon import protect_memory; protect_memory(); "
    code += "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=engine_environment({})
    )
    assert asked.stdout == "0\n"


async def test_killed_engine_leaves_nothing_in_the_way(paths: Paths, started: list[Spawn]) -> None:
    """After kill -9 the lock is free, clients see the end, the stale socket is replaced by the next engine."""
    process = spawn(paths, started)
    client = await attached(paths)
    boot = client.hello.boot_id
    waiting = asyncio.create_task(client.call(PauseJob(job=1)))
    await client.call(Ping())
    process.kill()
    await ended(process)
    with pytest.raises(HaulierError) as caught:
        await waiting
    assert caught.value.code is Code.UNAVAILABLE
    await client.close()
    assert is_free(paths)
    assert paths.socket.exists()
    assert await attach(paths) is None
    spawn(paths, started)
    again = await attached(paths)
    assert again.hello.boot_id != boot
    await again.close()


async def test_stale_socket_is_only_touched_by_the_lock_holder(paths: Paths, started: list[Spawn]) -> None:
    """While somebody holds the lock, a starting engine leaves the socket of the other where it is."""
    paths.create()
    lock = EngineLock(paths.lock)
    lock.take()
    paths.socket.write_text("mine")
    assert await ended(spawn(paths, started)) == ALREADY_RUNNING
    assert paths.socket.read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_stop_cleanly(paths: Paths, started: list[Spawn], number: int) -> None:
    """Code 0, socket gone, lock free, and listeners are told before the end."""
    process = spawn(paths, started)
    client = await attached(paths)
    await client.subscribe()
    process.send_signal(number)
    assert await ended(process) == 0
    assert [event async for event in client.events()] == [Draining(seq=1)]
    await client.close()
    assert not paths.socket.exists()
    assert is_free(paths)
    assert "the engine stopped" in paths.engine_log.read_text()


async def test_hangup_is_ignored(paths: Paths, started: list[Spawn]) -> None:
    """The end of the terminal that started it is not the end of the engine."""
    process = spawn(paths, started)
    client = await attached(paths)
    process.send_signal(signal.SIGHUP)
    await client.call(Ping())
    await client.close()
    assert process.poll() is None


async def test_shutdown_with_and_without_drain(paths: Paths, started: list[Spawn]) -> None:
    """A drain that takes its time: the engine stays reachable and says so to newcomers, and a second Shutdown
    without drain ends it at once."""
    (paths.config_dir / "trouble").write_text("slow drain")
    process = spawn(paths, started)
    client = await attached(paths)
    assert not client.hello.draining
    await client.call(Shutdown(drain=True))
    newcomer = await attached(paths)
    assert newcomer.hello.draining
    assert (await newcomer.call(Ping())).draining
    assert process.poll() is None
    await newcomer.call(Shutdown(drain=False))
    await asyncio.wait_for(client.wait_closed(), 9)
    assert await ended(process, 5) == 0
    await client.close()
    await newcomer.close()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [("damaged", "The journal is damaged at page 7. Run `haulier repair`."), ("defect", "␛")],
)
async def test_trouble_at_start_is_said_in_one_clean_line(
    paths: Paths, started: list[Spawn], trouble: str, said: str
) -> None:
    """What keeps the engine from starting is on stderr, in one line without escapes, and in the log; the
    socket it had bound is gone."""
    (paths.config_dir / "trouble").write_text(trouble)
    process = spawn(paths, started)
    assert await ended(process) not in (0, ALREADY_RUNNING)
    output = process.communicate()[0]
    assert said in output
    assert output.count("\n") == 1
    assert "\x1b" not in output
    assert said.split(".")[0] in paths.engine_log.read_text()
    assert not paths.socket.exists()


async def test_nothing_reaches_the_starter_after_the_start(paths: Paths, started: list[Spawn]) -> None:
    """Once it listens, stdout and stderr are the log's: the starter's pipe is at its end while the engine
    lives."""
    process = spawn(paths, started)
    await (await attached(paths)).close()
    assert process.stdout is not None
    assert await asyncio.wait_for(asyncio.to_thread(process.stdout.read), 5) == ""
    assert process.poll() is None


async def test_folder_open_to_others_keeps_it_from_starting(paths: Paths, started: list[Spawn]) -> None:
    """The refusal says what to do."""
    paths.create()
    paths.run_dir.chmod(0o755)
    process = spawn(paths, started)
    assert await ended(process) == 3
    assert "chmod 700" in process.communicate()[0]


def test_wrong_arguments(paths: Paths) -> None:
    """A damaged config.toml is named with file and place, as for every other command."""
    (paths.config_dir / "config.toml").write_text("workers = [")
    with pytest.raises(HaulierError, match=r"config\.toml.*line 1"):
        engine_settings([f"--config-dir={paths.config_dir}"], {})


def test_settings_of_the_process(paths: Paths, tmp_path: Path) -> None:
    """The folders given as arguments win, and everything else comes from the environment and the file."""
    (paths.config_dir / "config.toml").write_text('retry = "quick"\nmetadata_dir = "/elsewhere"\n')
    arguments = engine_command(paths)[4:]
    found = engine_settings(arguments, {"HAULIER_WORKERS": "7"})
    assert (found.metadata_dir, found.logs_dir, found.config_dir) == (
        paths.metadata_dir,
        paths.logs_dir,
        paths.config_dir,
    )
    assert (found.workers, found.retry) == (7, "quick")
    assert engine_settings([f"--config-dir={tmp_path}"], {}).config_dir == tmp_path


def test_lock_knows_whether_it_is_still_the_one(paths: Paths) -> None:
    """A removed or replaced lock file is noticed; a lock can be taken once."""
    paths.create()
    lock = EngineLock(paths.lock)
    lock.take()
    assert lock.is_ours
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        EngineLock(paths.lock).take()
    paths.lock.unlink()
    assert not lock.is_ours
    other = EngineLock(paths.lock)
    other.take()
    assert not lock.is_ours
    with pytest.raises(AlreadyRunning):
        lock.take()


@pytest_asyncio.fixture
async def watched(paths: Paths) -> AsyncIterator[tuple[ToyEngine, asyncio.Task[None]]]:
    """A daemon in this process that looks after its files all the time."""
    paths.create()
    lock = EngineLock(paths.lock)
    lock.take()
    engine = ToyEngine()
    ready = asyncio.Event()
    task = asyncio.create_task(Daemon(paths, lock, engine, watch_every=0.01).serve(ready.set))
    await asyncio.wait_for(ready.wait(), 5)
    yield engine, task
    if not task.done():
        client = await attached(paths)
        await client.call(Shutdown(drain=False))
        await client.close()
    await task


async def test_lost_socket_and_lock_are_made_again(
    paths: Paths, watched: tuple[ToyEngine, asyncio.Task[None]]
) -> None:
    """Somebody cleans up the run folder: open lines stay, and soon new ones are possible; the lock guards
    again."""
    client = await attached(paths)
    shutil.rmtree(paths.run_dir)
    await until(paths.socket.exists)
    again = await attached(paths)
    assert again.hello.boot_id == client.hello.boot_id
    await client.call(Ping())
    with pytest.raises(AlreadyRunning):
        EngineLock(paths.lock).take()
    await client.close()
    await again.close()


async def test_an_engine_that_lost_its_lock_to_another_gives_way(
    paths: Paths, watched: tuple[ToyEngine, asyncio.Task[None]]
) -> None:
    """Two engines never work on one journal for long: the one without the lock stops at once and leaves the
    other's socket alone."""
    engine, task = watched
    paths.lock.unlink()
    other = EngineLock(paths.lock)
    other.take()
    await asyncio.wait_for(task, 5)
    assert engine.closed == [False]
    assert paths.socket.exists()


async def test_an_engine_without_its_folder_stops(
    paths: Paths, watched: tuple[ToyEngine, asyncio.Task[None]]
) -> None:
    """When the metadata folder is removed, the journal is gone: the engine does not act as if it were there."""
    engine, task = watched
    shutil.rmtree(paths.metadata_dir)
    await asyncio.wait_for(task, 5)
    assert engine.closed == [False]
    assert not paths.metadata_dir.exists()


@pytest.mark.parametrize("never_stops", [False, True])
async def test_a_stop_has_an_upper_bound(paths: Paths, never_stops: bool) -> None:
    """A drain that never ends is cut short after its time, and an engine that does not even then stop is left
    to the end of the process; either way the socket goes and `serve` returns."""
    paths.create()
    lock = EngineLock(paths.lock)
    lock.take()
    engine = ToyEngine()
    engine.drains_forever, engine.never_stops = True, never_stops
    daemon = Daemon(paths, lock, engine, drain_for=0.1, drop_for=0.1)
    task = asyncio.create_task(daemon.serve(lambda: None))
    client = await attached(paths)
    await client.call(Shutdown(drain=True))
    await asyncio.wait_for(task, 8)
    assert engine.closed == [True, False]
    assert not paths.socket.exists()
    await client.close()


async def test_events_reach_another_process(paths: Paths, started: list[Spawn]) -> None:
    """A thousand events from the engine's process, all of them, in order."""
    spawn(paths, started)
    client = await attached(paths)
    await client.subscribe()
    await client.call(TuneJob(job=1, workers=1000))
    events = client.events()
    for number in range(1, 1001):
        event = await asyncio.wait_for(anext(events), 5)
        assert isinstance(event, JobChanged)
        assert event.seq == number
    await client.close()


async def test_attaching_is_quick(paths: Paths, started: list[Spawn]) -> None:
    """From nothing to a line that has been greeted: a few milliseconds (the median of many; the bound is
    wide because the machine is shared)."""
    spawn(paths, started)
    await (await attached(paths)).close()
    times: list[float] = []
    for _ in range(21):
        begin = time.perf_counter()
        client = await connect(paths, start=False)
        times.append(time.perf_counter() - begin)
        await client.close()
    assert sorted(times)[10] < 0.05


def test_a_bound_socket_that_does_not_listen_refuses(tmp_path: Path) -> None:
    """What the start relies on: between bind and listen a client gets ECONNREFUSED, not a silent line."""
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / "s"))
    client = socket.socket(socket.AF_UNIX)
    with pytest.raises(ConnectionRefusedError):
        client.connect(str(tmp_path / "s"))
    client.close()
    bound.close()


def test_garbage_is_seldom_looked_for_but_found() -> None:
    """In a process of its own, whose collector may be changed."""
    said = subprocess.run(
        [sys.executable, "-c", SELDOM],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert said.stdout.split() == ["True", "True"]


SELDOM = """
import gc, weakref
from core.daemon import GARBAGE, collect_seldom
class Ring: pass
collect_seldom()
ring = Ring(); ring.me = ring
gone = weakref.ref(ring)
del ring
kept = [[] for _ in range(2 * GARBAGE[0])]
print(gc.get_freeze_count() > 10_000, gone() is None)
"""
