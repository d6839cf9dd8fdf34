"""Any number of ready lines that scroll; only those in sight are drawn."""

from __future__ import annotations

from collections.abc import Mapping

from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable


class LinesList(LineTable[Line]):
    """Rows are lines whose texts are safe to show."""

    COLUMNS = (Column("line", "", 20, grow=1),)
    HAS_HEAD = False
    HAS_CURSOR = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)

    def cells(self, row: Line, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return {"line": row}
