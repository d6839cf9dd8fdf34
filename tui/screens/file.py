"""A file of this machine: as a folder is chosen, with the files shown too."""

from __future__ import annotations

import os
from typing import ClassVar

from core.errors import Code, HaulierError
from core.model import Entry, Place
from core.safe_text import safe_text
from tui.screens.folder import Folders, FolderScreen
from tui.widgets.spans import Line


class FileScreen(FolderScreen):
    """`chosen` gets the file's place. Enter on a folder goes into it."""

    SORT: ClassVar[str] = "file"

    def lists(self, entry: Entry) -> bool:
        return True

    @property
    def _found(self) -> Entry | None:
        """The entry that is typed whole."""
        _, name = self.split()
        return (
            next((entry for entry in self.entries if entry.key.removesuffix("/") == name), None)
            if name
            else None
        )

    def said(self) -> Line:
        found = self._found
        if found is not None and not found.is_folder:
            return ((" ⏎ ", "key"), ("takes ", "quiet"), (safe_text(self.typed, self.size.width - 12), "lead"))
        return ((" tab", "key"), (" completes what is under the cursor", "quiet"))

    def label_of(self, action: str) -> str:
        return "take it" if action == "next_step" else ""

    def action_next_step(self) -> None:
        found = self._found
        if found is not None and not found.is_folder:
            self.then(Place(kind="local", path=os.path.normpath(self.typed)))
            return
        row = self.query_one(Folders).current
        if row is not None:
            self.action_complete_row(row)
            return
        self.haulier.complain(
            HaulierError(Code.NOT_FOUND, f"{self.typed} is not a file here.", "tab completes names.")
        )

    def action_complete_row(self, row: Entry) -> None:
        """Type the whole name of the row under the cursor."""
        self.put(self.split()[0] + row.key)
