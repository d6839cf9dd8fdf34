"""Two small dialogs: a question that only its own key answers, and one value to type."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.safe_text import safe_text
from tui.widgets.text_field import TextField


class QuestionScreen(ModalScreen[bool]):
    """`y` says yes; Esc and `n` say no; Enter and every other key do nothing. A key that was pressed before the
    question stood on the screen answers nothing: whoever typed ahead has not read it."""

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
        self._seen_at: float | None = None  # in the time of events

    @property
    def listens(self) -> bool:
        """Whether the question stands on the screen and keys count."""
        return self._seen_at is not None

    def on_mount(self) -> None:
        # Twice: the first time the dialog is laid out, the second time it has been drawn.
        self.call_after_refresh(self.call_after_refresh, self._listen)

    def _listen(self) -> None:
        self._seen_at = Message().time

    async def on_event(self, event: events.Event) -> None:
        early = self._seen_at is None or event.time <= self._seen_at
        if isinstance(event, events.Key) and early and event.key != "escape":
            event.stop()
            event.prevent_default()
            return
        await super().on_event(event)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._question), classes="dialog-title")
            yield Static(Content(self._consequence), classes="dialog-text")
            yield Static(
                Content.assemble(("y", "$key"), f" {self._yes}     ", ("esc", "$key"), f" {self._no}"),
                classes="dialog-keys",
            )

    def action_yes(self) -> None:
        if self.listens:  # a key on its way through the screen below gets here by way of the app
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
        self._explanation = safe_text(explanation)
        self._parse = parse

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(self._title), classes="dialog-title")
            yield TextField(self._now, compact=True, select_on_focus=True)
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
