"""One writer per destination file: who may write which name now.

Two keys are turned for each item. A table of the whole engine knows every destination that one of its jobs is
writing, local or S3, whichever folder or prefix the job was pointed at. For local targets the folder's own
locks (core/stores/local/locking.py) exclude other engines as well. Both are given back when the item's end was
recorded, or its try came to nothing; a process that dies gives back everything.

Between machines that write one S3 key the last writer wins: S3 has no locks. A conditional write
(If-None-Match) would not help, because a repeated request whose first answer was lost would refuse itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable

from core.engine.planning.route import Route
from core.engine.storebook import Store
from core.stores.local import LocalFolder


class Destinations:
    """The table. One for all jobs of the engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}  # name → job

    def take(self, name: str, job: int) -> int:
        """0: `job` has it now; else the job that has it."""
        with self._lock:
            return 0 if (holder := self._held.setdefault(name, job)) == job else holder

    def give_back(self, names: Iterable[str]) -> None:
        with self._lock:
            for name in names:
                self._held.pop(name, None)


class Claims:
    """What one run holds, by item. Safe for several threads."""

    def __init__(self, job: int, table: Destinations, tell: Callable[[str], None]) -> None:
        """`tell` gets a sentence for people, at most once of each kind."""
        self._job, self._table, self._tell = job, table, tell
        self._lock = threading.Lock()
        self._held: dict[int, tuple[str, Store, str]] = {}
        self._names: dict[int, str] = {}  # of routes: what goes before a key
        self._told: set[str] = set()

    def begin(self, route: int, where: Route, target: Store) -> None:
        """The target of a route is open: its names can be asked for."""
        if isinstance(target, LocalFolder):
            self._names[route] = os.path.realpath(where.target_root).rstrip("/") + "/"
        else:
            self._names[route] = f"{target.service.connection.endpoint}\0{target.name}\0"

    def take(self, item: int, route: int, target: Store, key: str) -> bool:
        """Whether the item may write its destination now."""
        if item in self._held:
            return True
        name = self._names[route] + key
        if holder := self._table.take(name, self._job):
            self._say(f"job {holder} is writing some of the same files: waiting for it, file by file")
            return False
        try:
            free = not isinstance(target, LocalFolder) or target.lock(key)
        except BaseException:
            self._table.give_back([name])
            raise
        if not free:
            self._table.give_back([name])
            self._say("another haulier is writing some of the same files: waiting for it, file by file")
            return False
        if isinstance(target, LocalFolder) and not target.locks_hold:
            self._say(
                f"{target.root}: this file system has no locks; do not let another haulier write here meanwhile"
            )
        with self._lock:
            self._held[item] = (name, target, key)
        return True

    def give_back(self, items: Iterable[int]) -> None:
        with self._lock:
            held = [one for item in items if (one := self._held.pop(item, None)) is not None]
        for _, target, key in held:
            if isinstance(target, LocalFolder):
                target.unlock(key)
        self._table.give_back(name for name, _, _ in held)

    def close(self) -> None:
        self.give_back(list(self._held))

    def _say(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)
