"""Limits shared by workers: bandwidth and memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from core.engine.moving.destinations import Destinations
from core.engine.network.network import Network
from core.engine.planning.deletions import WORD_LIMITS, WordLimits
from core.engine.upkeep.disks import Disks
from core.stores.base import CancelFlag, Cancelled
from core.timetable import Timetable, parse_timetable


class Bandwidth:
    """A rate in bytes per second that may change at any time; 0 means none. `above` limits its bytes as well.

    Virtual scheduling (GCRA, ITU-T I.371): each taker is told when its bytes may have passed and waits until
    then, so that many workers share the rate without a refill thread.
    """

    def __init__(self, rate: int = 0, above: Bandwidth | None = None) -> None:
        self._rate = rate
        self._above = above
        self._chain: tuple[Bandwidth, ...] = (self, *(above._chain if above is not None else ()))
        self._free_at = 0.0
        self._lock = threading.Lock()
        self._changed = threading.Event()

    @property
    def rate(self) -> int:
        """This limit's own rate."""
        return self._rate

    @property
    def lowest(self) -> int:
        """The lowest of this rate and those above, 0 where there is none."""
        return min((limit.rate for limit in self._chain if limit.rate), default=0)

    @property
    def limits(self) -> bool:
        """Whether `take` could ever make anybody wait; asked per chunk, before it is called."""
        return self._rate != 0 or (self._above is not None and self._above.limits)

    def set(self, rate: int) -> None:
        """Takes effect at once, also for those that wait."""
        with self._lock:
            self._rate = rate
            self._free_at = time.monotonic()
            self._changed.set()
            self._changed = threading.Event()

    def take(self, count: int, cancelled: CancelFlag) -> None:
        """Return when `count` bytes may have passed, here and above. Raises Cancelled."""
        while count > 0:
            count = _wait([limit._reserve(count) for limit in self._chain], count, cancelled)

    def _reserve(self, count: int) -> _Ticket:
        with self._lock:
            if self._rate == 0:  # nothing to wait for, but a limit may come while others are waited for
                return _Ticket(self, 0, 0.0, self._changed)
            self._free_at = max(self._free_at, time.monotonic() - 0.1) + count / self._rate
            return _Ticket(self, self._rate, self._free_at, self._changed)

    def _give_back(self, ticket: _Ticket, count: int) -> None:
        """These bytes pass later, and are asked for again. What lies in the past is not given back."""
        with self._lock:
            if ticket.rate and ticket.changed is self._changed:
                self._free_at -= min(count / ticket.rate, max(0.0, ticket.until - time.monotonic()))


class _Ticket(NamedTuple):
    limit: Bandwidth
    rate: int
    until: float  # monotonic
    changed: threading.Event


def _wait(tickets: list[_Ticket], count: int, cancelled: CancelFlag) -> int:
    """Wait until `count` bytes may have passed everywhere; those left when a rate is changed meanwhile."""
    while (wait := max(ticket.until for ticket in tickets) - time.monotonic()) > 0:
        if cancelled.is_set():
            raise Cancelled
        tickets[0].changed.wait(min(wait, 0.1))
        if any(ticket.changed.is_set() for ticket in tickets):
            now = time.monotonic()
            left = min(count, int(max(0.0, max((ticket.until - now) * ticket.rate for ticket in tickets))))
            for ticket in tickets:
                ticket.limit._give_back(ticket, left)
            return left
    return 0


class Pace:
    """A rate, or one that follows a timetable, kept in a `Bandwidth`."""

    def __init__(self, bandwidth: Bandwidth) -> None:
        self._bandwidth = bandwidth
        self._rate = bandwidth.rate
        self._table: Timetable | None = None
        self.timetable = ""

    @property
    def rate(self) -> int:
        """Bytes a second that hold now, 0 for no limit."""
        return self._bandwidth.rate

    def set(self, rate: int, timetable: str = "") -> None:
        """From now on this rate, or this timetable where there is one. Raises ValueError for a wrong one."""
        self._table = parse_timetable(timetable) if timetable else None
        self._rate, self.timetable = rate, timetable
        self.step(time.localtime())

    def step(self, moment: time.struct_time) -> None:
        """Take over what the clock says."""
        rate = self._table.rate_at(moment) if self._table is not None else self._rate
        if rate != self._bandwidth.rate:
            self._bandwidth.set(rate)


class MemoryBudget:
    """Bytes that may be held in buffers by the whole engine at once.

    First come, first served: no large request starves, and no later part gets ahead of the one it waits for.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._left = total
        self._freed = threading.Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def hold(self, count: int, cancelled: CancelFlag) -> Iterator[None]:
        """Wait for room, hold it. A single request larger than the budget gets all of it. Raises Cancelled."""
        count = min(count, self._total)
        with self._freed:
            if self._waiting or self._left < count:
                self._wait_for(count, cancelled)
            self._left -= count
        try:
            yield
        finally:
            with self._freed:
                self._left += count
                if self._waiting:
                    self._freed.notify_all()

    def _wait_for(self, count: int, cancelled: CancelFlag) -> None:
        ticket = object()
        self._waiting.append(ticket)
        try:
            while self._waiting[0] is not ticket or self._left < count:
                if cancelled.is_set():
                    raise Cancelled
                self._freed.wait(0.25)
        finally:
            self._waiting.remove(ticket)
            self._freed.notify_all()


@dataclass(frozen=True)
class Shared:
    """What all jobs of the engine share."""

    memory: MemoryBudget
    bandwidth: Bandwidth
    reserve: int = 0  # bytes to be kept free on a target's file system, where a job says nothing of its own
    word_limits: WordLimits = WORD_LIMITS
    drift_check: str = "auto"  # whether a source is listed again at the end: auto, always, never
    disks: Disks = field(default_factory=Disks)
    destinations: Destinations = field(default_factory=Destinations)
    network: Network = field(default_factory=Network)
