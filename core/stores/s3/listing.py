"""ListObjectsV2: pages of a thousand keys.

Source: "ListObjectsV2" in the Amazon S3 API reference. Keys are asked for percent-encoded (`encoding-type=url`)
because XML cannot hold every character; servers that ignore the wish are understood too. A listing that ends
normally is complete: a page that repeats a token, repeats keys, or is cut off with no token raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from core.errors import FileTrouble
from core.model import Entry
from core.stores.base import CancelFlag, Cancelled
from core.stores.s3.answers import BadAnswer
from core.stores.s3.errors import BrokenListing, Doing
from core.stores.s3.page import Page, PageParser
from core.stores.s3.wire import Wire

PAGE = 1000
MAX_PAGE_BYTES = 16 << 20  # a thousand keys of 1 024 bytes, three characters a byte, are 3 MiB
PAGE_SECONDS = 600.0  # for one page beyond the stall time, so that a trickle ends, too
MAX_EMPTY_PAGES = 1000  # in a row; S3 sends a few while it skips deleted keys
CHUNK = 1 << 18


class Lister:
    """Lists one bucket. `unreadable` is told of keys that are not text."""

    def __init__(self, wire: Wire, bucket: str, unreadable: Callable[[list[tuple[str, str]]], None]) -> None:
        self._wire = wire
        self._bucket = bucket
        self._unreadable = unreadable

    def pages(self, prefix: str, *, start_after: str, cancelled: CancelFlag) -> Iterator[list[Entry]]:
        """See Source.pages. Raises BrokenListing when pages contradict each other."""
        doing = Doing("list", self._bucket)
        token = ""
        seen_tokens: set[int] = set()
        before: set[str] = set()
        empty = 0
        while True:
            if cancelled.is_set():
                raise Cancelled
            page = self.page(prefix, token=token, start_after=start_after if not token else "")
            entries = page.entries
            if start_after:  # servers exist that ignore it
                entries = [entry for entry in entries if entry.key > start_after]
            keys = {entry.key for entry in page.entries}
            if len(keys) != len(page.entries) or not keys.isdisjoint(before):
                raise BrokenListing(f"{doing}: the server lists the same key twice")
            if entries:
                yield entries
            if not page.truncated:
                return
            empty = 0 if page.entries else empty + 1
            if not page.token:
                raise BrokenListing(f"{doing}: the server says there is more, and not where")
            if hash(page.token) in seen_tokens or empty > MAX_EMPTY_PAGES:
                raise BrokenListing(f"{doing}: the server's pages lead in a circle")
            seen_tokens.add(hash(page.token))
            before, token = keys, page.token

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        """See Source.level. The cursor is the server's continuation token."""
        page = self.page(prefix, token=cursor, delimiter="/", limit=min(limit, PAGE))
        if page.truncated and (not page.token or page.token == cursor):
            raise BrokenListing(f"{Doing('list', self._bucket)}: the server says there is more, and not where")
        page.entries.sort(key=lambda entry: entry.key)
        return page.entries, page.token if page.truncated else ""

    def page(
        self, prefix: str, *, token: str = "", start_after: str = "", delimiter: str = "", limit: int = PAGE
    ) -> Page:
        """One request."""
        doing = Doing("list", self._bucket)
        wishes = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(limit))]
        wishes += [("prefix", prefix), ("delimiter", delimiter)]
        wishes += [("continuation-token", token), ("start-after", start_after)]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(wishes) if value)
        parser = PageParser()
        received = 0
        try:
            with self._wire.stream(doing, query=query, seconds=self._wire.stall + PAGE_SECONDS) as response:
                while (piece := response.body_reader.read(CHUNK)) is not None:
                    received += len(piece)
                    if received > MAX_PAGE_BYTES:
                        raise BadAnswer("the page is larger than any listing")
                    parser.feed(memoryview(piece))
            page = parser.finish()
        except BadAnswer as error:
            raise BrokenListing(f"{doing}: {error}") from None
        if page.unreadable:
            self._unreadable(page.unreadable)
        if prefix and not all(entry.key.startswith(prefix) for entry in page.entries):
            raise BrokenListing(f"{doing}: the server lists a key outside the prefix that was asked for")
        if not prefix and not all(entry.key for entry in page.entries):
            raise FileTrouble(f"{doing}: the server lists a key without a name")
        return page
