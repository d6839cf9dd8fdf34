"""Trouble in words: what stalls and where, what is done about it, and what a person can do.

Looked at twice a second, whether or not anybody watches. What lasts is told as a notice, not again for some
minutes; what lasts only a moment is seen in the progress and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from core.engine.moving.move import Slot
from core.engine.moving.workqueue import WorkQueue
from core.engine.watching.timing import ANSWER, BODY, FIRST_BYTE, SEND, SERVER_COPY
from core.model import Level
from core.units import format_eta

SHOWN = 10.0  # seconds of silence from which on it is said in the progress
TOLD = 30.0  # and from which on it is a notice
AGAIN = 300.0  # seconds until the same is told again
SLOW_ANSWER = 60.0  # seconds that a server may take for a whole part it is sent, or copies, before it is said

_READING = frozenset({ANSWER, FIRST_BYTE, BODY})
_WRITING = frozenset({SEND, SERVER_COPY})


class Trouble:
    """Of one job. `hosts` gives (source's server, target's server) of a route, "" for this machine."""

    def __init__(
        self,
        slots: Callable[[], list[Slot]],
        queue: Callable[[], WorkQueue],
        hosts: Callable[[int], tuple[str, str]],
        notice: Callable[[Level, str], None],
        stall: float,
    ) -> None:
        """`stall` is after how many silent seconds a connection is given up."""
        self._slots, self._queue, self._hosts, self._notice = slots, queue, hosts, notice
        self._stall = stall
        self._moved: dict[Slot, tuple[tuple[int, int, int], float]] = {}  # slot → what it had done, since when
        self._told: dict[str, float] = {}
        self._throttled_since = 0.0

    def look(self, now: float) -> None:
        """Bring it up to date and tell what has lasted; `now` in monotonic seconds."""
        for slot in self._slots():
            sign = (slot.item, slot.moved, slot.watch.phase if slot.watch.phase in _READING | _WRITING else -1)
            if self._moved.get(slot, (None, 0.0))[0] != sign:
                self._moved[slot] = (sign, now)
        for host, seconds, count, of in self._silent(now, TOLD):
            self._tell(f"silent {host}", now, f"{self._silence(host, seconds, count, of)}. {_WAY_OUT}")
        self._look_at_throttling(now)

    def words(self, now: float) -> str:
        """What stands in the way at the moment, in one line; empty when nothing does."""
        silent = [self._silence(*each) for each in self._silent(now, min(SHOWN, self._stall / 2))]
        return "; ".join(silent) or self._queue().throttle_words or self._retries()

    def note(self, slot: Slot, now: float) -> str:
        """What is wrong with one worker's connection, for its row."""
        seconds = self._silence_of(slot, now)
        return f"silent for {format_eta(seconds)}" if seconds >= min(SHOWN, self._stall / 2) / 2 else ""

    # ------------------------------------------------------------ silence

    def _silence_of(self, slot: Slot, now: float) -> float:
        phase = slot.watch.phase
        if not slot.item or phase not in _READING | _WRITING:
            return 0.0
        silent = now - self._moved.get(slot, (None, now))[1]
        # Of what is sent nothing is heard before the end: a slow line is no silence.
        return silent if phase in _READING else max(0.0, silent - SLOW_ANSWER)

    def _silent(self, now: float, least: float) -> list[tuple[str, float, int, int]]:
        """(server, seconds, silent connections, all connections) of every server with a silence of `least`."""
        longest: dict[str, float] = {}
        count: Counter[str] = Counter()
        of: Counter[str] = Counter()
        for slot in self._slots():
            phase = slot.watch.phase
            if not slot.item or phase not in _READING | _WRITING:
                continue
            source, target = self._hosts(slot.route)
            source = slot.server or source
            host = (target or source) if phase in _WRITING else (source or target)
            of[host] += 1
            seconds = self._silence_of(slot, now)
            if seconds >= least:
                count[host] += 1
                longest[host] = max(longest.get(host, 0.0), seconds)
        return [(host, longest[host], count[host], of[host]) for host in sorted(count) if host]

    def _silence(self, host: str, seconds: float, count: int, of: int) -> str:
        connections = "its connection" if of == 1 else f"{count} of {of} connections"
        return (
            f"{host} silent for {format_eta(seconds)}, {connections}; given up after "
            f"{format_eta(self._stall)} and tried again"
        )

    # ------------------------------------------------------------ throttling and retries

    def _look_at_throttling(self, now: float) -> None:
        words = self._queue().throttle_words
        if words and not self._throttled_since:
            self._throttled_since = now
            self._tell(
                "throttled", now, f"the server asks for less. {words.capitalize()}; nothing needs to be done"
            )
        elif not words and self._throttled_since:
            if now - self._throttled_since > TOLD:
                self._notice(Level.INFO, "the server does not ask for less any more: at full speed again")
            self._throttled_since = 0.0

    def _retries(self) -> str:
        """When nothing is on its way because everything waits for another try."""
        if any(slot.item for slot in self._slots()):
            return ""
        waiting = self._queue().waiting()
        if not waiting:
            return ""
        _, seconds, note = waiting[0]
        return f"{note}, trying again in {format_eta(seconds)}"

    def _tell(self, what: str, now: float, text: str) -> None:
        if now - self._told.get(what, -AGAIN) >= AGAIN:
            self._told[what] = now
            self._notice(Level.WARNING, text)


_WAY_OUT = "If this lasts, fewer connections may help (change them while it runs), or look at the server"
