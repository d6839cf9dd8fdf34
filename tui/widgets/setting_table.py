"""The table of settings, and what is said about one of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from core.safe_text import safe_text
from core.setting_desk import SettingRow
from core.setting_words import NEEDS_ENGINE
from tui.widgets.heading import wrapped
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable

ABOUT_LINES = 6  # below the table, at most


def origin_words(row: SettingRow) -> str:
    """Where the value comes from, short."""
    kind, _, which = row.origin.partition(" ")
    if kind in ("flag", "environment"):
        return which
    return row.origin if kind == "default" else f"config.toml{row.origin.rpartition('config.toml')[2]}"


class SettingTable(LineTable[SettingRow]):
    COLUMNS = (
        Column("name", "setting", 18),
        Column("value", "value", 20, grow=3),
        Column("origin", "from", 22, grow=1),
    )

    def key_of(self, row: SettingRow) -> Hashable:
        return row.name

    def cells(self, row: SettingRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        is_own = row.origin != "default"
        return {
            "name": ((row.name, "lead" if is_own else ""),),
            "value": ((safe_text(row.value, widths["value"]), "" if is_own else "quiet"),),
            "origin": ((safe_text(origin_words(row), widths["origin"]), "key" if is_own else "quiet"),),
        }


def about(row: SettingRow, variable: str, width: int) -> list[Line]:
    """What a setting means, what it may be, where it comes from, and from when on a change holds."""
    lines: list[Line] = [()]
    lines += wrapped(row.words.means, width, "lead", " ")
    lines += wrapped(f"May be: {row.words.may_be}.", width, "", " ")
    if row.fixed:
        lines += wrapped(f"Set by {safe_text(row.origin)}. {safe_text(row.fixed)}", width, "warn", " ")
        return lines[:ABOUT_LINES]
    origin = "The default" if row.origin == "default" else safe_text(row.origin)
    lines += wrapped(f"{origin}. {variable} in the environment goes before config.toml.", width, "quiet", " ")
    look = "warn" if row.words.holds in NEEDS_ENGINE else "quiet"
    lines += wrapped(f"A change holds {row.words.holds}.", width, look, " ")
    return lines[:ABOUT_LINES]
