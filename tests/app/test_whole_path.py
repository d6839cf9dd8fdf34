"""The whole way as a person goes it, by keyboard alone: the real app, the real engine process, real servers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.errors import HaulierError
from core.launch import attach
from core.messages import Shutdown
from core.model import JobState
from core.paths import Paths
from core.settings import load_settings
from tests import servers
from tests.app.driving import text_of, until
from tests.servers import S3Server
from tui.app import HaulierApp
from tui.screens.board import BoardScreen
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.confirm import YesDialog
from tui.screens.connection_edit import ConnectionEditScreen
from tui.screens.connections import ConnectionsScreen
from tui.screens.folder import FolderScreen
from tui.screens.options import OptionsScreen
from tui.screens.places import PlacesScreen
from tui.screens.plan import PlanScreen
from tui.screens.plan_items import PlanItemsScreen
from tui.screens.target import TargetScreen
from tui.start import LocalEngine
from tui.state import Link

PATIENCE = 40.0
BUCKETS = ("alpha", "bravo", "charlie", "delta", "echo")

Running = tuple[HaulierApp, "Pilot[None]"]


@pytest.fixture
def shore(tmp_path: Path) -> Iterator[tuple[Path, S3Server, Path, S3Server]]:
    """Two servers with their folders: one full, one empty."""
    full, empty = tmp_path / "full", tmp_path / "empty"
    for number, bucket in enumerate(BUCKETS, start=1):
        for name in ("one.bin", "deep/er/two.bin", "[b]three[@click=app.quit] ü.txt"):
            file = full / bucket / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(os.urandom(1000 * number) + name.encode())
    empty.mkdir()
    with servers.rclone(full) as source, servers.rclone(empty) as target:
        yield full, source, empty, target


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> Paths:
    """The folders of this test's engine. No session bus: typed keys can only be kept in memory."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    return Paths.of(load_settings({}, dict(os.environ), isolated_home))


@asynccontextmanager
async def the_app(paths: Paths) -> AsyncIterator[Running]:
    """The app over the engine of these folders, which is started when none runs and stays afterwards."""
    app = HaulierApp(LocalEngine(paths))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.view.link is Link.UP, PATIENCE)
        yield app, pilot


@asynccontextmanager
async def an_engine_to_stop(paths: Paths) -> AsyncIterator[None]:
    """Whatever engine the test left behind is stopped."""
    try:
        yield
    finally:
        with suppress(HaulierError):
            client = await attach(paths)
            if client is not None:
                await client.call(Shutdown(drain=False))
                await client.close()


async def on(app: HaulierApp, pilot: Pilot[None], screen: type[object]) -> None:
    await until(pilot, lambda: isinstance(app.screen, screen), PATIENCE)


async def add_connection(app: HaulierApp, pilot: Pilot[None], name: str, server: S3Server) -> None:
    """Type a connection into the form: name, endpoint, typed keys, in memory only; tested, then saved."""
    await pilot.press("a")
    await on(app, pilot, ConnectionEditScreen)
    await pilot.press(*name, "down", *_keys(server.endpoint), "down", "down", "down", "right")
    await pilot.press("down", *_keys(server.access_key), "down", *_keys(server.secret_key))
    await pilot.press("down", "down", "right", "ctrl+s")
    await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen), PATIENCE)
    await until(pilot, lambda: any(one.name == name for one in app.view.connections), PATIENCE)


def _keys(text: str) -> list[str]:
    names = {":": "colon", "/": "slash", ".": "full_stop", "-": "minus", "_": "underscore", " ": "space",
             ",": "comma", "{": "left_curly_bracket", "}": "right_curly_bracket", "~": "tilde"}  # fmt: skip
    return [names.get(char, char) for char in text]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def choose(pilot: Pilot[None], app: HaulierApp, name: str) -> None:
    """On the list of places, go to the one called `name` and take it."""
    await on(app, pilot, PlacesScreen)
    await until(pilot, lambda: name in text_of(app))
    names = [*sorted(one.name for one in app.view.connections), "this machine"]
    await pilot.press("home", *["down"] * names.index(name), "enter")


async def state_of_newest(app: HaulierApp, pilot: Pilot[None], state: JobState) -> None:
    await until(pilot, lambda: bool(app.view.jobs) and app.view.jobs[0].state is state, PATIENCE)


async def test_from_connections_to_yes_to_the_board_and_back_again(
    shore: tuple[Path, S3Server, Path, S3Server], paths: Paths
) -> None:
    """Two connections typed in, buckets 1-2 and 4 chosen in the box, a bucket each at the target, the plan,
    YES, the board; the app is left and started again; the bytes on the target's disk are the source's."""
    full, source, empty, target = shore
    async with an_engine_to_stop(paths):
        async with the_app(paths) as (app, pilot):
            await pilot.press("C")
            await on(app, pilot, ConnectionsScreen)
            await add_connection(app, pilot, "lab", source)
            await add_connection(app, pilot, "dr", target)
            await pilot.press("escape", "n")
            await choose(pilot, app, "lab")
            await on(app, pilot, BucketPicker)
            await until(pilot, lambda: "delta" in text_of(app), PATIENCE)
            await pilot.press("s", *_keys("1-2,4"))
            await until(pilot, lambda: "3 of 5 marked" in text_of(app))
            await pilot.press("enter")
            await choose(pilot, app, "dr")
            await on(app, pilot, TargetScreen)
            await until(pilot, lambda: "dr:delta" in text_of(app))
            await pilot.press("enter")
            await on(app, pilot, OptionsScreen)
            await pilot.press("enter")
            await on(app, pilot, PlanScreen)
            await until(pilot, lambda: "asks for YES" in text_of(app), PATIENCE)
            assert "will be created" in text_of(app)
            assert not list(empty.iterdir())
            await pilot.press("enter")
            await on(app, pilot, PlanItemsScreen)
            await until(pilot, lambda: "[b]three[@click=app.quit] ü.txt" in text_of(app), PATIENCE)
            await pilot.press("escape", "s")
            await on(app, pilot, YesDialog)
            await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
            await pilot.press("enter")
            assert isinstance(app.screen, YesDialog)
            await pilot.press("Y", "E", "S", "enter")
            await on(app, pilot, BoardScreen)
            await pilot.press("q")
        async with the_app(paths) as (app, pilot):
            await state_of_newest(app, pilot, JobState.COMPLETED)
            assert [one.name for one in app.view.connections] == ["dr", "lab"]
    chosen = {
        name: data for name, data in tree(full).items() if name.split("/")[0] in ("alpha", "bravo", "delta")
    }
    assert tree(empty) == chosen


