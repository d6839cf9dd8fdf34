"""The names of an open listing, as the selection box asks for them: what a word means is looked up by the
engine, and until it answered, means nothing yet."""

from __future__ import annotations

from core.positions import NOWHERE, Positions
from core.selection import parse

Word = tuple[str, bool]  # the text, and whether it is a glob


class FolderNames:
    """What is known of the words."""

    def __init__(self) -> None:
        self.listed = 0
        self._found: dict[Word, tuple[Positions, int]] = {}  # and how many rows were looked through
        self._wanted: set[Word] = set()

    def __len__(self) -> int:
        return self.listed

    def matching(self, glob: str) -> Positions | None:
        return self._look((glob, True))

    def called(self, name: str) -> Positions | None:
        return self._look((name, False))

    def _look(self, word: Word) -> Positions | None:
        self._wanted.add(word)
        found = self._found.get(word)
        return found[0] if found is not None and (found[0] or found[1] >= self.listed) else None

    def missing(self, box: str) -> list[tuple[Word, int]]:
        """Words of the box that are not looked up yet, and from which row on they have to be."""
        self._wanted.clear()
        parse(box, self)
        known = [(word, self._found.get(word, (NOWHERE, 0))[1]) for word in self._wanted]
        return [(word, after) for word, after in known if after < self.listed]

    def put(self, word: Word, rows: Positions, listed: int) -> None:
        """What was found from the row on that `missing` named."""
        self._found[word] = (self._found.get(word, (NOWHERE, 0))[0] | rows, listed)
