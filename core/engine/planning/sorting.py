"""A source's listing brought into the order of names, on disk, for stores that list in an order of their own.

The comparison wants both sides in one order (compare.py). What a Hub or a list gives goes into a table first, a
page a transaction, together with how far the listing is, what of it cannot be and what is to be said of it: an
engine that was killed meanwhile goes on there and still tells it. A name that comes twice with different
content is told, and the first one counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.engine.storebook import SourceStore
from core.errors import DiskTrouble
from core.model import Entry
from core.stores.base import GoesOn, TellsNotes

PAGE = 1000  # rows read back at once
_COLUMNS = "key, size, etag, modified, class, url"


def listing_path(journal: Path, job: int, route: int) -> Path:
    """Where the listing of a route is sorted until the plan is complete."""
    return journal.with_name(f"listing-{job}-{route}.sqlite3")


def drop_listings(journal: Path, job: int) -> None:
    """Remove those of a job that needs them no more."""
    for path in journal.parent.glob(f"listing-{job}-*.sqlite3*"):
        path.unlink(missing_ok=True)


def in_order(source: object) -> bool:
    """Whether a store lists in the order of names, as far as it promises anything."""
    return bool(getattr(source, "in_order", True))


class SortedListing:
    """One listing. `what` names what is listed (place and commit): a table of anything else is begun anew.
    Raises DiskTrouble where its file cannot be written."""

    def __init__(self, path: Path, what: str) -> None:
        self._what, self._path = what, path
        with self._mapped():
            self._open(path)

    def _open(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        # Lost with the machine, the listing is made again: nothing waits for the disk.
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-4096"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS state (what TEXT, complete INTEGER, last TEXT, resume TEXT)"
        )
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, size INTEGER, etag TEXT, modified REAL, "
            "class TEXT, url TEXT) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, why TEXT) WITHOUT ROWID")
        self._db.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
        row = self._db.execute("SELECT what, complete, last, resume FROM state").fetchone()
        if row is None or row[0] != self._what:
            self._clear()
            row = (self._what, 0, "", "")
        self.complete = bool(row[1])
        self.last, self._resume = str(row[2]), str(row[3])

    @property
    def count(self) -> int:
        """Entries so far."""
        return int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])

    @property
    def told(self) -> list[tuple[str, str]]:
        """(name, why) of what was named and cannot be, in any try."""
        return self._db.execute("SELECT name, why FROM told ORDER BY name").fetchall()

    @property
    def notes(self) -> list[str]:
        """What the source had to say of the listing when it was complete."""
        return [text for (text,) in self._db.execute("SELECT text FROM notes ORDER BY rowid")]

    def fill(self, source: SourceStore, pages_after: Callable[[str], Iterator[list[Entry]]]) -> None:
        """List, from where an earlier try came to. `pages_after` gives the pages behind a key, and what it
        raises is raised."""
        if self.complete:
            return
        if isinstance(source, GoesOn) and self._resume:
            source.go_on(self._resume)
        elif self.last:
            self.last = ""
            with self._mapped():
                self._clear()
        for page in pages_after(self.last):
            told: list[tuple[str, str]] = []
            if page and isinstance(source, GoesOn):
                self.last, self._resume = page[-1].key, source.going_on()
                told = source.take_unlistable()
            self._keep(page, told, complete=False)
        notes = source.take_notes() if isinstance(source, TellsNotes) else []
        self._keep([], source.take_unlistable(), complete=True, notes=notes)
        self.complete = True

    def pages(self) -> Iterator[list[Entry]]:
        """All entries, in the order of their names."""
        after = ""
        more = "key > ?"
        while True:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM entries WHERE {more} ORDER BY key LIMIT ?", (after, PAGE)
            ).fetchall()
            if not rows:
                return
            after = rows[-1][0]
            yield [
                Entry(key=key, size=size, etag=etag, modified=modified, storage_class=kind, url=url)
                for key, size, etag, modified, kind, url in rows
            ]

    def close(self) -> None:
        self._db.close()

    def _clear(self) -> None:
        self._db.execute("DELETE FROM entries")
        self._db.execute("DELETE FROM told")
        self._db.execute("DELETE FROM notes")

    def _keep(
        self, page: list[Entry], told: list[tuple[str, str]], *, complete: bool, notes: Sequence[str] = ()
    ) -> None:
        """A page, what cannot be, and how far the listing is: all of it or nothing."""
        with self._mapped():
            self._db.execute("BEGIN")
            try:
                self._add(page)
                self._db.executemany("INSERT INTO told VALUES (?, ?) ON CONFLICT DO NOTHING", told)
                self._db.executemany("INSERT INTO notes VALUES (?)", [(note,) for note in notes])
                self._db.execute("DELETE FROM state")
                self._db.execute(
                    "INSERT INTO state VALUES (?, ?, ?, ?)", (self._what, complete, self.last, self._resume)
                )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _add(self, page: list[Entry]) -> None:
        for entry in page:
            values = (entry.key, entry.size, entry.etag, entry.modified, entry.storage_class, entry.url)
            added = self._db.execute(
                f"INSERT INTO entries ({_COLUMNS}) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING", values
            )
            if not added.rowcount:
                before = self._db.execute(
                    f"SELECT {_COLUMNS} FROM entries WHERE key = ?", (entry.key,)
                ).fetchone()
                if before != values:
                    self._db.execute(
                        "INSERT INTO told VALUES (?, ?) ON CONFLICT DO NOTHING",
                        (entry.key, "named twice, with different content"),
                    )

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """The job waits for room, as it does where the journal has none."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DiskTrouble(f"the listing {self._path} cannot be written: {error}") from error
