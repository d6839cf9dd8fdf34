"""The repository picker, its form, the search and the tree, under a keyboard."""

from __future__ import annotations

import time

from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.filters import Filters
from core.messages import DropRepo, KeepRepo, ListEntries, LookAtRepo, Measure, PlanJob, ProvideKeys
from core.model import ADHOC_HUB, KeptRepo, Place
from tests.app.driving import an_app, running, text_of, until
from tests.app.recorded import BUILD, RecordedClient, RecordedEngine
from tests.app.recorded_hub import LARGE_FOLDER, hub_client
from tui.app import HaulierApp
from tui.draft import Taken
from tui.screens.browse import BrowseScreen
from tui.screens.folder import FolderScreen
from tui.screens.places import PlacesScreen
from tui.screens.repo_edit import RepoEditScreen
from tui.screens.repo_search import RepoSearchScreen
from tui.screens.repos import RepoPicker

CORPUS = Place(kind="hub", connection="hf", bucket="datasets/open/corpus")


async def open_repos(app: HaulierApp, pilot: Pilot[None], chosen: list[Taken]) -> RepoPicker:
    picker = RepoPicker("hf", chosen.append)
    app.push_screen(picker)
    await until(pilot, lambda: bool(picker.marks.names) and "missing" in text_of(app))
    return picker


def asked(client: RecordedClient, kind: type) -> list[object]:
    return [ask for ask in client.asked if isinstance(ask, kind)]


async def test_from_new_job_to_a_plan_of_a_marked_repository() -> None:
    """`hf://` among the sources, two marks by number, a folder: the plan names all of it, and what hf:// is."""
    client = hub_client()
    async with running(client) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: "hf://" in text_of(app))
        await pilot.press("home", "down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RepoPicker) and "missing" in text_of(app))
        await pilot.press("4", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlacesScreen) and "To where?" in text_of(app))
        assert "hf://" in text_of(app)
        assert "a list" not in text_of(app)  # nothing can be written to a list
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, FolderScreen))
        await pilot.press("ctrl+u", *"/data/new", "enter")
        await until(pilot, lambda: "fetched by" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: bool(asked(client, PlanJob)))
        plan = asked(client, PlanJob)[0]
        assert isinstance(plan, PlanJob)
        source = plan.spec.pairs[0].source
        assert (source.bucket, source.revision) == ("datasets/open/corpus-of-everything-ever-written", "v2.1")
        assert plan.spec.adhoc == app.own_hub.connection


async def test_the_token_of_the_environment_reaches_the_engine_once_and_no_screen() -> None:
    """HF_TOKEN is given to the engine when the Hub is opened; no screen shows it."""
    client = hub_client()
    app = HaulierApp(RecordedEngine(client), build=BUILD, environ={"HF_TOKEN": "hf_secret"})
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(2):
            await open_repos(app, pilot, [])
            assert "hf_secret" not in text_of(app)
            await pilot.press("escape")
        given = asked(client, ProvideKeys)
        assert len(given) == 1
        assert all("hf_secret" not in repr(ask) for ask in client.asked)


async def test_adding_is_checked_and_what_is_wrong_stands_in_the_form() -> None:
    """A typo is refused in the Hub's words at its field; the right one is kept and under the cursor."""
    client = hub_client()
    async with running(client) as (app, pilot):
        picker = await open_repos(app, pilot, [])
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, RepoEditScreen))
        await pilot.press(*"typo/typo", "enter")
        await until(pilot, lambda: "There is no dataset typo/typo" in text_of(app))
        assert not asked(client, KeepRepo)
        await pilot.press("ctrl+u", *"https://huggingface.co/datasets/my/set/tree/v1", "enter")
        await until(pilot, lambda: app.screen is picker and "my/set" in text_of(app))
        assert asked(client, KeepRepo) == [
            KeepRepo(repo=KeptRepo(id="my/set", kind="datasets", connection=ADHOC_HUB, revision="v1"))
        ]
        assert picker.current is not None
        assert picker.current.id == "my/set"


