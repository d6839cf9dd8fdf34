"""A job's files, by pages: a million of them cost what is in sight."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping

from core.model import AttemptView, ItemOrder, ItemView, Status
from core.safe_text import safe_text
from core.units import format_bytes, format_eta, format_size, format_when
from tui import clock
from tui.names import short_name
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable

STATUS_SIGNS: dict[Status, Span] = {
    Status.PENDING: ("·", "quiet"),
    Status.DOWNLOADING: ("▶", "key"),
    Status.COMPLETED: ("✓", "good"),
    Status.FAILED: ("✗", "bad"),
}


ORDER_WORDS: dict[ItemOrder, tuple[str, str]] = {  # and the other way round
    ItemOrder.PLAN: ("as planned", "last first"),
    ItemOrder.NAME: ("A to Z", "Z to A"),
    ItemOrder.SIZE: ("largest first", "smallest first"),
    ItemOrder.STATE: ("failed first", "done first"),
    ItemOrder.TRIES: ("most tries", "fewest tries"),
    ItemOrder.ENDED: ("newest first", "oldest first"),
}


class ItemTable(LineTable["ItemView | None"]):
    COLUMNS = (
        Column("sign", "", 1),
        Column("filename", "file", 18, grow=3),
        Column("status", "status", 11),
        Column("action", "action", 9, from_width=118),
        Column("size", "size", 10, right=True),
        Column("actual", "there", 10, right=True, from_width=150),
        Column("attempts", "try", 3, right=True),
        Column("completed", "done at", 16, right=True, from_width=118),
        Column("proof", "verified / error", 16, grow=2),
    )

    def key_of(self, row: ItemView | None) -> Hashable:
        return row.id if row is not None else None

    def cells(self, row: ItemView | None, widths: Mapping[str, int]) -> Mapping[str, Line]:
        if row is None:
            return {}
        look = "quiet" if row.status is Status.PENDING else ""
        end: Span = (
            (safe_text(row.error, widths["proof"]), "bad") if row.error else (safe_text(row.proof), "quiet")
        )
        return {
            "sign": (STATUS_SIGNS[row.status],),
            "filename": ((short_name(row.filename, widths["filename"]), look),),
            "status": ((str(row.status), STATUS_SIGNS[row.status][1]),),
            "action": ((str(row.action), "quiet"),),
            "size": ((format_size(row.expected_size), look),),
            "actual": ((format_bytes(row.actual_size) if row.actual_size else "", "quiet"),),
            "attempts": ((str(row.attempts) if row.attempts else "", "warn" if row.attempts > 1 else "quiet"),),
            "completed": ((format_when(row.completed_at, clock.now()) if row.completed_at else "", "quiet"),),
            "proof": (end,),
        }


class AttemptTable(LineTable[AttemptView]):
    COLUMNS = (
        Column("at", "when", 8),
        Column("class", "kind", 10),
        Column("filename", "file", 18, grow=2),
        Column("message", "what happened", 20, grow=3),
        Column("again", "again in", 12),
    )

    def cells(self, row: AttemptView, widths: Mapping[str, int]) -> Mapping[str, Line]:
        again: Span = (format_eta(row.retry_in), "") if row.retry_in >= 0 else ("not again", "bad")
        return {
            "at": ((time.strftime("%H:%M:%S", time.localtime(row.at)), "quiet"),),
            "class": ((safe_text(row.error_class, 10), "warn"),),
            "filename": ((short_name(row.filename, widths["filename"]), ""),),
            "message": ((safe_text(row.message, widths["message"]), ""),),
            "again": (again,),
        }
