"""Text in pieces of one look each, and the widgets that draw lines of them.

A `Span` is text and the name of a look; looks are component classes that the style sheet colours. Nothing
here is ever parsed as markup, and whatever slipped through unprintable is made visible before it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from core.safe_text import safe_text

Span = tuple[str, str]  # text, look
Line = tuple[Span, ...]

LOOKS = ("quiet", "rule", "lead", "good", "warn", "bad", "key", "bar", "rest", "head")


def width_of(line: Iterable[Span]) -> int:
    return sum(cell_len(text) for text, _ in line)


def fitted(line: Sequence[Span], width: int, *, right: bool = False) -> list[Span]:
    """The line in exactly `width` cells: cut with "…" or padded on the other side of where it leans."""
    used = width_of(line)
    if used <= width:
        padding = (" " * (width - used), "")
        return [padding, *line] if right else [*line, padding]
    kept: list[Span] = []
    left = width - 1
    for text, look in line:
        if left <= 0:
            break
        piece = text if cell_len(text) <= left else set_cell_size(text, left)
        kept.append((piece, look))
        left -= cell_len(piece)
    if width > 0:
        kept.append(("…", kept[-1][1] if kept else ""))
    return kept


def ends(left: Sequence[Span], right: Sequence[Span], width: int) -> list[Span]:
    """`left` and `right` at the two ends of a line; `left` is cut when they do not both fit."""
    room = max(0, width - width_of(right) - 1)
    return fitted([*fitted(left, room), (" ", ""), *right], width)


class Looks(Widget):
    """A widget that draws spans."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"look--{name}" for name in LOOKS}
    DEFAULT_CSS = """
    Looks > .look--quiet { color: $quiet; }
    Looks > .look--rule { color: $rule; }
    Looks > .look--lead { color: $lead; text-style: bold; }
    Looks > .look--good { color: $good; }
    Looks > .look--warn { color: $warn; }
    Looks > .look--bad { color: $bad; }
    Looks > .look--key { color: $key; }
    Looks > .look--bar { color: $bar; }
    Looks > .look--rest { color: $bar-rest; }
    Looks > .look--head { color: $quiet; }
    """

    def strip_of(self, line: Iterable[Span], width: int, base: Style) -> Strip:
        """The spans as they are drawn, over the look `base`."""
        segments = []
        for text, look in line:
            shown = text if text.isprintable() else safe_text(text)
            style = base + self.get_component_rich_style(f"look--{look}", partial=True) if look else base
            segments.append(Segment(shown, style))
        return Strip(segments).adjust_cell_length(width, base)


class LineWidget(Looks):
    """A few lines of spans, redrawn only where they changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()

    def lines(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """What to draw now in `width` × `height` cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Look again at what is to be drawn, and redraw the lines that changed."""
        width, height = self.size
        lines = tuple(tuple(line) for line in self.lines(width, height)) if width and height else ()
        old, self._lines = self._lines, lines
        if len(old) != len(lines):
            self.refresh()
            return
        for y, (before, after) in enumerate(zip(old, lines, strict=True)):
            if before != after:
                self.refresh_row(y)

    def refresh_row(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        self._lines = ()
        self.redraw()

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        line = self._lines[y] if y < len(self._lines) else ()
        return self.strip_of(line, self.size.width, base)
