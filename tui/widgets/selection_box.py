"""The box that takes `1-4 ^3, logs-*`: the words that mean nothing are coloured where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Input

from core.safe_text import safe_text
from core.selection import BadToken
from core.units import format_count

EXAMPLES = "3  1-5  all ^4  logs-*  invert"


class _BadWords(Highlighter):
    """Underlines the tokens that were not understood. The box is given on, never parsed as markup."""

    def __init__(self) -> None:
        self.bad: Sequence[BadToken] = ()
        self.color = "red"

    def highlight(self, text: Text) -> None:
        for token in self.bad:
            text.stylize(f"bold underline {self.color}", token.position, token.position + len(token.text))


class SelectionBox(Input):
    """Up and down leave it for the list, so that hands stay where they are."""

    DEFAULT_CSS = """
    SelectionBox { width: 1fr; background: $background; }
    SelectionBox:focus { background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,down,tab", "screen.focus_list", "to the list", key_display="↑↓"),
        Binding("enter", "screen.next_step", "next", key_display="⏎"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        self._bad_words = _BadWords()
        super().__init__(
            compact=True,
            id=id,
            placeholder=EXAMPLES,
            highlighter=self._bad_words,
            select_on_focus=False,
        )

    def begin(self, character: str) -> None:
        """Type a character behind what stands here, as a token of its own."""
        text = self.value
        self.append((", " if text and not text.endswith((",", " ")) else "") + character)

    def append(self, characters: str) -> None:
        """Type characters at the end."""
        self.value += characters
        self.cursor_position = len(self.value)

    def say(self, box: str, bad: Sequence[BadToken], *, unwritten: int = 0) -> None:
        """Show what the marks say, without telling it as typed. `unwritten`: how many are marked, where the box
        is empty because they are too many to write."""
        self.placeholder = f"{format_count(unwritten)} marked, too many to write" if unwritten else EXAMPLES
        self._bad_words.bad = bad
        color = self.app.theme_variables.get("bad", "")
        self._bad_words.color = color if color.startswith("#") else "red"
        if self.value != box:
            with self.prevent(Input.Changed):
                self.value = box
            self.cursor_position = len(box)
        self.refresh()


def trouble(bad: Sequence[BadToken]) -> str:
    """The first bad word in a sentence; how many more there are."""
    if not bad:
        return ""
    first = bad[0]
    more = f" (+{len(bad) - 1} more)" if len(bad) > 1 else ""
    return f'unknown: "{safe_text(first.text, 24)}" ({first.reason.partition(" (")[0]}){more}'
