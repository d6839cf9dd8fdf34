"""Lines of words: the heading of a step with the state of things at its right, and the line below a list."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.geometry import Size

from tui.widgets.spans import Line, LineWidget, Span, ends, fitted, width_of


def wrapped(text: str, width: int, look: str = "", indent: str = "  ") -> list[Line]:
    """`text` over as many lines as it needs. Text is safe to show."""
    return [((indent + line, look),) for line in textwrap.wrap(text, max(20, width - len(indent) - 1))]


def two_lines(text: str, width: int, look: str = "") -> list[Line]:
    """`text` over two lines, always two, so that nothing below moves. Text is safe to show."""
    lines = wrapped(text, width, look, " ")[:2]
    return [*lines, *([()] * (2 - len(lines)))]


class Heading(LineWidget):
    """Title on the left, what holds now on the right."""

    DEFAULT_CSS = """
    Heading { height: 1; }
    """

    def __init__(self, *title: Span, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._title: Sequence[Span] = title
        self._state: Sequence[Span] = ()

    def say(self, title: Sequence[Span] | None = None, state: Sequence[Span] | None = None) -> None:
        """Change either side; None leaves it as it is. Texts are safe to show."""
        self._title = self._title if title is None else title
        self._state = self._state if state is None else state
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        return (ends([(" ", ""), *self._title], [*self._state, (" ", "")], width),)


class Words(LineWidget):
    """A few lines of words; takes as many lines as it has, at most its `max-height`."""

    DEFAULT_CSS = """
    Words { height: auto; }
    """

    def __init__(self, *lines: Sequence[Span], id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._words: Sequence[Sequence[Span]] = lines
        self.styles.height = len(lines)

    def say(self, *lines: Sequence[Span]) -> None:
        """Texts are safe to show; a line that is too long is cut."""
        before = max((width_of(line) for line in self._words), default=0)
        self._words = lines
        self.styles.height = len(lines)
        if before != max((width_of(line) for line in lines), default=0):
            self.refresh(layout=True)
        self.redraw()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return max((width_of(line) for line in self._words), default=0)

    def lines(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        return tuple(fitted(line, width) for line in self._words)
