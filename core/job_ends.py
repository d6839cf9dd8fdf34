"""Which changes of a job are worth telling somebody who does not look: its end, a stop that can be mended."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.model import JobState, JobView

QUIET = 600.0  # seconds in which a job that is stopped again and again is told of once

_REMEMBERED = 1000  # jobs


def has_stopped(job: JobView) -> bool:
    """It has ended, or it waits for something to be mended. A paused one waits for the person who paused it."""
    return job.state.is_final or job.state is JobState.BLOCKED


class JobEnds:
    """Says of each change whether it is news. A job that a flapping disk or network stops every minute would
    otherwise ring all night."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._told: dict[int, float] = {}  # of blocked jobs

    def is_news(self, job: JobView) -> bool:
        """To be asked once for each change of a job's state."""
        if job.state is not JobState.BLOCKED:
            return job.state.is_final
        now = self._now()
        told = self._told.pop(job.id, now - 2 * QUIET)
        is_news = now - told > QUIET
        self._told[job.id] = now if is_news else told
        while len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        return is_news
