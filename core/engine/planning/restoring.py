"""A folder whose names are escaped, as the source of the keys that they stand for, in the order of keys.

Where an escape is undone the order changes, so the whole listing goes through a table on disk first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from core.engine.planning.escaping import original
from core.model import Entry

PAGE = 1000
TWO_FILES = "another file stands for the same key"


class RestoredKeys:
    """`fill` it once, then ask for its pages as often as needed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")  # private, on disk, gone when it is closed
        self._db.execute(
            "CREATE TABLE files (key TEXT PRIMARY KEY, path TEXT, size INT, modified REAL) WITHOUT ROWID"
        )
        self.twins: list[tuple[str, str]] = []  # files that cannot be offered: (path, why)

    def fill(self, entries: Iterable[Entry]) -> None:
        """Where two files stand for one key, the one that bears its name has it."""
        for entry in entries:
            key = original(entry.key)
            row = (key, entry.key, entry.size, entry.modified)
            if self._db.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?)", row).rowcount == 1:
                continue
            loser = entry.key
            if key == entry.key:
                loser = self._db.execute("SELECT path FROM files WHERE key = ?", (key,)).fetchone()[0]
                self._db.execute("REPLACE INTO files VALUES (?, ?, ?, ?)", row)
            self.twins.append((loser, TWO_FILES))

    def pages(self) -> Iterator[list[Entry]]:
        """All that was filled in, in the order of keys."""
        rows = self._db.execute("SELECT key, size, modified FROM files ORDER BY key")
        while page := rows.fetchmany(PAGE):
            yield [Entry(key=key, size=size, modified=modified) for key, size, modified in page]

    def path_of(self, key: str) -> str:
        """Where the file of a key is, "" when it bears the key's name."""
        row = self._db.execute("SELECT path FROM files WHERE key = ?", (key,)).fetchone()
        return row[0] if row is not None and row[0] != key else ""

    def close(self) -> None:
        self._db.close()