async def test_what_is_no_id_is_said_and_nothing_is_asked() -> None:
    """Empty, a path within a repository, one that is in the list already: named in the form."""
    client = hub_client()
    async with running(client) as (app, pilot):
        await open_repos(app, pilot, [])
        looked = len(asked(client, LookAtRepo))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, RepoEditScreen))
        for typed, words in (
            ("", "Type the repository's id"),
            ("hf://datasets/org/name/data/x.json", "is a path within a repository"),
            ("hf://gpt2", "is in the list already"),
        ):
            if typed == "hf://gpt2":
                await pilot.press("down", "right", "right", "up")  # datasets, spaces, models
            await pilot.press("ctrl+u", *typed, "enter")
            await until(pilot, lambda words=words: words in text_of(app))  # type: ignore[misc]
        assert len(asked(client, LookAtRepo)) == looked


async def test_a_hub_that_does_not_answer_leaves_the_choice_to_keep_it_unchecked() -> None:
    """Only an explicit y keeps what could not be looked at; Enter does not."""
    client = hub_client()

    def away(_: LookAtRepo) -> None:
        raise HaulierError(Code.BLOCKED, "huggingface.co does not answer", "A mirror may: see the connection.")

    async with running(client) as (app, pilot):
        await open_repos(app, pilot, [])
        client.answers[LookAtRepo] = away
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, RepoEditScreen))
        await pilot.press(*"some/set", "enter")
        await until(pilot, lambda: "keep it unchecked" in text_of(app))
        await pilot.press("enter")
        assert not asked(client, KeepRepo)
        await pilot.press("y")
        await until(pilot, lambda: len(asked(client, KeepRepo)) == 1)


async def test_removing_asks_first() -> None:
    """Delete asks; Enter is no answer, Esc keeps, y removes."""
    client = hub_client()
    async with running(client) as (app, pilot):
        await open_repos(app, pilot, [])
        await pilot.press("home", "delete", "enter", "escape")
        assert not asked(client, DropRepo)
        await pilot.press("delete", "y")
        await until(pilot, lambda: "gpt2" not in text_of(app))
        assert asked(client, DropRepo) == [DropRepo(id="gpt2", kind="models", connection="hf")]


async def test_only_what_is_marked_or_asked_for_is_counted() -> None:
    """Counting lists a whole repository, so looking at the list alone counts nothing."""
    client = hub_client()
    async with running(client) as (app, pilot):
        await open_repos(app, pilot, [])
        assert not asked(client, Measure)
        await pilot.press("home", "c")
        await until(pilot, lambda: len(asked(client, Measure)) == 1)
        await pilot.press("down", "space")
        await until(pilot, lambda: "1 marked: " in text_of(app))
        assert len(asked(client, Measure)) == 2


async def test_what_was_asked_to_be_counted_and_is_gone_is_forgotten() -> None:
    """Counted, then removed from the list: nothing goes on asking for it."""
    client = hub_client()
    async with running(client) as (app, pilot):
        picker = await open_repos(app, pilot, [])
        await pilot.press("home", "c")
        await until(pilot, lambda: len(asked(client, Measure)) == 1)
        await pilot.press("delete", "y")
        await until(pilot, lambda: app.screen is picker and "gpt2" not in text_of(app))
        await pilot.press("ctrl+r")
        await pilot.pause(1.0)
        assert "defect" not in text_of(app)
        assert len(asked(client, Measure)) == 1


async def test_searching_keeps_with_enter_and_says_what_is_kept() -> None:
    """Words and a type; Enter on a row keeps it; back in the list it is there."""
    client = hub_client()
    async with running(client) as (app, pilot):
        picker = await open_repos(app, pilot, [])
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, RepoSearchScreen))
        await pilot.press(*"imagenet", "enter")
        await until(pilot, lambda: "tiny-imagenet" in text_of(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: text_of(app).count("kept") >= 2)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is picker and "tiny-imagenet" in text_of(app))


