"""The line to the engine: gaps, breaks, coming back, starting again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from core.messages import Draining, JobForgotten
from tests.app.recorded import RecordedClient, RecordedEngine, a_snapshot
from tui import line as line_module
from tui.line import EngineLine
from tui.state import Happening, Link, ViewState, reduce_all


class Watched:
    """A line whose state can be waited for."""

    def __init__(self, engine: RecordedEngine) -> None:
        self.view = ViewState()
        self.changes = 0
        self.line = EngineLine(engine, self._tell)

    def _tell(self, happenings: Sequence[Happening]) -> None:
        self.view = reduce_all(self.view, happenings)
        self.changes += 1

    async def until(self, holds: Callable[[ViewState], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds(self.view):
                await asyncio.sleep(0.005)


@asynccontextmanager
async def watched(engine: RecordedEngine) -> AsyncIterator[Watched]:
    watch = Watched(engine)
    task = asyncio.create_task(watch.line.run())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "BACKOFF", (0.02, 0.05))


async def test_a_gap_asks_for_a_snapshot_again() -> None:
    """When an event number is missing, the state is fetched anew and later events go on from there."""
    client = RecordedClient()
    async with watched(RecordedEngine(client)) as watch:
        await watch.until(lambda view: view.link is Link.UP)
        client.state = a_snapshot(seq=20, jobs=())
        client.say(JobForgotten(seq=20, job=7))
        client.say(Draining(seq=21))
        await watch.until(lambda view: view.seq == 21)
        assert not watch.view.gap
        assert watch.view.jobs == ()
        assert watch.view.draining
        assert len(client.subscriptions) == 2


async def test_a_broken_line_is_taken_up_again_without_starting_an_engine() -> None:
    """After a break the line attaches by itself as soon as an engine is there; only the first time, and
    when a person asks, is one started."""
    first, second = RecordedClient(), RecordedClient(boot_id="boot-2")
    engine = RecordedEngine(first, second)
    async with watched(engine) as watch:
        await watch.until(lambda view: view.link is Link.UP)
        first.break_line()
        await watch.until(lambda view: view.hello is not None and view.hello.boot_id == "boot-2")
        assert watch.view.link is Link.UP
        assert engine.started == 1
        second.break_line()
        await watch.until(lambda view: view.link is Link.AWAY and "No engine" in view.reason)
        engine.serve(RecordedClient(boot_id="boot-3"))
        watch.line.start_again()
        await watch.until(lambda view: view.hello is not None and view.hello.boot_id == "boot-3")


async def test_a_burst_of_events_is_one_change() -> None:
    """Many events that come at once cost the screen one change, not one each."""
    client = RecordedClient()
    async with watched(RecordedEngine(client)) as watch:
        await watch.until(lambda view: view.link is Link.UP)
        before = watch.changes
        for number in range(200):
            client.say(JobForgotten(seq=11 + number, job=100 + number))
        await watch.until(lambda view: view.seq == 210)
        assert watch.changes - before <= 3


async def test_worker_rows_are_asked_for_one_job() -> None:
    """Opening a board asks for that job's workers only; asking twice for the same asks once."""
    client = RecordedClient()
    async with watched(RecordedEngine(client)) as watch:
        await watch.until(lambda view: view.link is Link.UP)
        await watch.line.watch_workers_of(7)
        await watch.line.watch_workers_of(7)
        await watch.line.watch_workers_of(0)
        assert client.subscriptions == [0, 7, 0]
