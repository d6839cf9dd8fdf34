"""How a face comes to an engine: attach to the one that runs, or start one and attach to that.

Any number of faces may do so at once. Each may start a process; the engine's lock lets one live, the others
leave with ALREADY_RUNNING, and every face ends up attached to the one. There is no look at process numbers
and no trust in files: an engine is there when it greets.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from core.errors import Code, HaulierError
from core.line_client import other_protocol
from core.messages import PROTOCOL
from core.paths import Paths
from core.socket_client import SocketClient

START_SECONDS = 20.0
ENGINE_MODULE = "core.daemon"
ALREADY_RUNNING = 75  # exit code of an engine that finds another one holding the lock (EX_TEMPFAIL)

_POLL_SECONDS = 0.01
_RETRY_SECONDS = 0.3  # until another start is tried while an engine is on its way out
_OUTPUT_BYTES = 64 * 1024

# What `s3://` and `hf://` mean is the asking face's business and travels with its commands. In the engine's
# environment these would silently stay those of whoever started it, for every later face and job.
_NOT_FOR_THE_ENGINE = frozenset(
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
    | {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}
    | {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT"}
)


async def connect(
    paths: Paths, *, start: bool = True, timeout: float = START_SECONDS, module: str = ENGINE_MODULE
) -> SocketClient:
    """An open line to the engine of these folders, started if need be (and `start`), within `timeout` seconds.

    `client.hello.build` differs from core.build.build_name() when an engine of another build runs.
    Raises HaulierError: `unavailable` when no engine runs and none is to be started, when it does not start
    (with its own words), or when it speaks another protocol; `refused` when the run folder is not safe.
    """
    client = await attach(paths)
    if client is None and not start:
        raise HaulierError(Code.UNAVAILABLE, "No engine is running", "Start one with `haulier engine start`.")
    if client is not None and start and client.hello.draining:
        await client.close()
        client = None
    if client is None:
        client = await _start_and_attach(paths, asyncio.get_running_loop().time() + timeout, module)
    if client.hello.protocol != PROTOCOL:
        await client.close()
        raise other_protocol(client.hello)
    return client


async def attach(paths: Paths) -> SocketClient | None:
    """The engine that runs, whatever its protocol and state, or None. Only `Ping` and `Shutdown` are sure to
    be understood by it.

    Raises HaulierError `unavailable` when something is there that does not greet.
    """
    paths.check()
    try:
        return await SocketClient.open(paths.socket)
    except (
        FileNotFoundError,
        NotADirectoryError,
        ConnectionRefusedError,
        ConnectionResetError,
        BrokenPipeError,
    ):
        return None
    except OSError as error:
        raise HaulierError(
            Code.UNAVAILABLE, f"The engine's socket {paths.socket} cannot be used: {error.strerror}"
        ) from None


async def _start_and_attach(paths: Paths, deadline: float, module: str) -> SocketClient:
    loop = asyncio.get_running_loop()
    starter = _Starter(paths, module)
    start_at = loop.time()
    try:
        while loop.time() < deadline:
            if not starter.is_running and loop.time() >= start_at:
                starter.start()
                start_at = loop.time() + _RETRY_SECONDS
            await asyncio.sleep(_POLL_SECONDS)
            starter.check()
            client = await attach(paths)
            if client is None:
                continue
            if not client.hello.draining:
                return client
            await client.close()
    finally:
        starter.let_go()
    raise HaulierError(
        Code.UNAVAILABLE,
        "The engine did not become ready in time, or another one is still finishing its last parts",
        f"Try again in a moment; its log is {paths.engine_log}.",
    )


class _Starter:
    """Starts engine processes and tells what they said when they die."""

    def __init__(self, paths: Paths, module: str) -> None:
        self._paths = paths
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._output = -1
        self._said = b""
        self._prefix = outliving_prefix(os.environ)

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start an engine that outlives this process and its terminal. HaulierError when that fails."""
        self.let_go()
        self._said = b""
        self._output, its_end = os.pipe()
        os.set_blocking(self._output, False)
        try:
            self._process = subprocess.Popen(
                [*self._prefix, *engine_command(self._paths, self._module)],
                stdin=subprocess.DEVNULL,
                stdout=its_end,
                stderr=its_end,
                cwd="/",
                env=engine_environment(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            raise HaulierError(Code.UNAVAILABLE, f"The engine cannot be started: {error.strerror}") from None
        finally:
            os.close(its_end)

    def check(self) -> None:
        """Raises HaulierError with the engine's words when it died. One that found another is forgotten."""
        if self._process is None:
            return
        self._read()
        code = self._process.poll()
        if code is None:
            return
        self._read()
        self._process = None
        if code in (0, ALREADY_RUNNING):
            return
        if self._prefix:
            self._prefix = []  # the service manager may be the one who failed; once more without it
            return
        said = self._said.decode("utf-8", "replace").strip().splitlines()
        raise HaulierError(
            Code.UNAVAILABLE,
            f"The engine did not start: {said[-1] if said else f'it ended with code {code}'}",
            f"Its log is {self._paths.engine_log}.",
        )

    def let_go(self) -> None:
        """Leave the engine to itself. Its end is awaited in the background, so that it leaves no zombie."""
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        if self._process is not None:
            threading.Thread(target=self._process.wait, name="engine-reaper", daemon=True).start()
            self._process = None

    def _read(self) -> None:
        try:
            while chunk := os.read(self._output, _OUTPUT_BYTES):
                self._said = (self._said + chunk)[-_OUTPUT_BYTES:]
        except BlockingIOError:
            return


def engine_command(paths: Paths, module: str = ENGINE_MODULE) -> list[str]:
    """The arguments that start an engine: nothing but folders, for everybody may read them."""
    folders = {"metadata": paths.metadata_dir, "logs": paths.logs_dir, "config": paths.config_dir}
    arguments = [f"--{name}-dir={os.fspath(folder)}" for name, folder in folders.items()]
    # -P: the working folder is not searched for modules.
    return [sys.executable, "-P", "-m", module, *arguments]


# Part buffers go back to the system when they are freed, instead of staying with one of many threads: measured
# with 12 streams of 8 MiB, 93 MiB resident instead of 177. mimalloc is the HTTP client's, malloc Python's.
_ALLOCATORS = {
    "MIMALLOC_PURGE_DELAY": "0",
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "4194304",
}


def engine_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the engine inherits. It finds this very code, also when it is run from a source folder."""
    kept = {name: value for name, value in environ.items() if name not in _NOT_FOR_THE_ENGINE}
    root = Path(__file__).resolve().parent.parent
    # An installed package is found anyway; its folder must not come before the standard library.
    if root.name not in ("site-packages", "dist-packages"):
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (os.fspath(root), environ.get("PYTHONPATH", ""))))
    return {**_ALLOCATORS, **kept}


def outliving_prefix(environ: Mapping[str, str], configuration: Path = Path("/etc/systemd")) -> list[str]:
    """What to put before the command where logind would kill the engine at logout (KillUserProcesses=yes):
    a scope of the user's own service manager. Empty where that is not so, or no such manager answers.

    Without lingering that manager ends with the last session too; the jobs then continue at the next start.
    """
    manager = Path(environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "systemd/private")
    if not _kills_user_processes(configuration) or not manager.exists():
        return []
    program = shutil.which("systemd-run", path=environ.get("PATH"))
    return [program, "--user", "--scope", "--quiet", "--collect", "--"] if program else []


def _kills_user_processes(configuration: Path) -> bool:
    """logind.conf(5): the last setting counts, drop-in files come after the main one."""
    kills = False
    for file in (configuration / "logind.conf", *sorted(configuration.glob("logind.conf.d/*.conf"))):
        try:
            lines = file.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "1", "on")
    return kills
