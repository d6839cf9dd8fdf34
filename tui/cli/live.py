"""A few lines at the bottom of a terminal, drawn over themselves.

Each frame is one write: the cursor goes up to the first line, every line is written and its rest erased, what
is left below is erased. Nothing is cleared before it is drawn anew, so nothing flickers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO

from core.safe_text import cell_width


class LiveBlock:
    """Lines must be safe, without colour codes wider than they show, and are cut to the terminal's width by
    the caller (`size`)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn: list[int] = []  # widths of the lines on the screen

    def size(self) -> tuple[int, int]:
        """(columns that may be filled, lines that may be drawn)."""
        try:
            columns, lines = os.get_terminal_size(self._stream.fileno())
        except OSError:
            columns, lines = 80, 24
        # The last column stays empty: terminals differ in what they do when it is written.
        return max(20, columns - 1), max(2, lines - 1)

    def draw(self, lines: Sequence[tuple[str, int]]) -> None:
        """Lines with the cells they take, top down."""
        frame = self._home() + "".join(f"{text}\x1b[K\r\n" for text, _ in lines) + "\x1b[J"
        self._drawn = [width for _, width in lines]
        self._write(frame)

    def clear(self) -> None:
        """Take the lines away; the cursor stands where the first one was."""
        if self._drawn:
            self._write(self._home() + "\x1b[J")
            self._drawn = []

    def _home(self) -> str:
        """To the first line. A terminal made narrower has wrapped what was drawn, so rows are counted anew."""
        columns = self.size()[0] + 1
        rows = sum(max(1, -(-width // columns)) for width in self._drawn)
        return f"\x1b[{rows}A\r" if rows else "\r"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def plain(text: str) -> tuple[str, int]:
    """A line without colours, with its width."""
    return text, cell_width(text)
