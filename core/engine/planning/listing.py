"""Reading listings for the planner: ahead of the comparison, and through trouble with the network."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import msgspec

from core.engine.network.patience import Patience, Tolerance
from core.errors import TransferError
from core.filters import Filters
from core.model import Entry

FIRST_TRIES = 3  # for the first page of a job that has never been there: a wrong address is told soon

Pages = Iterator[list[Entry]]


def patient_pages(
    pages_after: Callable[[str], Pages], patience: Patience, *, first_tries: int = 0, after: str = ""
) -> Pages:
    """All pages of `pages_after(after)`. When the network fails, goes on behind the last key that came, as
    `patience` says. The tries begin anew with every page that comes.

    `first_tries` limits those for the first page, 0 leaves them to the policy. Raises the store's error when
    there is no more patience, Cancelled while it waits.
    """
    tolerance = Tolerance(patience, first_tries)
    while True:
        try:
            for page in pages_after(after):
                if page:
                    after = page[-1].key
                    tolerance.came()
                yield page
            return
        except TransferError as error:
            tolerance.bear(error)


def relative(pages: Pages, prefix: str) -> Pages:
    """The same pages, with keys without the prefix that all of them begin with."""
    if not prefix:
        return pages
    cut = len(prefix)
    replace = msgspec.structs.replace
    return ([replace(entry, key=entry.key[cut:]) for entry in page] for page in pages)


def wanted(pages: Pages, filters: Filters, not_source: str) -> Pages:
    """What a job may take of a listing: without the marker of the source folder itself (an empty name), and
    without what the job writes itself, below `not_source`."""
    for page in pages:
        page = [entry for entry in page if entry.key]
        if not_source:
            page = [entry for entry in page if not entry.key.startswith(not_source)]
        if filters:
            page = [entry for entry in page if filters.wants(entry.key)]
        yield page


def ahead(pages: Pages) -> Pages:
    """The same pages, the next two fetched while this one is worked on."""
    ready: queue.Queue[list[Entry] | BaseException | None] = queue.Queue(maxsize=2)
    left = threading.Event()

    def put(thing: list[Entry] | BaseException | None) -> bool:
        while not left.is_set():
            try:
                ready.put(thing, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def fetch() -> None:
        try:
            for page in pages:
                if not put(page):
                    return
        except BaseException as error:  # noqa: BLE001 - handed over to the reader, who raises it
            put(error)
            return
        put(None)

    threading.Thread(target=fetch, name="listing", daemon=True).start()
    try:
        while (thing := ready.get()) is not None:
            if isinstance(thing, BaseException):
                raise thing
            yield thing
    finally:
        left.set()
