"""The settings screen: what holds, where it comes from, and changing it in config.toml."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.app.driving import text_of, until
from tests.app.recorded import BUILD, RecordedClient, RecordedEngine
from tui.app import HaulierApp
from tui.preferences import Preferences
from tui.screens.ask import ValueScreen
from tui.screens.settings import SettingsScreen
from tui.state import Link
from tui.widgets.setting_table import SettingTable

Compare = Callable[..., bool]
HOME = Path("/home/somebody")  # of pictures; nothing is written there


def app_of(home: Path, config: str = "", environ: Mapping[str, str] | None = None, **flags: str) -> HaulierApp:
    file = home / ".config/haulier/config.toml"
    if config:
        file.parent.mkdir(parents=True)
        file.write_text(config)
    preferences = Preferences.of(flags, environ or {}, home)
    app = HaulierApp(RecordedEngine(RecordedClient()), build=BUILD, environ={}, preferences=preferences)
    app.theme = "haulier-dark"
    return app


@asynccontextmanager
async def settings(app: HaulierApp, size: tuple[int, int] = (100, 40)) -> AsyncIterator[Pilot[None]]:
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.view.link is Link.UP)
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "config_dir" in text_of(app))
        yield pilot


async def go_to(pilot: Pilot[None], name: str) -> None:
    app = pilot.app
    table = app.screen.query_one(SettingTable)
    table.cursor = next(at for at, row in enumerate(table.rows) if row.name == name)
    await pilot.pause()


async def type_value(pilot: Pilot[None], text: str) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")


def said(app: HaulierApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


async def test_a_setting_is_changed_and_taken_back(tmp_path: Path) -> None:
    """Enter asks for a value, the file gets it and keeps its comment, the table shows value and line; Delete
    takes it out again. An engine's setting says that the engine has to start anew."""
    file = tmp_path / ".config/haulier/config.toml"
    app = app_of(tmp_path, "# mine\nworkers = 7 # few\n")
    async with settings(app) as pilot:
        assert "config.toml, line 2" in text_of(app)
        await go_to(pilot, "reserve")
        await type_value(pilot, "5GiB")
        await until(pilot, lambda: "5.0 GiB" in text_of(app))
        assert file.read_text() == '# mine\nworkers = 7 # few\nreserve = "5GiB"\n'
        assert "from the next start of the engine" in said(app)
        assert "haulier engine stop --drain" in said(app)
        await go_to(pilot, "workers")
        await pilot.press("delete")
        await until(pilot, lambda: "workers" not in file.read_text())
        assert file.read_text() == '# mine\nreserve = "5GiB"\n'


async def test_a_bad_value_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    """The dialog stays open with the reason, also when Enter is pressed; Esc leaves it."""
    app = app_of(tmp_path, "workers = 7\n")
    async with settings(app) as pilot:
        await go_to(pilot, "workers")
        await type_value(pilot, "51")
        await until(pilot, lambda: "51 is too many: 1 to 50" in text_of(app))
        assert isinstance(app.screen, ValueScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        assert (tmp_path / ".config/haulier/config.toml").read_text() == "workers = 7\n"


async def test_what_a_flag_or_a_variable_decides_is_not_changed(tmp_path: Path) -> None:
    """The way out stands below the table, and Enter does nothing."""
    app = app_of(tmp_path, environ={"HAULIER_RETRY": "quick"}, logs_dir="/logs")
    async with settings(app) as pilot:
        for name, way_out in (("retry", "Take HAULIER_RETRY out"), ("logs_dir", "Start without --logs-dir")):
            await go_to(pilot, name)
            await pilot.pause()
            assert way_out in text_of(app)
            await pilot.press("enter", "delete")
            await pilot.pause()
            assert isinstance(app.screen, SettingsScreen)
    assert not (tmp_path / ".config/haulier/config.toml").exists()


async def test_a_file_that_was_damaged_meanwhile(tmp_path: Path) -> None:
    """The place of the fault is shown instead of the settings; mended, they are back."""
    app = app_of(tmp_path, "workers = 7\n")
    file = tmp_path / ".config/haulier/config.toml"
    async with settings(app) as pilot:
        file.write_text("workers = \n")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "damaged: Invalid value (at line 1" in text_of(app))
        file.write_text("workers = 8\n")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "config_dir" in text_of(app))


async def test_a_hostile_value_is_only_text(tmp_path: Path) -> None:
    """Markup, ESC and bidi characters in the file reach the screen as signs for them."""
    app = app_of(tmp_path, 'on_end = "say [@click=app.leave]x[/] \\u001b]0;x\\u0007 \\u202e"\n')
    async with settings(app) as pilot:
        await go_to(pilot, "on_end")
        text = text_of(app)
        assert "[@click=app.leave]" in text
        assert all(line.isprintable() for line in text.splitlines())


async def test_the_theme_changes_at_once_and_is_kept(tmp_path: Path) -> None:
    """From the palette the next theme is shown and written; from the table too."""
    app = app_of(tmp_path)
    file = tmp_path / ".config/haulier/config.toml"
    async with settings(app) as pilot:
        app.action_switch_theme()
        await until(pilot, lambda: file.exists() and file.read_text() == 'theme = "light"\n')
        assert app.theme == "haulier-light"
        await go_to(pilot, "theme")
        await type_value(pilot, "ansi")
        await until(pilot, lambda: app.theme == "haulier-16")
    assert file.read_text() == 'theme = "ansi"\n'


async def test_filter_and_hints(tmp_path: Path) -> None:
    """Names and meanings are searched."""
    app = app_of(tmp_path)
    async with settings(app) as pilot:
        await pilot.press("slash", *"bell")
        await until(pilot, lambda: "notify" in text_of(app) and "workers" not in text_of(app))


def looked(at: str) -> Callable[[Pilot[None]], Any]:
    async def look(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.view.link is Link.UP)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "config_dir" in text_of(app))
        await go_to(pilot, at)
        await pilot.pause(0.2)

    return look


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("at", ["reserve", "retry", "on_end"])
def test_picture(at: str, size: tuple[int, int], snap_compare: Compare, fixed_clock: None) -> None:
    """The settings with an engine's own under the cursor, one that a variable decides, and the longest."""
    app = app_of(HOME, environ={"HAULIER_RETRY": "quick"}, logs_dir="/var/log/haulier")
    assert snap_compare(app, terminal_size=size, run_before=looked(at))
