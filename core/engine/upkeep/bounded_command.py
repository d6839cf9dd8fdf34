"""One program of the person's own, run without a shell, for a limited time, with little of its output kept."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KEPT_OUTPUT = 8 * 1024  # bytes, the first ones; the rest is read and dropped, so that the program goes on

_LOOK = 0.1  # seconds between two looks at the end, the clock and `stop`
_GRACE = 2.0  # seconds between SIGTERM and SIGKILL
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class CommandEnd:
    """`trouble` says in words what went wrong; empty: it ended with 0. `output` is stdout and stderr."""

    trouble: str
    output: str
    seconds: float


def run_command(
    words: Sequence[str], environ: Mapping[str, str], seconds: float, stop: threading.Event
) -> CommandEnd:
    """Run a program until it ends, `seconds` are over, or `stop` is set. Blocking; raises nothing of its own.

    It gets no stdin, and a process group of its own, which is ended as a whole when its time is over. What it
    left running in the background when it ended by itself is left alone.
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=_folder(environ),
            env=dict(environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return CommandEnd(f"it cannot be started: {said}", "", time.monotonic() - began)
    trouble, output = _watch(process, began + seconds, seconds, stop)
    return CommandEnd(trouble, output.decode("utf-8", "replace"), time.monotonic() - began)


def _watch(
    process: subprocess.Popen[bytes], ends: float, seconds: float, stop: threading.Event
) -> tuple[str, bytes]:
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    output = bytearray()
    with process.stdout, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        is_open = True
        while process.poll() is None:
            if stop.is_set() or time.monotonic() >= ends:
                _end(process)
                why = "the engine stopped" if stop.is_set() else f"it took more than {seconds:g} s"
                return f"{why}, and it was ended", bytes(output)
            if not is_open:
                stop.wait(_LOOK)
            elif selector.select(_LOOK) and not _read(pipe, output):
                is_open = False
                selector.unregister(pipe)
        _read_the_rest(pipe, output)
    if process.returncode < 0:
        return f"a signal ended it: {_signal_name(-process.returncode)}", bytes(output)
    return (f"it ended with code {process.returncode}" if process.returncode else ""), bytes(output)


def _read(pipe: int, output: bytearray) -> bool:
    """Take a piece of what is there, once: the clock is looked at before the next one. False at its end."""
    try:
        chunk = os.read(pipe, _CHUNK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    output += chunk[: max(0, KEPT_OUTPUT - len(output))]
    return bool(chunk)


def _read_the_rest(pipe: int, output: bytearray) -> None:
    """What an ended program left, as far as it is kept: what it started may write on for ever."""
    while len(output) < KEPT_OUTPUT:
        before = len(output)
        if not _read(pipe, output) or len(output) == before:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            return


def _folder(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    return home if home and Path(home).is_dir() else "/"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
