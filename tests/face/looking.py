"""Looking into a folder of a million files: what keys take there, and what memory the two processes have."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.face.measures import GOAL_KEY_MS, Face, Holds, Row, shows, spread

NUMBER = re.compile(r"part-(\d{7})\.bin")
SORTS = ("largest first", "newest first", " here")
STEPS = 30
JUMPS = 10
TEXTS = 5  # that are filtered by


def make_files(folder: Path, count: int) -> None:
    """Empty files, some bytes apart in size; they take no blocks."""
    folder.mkdir()
    for number in range(count):
        handle = os.open(folder / f"part-{number:07}.bin", os.O_CREAT | os.O_WRONLY)
        os.ftruncate(handle, number * 7919 % 1_000_003)
        os.close(handle)


class LookingKeys:
    """A face that chooses this folder as a source and looks inside."""

    def __init__(self, face: Face, folder: Path, count: int) -> None:
        self._face, self._count = face, count
        self._terminal = face.open()
        self._terminal.until(lambda text: "▌" in text or "n  start" in text)
        self._press(b"n", shows("From where?"))
        while "▌this machine" not in (before := self._terminal.text()):
            self._press(b"j", lambda text, before=before: text != before)  # type: ignore[misc]
        for key, holds in (
            (b"\r", shows("Which folder")),
            (b"\x15" + str(folder).encode(), shows("takes")),
        ):
            self._press(key, holds)

    def close(self) -> None:
        self._terminal.close()

    def memory(self) -> int:
        return int(psutil.Process(self._terminal.process.pid).memory_info().rss)

    def opened(self) -> Iterator[Row]:
        yield spread("open: first rows", [self._press(b"\x0f", lambda text: _number(text) == 0)])
        yield spread("end: the whole folder is read", [self._press(b"\x1b[F", self._is_last)])
        self._press(b"\x1b[H", lambda text: _number(text) == 0)

    def moves(self) -> Iterator[Row]:
        yield self._timed("down", [(b"j", at + 1) for at in range(STEPS)])
        yield self._timed("up", [(b"k", STEPS - at - 1) for at in range(STEPS)])
        yield spread("page down", [self._press(b"\x1b[6~", self._beyond()) for _ in range(STEPS)], GOAL_KEY_MS)
        ends, homes = [], []
        for _ in range(JUMPS):
            ends.append(self._press(b"\x1b[F", self._is_last))
            homes.append(self._press(b"\x1b[H", lambda text: _number(text) == 0))
        yield spread("end", ends, GOAL_KEY_MS)
        yield spread("home", homes, GOAL_KEY_MS)
        marks = [self._press(b" ", shows("●")), self._press(b" ", lambda text: "●" not in text)]
        yield spread("mark one", marks, GOAL_KEY_MS)
        every = f"{self._count:,}".replace(",", " ")
        yield spread("mark all", [self._press(b"a", shows(f"{every} marked"))], GOAL_KEY_MS)
        yield spread("unmark all", [self._press(b"a", lambda text: "marked" not in text)], GOAL_KEY_MS)

    def sorts(self) -> Iterator[Row]:
        taken = []
        for words in SORTS:
            taken.append(self._press(b"t", lambda text, words=words: words in text and _number(text) >= 0))  # type: ignore[misc]
        yield spread("sort: the rows are there", taken)

    def filters(self) -> Iterator[Row]:
        dice = random.Random(2)
        letters: list[float] = []
        found: list[float] = []
        for _ in range(TEXTS):
            wanted = f"{dice.randrange(self._count):07}"
            self._press(b"/", shows("\n / "))
            for end in range(1, len(wanted) + 1):
                text = wanted[:end]
                self._face.pause()
                pressed = self._terminal.press(text[-1].encode())
                letters.append(self._terminal.until(shows(f"\n / {text}")) - pressed)
                found.append(self._terminal.until(lambda t, text=text: _finds(t, text)) - pressed)  # type: ignore[misc]
            self._press(b"\x1b", lambda text: _number(text) == 0 and "\n / " not in text)
        yield spread("filter: the letter is shown", letters, GOAL_KEY_MS)
        yield spread("filter: what it finds is shown", found)

    # -- inside

    def _is_last(self, text: str) -> bool:
        return _number(text) == self._count - 1

    def _beyond(self) -> Holds:
        before = _number(self._terminal.text())
        return lambda text: _number(text) > before

    def _timed(self, name: str, presses: list[tuple[bytes, int]]) -> Row:
        taken = []
        for key, wanted in presses:
            taken.append(self._press(key, lambda text, wanted=wanted: _number(text) == wanted))  # type: ignore[misc]
        return spread(name, taken, GOAL_KEY_MS)

    def _press(self, key: bytes, holds: Holds) -> float:
        self._face.pause()
        pressed = self._terminal.press(key)
        return self._terminal.until(holds) - pressed


def _number(text: str) -> int:
    """The number of the file under the cursor, -1 where none stands there (yet)."""
    line = next((line for line in text.split("\n") if line.startswith("▌")), "")
    found = NUMBER.search(line)
    return int(found[1]) if found else -1


def _finds(text: str, wanted: str) -> bool:
    """Whether the first row has the text."""
    found = NUMBER.search(text)
    return found is not None and wanted in found[1]
