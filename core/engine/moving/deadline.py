"""The time limit for one file, as a flag that workers and stores look at anyway."""

from __future__ import annotations

from collections.abc import Callable

from core.stores.base import CancelFlag


class Deadline:
    """Set when the job is cancelled, or when the file has taken too long; then `overdue` says so."""

    def __init__(self, cancelled: CancelFlag, until: float, now: Callable[[], float]) -> None:
        """`until` in seconds of the clock that `now` reads."""
        self._cancelled, self._until, self._now = cancelled, until, now

    def is_set(self) -> bool:
        return self._cancelled.is_set() or self.overdue

    @property
    def overdue(self) -> bool:
        return self._now() > self._until and not self._cancelled.is_set()