async def test_a_tree_is_marked_by_box_and_dots_and_taken_with_its_shape() -> None:
    """Marks on folders and files become one source with patterns that mean exactly them."""
    chosen: list[Taken] = []
    client = hub_client()
    async with running(client) as (app, pilot):
        app.push_screen(BrowseScreen(CORPUS, chosen.append))
        await until(pilot, lambda: "README.md" in text_of(app))
        await pilot.press("s", *"1 4-5", "tab")
        await until(pilot, lambda: "3 marked: " in text_of(app) and "≥" not in text_of(app))
        await pilot.press("enter")
        taken = chosen[0]
        assert taken.places == (CORPUS,)
        filters = Filters(taken.include, taken.exclude)
        kept = [
            filters.wants(name) for name in ("data/x/y", "README.md", "config.json", "images/README.md", "x")
        ]
        assert kept == [True, True, True, False, False]


async def test_nothing_marked_takes_the_folder_one_is_in() -> None:
    """And one marked file is that file."""
    chosen: list[Taken] = []
    async with running(hub_client()) as (app, pilot):
        app.push_screen(BrowseScreen(CORPUS, chosen.append))
        await until(pilot, lambda: "README.md" in text_of(app))
        await pilot.press("down", "right")
        await until(pilot, lambda: "corpus/images/" in text_of(app) and "README.md" in text_of(app))
        await pilot.press("enter")
        await pilot.press("down", "space", "enter")
        assert [one.places[0].path for one in chosen] == ["images/", "images/README.md"]


async def test_a_folder_of_100_000_files_stays_usable_and_a_glob_means_all_of_them() -> None:
    """Pages come as one goes; `*.json` reads the rest and marks a quarter of it; a key is answered at once."""
    chosen: list[Taken] = []
    client = hub_client()
    async with running(client) as (app, pilot):
        screen = BrowseScreen(CORPUS, chosen.append)
        app.push_screen(screen)
        await until(pilot, lambda: "README.md" in text_of(app))
        await pilot.press("home", "right")
        await until(pilot, lambda: "train-000000" in text_of(app))
        assert len(asked(client, ListEntries)) < 6, "no further than somebody looks"
        await pilot.press("s", "asterisk", *".json")
        await until(pilot, lambda: len(screen.marks.names) == LARGE_FOLDER, 60)
        await until(pilot, lambda: len(screen.marks.chosen) == LARGE_FOLDER // 4)
        assert len(asked(client, ListEntries)) == 1 + LARGE_FOLDER // 1000
        await pilot.press("tab", "enter")
        await until(pilot, lambda: chosen != [])
        filters = Filters(chosen[0].include, chosen[0].exclude)
        assert chosen.pop().places[0].path == "data/"
        assert [filters.wants(name) for name in ("a.json", "a.parquet", "sub/a.json")] == [True, False, False]
        began = time.monotonic()
        await pilot.press("end", "up", "space", "home")
        assert time.monotonic() - began < 3.0
        await pilot.press("enter")
        await until(pilot, lambda: any("too many" in note.message for note in app._notifications))
        assert chosen == []


async def test_patterns_are_shown_and_go_with_what_is_taken() -> None:
    """What they leave out is dimmed and not counted; the job gets them."""
    chosen: list[Taken] = []
    async with running(hub_client()) as (app, pilot):
        app.push_screen(BrowseScreen(CORPUS, chosen.append))
        await until(pilot, lambda: "README.md" in text_of(app))
        await pilot.press("f", "asterisk", *".json", "down", *"config", "asterisk", "enter")
        await until(pilot, lambda: "only *.json" in text_of(app) and "without config*" in text_of(app))
        await pilot.press("enter")
        assert chosen == [Taken((CORPUS,), ("*.json",), ("config*",))]


def test_the_recorded_app_knows_its_own_hub() -> None:
    """No token, no endpoint of the machine that the tests run on."""
    assert an_app(hub_client()).own_hub.connection.endpoint == ""
