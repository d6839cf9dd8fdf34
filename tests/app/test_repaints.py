"""Nothing is painted that did not change."""

from __future__ import annotations

import pytest
from rich.console import RenderableType
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from core.messages import ConnectionList, ListConnections, ListPresets, PresetList
from core.model import Connection, ProfileCredentials
from tests.app.driving import running, tell_progress, text_of, until
from tests.app.recorded import RecordedClient, s3
from tests.app.recorded_hub import hub_client
from tests.app.recorded_path import path_client
from tui.app import HaulierApp
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.found import FoundScreen
from tui.screens.presets import PresetsScreen
from tui.screens.repos import RepoPicker


async def paints_of(
    app: HaulierApp, pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch, seconds: float = 0.25
) -> int:
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
            await pilot.pause(seconds / 5)
    return sum(what is not None for what in painted)


@pytest.mark.usefixtures("fixed_clock")
@pytest.mark.parametrize("screen", ["buckets", "browse", "repos", "presets", "found"])
async def test_a_list_of_which_all_is_known_repaints_nothing(
    screen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that look at their rows beside the screen: once that is done, their own clock paints nothing."""
    client = hub_client() if screen == "repos" else path_client()
    client.answers[ListPresets] = lambda _: PresetList(presets=())
    async with running(client, size=(100, 30)) as (app, pilot):
        opened = {
            "buckets": lambda: BucketPicker("prod", lambda _: None),
            "browse": lambda: BrowseScreen(s3("prod", "logs"), lambda _: None),
            "repos": lambda: RepoPicker("hf", lambda _: None),
            "presets": PresetsScreen,
            "found": FoundScreen,
        }[screen]()
        app.push_screen(opened)
        shown = {
            "buckets": "exports", "browse": "3 013 so far", "repos": "missing", "presets": "No preset",
            "found": "beijing",
        }[screen]  # fmt: skip
        if screen == "found":
            client.answers[ListConnections] = lambda _: ConnectionList(
                offered=(Connection(name="beijing", credentials=ProfileCredentials(profile="beijing")),)
            )
        await until(pilot, lambda: shown in text_of(app))
        await until(pilot, lambda: "counting" not in text_of(app))
        await pilot.pause(1.0)
        asked = len(client.asked)
        painted = await paints_of(app, pilot, monkeypatch, seconds=1.2)
        assert painted == 0
        assert len(client.asked) == asked


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
