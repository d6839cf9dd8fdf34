"""One suite for both clients: over the socket and in process they behave alike."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest

from core.build import build_name
from core.client import EngineClient, LineGap
from core.errors import Code, HaulierError
from core.inprocess import InProcessClient
from core.line_client import LineClient
from core.messages import (
    MAX_FRAME,
    PROTOCOL,
    AnyEvent,
    Draining,
    GetJob,
    JobChanged,
    ListEntries,
    ListJobs,
    PauseJob,
    Ping,
    Progress,
    ProvideKeys,
    ResumeJob,
    RetryJob,
    Shutdown,
    TuneJob,
    Unsubscribe,
)
from core.model import Place, SecretKeys
from tests.line.serving import Served, until


async def take(client: LineClient, count: int) -> list[AnyEvent]:
    events = client.events()
    return [await asyncio.wait_for(anext(events), 5) for _ in range(count)]


async def test_hello_and_ping(client: LineClient, served: Served) -> None:
    """The greeting names protocol, build, process and boot; Ping answers in its own type."""
    interface: EngineClient = client  # checked by mypy: this is the interface
    assert interface.hello.protocol == PROTOCOL
    assert interface.hello.build == build_name()
    assert interface.hello.boot_id == served.engine.boot_id
    status = await interface.call(Ping())
    assert status.pid == os.getpid()
    assert not status.draining


async def test_fifty_calls_at_once(client: LineClient) -> None:
    """Answers find their calls, whichever order they come in."""
    waiting = [asyncio.create_task(client.call(PauseJob(job=number))) for number in range(1, 51)]
    lists = await asyncio.gather(*(client.call(ListJobs(limit=size)) for size in range(50)))
    assert [len(answer.jobs) for answer in lists] == list(range(50))
    for number in range(50, 0, -1):
        await client.call(ResumeJob(job=number))
    assert [view.id for view in await asyncio.gather(*waiting)] == list(range(1, 51))


async def test_a_slow_command_holds_up_no_other(client: LineClient) -> None:
    """While one command waits, others are answered."""
    slow = asyncio.create_task(client.call(PauseJob(job=1)))
    await asyncio.wait_for(client.call(Ping()), 5)
    assert not slow.done()
    await client.call(ResumeJob(job=1))
    assert (await slow).id == 1


async def test_refusals_keep_code_message_and_hint(client: LineClient) -> None:
    """A HaulierError of the engine arrives as the same error."""
    with pytest.raises(HaulierError) as caught:
        await client.call(GetJob(job=41))
    assert (caught.value.code, caught.value.message) == (Code.NOT_FOUND, "There is no job 41")
    assert caught.value.hint == "See `haulier jobs`."


async def test_a_defect_is_answered_and_hurts_nobody_else(client: LineClient) -> None:
    """An unexpected exception becomes `failed` without its details; the line goes on."""
    with pytest.raises(HaulierError, match="ZeroDivisionError") as caught:
        await client.call(RetryJob(job=1))
    assert caught.value.code is Code.FAILED
    await client.call(Ping())


async def test_an_answer_too_long_for_a_frame(client: LineClient) -> None:
    """The call fails and says so; the line goes on."""
    place = Place(kind="local", path="/x")
    with pytest.raises(HaulierError, match="too long"):
        await client.call(ListEntries(place=place, limit=MAX_FRAME))
    page = await client.call(ListEntries(place=place, limit=MAX_FRAME - 1000))
    assert len(page.entries[0].key) == MAX_FRAME - 1000


async def test_names_that_are_not_unicode(client: LineClient, served: Served) -> None:
    """A request with such a name is refused before it is sent; in an event the name is made sendable."""
    with pytest.raises(HaulierError) as caught:
        await client.call(ListEntries(place=Place(kind="local", path="/\udcff")))
    assert caught.value.code is Code.USAGE
    await client.subscribe()
    served.engine.publish_job(1, title="bad \udcff name")
    (event,) = await take(client, 1)
    assert isinstance(event, JobChanged)
    assert event.job.title == "bad ? name"


async def test_events_follow_the_snapshot(client: LineClient, served: Served) -> None:
    """Nothing before the snapshot, everything after it, in order."""
    served.engine.publish_job(1, title="before")
    snapshot = await client.subscribe()
    assert snapshot.seq == 1
    await client.call(TuneJob(job=2, workers=200))
    events = await take(client, 200)
    assert [event.seq for event in events if isinstance(event, JobChanged)] == list(range(2, 202))


async def test_subscribe_again_drops_what_the_snapshot_holds(client: LineClient, served: Served) -> None:
    """Events that wait while a new snapshot is taken are not told a second time."""
    await client.subscribe()
    await client.call(TuneJob(job=2, workers=10))
    snapshot = await client.subscribe(rate=10, workers_of=3)
    assert snapshot.seq == 10
    served.engine.publish_job(9)
    (event,) = await take(client, 1)
    assert isinstance(event, JobChanged)
    assert event.seq == 11
    assert served.engine.hub.wanted_rate == 10


async def test_many_subscribes_at_once(client: LineClient, served: Served) -> None:
    """Every one is answered, one subscription is left, and events are told once."""
    await asyncio.gather(*(client.subscribe(rate=rate) for rate in range(1, 9)))
    assert len(served.engine.hub._subscriptions) == 1
    await client.call(TuneJob(job=1, workers=3))
    assert [event.seq for event in await take(client, 3) if isinstance(event, JobChanged)] == [1, 2, 3]


async def test_unsubscribe(client: LineClient, served: Served) -> None:
    """Afterwards nobody is subscribed and nothing comes."""
    await client.subscribe()
    await client.call(Unsubscribe())
    assert served.engine.hub.wanted_rate == 0


async def test_progress_of_a_slow_consumer(client: LineClient, served: Served) -> None:
    """Of many samples the newest is left when the consumer comes back; lossless events are all there."""
    await client.subscribe(rate=10)
    for at in range(1, 5):
        served.engine.hub.offer(Progress(at=float(at)))
        served.engine.publish_job(at)
        await until(lambda at=at: client._queue._progress == Progress(at=float(at)))  # type: ignore[misc]
    events = await take(client, 5)
    assert [event.seq for event in events if isinstance(event, JobChanged)] == [1, 2, 3, 4]
    assert events[-1] == Progress(at=4.0)


async def test_a_consumer_far_behind_is_told_of_the_gap(client: LineClient, served: Served) -> None:
    """When the client's own buffer overflows, `events` raises LineGap, and subscribing again mends it."""
    await client.subscribe()
    await client.call(TuneJob(job=1, workers=1500))
    await until(lambda: client._seq == 1500)
    await client.call(TuneJob(job=1, workers=1500))
    await until(lambda: client._seq == 3000)
    with pytest.raises(LineGap):
        await take(client, 3000)
    assert (await client.subscribe()).seq == 3000
    served.engine.publish_job(1)
    (event,) = await take(client, 1)
    assert isinstance(event, JobChanged)
    assert event.seq == 3001


