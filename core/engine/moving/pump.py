"""Many small exchanges in one thread: what is small costs a thread more in waking than in working.

1. Items that fit into one exchange come from the queue, as many as the job's limits allow at once. Each becomes
   an errand (errands.py) with a worker's slot, so that the board shows it like any other.
2. A line (network/line.py) carries its request; a selector says which lines have something for us. Lines are
   opened by short-lived threads, because looking up and shaking hands block.
3. A whole answer is given to its errand at once: proven, written, handed to the committer.
4. Everything that is not the plain good case has another way out: a refusal is judged as a worker's
   (remedies.py); what only the ordinary way can do, an answer that is not understood, and a server to which no
   line can be opened go to the workers.

What that gave is in tests/benchmarks/LIMITS.md. A disk that makes every file wait would make all others wait as
well: then the pump leaves everything to the workers, and so it does while there is a limit of the bandwidth.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from core.engine.moving.errands import Done, Errand
from core.engine.moving.move import Slot
from core.engine.moving.tuning import MOST_PUMPED
from core.engine.moving.workqueue import ItemTask, WorkQueue
from core.engine.network.line import READ, RECEIVE, Line, LineBroken, Odd, open_line
from core.engine.watching.timing import OTHER, UNUSED
from core.errors import NetworkTrouble, SourceChanged
from core.stores.base import CancelFlag, Cancelled
from core.stores.exchange import Ask, AskFirst, AskOrdinarily, Origin

log = logging.getLogger(__name__)

TURN = 0.25  # seconds that a selector waits at most
REFILL = 0.02  # the same while there is room for more than there is
LOOK = 1.0  # seconds between two looks at what takes too long
MOST_OPENING = 32  # lines at once
QUIET = 30.0  # seconds without lines to a server that none could be opened to
FULL = 2.0  # seconds without another try, where some lines are open and one more could not be
MOST_ODD = 8  # answers in a row that were not understood; then a server is left to the workers
SLOW_DISK = 0.004  # seconds of our own for each item, on average: a disk that should be waited for by many
MEASURED = 64  # items that this is said of


@dataclass(eq=False)
class Errands:
    """What the pump is given of its job."""

    begin: Callable[[ItemTask, Slot], Errand]
    ended: Callable[[ItemTask, Done], None]
    failed: Callable[[ItemTask, Exception], None]


@dataclass(eq=False)
class _Active:
    """An errand that is being run."""

    task: ItemTask
    slot: Slot
    errand: Errand
    ask: Ask
    line: Line | None = None
    asked: float = 0.0  # monotonic
    until: float = 0.0  # when its exchange has taken too long
    is_second: bool = False  # a line that had been closed while it was idle lost the first request


class _Server:
    """The lines to one origin."""

    def __init__(self) -> None:
        self.idle: list[Line] = []
        self.waiting: deque[_Active] = deque()
        self.opening = 0
        self.open = 0
        self.closed_until = 0.0  # monotonic
        self.full_until = 0.0
        self.odd = 0


class Pump:
    """Of one job. `run` is its thread; `slots` may be read by anybody."""

    def __init__(
        self,
        queue: Callable[[], WorkQueue],
        errands: Errands,
        cancelled: CancelFlag,
        limited: Callable[[], bool],
        stall: float,
    ) -> None:
        self._queue_now, self._errands, self._cancelled, self._limited = queue, errands, cancelled, limited
        self._stall = stall
        self.slots: list[Slot] = []
        self.quickest = 0.0  # seconds that the quickest answer took, 0: none came yet
        self._free: list[Slot] = []
        self._active: set[_Active] = set()
        self._servers: dict[Origin, _Server] = {}
        self._on_line: dict[Line, _Active] = {}
        self._registered: dict[Line, int] = {}  # what each is waited for
        self._selector: selectors.BaseSelector | None = None
        self._opened: deque[tuple[Origin, Line | None]] = deque()
        self._wake_in, self._wake_out = -1, -1
        self._buffer = memoryview(bytearray(RECEIVE))
        self._lock = threading.Lock()
        self._spent, self._count, self._is_slow = 0.0, 0, False
        self._looked = 0.0
        self._not_before = 0.0  # monotonic; one has to go the ordinary way before others follow

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        """Until the queue has nothing more."""
        queue = self._queue_now()
        try:
            self._selector = selectors.DefaultSelector()
            self._wake_in, self._wake_out = os.pipe()
            os.set_blocking(self._wake_in, False)
            self._selector.register(self._wake_in, READ, None)
            while True:
                queue.pump(not self._is_slow and not self._limited() and not self._is_cut_off())
                room = MOST_PUMPED - len(self._active)
                if time.monotonic() < self._not_before:
                    if not self._active:
                        time.sleep(REFILL)
                    room = 0 if self._active else 1
                tasks = queue.take_quick(room, wait=not self._active)
                if tasks is None:
                    return
                for task in tasks:
                    if self._limited():
                        queue.set_aside(task)
                        queue.task_ended(task)
                    else:
                        self._begin(task)
                if self._active:
                    self._turn()
        except Exception:
            log.exception("the pump met a defect: its items go to the workers")
        finally:
            queue.pump(False)
            self._close()

    def _turn(self) -> None:
        assert self._selector is not None
        events = self._selector.select(REFILL if self._free else TURN)
        now = time.monotonic()  # before anything else takes time: what came meanwhile is not late
        for key, _ in events:
            if key.data is None:
                self._take_opened()
                continue
            active = self._on_line.get(key.data)
            if active is not None:
                self._go_on(active)
            elif key.data in self._registered:  # an idle line has something to say: that it ends
                self._servers[key.data.origin].idle.remove(key.data)
                self._hang_up(key.data)
        if self._cancelled.is_set():
            self._drop_all()
        elif now - self._looked > LOOK:
            self._looked = now
            for active in [one for one in self._active if now > one.until]:
                if active.line is None:  # it never had one
                    self._set_aside(active)
                    continue
                trouble = f"{active.ask.doing}: no answer in {active.ask.seconds:.0f} s"
                self._fail(active, NetworkTrouble(trouble, host=active.ask.host))
            for origin, server in self._servers.items():
                self._want_lines(origin, server)
                while server.waiting and now < server.closed_until:
                    self._set_aside(server.waiting[0])

    # ------------------------------------------------------------ errands

    def _begin(self, task: ItemTask) -> None:
        slot = self._free.pop() if self._free else self._new_slot()
        slot.watch.enter(OTHER)
        began = time.monotonic()
        try:
            errand = self._errands.begin(task, slot)
            active = _Active(task, slot, errand, next(errand))
        except Exception as error:  # noqa: BLE001 - judged there
            self._over(task, slot, error)
            return
        self._charge(began, 0)
        self._active.add(active)
        self._ask(active)

    def _new_slot(self) -> Slot:
        slot = Slot(len(self.slots))
        self.slots.append(slot)
        return slot

    def _ask(self, active: _Active) -> None:
        """Send its request, as soon as there is a line."""
        active.until = time.monotonic() + active.ask.seconds
        server = self._servers.setdefault(active.ask.origin, _Server())
        while server.idle:
            line = server.idle.pop()
            if line.is_fresh:
                self._send(active, line)
                return
            self._hang_up(line)
        if time.monotonic() < server.closed_until:
            self._set_aside(active)
            return
        server.waiting.append(active)
        self._want_lines(active.ask.origin, server)

    def _send(self, active: _Active, line: Line) -> None:
        active.line, active.asked = line, time.monotonic()
        self._on_line[line] = active
        try:
            line.begin(active.ask)
        except LineBroken as broken:
            self._broken(active, broken)
            return
        self._wait_for(line)

    def _wait_for(self, line: Line) -> None:
        assert self._selector is not None
        registered = self._registered.get(line)
        if registered == line.waits_for:
            return
        if registered is None:
            self._selector.register(line.socket, line.waits_for, line)
        else:
            self._selector.modify(line.socket, line.waits_for, line)
        self._registered[line] = line.waits_for

    def _go_on(self, active: _Active) -> None:
        line = active.line
        assert line is not None
        try:
            answer = line.go_on(self._buffer)
        except LineBroken as broken:
            self._broken(active, broken)
            return
        except Odd:
            self._odd(active)
            return
        if answer is None:
            self._wait_for(line)
            return
        server = self._servers[line.origin]
        server.odd = 0
        active.line = None
        del self._on_line[line]
        if not line.lasts:
            self._hang_up(line)
        elif server.waiting:  # at once: the server works while we do
            self._send(server.waiting.popleft(), line)
        else:
            server.idle.append(line)
        began = time.monotonic()
        self.quickest = min(self.quickest or began, began - active.asked)
        try:
            active.slot.watch.enter(OTHER)
            active.ask = active.errand.send(answer)
        except StopIteration as end:
            self._charge(began, 1)
            self._end(active, end.value)
        except Exception as error:  # noqa: BLE001 - judged there
            self._charge(began, 1)
            self._fail(active, error)
        else:
            self._charge(began, 0)
            active.is_second = False
            self._ask(active)

    def _end(self, active: _Active, done: Done) -> None:
        self._active.discard(active)
        error: Exception | None = None
        try:
            self._errands.ended(active.task, done)
        except Exception as met:  # noqa: BLE001 - judged there
            error = met
        self._over(active.task, active.slot, error)

    def _fail(self, active: _Active, error: Exception) -> None:
        self._forget_line(active)
        self._active.discard(active)
        active.errand.close()
        self._over(active.task, active.slot, error)

    def _set_aside(self, active: _Active) -> None:
        self._fail(active, AskOrdinarily())

    def _over(self, task: ItemTask, slot: Slot, error: Exception | None) -> None:
        """The task has left the pump, with an error that is to be judged or without."""
        queue = self._queue_now()
        if isinstance(error, AskFirst):
            self._not_before = time.monotonic() + REFILL
        try:
            # A source that changed has to be looked at again, which a worker does who meets the same.
            if isinstance(error, AskOrdinarily | SourceChanged):
                slot.moved -= slot.done  # it is moved again, and counts once
                slot.done = 0
                queue.set_aside(task)
            elif error is not None and not isinstance(error, Cancelled):
                self._errands.failed(task, error)
        finally:
            slot.idle()
            slot.watch.enter(UNUSED)
            self._free.append(slot)
            queue.task_ended(task)

    def _drop_all(self) -> None:
        """What is on its way stays pending in the journal."""
        for server in self._servers.values():
            server.waiting.clear()
        for active in list(self._active):
            self._fail(active, Cancelled())

    def _is_cut_off(self) -> bool:
        """Whether there are no lines to any server that is known."""
        now = time.monotonic()
        return bool(self._servers) and all(now < server.closed_until for server in self._servers.values())

    def _charge(self, began: float, items: int) -> None:
        """Whether the disk is one that many should wait for, by the time that errands have taken of ours."""
        self._spent += time.monotonic() - began
        self._count += items
        if self._count >= MEASURED:
            self._is_slow = self._is_slow or self._spent / self._count > SLOW_DISK
            self._spent, self._count = 0.0, 0

    # ------------------------------------------------------------ lines

    def _broken(self, active: _Active, broken: LineBroken) -> None:
        """An idle line may have been closed just before it was used: that says nothing, once."""
        line = active.line
        assert line is not None
        may_again = line.is_used and not broken.answered and not active.is_second
        self._forget_line(active)
        if may_again:
            active.is_second = True
            server = self._servers[line.origin]
            while server.idle:
                self._hang_up(server.idle.pop())
            self._ask(active)
            return
        text = f"{active.ask.doing}: {active.ask.host}: {broken}"
        self._fail(active, NetworkTrouble(text, host=active.ask.host))

    def _odd(self, active: _Active) -> None:
        server = self._servers[active.ask.origin]
        server.odd += 1
        if server.odd >= MOST_ODD:
            server.closed_until = float("inf")
        self._set_aside(active)

    def _forget_line(self, active: _Active) -> None:
        """Close the line that an exchange was on, whatever it had come to."""
        line, active.line = active.line, None
        if line is not None:
            del self._on_line[line]
            self._hang_up(line)
        server = self._servers.get(active.ask.origin)
        if server is not None and active in server.waiting:
            server.waiting.remove(active)

    def _hang_up(self, line: Line) -> None:
        assert self._selector is not None
        server = self._servers[line.origin]
        server.open -= 1
        if self._registered.pop(line, None) is not None:
            self._selector.unregister(line.socket)
        line.close()
        self._want_lines(line.origin, server)

    def _want_lines(self, origin: Origin, server: _Server) -> None:
        """As many as errands wait for, if more can be had."""
        while server.opening < min(MOST_OPENING, len(server.waiting)) and time.monotonic() > server.full_until:
            opener = threading.Thread(target=self._open_one, args=(origin,), name="line-opener", daemon=True)
            try:
                opener.start()
            except RuntimeError:  # no more threads: as if no more lines could be had
                server.full_until = time.monotonic() + FULL
                if not server.open and not server.opening:
                    server.closed_until = time.monotonic() + QUIET
                return
            server.opening += 1

    def _open_one(self, origin: Origin) -> None:
        """In a thread of its own."""
        line: Line | None = None
        with suppress(OSError, UnicodeError):  # the workers meet the same trouble, and say it in their words
            line = open_line(origin, acknowledged=self._stall)
        with self._lock:
            if self._wake_out >= 0:
                self._opened.append((origin, line))
                os.write(self._wake_out, b"!")
                return
        if line is not None:
            line.close()

    def _take_opened(self) -> None:
        os.read(self._wake_in, 4096)
        while self._opened:
            origin, line = self._opened.popleft()
            server = self._servers[origin]
            server.opening -= 1
            if line is not None:
                server.open += 1
                if server.closed_until < float("inf"):
                    server.closed_until = 0.0
                if server.waiting:
                    self._send(server.waiting.popleft(), line)
                else:
                    server.idle.append(line)
                self._want_lines(origin, server)
            elif server.open:
                server.full_until = time.monotonic() + FULL
            else:
                server.closed_until = time.monotonic() + QUIET
                while server.waiting:
                    self._set_aside(server.waiting[0])

    def _close(self) -> None:
        """Nothing is left: what is on its way after a defect goes to the workers."""
        with self._lock:
            pipe = (self._wake_in, self._wake_out)
            self._wake_in = self._wake_out = -1
        lines = {*self._on_line, *(line for server in self._servers.values() for line in server.idle)}
        lines.update(line for _, line in self._opened if line is not None)
        left = list(self._active)
        for kept in (self._opened, self._servers, self._on_line, self._registered, self._active):
            kept.clear()
        for line in lines:
            line.close()
        for active in left:
            active.errand.close()
            self._over(active.task, active.slot, AskOrdinarily())
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        for end in pipe:
            if end >= 0:
                os.close(end)
