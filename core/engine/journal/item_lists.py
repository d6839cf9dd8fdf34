"""A job's items in any order, by position: any place in a million is one look.

SQLite finds the thousandth row of an order only by passing the 999 before it. So an order that somebody looks
at is written down once, as a list of ids whose row number is the position: a tenth of a second for a million
items, up to a second where they must be sorted. Lists are temporary tables, each with a connection of its own,
so that one may be made while others are read; SQLite works without Python's lock meanwhile. Nothing is kept up
to date for people who do not look.

What a row shows is read when it is looked at; only which rows are in a list, and their order, are as old as it.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.engine.journal.database import Database
from core.engine.journal.item_queries import matching_items
from core.engine.journal.rows import VIEW_COLUMNS, JobRow, item_view
from core.messages import ItemWindow, ViewItems
from core.model import Action, ItemOrder, Status

KEPT = 16  # lists
IDLE = 300.0  # seconds after which a list that nobody looked at is dropped
FRESH = 1.0  # seconds that a list is good for at least, and this many times what it took to make:
TIMES = 20
HURRY = 0.02  # seconds that the first rows may take while there is no list
STEPS = 4000  # of SQLite's machine between two looks at the clock
MOST = 1000  # rows of a window
TRIES = 3  # to cut a window while lists are made and dropped around it
FEW = 20_000  # matches of a text among which a longer text is looked for

_ORDERS = {
    ItemOrder.PLAN: "id",
    ItemOrder.NAME: "name, id",
    ItemOrder.SIZE: "size DESC, id",
    ItemOrder.STATE: "CASE state WHEN 'failed' THEN 0 WHEN 'pending' THEN 1 ELSE 2 END, id",
    ItemOrder.TRIES: "attempts DESC, id",
    ItemOrder.ENDED: "completed DESC, id",
}
_versions = itertools.count(1)


class _Which(NamedTuple):
    """What a list is of."""

    job: int
    action: Action | None
    status: Status | None
    contains: str
    order: ItemOrder

    @property
    def only_grows(self) -> bool:
        """Whether nothing but new items changes the list, which then come at its end."""
        return self.order is ItemOrder.PLAN and self.status is None


@dataclass
class _List:
    """One order, written down. `lock` is held by who reads it or makes it longer."""

    connection: sqlite3.Connection
    which: _Which
    total: int = 0
    last: int = 0  # the highest id that was looked at
    made: float = 0.0  # monotonic
    took: float = 0.0  # seconds
    looked_at: float = 0.0  # monotonic
    version: int = field(default_factory=lambda: next(_versions))
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_open: bool = True

    def is_due(self, now: float) -> bool:
        return now - self.made > max(FRESH, TIMES * self.took)

    def extend(self) -> None:
        """Take in what the plan has got since."""
        condition, values = _condition(self.which, ())
        made = self.connection.execute(
            f"INSERT INTO temp.list (id) SELECT id FROM items WHERE {condition} AND id > ? ORDER BY id",
            (*values, self.last),
        )
        self.total += max(0, made.rowcount)
        self.last = _last_id(self.connection, self.which.job)

    def rows(self, start: int, end: int) -> list[tuple[Any, ...]]:
        """The items at the positions from `start` to before `end`, in the list's order."""
        columns = ", ".join(f"items.{name.strip()}" for name in VIEW_COLUMNS.split(","))
        return self.connection.execute(
            f"SELECT {columns} FROM temp.list AS l CROSS JOIN items ON items.job = ? AND items.id = l.id "
            "WHERE l.rowid > ? AND l.rowid <= ? ORDER BY l.rowid",
            (self.which.job, start, end),
        ).fetchall()

    def position(self, item: int) -> int:
        """Where an item is in the list, -1 when it is not."""
        if self.which.order is ItemOrder.PLAN:
            return self._position_by_id(item)
        found = self.connection.execute("SELECT rowid FROM temp.list WHERE id = ?", (item,)).fetchone()
        return found[0] - 1 if found is not None else -1

    def _position_by_id(self, item: int) -> int:
        low, high = 0, self.total
        while low < high:
            middle = (low + high) // 2
            look = self.connection.execute("SELECT id FROM temp.list WHERE rowid = ?", (middle + 1,))
            there = look.fetchone()[0]
            if there == item:
                return middle
            low, high = (middle + 1, high) if there < item else (low, middle)
        return -1

    def close(self) -> None:
        with self.lock:
            self.is_open = False
            self.connection.close()


