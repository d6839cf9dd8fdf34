"""Comparing without trust in order: names in tables on disk, asked one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from core.model import Entry


class TargetIndex:
    """What the target of one route has, what the journal has of it, and which names have come. Empty when
    opened.

    The file stays until `remove`: a plan that breaks off leaves it to the next one.
    """

    def __init__(self, path: Path, route: int) -> None:
        self._path = path
        self._route = route
        self._db = sqlite3.connect(path)
        for table, columns in (("there", "size INT, etag TEXT, modified REAL"), ("known", "x"), ("came", "x")):
            self._db.execute(f"DROP TABLE IF EXISTS {table}")
            self._db.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")

    def add(self, page: Sequence[Entry], prefix: str) -> None:
        """A page of the listing, whose keys begin with `prefix`; names are without it."""
        self._db.executemany(
            "INSERT OR REPLACE INTO there VALUES (?, ?, ?, ?)",
            [(e.key.removeprefix(prefix), e.size, e.etag, e.modified) for e in page],
        )

    def add_known(self, name: str) -> None:
        """A name that the journal has already."""
        self._db.execute("INSERT OR IGNORE INTO known (name) VALUES (?)", (name,))

    def added(self) -> None:
        """That was all."""
        self._db.commit()

    def find(self, name: str) -> Entry | None:
        row = self._db.execute("SELECT size, etag, modified FROM there WHERE name = ?", (name,)).fetchone()
        return Entry(key=name, size=row[0], etag=row[1], modified=row[2]) if row else None

    def has(self, route: int, name: str) -> bool:
        """See KnownNames; of this index's route."""
        found = self._db.execute("SELECT 1 FROM known WHERE name = ?", (name,)).fetchone()
        return route == self._route and found is not None

    def comes_first(self, name: str) -> bool:
        """Whether this name is asked about for the first time: such listings name some keys twice."""
        return self._db.execute("INSERT OR IGNORE INTO came (name) VALUES (?)", (name,)).rowcount == 1

    def close(self) -> None:
        self._db.close()

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
