"""The engine's durable memory: SQLite in WAL mode, one writer, commits in groups.

Every change goes through `write()`, a transaction under one lock; callers hand in whole groups (a page of the
listing, a fifth of a second of completions), never single items. `synchronous=FULL` makes a commit durable
(https://www.sqlite.org/pragma.html#pragma_synchronous), so what is called completed here is completed.
Readers have a connection of their own and never wait for the writer.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from core.engine.route import Route
from core.errors import Code, DiskTrouble, HaulierError
from core.model import (
    Action,
    AttemptView,
    Counts,
    Entry,
    ItemView,
    JobSpec,
    JobState,
    JobView,
    Level,
    Notice,
    PlanSummary,
    Status,
)
from core.stores.base import PartReceipt

SCHEMA_VERSION = 1
NOTICES_KEPT = 5000
_SCHEMA = Path(__file__).with_name("schema.sql")


class ItemRow(msgspec.Struct, frozen=True):
    """An item as the workers need it."""

    id: int
    route: int
    action: Action
    name: str
    entry: Entry  # key relative to the route's source prefix
    attempts: int = 0


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job as stored."""

    id: int
    spec: JobSpec
    title: str
    state: JobState
    moving: bool
    reason: str
    hint: str
    created: float
    started: float
    finished: float
    active_seconds: float
    plan: PlanSummary | None
    routes: tuple[Route, ...]
    counts: Counts
    blocker: str = ""

    def view(self, proofs: tuple[tuple[str, int], ...] = ()) -> JobView:
        return JobView(
            id=self.id,
            spec=self.spec,
            state=self.state,
            title=self.title,
            reason=self.reason,
            hint=self.hint,
            created=self.created,
            started=self.started,
            finished=self.finished,
            active_seconds=self.active_seconds,
            counts=self.counts,
            plan=self.plan,
            proofs=proofs,
        )


class TransferRow(msgspec.Struct, frozen=True, kw_only=True):
    """A large item that has begun, with the parts recorded as being at the target."""

    token: str
    part_size: int
    etag: str
    identity: str
    parts: tuple[PartReceipt, ...] = ()


class Completion(msgspec.Struct, frozen=True):
    """The end of one item."""

    id: int
    state: Status  # completed or failed
    attempts: int
    actual_size: int
    proof: str
    error: str
    at: float


_JOB_COLUMNS = "id, spec, title, state, moving, reason, hint, created, started, finished, active_seconds, plan, routes, counts, blocker"
_ITEM_COLUMNS = "id, route, action, name, size, etag, modified, class, attempts"


