"""The dialog that asks for YES."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot

from core.model import PlanSummary
from tests.app.driving import running, text_of, until
from tests.app.recorded import a_plan
from tests.app.recorded_path import path_client
from tui.app import HaulierApp
from tui.plan_words import yes_facts
from tui.screens.confirm import TypedOnly, YesDialog

Answers = list[bool | None]


@asynccontextmanager
async def asked(plan: PlanSummary | None = None) -> AsyncIterator[tuple[HaulierApp, Pilot[None], Answers]]:
    """The dialog, open and listening."""
    answers: Answers = []
    async with running(path_client()) as (app, pilot):
        shown = plan or a_plan()
        title = (("Sync  prod → dr", "lead"),)
        app.push_screen(YesDialog(title, yes_facts(shown), shown.delete_word, shown.delete_why), answers.append)
        await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
        yield app, pilot, answers


async def test_it_opens_empty_and_says_what_will_change() -> None:
    """The numbers of the plan, the place that changes, the share of the target that goes; an empty field."""
    async with asked() as (app, _, answers):
        text = text_of(app)
        for part in (
            "This changes dr:logs-app",
            "1 204 331",
            "12 008",
            "412",
            "1.3 GiB",
            "0.02 % of the target",
        ):
            assert part in text
        assert app.screen.query_one(TypedOnly).value == ""
        assert answers == []


async def test_exactly_yes_and_enter_is_yes() -> None:
    """The only way in."""
    async with asked() as (_, pilot, answers):
        await pilot.press("Y", "E", "S")
        assert answers == []
        await pilot.press("enter")
        assert answers == [True]


@pytest.mark.parametrize("typed", ["", "yes", "Yes", "YES ", " YES", "YESS", "YE", "y", "Y", "ja", "NO"])
async def test_anything_else_with_enter_leaves_it_waiting_and_says_so(typed: str) -> None:
    """No near miss counts, and none closes the dialog."""
    async with asked() as (app, pilot, answers):
        await pilot.press(*("space" if char == " " else char for char in typed), "enter", "enter")
        assert answers == []
        assert isinstance(app.screen, YesDialog)
        assert "waiting" in text_of(app) or "Exactly YES" in text_of(app)


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
@pytest.mark.parametrize("typed", ["", "YES"])
async def test_esc_and_ctrl_c_leave_at_any_moment(key: str, typed: str) -> None:
    """Also when the field says YES already; the program itself stays."""
    async with asked() as (app, pilot, answers):
        await pilot.press(*typed, key)
        assert answers == [False]
        assert app.is_running


async def test_keys_pressed_before_it_stood_on_the_screen_do_not_count() -> None:
    """Keys and a paste that were read before the dialog was drawn but are delivered to it later, in one burst
    with its opening, leave the field empty."""
    answers: Answers = []
    async with running(path_client()) as (app, pilot):
        early: list[events.Event] = [events.Key(key, key) for key in "YES"]
        early += [events.Key("enter", "\r"), events.Paste("YES"), events.Key("enter", "\r")]
        app.push_screen(YesDialog((("Sync", "lead"),), yes_facts(a_plan())), answers.append)
        for event in early:
            app.post_message(event)
        await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
        late = [events.Key(key, key) for key in "YES"]
        field = app.screen.query_one(TypedOnly)
        for event in early:
            event._forwarded = False
            app.post_message(event)
        await pilot.pause()
        assert field.value == ""
        assert answers == []
        assert "still waiting" not in text_of(app)
        for event in late:
            app.post_message(event)
        await until(pilot, lambda: field.value == "YES")


@pytest.mark.parametrize(
    ("before", "pasted", "after"),
    [
        ("", "YES", "YES"),
        ("", "YES\n", ""),
        ("", "rm -rf YES", ""),
        ("", "yes", ""),
        ("Y", "YES", "Y"),
        ("Y", "ES", "Y"),
    ],
)
async def test_a_paste_counts_only_as_exactly_the_word_into_the_empty_field(
    before: str, pasted: str, after: str
) -> None:
    """What was meant for another window does not answer this question; even a good paste needs Enter."""
    async with asked() as (app, pilot, answers):
        await pilot.press(*before)
        app.post_message(events.Paste(pasted))
        await pilot.pause()
        await pilot.pause()
        assert app.screen.query_one(TypedOnly).value == after
        assert answers == []


# ---------------------------------------------------------------- the second word


MUCH = msgspec.structs.replace(
    a_plan(), delete_word="DELETE 412", delete_why="more than 25 % of the target's objects go"
)


async def test_the_second_field_opens_empty_after_yes() -> None:
    """YES alone closes nothing where much is deleted: it opens a field for the second word and says why."""
    async with asked(MUCH) as (app, pilot, answers):
        assert len(app.screen.query(TypedOnly)) == 1
        assert "DELETE 412" not in text_of(app)
        await pilot.press(*"YES", "enter")
        await second_field(app, pilot)
        text = text_of(app)
        assert "Type DELETE 412 to delete them" in text
        assert "Much is deleted: more than 25 %" in text
        assert (answers, dialog(app).field.value) == ([], "")
        await pilot.press(*(KEYS.get(char, char) for char in "DELETE 412"), "enter")
        assert answers == [True]


@pytest.mark.parametrize(
    "typed", ["", "YES", "DELETE", "DELETE 41", "delete 412", "DELETE  412", "DELETE 412 "]
)
async def test_anything_but_the_second_word_leaves_it_waiting(typed: str) -> None:
    """YES again, the number of another plan, small letters: no."""
    async with asked(MUCH) as (app, pilot, answers):
        await pilot.press(*"YES", "enter")
        await second_field(app, pilot)
        await pilot.press(*(KEYS.get(char, char) for char in typed), "enter", "enter")
        assert answers == []
        assert isinstance(app.screen, YesDialog)
        assert "still waiting" in text_of(app)
        await pilot.press("escape")
        assert answers == [False]


async def test_keys_pressed_before_the_second_field_stood_there_do_not_count() -> None:
    """The second word read before YES was answered and delivered later leaves the field empty; both words in
    one burst, as from a paste into the terminal, confirm nothing."""
    async with asked(MUCH) as (app, pilot, answers):
        early: list[events.Event] = [events.Key(KEYS.get(char, char), char) for char in "DELETE 412"]
        early += [events.Key("enter", "\r"), events.Paste("DELETE 412"), events.Key("enter", "\r")]
        await pilot.press(*"YES", "enter")
        await second_field(app, pilot)
        for event in early:
            app.post_message(event)
        await pilot.pause()
        await pilot.pause()
        assert (answers, dialog(app).field.value) == ([], "")
    async with asked(MUCH) as (app, pilot, answers):
        for char in "YES\rDELETE 412\r":
            app.post_message(events.Key({"\r": "enter", " ": "space"}.get(char, char), char))
        await pilot.pause(0.1)
        assert answers == []


KEYS = {" ": "space"}


def dialog(app: HaulierApp) -> YesDialog:
    assert isinstance(app.screen, YesDialog)
    return app.screen


async def second_field(app: HaulierApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: len(app.screen.query(TypedOnly)) == 2 and dialog(app).listens)
