"""Comparing two ordered listings, one entry at a time, without holding either.

Both sides come in the byte order of their names (which for str is the order of code points, because UTF-8
keeps it). A side that is out of order raises `OutOfOrder`: then nothing that this comparison said about
absence is worth anything, and the planner compares through an index instead (see planner.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from operator import lt
from typing import NamedTuple

from core.engine.proving.proof import same_etag
from core.model import UNSIZED, Action, Compare, Entry


class Question(NamedTuple):
    """Two entries of one name of which listings do not tell whether they are the same."""

    mine: Entry
    theirs: Entry
    path: str = ""  # as in Decision


class OutOfOrder(Exception):
    """A listing broke its promise of order, or named a key twice."""

    def __init__(self, side: str, before: str, after: str) -> None:
        super().__init__(f"the {side} listing is not in order: {before!r} came before {after!r}")
        self.side = side


class Decision(NamedTuple):
    """What to do with one entry. `action` None means skip, `why` says the reason (also for CANNOT)."""

    action: Action | None
    entry: Entry  # of the source; of the target for DELETE
    why: str = ""
    path: str = ""  # of the local side, where it is not the entry's name (see escaping.py)
    blocker: str = ""  # of CANNOT: the path at the target that stands in the way
    kept: Entry | None = None  # of COPY: the target has it, and it is only extracted
    early: bool = False  # of DELETE: makes way for something that is copied; of COPY: waits for that


def ordered(side: str, pages: Iterable[list[Entry]]) -> Iterator[Entry]:
    """The entries of these pages; raises OutOfOrder at the first that does not come strictly after the one
    before."""
    return chain.from_iterable(_ordered(side, pages))


def _ordered(side: str, pages: Iterable[list[Entry]]) -> Iterator[list[Entry]]:
    last: list[str] = []  # the name before this page, once there is one
    for page in pages:
        names = last + [entry.key for entry in page]
        if not all(map(lt, names, islice(names, 1, None))):
            at = next(at for at, (one, other) in enumerate(pairwise(names)) if one >= other)
            yield page[: at + 1 - len(last)]
            raise OutOfOrder(side, names[at], names[at + 1])
        last = names[-1:]
        yield page


def merge(source: Iterable[Entry], target: Iterable[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Pairs of entries with the same name; None where a side has none. Both sides ordered."""
    left, right = iter(source), iter(target)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.key < b.key):
            yield a, None
            a = next(left, None)
        elif a is None or b.key < a.key:
            yield None, b
            b = next(right, None)
        else:
            yield a, b
            a, b = next(left, None), next(right, None)


def not_older(target: float, source: float, step: float = 0.0) -> bool:
    """Whether a target's time is not before a source's, as far as the target's own precision can tell.

    Some servers keep a file's time as LastModified, cut to whole seconds or milliseconds: the same file must
    not look older there for its fraction of a second. `step`: in what steps the target keeps time, if coarser.
    """
    return target >= source or target > source - max(_cut(target), step)


def same_time(one: float, other: float, step: float = 0.0) -> bool:
    """Whether two records of a file's own time mean the same moment, as far as the coarser of them can tell."""
    return abs(one - other) < max(_cut(one), _cut(other), step)


def _cut(moment: float) -> float:
    """What may have been cut off: whole seconds look like it, everything else is told to a millisecond at
    least."""
    return 1.0 if moment == int(moment) else 0.001


SAME_TIME = "same size and time"
SAME_CONTENT = "same content"
NO_TIME = "same size, and the server tells no time"


class Sameness:
    """Whether a target entry already is what the source entry would make of it, as far as listings tell.

    TIME: sizes equal and the target not older than the source, or both with one and the same digest as ETag (a
    server may show another time than that of the upload). SIZE: sizes equal. CHECKSUM: sizes equal and the same
    digest. What listings cannot settle, also where a source tells no size or no time, is answered by looking
    closer (judge.py).
    """

    def __init__(self, how: Compare, step: float = 0.0) -> None:
        """`step`: in what steps the target's file system keeps time, in seconds."""
        self._how = how
        self._step = step

    def at_sight(self, source: Entry, target: Entry) -> str | None:
        """The reason to skip in words; "" when it must be copied; None when only a closer look can tell."""
        if source.size == UNSIZED:
            return None
        if source.size != target.size:
            return ""
        if self._how is Compare.SIZE:
            return "same size"
        timed = self._how is Compare.TIME and bool(source.modified)
        if timed and not_older(target.modified, source.modified, self._step):
            return SAME_TIME
        return SAME_CONTENT if same_etag(source.etag, target.etag) else None


class FilesAbove:
    """Finds names that are a file and a folder at once (`a` and `a/b`), in one ordered pass."""

    def __init__(self) -> None:
        self._files: deque[str] = deque()

    def of(self, name: str) -> list[str]:
        """The files, added earlier, whose names would have to be folders for `name`; the shortest first."""
        while self._files and not name.startswith(self._files[-1]):
            self._files.pop()
        return [file for file in self._files if name.startswith(file + "/")]

    def add(self, name: str) -> None:
        """`name`, just asked for, will be a file."""
        self._files.append(name)
