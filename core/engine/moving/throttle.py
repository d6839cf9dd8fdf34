"""How many tasks run at once, and how many begin in a second, while a server asks for less.

Two limits, because they bind in different places: large parts are few and long, small files many and short.
Both are lifted as long as nobody asks. On "slow down", at most once a second:

- at once: two thirds of what runs now; each task that ends allows a little more (additive increase and
  multiplicative decrease, as TCP does it, RFC 5681);
- a second: nine tenths of what the server has just been seen to answer, and half of that again as soon as more
  than every other request is still refused. Every quiet second allows more, first 5 %, then twice as much of it
  each time up to half, so that probing the server's limit costs a few refusals and its end is noticed within
  seconds. A limit that is not reached any more is lifted.

Not safe for threads: used under the work queue's lock. Times in monotonic seconds.
"""

from __future__ import annotations

INF = float("inf")
CUT_EVERY = 1.0  # seconds
SLOWEST = 0.2  # tasks a second that are begun in any case
LEAST_AT_FIRST = 5.0  # tasks a second that a single refusal leaves, however little was done before it
CAREFUL, BOLD = 0.05, 0.5  # growth a second, right after a refusal and at most
MANY = 5  # refusals that are no accident
BURST = 0.05  # seconds that tasks may be ahead of the rate, so that workers need not wake for each one


class Throttle:
    """`begin` and `end` are told of every task, `refused` of every "slow down"."""

    def __init__(self) -> None:
        self.at_once = INF
        self.rate = INF  # tasks begun in a second
        self._active = 0
        self._cut_at = self._changed_at = 0.0
        self._free_at = 0.0  # when the next task may begin
        self._growth = CAREFUL
        self._second = 0.0  # the one that is being counted began then
        self._begun = self._answered = 0
        self._begun_before = self._answered_before = 0  # in the second before
        self._answered_since = self._refused_since = 0  # the last cut

    @property
    def is_on(self) -> bool:
        return self.rate != INF or self.at_once != INF

    def pause(self, now: float) -> float:
        """Seconds until another task may begin; 0 when it may now."""
        if self._active >= self.at_once:
            return 1.0  # until one ends, which wakes those who wait
        if self.rate == INF:
            return 0.0
        self._count(now)
        return max(0.0, self._free_at - now - BURST)

    def begin(self, now: float) -> None:
        self._active += 1
        if self.is_on or now - self._second >= 1.0:
            self._count(now)
        self._begun += 1
        if self.rate != INF:
            self._free_at = max(self._free_at, now) + 1.0 / self.rate

    def end(self, ceiling: float) -> None:
        """A task ended, whatever came of it. `ceiling`: more at once than that is no limit."""
        self._active -= 1
        self._answered += 1
        self._answered_since += 1
        if self.at_once != INF:
            self.at_once += 1.0 / max(self.at_once, 1.0)
            if self.at_once > ceiling:
                self.at_once = INF

    def refused(self, now: float, begun: float) -> None:
        """The server asked for less of a task that was begun then. It ends as well: it is not counted as
        answered."""
        self._answered -= 1
        self._answered_since -= 1
        self._count(now)
        if now - self._cut_at < CUT_EVERY:
            self._refused_since += begun >= self._changed_at  # what was on its way then says nothing new
            if self._refused_since >= max(MANY, self._answered_since):
                self._changed(now)
                self.rate = max(SLOWEST, self.rate / 2)
            return
        self._cut_at = now
        self._changed(now)
        self._growth = CAREFUL
        self.at_once = max(1.0, min(self.at_once, float(self._active)) * 2 / 3)
        answered = max(self._answered, self._answered_before)
        begun = max(self._begun, self._begun_before)
        wanted = 0.9 * answered if answered >= 1 else 0.5 * begun
        least = SLOWEST if self.rate != INF else LEAST_AT_FIRST
        self.rate = max(least, min(wanted, 0.9 * self.rate))

    def _changed(self, now: float) -> None:
        self._changed_at = now
        self._answered_since = self._refused_since = 0

    def _count(self, now: float) -> None:
        """Begin another second when this one is over, and allow more when it was quiet."""
        gone = now - self._second
        if gone < 1.0:
            return
        begun = self._begun / gone
        if self.rate != INF and now - self._cut_at >= CUT_EVERY:
            if self._growth >= BOLD and begun < 0.7 * self.rate:
                self.rate = INF  # something else binds
            else:
                self.rate *= 1.0 + self._growth
                self._growth = min(BOLD, 2 * self._growth)
        self._begun_before, self._answered_before = int(begun), int(max(0, self._answered) / gone)
        self._begun = self._answered = 0
        self._second = now
