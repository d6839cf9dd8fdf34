"""Where a key goes in a folder: which path stands for it, and what stands in its way.

Asked once for every key of a plan, in the plan's order. Three things can be wrong with a path: the file system
takes no such name (FolderRules), another key of this plan has it already (a file and a folder at once; twins
that the file system does not tell apart), or something else is on the disk there. Then, as the person chose,
the key is told as impossible or goes to an escaped path (escaping.py). Which of two keys that cannot both have
a path gets it is settled by their order, so the next plan settles it in the same way.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import NamedTuple

from core.engine.planning.compare import FilesAbove
from core.engine.planning.escaping import Written, segments_of, written
from core.model import Entry
from core.stores.local import STAGING
from core.stores.local.rules import FolderRules

TWO_AT_ONCE = "a file and a folder at once"
TWINS = "differs from another name only in letter case or Unicode form, which the target does not tell apart"
FILE_THERE = "a file stands at the target where a folder is needed"
FOLDER_THERE = "a folder stands at the target where the file belongs"
LINK_THERE = "a symbolic link stands in the way at the target"
OTHER_THERE = "something that is no file stands in the way at the target"
_IN_THE_WAY = {"f": FILE_THERE, "d": FOLDER_THERE, "l": LINK_THERE, "o": OTHER_THERE}
_MISSING = ""


class Placed(NamedTuple):
    """The path for a key, or why there is none. `blocker` is the path of what is on the disk in its way,
    `found` the file that is there already, as far as the disk was asked."""

    path: str
    problem: str = ""
    blocker: str = ""
    found: Entry | None = None
    folder_is_there: bool = False  # of a folder marker: there is nothing to do


class _Obstacle(NamedTuple):
    segment: int
    problem: str
    blocker: str = ""


class TargetNames:
    """For one folder as a target. `escapes` says what is done with names that cannot be: told, or escaped."""

    def __init__(self, root: Path, rules: FolderRules, *, escapes: bool, yields: bool = False) -> None:
        """With `yields`, what is on the disk in the way is told and not avoided: the plan may remove it."""
        self._root = root
        self.rules = rules
        self._escapes, self._yields = escapes, yields
        self._above = FilesAbove()
        self._disk = _Disk(root)
        self._book = _Book(root, rules) if rules.folds or rules.rewrites else None
        self._elsewhere: _Book | None = None  # paths that are not their keys

    def out_of_order(self) -> None:
        """Keys will come in any order from here on, those that came already once more."""
        if self._book is None:
            self._book = _Book(self._root, self.rules)
        self._above = FilesAbove()

    def place(self, key: str, size: int, *, listed: bool) -> Placed:
        """The path for a key. `listed`: the target's listing has a file of exactly this name."""
        folder = key.endswith("/") and not size
        if not self._escapes:
            there = listed and not folder and self._book is None  # most keys of most plans
            possible = there and 4 * len(key) <= self.rules.path_max  # what is listed is a name there
            problem = "" if possible else self.rules.problem(key)
            if problem:
                return Placed(key, f"not possible as a file name: {problem}")
            if key.endswith("/") and size:
                return Placed(key, "a folder's name with content in it")
            if there:
                return Placed(key, TWO_AT_ONCE) if self._above.of(key) else self._kept(key)
        marked: set[int] = set()
        while True:
            names = self._names(key, folder, marked)
            path = "/".join(names.names)
            if len(path.encode()) > self.rules.path_max:
                return Placed(key, "not possible as a file name: path too long")
            known = listed and path == key
            found: Entry | None = None
            obstacle = self._among_the_plan(key, names, folder, marked)
            if obstacle is None and not known and not (self._book is not None and self.rules.folds):
                obstacle = self._disk.obstacle(names, folder)
            if obstacle is None:
                found = None if known else self._disk.file(path)
                self._claim(key, names, folder, marked)
                shown = f"{path}/" if folder else path
                return Placed(shown, found=found, folder_is_there=folder and self._disk.is_folder(names))
            if not self._escapes or obstacle.segment in marked or (self._yields and obstacle.blocker):
                return Placed(path, obstacle.problem, obstacle.blocker)
            marked.add(obstacle.segment)

    def _kept(self, key: str) -> Placed:
        self._above.add(key)
        return Placed(key)

    def is_used(self, path: str) -> bool:
        """Whether a file that the target lists stands for one of the keys, under another name than its own."""
        if self._elsewhere is not None and self._elsewhere.is_claimed(path):
            return True
        return self._book is not None and self.rules.folds and self._book.is_claimed(path)

    def close(self) -> None:
        for book in (self._book, self._elsewhere):
            if book is not None:
                book.close()

    def _names(self, key: str, folder: bool, marked: set[int]) -> Written:
        if self._escapes:
            return written(key, self.rules, folder=folder, marked=marked)
        segments = segments_of(key, folder=folder)
        return Written(tuple(segments), tuple(range(len(segments))))

    def _among_the_plan(self, key: str, names: Written, folder: bool, marked: set[int]) -> _Obstacle | None:
        if self._book is not None:
            return self._book.obstacle(names, folder)
        for file in self._above.of(key):
            segment = file.count("/")
            if segment not in marked:
                return _Obstacle(segment, TWO_AT_ONCE)
        return None

    def _claim(self, key: str, names: Written, folder: bool, marked: set[int]) -> None:
        if self._book is not None:
            self._book.claim(names.names, folder)
        elif not folder and key.count("/") not in marked:
            self._above.add(key)
        if self._escapes and (path := "/".join(names.names)) != key and not folder:
            if self._elsewhere is None:
                self._elsewhere = _Book(self._root, FolderRules())
            self._elsewhere.note(path)


