"""The journal's file: opened and looked over, one connection that writes and one that reads.

SQLite in WAL mode. Every change goes through `write()`, a transaction under one lock. `synchronous=FULL` makes
a commit durable (https://www.sqlite.org/pragma.html#pragma_synchronous). Readers have a connection of their own
and never wait for the writer.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from core.errors import Code, DiskTrouble, HaulierError

SCHEMA_VERSION = 1
_SCHEMA = Path(__file__).with_name("schema.sql")


class Database:
    """Raises HaulierError when the file is damaged or of a newer version."""

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

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._read_lock:
            return self._reader.execute(sql, values).fetchall()

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows one after the other, over a connection of its own that sorts on disk."""
        connection = self._connect()
        connection.execute("PRAGMA temp_store=FILE")
        try:
            yield from connection.execute(sql, values)
        finally:
            connection.close()
