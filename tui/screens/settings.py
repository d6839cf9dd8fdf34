"""All settings: value, origin, meaning; changed here where a flag or a variable does not decide."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult

from core.errors import HaulierError
from core.safe_text import safe_text
from core.setting_desk import SettingRow
from core.setting_words import NEEDS_ENGINE
from core.settings import check_setting, variable_of
from tui.actions import bindings
from tui.keys import key_of
from tui.screens.ask import ValueScreen
from tui.screens.filtered import Filtered
from tui.soon import instead
from tui.state import Link, ViewState
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.setting_table import SettingTable, about

NEEDS_ROW = frozenset({"change_setting", "reset_setting", "filter"})


class SettingsScreen(Filtered):
    NAME: ClassVar[str] = "settings"
    CRUMB: ClassVar[str] = "settings"
    BINDINGS = bindings("settings")
    AUTO_FOCUS = "SettingTable"

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[SettingRow, ...] = ()

    def body(self) -> ComposeResult:
        yield Heading(("Settings", "lead"))
        yield SettingTable()
        yield FilterBar()
        yield Words(id="about")

    def on_mount(self) -> None:
        instead(self, self._read, "settings")

    def view_changed(self, view: ViewState) -> None:
        pass  # settings are this process's own; an engine that is away does not matter

    @property
    def table(self) -> SettingTable:
        return self.query_one(SettingTable)

    @property
    def current(self) -> SettingRow | None:
        return self.table.current if self.is_mounted else None

    async def _read(self) -> None:
        desk = self.haulier.preferences.desk
        if desk is None:
            self.table.say_instead(((), (("  Settings cannot be read here.", "quiet"),)))
            return
        try:
            self._rows = await asyncio.to_thread(desk.rows)
        except HaulierError as error:
            said = [*wrapped(safe_text(error.message), self.size.width, "bad"),
                    *wrapped(safe_text(error.hint), self.size.width)]  # fmt: skip
            again: list[tuple[str, str]] = [("  ", ""), (key_of("reload"), "key"), ("  read it again", "")]
            self._rows, self.table.message = (), ((), *said, (), tuple(again))
        keys = self._about_keys()
        self.query_one(Heading).say(
            [("Settings", "lead"), (f"  {safe_text(str(desk.file), 44)}", "quiet")], keys
        )
        self.show_rows()

    def _about_keys(self) -> list[tuple[str, str]]:
        preferences = self.haulier.preferences
        if preferences.key_fault is not None:
            return [("keys.toml has a fault", "warn")]
        changed = len(preferences.keys.changed)
        return [(f"{changed} keys of your own", "quiet")] if changed else []

    def show_rows(self) -> None:
        wanted = self.wanted
        if self._rows:
            self.table.message = nothing_fits()
        self.table.show(
            tuple(row for row in self._rows if wanted in f"{row.name} {row.words.means}".casefold())
        )
        self.table.refresh()
        self._show_about()
        self.refresh_bindings()

    def _show_about(self) -> None:
        row = self.current
        lines = about(row, variable_of(row.name), self.size.width) if row is not None else []
        self.query_one("#about", Words).say(*lines)

    # -- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        row = self.current
        if action in NEEDS_ROW and not self._rows:
            return None
        if action == "change_setting" and row is not None and row.fixed:
            return None
        if action == "reset_setting" and (row is None or not row.written or row.fixed):
            return None
        return super().check_action(action, parameters)

    def action_change_setting(self) -> None:
        if (row := self.current) is not None:
            instead(self, partial(self._ask, row), "settings")

    async def _ask(self, row: SettingRow) -> None:
        text = await self.app.push_screen_wait(
            ValueScreen(
                row.name,
                row.written,
                f"{row.words.means} Now {safe_text(row.value, 60)}. May be: {row.words.may_be}. "
                "Empty: the default.",
                partial(_checked, row.name),
            )
        )
        if text is not None:
            await self._change(row, text)

    def action_reset_setting(self) -> None:
        if (row := self.current) is not None:
            instead(self, partial(self._change, row, ""), "settings")

    async def _change(self, row: SettingRow, text: str) -> None:
        desk = self.haulier.preferences.desk
        if desk is None:
            return
        try:
            await asyncio.to_thread(desk.change, row.name, text)
        except HaulierError as error:
            self.haulier.complain(error)
        else:
            if row.name == "theme":
                self.haulier.show_theme()
            self._say_when(row)
        await self._read()

    def _say_when(self, row: SettingRow) -> None:
        text = f"{row.name} is changed, {row.words.holds}."
        if row.words.holds in NEEDS_ENGINE and self.view.link is Link.UP:
            text += " `haulier engine stop --drain` ends the one that runs; jobs go on with the next."
        self.haulier.tell(text)

    def action_reload(self) -> None:
        instead(self, self._read, "settings")

    def on_line_table_moved(self) -> None:
        self._show_about()
        self.refresh_bindings()

    def on_line_table_opened(self) -> None:
        if (row := self.current) is not None and not row.fixed:
            self.action_change_setting()


def _checked(name: str, text: str) -> str:
    """The text, which may be empty. Raises ValueError for a value that cannot be."""
    if text.strip():
        check_setting(name, text.strip())
    return text
