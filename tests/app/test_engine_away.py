"""The engine is away: said on every screen, mended from every screen, and nothing is asked of nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import pytest
from textual.screen import Screen

from core.errors import Code, HaulierError
from core.messages import (
    Analyse,
    CancelJob,
    CheckSystem,
    DiskFiles,
    DiskList,
    FindOnDisks,
    FolderPage,
    FoundRepos,
    ListDisks,
    ListFolders,
    SearchRepos,
    StartJob,
    SystemCheckLine,
    SystemReport,
)
from core.model import Analysis, FolderView, FoundRepo, JobState, KnownDisk, Place, Tally
from tests.app.driving import running, text_of, until
from tests.app.recorded import Answer, RecordedClient, a_job, a_plan, a_snapshot
from tui.app import HaulierApp
from tui.draft import Taken
from tui.screens.analysis import AnalysisScreen
from tui.screens.ask import QuestionScreen
from tui.screens.check import CheckScreen
from tui.screens.confirm import YesDialog
from tui.screens.disk_files import DiskFilesScreen
from tui.screens.disks import DisksScreen
from tui.screens.folders import FoldersScreen
from tui.screens.job import JobScreen
from tui.screens.log import LogScreen
from tui.screens.plan import PlanScreen
from tui.screens.repo_search import RepoSearchScreen
from tui.state import Link

HERE = Place(kind="local", path="/data")
WAY_OUT = "F5 starts it again."
ANSWERS: Mapping[type, Answer] = {
    Analyse: lambda _: Analysis(total=Tally(count=12, bytes=34)),
    CheckSystem: lambda _: SystemReport(
        checks=(SystemCheckLine(name="memory", level="ok", detail="plenty"),), ok=True
    ),
    FindOnDisks: lambda _: DiskFiles(files=()),
    ListDisks: lambda _: DiskList(disks=(KnownDisk(id="d1", label="blue disk"),)),
    ListFolders: lambda _: FolderPage(folders=(FolderView(pair=0, name="y2026/", prefix="y2026/"),), pair=0),
    SearchRepos: lambda _: FoundRepos(repos=(FoundRepo(id="org/corpus", kind="datasets"),)),
}
Opening = Callable[[], Screen[None]]
# What is opened, and the words that show that the engine has answered.
SCREENS: dict[str, tuple[Opening, str]] = {
    "files": (partial(JobScreen, 7, "items"), "app-0401.json.zst"),
    "errors": (partial(JobScreen, 7, "errors"), "503 SlowDown"),
    "folders": (partial(FoldersScreen, 7), "y2026/"),
    "log": (LogScreen, "Parts of 64 MiB"),
    "check": (partial(CheckScreen, (HERE,)), "plenty"),
    "analysis": (partial(AnalysisScreen, Taken((HERE,)), lambda _: None), "12 files"),
    "disks": (DisksScreen, "blue disk"),
    "disk files": (partial(DiskFilesScreen, "Files", lambda *_: FindOnDisks(contains="x")), "No file"),
}


def answering(boot_id: str = "boot-2") -> RecordedClient:
    client = RecordedClient(boot_id=boot_id)
    client.answers |= ANSWERS
    return client


async def lose(app: HaulierApp, pilot: object, client: RecordedClient) -> None:
    client.break_line()
    await until(pilot, lambda: app.view.link is Link.AWAY)  # type: ignore[arg-type]


def said(app: HaulierApp, message: str) -> bool:
    return any(note.message == message for note in app._notifications)


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_opened_while_the_engine_is_away(name: str) -> None:
    """It says so in its middle and how to start it; F5 does, and what was asked for comes by itself."""
    client = RecordedClient()
    opening, answered = SCREENS[name]
    async with running(client, size=(120, 30)) as (app, pilot):
        await lose(app, pilot, client)
        app.push_screen(opening())
        await until(pilot, lambda: "The engine is away." in text_of(app))
        assert answered not in text_of(app)
        assert "Engine gone." in text_of(app)
        assert "F5 start engine" in text_of(app)
        app.line._connector.serve(answering())  # type: ignore[attr-defined]
        await pilot.press("f5")
        await until(pilot, lambda: answered in text_of(app))
        assert "away" not in text_of(app)
        assert "F5 start engine" not in text_of(app)


async def test_a_search_while_the_engine_is_away() -> None:
    """A search for words says why nothing was found, in place of searching for ever."""
    client = RecordedClient()
    async with running(client, size=(100, 30)) as (app, pilot):
        await lose(app, pilot, client)
        app.push_screen(RepoSearchScreen("hub", (), lambda _: None))
        await until(pilot, lambda: "Search hub" in text_of(app))
        await pilot.press(*"corpus", "enter")
        await until(pilot, lambda: "The engine is away." in text_of(app))
        app.line._connector.serve(answering())  # type: ignore[attr-defined]
        await pilot.press("f5")
        await until(pilot, lambda: app.view.link is Link.UP)
        await pilot.press("enter")
        await until(pilot, lambda: "org/corpus" in text_of(app))


def planned() -> RecordedClient:
    plan = msgspec.structs.replace(a_plan(), needs_confirmation=True, hash="h1")
    return RecordedClient(a_snapshot(jobs=(a_job(9, JobState.PLANNED, "prod: → dr:", plan=plan),)))


async def test_the_engine_is_killed_while_yes_is_typed() -> None:
    """The dialog stands; YES starts nothing, says so, and the plan is there for another try."""
    first, second = planned(), planned()
    second._hello = msgspec.structs.replace(second.hello, boot_id="boot-2")
    async with running(first, size=(100, 30)) as (app, pilot):
        app.push_screen(PlanScreen(9))
        await until(pilot, lambda: "s start" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
        await pilot.press("Y")
        await lose(app, pilot, first)
        assert isinstance(app.screen, YesDialog)
        await pilot.press("E", "S", "enter")
        await until(pilot, lambda: said(app, f"Not started. The engine is away.\n{WAY_OUT}"))
        assert isinstance(app.screen, PlanScreen)
        app.line._connector.serve(second)  # type: ignore[attr-defined]
        await pilot.press("f5")
        await until(pilot, lambda: app.view.link is Link.UP)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
        await pilot.press(*"YES", "enter")
        await until(pilot, lambda: any(isinstance(ask, StartJob) for ask in second.asked))
        assert not any(isinstance(ask, StartJob) for ask in first.asked)


async def test_yes_goes_to_the_engine_that_came_back() -> None:
    """Killed and started again behind the dialog: YES names the plan to the new engine, which may refuse it."""
    first, second = planned(), planned()
    second._hello = msgspec.structs.replace(second.hello, boot_id="boot-2")

    def refuse(_: object) -> object:
        raise HaulierError(Code.REFUSED, "The plan changed.", "Plan again.")

    second.answers[StartJob] = refuse
    async with running(first, second, size=(100, 30)) as (app, pilot):
        app.push_screen(PlanScreen(9))
        await until(pilot, lambda: "s start" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
        first.break_line()
        await until(pilot, lambda: app.view.hello is not None and app.view.hello.boot_id == "boot-2")
        await pilot.press(*"YES", "enter")
        await until(pilot, lambda: "The plan changed." in text_of(app))
        assert [ask.plan_hash for ask in second.asked if isinstance(ask, StartJob)] == ["h1"]


async def test_the_engine_is_killed_while_a_question_is_open() -> None:
    """ "Cancel the job?" answered with yes when nobody is there: it is said, and nothing was cancelled."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen))
        await lose(app, pilot, client)
        app.screen.dismiss(True)
        await until(pilot, lambda: said(app, f"The engine is away.\n{WAY_OUT}"))
        assert not said(app, "Job 7 is cancelled.")
        assert not any(isinstance(ask, CancelJob) for ask in client.asked)
