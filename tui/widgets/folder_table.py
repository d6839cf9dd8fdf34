"""One level of a job's folders, with a bar each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from core.model import FolderView
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.names import short_name
from tui.widgets.curve import bar
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable

HERE = "(files here)"


class FolderTable(LineTable[FolderView]):
    """`listing`: totals still grow, so nothing is a share of them."""

    COLUMNS = (
        Column("name", "folder", 18, grow=3),
        Column("files", "files", 15, right=True),
        Column("failed", "failed", 7, right=True),
        Column("bytes", "bytes", 20, right=True),
        Column("done", "done", 10, wide=20),
    )
    listing = False

    def key_of(self, row: FolderView) -> Hashable:
        return row.pair, row.prefix, row.name

    def cells(self, row: FolderView, widths: Mapping[str, int]) -> Mapping[str, Line]:
        at_least = "≥" if self.listing else ""
        complete = not self.listing and row.files_done == row.files_total
        done, total = (
            (row.bytes_done, row.bytes_total) if row.bytes_total else (row.files_done, row.files_total)
        )
        filled, rest = bar(done, total, widths["done"])
        if self.listing:
            rest = "┈" * len(rest)
        name = short_name(row.name, widths["name"]) if row.name else HERE
        return {
            "name": ((name, "" if row.name else "quiet"),),
            "files": ((f"{format_count(row.files_done)}/{at_least}{format_count(row.files_total)}", ""),),
            "failed": (
                (format_count(row.files_failed) if row.files_failed else "", "bad" if row.files_failed else ""),
            ),
            "bytes": ((f"{format_bytes(row.bytes_done)}/{at_least}{format_bytes(row.bytes_total)}", "quiet"),),
            "done": ((filled, "good" if complete else "bar"), (rest, "rest")),
        }


def can_open(row: FolderView | None) -> bool:
    """Whether there is a level below: the files of a folder are none."""
    return row is not None and bool(row.name)


def place_of(pair: str, prefix: str) -> str:
    """The folder that is shown, for people."""
    return safe_text(f"{pair.rstrip('/')}/{prefix}" if prefix else pair)
