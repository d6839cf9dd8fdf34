"""Comparing two ordered listings, one entry at a time, without holding either.

Both sides come in the byte order of their names (which for str is the order of code points, because UTF-8
keeps it). A side that is out of order raises `OutOfOrder`: then nothing that this comparison said about
absence is worth anything, and the planner compares through an index instead (see planner.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from core.engine.proof import is_md5, part_count
from core.model import Action, Compare, Entry


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


def ordered(side: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same entries; raises OutOfOrder at the first that does not come strictly after the one before."""
    last: str | None = None
    for entry in entries:
        if last is not None and entry.key <= last:
            raise OutOfOrder(side, last, entry.key)
        last = entry.key
        yield entry


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


def not_older(target: float, source: float) -> bool:
    """Whether a target's time is not before a source's, as far as the target's own precision can tell.

    Some servers keep a file's time as LastModified, cut to whole seconds or milliseconds: the same file must
    not look older there for its fraction of a second.
    """
    step = 1.0 if target == int(target) else 0.001
    return target > source - step


def same_etag(one: str, other: str) -> bool:
    """Whether two ETags are the same digest; equal ETags of any other shape prove nothing."""
    return one == other and (is_md5(one) or part_count(one) > 0)


class Sameness:
    """Whether a target entry already is what the source entry would make of it.

    TIME: sizes equal and the target not older than the source, or both with one and the same MD5 as ETag (a
    server may show another time than that of the upload). SIZE: sizes equal. CHECKSUM: sizes equal and
    `same_content` says so; it answers None when that cannot be known, which means: not the same.
    """

    def __init__(self, how: Compare, same_content: Callable[[Entry, Entry], bool | None]) -> None:
        self._how = how
        self._same_content = same_content

    def why_same(self, source: Entry, target: Entry) -> str:
        """The reason to skip in words, or "" when it must be copied."""
        if source.size != target.size:
            return ""
        match self._how:
            case Compare.SIZE:
                return "same size"
            case Compare.TIME:
                if not_older(target.modified, source.modified):
                    return "same size and time"
                return "same content" if same_etag(source.etag, target.etag) else ""
            case Compare.CHECKSUM:
                return "same content" if self._same_content(source, target) else ""


class FileFolderClash:
    """Finds names that are a file and a folder at once (`a` and `a/b`), in one ordered pass."""

    def __init__(self) -> None:
        self._files: deque[str] = deque()

    def clash(self, name: str) -> str:
        """The earlier file whose name would have to be a folder for `name`, or ""."""
        while self._files and not name.startswith(self._files[-1]):
            self._files.pop()
        for file in self._files:
            if name.startswith(file + "/"):
                return file
        self._files.append(name)
        return ""
