"""The bucket picker under a keyboard."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import BucketList, ListBuckets, ListEntries, Measure
from core.selection import parse
from tests.app.driving import running, text_of, until
from tests.app.recorded import RecordedClient
from tests.app.recorded_path import NAMES, buckets, path_client
from tui.app import HaulierApp
from tui.draft import Taken
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.name import NameScreen

Chosen = list[Taken]
_ROW = re.compile(r"^[▌ ]([● ]) +(\d+) +\S", re.MULTILINE)


async def open_picker(app: HaulierApp, pilot: Pilot[None], chosen: Chosen | None = None) -> BucketPicker:
    picker = BucketPicker("prod", None if chosen is None else chosen.append)
    app.push_screen(picker)
    await until(pilot, lambda: bool(picker.marks.names))
    return picker


def agree(picker: BucketPicker) -> None:
    """The box's words, the marks and the dots on the screen are one thing."""
    assert set(parse(picker.box.value, picker.marks.names).chosen) == picker.marks.chosen
    seen = {int(row[2]) - 1: row[1] == "●" for row in _ROW.finditer(text_of(picker.app))}
    in_sight = [picker.table.rows[row] for row in picker.table.visible_rows]
    assert seen == {position: position in picker.marks.chosen for position in in_sight}


async def test_typing_changes_the_dots_and_dots_rewrite_the_box() -> None:
    """The sentence of the contract, both ways, with the count in the heading."""
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot)
        await pilot.press("s", *"1-4", "space", "circumflex_accent", "3")
        assert picker.marks.chosen == {0, 1, 3}
        assert "3 of 14 marked" in text_of(app)
        agree(picker)
        await pilot.press("tab", "home", "space")
        assert picker.box.value == "2 4"
        agree(picker)


async def test_a_bad_token_is_named_and_the_rest_is_kept() -> None:
    """`17` of 14 is named with the reason; what else the box says holds and is what goes on."""
    chosen: Chosen = []
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot, chosen)
        await pilot.press("s", *"2,17")
        assert 'unknown: "17" (the list ends at 14)' in text_of(app)
        assert picker.marks.chosen == {1}
        await pilot.press("enter")
        assert [place.bucket for place in chosen[0].places] == ["archive-2024"]


@pytest.mark.parametrize("seed", range(4))
async def test_after_random_keys_box_marks_and_dots_agree(seed: int) -> None:
    """A drunk person at the keyboard never gets the three to differ."""
    keys = ["space", "up", "down", "shift+up", "shift+down", "v", "a", "i", "home", "end", "pagedown"]
    words = ["1-4 ", "^3", "logs-*", ",7", " invert", " none", "99 ", "all", "backspace"]
    dice = random.Random(seed)
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot)
        for _ in range(40):
            if dice.random() < 0.25:
                word = dice.choice(words)
                keyed = [word] if word == "backspace" else [_key(char) for char in word]
                await pilot.press("s", *keyed, "tab")
            else:
                await pilot.press(dice.choice(keys))
            agree(picker)


def _key(char: str) -> str:
    return {"^": "circumflex_accent", "*": "asterisk", "-": "minus", ",": "comma", " ": "space"}.get(char, char)


async def test_shift_and_arrows_mark_a_range_and_going_back_unmarks_it() -> None:
    """The range follows the cursor both ways and leaves alone what was marked before."""
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot)
        await pilot.press("space", "down", "down", "shift+down", "shift+down")
        assert picker.marks.chosen == {0, 2, 3, 4}
        await pilot.press("shift+up")
        assert picker.marks.chosen == {0, 2, 3}


async def test_a_sticky_range_goes_with_the_cursor_until_it_is_ended() -> None:
    """`v`, then plain moves; Esc ends the range and does not leave the screen."""
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot)
        await pilot.press("down", "v", "down", "down")
        assert picker.marks.chosen == {1, 2, 3}
        await pilot.press("escape", "down")
        assert app.screen is picker
        assert picker.marks.chosen == {1, 2, 3}


async def test_all_and_invert_mean_the_rows_in_the_list() -> None:
    """With a filter, `a` and `i` touch what passes it and nothing else."""
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot)
        await pilot.press("space", "slash", *"logs", "enter", "a")
        assert picker.marks.chosen == {0, 7, 8, 9}
        await pilot.press("i")
        assert picker.marks.chosen == {0}
        agree(picker)


async def test_marks_are_kept_when_one_goes_back_and_comes_again() -> None:
    """Esc on the picker of a new job, then the same connection again: the marks are as they were."""
    remembered: dict[str, tuple[str, ...]] = {}
    async with running(path_client()) as (app, pilot):
        for _ in range(2):
            picker = BucketPicker("prod", lambda _: None, remembered)
            app.push_screen(picker)
            await until(pilot, lambda picker=picker: bool(picker.marks.names))  # type: ignore[misc]
            if not picker.marks.chosen:
                await pilot.press("space", "end", "space")
            assert picker.marks.chosen == {0, 13}
            await pilot.press("escape")


