"""The steps of a new job between the pickers and the plan."""

from __future__ import annotations

from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import ListBuckets, PlanJob
from core.model import Compare, JobKind, Pair, Place
from tests.app.driving import running, text_of, until
from tests.app.recorded import s3
from tests.app.recorded_path import path_client
from tui.app import HaulierApp
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.folder import FolderScreen
from tui.screens.new_job import NewJob
from tui.screens.options import OptionsScreen
from tui.screens.places import PlacesScreen
from tui.screens.plan import PlanScreen
from tui.screens.target import TargetScreen


async def at_target_of(app: HaulierApp, pilot: Pilot[None], *sources: Place) -> TargetScreen:
    """At the target's screen of the connection dr."""
    NewJob(app).sources_chosen(sources)
    await until(pilot, lambda: isinstance(app.screen, PlacesScreen) and "dr" in text_of(app))
    await pilot.press("home", "enter")
    await until(pilot, lambda: isinstance(app.screen, TargetScreen) and "→ dr:" in text_of(app))
    assert isinstance(app.screen, TargetScreen)
    return app.screen


async def test_the_whole_way_and_all_the_way_back() -> None:
    """Each step is one Enter forward and one Esc back, and what was chosen is found again on the way back."""
    client = path_client()
    async with running(client) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, PlacesScreen) and "prod" in text_of(app))
        await pilot.press("home", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, BucketPicker) and "exports" in text_of(app))
        await pilot.press("space", "down", "space", "enter")
        await until(
            pilot,
            lambda: isinstance(app.screen, PlacesScreen) and "prod:archive-2023, archive-2024" in text_of(app),
        )
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, TargetScreen) and "dr:archive-2024" in text_of(app))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        spec = next(ask.spec for ask in client.asked if isinstance(ask, PlanJob))
        assert spec.pairs == tuple(
            Pair(source=s3("prod", name), target=s3("dr", name)) for name in ("archive-2023", "archive-2024")
        )
        for screen in (OptionsScreen, TargetScreen, PlacesScreen, BucketPicker, PlacesScreen):
            await pilot.press("escape")
            await until(pilot, lambda screen=screen: isinstance(app.screen, screen))  # type: ignore[misc]
            if isinstance(app.screen, BucketPicker):
                assert app.screen.marks.box == "1-2"
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_every_source_bucket_gets_a_bucket_or_a_folder_and_the_screen_shows_which() -> None:
    """Both layouts, a pattern that is wrong while it is typed, a prefix; what goes where stands below."""
    async with running(path_client()) as (app, pilot):
        screen = await at_target_of(app, pilot, s3("prod", "backups"), s3("prod", "lake"))
        assert "prod:lake → dr:lake" in text_of(app)
        await pilot.press("down", "X")
        assert "cannot be a bucket's name" in text_of(app)
        await pilot.press("enter")
        assert app.screen is screen
        await pilot.press("backspace", *"-copy")
        assert "prod:lake → dr:lake-copy new" in text_of(app)
        await pilot.press("up", "right", "down", *"2026")
        assert "prod:lake → dr:archive-2023/2026/lake/" in text_of(app)


async def test_a_new_bucket_is_named_and_stands_first() -> None:
    """It is checked, marked as to be created, and chosen."""
    async with running(path_client()) as (app, pilot):
        await at_target_of(app, pilot, s3("prod", "backups"))
        await pilot.press("b", *"brand-new", "enter")
        await until(pilot, lambda: "will be created" in text_of(app))
        assert "prod:backups → dr:brand-new new" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen) and "dr:brand-new" in text_of(app))


async def test_where_a_target_cannot_be_listed_a_name_still_can_be_typed() -> None:
    """And it is not called new, because nobody knows."""

    def refuse(_: ListBuckets) -> None:
        raise HaulierError(Code.BLOCKED, "403 AccessDenied")

    client = path_client()
    client.answers[ListBuckets] = refuse
    async with running(client) as (app, pilot):
        NewJob(app).sources_chosen((s3("prod", "backups"), s3("prod", "backups", "x/")))
        await until(pilot, lambda: isinstance(app.screen, PlacesScreen) and "dr" in text_of(app))
        await pilot.press("home", "enter")
        await until(pilot, lambda: "cannot be listed" in text_of(app))
        await pilot.press("b", *"mine", "enter")
        await until(pilot, lambda: "→ dr:mine/backups/" in text_of(app))
        assert "will be created" not in text_of(app)