class Journal:
    """Open it with `Journal(path)`; raises HaulierError when the file is damaged or of a newer version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read_lock = threading.Lock()
        try:
            if path.exists() and path.stat().st_size:
                self._look()
            self._writer = self._connect()
            self._writer.executescript(_SCHEMA.read_text())
            self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._writer.commit()
            self._reader = self._connect()
        except sqlite3.DatabaseError as error:
            raise HaulierError(
                Code.FAILED,
                f"the journal {path} cannot be read: {error}",
                "nothing was changed; move the file away (with its -wal and -shm) to begin with an empty one, "
                "or choose another folder with --metadata-dir",
            ) from error

    def _look(self) -> None:
        """Raise when the file is damaged or too new, without writing to it: a connection that may write would
        carry its -wal into the file when it is closed."""
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)) as reader:
            version = reader.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise HaulierError(
                    Code.UNAVAILABLE,
                    f"the journal {self.path} was written by a newer haulier (format {version})",
                    "use that version, or another metadata folder (--metadata-dir)",
                )
            damage = reader.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise sqlite3.DatabaseError(damage)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        self.path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-8192"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def close(self) -> None:
        with self._lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; durable when the block is left. Raises DiskTrouble when it cannot be written."""
        with self._lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException as error:
                if self._writer.in_transaction:  # SQLite ends it by itself when the disk is full
                    self._writer.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise DiskTrouble(f"the journal {self.path} cannot be written: {error}") from error
                raise

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._read_lock:
            return self._reader.execute(sql, values).fetchall()

    # ------------------------------------------------------------ jobs

    def add_job(self, key: str, spec: JobSpec, title: str, *, moving: bool) -> tuple[JobRow, bool]:
        """The job submitted under `key`, and whether it is new."""
        with self.write() as db:
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
        rows = self._rows(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE id = ?", (job,))
        if not rows:
            raise HaulierError(Code.NOT_FOUND, f"there is no job {job}", "`haulier jobs` lists them")
        return _job_row(rows[0])

    def jobs(self, before: int = 0, limit: int = 200) -> list[JobRow]:
        """Newest first."""
        rows = self._rows(
            f"SELECT {_JOB_COLUMNS} FROM jobs WHERE id < ? ORDER BY id DESC LIMIT ?", (before or 1 << 62, limit)
        )
        return [_job_row(row) for row in rows]

    def unfinished_jobs(self) -> list[JobRow]:
        final = [state.value for state in JobState if state.is_final]
        marks = ",".join("?" * len(final))
        rows = self._rows(f"SELECT {_JOB_COLUMNS} FROM jobs WHERE state NOT IN ({marks}) ORDER BY id", final)
        return [_job_row(row) for row in rows]

    def update_job(self, job: int, **changes: Any) -> JobRow:
        """Set columns; values that are Structs are stored as JSON."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        values = [
            msgspec.json.encode(value) if isinstance(value, msgspec.Struct | tuple) else value
            for value in changes.values()
        ]
        with self.write() as db:
            db.execute(f"UPDATE jobs SET {columns} WHERE id = ?", (*values, job))
        return self.job(job)

    def forget_job(self, job: int) -> None:
        with self.write() as db:
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
        with self.write() as db:
            db.executemany(
                "INSERT INTO items (job, id, route, action, name, size, etag, modified, class, state, error, created)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                rows,
            )
        return next_id

    def drop_items(self, job: int) -> None:
        """Forget a plan that was not finished, before it is made anew."""
        with self.write() as db:
            for table in ("items", "transfers", "parts"):
                db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))

    def pending_items(self, job: int, after: int, limit: int, *, deletions: bool) -> list[ItemRow]:
        """The next items to carry out, in the plan's order."""
        which = "= 'delete'" if deletions else "NOT IN ('delete', 'cannot')"
        rows = self._rows(
            f"SELECT {_ITEM_COLUMNS} FROM items WHERE job = ? AND id > ? AND state = 'pending' AND action {which} "
            "ORDER BY id LIMIT ?",
            (job, after, limit),
        )
        return [_item_row(row) for row in rows]

    def item(self, job: int, item: int) -> ItemRow | None:
        rows = self._rows(f"SELECT {_ITEM_COLUMNS} FROM items WHERE job = ? AND id = ?", (job, item))
        return _item_row(rows[0]) if rows else None

    def complete(self, job: int, ends: Sequence[Completion]) -> None:
        """Record the ends of items, in one durable group, and drop what was kept for resuming them."""
        with self.write() as db:
            db.executemany(
                "UPDATE items SET state = ?, attempts = ?, actual_size = ?, proof = ?, error = ?, completed = ? "
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
        with self.write() as db:
            db.execute(
                "UPDATE items SET size = ?, etag = ?, modified = ? WHERE job = ? AND id = ?",
                (entry.size, entry.etag, entry.modified, job, item),
            )
            db.execute("DELETE FROM transfers WHERE job = ? AND item = ?", (job, item))
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))

    def reopen_failed(self, job: int, items: Sequence[int]) -> int:
        """Failed items (all, or those named) are pending again; returns how many."""
        only = f" AND id IN ({','.join('?' * len(items))})" if items else ""
        with self.write() as db:
            changed = db.execute(
                "UPDATE items SET state = 'pending', error = '', attempts = 0 "
                f"WHERE job = ? AND state = 'failed' AND action != 'cannot'{only}",
                (job, *items),
            )
            return changed.rowcount

    def tallies(self, job: int) -> dict[tuple[str, str], tuple[int, int]]:
        """(action, state) → (count, bytes), counted from the items themselves."""
        rows = self._rows(
            "SELECT action, state, count(*), sum(size) FROM items WHERE job = ? GROUP BY action, state", (job,)
        )
        return {(action, state): (count, size) for action, state, count, size in rows}

    def proofs(self, job: int) -> tuple[tuple[str, int], ...]:
        rows = self._rows(
            "SELECT proof, count(*) FROM items WHERE job = ? AND proof != '' AND action != 'delete' GROUP BY proof ORDER BY 2 DESC",
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
        where, values = ["job = ?"], [job.id]
        extra: list[Any] = []
        if action is not None:
            where.append("action = ?")
            extra.append(action.value)
        ids = ",".join(str(item) for item in active) or "-1"
        if status is Status.DOWNLOADING:
            where.append(f"state = 'pending' AND id IN ({ids})")
        elif status is Status.PENDING:
            where.append(f"state = 'pending' AND id NOT IN ({ids})")
        elif status is not None:
            where.append("state = ?")
            extra.append(status.value)
        if contains:
            where.append("instr(name, ?) > 0")
            extra.append(contains)
        condition = " AND ".join(where)
        matching = self._rows(f"SELECT count(*) FROM items WHERE {condition}", (*values, *extra))[0][0]
        rows = self._rows(
            "SELECT id, route, action, name, size, actual_size, state, attempts, created, completed, error, proof "
            f"FROM items WHERE {condition} AND id > ? ORDER BY id LIMIT ?",
            (*values, *extra, after, limit),
        )
        return [_item_view(job, row, active) for row in rows], matching

    # ------------------------------------------------------------ large items

    def begin_transfer(self, job: int, item: int, row: TransferRow) -> None:
        with self.write() as db:
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))
            db.execute(
                "INSERT OR REPLACE INTO transfers (job, item, token, part_size, etag, identity) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (job, item, row.token, row.part_size, row.etag, row.identity),
            )

    def drop_transfer(self, job: int, item: int) -> None:
        with self.write() as db:
            db.execute("DELETE FROM transfers WHERE job = ? AND item = ?", (job, item))
            db.execute("DELETE FROM parts WHERE job = ? AND item = ?", (job, item))

    def transfer(self, job: int, item: int) -> TransferRow | None:
        rows = self._rows(
            "SELECT token, part_size, etag, identity FROM transfers WHERE job = ? AND item = ?", (job, item)
        )
        if not rows:
            return None
        parts = self._rows(
            "SELECT number, offset, size, etag, md5, crc64 FROM parts WHERE job = ? AND item = ? ORDER BY number",
            (job, item),
        )
        token, part_size, etag, identity = rows[0]
        return TransferRow(
            token=token,
            part_size=part_size,
            etag=etag,
            identity=identity,
            parts=tuple(
                PartReceipt(number=n, offset=o, size=s, etag=e, md5=m, crc64=int(c))
                for n, o, s, e, m, c in parts
            ),
        )

    def open_transfers(self, job: int) -> list[tuple[ItemRow, str]]:
        """Large items that have begun and are not complete, with their tokens."""
        rows = self._rows(
            "SELECT i.id, i.route, i.action, i.name, i.size, i.etag, i.modified, i.class, i.attempts, t.token "
            "FROM transfers t JOIN items i ON i.job = t.job AND i.id = t.item WHERE t.job = ?",
            (job,),
        )
        return [(_item_row(row[:-1]), row[-1]) for row in rows]

    def staged_tokens(self) -> set[str]:
        """Tokens of all items that have begun, in every job: their partial data is to be kept."""
        return {token for (token,) in self._rows("SELECT token FROM transfers")}

    def last_item(self, job: int) -> int:
        """The highest id of the job's items, 0 without any."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM items WHERE job = ?", (job,))[0][0])

    def known_items(self, job: int) -> Iterator[tuple[int, str]]:
        """(route, name) of all items, ordered by both, over a connection of its own that sorts on disk."""
        connection = self._connect()
        connection.execute("PRAGMA temp_store=FILE")
        try:
            yield from connection.execute(
                "SELECT route, name FROM items WHERE job = ? ORDER BY route, name", (job,)
            )
        finally:
            connection.close()

    def drop_impossible(self, job: int) -> None:
        """Forget the items that the plan found impossible."""
        with self.write() as db:
            db.execute("DELETE FROM items WHERE job = ? AND action = 'cannot'", (job,))

    def add_parts(self, job: int, parts: Sequence[tuple[int, PartReceipt]]) -> None:
        with self.write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO parts (job, item, number, offset, size, etag, md5, crc64) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (job, item, part.number, part.offset, part.size, part.etag, part.md5, str(part.crc64))
                    for item, part in parts
                ],
            )

    # ------------------------------------------------------------ attempts and notices

    def add_attempts(self, job: int, attempts: Sequence[AttemptView]) -> None:
        with self.write() as db:
            db.executemany(
                "INSERT INTO attempts (job, item, name, at, class, message, retry_in) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(job, a.item, a.filename, a.at, a.error_class, a.message, a.retry_in) for a in attempts],
            )

    def attempts(self, job: int, item: int, before: int, limit: int) -> list[AttemptView]:
        """Newest first; `before` counts from the newest: how many to leave out."""
        only = "AND item = ?" if item else "AND ? = 0"
        rows = self._rows(
            "SELECT item, name, at, class, message, retry_in FROM attempts "
            f"WHERE job = ? {only} ORDER BY id DESC LIMIT ? OFFSET ?",
            (job, item, limit, before),
        )
        return [
            AttemptView(item=i, filename=name, at=at, error_class=kind, message=message, retry_in=retry)
            for i, name, at, kind, message, retry in rows
        ]

    def add_notice(self, notice: Notice) -> None:
        with self.write() as db:
            made = db.execute(
                "INSERT INTO notices (at, level, job, text) VALUES (?, ?, ?, ?)",
                (notice.at, notice.level.value, notice.job, notice.text),
            )
            if made.lastrowid and made.lastrowid % 500 == 0:
                db.execute("DELETE FROM notices WHERE id <= ?", (made.lastrowid - NOTICES_KEPT,))

    def notices(self, after: int, limit: int, levels: Sequence[Level], job: int) -> tuple[list[Notice], int]:
        """Notices after number `after`, oldest first (the newest `limit` when `after` is 0), and the last number."""
        marks = ",".join("?" * len(levels))
        only = "job = ?" if job else "? = 0"
        order = "ASC" if after else "DESC"
        rows = self._rows(
            f"SELECT id, at, level, job, text FROM notices WHERE id > ? AND level IN ({marks}) AND {only} "
            f"ORDER BY id {order} LIMIT ?",
            (after, *[level.value for level in levels], job, limit),
        )
        rows.sort()
        found = [Notice(at=at, level=Level(level), job=of, text=text) for _, at, level, of, text in rows]
        return found, rows[-1][0] if rows else after


def _job_row(row: tuple[Any, ...]) -> JobRow:
    (
        id_,
        spec,
        title,
        state,
        moving,
        reason,
        hint,
        created,
        started,
        finished,
        active,
        plan,
        routes,
        counts,
        blocker,
    ) = row
    return JobRow(
        id=id_,
        spec=msgspec.json.decode(spec, type=JobSpec),
        title=title,
        state=JobState(state),
        moving=bool(moving),
        reason=reason,
        hint=hint,
        created=created,
        started=started,
        finished=finished,
        active_seconds=active,
        plan=msgspec.json.decode(plan, type=PlanSummary) if plan else None,
        routes=msgspec.json.decode(routes, type=tuple[Route, ...]) if routes else (),
        counts=msgspec.json.decode(counts, type=Counts),
        blocker=blocker,
    )


def _item_row(row: tuple[Any, ...]) -> ItemRow:
    id_, route, action, name, size, etag, modified, storage_class, attempts = row
    entry = Entry(key=name, size=size, etag=etag, modified=modified, storage_class=storage_class)
    return ItemRow(id_, route, Action(action), name, entry, attempts)


def _item_view(job: JobRow, row: tuple[Any, ...], active: frozenset[int]) -> ItemView:
    id_, route_number, action, name, size, actual, state, attempts, created, completed, error, proof = row
    route = job.routes[route_number]
    status = Status.DOWNLOADING if state == "pending" and id_ in active else Status(state)
    return ItemView(
        id=id_,
        filename=name,
        url=route.source_url(name),
        target=route.target_url(name),
        action=Action(action),
        expected_size=size,
        actual_size=actual,
        status=status,
        attempts=attempts,
        created_at=created,
        completed_at=completed,
        error=error,
        proof=proof,
    )
