"""Keys on a long table whose rows have numbers in their names, so that one sees where the cursor is."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

import psutil

from tests.face.measures import GOAL_KEY_MS, Face, Holds, Row, shows, spread

STEPS = 30
JUMPS = 15
TEXTS = 6  # that are searched for
LOOKING = "looking"

Press = Callable[[], float]


class TableKeys:
    """A face whose rows are numbered `first` to `last`. `pattern` finds seven digits in a row's name."""

    def __init__(self, face: Face, pattern: str, first: int, last: int) -> None:
        self._face = face
        self._pattern = re.compile(pattern)
        self._first, self._last = first, last
        self.terminal = face.open()

    def close(self) -> None:
        self.terminal.close()

    def memory(self) -> int:
        """Resident bytes of the face."""
        return int(psutil.Process(self.terminal.process.pid).memory_info().rss)

    def press(self, key: bytes, holds: Holds) -> float:
        """Seconds from the key to what one sees of it."""
        self._face.pause()
        pressed = self.terminal.press(key)
        return self.terminal.until(holds) - pressed

    def number(self, text: str) -> int:
        """The number of the row under the cursor, -1 where none stands there (yet)."""
        line = next((line for line in text.split("\n") if line.startswith("▌")), "")
        found = self._pattern.search(line)
        return int(found[1]) if found else -1

    def stands(self, text: str) -> bool:
        """Whether rows are shown, and all is known that was asked."""
        return LOOKING not in text and self.number(text) >= 0

    def moves(self) -> Iterator[Row]:
        """Through the list in its first order, from its first row."""
        down, up = self._step(b"j", 1), self._step(b"k", -1)
        yield self._timed("down", [down] * STEPS)
        yield self._timed("up", [up] * STEPS)
        yield self._timed("page down", [self._page] * STEPS)
        ends, homes = [], []
        for _ in range(JUMPS):
            ends.append(self.press(b"\x1b[F", lambda text: self.number(text) == self._last))
            homes.append(self.press(b"\x1b[H", lambda text: self.number(text) == self._first))
        yield spread("end", ends, GOAL_KEY_MS)
        yield spread("home", homes, GOAL_KEY_MS)

    def turns(
        self, name: str, key: bytes, words: tuple[str, ...], rounds: int, goal: float = GOAL_KEY_MS
    ) -> Row:
        """A key that shows one of the words after the other."""
        taken = []
        for _ in range(rounds):
            for word in words:
                taken.append(self.press(key, lambda text, word=word: word in text and self.stands(text)))  # type: ignore[misc]
        return spread(name, taken, goal)

    def searches(self) -> Iterator[Row]:
        """Numbers typed letter by letter: when the letter is there, and when what it finds is."""
        dice = random.Random(2)
        letters: list[float] = []
        found: list[float] = []
        for _ in range(TEXTS):
            wanted = f"{dice.randrange(self._first, self._last + 1):07}"
            self.press(b"/", shows("\n / "))
            for end in range(1, len(wanted) + 1):
                text = wanted[:end]
                self._face.pause()
                pressed = self.terminal.press(text[-1].encode())
                letters.append(self.terminal.until(shows(f"\n / {text}")) - pressed)
                found.append(self.terminal.until(lambda t, text=text: self._finds(t, text)) - pressed)  # type: ignore[misc]
            self.press(b"\x1b", lambda text: self.stands(text) and "\n / " not in text)
        yield spread("search: the letter is shown", letters, GOAL_KEY_MS)
        yield spread("search: what it finds is shown", found)

    # -- inside

    def _timed(self, name: str, presses: list[Press]) -> Row:
        return spread(name, [press() for press in presses], GOAL_KEY_MS)

    def _step(self, key: bytes, by: int) -> Press:
        def press() -> float:
            before = self.number(self.terminal.text())
            return self.press(key, lambda text: self.number(text) == before + by)

        return press

    def _page(self) -> float:
        before = self.number(self.terminal.text())
        return self.press(b"\x1b[6~", lambda text: self.number(text) - before > 1)

    def _finds(self, text: str, wanted: str) -> bool:
        """Whether the first row has a text that was looked for."""
        found = self._pattern.search(text)
        return LOOKING not in text and found is not None and wanted in found[1]
