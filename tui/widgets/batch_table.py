"""The picture of a campaign: a line for each batch, its disk as a bar filled in proportion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from core.model import BatchView, CampaignView
from core.safe_text import safe_text
from core.units import format_bytes, format_count, short_count
from tui.batch_words import disk_bar, next_batch, share_done, state_of
from tui.names import short_name
from tui.state import ViewState
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable


class BatchRow(NamedTuple):
    """What a line shows, ready made."""

    batch: BatchView
    glyph: Span
    state: Span
    done: float
    space: int  # of the disk


def rows_of(view: ViewState, found: CampaignView) -> tuple[BatchRow, ...]:
    following = next_batch(found)
    return tuple(
        BatchRow(batch, *state_of(view, batch, batch is following), share_done(view, batch), found.ask.space)
        for batch in found.batches
    )


class BatchTable(LineTable[BatchRow]):
    COLUMNS = (
        Column("glyph", "", 1),
        Column("number", "#", 3, right=True),
        Column("picture", "disk", 20, grow=3),
        Column("files", "files", 7, right=True, wide=11),
        Column("bytes", "bytes", 9, right=True),
        Column("state", "state", 16),
        Column("disk", "on disk", 8, grow=1),
        Column("names", "from – to", 30, grow=2, from_width=118),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)

    def key_of(self, row: BatchRow) -> Hashable:
        return row.batch.number

    def cells(self, row: BatchRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        batch = row.batch
        files = format_count(batch.files)
        half = max(4, (widths.get("names", 11) - 3) // 2)
        return {
            "glyph": (row.glyph,),
            "number": ((str(batch.number), "quiet"),),
            "picture": tuple(disk_bar(batch, row.space, row.done, widths["picture"])),
            "files": ((files if len(files) <= widths["files"] else short_count(batch.files), ""),),
            "bytes": ((format_bytes(batch.bytes), ""),),
            "state": (row.state,),
            "disk": ((safe_text(batch.disk, widths["disk"]) or "–", "" if batch.disk else "quiet"),),
            "names": ((f"{short_name(batch.first, half)} – {short_name(batch.last, half)}", "quiet"),),
        }
