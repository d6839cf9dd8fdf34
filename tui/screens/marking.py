"""What all pickers with numbered rows share: marks by keys, by mouse and by the selection box, a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.widgets import Input

from core.positions import NOWHERE, Positions
from tui.marks import Marks
from tui.screens.filtered import Filtered
from tui.widgets.heading import Words
from tui.widgets.numbered_list import MarkedTable, NumberedList
from tui.widgets.selection_box import SelectionBox, trouble

MARKING = frozenset({"toggle_mark", "mark_up", "mark_down", "sticky_range", "mark_all", "invert_marks",
                     "look_inside", "type_selection", "filter"})  # fmt: skip


class MarkingScreen(Filtered):
    """A list of numbered rows, a selection box and a filter bar. Dots and box always say the same.

    A subclass yields `selection_line()`, its `NumberedList` and a `FilterBar`, keeps `marks`, and says what
    changed in `say_state`."""

    DEFAULT_CSS = """
    MarkingScreen #select { height: 1; }
    MarkingScreen #select > Words { width: auto; }
    MarkingScreen #trouble { max-width: 60%; text-align: right; }
    """
    AUTO_FOCUS = "MarkedTable"  # a key that comes early is meant for the list
    marks: Marks
    _anchor: int | None = None  # the row where a range began
    _before_range: Positions = NOWHERE
    _sticky = False
    _shifted_to = -1

    # ------------------------------------------------------------ what a subclass says

    @property
    def table(self) -> MarkedTable[Any]:
        """The rows."""
        return self.query_one(NumberedList)

    def between(self, first: int, last: int, then: Callable[[Positions], None]) -> None:
        """Give the positions of the rows between two rows, in either order and both included, to `then`; at
        once where they are known."""
        then(self.query_one(NumberedList).between(first, last))

    def everything(self, then: Callable[[Positions], None]) -> None:
        """Give the positions of all rows that pass the filter to `then`."""
        if count := len(self.table.rows):
            self.between(0, count - 1, then)

    def say_state(self) -> None:
        """The marks changed, or a range began or ended: say what holds now."""

    # ------------------------------------------------------------ what it yields

    def selection_line(self) -> ComposeResult:
        with Horizontal(id="select"):
            yield Words(((" select ", "quiet"), ("▸ ", "key")))
            yield SelectionBox(id="box")
            yield Words((), id="trouble")

    @property
    def box(self) -> SelectionBox:
        return self.query_one(SelectionBox)

    # ------------------------------------------------------------ marks and box

    def marks_changed(self) -> None:
        """Bring dots and box in line with the marks."""
        if not self.is_mounted:
            return
        self.box.say(self.marks.box, self.marks.bad, unwritten=len(self.marks.chosen))
        self.table.show_chosen(self.marks.chosen)
        self.query_one("#trouble", Words).say(((trouble(self.marks.bad), "bad"),))
        self.say_state()

    def on_key(self, event: Key) -> None:
        """A digit in the list begins a selection in the box: nobody should have to look for it first."""
        character = event.character or ""
        if self.focused is self.table and character and character in "0123456789^" and len(self.table.rows):
            event.stop()
            event.prevent_default()
            self.set_focus(self.box)
            self.box.begin(character)
        elif self.focused is self.box and event.is_printable:
            # The rest of a quick `1-5` was on its way to the list already when the box took over.
            event.stop()
            event.prevent_default()
            self.box.append(character)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self.box:
            self.end_range()
            self.marks.type(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is self.box:
            self.action_next_step()

    def on_line_table_moved(self) -> None:
        if self._sticky and self._anchor is not None:
            self._mark_range()

    def _mark_range(self) -> None:
        """Mark from where the range began to the cursor, besides what was marked before it."""
        before, anchor, marks = self._before_range, self._anchor, self.marks

        def found(rows: Positions) -> None:
            if self._anchor == anchor and self._before_range is before and self.marks is marks:
                marks.set(before | rows)

        if anchor is not None:
            self.between(anchor, self.table.cursor, found)

    def on_marked_table_dot_clicked(self, event: MarkedTable.DotClicked) -> None:
        self.marks.toggle(event.position)

    def action_focus_list(self) -> None:
        self.table.focus()

    def action_type_selection(self) -> None:
        self.box.focus()

    def action_toggle_mark(self) -> None:
        self.end_range()
        position = self.table.position
        if position is not None:
            self.marks.toggle(position)

    def action_mark_up(self) -> None:
        self._extend(-1)

    def action_mark_down(self) -> None:
        self._extend(1)

    def _extend(self, by: int) -> None:
        """Shift and an arrow: the row left and the row reached are marked; going back unmarks again."""
        if self._sticky or not len(self.table.rows):
            self.table.action_move(by)
            return
        if self._anchor is None or self._shifted_to != self.table.cursor:
            self._anchor = self.table.cursor
            self._before_range = self.marks.chosen
        self.table.action_move(by)
        self._shifted_to = self.table.cursor
        self._mark_range()

    def action_sticky_range(self) -> None:
        if self._sticky:
            self.end_range()
        elif len(self.table.rows):
            self._sticky, self._anchor, self._before_range = True, self.table.cursor, self.marks.chosen
            self._mark_range()
        self.say_state()

    def end_range(self) -> bool:
        """End a range that is under way; whether one was that follows the cursor."""
        was_sticky = self._sticky
        self._sticky, self._anchor, self._shifted_to = False, None, -1
        return was_sticky

    @property
    def in_range(self) -> bool:
        return self._sticky

    def action_mark_all(self) -> None:
        self.end_range()
        self.everything(self.marks.toggle_all)

    def action_invert_marks(self) -> None:
        self.end_range()
        self.everything(self.marks.invert)

    # ------------------------------------------------------------ filter, back

    def on_filter_bar_changed(self) -> None:
        self.end_range()  # before the rows are shown anew by `Filtered`

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in MARKING and self.is_mounted and self.box.has_focus:
            return False
        return super().check_action(action, parameters)

    def action_look_inside(self) -> None:
        """Look at what is inside the row under the cursor."""

    def action_next_step(self) -> None:
        """Go on with what is marked."""

    def action_back(self) -> None:
        if self.end_range():
            self.say_state()
        else:
            self.leave()

    def leave(self) -> None:
        self.dismiss()


def passing(names: Sequence[str], wanted: str) -> Sequence[int]:
    """The positions of the names that hold `wanted`, a folded text; all of them when it is empty."""
    if not wanted:
        return range(len(names))
    return tuple(at for at, name in enumerate(names) if wanted in name.casefold())
