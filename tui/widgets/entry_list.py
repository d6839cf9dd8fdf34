"""Objects and folders of one level; only the rows in sight are drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from core.listings import ListingRow
from core.model import UNSIZED, Entry
from core.safe_text import safe_text
from core.units import format_bytes
from tui.widgets.amounts import BYTES_WIDTH
from tui.widgets.numbered_list import DOT_WIDTH, MarkedTable
from tui.widgets.spans import Line
from tui.widgets.table import Column

SORT_SIGNS = {False: "↑", True: "↓"}


class EntryList(MarkedTable["ListingRow | None"]):
    """Rows of an open listing; one that is not here yet is None. Names are those below the folder one is in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "screen.look_inside", "in", key_display="→"),
        Binding("left", "screen.look_outside", "out", key_display="←"),
    ]

    class WentLast(Message):
        """The last row was asked for: it may be one that nobody has listed yet."""

    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("dot", "", DOT_WIDTH),
        Column("number", "#", 6, right=True),
        Column("name", "name", 20, grow=1),
        Column("size", "bytes", BYTES_WIDTH, right=True),
        Column("modified", "modified", 16, from_width=62),
        Column("class", "class", 12, from_width=100),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.leaves_out: Callable[[Entry], bool] | None = None  # what the patterns do not let in

    def position_of(self, row: ListingRow | None) -> int | None:
        return row.number if row is not None else None

    def key_of(self, row: ListingRow | None) -> Hashable:
        return row.number if row is not None else None

    def cells(self, row: ListingRow | None, widths: Mapping[str, int]) -> Mapping[str, Line]:
        if row is None:
            return {}
        entry = row.entry or Entry(key=row.name)
        name = safe_text(row.name, widths["name"]) or "(empty name)"
        look = "lead" if self.is_marked(row.number) else "key" if row.is_folder else ""
        left_out = self.leaves_out is not None and not row.is_folder and self.leaves_out(entry)
        return {
            **self.mark_cells(row.number),
            "name": ((name, "rule" if left_out else look),),
            "size": self.bytes_of(entry),
            "modified": ((moment(entry.modified), "quiet"),),
            "class": ((safe_text(entry.storage_class, 12), "quiet"),),
        }

    def bytes_of(self, entry: Entry) -> Line:
        """The size of a file, or what is known of a folder."""
        if not entry.is_folder:
            return ((format_bytes(entry.size), ""),) if entry.size != UNSIZED else (("unknown", "quiet"),)
        known = self._measured.get(entry.key)
        if known is not None and known.trouble:
            return ((safe_text(known.trouble, BYTES_WIDTH), "warn"),)
        if known is not None and known.known:
            return ((("" if known.complete else "≥ ") + format_bytes(known.total.bytes), "lead"),)
        return (("counting…", "quiet"),) if entry.key in self._counting else ()

    def action_go_last(self) -> None:
        super().action_go_last()
        self.post_message(self.WentLast())


def moment(at: float) -> str:
    """ "2026-11-28 14:03", empty where no time is known."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""
