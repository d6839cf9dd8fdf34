"""A table of any length with a cursor: only the lines in sight are ever made.

The rows are a sequence that may know its items only when asked (a paged store), or a plain tuple. When a
new tuple is shown, only lines whose row changed are drawn again, and the cursor stays on its row.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.spans import Line, Looks, Span, fitted, width_of

Row = TypeVar("Row")

ACROSS = "*"  # the name of a cell that takes the place of all columns but the first
GAP = 2  # cells between columns, but 1 in a table that is short of room
SHORT = 96  # cells below which a table is short of room
ROOMY = 130  # cells from which columns take their `wide` width


@dataclass(frozen=True)
class Column:
    """`width` cells; columns with `grow` share what is left. Hidden in a table narrower than
    `from_width`."""

    name: str
    title: str
    width: int
    grow: int = 0
    right: bool = False
    from_width: int = 0
    wide: int = 0  # the width in a table of ROOMY cells or more, when it is another


class LineTable(Looks, ScrollView, Generic[Row], can_focus=True):
    """Base of the tables. A subclass names its `COLUMNS` and makes the cells of a row in `cells`."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    HAS_HEAD: ClassVar[bool] = True
    HAS_CURSOR: ClassVar[bool] = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "go_first", "first", show=False),
        Binding("end,G", "go_last", "last", show=False),
    ]

    message: Sequence[Line] = ()  # in place of rows
    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, table: Widget) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> Widget:
            return self.table

    class Opened(Moved):
        """A row was clicked that had the cursor already."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: Sequence[Row] = ()
        self._layout: tuple[tuple[Column, int], ...] = ()
        self._layout_width = 0
        self._gap = ""

    # -- what a subclass says

    def cells(self, row: Row, widths: Mapping[str, int]) -> Mapping[str, Line]:
        """The cells of a row by column name. `widths` has the columns in sight."""
        raise NotImplementedError

    def key_of(self, row: Row) -> Hashable:
        """What stays the same while a row changes."""
        return row

    def nothing(self) -> Sequence[Line]:
        """What to show when there are no rows."""
        return self.message

    # -- what a screen uses

    def say_instead(self, message: Sequence[Line]) -> None:
        """What to show while there are no rows."""
        if message != self.message:
            self.message = message
            if not len(self._rows):
                self.refresh()

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    @property
    def current(self) -> Row | None:
        return self._rows[self.cursor] if 0 <= self.cursor < len(self._rows) else None

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows now; draws only what is different."""
        old, self._rows = self._rows, rows
        here = self.cursor
        if self.HAS_CURSOR and here < len(old) and not self._same_key(old, rows, here):
            wanted = self.key_of(old[here])
            self.cursor = next(
                (i for i, row in enumerate(rows) if self.key_of(row) == wanted), min(here, len(rows))
            )
        self.cursor = max(0, min(self.cursor, len(rows) - 1))
        if len(old) != len(rows):
            self._measure()
            self.refresh()
            return
        for index in self.in_sight:
            if old[index] != rows[index]:
                self.refresh_row(index)

    def attach(self, rows: Sequence[Row]) -> None:
        """Show another sequence from its start, without comparing."""
        self._rows = rows
        self.cursor = 0
        self.scroll_to(y=0, animate=False)
        self.rows_grew()

    def refresh_row(self, index: int) -> None:
        y = index - int(self.scroll_offset.y) + self._head_height
        if self._head_height <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def rows_grew(self) -> None:
        """A paged sequence knows more rows than before."""
        self._measure()
        self.refresh()

    def follow_to(self, index: int) -> None:
        """The row under the cursor is at another place by now: go there, on the same line of the screen."""
        self.scroll_to(y=self.scroll_offset.y + index - self.cursor, animate=False)
        self.cursor = max(0, min(len(self._rows) - 1, index))

    @property
    def in_sight(self) -> range:
        """The positions of the rows that are drawn."""
        top = int(self.scroll_offset.y)
        return range(top, min(len(self._rows), top + max(0, self.size.height - self._head_height)))

    # -- inside

    def _same_key(self, old: Sequence[Row], new: Sequence[Row], index: int) -> bool:
        return index < len(new) and self.key_of(old[index]) == self.key_of(new[index])

    @property
    def _head_height(self) -> int:
        return 1 if self.HAS_HEAD else 0

    def _measure(self) -> None:
        self.virtual_size = Size(0, len(self._rows) + self._head_height)

    def on_mount(self) -> None:
        self._measure()

    def on_resize(self) -> None:
        self._lay_out()
        self._measure()
        self._keep_cursor_in_sight()
        self.refresh()

    def _lay_out(self) -> None:
        self._layout_width = self.scrollable_content_region.width
        width = self._layout_width - 2  # a cell for the cursor's mark, one at the end
        shown = [column for column in self.COLUMNS if column.from_width <= width]
        widths = [column.wide if column.wide and width >= ROOMY else column.width for column in shown]
        self._gap = " " * (GAP if width >= SHORT else 1)
        spare = width - sum(widths) - len(self._gap) * (len(shown) - 1)
        shares = sum(column.grow for column in shown)
        layout: list[tuple[Column, int]] = []
        for column, size in zip(shown, widths, strict=True):
            extra = spare * column.grow // shares if shares and spare > 0 else 0
            shares -= column.grow
            spare -= extra
            layout.append((column, size + extra))
        self._layout = tuple(layout)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if self._layout_width != self.scrollable_content_region.width:
            self._lay_out()
        if y < self._head_height:
            return self.strip_of(self._head(), width, base)
        if not len(self._rows):
            nothing = self.nothing()
            line = nothing[y - self._head_height] if y - self._head_height < len(nothing) else ()
            return self.strip_of(line, width, base)
        index = int(self.scroll_offset.y) + y - self._head_height
        if index >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[index]
        if row is None:
            return self.strip_of(((" ·", "rule"),), width, base)
        on_cursor = self.HAS_CURSOR and index == self.cursor
        if on_cursor:
            base = base + self.get_component_rich_style("table--cursor", partial=True)
        mark = "▌" if on_cursor and self.has_focus else " "
        cells = self.cells(row, {column.name: size for column, size in self._layout})
        line_spans: list[Span] = [(mark, "key" if on_cursor else "")]
        for position, (column, size) in enumerate(self._layout):
            if position:
                line_spans.append((self._gap, ""))
            if position == 1 and ACROSS in cells:
                line_spans += fitted(cells[ACROSS], width - width_of(line_spans) - 1)
                break
            line_spans += fitted(cells.get(column.name, ()), size, right=column.right)
        return self.strip_of(line_spans, width, base)

    def _head(self) -> list[Span]:
        line: list[Span] = [(" ", "")]
        for position, (column, size) in enumerate(self._layout):
            if position:
                line.append((self._gap, ""))
            line += fitted([(column.title, "head")], size, right=column.right)
        return line

    # -- moving about

    def watch_cursor(self, before: int, now: int) -> None:
        self.refresh_row(before)
        self.refresh_row(now)
        self._keep_cursor_in_sight()
        self.post_message(self.Moved(self))

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh_row(self.cursor)

    def _keep_cursor_in_sight(self) -> None:
        height = max(1, self.size.height - self._head_height)
        top = int(self.scroll_offset.y)
        if self.HAS_CURSOR and not top <= self.cursor < top + height:
            wanted = self.cursor if self.cursor < top else self.cursor - height + 1
            self.scroll_to(y=wanted, animate=False)

    def action_move(self, by: int) -> None:
        if self.HAS_CURSOR:
            self.cursor = max(0, min(len(self._rows) - 1, self.cursor + by))
        else:
            self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - self._head_height - 1))

    def action_go_first(self) -> None:
        self.action_move(-len(self._rows))

    def action_go_last(self) -> None:
        self.action_move(len(self._rows))

    def on_click(self, event: events.Click) -> None:
        index = int(self.scroll_offset.y) + event.y - self._head_height
        if event.y < self._head_height or not 0 <= index < len(self._rows):
            return
        if index == self.cursor and self.HAS_CURSOR:
            self.post_message(self.Opened(self))
        elif self.HAS_CURSOR:
            self.cursor = index
