"""The real program as a subprocess, as a person or a script starts it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import S3Server

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


class Finished:
    """What a finished program said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.records[-1]

    def __repr__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Program:
    """Runs `haulier` in `cwd` with this process's environment and what was added to it."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.extra: dict[str, str] = {}

    def use_s3(self, server: S3Server) -> None:
        """`s3://` means this server."""
        self.extra |= {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_REGION": "us-east-1",
        }

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "HAULIER_RESERVE": "1MiB", **self.extra}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tui", *words]

    def __call__(self, *words: str, stdin: str = "", seconds: float = SECONDS) -> Finished:
        """Run to the end."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.cwd,
            env=self.environment,
            input=stdin.encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *words: str, stdin: str = "") -> Finished:
        """Run to the end, which must be a good one."""
        done = self(*words, stdin=stdin)
        assert done.code == 0, done
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def engine_pid(self) -> int:
        return int(self.ok("engine", "status", "--json").last["pid"])


def wait_for_record(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read stdout of a `--json` command until an object is as wanted."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        record: dict[str, Any] = json.loads(line)
        seen.append(record)
        if wanted(record):
            return record
    raise AssertionError(f"ended without it: {seen}, {process.stderr.read() if process.stderr else ''}")


def finish(process: subprocess.Popen[str]) -> Finished:
    out, err = process.communicate(timeout=SECONDS)
    return Finished(process.returncode, out, err)


class Terminal:
    """A program on a pseudo terminal of 80 × 24."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self.process = process
        self.screen = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` has appeared."""
        ends = time.monotonic() + SECONDS
        while text not in self.screen:
            assert time.monotonic() < ends, f"{text!r} did not appear in:\n{self.screen}"
            self._read(0.1)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def finish(self) -> int:
        """Read to the end; the exit code."""
        ends = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < ends, self.screen
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # EIO: the other end is closed
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def on_terminal(program: Program, *words: str, **environment: str) -> Iterator[Terminal]:
    """Start the program with its three streams on a terminal; ends it at the end of the block."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        program.command(*words),
        cwd=program.cwd,
        env={**program.environment, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(ours)


def _take_terminal() -> None:
    """stdin becomes the controlling terminal, so that Ctrl+C typed there arrives as SIGINT."""
    import fcntl
    import struct
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
