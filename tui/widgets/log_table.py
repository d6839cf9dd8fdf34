"""The lines of the log."""

from __future__ import annotations

import time
from collections.abc import Mapping

from core.model import Level, Notice
from core.safe_text import safe_text
from tui.widgets.notices import LEVEL_LOOKS
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable


class LogTable(LineTable[Notice]):
    HAS_HEAD = False
    COLUMNS = (
        Column("day", "day", 10, from_width=118),
        Column("at", "when", 8),
        Column("level", "level", 7),
        Column("job", "job", 6),
        Column("text", "text", 20, grow=1),
    )

    def cells(self, row: Notice, widths: Mapping[str, int]) -> Mapping[str, Line]:
        moment = time.localtime(row.at)
        look = LEVEL_LOOKS[row.level]
        return {
            "day": ((time.strftime("%Y-%m-%d", moment), "quiet"),),
            "at": ((time.strftime("%H:%M:%S", moment), "quiet"),),
            "level": ((str(row.level), "warn" if row.level is Level.WARNING else "quiet"),),
            "job": ((f"job {row.job}" if row.job else "engine", "quiet"),),
            "text": ((safe_text(row.text, widths["text"]), look),),
        }
