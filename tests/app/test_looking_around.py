"""Looking around: any order, marks of everything, two sides, details, and an engine that goes away."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from core.errors import Code, HaulierError
from core.listings import (
    CloseListing,
    FindInListing,
    LookAtObject,
    OpenListing,
    ReadListing,
    SumOfListing,
)
from core.messages import EntryPage, ListEntries
from core.model import Entry, Place
from tests.app.driving import running, text_of, until
from tests.app.recorded import RecordedClient, s3
from tests.app.recorded_listing import plays_listings
from tests.app.recorded_path import path_client
from tui.draft import Taken
from tui.screens.browse import BrowseScreen
from tui.screens.object_details import ObjectScreen
from tui.screens.options import OptionsScreen
from tui.screens.pair import PairScreen
from tui.screens.target import TargetScreen

PLACE = s3("prod", "logs", "2026/")
MANY = 20_000


def client_with(count: int = MANY, pages: Any = None) -> RecordedClient:
    """A folder of `count` files `f000000` …, each a byte larger than the next."""

    def some(ask: ListEntries) -> EntryPage:
        start = int(ask.cursor or 0)
        end = min(count, start + ask.limit)
        found = tuple(Entry(key=f"f{n:06}", size=count - n, modified=1e9 + n) for n in range(start, end))
        return EntryPage(entries=found, cursor=str(end) if end < count else "")

    return plays_listings(path_client(), pages or some)


async def test_orders_and_filter_show_the_right_rows_and_keep_the_marks() -> None:
    """Marks stay with their rows in every order; `a` under a filter marks what passes; `v` marks over what was
    never drawn."""
    chosen: list[Taken] = []
    async with running(client_with()) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("down", "space", "t")
        await until(pilot, lambda: "largest first" in text_of(app) and "20 000 here" in text_of(app))
        await pilot.press("T")
        await until(pilot, lambda: "smallest first" in text_of(app) and "f019999" in text_of(app))
        assert screen.marks.chosen == {1}
        await pilot.press("home", "v", "end")
        await until(pilot, lambda: len(screen.marks.chosen) == MANY)
        await pilot.press("escape", "i")
        await until(pilot, lambda: not screen.marks.chosen)
        await pilot.press("slash", *"00012", "enter")
        await until(pilot, lambda: "100 of 20 000 here" in text_of(app) or "11 of" in text_of(app))
        await pilot.press("a")
        await until(pilot, lambda: "marked: " in text_of(app))
        names = {f"f{n:06}" for n in range(MANY) if "00012" in f"f{n:06}"}
        assert screen.marks.chosen == {int(name[1:]) for name in names}
        await pilot.press("enter")
        await until(pilot, lambda: chosen != [])
        assert set(chosen[0].include) == {f"/{name}" for name in names}


async def test_everything_but_a_few_of_very_many_is_taken_as_what_is_left_out() -> None:
    """All of 20 000, two taken out again: one folder and two patterns, not thousands of names."""
    chosen: list[Taken] = []
    async with running(client_with()) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("a")
        await until(pilot, lambda: "20 000 marked: 20 000 files" in text_of(app))
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "19 998 marked: 19 998 files" in text_of(app))
        assert screen.box.value == "3-20000"
        await pilot.press("enter")
        await until(pilot, lambda: chosen != [])
        assert chosen[0] == Taken((PLACE,), (), ("/f000000", "/f000001"))


async def test_half_of_very_many_is_refused_with_a_way_out() -> None:
    """Ten thousand single rows cannot be named; nothing is taken that was not meant."""
    chosen: list[Taken] = []
    async with running(client_with()) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("s", *"1-10000", "tab")
        await until(pilot, lambda: "10 000 marked" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: any("too many" in note.message for note in app._notifications))
        assert chosen == []


async def test_marks_stay_with_their_names_when_the_list_is_read_again() -> None:
    """A file came before the marked one: the mark moves with it. A marked one that is gone is told."""
    names = [f"f{n:03}" for n in range(50)]

    def pages(_: ListEntries) -> EntryPage:
        return EntryPage(entries=tuple(Entry(key=name, size=1) for name in sorted(names)))

    client = client_with(pages=pages)
    async with running(client) as (app, pilot):
        screen = BrowseScreen(PLACE, lambda _: None)
        app.push_screen(screen)
        await until(pilot, lambda: "f003" in text_of(app))
        await pilot.press("down", "space", "down", "space")
        names += ["a-new-one"]
        names.remove("f002")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "a-new-one" in text_of(app) and screen.marks.chosen == {2})
        await until(pilot, lambda: any("not there any more" in note.message for note in app._notifications))
        assert len([ask for ask in client.asked if isinstance(ask, CloseListing)]) == 1


async def test_an_engine_that_began_anew_is_no_dead_end() -> None:
    """The listing is gone with the old engine: it is read again, and that its marks are gone is said."""
    client = client_with(100)
    async with running(client) as (app, pilot):
        screen = BrowseScreen(PLACE, lambda _: None)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("space")
        await until(pilot, lambda: "1 marked: 1 file" in text_of(app))
        read = client.answers[ReadListing]
        old = screen._level.id

        def forgotten(ask: ReadListing) -> Any:
            if ask.id == old:
                raise HaulierError(Code.NOT_FOUND, "This list is not open in the engine any more.")
            return read(ask)

        client.answers[ReadListing] = forgotten
        await pilot.press("t")
        await until(pilot, lambda: any("has closed the list" in note.message for note in app._notifications))
        await until(pilot, lambda: "f000003" in text_of(app) and "100 here" in text_of(app))
        assert not screen.marks.chosen


async def test_a_listing_that_breaks_shows_what_it_has_and_goes_on() -> None:
    """The rows stay, the reason stands above them, and the reload key goes on from there."""
    broken = [True]

    def pages(ask: ListEntries) -> EntryPage:
        start = int(ask.cursor or 0)
        if start and broken:
            from core.errors import NetworkTrouble

            raise NetworkTrouble("list logs: connection reset")
        found = tuple(Entry(key=f"f{n:06}", size=1) for n in range(start, start + 1000))
        return EntryPage(entries=found, cursor="1000" if not start else "")

    async with running(client_with(pages=pages)) as (app, pilot):
        app.push_screen(BrowseScreen(PLACE, lambda _: None))
        await until(pilot, lambda: "listing stopped" in text_of(app) and "connection reset" in text_of(app))
        assert "f000003" in text_of(app)
        broken.clear()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "2 000 here" in text_of(app) and "stopped" not in text_of(app))


async def test_a_place_that_cannot_be_opened_says_why_and_is_asked_again() -> None:
    client = client_with(10)
    opened = client.answers[OpenListing]

    def refuse(_: OpenListing) -> Any:
        raise HaulierError(Code.BLOCKED, "403 AccessDenied\x1b[2J", "Ask for s3:ListBucket.")

    client.answers[OpenListing] = refuse
    async with running(client) as (app, pilot):
        app.push_screen(BrowseScreen(PLACE, lambda _: None))
        await until(pilot, lambda: "cannot be listed" in text_of(app) and "s3:ListBucket" in text_of(app))
        client.answers[OpenListing] = opened
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "f000003" in text_of(app))


async def test_leaving_closes_what_was_opened() -> None:
    """Every listing of the tree is given back to the engine."""
    client = client_with()
    async with running(client) as (app, pilot):
        app.push_screen(BrowseScreen(PLACE, lambda _: None))
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: any(isinstance(ask, CloseListing) for ask in client.asked))


async def test_two_sides_become_a_job_with_its_target() -> None:
    """Only the differences, two marked, Enter: the options of a job from this folder to the one beside it."""
    async with running(path_client(), size=(100, 30)) as (app, pilot):
        from tui.screens.new_job import NewJob

        pair = PairScreen(s3("prod", "logs", "2026/"), s3("dr", "copy", "old/"), NewJob(app).pair_chosen)
        app.push_screen(pair)
        await until(pilot, lambda: "side by side" in text_of(app) and "2026-01/" in text_of(app))
        await pilot.press("f")
        await until(pilot, lambda: "only what differs" in text_of(app) and "so far" not in text_of(app))
        rows = [row for row in pair.table.rows[:50] if row is not None]
        assert {row.difference for row in rows} <= {"", "size", "older", "source", "target", "content"}
        await pilot.press("home", "space", "enter")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen))
        draft = app.screen._draft  # type: ignore[attr-defined]
        assert draft.sources == (s3("prod", "logs", "2026/"),)
        assert draft.options.include == ("/2026-01/",)
        assert draft.destination.place == s3("dr", "copy", "old/")


async def test_a_folder_inside_two_sides_goes_to_the_folder_of_its_name() -> None:
    """And swapping exchanges source and target, but for a source that cannot be written to."""
    taken: list[tuple[Taken, Place]] = []
    async with running(path_client(), size=(100, 30)) as (app, pilot):
        pair = PairScreen(s3("prod", "logs"), s3("dr", "copy", "old"), lambda *both: taken.append(both))
        app.push_screen(pair)
        await until(pilot, lambda: "2026-02/" in text_of(app))
        await pilot.press("down", "right")
        await until(pilot, lambda: "dr:copy/old/2026-02/" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: taken != [])
        assert taken[0] == (Taken((s3("prod", "logs", "2026-02/"),)), s3("dr", "copy", "old/2026-02/"))
        await pilot.press("w")
        await until(pilot, lambda: app.screen is not pair and "2026-02/" in text_of(app))
        assert app.screen._source == s3("dr", "copy", "old/")  # type: ignore[attr-defined]
        hub = Place(kind="hub", connection="hf", bucket="org/name")
        app.push_screen(PairScreen(hub, s3("dr", "copy"), lambda *_: None))
        await pilot.press("w")
        await until(pilot, lambda: any("only be the source" in note.message for note in app._notifications))


async def test_details_of_both_sides_and_of_what_is_gone() -> None:
    """Hostile texts are shown as what they are; an object that vanished says so; reload asks again."""
    client = path_client()
    details = client.answers[LookAtObject]

    def one_is_gone(ask: LookAtObject) -> Any:
        if ask.place.connection == "dr":
            raise HaulierError(Code.NOT_FOUND, "no such object\x1b[2J")
        return details(ask)

    client.answers[LookAtObject] = one_is_gone
    async with running(client, size=(100, 40)) as (app, pilot):
        app.push_screen(ObjectScreen((s3("prod", "logs", "a"), s3("dr", "logs", "a"))))
        await until(pilot, lambda: "crc64nvme" in text_of(app))
        text = text_of(app)
        assert "123 456 789 bytes" in text
        assert "\x1b" not in text
        await pilot.press("end")
        await until(pilot, lambda: "no such object␛[2J" in text_of(app))
        assert "deleted" in text_of(app)
        asked = len(client.asked)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(client.asked) > asked)


async def test_the_target_s_folder_is_found_by_looking() -> None:
    """→ on a bucket, → into a folder, Enter: the prefix stands in the form; nothing can be marked."""
    chosen: list[Any] = []
    async with running(path_client(), size=(100, 30)) as (app, pilot):
        target = TargetScreen("new job", "dr", (PLACE,), chosen.append)
        app.push_screen(target)
        await until(pilot, lambda: "archive-2023" in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: "2026-02/" in text_of(app))
        await pilot.press("space", "4", "down", "right")
        await until(pilot, lambda: "dr:archive-2023/2026-03/" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is target and target.form["prefix"] == "2026-03/")
        await pilot.press("enter")
        await until(pilot, lambda: chosen != [])
        assert chosen[0].place == s3("dr", "archive-2023", "2026-03/")


def held_back(client: RecordedClient, kind: type[Any]) -> asyncio.Event:
    """Answers to this question come only once the event is set."""
    answer, go_on = client.answers[kind], asyncio.Event()

    async def wait(ask: Any) -> Any:
        await go_on.wait()
        return answer(ask)

    client.answers[kind] = wait
    return go_on


async def test_nothing_is_taken_while_it_is_not_known_what_is_marked() -> None:
    """A glob that the engine has not looked up yet means no row so far: Enter takes nothing then, and never the
    whole folder; afterwards what it means."""
    chosen: list[Taken] = []
    client = client_with(3_000)
    go_on = held_back(client, FindInListing)
    async with running(client) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("s", "asterisk", *"12", "tab", "enter")
        await until(pilot, lambda: any("still being read" in note.message for note in app._notifications))
        assert chosen == []
        go_on.set()
        await until(pilot, lambda: len(screen.marks.chosen) == 30)
        await pilot.press("enter")
        await until(pilot, lambda: chosen != [])
        assert len(chosen[0].include) == 30


async def test_marks_that_come_back_after_a_reload_are_waited_for() -> None:
    """From the reload until the marks are found again, Enter takes nothing; what was marked meanwhile stays."""
    chosen: list[Taken] = []
    client = client_with(100)
    async with running(client) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("space")
        await until(pilot, lambda: "1 marked: 1 file" in text_of(app))
        go_on = held_back(client, FindInListing)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: screen._level.again != () and screen._level.complete)
        await pilot.press("enter")
        await until(pilot, lambda: any("still being read" in note.message for note in app._notifications))
        assert chosen == []
        await pilot.press("down", "down", "space")
        go_on.set()
        await until(pilot, lambda: screen.marks.chosen == {0, 2})


async def test_a_left_folder_with_a_glob_is_read_to_its_end() -> None:
    """`all` in a folder that is not read to its end, and back: its marks become known from above."""

    def pages(ask: ListEntries) -> EntryPage:
        if not ask.place.path.endswith("deep/"):
            return EntryPage(entries=(Entry(key="deep/", is_folder=True), Entry(key="x", size=1)))
        start = int(ask.cursor or 0)
        found = tuple(Entry(key=f"f{n:06}", size=1) for n in range(start, start + 1000))
        return EntryPage(entries=found, cursor=str(start + 1000) if start < 9_000 else "")

    chosen: list[Taken] = []
    async with running(client_with(pages=pages)) as (app, pilot):
        app.push_screen(BrowseScreen(PLACE, chosen.append))
        await until(pilot, lambda: "deep/" in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("a", "left")
        await until(pilot, lambda: "10 000 marked: 10 000 files" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: chosen != [])
        assert chosen == [Taken((s3("prod", "logs", "2026/deep/"),))]


async def test_marks_of_a_folder_stay_when_the_one_above_is_read_anew() -> None:
    """A folder came before it above, and is marked: what is marked below is taken, too."""
    above = ["b/"]

    def pages(ask: ListEntries) -> EntryPage:
        if ask.place.path.endswith("b/"):
            return EntryPage(entries=(Entry(key="x", size=1), Entry(key="y", size=1)))
        return EntryPage(entries=tuple(Entry(key=name, is_folder=True) for name in sorted(above)))

    chosen: list[Taken] = []
    async with running(client_with(pages=pages)) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "b/" in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: "2 here" in text_of(app))
        await pilot.press("space", "left")
        await until(pilot, lambda: "1 marked" in text_of(app))
        above.append("aa/")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "aa/" in text_of(app))
        await pilot.press("home", "space", "enter")
        await until(pilot, lambda: chosen != [])
        assert set(chosen[0].include) == {"/aa/", "/b/x"}


async def test_a_closed_list_of_another_folder_is_not_blamed_on_this_one() -> None:
    """The listing of a marked folder that one has left is gone: it is read again once, and this one stays."""
    client = client_with(100)
    async with running(client) as (app, pilot):
        screen = BrowseScreen(PLACE, lambda _: None)
        app.push_screen(screen)
        await until(pilot, lambda: "f000003" in text_of(app))
        await pilot.press("space")
        await until(pilot, lambda: "1 marked: 1 file" in text_of(app))
        gone = screen._level.id
        screen._path = "other/"
        screen._tree.enter("other/")
        screen._enter()
        await until(pilot, lambda: "100 here" in text_of(app) and screen._level.id != "")
        here = screen._level.id
        summed = client.answers[SumOfListing]

        def forgotten(ask: SumOfListing) -> Any:
            if ask.id == gone:
                raise HaulierError(Code.NOT_FOUND, "This list is not open in the engine any more.")
            return summed(ask)

        client.answers[SumOfListing] = forgotten
        screen._tree.levels[""].summed = None
        screen._asking.wake()
        await until(pilot, lambda: any("has closed the list" in note.message for note in app._notifications))
        await pilot.pause(0.3)
        assert screen._level.id == here
        assert len([ask for ask in client.asked if isinstance(ask, OpenListing)]) == 2


async def test_what_is_only_at_the_target_is_no_source() -> None:
    """Marked alone, it makes no job of everything."""
    taken: list[Any] = []
    mine, theirs = [Entry(key="a", size=1)], [Entry(key="a", size=1), Entry(key="b", size=1)]

    def pages(ask: ListEntries) -> EntryPage:
        return EntryPage(entries=tuple(theirs if ask.place.connection == "dr" else mine))

    async with running(client_with(pages=pages), size=(100, 30)) as (app, pilot):
        app.push_screen(PairScreen(s3("prod", "logs"), s3("dr", "copy"), lambda *both: taken.append(both)))
        await until(pilot, lambda: "only at the target" in text_of(app))
        await pilot.press("end", "space", "enter")
        await until(pilot, lambda: any("only at the target" in note.message for note in app._notifications))
        assert taken == []


async def test_many_folders_looked_into_are_closed_but_for_the_marked_ones() -> None:
    """Forty folders walked through: few listings stay open, and the first one's mark is still there."""

    def pages(ask: ListEntries) -> EntryPage:
        if ask.place.path == "2026/":
            return EntryPage(entries=tuple(Entry(key=f"d{n:02}/", is_folder=True) for n in range(40)))
        return EntryPage(entries=(Entry(key="x", size=1),))

    client, chosen = client_with(pages=pages), []  # type: ignore[var-annotated]
    async with running(client) as (app, pilot):
        screen = BrowseScreen(PLACE, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "d03/" in text_of(app))
        for number in range(40):
            await pilot.press("right")
            inside = f"/d{number:02}/"
            await until(
                pilot, partial(lambda words: words in text_of(app) and "1 here" in text_of(app), inside)
            )
            await pilot.press(*(["space"] if not number else []), "left", "down")
        await until(pilot, lambda: len([level for level in screen._tree.levels.values() if level.id]) <= 25)
        await pilot.press("enter")
        await until(pilot, lambda: chosen != [])
        assert chosen[0].places[0].path == "2026/d00/x"
