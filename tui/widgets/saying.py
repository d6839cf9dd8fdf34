"""One line that is there only while it has something to say."""

from __future__ import annotations

from tui.widgets.spans import Line, LineWidget


class Saying(LineWidget):
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
