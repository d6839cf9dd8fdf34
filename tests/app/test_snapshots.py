"""Pictures of the screens with fixed numbers at a fixed moment: what changes here is looked at by a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.app.driving import an_app, samples, until
from tests.app.recorded import RecordedClient, a_snapshot
from tui.state import Heard, Link

Compare = Callable[..., bool]

CASES = {
    "jobs": (),
    "board": ("enter",),
    "job": ("d",),
    "items": ("i",),
    "errors": ("e",),
    "log": ("l",),
    "help": ("question_mark",),
    "cancel": ("x",),
    "limit": ("c",),
}


@pytest.fixture(autouse=True)
def still(fixed_clock: None) -> None:
    """All pictures are of one moment."""


def driven(client: RecordedClient, keys: tuple[str, ...]) -> Callable[[Pilot[None]], Any]:
    async def drive(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.view.link is Link.UP)
        app._happened([Heard(sample, 1000.0) for sample in samples(120)])
        await pilot.press(*keys)
        await pilot.pause(0.3)
        for one in pilot.app.screen.query("Input"):
            one.cursor_blink = False  # type: ignore[attr-defined]

    return drive


@pytest.mark.parametrize("name", CASES)
def test_screen(name: str, snap_compare: Compare) -> None:
    """Each screen at 80×24."""
    client = RecordedClient()
    assert snap_compare(an_app(client), terminal_size=(80, 24), run_before=driven(client, CASES[name]))


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
@pytest.mark.parametrize("name", ["jobs", "board", "items"])
def test_wide_screen(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    """More room brings more columns and a taller curve, not more frames."""
    client = RecordedClient()
    assert snap_compare(an_app(client), terminal_size=size, run_before=driven(client, CASES[name]))


def test_light_theme(snap_compare: Compare) -> None:
    """The board in the light theme."""
    client = RecordedClient()
    app = an_app(client)
    app.theme = "haulier-light"
    assert snap_compare(app, terminal_size=(100, 30), run_before=driven(client, ("enter",)))


def test_first_run(snap_compare: Compare) -> None:
    """The empty home with AWS profiles found."""
    client = RecordedClient(a_snapshot(jobs=(), connections=(), notices=()))

    async def look(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.view.link is Link.UP)
        await pilot.pause(0.3)

    assert snap_compare(an_app(client), terminal_size=(80, 24), run_before=look)


def test_engine_away(snap_compare: Compare) -> None:
    """The home while the engine is gone: nothing looks live."""
    client = RecordedClient()
    drive = driven(client, ())

    async def lose(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        await drive(pilot)
        client.break_line()
        await until(pilot, lambda: app.view.link is Link.AWAY)
        app.view = app.view.__class__(**{**app.view.__dict__, "retry_at": 1004.0})
        await pilot.pause()

    assert snap_compare(an_app(client), terminal_size=(80, 24), run_before=lose)
