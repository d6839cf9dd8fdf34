"""The engine's durable memory: jobs, items, transfers that have begun, attempts, notices.

Callers hand in whole groups (a page of the listing, a fifth of a second of completions), never single items;
each group is one transaction, and what is called completed here is completed (see database.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from core.engine.journal.campaign_rows import CampaignRows
from core.engine.journal.catalogue import Catalogue
from core.engine.journal.database import Database, insert_many, listed
from core.engine.journal.fetched import FetchedBook, encoded
from core.engine.journal.folders import FolderBook
from core.engine.journal.item_lists import ItemLists
from core.engine.journal.item_queries import matching_items
from core.engine.journal.results import ResultBook
from core.engine.journal.rows import (
    ITEM_COLUMNS,
    JOB_COLUMNS,
    LEARN,
    PART_COLUMNS,
    VIEW_COLUMNS,
    Completion,
    ItemRow,
    JobRow,
    PlannedItem,
    TransferRow,
    item_row,
    item_view,
    job_row,
    part_receipt,
    part_values,
)
from core.engine.journal.twin_rows import TwinRows
from core.engine.journal.upload_rows import UploadRows
from core.engine.records.ledger import Ledger
from core.errors import Code, HaulierError
from core.model import Action, AttemptView, Counts, Entry, ItemView, JobSpec, JobState, Level, Notice, Status
from core.stores.base import PartReceipt

NOTICES_KEPT = 5000
FORGET_STEP = 20_000  # rows deleted in one transaction
# Tables with rows of one job.
_OF_A_JOB = ("items", "transfers", "parts", "attempts", "ended", "records", "results", "batches", "campaigns")
_LONG = ("items", "attempts")  # those that may have millions, numbered by `id`


class Journal:
    """Open it with `Journal(path)`; raises HaulierError when the file is damaged or of a newer version.

    Methods that write raise DiskTrouble when it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = Database(path)
        self.ledger = Ledger(self._db)  # what the jobs' record files still lack
        self.folders = FolderBook(self._db)  # how far jobs are, folder by folder
        self.item_lists = ItemLists(self._db)  # jobs' items by position, in any order
        self.fetched = FetchedBook(self._db)  # archives that are to be extracted
        self.results = ResultBook(self._db)  # what came of finished jobs
        self.campaigns = CampaignRows(self._db)  # jobs in batches
        self.catalogue = Catalogue(self._db)  # which disk holds what
        self.twins = TwinRows(self._db)  # completed files by their content
        self.uploads = UploadRows(self._db)  # multipart uploads that are known or left behind
        self._sweep_forgotten()

    def close(self) -> None:
        self.item_lists.close()
        self._db.close()

    # ------------------------------------------------------------ jobs

    def add_job(self, key: str, spec: JobSpec, title: str, *, moving: bool) -> tuple[JobRow, bool]:
        """The job submitted under `key`, and whether it is new."""
        with self._db.write() as db:
            made = db.execute(
                "INSERT INTO jobs (key, spec, title, state, moving, created, counts) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                (
                    key,
                    msgspec.json.encode(spec),
                    title,
                    JobState.PLANNING,
                    moving,
                    time.time(),
                    msgspec.json.encode(Counts(listing=True)),
                ),
            )
            new = made.rowcount == 1
            job = db.execute("SELECT id FROM jobs WHERE key = ?", (key,)).fetchone()[0]
        return self.job(job), new

    def job(self, job: int) -> JobRow:
        """Raises HaulierError (not_found)."""
        rows = self._db.rows(f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?", (job,))
        if not rows:
            raise HaulierError(Code.NOT_FOUND, f"there is no job {job}", "`haulier jobs` lists them")
        return job_row(rows[0])

    def jobs(self, before: int = 0, limit: int = 200) -> list[JobRow]:
        """Newest first."""
        rows = self._db.rows(
            f"SELECT {JOB_COLUMNS} FROM jobs WHERE id < ? ORDER BY id DESC LIMIT ?", (before or 1 << 62, limit)
        )
        return [job_row(row) for row in rows]

    def unfinished_jobs(self) -> list[JobRow]:
        final = [state.value for state in JobState if state.is_final]
        marks = ",".join("?" * len(final))
        rows = self._db.rows(f"SELECT {JOB_COLUMNS} FROM jobs WHERE state NOT IN ({marks}) ORDER BY id", final)
        return [job_row(row) for row in rows]

    def update_job(self, job: int, **changes: Any) -> JobRow:
        """Set columns; values that are Structs are stored as JSON."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        values = [
            msgspec.json.encode(value) if isinstance(value, msgspec.Struct | tuple) else value
            for value in changes.values()
        ]
        with self._db.write() as db:
            db.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values, job))
        return self.job(job)

    def forget_job(self, job: int) -> None:
        """The job goes at once; its rows in groups, so that no other job waits long for the journal. What a
        kill leaves of them goes at the next start."""
        with self._db.write() as db:
            db.execute("DELETE FROM notices WHERE job = ?", (job,))
            db.execute("DELETE FROM disks WHERE job = ?", (job,))
            db.execute("DELETE FROM jobs WHERE id = ?", (job,))
        self.item_lists.forget(job)
        self._drop_rows(job, _OF_A_JOB)
        self._db.give_back()

    def _drop_rows(self, job: int, tables: Sequence[str]) -> None:
        for table in tables:
            rest = f"SELECT id FROM {table} WHERE job = ? ORDER BY id LIMIT 1 OFFSET {FORGET_STEP}"
            while table in _LONG and (first := self._db.rows(rest, (job,))):
                with self._db.write() as db:
                    db.execute(f"DELETE FROM {table} WHERE job = ? AND id < ?", (job, first[0][0]))
            with self._db.write() as db:
                db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))

    def _sweep_forgotten(self) -> None:
        """What a kill left: rows of jobs that were being forgotten, listings that were being compared."""
        for stray in self.path.parent.glob("compare-*.sqlite3*"):
            stray.unlink(missing_ok=True)
        unfinished = {
            str(row[0])
            for row in self._db.rows(
                "SELECT id FROM jobs WHERE state NOT IN ('completed', 'partial', 'failed', 'cancelled')"
            )
        }
        for listing in self.path.parent.glob("listing-*.sqlite3*"):
            if listing.name.split("-")[1] not in unfinished:
                listing.unlink(missing_ok=True)
        for table in _OF_A_JOB:
            after = 0
            while True:  # each look is one step in the index, however many rows a job has
                found = self._db.rows(f"SELECT min(job) FROM {table} WHERE job > ?", (after,))[0][0]
                if found is None:
                    break
                after = int(found)
                if not self._db.rows("SELECT 1 FROM jobs WHERE id = ?", (after,)):
                    self._drop_rows(after, (table,))

    # ------------------------------------------------------------ items

    def add_items(
        self, job: int, items: Iterable[PlannedItem | tuple[int, Action, Entry, str]], first_id: int
    ) -> int:
        """Planned items, numbered from `first_id`; returns the next free id."""
        now = time.time()
        next_id = first_id
        rows = []
        for route, action, entry, error, path, early, fetched in (PlannedItem(*item) for item in items):
            state = Status.FAILED if action is Action.CANNOT else Status.PENDING
            rows.append(
                (job, next_id, route, action.value, entry.key, entry.size, entry.etag, entry.modified,
                 entry.storage_class, state.value, error, now, path, early, entry.url, encoded(fetched))
            )  # fmt: skip
            next_id += 1
        with self._db.write() as db:
            insert_many(
                db,
                "INSERT INTO items "
                "(job, id, route, action, name, size, etag, modified, class, state, error, created, path, "
                "early, url, fetched)",
                rows,
            )
        return next_id

    def drop_items(self, job: int) -> None:
        """Forget a plan that was not finished, before it is made anew."""
        self._drop_rows(job, ("items", "transfers", "parts", "ended"))

    def last_item(self, job: int) -> int:
        """The highest id of the job's items, 0 without any."""
        return int(self._db.rows("SELECT coalesce(max(id), 0) FROM items WHERE job = ?", (job,))[0][0])

    def known_items(self, job: int) -> Iterator[tuple[int, str]]:
        """(route, name) of all items, ordered by both; any number of them."""
        yield from self._db.stream("SELECT route, name FROM items WHERE job = ? ORDER BY route, name", (job,))

    def drop_items_from(self, job: int, first: int) -> None:
        """Forget the items of a plan from this id on, of which none was begun."""
        with self._db.write() as db:
            db.execute("DELETE FROM items WHERE job = ? AND id >= ?", (job, first))

    def drop_impossible(self, job: int, first: int = 0) -> None:
        """Forget the items, from this id on, that the plan found impossible."""
        with self._db.write() as db:
            db.execute("DELETE FROM items WHERE job = ? AND action = 'cannot' AND id >= ?", (job, first))

    def pending_items(
        self, job: int, after: int, limit: int, *, deletions: bool, early: bool = False
    ) -> list[ItemRow]:
        """The next items to carry out, in the plan's order. With `early` what makes way, or waits for it."""
        which = "= 'delete'" if deletions else "NOT IN ('delete', 'cannot')"
        which += " AND early" if early else ""
        rows = self._db.rows(
            f"SELECT {ITEM_COLUMNS} FROM items "
            f"WHERE job = ? AND id > ? AND state = 'pending' AND action {which} ORDER BY id LIMIT ?",
            (job, after, limit),
        )
        return [item_row(row) for row in rows]

    def failed_names(self, job: int, route: int) -> Iterator[tuple[str, str, str]]:
        """(name, path, url) of the items of a route that failed, in the plan's order; any number of them."""
        rows = self._db.stream(
            "SELECT name, path, url FROM items WHERE job = ? AND state = 'failed' AND route = ? ORDER BY id",
            (job, route),
        )
        yield from ((name, path, url) for name, path, url in rows)

    def completed_entries(self, job: int) -> Iterator[tuple[int, Entry]]:
        """(route, entry) of what was moved, as it was when it was moved; any number of them."""
        rows = self._db.stream(
            "SELECT route, name, size, etag, modified FROM items "
            "WHERE job = ? AND state = 'completed' AND action != 'delete'",
            (job,),
        )
        for route, name, size, etag, modified in rows:
            yield route, Entry(key=name, size=size, etag=etag, modified=modified)

    def deletions(self, job: int) -> Iterator[tuple[int, Entry]]:
        """(route, entry) of all planned deletions in the plan's order; any number of them."""
        rows = self._db.stream(
            "SELECT route, name, size, etag, modified FROM items "
            "WHERE job = ? AND action = 'delete' ORDER BY id",
            (job,),
        )
        for route, name, size, etag, modified in rows:
            yield route, Entry(key=name, size=size, etag=etag, modified=modified)

    def item(self, job: int, item: int) -> ItemRow | None:
        rows = self._db.rows(f"SELECT {ITEM_COLUMNS} FROM items WHERE job = ? AND id = ?", (job, item))
        return item_row(rows[0]) if rows else None

    def complete(self, job: int, ends: Sequence[Completion]) -> None:
        """Record the ends of items, in one durable group, and drop what was kept for resuming them."""
        alike, others = _grouped(ends)
        with self._db.write() as db:
            for (state, attempts, proof, error, at), ids in alike.items():
                db.execute(
                    "UPDATE items SET state = ?, attempts = ?, actual_size = size, proof = ?, error = ?, "
                    f"completed = ?, fetched = '' WHERE job = ? AND id IN {listed(ids)}",
                    (state, attempts, proof, error, at, job),
                )
            db.executemany(
                "UPDATE items "
                "SET state = ?, attempts = ?, actual_size = ?, proof = ?, error = ?, completed = ?, "
                "fetched = '' WHERE job = ? AND id = ?",
                [
                    (end.state.value, end.attempts, end.actual_size, end.proof, end.error, end.at, job, end.id)
                    for end in others
                ],
            )
            learnt = [(end.learnt, end.id) for end in ends if end.learnt is not None]
            db.executemany(
                LEARN, [(entry.size, entry.etag, entry.modified, job, item) for entry, item in learnt]
            )
            db.executemany(
                "UPDATE items SET digest = ? WHERE job = ? AND id = ?",
                [(end.digest, job, end.id) for end in ends if end.digest],
            )
            self.ledger.note_ends(db, job, ends)
            done = listed([end.id for end in ends if end.state is Status.COMPLETED])
            db.execute(f"DELETE FROM transfers WHERE job = ? AND item IN {done}", (job,))
            db.execute(f"DELETE FROM parts WHERE job = ? AND item IN {done}", (job,))

    def renew_item(self, job: int, item: int, entry: Entry) -> None:
        """The source changed: the item now means the new version, and starts from nothing."""
        with self._db.write() as db:
            db.execute(
                "UPDATE items SET size = ?, etag = ?, modified = ?, fetched = '' WHERE job = ? AND id = ?",
                (entry.size, entry.etag, entry.modified, job, item),
            )
            db.execute("DELETE FROM transfers WHERE job = ? AND item = ?", (job, item))
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))

    def learn_size(self, job: int, item: int, entry: Entry) -> None:
        """The source told the size of an entry that the plan did not know."""
        with self._db.write() as db:
            db.execute(LEARN, (entry.size, entry.etag, entry.modified, job, item))

    def learnt_sizes(self, job: int) -> tuple[int, int]:
        """How many items had no size in the plan and have one by now, and their bytes."""
        count, size = self._db.rows(
            "SELECT count(*), coalesce(sum(size), 0) FROM items WHERE job = ? AND learnt", (job,)
        )[0]
        return int(count), int(size)

    def reopen_failed(self, job: int, items: Sequence[int]) -> int:
        """Failed items (all, or those named) are pending again; returns how many."""
        only = f" AND id IN ({','.join('?' * len(items))})" if items else ""
        with self._db.write() as db:
            changed = db.execute(
                "UPDATE items SET state = 'pending', error = '', attempts = 0 "
                f"WHERE job = ? AND state = 'failed' AND action != 'cannot'{only}",
                (job, *items),
            )
            return changed.rowcount

    def items_in(self, job: int, route: int, states: Sequence[Status], after: int, limit: int) -> list[ItemRow]:
        """Items of a route that are copied or overwritten, in one of these states, in the plan's order."""
        marks = ",".join("?" * len(states))
        rows = self._db.rows(
            f"SELECT {ITEM_COLUMNS} FROM items WHERE job = ? AND id > ? AND route = ? "
            f"AND action IN ('copy', 'overwrite') AND state IN ({marks}) ORDER BY id LIMIT ?",
            (job, after, route, *(state.value for state in states), limit),
        )
        return [item_row(row) for row in rows]

    def reopen_items(self, job: int, items: Sequence[int]) -> None:
        """Completed items are pending again: what they had put at the target is not there."""
        with self._db.write() as db:
            db.executemany(
                "UPDATE items SET state = 'pending', error = '', attempts = 0, actual_size = 0, proof = '', "
                "completed = 0 WHERE job = ? AND id = ?",
                [(job, item) for item in items],
            )

    def tallies(self, job: int) -> dict[tuple[str, str], tuple[int, int]]:
        """(action, state) → (count, bytes), counted from the items themselves."""
        rows = self._db.rows(
            "SELECT action, state, count(*), sum(max(size, 0)) FROM items WHERE job = ? GROUP BY action, state",
            (job,),
        )
        return {(action, state): (count, size) for action, state, count, size in rows}

    def item_views(
        self,
        job: JobRow,
        *,
        action: Action | None,
        status: Status | None,
        contains: str,
        after: int,
        limit: int,
        active: frozenset[int],
    ) -> tuple[list[ItemView], int]:
        """A page of items and, with the first page, how many match in all; else -1. `active` are the ids that
        workers hold now."""
        condition, values = matching_items(job.id, action, status, contains, active)
        matching = -1
        if not after:
            matching = self._db.rows(f"SELECT count(*) FROM items WHERE {condition}", values)[0][0]
        rows = self._db.rows(
            f"SELECT {VIEW_COLUMNS} FROM items WHERE {condition} AND id > ? ORDER BY id LIMIT ?",
            (*values, after, limit),
        )
        return [item_view(job, row, active) for row in rows], matching

    # ------------------------------------------------------------ large items

    def begin_transfer(self, job: int, item: int, row: TransferRow) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))
            db.execute(
                "INSERT OR REPLACE INTO transfers (job, item, token, part_size, etag, identity, version) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job, item, row.token, row.part_size, row.etag, row.identity, row.version),
            )

    def drop_transfer(self, job: int, item: int) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM transfers WHERE job = ? AND item = ?", (job, item))
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))

    def transfer(self, job: int, item: int) -> TransferRow | None:
        rows = self._db.rows(
            "SELECT token, part_size, etag, identity, version FROM transfers WHERE job = ? AND item = ?",
            (job, item),
        )
        if not rows:
            return None
        parts = self._db.rows(
            f"SELECT {PART_COLUMNS} FROM parts WHERE job = ? AND item = ? ORDER BY number",
            (job, item),
        )
        token, part_size, etag, identity, version = rows[0]
        return TransferRow(
            token=token,
            part_size=part_size,
            etag=etag,
            identity=identity,
            version=version,
            parts=tuple(part_receipt(row) for row in parts),
        )

    def open_transfers(self, job: int) -> list[tuple[ItemRow, str]]:
        """Large items that have begun and are not complete, with their tokens."""
        rows = self._db.rows(
            "SELECT i.id, i.route, i.action, i.name, i.size, i.etag, i.modified, i.class, i.attempts, i.path, "
            "i.url, i.fetched, t.token "
            "FROM transfers t JOIN items i ON i.job = t.job AND i.id = t.item WHERE t.job = ?",
            (job,),
        )
        return [(item_row(row[:-1]), row[-1]) for row in rows]

    def staged_tokens(self) -> set[str]:
        """Tokens of all items that have begun, in every job: their partial data is to be kept."""
        return {token for (token,) in self._db.rows("SELECT token FROM transfers")}

    def disks(self, job: int) -> dict[str, str]:
        """Target folder → identity of the disk that the job began on there."""
        return dict(self._db.rows("SELECT folder, identity FROM disks WHERE job = ?", (job,)))

    def note_disk(self, job: int, folder: str, identity: str) -> None:
        """The first one noted stays."""
        if folder not in self.disks(job):
            with self._db.write() as db:
                db.execute("INSERT OR IGNORE INTO disks VALUES (?, ?, ?)", (job, folder, identity))

    def forget_disks(self, job: int) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM disks WHERE job = ?", (job,))

    def add_parts(self, job: int, parts: Sequence[tuple[int, PartReceipt]]) -> None:
        with self._db.write() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO parts (job, item, {PART_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(job, item, *part_values(part)) for item, part in parts],
            )

    # ------------------------------------------------------------ what the engine remembers besides jobs

    def keep(self, name: str, value: bytes) -> None:
        """Remember a value under a name; empty forgets it."""
        with self._db.write() as db:
            if value:
                db.execute("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", (name, value))
            else:
                db.execute("DELETE FROM kept WHERE name = ?", (name,))

    def kept(self, name: str) -> bytes:
        """What was kept under a name, empty when nothing was."""
        rows = self._db.rows("SELECT value FROM kept WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else b""

    # ------------------------------------------------------------ attempts and notices

    def add_attempts(self, job: int, attempts: Sequence[AttemptView]) -> None:
        with self._db.write() as db:
            db.executemany(
                "INSERT INTO attempts (job, item, name, at, class, message, retry_in) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(job, a.item, a.filename, a.at, a.error_class, a.message, a.retry_in) for a in attempts],
            )

    def attempts(self, job: int, item: int, before: int, limit: int) -> list[AttemptView]:
        """Newest first; `before` counts from the newest: how many to leave out."""
        only = "AND item = ?" if item else "AND ? = 0"
        rows = self._db.rows(
            "SELECT item, name, at, class, message, retry_in FROM attempts "
            f"WHERE job = ? {only} ORDER BY id DESC LIMIT ? OFFSET ?",
            (job, item, limit, before),
        )
        return [
            AttemptView(item=i, filename=name, at=at, error_class=kind, message=message, retry_in=retry)
            for i, name, at, kind, message, retry in rows
        ]

    def add_notice(self, notice: Notice) -> None:
        with self._db.write() as db:
            made = db.execute(
                "INSERT INTO notices (at, level, job, text) VALUES (?, ?, ?, ?)",
                (notice.at, notice.level.value, notice.job, notice.text),
            )
            if made.lastrowid and made.lastrowid % 500 == 0:
                db.execute("DELETE FROM notices WHERE id <= ?", (made.lastrowid - NOTICES_KEPT,))

    def notices(self, after: int, limit: int, levels: Sequence[Level], job: int) -> tuple[list[Notice], int]:
        """Notices after number `after`, oldest first (the newest `limit` when `after` is 0), and the last's
        number."""
        marks = ",".join("?" * len(levels))
        only = "job = ?" if job else "? = 0"
        order = "ASC" if after else "DESC"
        rows = self._db.rows(
            f"SELECT id, at, level, job, text FROM notices WHERE id > ? AND level IN ({marks}) AND {only} "
            f"ORDER BY id {order} LIMIT ?",
            (after, *[level.value for level in levels], job, limit),
        )
        rows.sort()
        found = [Notice(at=at, level=Level(level), job=of, text=text) for _, at, level, of, text in rows]
        return found, rows[-1][0] if rows else after


def _grouped(
    ends: Sequence[Completion],
) -> tuple[dict[tuple[str, int, str, str, float], list[int]], list[Completion]]:
    """Ends that are the same but for their item, by what they are, with the items' ids; and all others."""
    alike: dict[tuple[str, int, str, str, float], list[int]] = {}
    others: list[Completion] = []
    for end in ends:
        if end.is_as_planned:
            same = (end.state.value, end.attempts, end.proof, end.error, end.at)
            alike.setdefault(same, []).append(end.id)
        else:
            others.append(end)
    return alike, others