class _Among(NamedTuple):
    ids: list[tuple[int]]
    made: float
    last: int


class ItemLists:
    """Part of the journal. Safe for several threads."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._lock = threading.Lock()  # of the two below, never held while SQLite works
        self._lists: OrderedDict[_Which, _List] = OrderedDict()
        self._makers: dict[_Which, threading.Lock] = {}

    def window(self, job: JobRow, asked: ViewItems, active: Collection[int]) -> ItemWindow:
        """Answers `ViewItems`. `active` are the ids that workers hold now. Raises DiskTrouble when the journal
        cannot be read."""
        which = _Which(job.id, asked.action, asked.status, asked.contains, asked.order)
        now_active = frozenset(active)
        limit = max(0, min(asked.limit, MOST))
        if asked.hurry and not asked.first and not asked.reverse and self._list(which) is None:
            with self._db.reading():
                found = self._first_rows(which, now_active, limit)
            return ItemWindow(items=tuple(item_view(job, row, now_active) for row in found), total=-1)
        for _ in range(TRIES):
            list_ = self._up_to_date(which, now_active) if asked.fresh else self._made(which, now_active)
            with list_.lock, self._db.reading():
                if not list_.is_open:
                    continue  # it was made anew for another face
                window = self._cut(list_, job, asked, limit, now_active)
            if window is not None:
                return window
            self._drop(list_)  # items were forgotten: a plan was made anew
        own = self._make(which, now_active)  # others come and go too quickly: one that nobody else gets
        try:
            with self._db.reading():
                return self._cut(own, job, asked, limit, now_active) or ItemWindow(total=-1)
        finally:
            own.close()

    def forget(self, job: int) -> None:
        """Drop the lists of a job."""
        with self._lock:
            gone = [list_ for which, list_ in self._lists.items() if which.job == job]
        for list_ in gone:
            self._drop(list_)

    def drop_idle(self) -> None:
        """Drop what nobody has looked at for a while. To be called now and then."""
        with self._lock:
            gone = [list_ for list_ in self._lists.values() if time.monotonic() - list_.looked_at > IDLE]
        for list_ in gone:
            self._drop(list_)

    def close(self) -> None:
        with self._lock:
            gone = list(self._lists.values())
        for list_ in gone:
            self._drop(list_)

    # -- inside

    def _list(self, which: _Which) -> _List | None:
        with self._lock:
            list_ = self._lists.get(which)
            if list_ is not None:
                self._lists.move_to_end(which)
                list_.looked_at = time.monotonic()
            return list_

    def _drop(self, list_: _List) -> None:
        with self._lock:
            if self._lists.get(list_.which) is list_:
                del self._lists[list_.which]
        list_.close()

    def _made(self, which: _Which, active: frozenset[int]) -> _List:
        """The list, made when there is none."""
        if (list_ := self._list(which)) is not None:
            return list_
        with self._maker(which):
            return self._list(which) or self._keep(self._make(which, active))

    def _up_to_date(self, which: _Which, active: frozenset[int]) -> _List:
        """The list as it is now, or as it was a moment ago where making it anew would cost too much."""
        list_ = self._made(which, active)
        if which.only_grows:
            with list_.lock, self._db.reading():
                if list_.is_open:
                    list_.extend()
            return list_
        if not list_.is_due(time.monotonic()):
            return list_
        with self._maker(which):
            list_ = self._list(which) or list_
            if list_.is_due(time.monotonic()):
                list_ = self._keep(self._make(which, active))
            return list_

    def _maker(self, which: _Which) -> threading.Lock:
        """Held by who makes a list: two faces that ask at once get one."""
        with self._lock:
            self._makers = {key: lock for key, lock in self._makers.items() if lock.locked() or key == which}
            return self._makers.setdefault(which, threading.Lock())

    def _keep(self, list_: _List) -> _List:
        with self._lock:
            gone = [before] if (before := self._lists.pop(list_.which, None)) is not None else []
            self._lists[list_.which] = list_
            while len(self._lists) > KEPT:
                gone.append(self._lists.popitem(last=False)[1])
        for old in gone:
            old.close()
        return list_

    def _make(self, which: _Which, active: frozenset[int]) -> _List:
        began = time.monotonic()
        list_ = _List(self._db.connect_to_look(), which, looked_at=began, made=began)
        condition, values = _condition(which, active)
        try:
            with self._db.reading():
                list_.last = _last_id(list_.connection, which.job)
                list_.connection.execute("CREATE TEMP TABLE list (id INTEGER NOT NULL)")
                if (among := self._among(which)) is not None:
                    list_.made, list_.last = among.made, among.last
                    list_.connection.execute("CREATE TEMP TABLE among (id INTEGER PRIMARY KEY)")
                    list_.connection.executemany("INSERT INTO among VALUES (?)", among.ids)
                    condition += " AND id IN (SELECT id FROM temp.among)"
                made = list_.connection.execute(
                    f"INSERT INTO temp.list (id) SELECT id FROM items{_index(which)} "
                    f"WHERE {condition} AND +id <= ? ORDER BY {_ORDERS[which.order]}",
                    (*values, list_.last),
                )
        except BaseException:
            list_.connection.close()
            raise
        list_.total = max(0, made.rowcount)
        list_.took = time.monotonic() - began
        return list_

    def _among(self, which: _Which) -> _Among | None:
        """The few items that match a shorter text: a text that is typed on is looked for among them alone."""
        now = time.monotonic()
        with self._lock:
            shorter = [
                list_
                for known, list_ in self._lists.items()
                if known.contains
                and (which.only_grows or not list_.is_due(now))
                and known.contains in which.contains
                and known == which._replace(contains=known.contains)
                and list_.total <= FEW
            ]
        for list_ in sorted(shorter, key=lambda each: each.total):
            with list_.lock:
                if list_.is_open:
                    ids = list_.connection.execute("SELECT id FROM temp.list").fetchall()
                    return _Among(ids, list_.made, list_.last)
        return None

    def _cut(
        self, list_: _List, job: JobRow, asked: ViewItems, limit: int, active: frozenset[int]
    ) -> ItemWindow | None:
        """None when the journal lacks items of the list."""
        total = list_.total
        first = max(0, min(asked.first, total))
        if asked.reverse:
            start, end = max(0, total - first - limit), total - first
        else:
            start, end = first, min(total, first + limit)
        rows = list_.rows(start, end)
        if len(rows) != end - start:
            return None
        if asked.reverse:
            rows.reverse()
        position = list_.position(asked.locate) if asked.locate else -1
        if asked.reverse and position >= 0:
            position = total - 1 - position
        return ItemWindow(
            items=tuple(item_view(job, row, active) for row in rows),
            first=first,
            total=total,
            # From its end, every position is another one once the list has grown.
            version=list_.version + (total << 32 if asked.reverse else 0),
            position=position,
        )

    def _first_rows(self, which: _Which, active: frozenset[int], limit: int) -> Sequence[tuple[Any, ...]]:
        """The first rows of an order that needs no sorting; none when they are not found soon."""
        if which.order is not ItemOrder.PLAN:
            return ()
        condition, values = _condition(which, active)
        connection = self._db.connect_to_look()
        until = time.monotonic() + HURRY
        connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        sql = f"SELECT {VIEW_COLUMNS} FROM items{_index(which)} WHERE {condition} ORDER BY id LIMIT ?"
        try:
            return connection.execute(sql, (*values, limit)).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return ()
            raise
        finally:
            connection.close()


def _condition(which: _Which, active: Collection[int]) -> tuple[str, list[Any]]:
    return matching_items(which.job, which.action, which.status, which.contains, active)


def _index(which: _Which) -> str:
    """SQLite, which knows nothing of how many fail, prefers to pass all items."""
    return " INDEXED BY items_failed" if which.status is Status.FAILED else ""


def _last_id(connection: sqlite3.Connection, job: int) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM items WHERE job = ?", (job,)).fetchone()[0])
