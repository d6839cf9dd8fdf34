"""Unfinished uploads that could not be removed when they should have been: tried again, and told.

A job that is cancelled while the network is away leaves its multipart uploads at the store, where they cost
money and no listing of objects shows them. Each one is written into the journal, survives the job and the
engine, and is tried again at the engine's start and then at growing distances until the store says it is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from core.engine.journal.upload_rows import Leftover, UploadRows
from core.engine.storebook import StoreBook
from core.errors import HaulierError, TransferError
from core.model import Connection, Level
from core.safe_text import safe_text


class Leftovers:
    """`notice` writes a line of the log for people. Blocking: called in a thread, one at a time."""

    def __init__(self, rows: UploadRows, stores: StoreBook, notice: Callable[[Level, str], None]) -> None:
        self._rows, self._stores, self._notice = rows, stores, notice
        self._told: set[int] = set()

    def try_all(self) -> int:
        """Remove everything; returns how many went."""
        return self._try(self._rows.leftovers())

    def try_due(self) -> int:
        """Remove what is to be tried by now."""
        now = time.time()
        return self._try([left for left in self._rows.leftovers() if left.next <= now])

    def _try(self, due: list[Leftover]) -> int:
        """One that fails keeps the others of its connection waiting: they would fail alike, and slowly."""
        removed: list[Leftover] = []
        away: set[tuple[str, Connection | None]] = set()
        for left in due:
            whose = (left.connection, left.adhoc)
            if whose in away:
                self._rows.failed_again(left, "not tried: the one before it failed")
                continue
            try:
                service = self._stores.service(left.connection, left.adhoc)
                service.bucket(left.bucket).abort(left.key, left.token)
            except (TransferError, HaulierError) as error:
                away.add(whose)
                self._failed(left, safe_text(error.message))
            else:
                self._rows.gone(left.token)
                removed.append(left)
        if removed:
            more = f" and {len(removed) - 1} more" if len(removed) > 1 else ""
            self._notice(Level.INFO, f"unfinished upload removed by now: {safe_text(removed[0].place)}{more}")
        return len(removed)

    def _failed(self, left: Leftover, why: str) -> None:
        self._rows.failed_again(left, why)
        if left.id not in self._told:  # once for each engine: it may go on for days
            self._told.add(left.id)
            self._notice(
                Level.WARNING,
                f"unfinished upload not removed yet: {safe_text(left.place)}: {why}; tried again by itself",
            )