async def test_of_5000_buckets_only_visible_and_marked_ones_are_counted() -> None:
    """The first screenful and what is marked; the list stays usable; leaving ends the counting."""
    client = path_client()
    many = buckets(tuple(f"bucket-{number:04}" for number in range(5000)))
    client.answers[ListBuckets] = lambda _: BucketList(buckets=many)
    async with running(client) as (app, pilot):
        picker = await open_picker(app, pilot)
        await pilot.press("s", *"5000")
        await until(pilot, lambda: _counted(client) > {"bucket-4999", "bucket-0000", "bucket-0015"})
        assert len(_counted(client)) < 25
        await pilot.press("tab", "a")
        assert len(picker.marks.chosen) == 5000
        assert picker.box.value == "all"
        assert "5000 of 5 000 marked · ≥" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not picker)
        assert not [worker for worker in app.workers if worker.group == "count"]


def _counted(client: RecordedClient) -> set[str]:
    return {ask.place.bucket for ask in client.asked if isinstance(ask, Measure)}


async def test_where_buckets_cannot_be_listed_a_name_can_be_typed() -> None:
    """AccessDenied is said in the server's words and ours; a typed bucket is checked, listed and marked."""

    def refuse(_: Any) -> Any:
        raise HaulierError(Code.BLOCKED, "403 AccessDenied", "These credentials may not list buckets.")

    client, chosen = path_client(), []  # type: ignore[var-annotated]
    client.answers[ListBuckets] = refuse
    async with running(client) as (app, pilot):
        app.push_screen(BucketPicker("prod", chosen.append))
        await until(pilot, lambda: "cannot be listed" in text_of(app))
        assert "may not list buckets" in text_of(app)
        await pilot.press("b", *"No", "enter")
        assert isinstance(app.screen, NameScreen)
        assert "cannot be a bucket's name" in text_of(app)
        await pilot.press("ctrl+u", *"mine", "enter", "enter")
        assert [place.bucket for place in chosen[0].places] == ["mine"]


async def test_no_buckets_says_what_to_do() -> None:
    """An empty account is not a blank screen."""
    client = path_client()
    client.answers[ListBuckets] = lambda _: BucketList(buckets=())
    async with running(client) as (app, pilot):
        app.push_screen(BucketPicker("prod"))
        await until(pilot, lambda: "no bucket here" in text_of(app))
        assert "types a bucket's name" in text_of(app)


async def test_looking_inside_reads_pages_only_as_far_as_one_goes() -> None:
    """A few pages are enough until the cursor nears their end; End reads on to the last row; folders open and
    close; marks come along."""
    client, chosen = path_client(), []  # type: ignore[var-annotated]
    async with running(client) as (app, pilot):
        await open_picker(app, pilot, chosen)
        await pilot.press("right")
        await until(pilot, lambda: isinstance(app.screen, BrowseScreen) and "2026-01/" in text_of(app))
        await until(pilot, lambda: "3 0" in text_of(app))
        assert _pages(client) == ["", "1000", "2000"]
        await pilot.press("end")
        await until(pilot, lambda: "app-004999" in text_of(app))
        assert _pages(client) == ["", "1000", "2000", "3000", "4000"]
        await pilot.press("home", "down", "right")
        await until(pilot, lambda: "archive-2023/2026-02/" in text_of(app))
        await pilot.press("space", "left")
        await until(pilot, lambda: "1 marked" in text_of(app))
        await pilot.press("down", "space", "enter")
        assert [place.path for place in chosen[0].places] == [""]
        assert set(chosen[0].include) == {"/2026-02/2026-01/", "/2026-03/"}


def _pages(client: RecordedClient) -> list[str]:
    return [ask.cursor for ask in client.asked if isinstance(ask, ListEntries)]


async def test_hostile_bucket_names_are_shown_as_what_they_are() -> None:
    """A name that looks like a button or an escape sequence is neither."""
    async with running(path_client(), size=(120, 30)) as (app, pilot):
        picker = await open_picker(app, pilot)
        text = text_of(app)
        assert "k[@click=app.quit]z" in text
        assert "scratch␛[2J" in text
        assert "\x1b" not in text
        row = NAMES.index("k[@click=app.quit]z")
        await pilot.click(picker.table, offset=(14, row + 1))
        assert app.screen is picker


async def test_a_digit_in_the_list_begins_a_selection() -> None:
    """`1-2,4` typed where one stands goes into the box, behind what was marked before."""
    async with running(path_client()) as (app, pilot):
        picker = await open_picker(app, pilot)
        await pilot.press(*"1-2,4")
        assert picker.box.value == "1-2,4"
        assert picker.marks.chosen == {0, 1, 3}
        agree(picker)
        await pilot.press("tab", "6")
        assert picker.marks.chosen == {0, 1, 3, 5}
        agree(picker)