async def test_a_folder_is_completed_and_a_new_one_announced() -> None:
    """Tab goes as far as names agree, then takes the one under the cursor; hidden ones wait for their dot."""
    chosen: list[Place] = []
    async with running(path_client()) as (app, pilot):
        app.push_screen(FolderScreen("target", "Into which folder?", "/data/", False, chosen.append))
        await until(pilot, lambda: "corpus/" in text_of(app))
        assert ".cache" not in text_of(app)
        await pilot.press("i", "tab")
        assert "/data/image" in text_of(app)
        await pilot.press("down", "tab")
        await until(pilot, lambda: "/data/imagenet/" in text_of(app))
        await pilot.press(*"new")
        await until(pilot, lambda: "will be created" in text_of(app))
        await pilot.press("enter")
        assert chosen == [Place(kind="local", path="/data/imagenet/new/")]


async def test_a_source_folder_has_to_be_there() -> None:
    """Nothing goes on with a path that does not exist or is not whole."""
    chosen: list[Place] = []
    async with running(path_client()) as (app, pilot):
        app.push_screen(FolderScreen("source", "Which folder?", "/data/nope", True, chosen.append))
        await until(pilot, lambda: "is not there" in text_of(app))
        await pilot.press("enter", "ctrl+u", *"data", "enter")
        assert "A path begins with /" in text_of(app)
        assert chosen == []
        await pilot.press("ctrl+u", "slash", *"data", "slash", "enter")
        await until(pilot, lambda: bool(chosen))


async def test_options_are_checked_at_their_fields_before_the_plan_is_made() -> None:
    """A wrong value keeps the screen and takes the focus; right ones go into the spec."""
    client = path_client()
    async with running(client) as (app, pilot):
        await at_target_of(app, pilot, s3("prod", "backups"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen))
        await pilot.press("right", "down", "right", "down", "right", "right", "down", *"logs", "slash")
        await pilot.press("down", "down", "down", *"99999", "enter")
        assert isinstance(app.screen, OptionsScreen)
        assert "a number from 1 to 160" in text_of(app)
        assert app.screen.form.field("workers").control.has_focus
        await pilot.press("ctrl+u", *"8", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        spec = next(ask.spec for ask in client.asked if isinstance(ask, PlanJob))
        assert spec.kind is JobKind.SYNC
        assert spec.options.delete
        assert spec.options.compare is Compare.CHECKSUM
        assert spec.options.include == ("logs/",)
        assert spec.options.workers == 8


async def test_an_engine_that_refuses_the_plan_leaves_the_options_standing() -> None:
    """The refusal is said; nothing that was typed is lost."""

    def refuse(_: PlanJob) -> None:
        raise HaulierError(Code.NOT_FOUND, "There is no connection dr.")

    client = path_client()
    client.answers[PlanJob] = refuse
    async with running(client) as (app, pilot):
        await at_target_of(app, pilot, s3("prod", "backups"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OptionsScreen))
        await pilot.press("enter")
        await until(pilot, lambda: any("no connection dr" in note.message for note in app._notifications))
        assert isinstance(app.screen, OptionsScreen)


async def test_a_place_found_by_looking_inside_begins_a_job() -> None:
    """From the connections: into a bucket, take the folder, and the next question is where to."""
    async with running(path_client()) as (app, pilot):
        app.push_screen(BucketPicker("prod"))
        await until(pilot, lambda: "exports" in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: isinstance(app.screen, BrowseScreen) and "2026-01/" in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: "archive-2023/2026-01" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlacesScreen))
        assert "prod:archive-2023/2026-01/" in text_of(app)
