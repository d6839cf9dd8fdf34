"""A terminal of our own: a pseudo-terminal whose other end is read here, at any speed, and understood.

tmux shows what a person sees; this shows when, and how many bytes it took. `rate` makes it a slow line: the
kernel's buffer of a few KB fills up and the program's writes wait, as over a modem or a bad SSH connection.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pyte

CHUNK = 1 << 16
SLICE = 0.05  # seconds between two reads of a slow line
PATIENCE = 40.0


class _Screen(pyte.Screen):
    """What the terminal shows; it says where its cursor is when it is asked."""

    def __init__(self, size: tuple[int, int], answer: Callable[[bytes], object] | None) -> None:
        super().__init__(*size)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        if self._answer is not None:
            self._answer(data.encode())


class PtyTerminal:
    """One program in a terminal of `width`×`height` cells. `rate` is bytes a second, 0 for no limit;
    `answers` is whether it says where its cursor is when it is asked, as nearly all do."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        size: tuple[int, int] = (80, 24),
        rate: int = 0,
        answers: bool = True,
    ) -> None:
        self.rate = rate
        self.taken = 0  # bytes read from the program
        self._changed = threading.Condition()
        self._master, slave = pty.openpty()
        self._screen = _Screen(size, self.press if answers else None)
        self._stream = pyte.ByteStream(self._screen)
        self._set_size(size)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            list(command),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._open = True
        self._reader.start()

    # -- what a person does

    def press(self, keys: bytes) -> float:
        """Type; gives the moment, monotonic."""
        at = time.monotonic()
        os.write(self._master, keys)
        return at

    def resize(self, size: tuple[int, int]) -> None:
        with self._changed:
            self._screen.resize(lines=size[1], columns=size[0])
        self._set_size(size)

    def hang_up(self) -> None:
        """The connection is gone: the terminal's other end closes, the kernel sends SIGHUP."""
        self._open = False
        self._reader.join()
        os.close(self._master)

    # -- what a person sees

    def text(self) -> str:
        with self._changed:
            return "\n".join(self._screen.display)

    def until(self, holds: Callable[[str], bool], seconds: float = PATIENCE) -> float:
        """Wait for the screen to be as wanted; gives the moment at which the bytes came that made it so."""
        ends = time.monotonic() + seconds
        with self._changed:
            while True:
                text = "\n".join(self._screen.display)
                if holds(text):
                    return self._read_at
                left = ends - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"never came true; the terminal showed:\n{text}")
                self._changed.wait(left)

    def cpu_seconds(self) -> float:
        """Processor time that the program has used, all its threads."""
        used = psutil.Process(self.process.pid).cpu_times()
        return float(used.user + used.system)

    def close(self) -> None:
        """End the program and the terminal, whatever state they are in."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._open:
            self.hang_up()

    # -- inside

    _read_at = 0.0

    def _set_size(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def _read(self) -> None:
        while self._open:
            ready, _, _ = select.select([self._master], [], [], 0.1)
            if not ready:
                continue
            try:
                data = os.read(self._master, int(self.rate * SLICE) or CHUNK)
            except OSError:  # EIO: nobody holds the other end any more
                return
            at = time.monotonic()
            with self._changed:
                self._stream.feed(data)
                self.taken += len(data)
                self._read_at = at
                self._changed.notify_all()
            if self.rate:
                time.sleep(len(data) / self.rate)


def _take_terminal() -> None:
    """In the child: its stdin becomes its controlling terminal, so that it gets SIGHUP and Ctrl+Z."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
