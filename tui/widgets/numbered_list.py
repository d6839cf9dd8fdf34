"""Numbered rows that can be marked: a dot, a number, and what a subclass adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.counting import Measurement
from tui.widgets.spans import Line
from tui.widgets.table import GAP, LineTable

DOT_WIDTH = 1


class NumberedList(LineTable[int]):
    """Rows are positions in a whole list; a filter leaves some of them out. Numbers count from 1."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("right", "screen.look_inside", "inside", key_display="→")]

    class DotClicked(Message):
        """A click on the dot: the mouse's way of marking."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chosen: frozenset[int] = frozenset()
        self._measured: Mapping[str, Measurement] = {}
        self._counting: frozenset[str] = frozenset()
        self.message: Sequence[Line] = ()

    def show_chosen(self, chosen: frozenset[int]) -> None:
        before, self._chosen = self._chosen, chosen
        changed = before ^ chosen
        for row in self.visible_rows:
            if self.rows[row] in changed:
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

    def between(self, first: int, last: int) -> frozenset[int]:
        """The positions of the rows between two rows, both included, in either order."""
        low, high = sorted((first, last))
        return frozenset(self.rows[low : high + 1])

    def is_marked(self, row: int) -> bool:
        return row in self._chosen

    def mark_cells(self, row: int) -> Mapping[str, Line]:
        """The cells `dot` and `number`."""
        return {
            "dot": (("●", "key"),) if row in self._chosen else (),
            "number": ((str(row + 1), "quiet"),),
        }

    def nothing(self) -> Sequence[Line]:
        return self.message

    def on_click(self, event: events.Click) -> None:
        row = int(self.scroll_offset.y) + event.y - 1
        if event.y >= 1 and row < len(self.rows) and event.x <= DOT_WIDTH + GAP:
            self.post_message(self.DotClicked(self.rows[row]))
