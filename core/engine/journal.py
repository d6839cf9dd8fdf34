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

from core.engine.database import Database
from core.engine.item_queries import matching_items
from core.engine.rows import (
    ITEM_COLUMNS,
    JOB_COLUMNS,
    PART_COLUMNS,
    VIEW_COLUMNS,
    Completion,
    ItemRow,
    JobRow,
    TransferRow,
    item_row,
    item_view,
    job_row,
    part_receipt,
    part_values,
)
from core.errors import Code, HaulierError
from core.model import Action, AttemptView, Counts, Entry, ItemView, JobSpec, JobState, Level, Notice, Status
from core.stores.base import PartReceipt

NOTICES_KEPT = 5000


class Journal:
    """Open it with `Journal(path)`; raises HaulierError when the file is damaged or of a newer version.

    Methods that write raise DiskTrouble when it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = Database(path)

    def close(self) -> None:
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
        with self._db.write() as db:
            for table in ("items", "transfers", "parts", "attempts", "notices"):
                db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))
            db.execute("DELETE FROM jobs WHERE id = ?", (job,))

    # ------------------------------------------------------------ items

    def add_items(self, job: int, items: Iterable[tuple[int, Action, Entry, str]], first_id: int) -> int:
        """Planned items (route, action, entry, error) numbered from `first_id`; returns the next free id."""
        now = time.time()
        next_id = first_id
        rows = []
        for route, action, entry, error in items:
            state = Status.FAILED if action is Action.CANNOT else Status.PENDING
            rows.append(
                (job, next_id, route, action.value, entry.key, entry.size, entry.etag, entry.modified,
                 entry.storage_class, state.value, error, now)
            )  # fmt: skip
            next_id += 1
        with self._db.write() as db:
            db.executemany(
                "INSERT INTO items "
                "(job, id, route, action, name, size, etag, modified, class, state, error, created) "
                "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                rows,
            )
        return next_id

    def drop_items(self, job: int) -> None:
        """Forget a plan that was not finished, before it is made anew."""
        with self._db.write() as db:
            for table in ("items", "transfers", "parts"):
                db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))

    def last_item(self, job: int) -> int:
        """The highest id of the job's items, 0 without any."""
        return int(self._db.rows("SELECT coalesce(max(id), 0) FROM items WHERE job = ?", (job,))[0][0])

    def known_items(self, job: int) -> Iterator[tuple[int, str]]:
        """(route, name) of all items, ordered by both; any number of them."""
        yield from self._db.stream("SELECT route, name FROM items WHERE job = ? ORDER BY route, name", (job,))

    def drop_impossible(self, job: int) -> None:
        """Forget the items that the plan found impossible."""
        with self._db.write() as db:
            db.execute("DELETE FROM items WHERE job = ? AND action = 'cannot'", (job,))

    def pending_items(self, job: int, after: int, limit: int, *, deletions: bool) -> list[ItemRow]:
        """The next items to carry out, in the plan's order."""
        which = "= 'delete'" if deletions else "NOT IN ('delete', 'cannot')"
        rows = self._db.rows(
            f"SELECT {ITEM_COLUMNS} FROM items "
            f"WHERE job = ? AND id > ? AND state = 'pending' AND action {which} ORDER BY id LIMIT ?",
            (job, after, limit),
        )
        return [item_row(row) for row in rows]

    def item(self, job: int, item: int) -> ItemRow | None:
        rows = self._db.rows(f"SELECT {ITEM_COLUMNS} FROM items WHERE job = ? AND id = ?", (job, item))
        return item_row(rows[0]) if rows else None

    def complete(self, job: int, ends: Sequence[Completion]) -> None:
        """Record the ends of items, in one durable group, and drop what was kept for resuming them."""
        with self._db.write() as db:
            db.executemany(
                "UPDATE items "
                "SET state = ?, attempts = ?, actual_size = ?, proof = ?, error = ?, completed = ? "
                "WHERE job = ? AND id = ?",
                [
                    (end.state.value, end.attempts, end.actual_size, end.proof, end.error, end.at, job, end.id)
                    for end in ends
                ],
            )
            done = [(job, end.id) for end in ends if end.state is Status.COMPLETED]
            db.executemany("DELETE FROM transfers WHERE job = ? AND item = ?", done)
            db.executemany("DELETE FROM parts WHERE job = ? AND item = ?", done)

    def renew_item(self, job: int, item: int, entry: Entry) -> None:
        """The source changed: the item now means the new version, and starts from nothing."""
        with self._db.write() as db:
            db.execute(
                "UPDATE items SET size = ?, etag = ?, modified = ? WHERE job = ? AND id = ?",
                (entry.size, entry.etag, entry.modified, job, item),
            )
            db.execute("DELETE FROM transfers WHERE job = ? AND item = ?", (job, item))
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))

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

    def tallies(self, job: int) -> dict[tuple[str, str], tuple[int, int]]:
        """(action, state) → (count, bytes), counted from the items themselves."""
        rows = self._db.rows(
            "SELECT action, state, count(*), sum(size) FROM items WHERE job = ? GROUP BY action, state", (job,)
        )
        return {(action, state): (count, size) for action, state, count, size in rows}

    def proofs(self, job: int) -> tuple[tuple[str, int], ...]:
        rows = self._db.rows(
            "SELECT proof, count(*) FROM items WHERE job = ? AND proof != '' AND action != 'delete' "
            "GROUP BY proof ORDER BY 2 DESC",
            (job,),
        )
        return tuple((proof, count) for proof, count in rows)

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
        """A page of items and how many match in all. `active` are the ids that workers hold now."""
        condition, values = matching_items(job.id, action, status, contains, active)
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
                "INSERT OR REPLACE INTO transfers (job, item, token, part_size, etag, identity) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (job, item, row.token, row.part_size, row.etag, row.identity),
            )

    def drop_transfer(self, job: int, item: int) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM transfers WHERE job = ? AND item = ?", (job, item))
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))

    def transfer(self, job: int, item: int) -> TransferRow | None:
        rows = self._db.rows(
            "SELECT token, part_size, etag, identity FROM transfers WHERE job = ? AND item = ?", (job, item)
        )
        if not rows:
            return None
        parts = self._db.rows(
            f"SELECT {PART_COLUMNS} FROM parts WHERE job = ? AND item = ? ORDER BY number",
            (job, item),
        )
        token, part_size, etag, identity = rows[0]
        return TransferRow(
            token=token,
            part_size=part_size,
            etag=etag,
            identity=identity,
            parts=tuple(part_receipt(row) for row in parts),
        )

    def open_transfers(self, job: int) -> list[tuple[ItemRow, str]]:
        """Large items that have begun and are not complete, with their tokens."""
        rows = self._db.rows(
            "SELECT i.id, i.route, i.action, i.name, i.size, i.etag, i.modified, i.class, i.attempts, t.token "
            "FROM transfers t JOIN items i ON i.job = t.job AND i.id = t.item WHERE t.job = ?",
            (job,),
        )
        return [(item_row(row[:-1]), row[-1]) for row in rows]

    def staged_tokens(self) -> set[str]:
        """Tokens of all items that have begun, in every job: their partial data is to be kept."""
        return {token for (token,) in self._db.rows("SELECT token FROM transfers")}

    def add_parts(self, job: int, parts: Sequence[tuple[int, PartReceipt]]) -> None:
        with self._db.write() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO parts (job, item, {PART_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(job, item, *part_values(part)) for item, part in parts],
            )

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
