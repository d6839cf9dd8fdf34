"""Every list with a filter: what it says while nothing fits, and that its rows come back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from core.messages import (
    BucketList,
    EntryPage,
    FindOnDisks,
    ItemPage,
    ListBuckets,
    ListItems,
    ListPresets,
    PresetList,
)
from core.model import Action, Preset
from tests.app.driving import running, text_of, until
from tests.app.recorded import RecordedClient, recorded_jobs, s3
from tests.app.recorded_hub import hub_client
from tests.app.recorded_listing import plays_listings
from tui.app import HaulierApp
from tui.preferences import Preferences
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.disk_files import DiskFilesScreen
from tui.screens.filtered import Filtered
from tui.screens.log import LogScreen
from tui.screens.pair import PairScreen
from tui.screens.plan_items import PlanItemsScreen
from tui.screens.repos import RepoPicker
from tui.screens.settings import SettingsScreen
from tui.screens.target import TargetScreen

Open = Callable[[HaulierApp], object]
WORDS = "Nothing here fits the filter."
FOLDER = s3("prod", "logs-app", "2026/")


def on_disks(contains: str, cursor: str, limit: int) -> FindOnDisks:
    return FindOnDisks(contains=contains, cursor=cursor, limit=limit)


def pushed(make: Callable[[], Filtered]) -> Open:
    return lambda app: app.push_screen(make())


SCREENS: dict[str, tuple[Open, str]] = {  # how it is opened, and what one of its rows says
    "jobs": (lambda _: None, "logs-edge"),
    "job": (lambda app: app.open_details(7, "items"), "app-0401"),
    "plan items": (pushed(partial(PlanItemsScreen, 7, Action.COPY, 30)), "app-0401"),
    "log": (pushed(LogScreen), "Engine started."),
    "settings": (pushed(SettingsScreen), "config_dir"),
    "connections": (HaulierApp.action_show_connections, "minio.example"),
    "presets": (HaulierApp.show_presets, "nightly"),
    "disks": (HaulierApp.open_disks, "K3F9"),
    "disk files": (pushed(partial(DiskFilesScreen, "Files", on_disks)), "shard-00000"),
    "buckets": (pushed(partial(BucketPicker, "prod")), "archive-2023"),
    "repos": (pushed(partial(RepoPicker, "hf", lambda _: None)), "private-notes"),
    "target": (
        pushed(partial(TargetScreen, "target", "dr", (s3("prod", "a"),), lambda _: None)),
        "archive-2023",
    ),
    "browse": (pushed(partial(BrowseScreen, FOLDER, lambda _: None)), "2026-01"),
    "pair": (
        pushed(partial(PairScreen, FOLDER, s3("dr", "logs-app", "2026/"), lambda *_: None)),
        "2026-01",
    ),
}


def a_client() -> RecordedClient:
    client = hub_client(jobs=recorded_jobs())
    preset = Preset(name="nightly", spec=recorded_jobs()[0].spec)
    client.answers[ListPresets] = lambda _: PresetList(presets=(preset,))
    return client


@pytest.mark.parametrize("name", SCREENS)
async def test_a_filter_that_lets_nothing_through_says_so(name: str, tmp_path: Path) -> None:
    """Not that there is nothing: that nothing fits. Enter keeps the filter, Esc takes it away; after both the
    keys are the list's again."""
    opened, row = SCREENS[name]
    async with running(a_client()) as (app, pilot):
        app.preferences = Preferences.of({}, {}, tmp_path)
        await until(pilot, lambda: "logs-edge" in text_of(app))
        opened(app)
        await until(pilot, lambda: (name == "jobs") == (len(app.screen_stack) == 1) and row in text_of(app))
        screen = app.screen
        assert isinstance(screen, Filtered)
        assert WORDS not in text_of(app)
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: WORDS in text_of(app) and row not in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.table)
        assert WORDS in text_of(app)
        await pilot.press("slash", "escape")
        await until(pilot, lambda: WORDS not in text_of(app) and row in text_of(app))
        assert screen.focused is screen.table


EMPTY: dict[str, tuple[Open, str]] = {
    name: (SCREENS[name][0], words)
    for name, words in (
        ("log", "Nothing was written at this level."),
        ("target", "No bucket yet."),
        ("browse", "Nothing is in here."),
    )
} | {"plan items": (pushed(partial(PlanItemsScreen, 7, Action.DELETE, 0)), "Nothing matches.")}


@pytest.mark.parametrize("name", EMPTY)
async def test_a_filter_is_not_to_blame_for_a_list_without_rows(name: str) -> None:
    """Where there is nothing at all, a filter changes no word."""
    client = plays_listings(hub_client(notices=()), lambda _: EntryPage(entries=()))
    client.answers[ListBuckets] = lambda _: BucketList(buckets=())
    client.answers[ListItems] = lambda _: ItemPage(items=(), matching=0)
    opened, words = EMPTY[name]
    async with running(client) as (app, pilot):
        opened(app)
        await until(pilot, lambda: words in text_of(app))
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: " / zzz" in text_of(app))
        await until(pilot, lambda: words in text_of(app))
        assert WORDS not in text_of(app)
