"""Names, pastes and keys that come at the wrong place or time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import Input

from core.messages import (
    Analyse,
    CancelJob,
    CheckSystem,
    ConnectionList,
    DiskFiles,
    DiskList,
    FindOnDisks,
    FolderPage,
    FoundRepos,
    ListDisks,
    ListFolders,
    SearchRepos,
    SystemCheckLine,
    SystemReport,
)
from core.model import (
    Action,
    Analysis,
    BatchState,
    Connection,
    DiskFile,
    Entry,
    FolderView,
    FoundRepo,
    KnownDisk,
    Place,
    Tally,
)
from tests.app.driving import running, until
from tests.app.recorded import HOSTILE, RecordedClient
from tests.app.test_hostile_names import assert_harmless, hostile_client
from tui.app import MOST_PASTED
from tui.draft import Taken
from tui.screens.analysis import AnalysisScreen
from tui.screens.ask import QuestionScreen, ValueScreen
from tui.screens.check import CheckScreen
from tui.screens.check_ask import CheckAskScreen
from tui.screens.confirm import YesDialog
from tui.screens.connection_edit import ConnectionEditScreen
from tui.screens.disk_files import DiskFilesScreen
from tui.screens.disks import DisksScreen
from tui.screens.folder import FolderScreen
from tui.screens.folders import FoldersScreen
from tui.screens.name import NameScreen
from tui.screens.passphrase import PassphraseScreen
from tui.screens.plan_items import PlanItemsScreen
from tui.screens.repo_search import RepoSearchScreen

HERE = Place(kind="local", path="/data")
HUGE = "y" * 10_000_000
REFUSED = "10 000 000 characters were pasted"


# ---------------------------------------------------------------- hostile names


def hostile_screens(name: str) -> list[Callable[[], Screen[Any]]]:
    place = Place(kind="local", path=f"/{name}")
    return [
        partial(FoldersScreen, 7),
        partial(CheckScreen, (place,)),
        partial(AnalysisScreen, Taken((place,)), lambda _: None),
        DisksScreen,
        partial(DiskFilesScreen, name, lambda *_: FindOnDisks(contains="x")),
        partial(PlanItemsScreen, 7, Action.COPY, 2),
        partial(RepoSearchScreen, name, (), lambda _: None),
        partial(QuestionScreen, name, name, "yes", "no"),
        partial(ValueScreen, name, name, name, str),
        partial(FolderScreen, name, name, f"/{name}", True, lambda _: None),
        partial(ConnectionEditScreen, Connection(name=name, endpoint=name), name, ConnectionList()),
    ]


def hostile_everywhere(name: str) -> RecordedClient:
    client = hostile_client(name)
    client.answers |= {
        ListFolders: lambda _: FolderPage(folders=(FolderView(pair=0, name=name, prefix=name),), pair=0),
        CheckSystem: lambda _: SystemReport(
            checks=(SystemCheckLine(name=name, level="warn", detail=name, hint=name),), ok=True
        ),
        Analyse: lambda _: Analysis(
            total=Tally(count=2, bytes=9),
            unlistable=1,
            unlistable_examples=((name, name),),
            largest=(Entry(key=name, size=5),),
            folders=((name, Tally(count=1, bytes=5)),),
        ),
        ListDisks: lambda _: DiskList(disks=(KnownDisk(id=name, label=name, last_path=name),)),
        FindOnDisks: lambda _: DiskFiles(
            files=(DiskFile(name=name, size=1, batch=1, state=BatchState.SAFE, disk=name, digest=name),)
        ),
        SearchRepos: lambda _: FoundRepos(repos=(FoundRepo(id=name, kind="datasets"),)),
    }
    return client


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name)[:24] for name in HOSTILE])
async def test_hostile_names_on_the_other_screens(name: str) -> None:
    """Folders, checks, counts, disks, plans, searches, dialogs and fields, tries and the log of one file show
    the name, and nothing in it is obeyed."""
    client = hostile_everywhere(name)
    async with running(client, size=(100, 30)) as (app, pilot):
        for make in hostile_screens(name):
            screen = make()
            app.push_screen(screen)
            await until(pilot, lambda screen=screen: app.screen is screen and screen.is_mounted)  # type: ignore[misc]
            await pilot.pause(0.05)
            assert_harmless(app)
            screen.dismiss()
            await until(pilot, lambda screen=screen: app.screen is not screen)  # type: ignore[misc]
        for keys in ("i", "enter", "i", "l", "slash", "escape"):
            await pilot.press(keys)
            await pilot.pause(0.05)
            assert_harmless(app)
        assert app.is_running


# ---------------------------------------------------------------- 10 MB pasted


def no_value(text: str) -> str:
    return "" if text else "something is needed"


DIALOGS: dict[str, Callable[[], Screen[Any]]] = {
    "name": partial(NameScreen, "Name", "of a bucket", no_value),
    "passphrase": partial(PassphraseScreen, make=True),
    "check": partial(CheckAskScreen, HERE, 0, {}),
    "connection": partial(ConnectionEditScreen, Connection(name="c"), "", ConnectionList()),
    "search": partial(RepoSearchScreen, "hub", (), lambda _: None),
    "yes": partial(YesDialog, (("Sync", "lead"),), (), "", ""),
}
KEYS: dict[str, tuple[str, ...]] = {
    "filter of jobs": ("slash",),
    "filter of files": ("i", "slash"),
    "filter of the log": ("l", "slash"),
    "limit": ("c",),
    "palette": ("colon",),
}


@pytest.mark.parametrize("way", [*KEYS, *DIALOGS])
async def test_ten_megabytes_pasted(way: str) -> None:
    """Pasted by mistake into any field, they are refused with a word, the field is as it was, and keys are
    answered as before."""
    async with running(size=(100, 30)) as (app, pilot):
        if way in DIALOGS:
            app.push_screen(DIALOGS[way]())
        else:
            for key in KEYS[way]:
                await pilot.press(key)
                await pilot.pause(0.1)
        await until(pilot, lambda: isinstance(app.focused, Input))
        field = app.focused
        assert isinstance(field, Input)
        before = field.value
        app.post_message(events.Paste(HUGE))
        await until(
            pilot, lambda: any("10 000 000 characters were pasted" in n.message for n in app._notifications)
        )
        assert field.value == before
        app.post_message(events.Paste("a" * 30 + "\x1b[2J"))
        await pilot.pause()
        assert_harmless(app)
        assert app.is_running


async def test_what_fits_is_pasted() -> None:
    """A long key, as pasted, is looked for."""
    async with running() as (app, pilot):
        await pilot.press("slash")
        app.post_message(events.Paste("k" * MOST_PASTED))
        await until(pilot, lambda: app.screen.query_one(Input).value == "k" * MOST_PASTED)


# ---------------------------------------------------------------- keys that came too early


async def test_keys_pressed_before_a_question_stood_there() -> None:
    """ "x" and "y" typed in one go, as over a slow line: the question waits; "y" pressed after it was drawn
    counts, and Esc always does."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        early = events.Key("y", "y")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen) and app.screen.listens)
        app.post_message(early)
        await pilot.pause(0.1)
        assert isinstance(app.screen, QuestionScreen)
        assert not any(isinstance(ask, CancelJob) for ask in client.asked)
        await pilot.press("y")
        await until(pilot, lambda: any(isinstance(ask, CancelJob) for ask in client.asked))


async def test_a_burst_of_keys_answers_no_question() -> None:
    """All keys of a burst are read before the question is drawn: none of them answers it."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        for key in ("x", "y", "y", "y"):
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen) and app.screen.listens)
        await pilot.pause(0.1)
        assert isinstance(app.screen, QuestionScreen)
        assert not any(isinstance(ask, CancelJob) for ask in client.asked)
