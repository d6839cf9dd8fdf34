"""Where the time of workers goes: a stopwatch each, read now and then over the last half minute.

A worker's time is always in exactly one phase, and changing it costs one look at the monotonic clock. What the
HTTP client does not reveal is not guessed: name lookup and TLS happen inside of it (see probe.py for what is
measured beside it), and small objects arrive whole, first byte and body together (`ANSWER`).
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

UNUSED = 0  # nothing to do within the job's limits: not counted as time spent
OTHER = 1
ANSWER = 2
FIRST_BYTE = 3
BODY = 4
SEND = 5
SERVER_COPY = 6
HASH = 7
DISK = 8
LIMIT = 9
MEMORY = 10
THROTTLED = 11
RETRY = 12
LISTING = 13
PHASES = (
    "unused",
    "other",
    "answer",
    "first byte",
    "body",
    "sending",
    "server copy",
    "hashing",
    "disk",
    "bandwidth limit",
    "memory",
    "throttling",
    "retrying",
    "listing",
)

WINDOW = 30.0  # seconds that a judgement looks back
STEP = 0.45  # seconds between two samples, at least


class Stopwatch:
    """One worker's. Written by that worker alone, read by anybody."""

    __slots__ = ("_phase", "_since", "answered", "answers", "sends", "sent", "spent")

    def __init__(self) -> None:
        self.spent = [0.0] * len(PHASES)  # seconds
        self.answers = self.answered = 0  # small objects that arrived, and their bytes
        self.sends = self.sent = 0
        self._phase = UNUSED
        self._since = time.monotonic()

    def enter(self, phase: int) -> None:
        """From now on the time is this phase's."""
        now = time.monotonic()
        self.spent[self._phase] += now - self._since
        self._phase, self._since = phase, now

    @property
    def phase(self) -> int:
        return self._phase

    def read(self, now: float) -> list[float]:
        """Seconds by phase, with what the present one has taken so far."""
        spent = self.spent.copy()
        spent[self._phase] += max(0.0, now - self._since)
        return spent


class Facts(NamedTuple):
    """What a judgement goes by, of one stretch of time."""

    shares: tuple[float, ...]  # by phase, of the time that was not unused; all 0 without any
    seconds: float  # of workers, not unused
    wall: float  # seconds that passed
    cpu: float  # of what this process may use: 1 is all of it
    throttles: int = 0  # answers that asked for less
    answer_size: float = 0.0  # bytes, of the small objects that arrived on average
    send_size: float = 0.0
    committing: float = 0.0  # share of the time in which one thread made files durable and recorded them


class _Sample(NamedTuple):
    at: float
    spent: tuple[float, ...]
    cpu: float
    throttles: int
    answers: int
    answered: int
    sends: int
    sent: int
    committing: float


class JobTiming:
    """The stopwatches of one job, sampled. Called from one thread."""

    def __init__(self) -> None:
        self._samples = deque([_sample([], 0, 0.0, time.monotonic())])  # the first look has something behind it
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def facts(
        self, watches: Iterable[Stopwatch], throttles: int, committing: float, now: float, *, listing: bool
    ) -> Facts:
        """Of the last half minute, or of what there is. `now` is monotonic, `committing` seconds in all,
        `listing` whether the source is still being listed."""
        sample = _sample(list(watches), throttles, committing, now)
        samples = self._samples
        if not samples or now - samples[-1].at >= STEP:
            samples.append(sample)
        while len(samples) > 2 and samples[1].at < now - WINDOW:
            samples.popleft()
        return self._between(samples[0], sample, listing)

    def _between(self, first: _Sample, last: _Sample, listing: bool) -> Facts:
        spent = [max(0.0, b - a) for a, b in zip(first.spent, last.spent, strict=True)]
        spent[UNUSED] = 0.0
        if not listing:
            spent[LISTING] = 0.0  # that is over: it tells nothing of now
        seconds, wall = sum(spent), last.at - first.at
        if seconds <= 0 or wall <= 0:
            return Facts((0.0,) * len(PHASES), 0.0, wall, 0.0)
        answers, sends = last.answers - first.answers, last.sends - first.sends
        return Facts(
            shares=tuple(each / seconds for each in spent),
            seconds=seconds,
            wall=wall,
            cpu=(last.cpu - first.cpu) / wall / self._cores,
            throttles=last.throttles - first.throttles,
            answer_size=(last.answered - first.answered) / answers if answers else 0.0,
            send_size=(last.sent - first.sent) / sends if sends else 0.0,
            committing=(last.committing - first.committing) / wall,
        )


def _sample(watches: list[Stopwatch], throttles: int, committing: float, now: float) -> _Sample:
    spent = [sum(of_phase) for of_phase in zip(*(watch.read(now) for watch in watches), strict=True)]
    return _Sample(
        now,
        tuple(spent) or (0.0,) * len(PHASES),
        time.process_time(),
        throttles,
        sum(watch.answers for watch in watches),
        sum(watch.answered for watch in watches),
        sum(watch.sends for watch in watches),
        sum(watch.sent for watch in watches),
        committing,
    )


def named_seconds(spent: Iterable[float]) -> tuple[tuple[str, float], ...]:
    """Phases with at least a tenth of a second, the longest first; empty for a worker that was never needed."""
    named = [
        (PHASES[phase], round(seconds, 1))
        for phase, seconds in enumerate(spent)
        if seconds >= 0.1 and phase != UNUSED
    ]
    return tuple(sorted(named, key=lambda each: -each[1]))


def named_shares(shares: Iterable[float]) -> tuple[tuple[str, float], ...]:
    """Phases with at least a hundredth of the time, the longest first."""
    named = [(PHASES[phase], round(share, 3)) for phase, share in enumerate(shares) if share >= 0.01]
    return tuple(sorted(named, key=lambda each: -each[1]))
