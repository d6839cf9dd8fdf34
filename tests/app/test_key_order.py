"""Keys that arrive together mean what they would mean one after the other."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Input

from tests.app.driving import running, text_of, until
from tests.app.recorded import s3
from tests.app.recorded_path import path_client
from tui import key_order
from tui.app import HaulierApp
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.folder import FolderScreen
from tui.screens.name import NameScreen
from tui.widgets.filter_bar import FilterBar


def at_once(app: HaulierApp, *keys: str) -> None:
    """As a line delivers them in one packet."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_letters_and_editing_keys_keep_their_order() -> None:
    """A line deleted and typed anew, a letter taken back, the cursor moved: as typed, however many at once."""
    async with running(path_client()) as (app, pilot):
        app.push_screen(FolderScreen("target", "Where?", "/data/", False, lambda _: None))
        await until(pilot, lambda: "corpus" in text_of(app))
        field = app.screen.query_one(Input)
        at_once(app, "ctrl+u", *"/srv/abx", "backspace", "c", "home", "right", "S", "end", "/")
        await until(pilot, lambda: field.value == "/Ssrv/abc/")


async def test_keys_behind_the_one_that_opens_a_field_go_into_it() -> None:
    """`/` and a word, `s` and a selection, Enter and a key of the list: each where it was meant."""
    async with running(path_client()) as (app, pilot):
        picker = BucketPicker("prod", lambda _: None)
        app.push_screen(picker)
        await until(pilot, lambda: "exports" in text_of(app))
        at_once(app, "slash", *"logs", "enter", "a")
        await until(pilot, lambda: len(picker.marks.chosen) == 3)
        assert picker.query_one(FilterBar).text == "logs"
        at_once(app, "slash", "escape", "s", "ctrl+u", *"1-4 ^3", "tab", "down", "space")
        await until(pilot, lambda: picker.marks.chosen == {0, 1, 3} ^ {picker.table.position or 0})
        assert picker.focused is picker.table


async def test_a_key_is_not_lost_with_the_widget_that_got_the_one_before() -> None:
    """Closing a screen and going on in the one below, in one packet."""
    async with running(path_client()) as (app, pilot):
        browse = BrowseScreen(s3("prod", "logs"), lambda _: None)
        app.push_screen(browse)
        await until(pilot, lambda: "2026-01/" in text_of(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: app.screen is not browse)
        at_once(app, "escape", "down", "space", "down", "space")
        await until(pilot, lambda: app.screen is browse and len(browse.marks.chosen) >= 1)


async def test_a_key_behind_a_closed_dialog_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Esc of a dialog is carried out before any widget sees it: nothing is held up for the one gone."""
    monkeypatch.setattr(key_order, "PATIENCE", 60.0)
    async with running(path_client()) as (app, pilot):
        picker = BucketPicker("prod", lambda _: None)
        app.push_screen(picker)
        await until(pilot, lambda: "exports" in text_of(app))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, NameScreen))
        at_once(app, "x", "escape", "down", "space")
        await until(pilot, lambda: app.screen is picker and len(picker.marks.chosen) == 1)


async def test_a_paste_goes_where_the_key_before_it_led() -> None:
    """`/` and a paste in one packet: one line of it, as if pasted alone."""
    async with running(path_client()) as (app, pilot):
        picker = BucketPicker("prod", lambda _: None)
        app.push_screen(picker)
        await until(pilot, lambda: "exports" in text_of(app))
        at_once(app, "slash")
        app.post_message(events.Paste("lo\u00adgs\nsecond"))
        await until(pilot, lambda: picker.query_one(FilterBar).text == "lo\u00adgs")
