"""What running jobs may take changes while they run: limits follow the clock, jobs of a higher rank go first.

A job holds others back only while it has something on its way: one that waits for a server or for its own plan
lets the others work meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from core.engine.moving.limits import Pace
from core.engine.moving.run import JobRun
from core.model import Priority

STEP = 0.5  # seconds
LINGER = 3.0  # seconds that a job without anything on its way still goes first
_RANKS = {Priority.FIRST: 2, Priority.NORMAL: 1, Priority.LAST: 0}


class Pacing:
    """`runs` are the engine's running jobs, `everything` is the limit of all of them together."""

    def __init__(
        self,
        runs: Mapping[int, JobRun],
        everything: Pace,
        localtime: Callable[[], time.struct_time] = time.localtime,
    ) -> None:
        self._runs, self._everything, self._localtime = runs, everything, localtime
        self._busy: dict[int, float] = {}
        self._looked = (time.monotonic(), time.process_time())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(STEP)
            self.step(time.monotonic())

    def _waits(self, now: float) -> bool:
        """Whether this process used less than half a processor since it was looked at last."""
        before, used_before = self._looked
        self._looked = (now, time.process_time())
        return self._looked[1] - used_before < 0.5 * (now - before)

    def step(self, now: float) -> None:
        """Bring every limit and every rank up to date; `now` in monotonic seconds."""
        moment = self._localtime()
        waits = self._waits(now)
        self._everything.step(moment)
        self._busy = {job: at for job, at in self._busy.items() if job in self._runs}
        for job, run in self._runs.items():
            run.pace.step(moment)
            run.look_for_trouble(now)
            run.climb(now, waits=waits)
            if run.active_items:
                self._busy[job] = now
        for job, run in list(self._runs.items()):
            ahead = [
                other
                for other, at in self._busy.items()
                if now - at < LINGER and _RANKS[self._runs[other].priority] > _RANKS[run.priority]
            ]
            run.hold(f"waits for job {min(ahead)}, which goes first" if ahead else "")
            if ahead:
                self._busy.pop(job, None)  # what it still has on its way holds nobody back
