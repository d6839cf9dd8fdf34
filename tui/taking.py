"""From marks in a tree to what a job takes: one folder and the patterns that mean the marked ones in it.

Marks of one folder or of many become one source, so that the tree keeps its shape at the target; only a single
mark is a source by itself. Nothing of the screen is here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape

from msgspec.structs import replace

from core.errors import Code, HaulierError
from core.filters import filters_for
from core.model import Entry, Place
from tui.draft import Taken

MOST_MARKS = 2000  # marks that are handed on by name


@dataclass(frozen=True)
class Patterns:
    """What of the chosen places is meant, as a person typed it."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)


@dataclass(frozen=True)
class MarkedLevel:
    """One folder of the tree: its entries as far as they were read, and which of them are marked."""

    entries: Sequence[Entry]
    chosen: Collection[int] = field(default_factory=frozenset)
    complete: bool = True

    @property
    def keys(self) -> list[str]:
        return [self.entries[at].key for at in sorted(self.chosen)]

    @property
    def others(self) -> list[str]:
        chosen = frozenset(self.chosen)
        return [entry.key for at, entry in enumerate(self.entries) if at not in chosen]


Levels = Mapping[str, MarkedLevel]  # by the folder's path below the root: "" or "a/b/"


def marked_entries(levels: Levels) -> list[tuple[str, Entry]]:
    """The folder and the entry of every mark, without those that lie below a marked folder."""
    folders = {path + key for path, level in levels.items() for key in level.keys if key.endswith("/")}
    return [
        (path, level.entries[at])
        for path, level in levels.items()
        if not any(above in folders for above in above_of(path))
        for at in sorted(level.chosen)
    ]


def above_of(path: str) -> list[str]:
    """The folder itself and those above it, without the root: "a/b/" gives "a/", "a/b/"."""
    pieces = path.split("/")[:-1]
    return ["/".join(pieces[:count]) + "/" for count in range(1, len(pieces) + 1)]


def take(root: Place, here: str, levels: Levels, patterns: Patterns = Patterns()) -> Taken:
    """What is marked, or the folder `here` when nothing is. Raises HaulierError (usage)."""
    marks = marked_entries(levels)
    if not marks:
        return Taken((_below(root, here),), patterns.include, patterns.exclude)
    if len(marks) == 1:
        path, entry = marks[0]
        place = _below(root, path + entry.key)
        return Taken((place,), patterns.include, patterns.exclude) if entry.is_folder else Taken((place,))
    paths = {path for path, _ in marks}
    folder = _common(paths)
    level = levels.get(folder)
    if paths == {folder} and level is not None and level.complete:
        others = level.others
        if len(others) < len(marks) and len(others) <= MOST_MARKS:
            left_out = tuple(f"/{escape(key)}" for key in others)
            return Taken((_below(root, folder),), patterns.include, (*patterns.exclude, *left_out))
    if len(marks) > MOST_MARKS:
        raise HaulierError(
            Code.USAGE,
            f"{len(marks)} single marks are too many to be handed on by name (at most {MOST_MARKS}).",
            "Mark the folder, and say with patterns which of its files are meant.",
        )
    return Taken((_below(root, folder),), tuple(_included(marks, root, folder, patterns)), patterns.exclude)


def _included(
    marks: Iterable[tuple[str, Entry]], root: Place, folder: str, patterns: Patterns
) -> Iterable[str]:
    filters = filters_for(root, patterns.include)
    for path, entry in marks:
        name = f"/{escape((path + entry.key).removeprefix(folder))}"
        if not patterns.include:
            yield name
        elif not entry.is_folder:
            if filters.wants(path + entry.key):
                yield name
        else:
            for pattern in patterns.include:
                if "/" in pattern.rstrip("/"):
                    raise HaulierError(
                        Code.USAGE,
                        f"The pattern {pattern} names folders, and several folders are marked too.",
                        "Mark nothing, or write the pattern without a slash.",
                    )
                yield f"{name}**/{pattern}"


def _below(root: Place, path: str) -> Place:
    return replace(root, path=root.path + path)


def _common(paths: Collection[str]) -> str:
    """The deepest folder that holds all of these folders."""
    pieces = [path.split("/")[:-1] for path in paths]
    common: list[str] = []
    for names in zip(*pieces, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "".join(f"{name}/" for name in common)
