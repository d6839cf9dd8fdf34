"""Keeping programs of others within the bandwidth of a job and of the engine.

The bytes of a tool have come before anybody could hold them back, so that two things are done: the tool is told
a rate of its own, and what came is charged to the shared limit like everybody's bytes. A fetch that finds
itself in debt, because others use the limit as well, asks for less than its share until it has paid.
"""

from __future__ import annotations

import threading

from core.engine.moving.limits import Bandwidth
from core.stores.base import CancelFlag

LEAST = 1024  # bytes a second that a tool is told at least
AT_ONCE = 0.25  # seconds of the whole rate that are charged in one go, so that pausing is noticed
PAY_BACK = 2.0  # seconds in which a debt is to be paid


class Lanes:
    """How many fetches of a job share its limit. Called from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.used = 0

    def __enter__(self) -> Lanes:
        with self._lock:
            self.used += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.used -= 1


class Steering:
    """Of one fetch; called by its thread."""

    def __init__(self, bandwidth: Bandwidth, lanes: Lanes, cancelled: CancelFlag) -> None:
        self._bandwidth, self._lanes, self._cancelled = bandwidth, lanes, cancelled
        self._debt = 0

    def rate(self) -> int:
        """Bytes a second that the tool is to keep to now, 0 for no limit."""
        lowest = self._bandwidth.lowest
        if not lowest:
            self._debt = 0
            return 0
        share = lowest / max(1, self._lanes.used)
        return max(LEAST, int(max(share / 20, share - self._debt / PAY_BACK)))

    @property
    def owes(self) -> bool:
        return self._debt > 0

    def charge(self, count: int) -> None:
        """So many bytes came. Returns when some of what is owed may have passed. Raises Cancelled."""
        lowest = self._bandwidth.lowest
        if not lowest:
            self._debt = 0
            return
        self._debt += count
        paid = min(self._debt, max(1, int(lowest * AT_ONCE)))
        self._bandwidth.take(paid, self._cancelled)
        self._debt -= paid
