"""The hub: what is lossless arrives in order, what is lossy never piles up."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.events import EventHub, EventQueue, Subscription
from core.messages import AnyEvent, Draining, JobChanged, JobForgotten, Progress
from core.model import Counts, JobProgress, JobState, WorkerView
from tests.line.toy import job_view


def draining(seq: int) -> Draining:
    return Draining(seq=seq)


def progress(at: float, *jobs: int) -> Progress:
    rows = tuple(JobProgress(job=job, state=JobState.RUNNING, counts=Counts()) for job in jobs)
    workers = tuple(WorkerView(index=job, job=job) for job in jobs)
    return Progress(at=at, jobs=rows, workers=workers)


async def rest_of(subscription: EventQueue) -> list[AnyEvent]:
    """Everything that waits, in the order it is handed out."""
    subscription.close()
    return [event async for event in subscription]


async def test_numbers_rise_by_one_and_reach_everybody() -> None:
    """Two listeners get the same events, numbered from 1; one that comes later gets only what comes later."""
    hub = EventHub()
    early = hub.subscribe(1, 0), hub.subscribe(10, 5)
    for _ in range(3):
        hub.publish(draining)
    late = hub.subscribe(1, 0)
    hub.publish(draining)
    for subscription in early:
        assert [event.seq for event in await rest_of(subscription) if isinstance(event, Draining)] == [
            1,
            2,
            3,
            4,
        ]
    assert [event.seq for event in await rest_of(late) if isinstance(event, Draining)] == [4]
    assert hub.seq == 4


async def test_a_failing_maker_uses_up_no_number() -> None:
    """When an event cannot be made, no gap appears."""
    hub = EventHub()
    with pytest.raises(ZeroDivisionError):
        hub.publish(lambda seq: Draining(seq=seq // 0))
    hub.publish(draining)
    assert hub.seq == 1


async def test_full_buffer_cuts_the_listener_off_and_only_it() -> None:
    """A listener that does not read is closed with a reason and gets nothing more; another is not touched."""
    hub = EventHub()
    slow, good = hub.subscribe(1, 0, limit=3), hub.subscribe(1, 0, limit=100)
    told: list[str] = []
    slow.when_lost = lambda: told.append(slow.lost)
    for _ in range(5):
        hub.publish(draining)
    assert slow.closed
    assert "3 events" in slow.lost
    assert told == [slow.lost]
    assert [event async for event in slow] == []
    assert len(await rest_of(good)) == 5


async def test_progress_is_overwritten_not_queued() -> None:
    """Of a hundred samples that nobody took, the newest is left."""
    hub = EventHub()
    subscription = hub.subscribe(10, 0)
    for at in range(100):
        hub.offer(progress(at))
    assert await rest_of(subscription) == [progress(99)]


async def test_progress_comes_no_faster_than_asked() -> None:
    """With 1000 samples a second offered, a 10 Hz listener gets about one in a tenth of a second."""
    hub = EventHub()
    subscription = hub.subscribe(10, 0)
    loop = asyncio.get_running_loop()
    taken: list[float] = []

    async def take() -> None:
        async for _ in subscription:
            taken.append(loop.time())

    task = asyncio.create_task(take())
    begin = loop.time()
    while loop.time() < begin + 0.55:
        hub.offer(progress(loop.time()))
        await asyncio.sleep(0.001)
    subscription.close()
    await task
    gaps = [after - before for before, after in pairwise(taken[:-1])]
    assert 4 <= len(taken) <= 7
    assert all(gap > 0.095 for gap in gaps)


async def test_lossless_does_not_wait_for_progress() -> None:
    """An event comes at once although a sample waits for its time; the last sample still comes at the end."""
    hub = EventHub()
    subscription = hub.subscribe(1, 0)
    hub.offer(progress(1))
    assert await anext(subscription) == progress(1)
    hub.offer(progress(2))
    hub.publish(draining)
    assert await asyncio.wait_for(anext(subscription), 0.5) == Draining(seq=1)
    assert await rest_of(subscription) == [progress(2)]


async def test_old_progress_does_not_turn_a_state_back() -> None:
    """A sample taken before a job's change loses that job's row; others keep theirs."""
    hub = EventHub()
    subscription = hub.subscribe(1, 0)
    hub.offer(progress(1, 7, 8, 9))
    hub.publish(lambda seq: JobChanged(seq=seq, job=job_view(7, JobState.COMPLETED)))
    hub.publish(lambda seq: JobForgotten(seq=seq, job=8))
    *_, sample = await rest_of(subscription)
    assert isinstance(sample, Progress)
    assert [row.job for row in sample.jobs] == [9]


async def test_worker_rows_of_one_job_and_retune() -> None:
    """`workers_of` filters worker rows and can be changed; totals of all jobs stay."""
    hub = EventHub()
    subscription = hub.subscribe(10, 8)
    hub.offer(progress(1, 7, 8))
    first = await anext(subscription)
    assert isinstance(first, Progress)
    assert [row.job for row in first.workers] == [8]
    assert [row.job for row in first.jobs] == [7, 8]
    subscription.retune(100, 0)
    assert subscription.rate == 10
    hub.offer(progress(2, 7, 8))
    second = await anext(subscription)
    assert isinstance(second, Progress)
    assert [row.job for row in second.workers] == [7, 8]


async def test_wanted_rate_follows_the_listeners() -> None:
    """The hub asks for the fastest rate wanted, and for none when nobody listens."""
    hub = EventHub()
    assert hub.wanted_rate == 0
    slow, fast = hub.subscribe(0.1, 0), hub.subscribe(4, 0)
    assert hub.wanted_rate == 4
    fast.close()
    assert hub.wanted_rate == 1
    slow.close()
    slow.close()
    assert hub.wanted_rate == 0


async def test_memory_of_the_hub() -> None:
    """`since` gives what was missed, or None when that is no longer known."""
    hub = EventHub(remembered=3)
    assert hub.since(0) == ()
    for _ in range(5):
        hub.publish(draining)
    assert [event.seq for event in hub.since(3) or ()] == [4, 5]
    assert hub.since(5) == ()
    assert hub.since(1) is None


async def test_publish_from_a_thread() -> None:
    """Events of worker threads arrive on the loop, numbered like all others."""
    hub = EventHub()
    subscription = hub.subscribe(1, 0)
    loop = asyncio.get_running_loop()

    def work() -> None:
        for _ in range(3):
            hub.publish_threadsafe(loop, draining)

    thread = threading.Thread(target=work)
    thread.start()
    got = [await asyncio.wait_for(anext(subscription), 5) for _ in range(3)]
    thread.join()
    assert got == [Draining(seq=1), Draining(seq=2), Draining(seq=3)]


async def test_closing_the_hub_ends_listeners_after_the_rest() -> None:
    """What was published before the end is still read."""
    hub = EventHub()
    subscription: Subscription = hub.subscribe(1, 0)
    hub.publish(draining)
    hub.close()
    hub.publish(draining)
    assert [event async for event in subscription] == [Draining(seq=1)]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["event", "sample", "take"]), max_size=60), st.integers(1, 10))
def test_any_interleaving_keeps_order_or_breaks_off(steps: list[str], limit: int) -> None:
    """Whatever the order of publishing and reading: events come 1, 2, 3 … without a gap, or the queue says
    that it lost some."""

    async def play() -> None:
        queue = EventQueue(limit)
        seq = 0
        seen: list[int] = []
        for step in steps:
            match step:
                case "event":
                    seq += 1
                    queue.put(Draining(seq=seq))
                case "sample":
                    queue.put_progress(progress(seq))
                case _:
                    event = queue._take()
                    if isinstance(event, Draining):
                        seen.append(event.seq)
        seen += [event.seq for event in await rest_of(queue) if isinstance(event, Draining)]
        assert seen == list(range(1, len(seen) + 1))
        assert (len(seen) == seq) == (not queue.lost)

    asyncio.run(play())
