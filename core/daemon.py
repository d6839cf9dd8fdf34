"""The engine as a process of its own: `python -m core.daemon --metadata-dir … --logs-dir … --config-dir …`.

1. It sees to it that no memory image of it can be written or read by others (it will hold secrets).
2. It makes its folders, checks that the run folders are its user's alone, and locks `run/engine.lock` for its
   whole life. Whoever holds the lock is the engine of this metadata folder; a second one says so and leaves
   with exit code ALREADY_RUNNING.
3. Only the lock's holder touches the socket: it removes a stale one and binds a new one, mode 0600. Clients
   are refused (ECONNREFUSED) until the engine is open; then it listens. So "a handshake succeeds" means ready.
4. Errors until then go to the stderr it was started with and to the log; afterwards only to the log.
5. Every two seconds it checks that lock and socket are still the ones it made. A lost socket is made anew. A
   lost lock is taken again; when another engine has it, this one stops at once.
6. `Shutdown{drain}`, SIGTERM and SIGINT stop it: it finishes parts in flight for DRAIN_SECONDS at most (not
   at all without `drain`, or at a second signal), sends what is left to say, removes the socket, exits with 0.

The lines themselves are served by core/line_server.py.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import faulthandler
import fcntl
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from core.build import build_name
from core.engine.interface import EngineCore
from core.errors import Code, HaulierError
from core.launch import ALREADY_RUNNING
from core.line_server import LineServer
from core.log import LogFile, clean, start_log
from core.messages import Draining
from core.model import Level
from core.paths import Paths
from core.settings import Settings, load_settings

log = logging.getLogger("core.daemon")

DEFECT = 70  # exit code, EX_SOFTWARE
DRAIN_SECONDS = 30.0  # at most, for parts in flight; they are redone otherwise
DROP_SECONDS = 10.0  # at most, for recording and stopping threads
WATCH_SECONDS = 2.0  # between two looks at lock and socket

MANY_FILES = 65_536  # descriptors

GARBAGE = (10_000, 10, 10)  # thresholds of the three generations (gc.set_threshold)

PR_SET_DUMPABLE = 4  # prctl(2)

MakeEngine = Callable[[Paths, Settings], EngineCore]


class AlreadyRunning(HaulierError):
    """Another engine holds the lock of this metadata folder."""

    def __init__(self, lock: Path, pid: str) -> None:
        super().__init__(
            Code.REFUSED, f"An engine{f' (process {pid})' if pid else ''} is running already; it holds {lock}"
        )


class EngineLock:
    """The lock file of a metadata folder, held from `take` until the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def take(self) -> None:
        """AlreadyRunning when another process has it. OSError when the file cannot be opened."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(self._path, pid if pid.isdecimal() else "") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)  # for people; nobody relies on it
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor

    @property
    def is_ours(self) -> bool:
        """Whether the file at the path is still the one that is locked."""
        try:
            there, here = self._path.lstat(), os.fstat(self._descriptor)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


class Daemon:
    """One engine's process after its start: socket, signals, stop."""

    def __init__(
        self,
        paths: Paths,
        lock: EngineLock,
        engine: EngineCore,
        *,
        watch_every: float = WATCH_SECONDS,
        drain_for: float = DRAIN_SECONDS,
        drop_for: float = DROP_SECONDS,
    ) -> None:
        self._paths = paths
        self._lock = lock
        self._engine = engine
        self._watch_every = watch_every
        self._drain_for = drain_for
        self._drop_for = drop_for
        self._server = LineServer(engine, self.stop)
        self._inode = (0, 0)  # of the socket that this process bound
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Open the engine, listen, call `ready`, and return when the engine has been stopped."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        bound = self._bind()
        try:
            await self._engine.open()
        except BaseException:
            self._unlink_own()
            raise
        await self._server.listen(bound)
        ready()
        log.info("the engine listens at %s", self._paths.socket)
        watching = asyncio.create_task(self._watch())
        await self._asked.wait()
        watching.cancel()
        self._server.draining = True
        self._engine.hub.publish(lambda seq: Draining(seq=seq))
        await self._close_engine()
        self._engine.hub.close()
        self._unlink_own()
        await self._server.close()

    def stop(self, drain: bool) -> None:
        """Asked to end. May be asked again, then without drain."""
        log.info("asked to stop, %s", "finishing parts in flight" if drain else "at once")
        self._asked.set()
        if not drain:
            self._at_once.set()

    def _signalled(self) -> None:
        self.stop(drain=not self._asked.is_set())

    async def _close_engine(self) -> None:
        closing = asyncio.create_task(self._engine.close(drain=not self._at_once.is_set()))
        hurry = asyncio.create_task(self._at_once.wait())
        await asyncio.wait({closing, hurry}, timeout=self._drain_for, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        tasks = {closing}
        if not closing.done():
            log.warning("parts in flight are dropped; they will be moved again")
            tasks.add(asyncio.create_task(self._engine.close(drain=False)))
            await asyncio.wait(tasks, timeout=self._drop_for)
        for task in tasks:
            if not task.done():
                log.error("the engine did not stop in time and is left as it is")
            elif (error := task.exception()) is not None:
                log.error("the engine stopped with an error", exc_info=error)

    # ------------------------------------------------------------ the socket

    def _bind(self) -> socket.socket:
        """A bound socket that does not listen yet. The folder is closed to others, so there is no moment in
        which anybody else could connect; the mode is the second wall."""
        self._paths.socket.unlink(missing_ok=True)  # stale: its owner would hold our lock
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            bound.bind(os.fspath(self._paths.socket))
        except OSError:
            bound.close()
            raise
        finally:
            os.umask(before)
        self._inode = _inode(self._paths.socket)
        return bound

    def _unlink_own(self) -> None:
        if self._lock.is_ours and _inode(self._paths.socket) == self._inode:
            self._paths.socket.unlink(missing_ok=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._watch_every)
            if self._lock.is_ours and _inode(self._paths.socket) == self._inode:
                continue
            try:
                await self._recover()
            except (OSError, HaulierError) as error:
                log.error("lock or socket was lost and cannot be made again: %s", error)
                self.stop(drain=False)
                return

    async def _recover(self) -> None:
        if not self._paths.metadata_dir.is_dir():
            raise HaulierError(
                Code.BLOCKED, f"The folder {self._paths.metadata_dir} is gone, and the journal with it"
            )
        self._paths.create()
        if not self._lock.is_ours:
            self._lock.take()
            log.warning("the lock file was removed; it is taken again")
        if _inode(self._paths.socket) != self._inode:
            await self._server.listen(self._bind())
            log.warning("the socket was removed; it is made again")


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.lstat()
    except OSError:
        return (-1, -1)
    return (found.st_dev, found.st_ino)


# ---------------------------------------------------------------- start


def run(paths: Paths, settings: Settings, make: MakeEngine) -> int:
    """The whole life of the process; returns its exit code. What stops it from starting is printed to stderr
    in one line, so that the face that started it can show it."""
    file: LogFile | None = None
    try:
        protect_memory()
        paths.create()
        lock = EngineLock(paths.lock)
        lock.take()
        file = start_log(paths.engine_log, Level(settings.log_level))
        log.info("engine %s starts, process %d, state in %s", build_name(), os.getpid(), paths.metadata_dir)
        # Not asyncio.run: at its end it waits for every thread of the executor, without limit.
        asyncio.new_event_loop().run_until_complete(_serve(paths, lock, settings, make, file))
    except AlreadyRunning as error:
        _say(error)
        return ALREADY_RUNNING
    except Exception as error:
        if file is not None:
            log.exception("the engine cannot go on")
        _say(_in_words(error, paths))
        return error.exit_code if isinstance(error, HaulierError) else DEFECT
    log.info("the engine stopped")
    return 0


def _in_words(error: Exception, paths: Paths) -> HaulierError:
    if isinstance(error, HaulierError):
        return error
    if isinstance(error, OSError):
        where = error.filename or paths.metadata_dir
        return HaulierError(Code.BLOCKED, f"{where}: {error.strerror or error}")
    return HaulierError(Code.FAILED, f"A defect: {type(error).__name__}: {error}")


async def _serve(paths: Paths, lock: EngineLock, settings: Settings, make: MakeEngine, file: LogFile) -> None:
    daemon = Daemon(paths, lock, make(paths, settings))
    collect_seldom()
    allow_many_files()
    await daemon.serve(file.take_stdio)


def collect_seldom() -> None:
    """Look for garbage in circles after 10 000 new objects instead of 700, and never in what is imported: items
    on their way are many and in no circle, and looking through them took an eighth of the engine's time."""
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def allow_many_files() -> None:
    """As many descriptors as this user may have: a job may take some for each of its files at once, and the
    soft limit of a login is often 1024 (getrlimit(2); macOS: 256)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # what there is has to do, and the system check tells it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def protect_memory() -> None:
    """No core dumps, and no other process of this user may trace this one or read its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):  # not Linux: the limit must do
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _say(error: HaulierError) -> None:
    text = f"{error.message}. {error.hint}" if error.hint else error.message
    with suppress(OSError):
        print(clean(text), file=sys.stderr, flush=True)


