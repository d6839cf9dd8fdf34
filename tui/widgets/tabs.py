"""The names of a screen's parts in one line, the open one marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.units import format_count
from tui.keys import key_of
from tui.widgets.spans import LineWidget, Span, ends


class TabLine(LineWidget):
    """`tabs` maps a tab's name to its key and title, as "i items"."""

    def __init__(self, tabs: Mapping[str, str]) -> None:
        super().__init__()
        self._tabs = tabs
        self._open = ""
        self._numbers: Mapping[str, int] = {}
        self._notes: Sequence[Span] = ()

    def show(self, open_: str, numbers: Mapping[str, int], notes: Sequence[Span] = ()) -> None:
        self._open, self._numbers, self._notes = open_, numbers, notes
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        line: list[Span] = [("─", "rule")]
        for name, text in self._tabs.items():
            key, _, title = text.partition(" ")
            number = self._numbers.get(name, 0)
            if name == self._open:
                line += [("┤ ", "rule"), (title, "lead")]
            else:
                line += [("─ ", "rule"), (f"{key_of(f'show_{name}') or key} ", "key"), (title, "quiet")]
            if number:
                line.append((f" {format_count(number)}", "bad"))
            line.append((" ├" if name == self._open else " ─", "rule"))
        fill = ends(line, self._notes, width)
        return [[(text.replace(" ", "─") if not text.strip() and len(text) > 2 else text, look or "rule")
                 if not text.strip() and len(text) > 2 else (text, look) for text, look in fill]]  # fmt: skip
