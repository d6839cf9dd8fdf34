"""Text in pieces of one look each, and the widgets that draw lines of them.

A `Span` is text and the name of a look, whose colour is the theme's variable of that name. Nothing here is
ever parsed as markup, and whatever slipped through unprintable is made visible before it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from core.safe_text import safe_text

Span = tuple[str, str]  # text, look
Line = tuple[Span, ...]

LOOKS = ("quiet", "rule", "lead", "good", "warn", "bad", "key", "bar", "rest", "head")
STRONG = frozenset({"lead"})
_VARIABLES = tuple({"rest": "bar-rest", "head": "quiet"}.get(look, look) for look in LOOKS)  # of the theme


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


@lru_cache(maxsize=8)
def _styles(colours: tuple[str, ...]) -> Mapping[str, Style]:
    """Each look, drawn in the colours of a theme."""
    looks = {
        name: Style(color=Color.parse(colour).rich_color, bold=True if name in STRONG else None)
        for name, colour in zip(LOOKS, colours, strict=True)
    }
    return MappingProxyType({"": Style.null(), **looks})


class Looks(Widget):
    """A widget that draws spans. The looks come straight from the theme: as component classes they were ten
    styles of each widget, worked out anew for each screen that opens, and half of the time that took."""

    def strip_of(self, line: Iterable[Span], width: int, base: Style) -> Strip:
        """The spans as they are drawn, over the look `base`."""
        theme = self.app.theme_variables
        styles = _styles(tuple(theme[variable] for variable in _VARIABLES))
        segments = []
        for text, look in line:
            shown = text if text.isprintable() else safe_text(text)
            segments.append(Segment(shown, base + styles[look] if look else base))
        return Strip(segments).adjust_cell_length(width, base)


class LineWidget(Looks):
    """A few lines of spans, redrawn only where they changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._made_for = Size(0, 0)  # what `_lines` were made for

    def lines(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """What to draw now in `width` × `height` cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Look again at what is to be drawn, and redraw the lines that changed."""
        old, old_size = self._lines, self._made_for
        self._make_lines()
        if len(old) != len(self._lines) or old_size != self._made_for:
            self.refresh()
            return
        for y, (before, after) in enumerate(zip(old, self._lines, strict=True)):
            if before != after:
                self.refresh_row(y)

    def refresh_row(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        if self._made_for != self.size:  # drawn before the news of its size came: right at once, not empty
            self._make_lines()
        base = self.rich_style
        line = self._lines[y] if y < len(self._lines) else ()
        return self.strip_of(line, self.size.width, base)

    def _make_lines(self) -> None:
        self._made_for = width, height = self.size
        self._lines = tuple(tuple(line) for line in self.lines(width, height)) if width and height else ()
