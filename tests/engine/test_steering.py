"""Programs that cannot be held back within a shared limit (engine/moving/steering.py)."""

from __future__ import annotations

import threading
import time

import pytest

from core.engine.moving.limits import Bandwidth
from core.engine.moving.steering import Lanes, Steering
from core.stores.base import Cancelled

MB = 1_000_000
NEVER = threading.Event()


def test_no_limit_is_no_rate() -> None:
    """Without a limit nothing is asked of the tool and nothing waits, however much came."""
    steering = Steering(Bandwidth(0), Lanes(), NEVER)
    began = time.monotonic()
    steering.charge(10_000 * MB)
    assert steering.rate() == 0
    assert not steering.owes
    assert time.monotonic() - began < 0.1


def test_the_lowest_of_all_limits_is_shared_by_the_lanes() -> None:
    """The job's limit and the engine's: the lower one, in equal shares, and it follows changes."""
    engine = Bandwidth(8 * MB)
    job = Bandwidth(20 * MB, engine)
    lanes = Lanes()
    steering = Steering(job, lanes, NEVER)
    with lanes, lanes:
        assert steering.rate() == 4 * MB
        job.set(2 * MB)
        assert steering.rate() == MB
    assert steering.rate() == 2 * MB
    engine.set(0)
    job.set(0)
    assert steering.rate() == 0


def test_a_debt_lowers_the_rate_until_it_is_paid() -> None:
    """A tool that brought too much is told less than its share, and its share again once that is paid."""
    steering = Steering(Bandwidth(8 * MB), Lanes(), NEVER)
    steering.charge(6 * MB)
    assert steering.owes
    assert steering.rate() < 6.5 * MB
    while steering.owes:
        steering.charge(0)
    assert steering.rate() == 8 * MB


def test_two_fetches_together_keep_the_limit() -> None:
    """Two tools that obey the rate that they are told bring, charged as they go, what the limit allows."""
    bandwidth, lanes = Bandwidth(10 * MB), Lanes()
    brought = [0, 0]
    ends = time.monotonic() + 1.5

    def work(index: int) -> None:
        steering = Steering(bandwidth, lanes, NEVER)
        before = time.monotonic()
        while (now := time.monotonic()) < ends:  # a tool that has always done what it was told by now
            count = int(steering.rate() * (now - before))
            before = now
            brought[index] += count
            steering.charge(count)
            NEVER.wait(0.02)

    with lanes, lanes:
        threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 10 * MB <= sum(brought) <= 18 * MB


def test_cancelled_while_paying() -> None:
    """Whoever waits for a limit is let go when the job is paused."""
    cancelled = threading.Event()
    bandwidth = Bandwidth(1000)
    steering = Steering(bandwidth, Lanes(), cancelled)
    steering.charge(10_000)
    cancelled.set()
    with pytest.raises(Cancelled):
        steering.charge(10_000)
