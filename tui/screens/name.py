"""A dialog for one name, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.errors import HaulierError
from core.safe_text import safe_text
from tui.widgets.text_field import TextField


class NameScreen(ModalScreen[str | None]):
    """Gives what `check` made of the text, or None when left. `check` raises HaulierError with why not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave_it", "leave it", show=False, priority=True)
    ]

    def __init__(self, title: str, explanation: str, check: Callable[[str], str]) -> None:
        super().__init__()
        self._title = title
        self._explanation = explanation
        self._check = check

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(safe_text(self._title)), classes="dialog-title")
            yield TextField(compact=True)
            yield Static(Content(safe_text(self._explanation)), classes="dialog-text", id="explanation")
            yield Static(
                Content.assemble(("⏎", "$key"), " take it     ", ("esc", "$key"), " leave it"),
                classes="dialog-keys",
            )

    def on_input_changed(self) -> None:
        self._say("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            name = self._check(event.value.strip())
        except HaulierError as error:
            self._say(f"{error.message} {error.hint}")
            return
        self.dismiss(name)

    def action_leave_it(self) -> None:
        self.dismiss(None)

    def _say(self, refusal: str) -> None:
        text = self.query_one("#explanation", Static)
        text.set_class(bool(refusal), "-refused")
        text.update(Content(safe_text(refusal or self._explanation, 300)))
