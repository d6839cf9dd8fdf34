"""The rows of a listing in a file, by number. Nothing is synced: what a machine loses is listed again.

URLs, which may hold signatures, are not kept.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import translate
from pathlib import Path
from typing import Any

from core.engine.browsing.sides import Row
from core.errors import Code, HaulierError
from core.filters import Filters
from core.listings import ListingRow, RowOrder, RowsSummed
from core.model import UNSIZED, Entry
from core.positions import Positions

MOST_FOLDERS = 500  # names of folders that a sum tells
AT_ONCE = 500  # names that are looked for in one query
_SIDE = "{0}_size INTEGER, {0}_modified REAL, {0}_etag TEXT, {0}_class TEXT, {0}_kind INTEGER"
_COLUMNS = ", ".join(
    f"{side}_{name}" for side in ("my", "their") for name in ("size", "modified", "etag", "class", "kind")
)
FILE, FOLDER = 1, 2  # kinds; 0: not at this side
_SORTED = {"size": "my_size", "modified": "my_modified"}


class RowsFile:
    """Called from many threads; one of them adds. Raises HaulierError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        with self._connection() as db:
            db.execute("PRAGMA journal_mode=WAL")
            sides = ", ".join(_SIDE.format(side) for side in ("my", "their"))
            db.execute(f"CREATE TABLE rows (n INTEGER PRIMARY KEY, name TEXT, difference TEXT, {sides})")
        path.chmod(0o600)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()
        for path in self._path.parent.glob(f"{self._path.name}*"):
            path.unlink(missing_ok=True)

    def add(self, first: int, rows: Iterable[Row]) -> None:
        """Append rows, the first of them with that number."""
        with self._connection() as db, db:
            db.execute("BEGIN")
            db.executemany(
                f"INSERT INTO rows VALUES (?, ?, ?, {', '.join('?' * 10)})",
                (
                    (first + at, row.name, row.difference, *_cells(row.mine), *_cells(row.theirs))
                    for at, row in enumerate(rows)
                ),
            )

    def rows(self, numbers: Sequence[int]) -> tuple[ListingRow, ...]:
        """These rows, in this order."""
        select = f"SELECT n, name, difference, {_COLUMNS} FROM rows WHERE n"
        with self._connection() as db:
            if isinstance(numbers, range):
                found = db.execute(f"{select} BETWEEN ? AND ?", (numbers.start, numbers.stop - 1)).fetchall()
            else:
                marks = ", ".join("?" * len(numbers))
                found = db.execute(f"{select} IN ({marks})", tuple(numbers)).fetchall()
        by_number = {row[0]: _row(row) for row in found}
        return tuple(by_number[number] for number in numbers)

    def passing(self, order: RowOrder, first: int, end: int) -> array[int]:
        """The numbers of the rows from `first` to before `end` that pass the order's filter, in that order."""
        where, values, matches = _filter(order)
        ways = "DESC" if order.descending else "ASC"
        if order.sort == "name":
            by = f"n {ways}"
        else:  # folders have neither and come first
            by = f"my_kind = {FOLDER} DESC, coalesce({_SORTED[order.sort]}, 0) {ways}, n"
        columns = "n, name" if matches else "n"
        with self._connection() as db:
            found = db.execute(
                f"SELECT {columns} FROM rows WHERE n >= ? AND n < ?{where} ORDER BY {by}", (first, end, *values)
            )
            if matches:
                return array(
                    "I", (number for number, name in found if order.wanted.casefold() in name.casefold())
                )
            return array("I", (number for (number,) in found))

    def called(self, names: Sequence[str], first: int, end: int) -> Positions:
        """The rows from `first` to before `end` with these names."""
        found: list[int] = []
        with self._connection() as db:
            for at in range(0, len(names), AT_ONCE):
                some = names[at : at + AT_ONCE]
                marks = ", ".join("?" * len(some))
                rows = db.execute(
                    f"SELECT n FROM rows WHERE n >= ? AND n < ? AND name IN ({marks})", (first, end, *some)
                )
                found += [number for (number,) in rows]
        return Positions(found)

    def matching(self, glob: str, first: int, end: int) -> Positions:
        """The rows from `first` to before `end` that a glob means."""
        between = "n >= ? AND n < ?"
        with self._connection() as db:
            if "[" not in glob and "\0" not in glob:  # then GLOB means what fnmatch means
                found = db.execute(f"SELECT n FROM rows WHERE name GLOB ? AND {between}", (glob, first, end))
                return Positions(number for (number,) in found)
            matches = re.compile(translate(glob)).match
            names = db.execute(f"SELECT n, name FROM rows WHERE {between}", (first, end))
            return Positions(number for number, name in names if matches(name))

    def sum(self, rows: Positions, listed: int, filters: Filters | None, below: str, names: int) -> RowsSummed:
        """See SumOfListing. `listed`: 0 where what is not among `rows` is not to be told."""
        with self._connection() as db, _chosen(db, rows):
            source = "FROM chosen CROSS JOIN rows ON n BETWEEN first AND last"
            if filters is None:
                files, size, unsized = db.execute(
                    f"SELECT count(*), coalesce(sum(CASE WHEN my_size >= 0 THEN my_size END), 0), "
                    f"coalesce(sum(my_size = {UNSIZED}), 0) {source} WHERE my_kind = {FILE}"
                ).fetchone()
            else:
                sizes = [
                    size
                    for name, size in db.execute(f"SELECT name, my_size {source} WHERE my_kind = {FILE}")
                    if filters.wants(below + name)
                ]
                files, size = len(sizes), sum(size for size in sizes if size != UNSIZED)
                unsized = sizes.count(UNSIZED)
            folders = db.execute(f"SELECT count(*) {source} WHERE my_kind = {FOLDER}").fetchone()[0]
            first_folders = db.execute(
                f"SELECT name {source} WHERE my_kind = {FOLDER} ORDER BY n LIMIT {MOST_FOLDERS}"
            )
            folder_names = tuple(name for (name,) in first_folders)
            wanted = _names(
                db.execute(f"SELECT name {source} WHERE my_kind ORDER BY n LIMIT ?", (names + 1,)), names
            )
        others = None
        if listed and names:
            with self._connection() as db, _chosen(db, Positions.below(listed) - rows):
                others = _names(
                    db.execute(f"SELECT name {source} WHERE my_kind ORDER BY n LIMIT ?", (names + 1,)), names
                )
        return RowsSummed(
            files=files, bytes=size, unsized=unsized, folders=folders, folder_names=folder_names,
            names=wanted if names else None, others=others,
        )  # fmt: skip

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise gone()
            db = self._idle.pop() if self._idle else None
        try:
            if db is None:
                db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                for pragma in (
                    "synchronous=OFF",
                    "cache_size=-2048",
                    "temp_store=FILE",
                    "automatic_index=OFF",
                    "busy_timeout=10000",
                ):
                    db.execute(f"PRAGMA {pragma}")
            yield db
        except sqlite3.Error as error:
            raise HaulierError(
                Code.BLOCKED,
                f"The list cannot be kept in {self._path.parent}: {error}.",
                "Free space there, or mend the disk; then read the list again.",
            ) from error
        finally:
            if db is not None:
                self._put_back(db)

    def _put_back(self, db: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and not db.in_transaction:
                self._idle.append(db)
                return
        db.close()


def gone() -> HaulierError:
    return HaulierError(Code.NOT_FOUND, "This list is not open in the engine any more.", "Read it again.")


@contextmanager
def _chosen(db: sqlite3.Connection, rows: Positions) -> Iterator[None]:
    db.execute("CREATE TEMP TABLE chosen (first INTEGER, last INTEGER)")
    try:
        db.execute("BEGIN")
        db.executemany("INSERT INTO chosen VALUES (?, ?)", rows.runs())
        db.execute("COMMIT")
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
        db.execute("DROP TABLE IF EXISTS temp.chosen")


def _names(found: Iterable[tuple[str]], most: int) -> tuple[str, ...] | None:
    names = tuple(name for (name,) in found)
    return names if len(names) <= most else None


def _filter(order: RowOrder) -> tuple[str, tuple[Any, ...], bool]:
    """Conditions, their values, and whether names have to be looked at by ourselves."""
    conditions, values = "", ()
    if order.different:
        conditions += " AND difference <> 'same'"
    if not order.wanted:
        return conditions, values, False
    if not order.wanted.isascii() or "\0" in order.wanted:  # LIKE folds the case of ASCII alone
        return conditions, values, True
    escaped = re.sub(r"([%_\\])", r"\\\1", order.wanted)
    return conditions + " AND name LIKE ? ESCAPE '\\'", (f"%{escaped}%",), False


def _cells(entry: Entry | None) -> tuple[Any, ...]:
    if entry is None:
        return (None, None, None, None, 0)
    kind = FOLDER if entry.is_folder else FILE
    return (entry.size, entry.modified, entry.etag, entry.storage_class, kind)


def _row(cells: tuple[Any, ...]) -> ListingRow:
    number, name, difference, *rest = cells
    return ListingRow(
        number=number, name=name, difference=difference,
        entry=_entry(name, rest[:5]), other=_entry(name, rest[5:]),
    )  # fmt: skip


def _entry(name: str, cells: list[Any]) -> Entry | None:
    size, modified, etag, storage_class, kind = cells
    if not kind:
        return None
    return Entry(
        key=name, size=size, modified=modified, etag=etag, storage_class=storage_class,
        is_folder=kind == FOLDER,
    )  # fmt: skip
