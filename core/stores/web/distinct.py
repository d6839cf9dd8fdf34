"""Which names of a list came before: on disk, because a list may be longer than memory is wide."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from types import TracebackType
from typing import Literal


class Distinct:
    """Of one reading, in order. The table is a temporary file of SQLite's, which nobody else sees; of names and
    URLs it keeps digests."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384", "temp_store=FILE"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE names (name BLOB PRIMARY KEY, url BLOB) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def __enter__(self) -> Distinct:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def before(self, name: str, url: str) -> Literal["", "same", "other"]:
        """Whether `name` came before: not, with the same URL, with another one. From now on it did."""
        of_name, of_url = _digest(name), _digest(url)
        if self._db.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (of_name, of_url)).rowcount:
            return ""
        (known,) = self._db.execute("SELECT url FROM names WHERE name = ?", (of_name,)).fetchone()
        return "same" if known == of_url else "other"


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
