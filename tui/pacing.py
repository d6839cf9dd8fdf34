"""Painting no faster than the terminal takes it, however slow the line.

Textual writes frames to a thread with room for thirty; the next one waits, and the whole face with it. Before
that, buffers on the way (the kernel's, an SSH server's) swallow tens of kilobytes, so that a key is answered
only when all of the past has been drawn: over 9 600 baud a minute later. So:

1. Behind each frame the terminal is asked for its cursor's position (CSI 6 n; ECMA-48 DSR). The answer
   (CSI row ; column R) comes when all before it has been drawn, whatever buffers lie between.
2. While the oldest unanswered frame is older than `LATE`, or more than `MUCH` is unanswered, nothing is
   painted. What changes is marked, and painted in one when the line is free: frames are dropped, not queued.
3. A terminal that never answers is not asked any more; then only Textual's own queue says that it is slow.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Any, cast

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.screen import Screen

from tui import clock
from tui.ascii_signs import in_ascii
from tui.key_order import OrderedKeysApp

LATE = 0.3  # seconds; a quick line's answers come sooner, also from the other side of the world
MUCH = 4096  # bytes
GIVE_UP = 20.0  # seconds after which an answer is taken for lost
QUEUED = 4  # frames that wait in Textual's queue before the line counts as slow without being asked
LOOK_EVERY = 0.1  # seconds between looks while nothing is painted
LEAST_FRAME = 64  # bytes; what is shorter switches a mode and paints nothing
LEAVING = 3.0  # seconds that the last answers are waited for, or they would end up on the shell's line
ASK = "\x1b[6n"


class Pace:
    """Which frames the terminal has not drawn yet. Knows no clock and no terminal of its own. Frames are sent
    by one thread and answered in another."""

    def __init__(self) -> None:
        self._out: deque[tuple[float, int]] = deque()  # when each unanswered frame was sent, and its size
        self._answers = 0
        self.asks = True
        self.clear = threading.Event()  # nothing is unanswered
        self.clear.set()

    def sent(self, now: float, size: int) -> None:
        self.clear.clear()
        self._out.append((now, size))

    def answered(self) -> None:
        """Answers come in the order of the frames."""
        self._answers += 1
        with suppress(IndexError):  # an answer that was taken for lost, or one that nobody asked for
            self._out.popleft()
        if not self._out:
            self.clear.set()

    def is_late(self, now: float) -> bool:
        """Whether painting has to wait. Answers that never came are forgotten after GIVE_UP."""
        out = tuple(self._out)
        if not out:
            return False
        waited = now - out[0][0]
        if waited <= GIVE_UP:
            return waited > LATE or sum(size for _, size in out) > MUCH
        self._out.clear()
        self.clear.set()
        self.asks = self._answers > 0
        return False


class PacedApp(OrderedKeysApp):
    """An app that holds back its paints while the terminal is behind."""

    _lost_a_paint = False
    ascii_only = False  # nothing but ASCII reaches the terminal

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return PacedDriver if found is LinuxDriver else found

    def hold_paints(self) -> None:
        self._lost_a_paint = False
        self._begin_batch()

    def release_paints(self) -> None:
        """Paint what changed meanwhile."""
        self._end_batch()
        if self._lost_a_paint:
            self.screen.refresh()
        self.screen.check_idle()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Some paints, as the first of an opened screen, come unasked and are not tried again by Textual."""
        self._lost_a_paint = self._lost_a_paint or (renderable is not None and self._batch_count > 0)
        super()._display(screen, renderable)


class PacedDriver(LinuxDriver):
    """Textual's driver, which asks behind each frame and tells the app when to hold back and when to go on."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._paints = cast(PacedApp, app)
        self._pace = Pace()
        self._painted_by: asyncio.AbstractEventLoop | None = None  # while the screen is ours
        self._look: asyncio.TimerHandle | None = None
        self._holding = False

    def start_application_mode(self) -> None:
        self._painted_by = asyncio.get_running_loop()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        if self._paints.ascii_only:
            data = in_ascii(data)
        loop = self._painted_by
        if loop is None or len(data) < LEAST_FRAME:
            super().write(data)
            return
        if self._pace.asks:
            self._pace.sent(clock.monotonic(), len(data))
            data += ASK
        super().write(data)
        self._hold_if_slow()
        if self._look is None:
            self._look = loop.call_later(LATE, self._look_again)

    def process_message(self, message: Message) -> None:
        """Called by the thread that reads keys."""
        if not isinstance(message, events.CursorPosition):
            super().process_message(message)
            return
        self._pace.answered()
        if self._holding and (loop := self._painted_by) is not None:
            loop.call_soon_threadsafe(self._go_on)

    def stop_application_mode(self) -> None:
        self._painted_by = None
        self._go_on()
        self._pace.clear.wait(LEAVING)
        super().stop_application_mode()

    def _look_again(self) -> None:
        """Every now and then while there are frames that the terminal may not have drawn."""
        self._look = None
        self._hold_if_slow()
        self._go_on()
        if self._painted_by is not None and (self._holding or not self._pace.clear.is_set()):
            self._look = self._painted_by.call_later(LOOK_EVERY, self._look_again)

    def _hold_if_slow(self) -> None:
        if not self._holding and self._is_slow():
            self._holding = True
            self._paints.hold_paints()

    def _go_on(self) -> None:
        if self._holding and (self._painted_by is None or not self._is_slow()):
            self._holding = False
            self._paints.release_paints()

    def _is_slow(self) -> bool:
        waiting = self._writer_thread._queue.qsize() if self._writer_thread is not None else 0
        return waiting > QUEUED or self._pace.is_late(clock.monotonic())
