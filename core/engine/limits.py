"""Limits shared by workers: bandwidth and memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.stores.base import CancelFlag, Cancelled


class Bandwidth:
    """A rate in bytes per second that may change at any time; 0 means none. `above` limits its bytes as well.

    Virtual scheduling (GCRA, ITU-T I.371): each taker is told when its bytes may have passed and waits until
    then, so that many workers share the rate without a refill thread.
    """

    def __init__(self, rate: int = 0, above: Bandwidth | None = None) -> None:
        self._rate = rate
        self._above = above
        self._free_at = 0.0
        self._lock = threading.Lock()
        self._changed = threading.Event()

    @property
    def rate(self) -> int:
        """This limit's own rate."""
        return self._rate

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
        """Return when `count` bytes may have passed. Raises Cancelled."""
        if self._above is not None:
            self._above.take(count, cancelled)
        while count > 0 and self._rate:
            count = self._wait_for(count, cancelled)

    def _wait_for(self, count: int, cancelled: CancelFlag) -> int:
        """Wait until `count` bytes may have passed; those that have not when the rate is changed meanwhile."""
        with self._lock:
            rate = self._rate
            if rate == 0:
                return 0
            now = time.monotonic()
            self._free_at = max(self._free_at, now - 0.1) + count / rate
            until, changed = self._free_at, self._changed
        while (wait := until - time.monotonic()) > 0:
            if cancelled.is_set():
                raise Cancelled
            if changed.wait(min(wait, 0.25)):
                return min(count, int(max(0.0, until - time.monotonic()) * rate))
        return 0


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
