"""Looking around for pickers: buckets, entries, sizes. Blocking; called in threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from core.engine.storebook import SourceStore, StoreBook
from core.errors import Code, FatalTrouble, HaulierError, NoPermission, NotFound, SecretsLocked, TransferError
from core.messages import (
    BucketList,
    EntryPage,
    ListBuckets,
    ListEntries,
    ListPreview,
    Measure,
    Measured,
    ReadList,
)
from core.model import Adhoc, Place, Tally
from core.safe_text import safe_text
from core.stores.disk import DiskSource
from core.stores.local import LocalFolder
from core.stores.web import read_list

MOST_ENTRIES = 5000  # in one page, so that a reply stays well under a frame


class Looking:
    """Errors of stores become HaulierError: not_found, blocked (mendable), or failed."""

    def __init__(self, stores: StoreBook) -> None:
        self._stores = stores

    def buckets(self, command: ListBuckets) -> BucketList:
        try:
            found = self._stores.service(command.connection, command.adhoc).list_buckets()
        except TransferError as error:
            raise as_refusal(error) from error
        return BucketList(buckets=tuple(sorted(found, key=lambda bucket: bucket.name)))

    def entries(self, command: ListEntries) -> EntryPage:
        limit = max(1, min(command.limit, MOST_ENTRIES))
        place = command.place
        try:
            with self._open(place, command.adhoc) as (store, prefix):
                if not command.recursive:
                    cursor = command.cursor
                    if cursor and place.kind == "local":
                        cursor = prefix + cursor
                    entries, next_cursor = store.level(prefix, cursor=cursor, limit=limit)
                    if place.kind == "local":
                        next_cursor = next_cursor.removeprefix(prefix)
                else:
                    entries = []
                    never = threading.Event()
                    start = prefix + command.cursor if command.cursor else ""
                    for page in store.pages(prefix, start_after=start, cancelled=never):
                        entries += page[: limit - len(entries)]
                        if len(entries) >= limit:
                            break
                    next_cursor = entries[-1].key.removeprefix(prefix) if len(entries) >= limit else ""
        except TransferError as error:
            raise as_refusal(error) from error
        if prefix:
            named = (msgspec.structs.replace(e, key=e.key.removeprefix(prefix)) for e in entries)
            entries = [entry for entry in named if entry.key]
        return EntryPage(entries=tuple(entries), cursor=next_cursor)

    def measure(self, command: Measure) -> Measured:
        count = size = 0
        deadline = time.monotonic() + min(max(command.seconds, 0.1), 600.0)
        never = threading.Event()
        try:
            with self._open(command.place, command.adhoc) as (store, prefix):
                for page in store.pages(prefix, cancelled=never):
                    count += len(page)
                    size += sum(max(entry.size, 0) for entry in page)  # UNSIZED ones are counted alone
                    if time.monotonic() > deadline:
                        return Measured(total=Tally(count=count, bytes=size), complete=False)
        except TransferError as error:
            raise as_refusal(error) from error
        return Measured(total=Tally(count=count, bytes=size), complete=True)

    def read_list(self, command: ReadList) -> ListPreview:
        if command.place.kind != "list":
            raise HaulierError(Code.USAGE, f"{command.place} is no list", "Write list:FILE")
        return read_list(command.place, max(0, min(command.limit, MOST_ENTRIES)))

    @contextmanager
    def _open(self, place: Place, adhoc: Adhoc) -> Iterator[tuple[SourceStore, str]]:
        store, prefix = open_place(self._stores, place, adhoc)
        try:
            yield store, prefix
        finally:
            if isinstance(store, LocalFolder | DiskSource):  # a disk can be unmounted again
                store.close()


def open_place(
    stores: StoreBook, place: Place, adhoc: Adhoc, *, sized: bool = False
) -> tuple[SourceStore, str]:
    """The store of a place, and what its complete keys begin with there. `sized`: see StoreBook.look. Raises
    HaulierError, TransferError."""
    if place.kind in ("s3", "hub") and not place.bucket:
        what = "bucket" if place.kind == "s3" else "repository"
        raise HaulierError(Code.USAGE, f"{place}: name a {what}")
    prefix = place.path if place.kind in ("s3", "hub") else ""
    return stores.look(place, adhoc, sized=sized), prefix


def as_refusal(error: TransferError) -> HaulierError:
    """What a face is told when a store could not do what was asked."""
    message = safe_text(error.message)
    if isinstance(error, NotFound):
        return HaulierError(Code.NOT_FOUND, message)
    if isinstance(error, NoPermission):
        return HaulierError(Code.BLOCKED, message, "these credentials do not allow it")
    if isinstance(error, SecretsLocked):
        return HaulierError(Code.BLOCKED, message, "`haulier secrets unlock` opens it")
    if isinstance(error, FatalTrouble):
        return HaulierError(Code.BLOCKED, message, "mend it and try again")
    return HaulierError(Code.BLOCKED, message, "try again in a moment")
