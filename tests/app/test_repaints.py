"""Nothing is painted that did not change."""

from __future__ import annotations

import pytest
from rich.console import RenderableType
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from tests.app.driving import running, tell_progress, text_of, until
from tests.app.recorded import RecordedClient
from tui.app import HaulierApp


async def paints_of(app: HaulierApp, pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch) -> int:
    """How often something is painted while the state is shown five times over."""
    painted: list[object] = []
    paint = App._display

    def count(app: App[None], screen: Screen[object], what: RenderableType | None) -> None:
        painted.append(what)
        paint(app, screen, what)

    with monkeypatch.context() as patch:
        patch.setattr(App, "_display", count)
        for _ in range(5):
            app._show_view()
            await pilot.pause(0.05)
    return sum(what is not None for what in painted)


@pytest.mark.usefixtures("fixed_clock")
@pytest.mark.parametrize("screen", ["jobs", "board", "job"])
async def test_an_unchanged_state_repaints_nothing(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On each main screen, with a job that moves: the same state shown again costs the terminal no byte."""
    client = RecordedClient()
    async with running(client, size=(100, 30)) as (app, pilot):
        if screen == "board":
            app.open_board(7)
        elif screen == "job":
            app.open_details(7)
        tell_progress(client)
        await until(pilot, lambda: "MiB/s" in text_of(app))
        await pilot.pause(0.3)
        assert await paints_of(app, pilot, monkeypatch) == 0
