"""Archives that are there and not yet extracted: what is recorded of their items between the two.

Such an item is pending, and its column `fetched` says what is known: how its archive was proven and how large
it is, and, where the archive is deleted afterwards, that its folder is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from core.engine.journal.database import Database
from core.engine.journal.rows import LEARN, Fetched
from core.model import Entry


class FetchedItem(NamedTuple):
    """An item whose archive is durable under its final name."""

    item: int
    fetched: Fetched
    learnt: Entry | None = None  # as in Completion


class FetchedBook:
    """Methods raise DiskTrouble when the journal cannot be written."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def note(self, job: int, items: Sequence[FetchedItem]) -> None:
        """Archives that came, in one durable group; what was kept for resuming them is dropped."""
        with self._db.write() as db:
            db.executemany(
                "UPDATE items SET fetched = ? WHERE job = ? AND id = ?",
                [(encoded(each.fetched), job, each.item) for each in items],
            )
            learnt = [(each.learnt, each.item) for each in items if each.learnt is not None]
            db.executemany(
                LEARN, [(entry.size, entry.etag, entry.modified, job, item) for entry, item in learnt]
            )
            for table in ("transfers", "parts"):
                db.executemany(
                    f"DELETE FROM {table} WHERE job = ? AND item = ?", [(job, each.item) for each in items]
                )

    def change(self, job: int, item: int, fetched: Fetched | None) -> None:
        """Of one item; None: its archive must be fetched (again)."""
        with self._db.write() as db:
            db.execute("UPDATE items SET fetched = ? WHERE job = ? AND id = ?", (encoded(fetched), job, item))


def encoded(fetched: Fetched | None) -> str:
    return msgspec.json.encode(fetched).decode() if fetched is not None else ""