class _Disk:
    """What is on the disk, without following links. The folders of the last path are remembered: keys of one
    folder come together."""

    def __init__(self, root: Path) -> None:
        self._below = f"{root}/"  # paths are put behind it as they are: it is done for every key
        self._names: list[str] = []
        self._kinds: list[str] = []
        self._seen: tuple[str, os.stat_result | None] = ("", None)  # the path that was looked at last

    def obstacle(self, names: Written, folder: bool) -> _Obstacle | None:
        above = list(names.names[:-1])
        if above != self._names:
            self._enter(above)
        path = "/".join(names.names)
        for at, kind in enumerate(self._kinds):
            if kind == _MISSING:
                self._seen = (path, None)
                return None  # and nothing below it
            if kind != "d":
                blocker = "/".join(names.names[: at + 1])
                return _Obstacle(names.segments[at], _IN_THE_WAY[kind], blocker)
        status = self._look(path)
        kind = _kind_of(status.st_mode) if status is not None else _MISSING
        if kind in (_MISSING, "d" if folder else "f"):
            return None
        return _Obstacle(names.segments[-1], _IN_THE_WAY[kind], path)

    def file(self, path: str) -> Entry | None:
        """The file at this path; None when there is none, or no file. Of the path `obstacle` was just asked
        about, what was seen then."""
        status = self._seen[1] if path == self._seen[0] else self._look(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return Entry(key=path, size=status.st_size, modified=status.st_mtime)

    def is_folder(self, names: Written) -> bool:
        return self._kind("/".join(names.names)) == "d"

    def _enter(self, above: list[str]) -> None:
        same = 0
        while same < min(len(above), len(self._names)) and above[same] == self._names[same]:
            same += 1
        del self._kinds[same:]
        for at in range(len(self._kinds), len(above)):
            if self._kinds and self._kinds[-1] != "d":
                break  # nothing can be below
            self._kinds.append(self._kind("/".join(above[: at + 1])))
        self._names = above

    def _kind(self, path: str) -> str:
        status = self._look(path)
        return _kind_of(status.st_mode) if status is not None else _MISSING

    def _look(self, path: str) -> os.stat_result | None:
        try:
            status = os.lstat(self._below + path)
        except OSError:
            status = None
        self._seen = (path, status)
        return status


class _Book:
    """Names by what the file system takes them for, in a table that goes to disk when it is long: those of the
    plan, and those of the folders that it has come to."""

    def __init__(self, root: Path, rules: FolderRules) -> None:
        self._root, self._rules = root, rules
        self._looked: list[str] = []  # folders looked into, from the root to that of the last path
        self._db = sqlite3.connect("")  # private, on disk, gone when it is closed
        self._db.execute(
            "CREATE TABLE names (folded BLOB PRIMARY KEY, spelled BLOB, kind TEXT, ours INT) WITHOUT ROWID"
        )

    def obstacle(self, names: Written, folder: bool) -> _Obstacle | None:
        """What has one of the path's names already, spelled or meant in another way."""
        path = ""
        for at, name in enumerate(names.names):
            if self._rules.folds and self._looked[at : at + 1] != [path]:
                self._looked[at:] = [path]
                self._look_into(path)
            path = f"{path}/{name}" if path else name
            row = self._find(path)
            if row is None:
                return None
            spelled, kind, ours = row
            wanted = "d" if folder or at < len(names.names) - 1 else "f"
            twin = self._rules.spelled(spelled) != self._rules.spelled(path)
            if twin or kind != wanted:
                problem = TWINS if twin else TWO_AT_ONCE if ours else _IN_THE_WAY[kind]
                return _Obstacle(names.segments[at], problem, "" if ours else spelled)
        return None

    def claim(self, names: tuple[str, ...], folder: bool) -> None:
        path = ""
        for at, name in enumerate(names):
            path = f"{path}/{name}" if path else name
            self._set(path, "d" if folder or at < len(names) - 1 else "f", ours=True)

    def note(self, path: str) -> None:
        self._set(path, "f", ours=True)

    def is_claimed(self, path: str) -> bool:
        row = self._find(path)
        return row is not None and bool(row[2])

    def close(self) -> None:
        self._db.close()

    def _look_into(self, folder: str) -> None:
        if folder and ((row := self._find(folder)) is None or row[1] != "d"):
            return
        try:
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    if folder or entry.name != STAGING:
                        path = f"{folder}/{entry.name}" if folder else entry.name
                        kind = "l" if entry.is_symlink() else "d" if entry.is_dir() else "f"
                        if kind == "f" and not entry.is_file(follow_symlinks=False):
                            kind = "o"
                        self._set(path, kind, ours=False)
        except OSError:
            return  # not there: nothing in the way

    def _find(self, path: str) -> tuple[str, str, int] | None:
        row = self._db.execute(
            "SELECT spelled, kind, ours FROM names WHERE folded = ?", (os.fsencode(self._rules.folded(path)),)
        ).fetchone()
        return (os.fsdecode(row[0]), row[1], row[2]) if row else None

    def _set(self, path: str, kind: str, *, ours: bool) -> None:
        """What the plan claimed once stays claimed."""
        self._db.execute(
            "INSERT INTO names VALUES (?, ?, ?, ?) "
            "ON CONFLICT (folded) DO UPDATE SET ours = max(ours, excluded.ours)",
            (os.fsencode(self._rules.folded(path)), os.fsencode(path), kind, ours),
        )


def _kind_of(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "f"
    if stat.S_ISDIR(mode):
        return "d"
    return "l" if stat.S_ISLNK(mode) else "o"
