"""The line one types a filter into. Esc clears and closes it, Enter keeps it and goes back to the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from tui.keys import key_of
from tui.widgets.spans import Line
from tui.widgets.text_field import TextField


def nothing_fits() -> Sequence[Line]:
    """What stands where the rows would be while a filter lets none of them through."""
    return (
        (),
        (("  Nothing here fits the filter.", "lead"),),
        (),
        ((f"  {key_of('filter')}", "key"), ("  change it; Esc there clears it", "")),
    )


class FilterBar(Horizontal):
    """Hidden until opened. Says `Changed` at every key, `Closed` when the list should have the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", "clear", show=False)]

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        pass

    def compose(self) -> ComposeResult:
        yield Static(" / ", markup=False, id="filter-sign")
        yield TextField(compact=True, id="filter-input")

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def on_mount(self) -> None:
        self.display = False

    def open(self) -> None:
        self.display = True
        self.query_one(Input).focus()

    def action_drop(self) -> None:
        self.text = ""
        self.query_one(Input).value = ""
        self.display = False
        self.post_message(self.Closed())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.text = event.value
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = bool(event.value)
        self.post_message(self.Closed())
