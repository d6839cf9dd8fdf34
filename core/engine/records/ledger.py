"""What the journal keeps for the records of jobs: ends that are not in the download log yet, and how far it is.

An item's end and its line for the log are recorded in one transaction (`note_ends`), the line is taken off once
it stands in the file. Before a group of lines is written, where it will stand is recorded (`intend`), so that
after a kill in between the file itself tells which of them are there.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from core.engine.journal.database import Database, insert_many
from core.engine.journal.rows import Completion

DOWNLOAD_LOG, FOLDERS, FAILED = "csv", "progress_csv", "failed_log"


class EndedItem(NamedTuple):
    """One line to be written: an item's end, and the item as the source had it."""

    seq: int
    state: str  # completed, failed
    at: float
    etag: str
    route: int
    action: str
    name: str
    size: int
    modified: float
    path: str


class FolderSum(NamedTuple):
    """The files of one folder of one route, without those of the folders in it."""

    route: int
    folder: str  # relative to the route's source, "" or with a slash at the end
    files: int
    bytes: int
    files_done: int
    bytes_done: int
    last_end: float


class Intent(NamedTuple):
    """Lines up to `upto` are being written from byte `offset` of the file."""

    offset: int
    upto: int


class Ledger:
    """Safe for several threads. Methods that write raise DiskTrouble when the journal cannot be written."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._logged: set[int] = set()

    # ------------------------------------------------------------ ends of items

    def log_ends_of(self, job: int) -> None:
        """From now on the ends of this job's items are kept until they are in its log."""
        self._logged.add(job)

    def note_ends(self, db: sqlite3.Connection, job: int, ends: Sequence[Completion]) -> None:
        """Within the transaction that records the ends themselves."""
        if job in self._logged:
            rows = [(job, end.id, end.state.value, end.at, end.etag) for end in ends]
            insert_many(db, "INSERT INTO ended (job, item, state, at, etag)", rows)

    def note_impossible(self, job: int) -> None:
        """The plan is final: what it found impossible has ended, too. Does so once in a job's life."""
        with self._db.write() as db:
            first = db.execute(
                "UPDATE records SET impossible = 1 WHERE job = ? AND kind = ? AND impossible = 0",
                (job, DOWNLOAD_LOG),
            )
            if first.rowcount:
                db.execute(
                    "INSERT INTO ended (job, item, state, at, etag) "
                    "SELECT job, id, 'failed', ?, '' FROM items "
                    "WHERE job = ? AND action = 'cannot' ORDER BY id",
                    (time.time(), job),
                )

    def ended(self, job: int, limit: int, upto: int = 1 << 62) -> list[EndedItem]:
        """The next lines to be written, in the order of the ends."""
        rows = self._db.rows(
            "SELECT e.seq, e.state, e.at, CASE i.etag WHEN '' THEN e.etag ELSE i.etag END, "
            "i.route, i.action, i.name, i.size, i.modified, i.path "
            "FROM ended e JOIN items i ON i.job = e.job AND i.id = e.item "
            "WHERE e.job = ? AND e.seq <= ? ORDER BY e.seq LIMIT ?",
            (job, upto, limit),
        )
        return [EndedItem(*row) for row in rows]

    def written(self, job: int, upto: int) -> None:
        """Lines up to this one stand in the file."""
        with self._db.write() as db:
            db.execute("DELETE FROM ended WHERE job = ? AND seq <= ?", (job, upto))
            db.execute("UPDATE records SET upto = 0 WHERE job = ? AND kind = ?", (job, DOWNLOAD_LOG))

    def intend(self, job: int, intent: Intent) -> None:
        with self._db.write() as db:
            db.execute(
                "UPDATE records SET offset = ?, upto = ? WHERE job = ? AND kind = ?",
                (intent.offset, intent.upto, job, DOWNLOAD_LOG),
            )

    def intent(self, job: int) -> Intent | None:
        """What was being written when it was last heard of; None when nothing was left half done."""
        rows = self._db.rows(
            "SELECT offset, upto FROM records WHERE job = ? AND kind = ? AND upto > 0", (job, DOWNLOAD_LOG)
        )
        return Intent(*rows[0]) if rows else None

    # ------------------------------------------------------------ the files

    def begin(self, job: int, kind: str) -> None:
        """The job writes this file, and it is not complete."""
        with self._db.write() as db:
            db.execute(
                "INSERT INTO records (job, kind, dirty) VALUES (?, ?, 1) "
                "ON CONFLICT (job, kind) DO UPDATE SET dirty = 1",
                (job, kind),
            )

    def is_new(self, job: int, kind: str) -> bool:
        """Whether what stands under the file's name, if anything, is of somebody else."""
        rows = self._db.rows("SELECT opened FROM records WHERE job = ? AND kind = ?", (job, kind))
        return not rows or not rows[0][0]

    def opened(self, job: int, kind: str) -> None:
        """The file that was there before is out of the way: what stands under the name now is this job's."""
        with self._db.write() as db:
            db.execute("UPDATE records SET opened = 1 WHERE job = ? AND kind = ?", (job, kind))

    def complete(self, job: int) -> None:
        """All files of the job are as they should be."""
        with self._db.write() as db:
            db.execute("UPDATE records SET dirty = 0 WHERE job = ?", (job,))

    def incomplete(self) -> list[int]:
        """Jobs with a file that is not as it should be."""
        return [job for (job,) in self._db.rows("SELECT DISTINCT job FROM records WHERE dirty = 1")]

    # ------------------------------------------------------------ sums over items

    def folders(self, job: int) -> Iterator[FolderSum]:
        """Every folder that holds files of the job, by route and name; computed and sorted by SQLite, on disk.

        A name without its last segment: `rtrim` takes off, from the right, all characters that are not "/".
        """
        for row in self._db.stream(
            "SELECT route, rtrim(name, replace(name, '/', '')) AS folder, count(*), sum(max(size, 0)), "
            "sum(state = 'completed'), sum(CASE state WHEN 'completed' THEN size ELSE 0 END), max(completed) "
            "FROM items WHERE job = ? AND action != 'delete' GROUP BY route, folder ORDER BY route, folder",
            (job,),
        ):
            yield FolderSum(*row)

    def failed_count(self, job: int) -> int:
        found = self._db.rows("SELECT count(*) FROM items WHERE job = ? AND state = 'failed'", (job,))
        return int(found[0][0])

    def failed(self, job: int) -> Iterator[tuple[int, str, str, str, str]]:
        """(route, name, path, error, url) of every failed item, in the plan's order."""
        yield from self._db.stream(
            "SELECT route, name, path, error, url FROM items WHERE job = ? AND state = 'failed' ORDER BY id",
            (job,),
        )
