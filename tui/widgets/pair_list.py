"""Two folders side by side: what each row is at the source, at the target, and how the two differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from core.listings import Difference, ListingRow
from core.model import UNSIZED, Entry
from core.safe_text import safe_text
from core.units import format_bytes
from tui.widgets.amounts import BYTES_WIDTH
from tui.widgets.entry_list import EntryList, moment
from tui.widgets.numbered_list import DOT_WIDTH
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column

SIGNS: dict[Difference, tuple[str, str, str]] = {
    "": ("", "", ""),
    "same": ("=", "good", "same"),
    "size": ("≠", "bad", "another size"),
    "older": ("≠", "warn", "target is older"),
    "content": ("≠", "warn", "perhaps other content"),
    "source": ("→", "key", "only at the source"),
    "target": ("←", "quiet", "only at the target"),
}


class PairList(EntryList):
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("dot", "", DOT_WIDTH),
        Column("number", "#", 6, right=True),
        Column("name", "name", 18, grow=1),
        Column("size", "source", BYTES_WIDTH, right=True),
        Column("modified", "modified", 16, from_width=120),
        Column("sign", "", 1),
        Column("there", "target", BYTES_WIDTH, right=True),
        Column("since", "modified", 16, from_width=120),
        Column("how", "difference", 21, from_width=76),
    )

    def cells(self, row: ListingRow | None, widths: Mapping[str, int]) -> Mapping[str, Line]:
        if row is None:
            return {}
        sign, look, words = SIGNS[row.difference]
        name_look = "lead" if self.is_marked(row.number) else "key" if row.is_folder else ""
        if row.entry is None:
            name_look = "quiet"
        folders = row.is_folder and row.entry is not None and row.other is not None
        return {
            **self.mark_cells(row.number),
            "name": ((safe_text(row.name, widths["name"]) or "(empty name)", name_look),),
            "size": self._side(row.entry),
            "modified": ((moment(row.entry.modified) if row.entry else "", "quiet"),),
            "sign": ((sign, look),),
            "there": self._side(row.other),
            "since": ((moment(row.other.modified) if row.other else "", "quiet"),),
            "how": (("folder on both sides", "quiet") if folders else (words, look),),
        }

    def _side(self, entry: Entry | None) -> Line:
        span: Span
        if entry is None:
            span = ("–", "rule")
        elif entry.is_folder:
            span = ("folder", "quiet")
        elif entry.size == UNSIZED:
            span = ("unknown", "quiet")
        else:
            span = (format_bytes(entry.size), "")
        return (span,)
