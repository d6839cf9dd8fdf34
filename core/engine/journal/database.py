"""The journal's file: opened and looked over, one connection that writes and one that reads.

SQLite in WAL mode. Every change goes through `write()`, a transaction under one lock. `synchronous=FULL` makes
a commit durable: the -wal is synced at every commit, and before its pages go into the file
(https://www.sqlite.org/pragma.html#pragma_synchronous). Readers have a connection of their own and never wait
for the writer; none of them keeps a snapshot for long, so the -wal can be emptied again and again.

A journal that is damaged is never repaired in place: a copy is kept beside it, and the engine does not start.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from core.engine.journal.journal_trouble import JournalDamaged, is_damage, keep_copy, refusal
from core.errors import Code, DiskTrouble, HaulierError

SCHEMA_VERSION = 1
_SCHEMA = Path(__file__).with_name("schema.sql")
# (table, column, declaration) that came after the first version. Added where they are missing; engines that do
# not know them go on working, so the version stays.
_ADDED: tuple[tuple[str, str, str], ...] = (
    ("items", "path", "TEXT NOT NULL DEFAULT ''"),
    ("items", "early", "INTEGER NOT NULL DEFAULT 0"),
    ("items", "url", "TEXT NOT NULL DEFAULT ''"),
    ("items", "learnt", "INTEGER NOT NULL DEFAULT 0"),
    ("items", "fetched", "TEXT NOT NULL DEFAULT ''"),
    ("items", "batch", "INTEGER NOT NULL DEFAULT 0"),
    ("items", "digest", "TEXT NOT NULL DEFAULT ''"),
    ("transfers", "version", "TEXT NOT NULL DEFAULT ''"),
)

WAL_KEPT = 32 << 20  # bytes; a -wal that one large group made longer is cut back to this
LOOKING_CACHE = 1024  # KiB
FREE_PAGES_STEP = 2000  # given back to the disk at once
MOST_VALUES = 999  # in one statement (SQLITE_MAX_VARIABLE_NUMBER before 3.32)


class Database:
    """Raises HaulierError when the file is damaged, of a newer version, or cannot be opened or written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._read_lock = threading.Lock()
        new = not path.exists()
        try:
            self._look()
            self._writer = self._connect()
            self._bring_up_to_date()
            self._reader = self._connect()
            if new:
                _sync_above(path)
        except sqlite3.DatabaseError as error:
            raise refusal(path, error, keep_copy(path) if is_damage(error) else None) from error

    def _look(self) -> None:
        """Raise when the file is damaged or too new, without writing to it: a connection that may write would
        carry its -wal into the file when it is closed."""
        if not (self.path.exists() and self.path.stat().st_size):
            wal = self.path.with_name(f"{self.path.name}-wal")
            if wal.exists() and wal.stat().st_size:  # SQLite would throw it away
                raise sqlite3.DatabaseError(f"it is empty, but {wal.name} beside it is not")
            return
        # A rollback journal is left by a kill while the file was made, and only who may write can roll it back.
        half_made = self.path.with_name(f"{self.path.name}-journal").exists()
        mode = "rw" if half_made else "ro"
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode={mode}", uri=True)) as reader:
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
        pragmas = (
            "auto_vacuum=INCREMENTAL",  # heeded by a file that is new: must come first
            "journal_mode=WAL",
            "synchronous=FULL",
            f"journal_size_limit={WAL_KEPT}",
            "temp_store=MEMORY",
            "cache_size=-8192",
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _bring_up_to_date(self) -> None:
        """Tables and columns that are missing, in one transaction: killed in the middle, the file is as it
        was. Nothing is written when nothing is missing, so a full disk does not keep the engine from starting.
        """
        db = self._writer
        db.execute("BEGIN IMMEDIATE")
        for statement in _statements(_SCHEMA.read_text()):
            db.execute(statement)
        for table, column, declaration in _ADDED:
            if column not in {row[1] for row in db.execute(f"PRAGMA table_info({table})")}:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {declaration}")
        if db.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")

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
                if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
                    raise JournalDamaged(self.path, error) from error
                if isinstance(error, sqlite3.OperationalError):
                    raise DiskTrouble(f"the journal {self.path} cannot be written: {error}") from error
                raise

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Raises DiskTrouble when the file cannot be read any more."""
        with self._read_lock, self.reading():
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What SQLite says of a file that cannot be read, in our words: raises DiskTrouble."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise JournalDamaged(self.path, error) from error
            if isinstance(error, sqlite3.OperationalError):
                raise DiskTrouble(f"the journal {self.path} cannot be read: {error}") from error
            raise

    def connect_to_look(self) -> sqlite3.Connection:
        """A connection for somebody who reads much beside all others, with temporary tables of his own. Raises
        DiskTrouble."""
        with self.reading():
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA temp_store=FILE")
                connection.execute(f"PRAGMA cache_size={-LOOKING_CACHE}")
            except BaseException:
                connection.close()
                raise
        return connection

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Any number of rows, one after the other, as they are now.

        They are copied into a temporary file first: a read that lasts as long as a listing does would keep the
        -wal from being emptied, and it would grow all the while.
        """
        connection = self._connect()
        try:
            connection.execute("PRAGMA temp_store=FILE")
            connection.execute(f"CREATE TEMP TABLE streamed AS {sql}", values)
            yield from connection.execute("SELECT * FROM streamed ORDER BY rowid")
        finally:
            connection.close()

    def give_back(self) -> None:
        """Pages that a deletion left empty go back to the disk, a step at a time, so that nobody waits long."""
        with self._read_lock:
            left = self._reader.execute("PRAGMA freelist_count").fetchone()[0]
        for _ in range(0, left, FREE_PAGES_STEP):
            with self._lock:
                # One step of this statement gives back one page, and `execute` takes only the first.
                self._writer.executescript(f"PRAGMA incremental_vacuum({FREE_PAGES_STEP})")
        with self._lock:
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _sync_above(path: Path) -> None:
    """The folders that were perhaps just made for a new file have their names for good, as the file has."""
    for folder in path.resolve().parents:
        with suppress(OSError):  # not ours to open: then not made by us either
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit what is under way."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def insert_many(db: sqlite3.Connection, insert: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Many rows by few statements: each one gives the interpreter's lock away and has to get it back, which
    costs more than the row. `insert` ends before its VALUES."""
    if not rows:
        return
    columns = len(rows[0])
    at_once = MOST_VALUES // columns
    row = f"({','.join('?' * columns)})"
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        db.execute(f"{insert} VALUES {','.join([row] * len(some))}", [value for one in some for value in one])


def listed(numbers: Sequence[int]) -> str:
    """What stands behind IN: numbers of our own, never anything that came from outside."""
    return f"({','.join([str(int(number)) for number in numbers])})"
