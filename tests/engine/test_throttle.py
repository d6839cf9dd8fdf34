"""The pace while a server asks for less, against a server that is only reckoned: no clock, no chance."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import pytest

from core.engine.moving.throttle import Throttle

START, LIFT, END = 2.0, 20.0, 32.0  # seconds: the server's quota holds from, until; and the end


@dataclass
class Run:
    """Workers that always have something to do, and a server with a quota (a token bucket)."""

    limit: float
    service: float  # seconds that a request takes
    workers: int = 8
    begun: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def carry_out(self) -> Run:
        throttle, now = Throttle(), 0.0
        active: list[tuple[float, int, bool, float]] = []
        tokens, filled = 5.0, 0.0
        while now < END:
            while active and active[0][0] <= now:
                _, _, fine, begun = heapq.heappop(active)
                if not fine:
                    throttle.refused(now, begun)
                throttle.end(12)
            pause = throttle.pause(now)
            if len(active) < self.workers and pause == 0:
                throttle.begin(now)
                self.begun.append(now)
                tokens, filled = min(5.0, tokens + (now - filled) * self.limit), now
                limited = START <= now < LIFT
                fine = not limited or tokens >= 1
                tokens -= limited and fine
                if not fine:
                    self.refused.append(now)
                heapq.heappush(active, (now + self.service, len(self.begun), fine, now))
                continue
            waits = [now + 0.5, *(one[0] for one in active[:1]), *([now + pause] if 0 < pause < 1 else [])]
            now = max(now + 0.0005, min(waits))
        return self

    def rate(self, since: float, until: float) -> float:
        return sum(since <= at < until for at in self.begun) / (until - since)

    def refusals(self, since: float, until: float) -> int:
        return sum(since <= at < until for at in self.refused)


@pytest.mark.parametrize(
    ("limit", "service"), [(5, 0.01), (20, 0.01), (100, 0.01), (300, 0.01), (20, 0.2), (3, 1.0)]
)
def test_the_rate_follows_the_quota(limit: float, service: float) -> None:
    """No storm when the quota begins, then near the quota with few refusals, and back within ten seconds."""
    run = Run(limit, service).carry_out()
    before = run.rate(0.5, START)
    assert before > 1.5 * limit
    assert run.refusals(START, START + 1) < 80
    assert 0.6 * limit < run.rate(START + 2, LIFT) < 1.4 * limit
    assert run.refusals(START + 2, LIFT) < 0.25 * run.rate(START + 2, LIFT) * (LIFT - START - 2)
    assert run.rate(LIFT + 9, END - 1) > min(before * 0.8, 8 * limit)


def test_without_refusals_nothing_is_limited() -> None:
    """Any number of tasks may begin at any pace."""
    throttle = Throttle()
    for _ in range(1000):
        assert throttle.pause(1.0) == 0
        throttle.begin(1.0)
    assert not throttle.is_on
