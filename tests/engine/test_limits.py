from __future__ import annotations

import threading
import time

import pytest

from core.engine.moving.limits import Bandwidth, MemoryBudget
from core.stores.base import Cancelled

NEVER = threading.Event()
PATIENCE = 10.0


def seconds_for(limit: Bandwidth, takers: int, pieces: int, piece: int) -> float:
    """How long `takers` threads need to take `pieces` pieces each."""

    def take() -> None:
        for _ in range(pieces):
            limit.take(piece, NEVER)

    threads = [threading.Thread(target=take) for _ in range(takers)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    return time.monotonic() - began


@pytest.mark.parametrize("takers", [1, 8])
def test_rate_is_kept(takers: int) -> None:
    """However many share it, the rate is never passed by more than its tenth of a second, and is reached."""
    rate, piece = 20_000_000, 50_000
    pieces = 320 // takers
    moved = takers * pieces * piece
    seconds = seconds_for(Bandwidth(rate), takers, pieces, piece)
    assert moved / (seconds + 0.1) <= rate * 1.01
    assert seconds < moved / rate * 2 + 0.5


def test_no_limit_costs_nothing() -> None:
    """Zero means none: a terabyte passes at once."""
    assert seconds_for(Bandwidth(0), 1, 1000, 1 << 30) < 1


@pytest.mark.parametrize("rate", [0, 10_000_000_000])
def test_change_reaches_those_who_wait(rate: int) -> None:
    """A worker that waits for an hour under the old rate goes on at once under the new one."""
    limit = Bandwidth(1000)
    gone = threading.Event()

    def take() -> None:
        limit.take(3_600_000, NEVER)
        gone.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not gone.wait(0.2)
    limit.set(rate)
    assert gone.wait(1.0)
    thread.join(PATIENCE)
    assert seconds_for(limit, 1, 10, 1000) < 1, "the debt of the old rate is not carried over"


def test_cancel_reaches_those_who_wait() -> None:
    """A cancelled job does not wait for its bytes."""
    cancelled = threading.Event()
    limit = Bandwidth(1000)
    raised = threading.Event()

    def take() -> None:
        with pytest.raises(Cancelled):
            limit.take(3_600_000, cancelled)
        raised.set()

    thread = threading.Thread(target=take)
    thread.start()
    cancelled.set()
    assert raised.wait(2.0)
    thread.join(PATIENCE)


def test_memory_is_never_overdrawn() -> None:
    """Many threads with random wishes: what is held together never exceeds the budget, and all come through."""
    budget, total = MemoryBudget(1000), 1000
    lock = threading.Lock()
    held = most = through = 0

    def work(seed: int) -> None:
        nonlocal held, most, through
        for turn in range(50):
            wish = (seed * 131 + turn * 37) % 700 + 1
            with budget.hold(wish, NEVER):
                with lock:
                    held += wish
                    most = max(most, held)
                with lock:
                    held -= wish
        with lock:
            through += 1

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert through == 8
    assert most <= total


def test_a_wish_larger_than_the_budget_gets_all_of_it() -> None:
    """One oversized request does not wait for ever, and nobody else holds anything meanwhile."""
    budget = MemoryBudget(100)
    cancelled = threading.Event()
    with budget.hold(1_000_000, NEVER):
        cancelled.set()
        with pytest.raises(Cancelled), budget.hold(1, cancelled):
            pass
    with budget.hold(100, NEVER):
        pass


def test_memory_is_given_back_after_an_error() -> None:
    """A worker that fails does not keep its share."""
    budget = MemoryBudget(10)
    with pytest.raises(RuntimeError), budget.hold(10, NEVER):
        raise RuntimeError
    with budget.hold(10, NEVER):
        pass
