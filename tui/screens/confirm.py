"""The dialog that asks for YES, typed, before anything is written to S3 or deleted; and for a second word after
it where much is deleted.

Every other input is no, and Enter is never an answer by itself.

1. The field opens empty and takes nothing that was pressed or pasted before it stood on the screen: every key
   carries the time it was read, and what is older than the first picture of the dialog is dropped.
2. `YES`, exactly, and then Enter, is yes. Anything else with Enter leaves the dialog waiting and says so.
3. Esc and Ctrl+C leave, always.
4. A paste counts when it is exactly `YES` into the empty field. A longer one changes nothing: what was meant
   for another window must not answer this question.
5. Where there is a second word, `YES` opens a second field for it. It is empty, too, and keeps the same rules:
   what was pressed before it stood there does not count.
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
from tui.widgets.text_field import TextField

WORD = "YES"
ROOM = 9  # characters beyond the word that one can see in the field


class TypedOnly(TextField):
    """A field for one typed word, `word`. Deaf until `listen` was called."""

    class Refused(Message):
        """Something came that is not the typed word; the field is as it was."""

    def __init__(self, word: str, name: str) -> None:
        super().__init__(compact=True, max_length=len(word) + ROOM, select_on_focus=False, id=name)
        self.word = word
        self.styles.width = len(word) + ROOM + 4
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
        if pasted == self.word and not self.value:
            self.value = self.word
            self.cursor_position = len(self.word)
        else:
            self.post_message(self.Refused())


class YesDialog(ModalScreen[bool]):
    """Gives True only for `YES`, and `second` after it where that is not empty (`why` says what for). `facts`
    are lines that are safe to show: what will change, in numbers."""

    DEFAULT_CSS = """
    YesDialog .dialog { border: round $bad; }
    YesDialog #facts { margin: 1 0; }
    YesDialog .ask { height: 1; }
    YesDialog .ask Words { width: auto; }
    YesDialog TypedOnly { background: $background; }
    YesDialog #why { margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "refuse", "cancel", key_display="esc", priority=True),
        Binding("ctrl+c,ctrl+q", "refuse", "cancel", show=False, priority=True),
    ]

    def __init__(self, title: Line, facts: Sequence[Line], second: str = "", why: str = "") -> None:
        super().__init__()
        self._title = title
        self._facts = facts
        self._second, self._why = second, why

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Words(self._title)
            yield Words(*self._facts, id="facts")
            with Horizontal(classes="ask"):
                then = " to go on: " if self._second else " to start: "
                yield Words((("Type ", ""), (WORD, "lead"), (then, "")))
                yield TypedOnly(WORD, "answer")
                yield Words((("  esc", "key"), (" cancel", "quiet")))
            yield Words((("", ""),), id="gently")

    def on_mount(self) -> None:
        self._open_field()

    def _open_field(self) -> None:
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
        """The one that is asked for now."""
        return self.query(TypedOnly).last()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is not self.field:
            return  # answered already
        typed, word = event.value, self.field.word
        if typed == word:
            await self._answered(word)
        elif not typed:
            self._say("Nothing was typed yet: still waiting.")
        elif typed.strip().upper() == WORD == word:
            self._say(f"Exactly {WORD}: three capital letters, nothing else.")
        else:
            self._say(f"That is not {word}: still waiting. Esc leaves without starting.")

    async def _answered(self, word: str) -> None:
        if not self._second or word == self._second:
            self.dismiss(True)
            return
        first = self.field
        first.disabled = True
        self._say("")
        ask = Horizontal(
            Words((("Type ", ""), (self._second, "bad"), (" to delete them: ", ""))),
            TypedOnly(self._second, "second"),
            classes="ask",
        )
        why = Words((("Much is deleted: ", "bad"), (self._why, "")), id="why")
        await self.query_one(".dialog", Vertical).mount_all([why, ask], before="#gently")
        self._open_field()

    def on_input_changed(self, event: Input.Changed) -> None:
        ready = event.value == self.field.word
        what = "asks once more" if self._second and self.field.word == WORD else "starts now"
        self._say(f"⏎ {what}, Esc leaves." if ready else "", "key" if ready else "warn")

    def on_typed_only_refused(self) -> None:
        self._say(f"Only {self.field.word} itself can be pasted, into the empty field. Nothing was changed.")

    def _say(self, text: str, look: str = "warn") -> None:
        self.query_one("#gently", Words).say(((text, look),))

    def action_refuse(self) -> None:
        self.dismiss(False)
