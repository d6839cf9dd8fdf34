"""Looking into a folder of a million files: what keys take there, and what memory the two processes have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.face.measures import GOAL_KEY_MS, Face, Row, cursor_line, shows, spread
from tests.face.table_keys import TableKeys

SORTS = ("largest first", "newest first", " here")


def make_files(folder: Path, count: int) -> None:
    """Empty files, some bytes apart in size; they take no blocks."""
    folder.mkdir()
    for number in range(count):
        handle = os.open(folder / f"part-{number:07}.bin", os.O_CREAT | os.O_WRONLY)
        os.ftruncate(handle, number * 7919 % 1_000_003)
        os.close(handle)


class LookingKeys(TableKeys):
    """A face that chooses this folder as a source and looks inside."""

    def __init__(self, face: Face, folder: Path, count: int) -> None:
        super().__init__(face, r"part-(\d{7})\.bin", 0, count - 1)
        self._every = f"{count:,}".replace(",", " ")
        self.terminal.until(lambda text: "▌" in text or "n  start" in text)
        self.press(b"n", shows("From where?"))
        self.terminal.until(lambda text: cursor_line(text) > 0)
        while "▌this machine" not in (text := self.terminal.text()):
            line = cursor_line(text)
            self.press(b"j", lambda now, line=line: cursor_line(now) == line + 1)  # type: ignore[misc]
        self.press(b"\r", shows("Which folder"))
        self.press(b"\x15" + str(folder).encode(), shows("takes"))

    def opened(self) -> Iterator[Row]:
        yield spread("open: first rows", [self.press(b"\x0f", lambda text: self.number(text) == 0)])
        end = self.press(b"\x1b[F", lambda text: self.number(text) == self._last)
        yield spread("end: the whole folder is read", [end])
        self.press(b"\x1b[H", lambda text: self.number(text) == 0)

    def marks(self) -> Iterator[Row]:
        one = [self.press(b" ", shows("●")), self.press(b" ", lambda text: "●" not in text)]
        yield spread("mark and unmark one", one, GOAL_KEY_MS)
        yield spread("mark all", [self.press(b"a", shows(f"{self._every} marked"))], GOAL_KEY_MS)
        yield spread("unmark all", [self.press(b"a", lambda text: "marked" not in text)], GOAL_KEY_MS)
        yield self.turns("sort: the rows are there", b"t", SORTS, 2, 0)
