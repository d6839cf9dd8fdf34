"""Jobs in batches as the journal keeps them: which item is in which batch, and how far each batch is.

Everything that goes through all items of a campaign streams, and writes in groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from core.engine.journal.database import Database
from core.model import BatchState, DiskFile, Entry, JobState, Tally

OVERSIZED = -1  # the batch of what no such disk holds
GROUP = 2000
STEP = 20_000  # ids looked through in one transaction
_COLUMNS = (
    "number, files, bytes, space, folders, first, last, state, mover, checker, tries, broken, disk, target, "
    "mount, done, left_out, trouble"
)


class BatchRow(NamedTuple):
    """A batch as stored; see schema.sql."""

    number: int
    files: int
    bytes: int
    space: int
    folders: int
    first: str
    last: str
    state: BatchState = BatchState.WAITING
    mover: int = 0
    checker: int = 0
    tries: int = 0
    broken: bool = False
    disk: str = ""
    target: str = ""
    mount: str = ""
    done: float = 0.0
    left_out: int = 0
    trouble: str = ""


class PackedItem(NamedTuple):
    """What packing needs of an item."""

    id: int
    route: int
    name: str
    path: str
    size: int


class CheckedItem(NamedTuple):
    """What a check found of a file: right, and with this digest."""

    route: int
    name: str
    path: str
    entry: Entry
    digest: str
    proof: str


class CampaignRows:
    """Part of the journal. Writing raises DiskTrouble. Thread-safe."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # ------------------------------------------------------------ packing

    def token(self, job: int) -> str:
        """What stands for the campaign on its disks; empty while it is not packed."""
        rows = self._db.rows("SELECT token FROM campaigns WHERE job = ?", (job,))
        return str(rows[0][0]) if rows else ""

    def largest(self, job: int) -> int:
        """Bytes of the largest file that no such disk holds; 0 without any."""
        rows = self._db.rows("SELECT largest FROM campaigns WHERE job = ?", (job,))
        return int(rows[0][0]) if rows else 0

    def to_pack(self, job: int) -> Iterator[PackedItem]:
        """Items to be moved whose size is known, in the order of their names; any number of them."""
        rows = self._db.stream(
            "SELECT id, route, name, path, size FROM items "
            "WHERE job = ? AND action IN ('copy', 'overwrite') AND size >= 0 ORDER BY route, name",
            (job,),
        )
        yield from (PackedItem(*row) for row in rows)

    def leave_out_unsized(self, job: int, why: str) -> int:
        """Items whose size nobody knows are in no batch; returns how many there are."""
        with self._db.write() as db:
            return db.execute(
                "UPDATE items SET batch = ?, state = 'failed', error = ? "
                "WHERE job = ? AND action IN ('copy', 'overwrite') AND size < 0",
                (OVERSIZED, why, job),
            ).rowcount

    def put_into(self, job: int, placed: Sequence[tuple[int, int]], why_not: str) -> None:
        """(item, batch); with OVERSIZED the item fails, for the reason `why_not`."""
        with self._db.write() as db:
            db.executemany(
                "UPDATE items SET batch = ?, state = 'pending', error = '' WHERE job = ? AND id = ?",
                [(batch, job, item) for item, batch in placed if batch != OVERSIZED],
            )
            db.executemany(
                "UPDATE items SET batch = ?, state = 'failed', error = ? WHERE job = ? AND id = ?",
                [(batch, why_not, job, item) for item, batch in placed if batch == OVERSIZED],
            )

    def packed(self, job: int, token: str, largest: int, batches: Sequence[BatchRow]) -> None:
        """Every item is in its batch: from now on this is a campaign."""
        with self._db.write() as db:
            db.execute("DELETE FROM batches WHERE job = ?", (job,))
            db.executemany(
                "INSERT INTO batches (job, number, files, bytes, space, folders, first, last) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(job, *batch[:7]) for batch in batches],
            )
            db.execute("INSERT OR REPLACE INTO campaigns VALUES (?, ?, ?)", (job, token, largest))

    # ------------------------------------------------------------ batches

    def batches(self, job: int) -> list[BatchRow]:
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM batches WHERE job = ? ORDER BY number", (job,))
        return [_batch(row) for row in rows]

    def counting_on(self, disk: str) -> tuple[int, int] | None:
        """A campaign that is not finished and a batch of it that is, or goes, on this disk."""
        rows = self._db.rows(
            "SELECT batches.job, batches.number, jobs.state FROM batches JOIN jobs ON jobs.id = batches.job "
            "WHERE batches.disk = ? ORDER BY batches.job, batches.number",
            (disk,),
        )
        return next(((job, number) for job, number, state in rows if not JobState(state).is_final), None)

    def batch(self, job: int, number: int) -> BatchRow | None:
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM batches WHERE job = ? AND number = ?", (job, number))
        return _batch(rows[0]) if rows else None

    def unfinished(self) -> list[tuple[int, int]]:
        """(campaign, number) of the batches that are on their way."""
        return self._db.rows(
            "SELECT job, number FROM batches WHERE state IN ('moving', 'checking') ORDER BY job, number"
        )

    def update(self, job: int, number: int, **changes: Any) -> BatchRow:
        """Set columns of a batch."""
        columns = ", ".join(f"{name} = ?" for name in changes)
        values = [str(value) if isinstance(value, BatchState) else value for value in changes.values()]
        with self._db.write() as db:
            db.execute(f"UPDATE batches SET {columns} WHERE job = ? AND number = ?", (*values, job, number))
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM batches WHERE job = ? AND number = ?", (job, number))
        return _batch(rows[0])

    def jobs_of(self, job: int) -> list[int]:
        """The jobs that were made for a campaign's batches."""
        rows = self._db.rows(
            "SELECT id FROM jobs WHERE json_extract(CAST(spec AS TEXT), '$.batch_of') = ? ORDER BY id", (job,)
        )
        return [row[0] for row in rows]

    # ------------------------------------------------------------ items

    def entries(self, job: int, batch: int, route: int) -> Iterator[Entry]:
        """The source's entries of a batch, as the campaign's plan froze them, in the order of names."""
        rows = self._db.stream(
            "SELECT name, size, etag, modified, class, url FROM items "
            "WHERE job = ? AND batch = ? AND route = ? ORDER BY name",
            (job, batch, route),
        )
        for name, size, etag, modified, storage_class, url in rows:
            yield Entry(key=name, size=size, etag=etag, modified=modified, storage_class=storage_class, url=url)

    def taken(self, job: int, batch: int, block: int) -> int:
        """Bytes that the files of a batch take in blocks of this size."""
        rows = self._db.rows(
            "SELECT coalesce(sum((size + ? - 1) / ? * ?), 0) FROM items WHERE job = ? AND batch = ?",
            (block, block, block, job, batch),
        )
        return int(rows[0][0])

    def oversized(self, job: int, limit: int) -> tuple[tuple[tuple[str, int], ...], Tally]:
        """(name, bytes) of what no such disk holds, the largest first; and how much that is in all."""
        rows = self._db.rows(
            "SELECT name, size FROM items WHERE job = ? AND batch = ? AND size >= 0 "
            "ORDER BY size DESC, name LIMIT ?",
            (job, OVERSIZED, limit),
        )
        count, size = self._db.rows(
            "SELECT count(*), coalesce(sum(size), 0) FROM items WHERE job = ? AND batch = ? AND size >= 0",
            (job, OVERSIZED),
        )[0]
        return tuple((name, size) for name, size in rows), Tally(count=count, bytes=size)

    def failed(self, job: int) -> int:
        return int(self._db.rows("SELECT count(*) FROM items WHERE job = ? AND state = 'failed'", (job,))[0][0])

    def first_failures(self, job: int, besides: int, limit: int) -> list[tuple[str, str]]:
        """(name, why) of items that failed in a job and not in the job `besides`."""
        return self._db.rows(
            "SELECT name, error FROM items WHERE job = ? AND state = 'failed' AND (route, name) IN "
            f"({_ONLY_HERE}) ORDER BY id LIMIT ?",
            (job, job, besides, limit),
        )

    def count_failures(self, job: int, besides: int) -> int:
        """How many items failed in a job and not in the job `besides`."""
        return int(self._db.rows(f"SELECT count(*) FROM ({_ONLY_HERE})", (job, besides))[0][0])

    def checked(self, check: int) -> Iterator[CheckedItem]:
        """What a check found right, in the order of names; any number of them."""
        rows = self._db.stream(
            "SELECT route, name, path, size, etag, modified, url, digest, proof FROM items "
            "WHERE job = ? AND state = 'completed' ORDER BY route, name",
            (check,),
        )
        for route, name, path, size, etag, modified, url, digest, proof in rows:
            entry = Entry(key=name, size=size, etag=etag, modified=modified, url=url)
            yield CheckedItem(route, name, path, entry, digest, proof)

    def failed_names(self, job: int) -> Iterator[tuple[int, str]]:
        """(route, name) of what failed in a job, in the order of names; any number of them."""
        yield from self._db.stream(
            "SELECT route, name FROM items WHERE job = ? AND state = 'failed' ORDER BY route, name", (job,)
        )

    def batch_items(self, job: int, batch: int) -> Iterator[tuple[int, int, str]]:
        """(id, route, name) of a batch's items in the order of names; any number of them."""
        yield from self._db.stream(
            "SELECT id, route, name FROM items WHERE job = ? AND batch = ? ORDER BY route, name", (job, batch)
        )

    def done(self, job: int, group: Sequence[tuple[int, CheckedItem]], at: float) -> None:
        """(item, what the check found): on its disk, and right."""
        with self._db.write() as db:
            db.executemany(
                "UPDATE items SET state = 'completed', error = '', size = ?, actual_size = ?, etag = ?, "
                "proof = ?, digest = ?, completed = ? WHERE job = ? AND id = ?",
                [
                    (c.entry.size, c.entry.size, c.entry.etag, c.proof, c.digest, at, job, item)
                    for item, c in group
                ],
            )

    def not_done(self, job: int, batch: int, error: str) -> None:
        """What of a batch is not completed failed."""
        self._in_steps(
            job, "state = 'failed', error = ?", (error,), "batch = ? AND state = 'pending'", (batch,)
        )

    def reopen(self, job: int, batch: int) -> None:
        """Nothing is known any more of what a batch's disk holds."""
        unknown = "state = 'pending', error = '', digest = '', proof = '', completed = 0"
        self._in_steps(job, unknown, (), "batch = ? AND state != 'pending'", (batch,))

    def _in_steps(
        self, job: int, changes: str, values: Sequence[Any], where: str, which: Sequence[Any]
    ) -> None:
        """Change items in groups, so that nobody waits long for the journal."""
        last = int(self._db.rows("SELECT coalesce(max(id), 0) FROM items WHERE job = ?", (job,))[0][0])
        for first in range(0, last, STEP):
            with self._db.write() as db:
                db.execute(
                    f"UPDATE items SET {changes} WHERE job = ? AND id > ? AND id <= ? AND {where}",
                    (*values, job, first, first + STEP, *which),
                )

    def tally_done(self, job: int) -> Tally:
        """What is on disks, and right."""
        count, size = self._db.rows(
            "SELECT count(*), coalesce(sum(size), 0) FROM items WHERE job = ? AND batch > 0 "
            "AND state = 'completed'",
            (job,),
        )[0]
        return Tally(count=count, bytes=size)

    def files(
        self, job: int, batch: int, contains: str, after: int, limit: int
    ) -> tuple[list[DiskFile], int, int]:
        """A page of files with their batches, where to go on from, and how many match in all. `batch` 0: all of
        the batches, and what is in none."""
        where, values = "job = ? AND action IN ('copy', 'overwrite')", [job]
        filters: list[Any] = []
        if batch:
            where, filters = where + " AND batch = ?", [*filters, batch]
        if contains:
            where, filters = where + " AND instr(name, ?) > 0", [*filters, contains]
        matching = self._db.rows(f"SELECT count(*) FROM items WHERE {where}", (*values, *filters))[0][0]
        of = {row.number: row for row in self.batches(job)}
        rows = self._db.rows(
            f"SELECT id, name, size, batch, digest FROM items WHERE {where} AND id > ? ORDER BY id LIMIT ?",
            (*values, *filters, after, limit),
        )
        found = []
        for _, name, size, number, digest in rows:
            there = of.get(number)
            state = there.state if there is not None else BatchState.WAITING
            found.append(
                DiskFile(
                    name=name,
                    size=size,
                    batch=max(0, number),
                    state=state,
                    disk=there.disk if there is not None and digest else "",
                    digest=f"sha256:{digest}" if digest else "",
                    job=job,
                )
            )
        return found, rows[-1][0] if len(rows) == limit else 0, matching


_ONLY_HERE = (
    "SELECT route, name FROM items WHERE job = ? AND state = 'failed' EXCEPT "
    "SELECT route, name FROM items WHERE job = ? AND state = 'failed'"
)


def _batch(row: tuple[Any, ...]) -> BatchRow:
    found = BatchRow(*row)
    return found._replace(state=BatchState(found.state), broken=bool(found.broken))
