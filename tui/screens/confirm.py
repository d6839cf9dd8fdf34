"""The dialog that asks for YES, typed, before anything is written to S3 or deleted.

Every other input is no, and Enter is never an answer by itself.

1. The field opens empty and takes nothing that was pressed or pasted before it stood on the screen: every key
   carries the time it was read, and what is older than the first picture of the dialog is dropped.
2. `YES`, exactly, and then Enter, is yes. Anything else with Enter leaves the dialog waiting and says so.
3. Esc and Ctrl+C leave, always.
4. A paste counts when it is exactly `YES` into the empty field. A longer one changes nothing: what was meant
   for another window must not answer this question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.widgets.heading import Words
from tui.widgets.spans import Line

WORD = "YES"
LONGEST = 12  # what one can see in the field


class TypedOnly(Input):
    """A field for one typed word. Deaf until `listen` was called."""

    class Refused(Message):
        """Something came that is not the typed word; the field is as it was."""

    def __init__(self) -> None:
        super().__init__(compact=True, max_length=LONGEST, select_on_focus=False, id="answer")
        self._deaf_until: float | None = None

    @property
    def listens(self) -> bool:
        return self._deaf_until is not None

    def listen(self) -> None:
        """From now on keys count; those that were read before do not, however late they arrive."""
        self._deaf_until = Message().time

    def is_early(self, event: events.Event) -> bool:
        """Whether this was pressed or pasted before `listen`."""
        if not isinstance(event, events.Key | events.Paste):
            return False
        return self._deaf_until is None or event.time <= self._deaf_until

    async def on_event(self, event: events.Event) -> None:
        if self.is_early(event):
            event.stop()
            event.prevent_default()
            return
        await super().on_event(event)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self._take(event.text)

    def action_paste(self) -> None:
        self._take(self.app.clipboard)

    def _take(self, pasted: str) -> None:
        if pasted == WORD and not self.value:
            self.value = WORD
            self.cursor_position = len(WORD)
        else:
            self.post_message(self.Refused())


class YesDialog(ModalScreen[bool]):
    """Gives True only for `YES`. `facts` are lines that are safe to show: what will change, in numbers."""

    DEFAULT_CSS = """
    YesDialog .dialog { border: round $bad; }
    YesDialog #facts { margin: 1 0; }
    YesDialog #ask { height: 1; }
    YesDialog #ask Words { width: auto; }
    YesDialog #answer { width: 16; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "refuse", "cancel", key_display="esc", priority=True),
        Binding("ctrl+c,ctrl+q", "refuse", "cancel", show=False, priority=True),
    ]

    def __init__(self, title: Line, facts: Sequence[Line]) -> None:
        super().__init__()
        self._title = title
        self._facts = facts

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Words(self._title)
            yield Words(*self._facts, id="facts")
            with Horizontal(id="ask"):
                yield Words((("Type ", ""), (WORD, "lead"), (" to start: ", "")))
                yield TypedOnly()
                yield Words((("  esc", "key"), (" cancel", "quiet")))
            yield Words((("", ""),), id="gently")

    def on_mount(self) -> None:
        self.field.focus()
        # Twice: the first time the dialog is laid out, the second time it has been drawn.
        self.call_after_refresh(self.call_after_refresh, self.field.listen)

    async def on_event(self, event: events.Event) -> None:
        # Until the field has the focus keys come here, and would reach its bindings by way of the app.
        if isinstance(event, events.Key | events.Paste) and (not self.is_mounted or self.field.is_early(event)):
            event.stop()
            event.prevent_default()
            return
        await super().on_event(event)

    @property
    def listens(self) -> bool:
        """Whether the dialog stands on the screen and keys count."""
        return self.is_mounted and self.field.listens

    @property
    def field(self) -> TypedOnly:
        return self.query_one(TypedOnly)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value
        if typed == WORD:
            self.dismiss(True)
            return
        if not typed:
            self._say("Nothing was typed yet: still waiting.")
        elif typed.strip().upper() == WORD:
            self._say(f"Exactly {WORD}: three capital letters, nothing else.")
        else:
            self._say(f"That is not {WORD}: still waiting. Esc leaves without starting.")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._say(
            "⏎ starts now, Esc leaves." if event.value == WORD else "", "key" if event.value == WORD else "warn"
        )

    def on_typed_only_refused(self) -> None:
        self._say(f"Only {WORD} itself can be pasted, into the empty field. Nothing was changed.")

    def _say(self, text: str, look: str = "warn") -> None:
        self.query_one("#gently", Words).say(((text, look),))

    def action_refuse(self) -> None:
        self.dismiss(False)
