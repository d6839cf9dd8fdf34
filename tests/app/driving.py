"""Driving the app over a recorded engine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import msgspec
from textual.app import App
from textual.pilot import Pilot

from core.messages import Progress
from tests.app.recorded import BUILD, MIB, RecordedClient, RecordedEngine, recorded_progress
from tui.app import HaulierApp
from tui.screens.ask import QuestionScreen
from tui.state import Link

Running = tuple[HaulierApp, "Pilot[None]"]


def an_app(*clients: RecordedClient) -> HaulierApp:
    """In true colour, whatever the terminal of the test run says."""
    app = HaulierApp(RecordedEngine(*clients), build=BUILD, environ={"HF_HOME": "/home/somebody/hf"})
    app.theme = "haulier-dark"
    return app


@asynccontextmanager
async def running(*clients: RecordedClient, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Running]:
    app = an_app(*(clients or (RecordedClient(),)))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.view.link in (Link.UP, Link.AWAY))
        yield app, pilot


async def until(pilot: Pilot[None], holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something to become true."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await pilot.pause(0.01)
    except TimeoutError:
        raise AssertionError(f"never came true; the screen was:\n{text_of(pilot.app)}") from None
    await pilot.pause()


async def say_yes(pilot: Pilot[None]) -> None:
    """Answer a question with yes, once it stands on the screen: keys that were pressed before do not count."""
    await until(pilot, lambda: isinstance(pilot.app.screen, QuestionScreen) and bool(pilot.app.screen.listens))
    await pilot.press("y")


def text_of(app: App[None]) -> str:
    """What stands on the top screen, as lines of text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def samples(count: int) -> Iterator[Progress]:
    """Progress along a believable curve."""
    for number in range(count):
        sample = recorded_progress()
        rate = (300 + 100 * math.sin(number / 9) + 60 * math.sin(number / 2)) * MIB
        jobs = (msgspec.structs.replace(sample.jobs[0], rate=rate),)
        yield msgspec.structs.replace(sample, rate=rate, jobs=jobs)


def tell_progress(client: RecordedClient, count: int = 1) -> None:
    """Let the engine send samples."""
    for sample in samples(count):
        client.say(sample)
