"""Objects and folders of one level, read page by page; only the rows in sight are drawn."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from core.model import UNSIZED, Entry
from core.safe_text import safe_text
from core.units import format_bytes
from tui.widgets.amounts import BYTES_WIDTH
from tui.widgets.numbered_list import DOT_WIDTH, NumberedList
from tui.widgets.spans import Line
from tui.widgets.table import Column


class EntryList(NumberedList):
    """Rows are positions in the entries of one folder; names are shown below the folder one is in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "screen.look_inside", "in", key_display="→"),
        Binding("left", "screen.look_outside", "out", key_display="←"),
    ]

    COLUMNS = (
        Column("dot", "", DOT_WIDTH),
        Column("number", "#", 6, right=True),
        Column("name", "name", 20, grow=1),
        Column("size", "bytes", BYTES_WIDTH, right=True),
        Column("modified", "modified", 16, from_width=62),
        Column("class", "class", 12, from_width=100),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry] = ()
        self.left_out: frozenset[int] = frozenset()  # what the patterns do not let in

    def show_entries(self, entries: Sequence[Entry], shown: Sequence[int]) -> None:
        """These entries from now on, of which `shown` pass the filter."""
        self.entries = entries
        self.show(shown)
        self.refresh()

    def cells(self, row: int, widths: Mapping[str, int]) -> Mapping[str, Line]:
        entry = self.entries[row]
        name = safe_text(entry.key, widths["name"]) or "(empty name)"
        look = "lead" if self.is_marked(row) else "key" if entry.is_folder else ""
        return {
            **self.mark_cells(row),
            "name": ((name, "rule" if row in self.left_out else look),),
            "size": self._bytes_of(entry),
            "modified": ((_moment(entry.modified), "quiet"),),
            "class": ((safe_text(entry.storage_class, 12), "quiet"),),
        }

    def _bytes_of(self, entry: Entry) -> Line:
        if not entry.is_folder:
            return ((format_bytes(entry.size), ""),) if entry.size != UNSIZED else (("unknown", "quiet"),)
        known = self._measured.get(entry.key)
        if known is not None and known.trouble:
            return ((safe_text(known.trouble, BYTES_WIDTH), "warn"),)
        if known is not None and known.known:
            return ((("" if known.complete else "≥ ") + format_bytes(known.total.bytes), "lead"),)
        return (("counting…", "quiet"),) if entry.key in self._counting else ()


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
