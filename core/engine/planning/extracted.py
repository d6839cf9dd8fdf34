"""Folders that archives are extracted into: which of them clash, and which are there already.

Asked for every key of a plan with `extract`, in the plan's order, like target_names.py. What comes of an
archive shares its folder with nothing else of the job: of two keys that would meet there the second is told as
impossible. Names are compared as the target's file system does.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from core.engine.moving.extracting import is_filled
from core.engine.planning.target_names import FILE_THERE, LINK_THERE
from core.extract import folder_name
from core.stores.local.names import name_problem
from core.stores.local.rules import FolderRules

EXTRACTED = "already extracted"
SAME_FOLDER = "would be extracted into the same folder as another archive"
FOLDER_OF_OTHERS = "would be extracted into a folder that other files of the job go into"
NAME_OF_OTHERS = "would be extracted into a folder that has the name of another file"
IN_THE_FOLDER = "would lie in a folder that an archive is extracted into"

_FILE, _FOLDER, _EXTRACTED = "f", "d", "x"


class ExtractedFolders:
    """Of one route. `problem` is asked in the plan's order, in one thread; the others at any time."""

    def __init__(self, root: Path, rules: FolderRules) -> None:
        self._root, self._rules = root, rules
        self._above = ""  # the folder of the last path: keys of one folder come together
        self._db = sqlite3.connect("")  # private, on disk when it is long, gone when it is closed
        self._db.execute("CREATE TABLE names (folded BLOB PRIMARY KEY, kind TEXT, whose BLOB) WITHOUT ROWID")

    def problem(self, path: str) -> str:
        """Why a key cannot be written under `path` (a folder's with a slash at the end); empty when it can,
        and then its names are taken."""
        name = path.rstrip("/")
        folders = _folders_above(name)
        for above in folders:
            if self._find(above)[0] == _EXTRACTED:
                return IN_THE_FOLDER
        kind, _ = self._find(name)
        if path.endswith("/"):
            if kind != _EXTRACTED:  # else the empty folder that an archive is extracted into
                self._claim([*folders, name], _FOLDER, "")
            return ""
        if kind == _EXTRACTED:
            return IN_THE_FOLDER
        folder = folder_name(path)
        if folder and (trouble := self._problem_of_folder(folder, path)):
            return trouble
        if folders and folders[-1] != self._above:
            self._claim(folders, _FOLDER, "")
            self._above = folders[-1]
        self._claim([name], _FILE, "")
        if folder:
            self._claim([folder], _EXTRACTED, path)
        return ""

    def is_there(self, path: str) -> bool:
        """Whether `path` is that of an archive whose folder has something in it."""
        folder = folder_name(path)
        return bool(folder) and is_filled(self._root / folder)

    def is_missing(self, path: str) -> bool:
        """Whether `path` is that of an archive that is not extracted."""
        folder = folder_name(path)
        return bool(folder) and not is_filled(self._root / folder)

    def close(self) -> None:
        self._db.close()

    def _problem_of_folder(self, folder: str, path: str) -> str:
        if trouble := name_problem(folder) or self._rules.problem(folder):
            return f"cannot be extracted into a folder of its name: {trouble}"
        kind, whose = self._find(folder)
        if kind == _EXTRACTED and whose != path:
            return SAME_FOLDER
        if kind == _FOLDER:
            return FOLDER_OF_OTHERS
        if kind == _FILE:
            return NAME_OF_OTHERS
        there = self._root / folder
        if there.is_symlink():
            return LINK_THERE
        return FILE_THERE if there.exists() and not there.is_dir() else ""

    def _find(self, path: str) -> tuple[str, str]:
        found = self._db.execute(
            "SELECT kind, whose FROM names WHERE folded = ?", (self._folded(path),)
        ).fetchone()
        return (found[0], os.fsdecode(found[1])) if found else ("", "")

    def _claim(self, paths: list[str], kind: str, whose: str) -> None:
        """What was taken once stays as it was."""
        self._db.executemany(
            "INSERT OR IGNORE INTO names VALUES (?, ?, ?)",
            [(self._folded(path), kind, os.fsencode(whose)) for path in paths],
        )

    def _folded(self, path: str) -> bytes:
        return os.fsencode(self._rules.folded(path))


def _folders_above(path: str) -> list[str]:
    """The folders that lead to a path, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: at + 1]) for at in range(len(parts))]
