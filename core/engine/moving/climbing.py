"""How much at once is found by measuring: more as long as it brings more, and no further.

While all workers are busy and more could begin, the work of an interval is measured, then half as much again is
allowed and measured. A gain of `GAIN` is kept and the next step is tried; anything less is taken back, and the
next trial comes after a rest that grows each time. So a line with latency, or a server that limits each
connection, gets many connections within seconds, and a machine whose processors are the limit keeps few, at the
price of a short trial now and then. Nothing is tried while somebody asks for less: a limit of the bandwidth, a
server, a person.

At first, as long as each step brings nearly as much as it allows and the process mostly waits, the steps are
doubles and the intervals short: a server far away that wants a hundred requests under way has them within three
seconds. A short interval never speaks against a step: it is measured once more, a long one then.

Where small requests are answered from far away, the first answers tell how far: as many as that distance wants
under way (Little's law) are allowed at once.

Work is counted in bytes, each finished file as `FILE` bytes more: what a request costs besides its content.
"""

from __future__ import annotations

from typing import NamedTuple

FILE = 128 * 1024  # bytes
INTERVAL = 1.5  # seconds that are measured
SETTLE = 0.5  # seconds after a change that are not
GAIN = 1.08  # of the work done before
STEP = 1.5
QUICK_INTERVAL, QUICK_STEP = 0.5, 2.0
PROPORTIONAL = 0.6  # of what a step allows: what brings so much is followed by a quick one
REST, LONGEST_REST = 15.0, 240.0  # seconds


class AtOnce(NamedTuple):
    """Files at once, and parts of large files at once."""

    files: int
    parts: int


class Climb:
    """Of one job. `step` is told twice a second how far it is; times in monotonic seconds."""

    def __init__(self, start: AtOnce, most: AtOnce) -> None:
        self.level = start
        self._most = most
        self._quick = True
        self._has_reached = False
        self._before: tuple[AtOnce, float] | None = None  # the level a trial began at, and its work a second
        self._rest = REST
        self._not_before = 0.0  # when the next trial may begin
        self._since = 0.0  # the interval that is being measured began then; 0: none is
        self._work = 0.0

    def step(
        self, now: float, moved: int, files: int, *, is_full: bool, may_grow: bool, waits: bool = True
    ) -> AtOnce:
        """The level from now on. `moved` bytes and `files` done never go back. `is_full`: every place is taken
        and more could begin. `may_grow`: nobody asks for less. `waits`: the process waits more than it
        works."""
        work = moved + files * FILE
        self._quick = self._quick and waits
        if not may_grow:
            self._abandon(now)
            return self.level
        if not is_full:
            self._since = 0.0  # what is measured now says nothing of the level
            return self.level
        if not self._since:
            self._since, self._work = now, work
            return self.level
        if now < self._since:  # settling
            self._work = work
            return self.level
        if now - self._since < (QUICK_INTERVAL if self._quick else INTERVAL):
            return self.level
        rate = (work - self._work) / (now - self._since)
        self._since, self._work = now, work
        if self._before is not None:
            self._judge(now, rate, waits)
        elif now >= self._not_before:
            self._try(now, rate)
        return self.level

    def reach(self, now: float, files: int) -> None:
        """So many files at once are wanted for the distance that answers come from. Once."""
        if self._has_reached:
            return
        self._has_reached = True
        files = min(files, self._most.files)
        if files > self.level.files:
            self.level, self._before = AtOnce(files, self.level.parts), None
            self._since = now + SETTLE

    def _judge(self, now: float, rate: float, waits: bool) -> None:
        assert self._before is not None
        level, before = self._before
        gained = rate >= before * GAIN
        if self._quick and not gained:
            self._quick = False
            return
        self._before = None
        if gained:
            allowed = max(high / low for high, low in zip(self.level, level, strict=True))
            self._quick = waits and rate / before - 1 >= PROPORTIONAL * (allowed - 1)
            self._rest = REST
            self._try(now, rate)
            return
        self.level = level
        self._not_before = now + self._rest
        self._rest = min(self._rest * 2, LONGEST_REST)
        self._since = now + SETTLE

    def _try(self, now: float, rate: float) -> None:
        step = QUICK_STEP if self._quick else STEP
        higher = AtOnce(
            *(
                min(most, max(count + 1, int(count * step)))
                for count, most in zip(self.level, self._most, strict=True)
            )
        )
        if higher == self.level or rate <= 0:
            return
        self._before = (self.level, rate)
        self.level = higher
        self._since = now + SETTLE

    def _abandon(self, now: float) -> None:
        """Somebody asks for less: a trial is taken back, and what was found stays."""
        if self._before is not None:
            self.level, self._before = self._before[0], None
        self._since = 0.0
        self._not_before = max(self._not_before, now + REST)
