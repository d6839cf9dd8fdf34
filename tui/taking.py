"""From marks in a tree to what a job takes: one folder and the patterns that mean the marked ones in it.

Marks of one folder or of many become one source, so that the tree keeps its shape at the target; only a single
mark is a source by itself. Nothing of the screen is here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from glob import escape

from msgspec.structs import replace

from core.errors import Code, HaulierError
from core.filters import filters_for
from core.model import Place
from core.safe_text import safe_text
from core.selection import words_of
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
    """One folder of the tree: how many of its entries are marked, how many of those are folders, their names.

    `names` is None where there are too many; `others`, the names that are not marked, also where not all are
    known. `box` is what was typed to mark them, empty when dots were set."""

    count: int
    folders: int
    names: tuple[str, ...] | None
    others: tuple[str, ...] | None
    box: str = ""


Levels = Mapping[str, MarkedLevel]  # by the folder's path below the root: "" or "a/b/"; those with marks


def above_of(path: str) -> list[str]:
    """The folder itself and those above it, without the root: "a/b/" gives "a/", "a/b/"."""
    pieces = path.split("/")[:-1]
    return ["/".join(pieces[:count]) + "/" for count in range(1, len(pieces) + 1)]


def take(
    root: Place, here: str, levels: Levels, patterns: Patterns = Patterns(), *, as_folder: bool = False
) -> Taken:
    """What is marked, or the folder `here` when nothing is; `levels` holds none below a marked folder. With
    `as_folder` the place is always a folder. Raises HaulierError (usage)."""
    count = sum(level.count for level in levels.values())
    folder = _common(levels) if count else here
    if not count:
        _check_rebased(root, folder, (*patterns.include, *patterns.exclude))
        return Taken((_below(root, here),), patterns.include, patterns.exclude)
    level = levels.get(folder)
    others = level.others if level is not None and len(levels) == 1 else None
    if others is not None and count > 1 and len(others) < min(count, MOST_MARKS + 1):
        _check_rebased(root, folder, (*patterns.include, *patterns.exclude))
        left_out = tuple(f"/{escape(key)}" for key in others)
        return Taken((_below(root, folder),), patterns.include, (*patterns.exclude, *left_out))
    if count <= MOST_MARKS and all(level.names is not None for level in levels.values()):
        marks = [(path, name) for path, level in levels.items() for name in level.names or ()]
        if len(marks) == 1 and not as_folder:
            path, name = marks[0]
            place = _below(root, path + name)
            if not levels[path].folders:
                return Taken((place,))
            _check_rebased(root, path + name, (*patterns.include, *patterns.exclude))
            return Taken((place,), patterns.include, patterns.exclude)
        included = tuple(_included(marks, root, folder, patterns))
        if not included:
            raise HaulierError(
                Code.USAGE, "The patterns leave out everything that is marked.", "Mark others, or change them."
            )
        _check_rebased(root, folder, patterns.exclude)
        return Taken((_below(root, folder),), included, patterns.exclude)
    by_words = _by_words(level) if level is not None and len(levels) == 1 and not patterns else None
    if by_words is not None:
        return Taken((_below(root, folder),), *by_words)
    raise HaulierError(
        Code.USAGE,
        f"{count} single marks are too many to be handed on by name (at most {MOST_MARKS}).",
        "Mark the folder and take out what is not meant, or type globs alone: *.json ^old-*",
    )


def _by_words(level: MarkedLevel) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Patterns that mean what the box means, where it holds globs and names alone and means files alone: a glob
    of the box stays in its folder, one of a job crosses folders."""
    if level.folders or not level.box.strip():
        return None
    try:
        words = list(words_of(level.box))
    except ValueError:
        return None
    include = tuple(_pattern(text, is_glob) for removes, text, is_glob in words if not removes)
    exclude = tuple(_pattern(text, is_glob) for removes, text, is_glob in words if removes)
    return include, (*exclude, "/*/*")


def _pattern(text: str, is_glob: bool) -> str:
    return f"/{text if is_glob else escape(text)}"


def _included(marks: Iterable[tuple[str, str]], root: Place, folder: str, patterns: Patterns) -> Iterable[str]:
    filters = filters_for(root, patterns.include)
    for path, key in marks:
        name = f"/{escape((path + key).removeprefix(folder))}"
        if not patterns.include:
            yield name
        elif not key.endswith("/"):
            if filters.wants(path + key):
                yield name
        else:
            _check_rebased(root, path + key, patterns.include)
            for pattern in patterns.include:
                yield f"{name}{pattern}"


def _check_rebased(root: Place, folder: str, patterns: Iterable[str]) -> None:
    """Patterns are read from the top of the root: in a folder of it, only ends of names mean the same. Raises
    HaulierError (usage)."""
    for pattern in patterns if folder else ():
        if not pattern.startswith("*") or any(char in pattern[1:] for char in "*/\\"):
            raise HaulierError(
                Code.USAGE,
                f"The pattern {safe_text(pattern, 40)} is read from the top of {safe_text(str(root), 60)}.",
                "Take that with nothing marked, or write patterns that are ends of names, like *.json.",
            )


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
