"""Two small dialogs: a question that only its own key answers, and one value to type."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.safe_text import safe_text


class QuestionScreen(ModalScreen[bool]):
    """`y` says yes; Esc and `n` say no; Enter and every other key do nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "yes", show=False),
        Binding("n,escape,q", "no", "no", show=False),
    ]

    def __init__(self, question: str, consequence: str, yes: str, no: str) -> None:
        """`question` and `consequence` may hold text from outside; `yes` and `no` name the two ways."""
        super().__init__()
        self._question = safe_text(question, 400)
        self._consequence = safe_text(consequence, 400)
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._question), classes="dialog-title")
            yield Static(Content(self._consequence), classes="dialog-text")
            yield Static(
                Content.assemble(("y", "$key"), f" {self._yes}     ", ("esc", "$key"), f" {self._no}"),
                classes="dialog-keys",
            )

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


T = TypeVar("T")


class ValueScreen(ModalScreen[T | None], Generic[T]):
    """One value, typed. Gives what `parse` made of it, or None when left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave_it", "leave it", show=False)]

    def __init__(self, title: str, now: str, explanation: str, parse: Callable[[str], T]) -> None:
        super().__init__()
        self._title = safe_text(title, 200)
        self._now = now
        self._explanation = explanation
        self._parse = parse

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="dialog-title")
            yield Input(self._now, compact=True, select_on_focus=True)
            yield Static(Content(self._explanation), classes="dialog-text", id="explanation")
            yield Static(
                Content.assemble(("⏎", "$key"), " set     ", ("esc", "$key"), " leave it"),
                classes="dialog-keys",
            )

    def on_input_changed(self, event: Input.Changed) -> None:
        self._say(self._refusal(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if refusal := self._refusal(event.value):
            self._say(refusal)
        else:
            self.dismiss(self._parse(event.value))

    def action_leave_it(self) -> None:
        self.dismiss(None)

    def _refusal(self, text: str) -> str:
        try:
            self._parse(text)
        except ValueError as error:
            return str(error)
        return ""

    def _say(self, refusal: str) -> None:
        text = self.query_one("#explanation", Static)
        text.set_class(bool(refusal), "-refused")
        text.update(Content(safe_text(refusal, 200) or self._explanation))
