"""Objects and folders of one level, read page by page; only the rows in sight are drawn."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from core.model import Entry
from core.safe_text import safe_text
from core.units import format_bytes
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable


class EntryList(LineTable[Entry]):
    """Rows are entries; names are shown below the folder one is in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "screen.look_inside", "in", key_display="→"),
        Binding("left", "screen.look_outside", "out", key_display="←"),
    ]

    COLUMNS = (
        Column("dot", "", 1),
        Column("name", "name", 20, grow=1),
        Column("size", "bytes", 9, right=True),
        Column("modified", "modified", 16, from_width=56),
        Column("class", "class", 12, from_width=100),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.marked: frozenset[str] = frozenset()
        self.message: Sequence[Line] = ()

    def key_of(self, row: Entry) -> Hashable:
        return row.key

    def nothing(self) -> Sequence[Line]:
        return self.message

    def cells(self, row: Entry, widths: Mapping[str, int]) -> Mapping[str, Line]:
        marked = row.key in self.marked
        name = safe_text(row.key, widths["name"]) or "(empty name)"
        return {
            "dot": (("●", "key"),) if marked else (),
            "name": ((name, "lead" if marked else "key" if row.is_folder else ""),),
            "size": () if row.is_folder else ((format_bytes(row.size), ""),),
            "modified": ((_moment(row.modified), "quiet"),),
            "class": ((safe_text(row.storage_class, 12), "quiet"),),
        }


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
