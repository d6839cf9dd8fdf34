"""What is at a place, for deciding how to move it: how much, of which sizes, what is largest, in which folders.

One pass over the listing, whatever the store. Little is kept of it, so that a hundred million objects may be
there: counts by size, the twenty largest, and the folders directly below, of which the first `MOST_FOLDERS` are
counted by name.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from core.engine.looking import as_refusal, open_place
from core.engine.storebook import SourceStore, StoreBook
from core.errors import NotFound, TransferError
from core.filters import filters_for
from core.messages import Analyse
from core.model import UNSIZED, Analysis, Entry, Place, Tally
from core.stores.base import Cancelled
from core.stores.disk import DiskSource
from core.stores.local import LocalFolder

LARGEST = 20
FOLDERS = 50
MOST_FOLDERS = 10_000
EXAMPLES = 5
FIRST_BOUND = 4 * 1024  # bytes; each further bound is four times that, up to LAST_BOUND
LAST_BOUND = 1 << 40
LONGEST = 3600.0  # seconds


class Analysing:
    """Blocking; called in threads. Errors of stores become HaulierError (looking.as_refusal)."""

    def __init__(self, stores: StoreBook) -> None:
        self._stores = stores

    def analyse(self, command: Analyse) -> Analysis:
        deadline = Deadline(min(max(command.seconds, 0.1), LONGEST))
        filters = filters_for(command.place, command.include, command.exclude)
        found = Findings()
        complete = True
        unlistable: list[tuple[str, str]] = []
        try:
            with ExitStack() as held:
                root, name = _local_file(command.place)
                store, prefix = open_place(self._stores, root, command.adhoc, sized=True)
                if isinstance(store, LocalFolder | DiskSource):
                    held.callback(store.close)
                held.callback(lambda: unlistable.extend(store.take_unlistable()))
                try:
                    for entry in _entries(store, prefix, name, deadline):
                        if filters.wants(entry.key):
                            found.add(entry)
                except Cancelled:
                    complete = False
        except TransferError as error:
            raise as_refusal(error) from error
        return found.analysis(complete, [(key.removeprefix(prefix), why) for key, why in unlistable])


class Deadline:
    """A CancelFlag that is set when the time is up."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def is_set(self) -> bool:
        return time.monotonic() >= self._end


class Findings:
    """Grows with every entry; keys are relative to the place."""

    def __init__(self) -> None:
        self._count = self._bytes = self._unsized = 0
        self._sizes: dict[int, list[int]] = {}  # bound → [count, bytes]
        self._largest: list[tuple[int, int, Entry]] = []  # a heap; of equal ones the first stay
        self._folders: dict[str, list[int]] = {}
        self._folders_out = 0
        self._last_out = ""

    def add(self, entry: Entry) -> None:
        self._count += 1
        size = entry.size
        if size == UNSIZED:
            self._unsized += 1
            size = 0
        else:
            self._bytes += size
            _count(self._sizes.setdefault(bound_of(size), [0, 0]), size)
            place = (size, -self._count, entry)
            if len(self._largest) < LARGEST:
                heapq.heappush(self._largest, place)
            elif size > self._largest[0][0]:
                heapq.heapreplace(self._largest, place)
        self._add_to_folder(entry.key, size)

    def _add_to_folder(self, key: str, size: int) -> None:
        name, slash, _ = key.partition("/")
        name = name + slash if slash else ""
        known = self._folders.get(name)
        if known is None:
            if len(self._folders) >= MOST_FOLDERS:
                self._folders_out += name != self._last_out  # in order, those of a folder come together
                self._last_out = name
                return
            known = self._folders[name] = [0, 0]
        _count(known, size)

    def analysis(self, complete: bool, unlistable: list[tuple[str, str]]) -> Analysis:
        bounds = sorted(self._sizes, key=lambda bound: bound or LAST_BOUND * 4)
        folders = sorted(self._folders.items(), key=lambda one: (-one[1][1], -one[1][0], one[0]))
        if not any(name for name, _ in folders):
            folders = []  # everything lies in the place itself
        return Analysis(
            total=Tally(count=self._count, bytes=self._bytes),
            unsized=self._unsized,
            unlistable=len(unlistable),
            unlistable_examples=tuple(unlistable[:EXAMPLES]),
            complete=complete,
            histogram=tuple((bound, _tally(self._sizes[bound])) for bound in bounds),
            largest=tuple(entry for _, _, entry in sorted(self._largest, key=lambda one: (-one[0], -one[1]))),
            folders=tuple((name, _tally(counts)) for name, counts in folders[:FOLDERS]),
            folders_left_out=max(len(folders) - FOLDERS, 0) + self._folders_out,
        )


def bound_of(size: int) -> int:
    """The upper bound of the sizes that this one is counted with; 0 for none."""
    bound = FIRST_BOUND
    while size >= bound:
        if bound >= LAST_BOUND:
            return 0
        bound *= 4
    return bound


def _local_file(place: Place) -> tuple[Place, str]:
    """The folder that is to be looked into, and the one file that is meant there; empty for all of them."""
    if place.kind != "local" or place.path.endswith("/") or not Path(place.path).is_file():
        return place, ""
    path = Path(place.path)
    return msgspec.structs.replace(place, path=f"{path.parent}/".replace("//", "/")), path.name


def _entries(store: SourceStore, prefix: str, single: str, deadline: Deadline) -> Iterator[Entry]:
    """What is at the place, with keys relative to it. Raises TransferError, Cancelled when the time is up."""
    if not single and prefix and not prefix.endswith("/"):
        try:
            one = store.stat(prefix).entry
        except NotFound:
            prefix += "/"
        else:
            yield msgspec.structs.replace(one, key=prefix.rpartition("/")[2])
            return
    if single:
        yield store.stat(single).entry
        return
    for page in store.pages(prefix, cancelled=deadline):
        for entry in page:
            if entry.key != prefix:
                yield msgspec.structs.replace(entry, key=entry.key.removeprefix(prefix)) if prefix else entry
        if deadline.is_set():
            raise Cancelled


def _count(counts: list[int], size: int) -> None:
    counts[0] += 1
    counts[1] += size


def _tally(counts: list[int]) -> Tally:
    return Tally(count=counts[0], bytes=counts[1])
