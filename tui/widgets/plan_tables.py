"""The tables of a plan: in total, by pair, and the items behind a row."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from core.model import ItemView, PairPlan, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_size
from tui.draft import place_words
from tui.plan_words import PlanRow, bytes_words
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable


class PlanTable(LineTable[PlanRow]):
    COLUMNS = (
        Column("label", "", 11),
        Column("objects", "objects", 13, right=True),
        Column("bytes", "bytes", 10, right=True),
        Column("how", "how", 20, grow=1),
    )

    def key_of(self, row: PlanRow) -> Hashable:
        return row.action or row.label

    def cells(self, row: PlanRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        look = row.look if row.tally.count else "quiet"
        return {
            "label": ((row.label, look),),
            "objects": ((format_count(row.tally.count) if row.tally.count else "–", look),),
            "bytes": ((bytes_words(row.tally, row.is_open), look),),
            "how": ((safe_text(row.how, widths["how"]), "bad" if look == "bad" else "quiet"),),
        }


class PairTable(LineTable[PairPlan]):
    """A line for each source and its target."""

    COLUMNS = (
        Column("pair", "from → to", 28, grow=1),
        Column("copy", "copy", 9, right=True),
        Column("over", "overwrite", 9, right=True),
        Column("delete", "DELETE", 8, right=True),
        Column("bytes", "bytes", 9, right=True),
        Column("how", "how", 11, from_width=96),
    )

    def key_of(self, row: PairPlan) -> Hashable:
        return (str(row.source), str(row.target))

    def cells(self, row: PairPlan, widths: Mapping[str, int]) -> Mapping[str, Line]:
        half = max(6, (widths["pair"] - 3) // 2)
        moved = row.copy.bytes + row.overwrite.bytes
        return {
            "pair": (
                (safe_text(place_words(row.source), half), ""),
                (" → ", "rule"),
                (safe_text(place_words(row.target), half), "warn" if row.creates_bucket else ""),
            ),
            "copy": (_count(row.copy, "lead"),),
            "over": (_count(row.overwrite, "warn"),),
            "delete": (_count(row.delete, "bad"),),
            "bytes": ((format_bytes(moved) if moved else "–", "quiet"),),
            "how": ((row.method, "quiet"),),
        }


def _count(tally: Tally, look: str) -> tuple[str, str]:
    return (format_count(tally.count), look) if tally.count else ("–", "quiet")


class PlanItemTable(LineTable["ItemView | None"]):
    COLUMNS = (
        Column("filename", "object", 24, grow=3),
        Column("size", "bytes", 10, right=True),
        Column("where", "at", 20, grow=2),
    )

    def key_of(self, row: ItemView | None) -> Hashable:
        return row.id if row is not None else None

    def cells(self, row: ItemView | None, widths: Mapping[str, int]) -> Mapping[str, Line]:
        if row is None:
            return {}
        where = (row.error, "warn") if row.error else (row.target, "quiet")
        return {
            "filename": ((safe_text(row.filename, widths["filename"]), ""),),
            "size": ((format_size(row.expected_size), ""),),
            "where": ((safe_text(where[0], widths["where"]), where[1]),),
        }
