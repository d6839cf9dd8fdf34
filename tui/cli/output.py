"""What the commands write: results to stdout, messages for people to stderr, one JSON object a line on wish.

Everything that comes from outside passes `safe_text` here. JSON is written in ASCII, so that no name in it
can speak to a terminal.
"""

from __future__ import annotations

import json as json_text
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from core.errors import HaulierError
from core.safe_text import cell_width, safe_text

COLOURS = {"good": "32", "warn": "33", "bad": "31", "quiet": "2", "lead": "1"}


@dataclass(frozen=True)
class Output:
    """Where one command writes, and how."""

    out: TextIO
    err: TextIO
    json: bool
    quiet: bool
    verbose: int
    colour: bool  # on stderr

    @classmethod
    def of_process(cls, *, json: bool, quiet: bool, verbose: int) -> Output:
        for stream in (sys.stdout, sys.stderr):
            # A locale without UTF-8 must not end a transfer with an encoding error.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        return cls(sys.stdout, sys.stderr, json, quiet, verbose, _has_colour(sys.stderr))

    @property
    def is_live(self) -> bool:
        """Whether stderr is a terminal on which lines can be redrawn."""
        return self.err.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def say(self, text: str) -> None:
        """A message for people. The caller has made outside text safe; line breaks are the caller's own."""
        self.err.write(f"{text}\n")
        self.err.flush()

    def line(self, text: str) -> None:
        """A line of the result."""
        self.out.write(f"{text}\n")

    def record(self, kind: str, /, **fields: object) -> None:
        """One JSON object on a line of stdout, written at once so that a reader sees it."""
        self.out.write(json_text.dumps({"type": kind, **fields}, separators=(",", ":")) + "\n")
        self.out.flush()

    def error(self, error: HaulierError) -> None:
        if self.json:
            self.record("error", code=str(error.code), message=error.message, hint=error.hint)
        message = safe_text(error.message)
        self.say(f"{self.paint('haulier:', 'bad')} {message}")
        if error.hint:
            self.say(f"  {safe_text(error.hint)}")

    def paint(self, text: str, look: str) -> str:
        return f"\x1b[{COLOURS[look]}m{text}\x1b[0m" if self.colour else text

    def table(
        self, head: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()
    ) -> None:
        """Columns as wide as their widest cell, `right` ones aligned to the right; cells must be safe."""
        lines = [tuple(head), *map(tuple, rows)]
        widths = [max(cell_width(line[at]) for line in lines) for at in range(len(head))]
        for line in lines:
            cells = []
            for at, cell in enumerate(line):
                room = " " * (widths[at] - cell_width(cell))
                cells.append(room + cell if at in right else cell + room)
            self.line("  ".join(cells).rstrip())


def iso(moment: float) -> str:
    """UTC seconds as ISO 8601 with Z; empty for 0, which means not known."""
    if not moment:
        return ""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _has_colour(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"
