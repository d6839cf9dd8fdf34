"""The folders of a tree that were looked at, and what of them is marked. Nothing of the screen is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from core.model import Place
from tui.folder_level import Level
from tui.taking import above_of

KEPT_OPEN = 20  # levels beside those that are needed


class LevelTree:
    """`other` is the folder beside the root, if there is one. `changed` is told of every change of marks."""

    def __init__(self, root: Place, other: Place | None, changed: Callable[[], None]) -> None:
        self.root, self.other = root, other
        self._changed = changed
        self.levels: dict[str, Level] = {}  # by their path below the root, in the order they were entered

    def enter(self, path: str, number: int = -1) -> Level:
        """The level of a path; `number` is its row in the level above, as it is listed now."""
        level = self.levels.pop(path, None)
        if level is None:
            place = replace(self.root, path=self.root.path + path)
            other = replace(self.other, path=self.other.path + path) if self.other is not None else None
            level = Level(path, place, other, number, self._changed)
        elif number >= 0:
            level.number = number
        self.levels[path] = level
        return level

    def forget(self, level: Level) -> str:
        """The level is to be listed anew: its rows get other numbers. The listing that it had, "" for none."""
        for other in self.levels.values():
            if other.path and _above(other.path) == level.path:
                other.number = -1
        return level.forget()

    def is_marked(self, folder: str) -> bool:
        """Whether a folder of the tree is marked itself, as far as that is known."""
        level = self.levels.get(folder)
        above = self.levels.get(_above(folder))
        return level is not None and above is not None and level.number in above.marks.chosen

    def marked(self) -> Iterator[Level]:
        """Levels with marks that count: what lies below a marked folder is in it already."""
        return (level for level in self._counting() if level.marks.chosen)

    @property
    def count(self) -> int:
        """How many rows are marked."""
        return sum(len(level.marks.chosen) for level in self.marked())

    def pending(self) -> Level | None:
        """A level of which it is not known yet what is marked in it."""
        return next((level for level in self._counting() if level.is_pending), None)

    def unneeded(self, path: str) -> list[Level]:
        """Open levels that may be closed while one is in `path`: those without marks, but for the last ones."""
        needed = {"", path, *above_of(path)}
        idle = [
            level
            for level in self.levels.values()
            if level.id and level.path not in needed and not level.marks.chosen and not level.is_pending
        ]
        return idle[: max(0, len(idle) - KEPT_OPEN)]

    def _counting(self) -> Iterator[Level]:
        for level in self.levels.values():
            if not any(self.is_marked(folder) for folder in above_of(level.path)):
                yield level


def _above(folder: str) -> str:
    head, slash, _ = folder.removesuffix("/").rpartition("/")
    return head + slash
