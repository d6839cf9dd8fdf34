"""Lines that are there only while they have something to say."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from core.safe_text import safe_text
from tui.widgets.spans import Line, LineWidget


class Saying(LineWidget):
    """One line of spans."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._line: Line = ()

    def on_mount(self) -> None:
        self.display = False

    def say(self, line: Line) -> None:
        if line != self._line:
            self._line = line
            self.display = bool(line)
            self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        return [((" ", ""), *self._line)] if self._line else []


class Whole(Static):
    """A text that may come from outside, in full over a few lines."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._said = ""

    def on_mount(self) -> None:
        self.display = False

    def say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self.display = bool(text)
            self.update(Content(safe_text(text, 1000)))
