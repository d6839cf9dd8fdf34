"""Which items of a job are errands for the pump, and which errand each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from core.engine.journal.rows import ItemRow
from core.engine.moving.errands import Errand, copying, fetching, meeting, relaying, sending
from core.engine.moving.large import LARGE_UPLOAD
from core.engine.moving.move import Means
from core.engine.planning.detours import Detours
from core.model import UNSIZED, Action, Entry, JobOptions
from core.stores.exchange import SMALL, AskOrdinarily, QuickSource, QuickTarget, QuickUnsized
from core.stores.local import LocalFolder

if TYPE_CHECKING:
    from core.engine.moving.crew import Site

Way = Literal["", "fetch", "send", "relay", "copy", "meet"]
# Of a route, and one more for every four others: copies whose ETag is not that of the source, files without a
# size that are large or elsewhere. Then the workers do all of them.
MOST_UNLIKE = 8


class Smalls:
    """Of one job."""

    def __init__(self, options: JobOptions, site: Site, detours: Detours, relayed: Set[int]) -> None:
        """`relayed`: routes that the service does not copy by itself after all."""
        self._site, self._detours, self._relayed = site, detours, relayed
        # What limits the time of a file, or takes it apart, is for workers.
        self.any = not options.file_seconds and not options.extract
        self._ways: dict[int, Way] = {}
        self._unlike: Counter[int] = Counter()
        self._alike: Counter[int] = Counter()

    def suits(self, row: ItemRow) -> bool:
        """Whether the item is for the pump."""
        return (
            self.any
            and row.entry.size < LARGE_UPLOAD
            and (row.action is Action.COPY or row.action is Action.OVERWRITE)
            and row.fetched is None
            and self._is_quick(row)
        )

    def _is_quick(self, row: ItemRow) -> bool:
        number = row.route
        way = self._way(number)
        if row.entry.size < 0 or way == "meet":
            return row.entry.size == UNSIZED and way == "meet" and self._is_likely(number)
        if way == "copy":  # of any size that takes one request
            return number not in self._relayed and self._is_likely(number)
        # An ETag made of parts wants to know their sizes, which costs a request of the ordinary kind.
        return way != "" and row.entry.size <= SMALL and "-" not in row.entry.etag

    def errand(self, row: ItemRow, entry: Entry, key: str, means: Means) -> Errand:
        """`entry` as the source knows it. Raises TransferError, AskOrdinarily."""
        site, number = self._site, row.route
        source, target = site.sources[number], site.targets[number]
        if self._way(number) == "meet":
            unsized, folder = cast(QuickUnsized, source), cast(LocalFolder, target)
            room = partial(site.disks.writing, number)
            return self._counted(number, meeting(unsized, entry, folder, key, means, room))
        if isinstance(target, LocalFolder):
            quick = cast(QuickSource, source)  # `_found` looked; looking again costs more than the signature
            return fetching(quick, entry, target, key, means, partial(site.disks.writing, number))
        if self._way(number) == "copy":
            return self._counted(number, copying(source, entry, cast(QuickTarget, target), key, means))
        if entry.size and self._detours.has_unfinished(number, target, key):
            raise AskOrdinarily
        if self._way(number) == "relay":
            return relaying(cast(QuickSource, source), entry, target, key, means)
        return sending(source, entry, target, key, means)

    def _is_likely(self, number: int) -> bool:
        return self._unlike[number] < MOST_UNLIKE + self._alike[number] // 4

    def _counted(self, number: int, errand: Errand) -> Errand:
        """An errand that only often comes to something."""
        if number in self._relayed or not self._is_likely(number):
            raise AskOrdinarily
        try:
            done = yield from errand
        except AskOrdinarily:
            self._unlike[number] += 1
            raise
        self._alike[number] += 1
        return done

    def _way(self, number: int) -> Way:
        if number not in self._ways:
            self._ways[number] = self._found(number)
        return self._ways[number]

    def _found(self, number: int) -> Way:
        method = self._site.routes[number].method
        source, target = self._site.sources[number], self._site.targets[number]
        if method == "download" and isinstance(target, LocalFolder):
            if isinstance(source, QuickUnsized):
                return "meet"
            return "fetch" if isinstance(source, QuickSource) else ""
        if not isinstance(target, QuickTarget):
            return ""
        if method == "server side":
            return "copy"
        if isinstance(source, LocalFolder):
            return "send"
        return "relay" if isinstance(source, QuickSource) else ""
