"""Numbered rows that can be marked: a dot, a number, and what a subclass adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from core.positions import NOWHERE, Positions
from tui.counting import Measurement
from tui.widgets.spans import Line
from tui.widgets.table import GAP, LineTable

DOT_WIDTH = 1
Row = TypeVar("Row")


class MarkedTable(LineTable[Row]):
    """Rows of a whole list, each at a position in it; a filter leaves some of them out."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("right", "screen.look_inside", "inside", key_display="→")]

    class DotClicked(Message):
        """A click on the dot: the mouse's way of marking."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chosen = NOWHERE
        self._measured: Mapping[str, Measurement] = {}
        self._counting: frozenset[str] = frozenset()

    def position_of(self, row: Row) -> int | None:
        """The row's position in the whole list, None while that is not known."""
        raise NotImplementedError

    def position_at(self, index: int) -> int | None:
        """The position of what is shown in row `index`."""
        return self.position_of(self.rows[index]) if 0 <= index < len(self.rows) else None

    @property
    def position(self) -> int | None:
        """That of the row under the cursor."""
        return self.position_at(self.cursor)

    def show_chosen(self, chosen: Positions) -> None:
        before, self._chosen = self._chosen, chosen
        changed = before ^ chosen
        for row in self.visible_rows if changed else ():
            if self.position_at(row) in changed:
                self.refresh_row(row)

    def show_measured(self, measured: Mapping[str, Measurement], counting: frozenset[str]) -> None:
        """What is known of the amounts in rows, by their names, and which are being counted."""
        self._measured, self._counting = measured, counting
        self.refresh()

    @property
    def visible_rows(self) -> range:
        """Rows in sight now."""
        top = int(self.scroll_offset.y)
        return range(top, min(len(self.rows), top + max(0, self.size.height - 1)))

    def is_marked(self, position: int) -> bool:
        return position in self._chosen

    def mark_cells(self, position: int) -> Mapping[str, Line]:
        """The cells `dot` and `number`."""
        return {
            "dot": (("●", "key"),) if position in self._chosen else (),
            "number": ((str(position + 1), "quiet"),),
        }

    def on_click(self, event: events.Click) -> None:
        row = int(self.scroll_offset.y) + event.y - 1
        if event.y >= 1 and event.x <= DOT_WIDTH + GAP and (position := self.position_at(row)) is not None:
            self.post_message(self.DotClicked(position))


class NumberedList(MarkedTable[int]):
    """Rows are the positions themselves: the whole list is here. Numbers count from 1."""

    def position_of(self, row: int) -> int:
        return row

    def between(self, first: int, last: int) -> Positions:
        """The positions of the rows between two rows, both included, in either order."""
        low, high = sorted((first, last))
        return Positions(self.rows[low : high + 1])