async def test_a_sync_that_deletes_lists_the_deletions_and_esc_leaves_everything_as_it_was(
    shore: tuple[Path, S3Server, Path, S3Server], paths: Paths
) -> None:
    """Extra objects at the target are listed behind `d`; Esc in the dialog and Esc in the plan change nothing
    and leave no job; going through with YES deletes exactly the extra object."""
    full, source, empty, target = shore
    (empty / "mirror").mkdir()
    (empty / "mirror" / "extra.txt").write_text("not at the source")
    async with an_engine_to_stop(paths), the_app(paths) as (app, pilot):
        await pilot.press("C")
        await on(app, pilot, ConnectionsScreen)
        await add_connection(app, pilot, "lab", source)
        await add_connection(app, pilot, "dr", target)
        await pilot.press("escape", "n")
        await choose(pilot, app, "lab")
        await on(app, pilot, BucketPicker)
        await until(pilot, lambda: "echo" in text_of(app), PATIENCE)
        await pilot.press("end", "space", "enter")
        await choose(pilot, app, "dr")
        await on(app, pilot, TargetScreen)
        await until(pilot, lambda: "mirror" in text_of(app), PATIENCE)
        await pilot.press("enter")
        await on(app, pilot, OptionsScreen)
        await pilot.press("right", "down", "right", "enter")
        await on(app, pilot, PlanScreen)
        await until(pilot, lambda: "asks for YES" in text_of(app), PATIENCE)
        assert "DELETE" in text_of(app)
        await pilot.press("d")
        await on(app, pilot, PlanItemsScreen)
        await until(pilot, lambda: "extra.txt" in text_of(app), PATIENCE)
        await pilot.press("escape", "s")
        await on(app, pilot, YesDialog)
        assert "DELETE" in text_of(app)
        await pilot.press("escape")
        await on(app, pilot, PlanScreen)
        await pilot.press("escape")
        await on(app, pilot, OptionsScreen)
        await until(pilot, lambda: not app.view.jobs, PATIENCE)
        assert tree(empty) == {"mirror/extra.txt": b"not at the source"}
        await pilot.press("enter")
        await on(app, pilot, PlanScreen)
        await until(pilot, lambda: "asks for YES" in text_of(app), PATIENCE)
        await pilot.press("s")
        await on(app, pilot, YesDialog)
        await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)
        await pilot.press("Y", "E", "S", "enter")
        await on(app, pilot, BoardScreen)
        await state_of_newest(app, pilot, JobState.COMPLETED)
    assert tree(empty / "mirror") == tree(full / "echo")


async def test_a_folder_found_by_looking_inside_comes_down_to_a_folder_that_is_created(
    shore: tuple[Path, S3Server, Path, S3Server], paths: Paths, tmp_path: Path
) -> None:
    """Look into a bucket, take one folder of it, type a local folder that does not exist; a download that
    overwrites nothing starts with `s` alone, and Enter on the plan does not start it."""
    full, source, _, _ = shore
    there = tmp_path / "new" / "place"
    async with an_engine_to_stop(paths), the_app(paths) as (app, pilot):
        await pilot.press("C")
        await on(app, pilot, ConnectionsScreen)
        await add_connection(app, pilot, "lab", source)
        await pilot.press("enter")
        await on(app, pilot, BucketPicker)
        await until(pilot, lambda: "alpha" in text_of(app), PATIENCE)
        await pilot.press("right")
        await on(app, pilot, BrowseScreen)
        await until(pilot, lambda: "deep/" in text_of(app), PATIENCE)
        await pilot.press("slash", *"deep", "enter", "right")
        await until(pilot, lambda: "er/" in text_of(app) and "alpha/deep" in text_of(app), PATIENCE)
        await pilot.press("enter")
        await choose(pilot, app, "this machine")
        await on(app, pilot, FolderScreen)
        await pilot.press("ctrl+u", *_keys(str(there)))
        await until(pilot, lambda: "will be created" in text_of(app), PATIENCE)
        await pilot.press("enter")
        await on(app, pilot, OptionsScreen)
        await pilot.press("enter")
        await on(app, pilot, PlanScreen)
        await until(pilot, lambda: "starts it" in text_of(app), PATIENCE)
        await pilot.press("enter")
        await on(app, pilot, PlanItemsScreen)
        await pilot.press("escape")
        assert not there.exists()
        await pilot.press("s")
        await on(app, pilot, BoardScreen)
        await state_of_newest(app, pilot, JobState.COMPLETED)
    assert tree(there) == tree(full / "alpha" / "deep")
