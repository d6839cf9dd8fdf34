"""A target's listing in a table on disk, asked name by name, where listings do not come in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from core.model import Entry


class TargetIndex:
    """Empty when opened. The file stays until `remove`: a plan that breaks off leaves it to the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path)
        self._db.execute("DROP TABLE IF EXISTS there")
        self._db.execute(
            "CREATE TABLE there (name TEXT PRIMARY KEY, size INT, etag TEXT, modified REAL) WITHOUT ROWID"
        )

    def add(self, page: Sequence[Entry], prefix: str) -> None:
        """A page of the listing, whose keys begin with `prefix`; names are without it."""
        self._db.executemany(
            "INSERT OR REPLACE INTO there VALUES (?, ?, ?, ?)",
            [(e.key.removeprefix(prefix), e.size, e.etag, e.modified) for e in page],
        )

    def added(self) -> None:
        """That was all."""
        self._db.commit()

    def find(self, name: str) -> Entry | None:
        row = self._db.execute("SELECT size, etag, modified FROM there WHERE name = ?", (name,)).fetchone()
        return Entry(key=name, size=row[0], etag=row[1], modified=row[2]) if row else None

    def close(self) -> None:
        self._db.close()

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
