"""What stands in the way at a folder that is synced with deletions: it may go first, if it goes at all.

A file of the source that is a folder at the target, or the reverse, waits until the deletions are known. It is
copied when everything in its way is among them, and then they are carried out before anything is copied. Else
it is told as impossible.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from core.engine.planning.compare import Decision
from core.model import Action, Entry

IN_MEMORY = 1 << 20  # bytes of what waits, before it goes to disk


class _Waiting(msgspec.Struct, array_like=True):
    entry: Entry
    why: str
    path: str
    blocker: str


class Clearing:
    """For one route; `folder` is where big waits are kept."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115 - see close
        self._blockers: set[str] = set()
        self._going: Counter[str] = Counter()

    def wait(self, decision: Decision) -> None:
        """A CANNOT that names what stands in its way."""
        waiting = _Waiting(decision.entry, decision.why, decision.path, decision.blocker)
        self._file.write(msgspec.json.encode(waiting) + b"\n")
        self._blockers.add(decision.blocker)

    def sorted(self, deletions: Iterable[Decision]) -> Iterator[Decision]:
        """The deletions, those that make way marked; then what waited, as it comes out."""
        for decision in deletions:
            blocker = self._blocker_of(decision.entry.key)
            if blocker:
                self._going[blocker] += 1
            yield decision._replace(early=bool(blocker))
        clear = {blocker for blocker in self._blockers if self._goes_whole(blocker)}
        self._file.seek(0)
        for line in self._file:
            entry, why, path, blocker = msgspec.structs.astuple(msgspec.json.decode(line, type=_Waiting))
            if blocker in clear:
                yield Decision(Action.COPY, entry, path=path, early=True)
            else:
                yield Decision(Action.CANNOT, entry, why)

    def close(self) -> None:
        self._file.close()

    def _blocker_of(self, key: str) -> str:
        """The blocker that `key` is or lies in, "" for none."""
        if not self._blockers or key in self._blockers:
            return key if self._blockers else ""
        at = key.find("/")
        while at >= 0:
            if key[:at] in self._blockers:
                return key[:at]
            at = key.find("/", at + 1)
        return ""

    def _goes_whole(self, blocker: str) -> bool:
        """Whether nothing but folders is left of it."""
        try:
            return _files_in(self._root / blocker) == self._going[blocker]
        except OSError:
            return False


def _files_in(path: Path) -> int:
    """How many things that are no folders are at a path and below it. Raises OSError."""
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        return 1
    count = 0
    folders = [str(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    count += 1
    return count