async def test_a_jump_in_the_numbers_is_a_gap(client: LineClient, served: Served) -> None:
    """An event whose number is not the next one raises LineGap instead of being told."""
    await client.subscribe()
    served.engine.hub._seq += 1
    served.engine.publish_job(1)
    with pytest.raises(LineGap, match="event 2 came where 1"):
        await take(client, 1)


async def test_unknown_events_count_but_are_not_told(client: LineClient) -> None:
    """An event of a newer engine leaves no gap."""
    await client.subscribe()
    client.take(b'{"type":"weather","seq":1,"wet":true}')
    client.take(b'{"type":"draining","seq":2}')
    assert await take(client, 1) == [Draining(seq=2)]


async def test_a_caller_who_gives_up_disturbs_nobody(client: LineClient) -> None:
    """A cancelled call's answer is dropped when it comes; numbers of events stay right after a cancelled
    subscribe."""
    task = asyncio.create_task(client.call(PauseJob(job=1)))
    await asyncio.sleep(0)
    task.cancel()
    subscribing = asyncio.create_task(client.subscribe())
    await asyncio.sleep(0)
    subscribing.cancel()
    await client.call(ResumeJob(job=1))
    await client.call(TuneJob(job=1, workers=1))
    (event,) = await take(client, 1)
    assert isinstance(event, JobChanged)


async def test_closed_line(client: LineClient, served: Served) -> None:
    """After `close`: calls under way and later ones fail with `unavailable`, events end, the engine goes on
    and finishes what it was asked."""
    await client.subscribe()
    waiting = asyncio.create_task(client.call(PauseJob(job=1)))
    await client.call(Ping())
    await client.close()
    for call in (waiting, client.call(Ping())):
        with pytest.raises(HaulierError) as caught:
            await call
        assert caught.value.code is Code.UNAVAILABLE
    assert [event async for event in client.events()] == []
    served.engine._gate(1).set()
    await until(lambda: "PauseJob" in served.engine.finished)
    assert served.engine.closed == []
    await until(lambda: served.engine.hub.wanted_rate == 0)


async def test_other_protocol_leaves_ping_and_shutdown(client: LineClient) -> None:
    """A client that sees another protocol refuses everything but these two, and names both protocols."""
    client._hello = msgspec.structs.replace(client.hello, protocol=99, build="9.0+feed")
    await client.call(Ping())
    keys = SecretKeys(access_key_id="a", secret_access_key="b")
    for call in (client.call(ListJobs()), client.call(ProvideKeys(ref="r", keys=keys))):
        with pytest.raises(HaulierError, match=rf"protocol 99.* protocol {PROTOCOL}") as caught:
            await call
        assert caught.value.code is Code.UNAVAILABLE
        assert "haulier engine stop" in caught.value.hint
    await client.call(Shutdown())


async def test_shutdown_is_answered_first(client: LineClient, served: Served) -> None:
    """The answer comes before the engine ends; who asked learns that it was heard."""
    await client.call(Shutdown(drain=False))
    await until(lambda: served.stops == [False] or served.engine.closed == [False])


async def test_shutdown_in_process_ends_the_line(served: Served) -> None:
    """Without a daemon around it, the client that asks for the end closes the engine, tells listeners, and is
    then closed itself."""
    client = InProcessClient(served.engine)
    await client.subscribe()
    await client.call(Shutdown())
    assert [event async for event in client.events()] == [Draining(seq=1)]
    assert served.engine.closed == [True]
    with pytest.raises(HaulierError):
        await client.call(Ping())
