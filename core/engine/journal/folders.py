"""How far a job is by folder, asked of the journal level by level.

One level is one GROUP BY over the items of a pair: about half a second for a million of them, so an answer is
kept for a while that grows with what it cost, and pages are cut from it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from core.engine.journal.database import Database
from core.engine.journal.rows import JobRow
from core.errors import Code, HaulierError
from core.messages import FolderPage, ListFolders
from core.model import FolderView

BLOCK = 20_000  # rows that one question of SQLite gives
KEPT = 16  # answers
FRESH = 1.0  # seconds that an answer is kept at least, and this many times what it took:
TIMES = 10
MOST = 2000  # rows of a page

_SUMS = (
    "count(*), sum(state = 'completed'), sum(state = 'failed'), sum(max(size, 0)), "
    "sum(CASE state WHEN 'completed' THEN size ELSE 0 END)"
)
_Key = tuple[int, int, str, int]


class FolderBook:
    """Answers `ListFolders`. Safe for several threads."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, tuple[float, list[FolderView]]] = OrderedDict()

    def page(self, row: JobRow, asked: ListFolders) -> FolderPage:
        """Raises HaulierError (usage) for a pair, a prefix or a cursor that cannot be."""
        pairs = row.spec.pairs
        pair = 0 if asked.pair < 0 and len(pairs) == 1 else asked.pair
        if pair >= len(pairs):
            raise HaulierError(Code.USAGE, f"job {row.id} has {len(pairs)} pairs, the first is 0")
        if pair < 0 and asked.prefix:
            raise HaulierError(Code.USAGE, f"job {row.id} has several pairs: say of which one the folder is")
        if asked.prefix and not asked.prefix.endswith("/"):
            raise HaulierError(Code.USAGE, "a folder's prefix ends in /")
        if not (asked.cursor or "0").isdecimal():
            raise HaulierError(Code.USAGE, f"not a cursor: {asked.cursor[:40]!r}")
        start, limit = int(asked.cursor or 0), max(1, min(asked.limit, MOST))
        within = start % BLOCK
        rows = self._block((row.id, pair, asked.prefix, start // BLOCK), row)
        shown = rows[within : within + limit]
        end = start + len(shown)
        more = within + limit < len(rows) or (len(rows) == BLOCK and shown)
        return FolderPage(folders=tuple(shown), pair=pair, cursor=str(end) if more else "")

    def _block(self, key: _Key, row: JobRow) -> list[FolderView]:
        now = time.monotonic()
        with self._lock:  # held while SQLite counts: two faces that ask at once get one answer
            until, rows = self._kept.get(key, (0.0, []))
            if now >= until:
                rows = self._ask(key, row)
                took = time.monotonic() - now
                self._kept[key] = (now + took + max(FRESH, TIMES * took), rows)
                self._kept.move_to_end(key)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return rows

    def _ask(self, key: _Key, row: JobRow) -> list[FolderView]:
        job, pair, prefix, block = key
        if pair < 0:
            found = self._db.rows(
                f"SELECT route, {_SUMS} FROM items WHERE job = ? AND action != 'delete' GROUP BY route", (job,)
            )
            by_pair = {number: sums for number, *sums in found}
            return [
                _view(number, str(each.source), "", by_pair.get(number, [0] * 5))
                for number, each in enumerate(row.spec.pairs)
            ]
        below, values = "", []
        if prefix:
            below, values = "AND name >= ? AND name < ?", [prefix, prefix[:-1] + chr(ord("/") + 1)]
        at = len(prefix) + 1
        found = self._db.rows(
            f"SELECT substr(name, ?, instr(substr(name, ?), '/')) AS folder, {_SUMS} FROM items "
            f"WHERE job = ? AND route = ? AND action != 'delete' {below} "
            "GROUP BY folder ORDER BY folder LIMIT ? OFFSET ?",
            (at, at, job, pair, *values, BLOCK, block * BLOCK),
        )
        return [_view(pair, folder, prefix + folder, sums) for folder, *sums in found]


def _view(pair: int, name: str, prefix: str, sums: list[int]) -> FolderView:
    total, done, failed, size, size_done = sums
    return FolderView(
        pair=pair,
        name=name,
        prefix=prefix,
        files_total=total,
        files_done=done,
        files_failed=failed,
        bytes_total=size,
        bytes_done=size_done,
    )
