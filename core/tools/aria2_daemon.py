"""One aria2c process and its JSON-RPC, step by step ("RPC INTERFACE", aria2c(1)):

1. A free port of the loopback interface and a random secret are chosen, and written with every other setting
   into a file in memory (memfd_create(2)), which the program is told to read by its descriptor: neither an
   argument nor a disk holds them, and the user's own configuration is not read.
2. Nothing is sent before the port was seen to be listened on by that very process: another one that took the
   port first would be told the secret, and URLs.
3. Calls are POSTs to /jsonrpc with "token:SECRET" as the first parameter, over connections that no proxy gets.
4. `stop` kills the program: downloads were removed before, which saves their notes, and it would take seconds
   to end by itself.

The process belongs to a thread of its own, which waits for it (see programs.py).
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import threading
import time
from typing import Any

import httpx
import psutil

from core.errors import Code, HaulierError, NetworkTrouble
from core.safe_text import safe_text
from core.tools.programs import launch

STARTS = 5  # ports tried
PATIENCE = 15.0  # seconds for starting, for an answer, and for ending
MAX_SAID = 2000  # bytes of its words that are kept

SETTINGS = {
    "enable-rpc": "true",
    "rpc-listen-all": "false",
    "no-netrc": "true",
    "quiet": "true",
    "auto-file-renaming": "false",
    "allow-overwrite": "true",  # a file without a control file is begun anew
    "continue": "false",  # … its length says nothing, pieces come in any order
    "file-allocation": "none",  # the length of the file is that of what came
    "auto-save-interval": "1",
    "disk-cache": "0",  # the notes are never ahead of the file; its cache fails an assertion (aria2 1.36)
    "save-not-found": "false",
    "max-concurrent-downloads": "64",  # the engine's workers are the limit
    "max-download-result": "1000",
    "follow-torrent": "false",
    "follow-metalink": "false",
    "enable-dht": "false",
    "bt-enable-lpd": "false",
    "max-tries": "3",  # of one connection while the others go on
    "retry-wait": "1",
    "connect-timeout": "20",
    "min-split-size": "1M",
    "uri-selector": "inorder",
    "remote-time": "false",
    "http-accept-gzip": "false",
    "user-agent": "haulier",
    "summary-interval": "0",
}


class RpcError(Exception):
    """aria2c did not do what it was asked to; the message is its own, and may repeat a URL."""


class Aria2Daemon:
    """Running once it is made. Called from many threads. Raises HaulierError when it cannot be started."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._secret = secrets.token_urlsafe(32)
        self._said = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._started = threading.Event()
        self._thread: threading.Thread | None = None
        self._client: httpx.Client | None = None
        for _ in range(STARTS):
            if self._start():
                return
        raise HaulierError(
            Code.FAILED,
            f"aria2c did not start: {safe_text(self._said.decode(errors='replace'), 200) or 'it says nothing'}",
            "use --tool native",
        )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def call(self, method: str, *parameters: Any) -> Any:
        """The result of a method of "aria2.". Raises RpcError, NetworkTrouble when the program is gone."""
        if not self.running or self._client is None:
            raise NetworkTrouble("aria2c has ended")
        request = {
            "jsonrpc": "2.0",
            "id": "1",
            "method": f"aria2.{method}",
            "params": [f"token:{self._secret}", *parameters],
        }
        try:
            answer = self._client.post("/jsonrpc", json=request).json()
        except (httpx.HTTPError, ValueError, RuntimeError) as error:  # RuntimeError: another worker closed it
            raise NetworkTrouble(f"aria2c does not answer: {type(error).__name__}") from None
        if "error" in answer:
            raise RpcError(str(answer["error"].get("message", "")))
        return answer["result"]

    def stop(self) -> None:
        """End the program. May be called twice."""
        if self._process is not None:
            self._process.kill()
        if self._client is not None:
            self._client.close()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    # ------------------------------------------------------------ starting

    def _start(self) -> bool:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._started.clear()
        self._process = None
        self._thread = threading.Thread(target=self._keep, args=(port,), name="aria2c", daemon=True)
        self._thread.start()
        self._started.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while self.running and time.monotonic() < deadline:
            if self._process is not None and _listens(self._process.pid, port):
                self._client = httpx.Client(
                    base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE
                )
                return True
            time.sleep(0.01)
        self.stop()
        return False

    def _keep(self, port: int) -> None:
        """The thread of the process: starts it, reads what it says, and waits for its end."""
        try:
            fd = _in_memory(
                {**SETTINGS, "rpc-listen-port": str(port), "rpc-secret": self._secret,
                 "stop-with-process": str(os.getpid())}
            )  # fmt: skip
        except OSError as error:
            self._said = str(error).encode()
            self._started.set()
            return
        try:
            self._process = process = launch(
                self._program,
                [f"--conf-path=/dev/fd/{fd}"],
                pass_fds=(fd,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            self._said = str(error).encode()
            return
        finally:
            os.close(fd)
            self._started.set()
        assert process.stdout is not None
        with process.stdout as said:
            for line in said:
                self._said = (self._said + line)[-MAX_SAID:]
        process.wait()


def _in_memory(settings: dict[str, str]) -> int:
    """A descriptor of a file that no disk holds. Raises OSError where there is no such thing."""
    if not hasattr(os, "memfd_create"):
        raise OSError("aria2c can be used on Linux only: settings cannot be given to it in secret here")
    fd = os.memfd_create("aria2c", os.MFD_CLOEXEC)
    os.write(fd, "".join(f"{name}={value}\n" for name, value in settings.items()).encode())
    return fd


def _listens(pid: int, port: int) -> bool:
    try:
        lines = psutil.Process(pid).net_connections(kind="tcp4")
    except psutil.Error:
        return False
    return any(line.status == psutil.CONN_LISTEN and line.laddr.port == port for line in lines)
