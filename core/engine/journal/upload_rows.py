"""What the journal knows of multipart uploads: which job works on which, and which are still to be removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from core.adhoc import meant_by
from core.engine.journal.database import Database
from core.model import Adhoc, Connection, JobState, Place

DELAYS = (60.0, 300.0, 900.0, 3600.0)  # seconds between tries to remove one; the last one repeats
_COLUMNS = "id, connection, adhoc, bucket, key, token, since, tries, next"


class Leftover(NamedTuple):
    """An upload that is to go. `key` is complete; times in seconds since the epoch."""

    id: int
    connection: str
    adhoc: Connection | None
    bucket: str
    key: str
    token: str
    since: float
    tries: int
    next: float

    @property
    def place(self) -> str:
        return str(Place(kind="s3", connection=self.connection, bucket=self.bucket, path=self.key))


class UploadRows:
    """Part of the journal. Writing raises DiskTrouble. Thread-safe."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # ------------------------------------------------------------ under way

    def known(self) -> dict[str, tuple[int, bool]]:
        """Token → (job, whether that job may still go on with it), of every upload that has begun."""
        rows = self._db.rows("SELECT t.token, t.job, j.state FROM transfers t JOIN jobs j ON j.id = t.job")
        return {token: (job, state != JobState.CANCELLED.value) for token, job, state in rows}

    def large_items(self, job: int, least: int) -> Iterator[tuple[int, str, int]]:
        """(route, name, size) of the job's items to move from `least` bytes on; any number of them."""
        yield from self._db.stream(
            "SELECT route, name, size FROM items "
            "WHERE job = ? AND size >= ? AND action IN ('copy', 'overwrite') ORDER BY id",
            (job, least),
        )

    def largest_items(self, job: int) -> dict[int, int]:
        """Route → bytes of the largest item that it will move."""
        rows = self._db.rows(
            "SELECT route, max(size) FROM items WHERE job = ? AND action IN ('copy', 'overwrite') "
            "GROUP BY route",
            (job,),
        )
        return dict(rows)

    # ------------------------------------------------------------ left behind

    def leave(self, place: Place, adhoc: Adhoc, key: str, token: str, why: str) -> None:
        """Remember an upload in the place's bucket that could not be removed. Once for each token."""
        meant = meant_by(place.connection, adhoc)
        described = msgspec.json.encode(meant) if meant is not None else b""
        now = time.time()
        with self._db.write() as db:
            db.execute(
                "INSERT INTO leftovers (connection, adhoc, bucket, key, token, since, tries, next, why) "
                "VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT (token) DO NOTHING",
                (place.connection, described, place.bucket, key, token, now, now + DELAYS[0], why),
            )

    def leftovers(self) -> list[Leftover]:
        """All that are to go, the oldest first."""
        return [_leftover(row) for row in self._db.rows(f"SELECT {_COLUMNS} FROM leftovers ORDER BY id")]

    def gone(self, token: str) -> None:
        """The store has it no more."""
        with self._db.write() as db:
            db.execute("DELETE FROM leftovers WHERE token = ?", (token,))

    def failed_again(self, left: Leftover, why: str) -> None:
        delay = DELAYS[min(left.tries, len(DELAYS) - 1)]
        with self._db.write() as db:
            db.execute(
                "UPDATE leftovers SET tries = tries + 1, next = ?, why = ? WHERE id = ?",
                (time.time() + delay, why, left.id),
            )


def _leftover(row: tuple[Any, ...]) -> Leftover:
    number, connection, adhoc, bucket, key, token, since, tries, following = row
    described = msgspec.json.decode(adhoc, type=Connection) if adhoc else None
    return Leftover(number, connection, described, bucket, key, token, since, tries, following)
