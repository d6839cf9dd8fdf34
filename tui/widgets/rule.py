"""A thin line across, with an optional word at its start."""

from __future__ import annotations

from tui.widgets.spans import LineWidget, Span


class Rule(LineWidget):
    def __init__(self, title: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title

    def say(self, title: str) -> None:
        """`title` is safe to show."""
        if title != self._title:
            self._title = title
            self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        if not self._title:
            return [[("─" * width, "rule")]]
        return [[("── ", "rule"), (self._title, "quiet"), (" ", ""), ("─" * width, "rule")]]