def engine_settings(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings of a process with these arguments. Raises HaulierError `usage`."""
    parser = argparse.ArgumentParser(prog="python -m core.daemon", description="The engine of haulier.")
    for name in ("--metadata-dir", "--logs-dir", "--config-dir"):
        parser.add_argument(name, type=Path)
    chosen = parser.parse_args(arguments)
    flags = {
        "metadata_dir": _text(chosen.metadata_dir),
        "logs_dir": _text(chosen.logs_dir),
    }
    config_dir: Path | None = chosen.config_dir
    if config_dir is not None and config_dir.name == "haulier":
        environ = {**environ, "XDG_CONFIG_HOME": os.fspath(config_dir.parent)}
    settings = load_settings(flags, environ, Path.home())
    if config_dir is None:
        return settings
    return msgspec.structs.replace(settings, config_dir=config_dir)


def _text(path: Path | None) -> str | None:
    return None if path is None else os.fspath(path)


def main(make: MakeEngine | None = None) -> NoReturn:
    """Start as told by the command line. `make` builds the engine; without it, the real one."""
    faulthandler.enable()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal that started us may go
    try:
        settings = engine_settings(sys.argv[1:], os.environ)
    except HaulierError as error:
        _say(error)
        code = error.exit_code
    else:
        code = run(Paths.of(settings), settings, make or _real_engine)
    logging.shutdown()
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code)  # a worker thread that is stuck in a system call must not keep the lock


def _real_engine(paths: Paths, settings: Settings) -> EngineCore:
    from core.engine.engine import Engine  # late: only a process that becomes the engine pays for it

    return Engine(paths, settings)


if __name__ == "__main__":
    main()
