"""A file of a web server, or a list of such files, as a Source (core/stores/base.py).

What is listed has two names: `key`, the file's name at the target, and `url`, which is its complete key here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from itertools import islice

from core.errors import NetworkTrouble, TransferError
from core.model import UNSIZED, Entry, Place
from core.stores.base import Body, CancelFlag, Cancelled, Handed, ObjectInfo, UnsizedBody
from core.stores.exchange import Answer, Ask
from core.stores.hub.origins import host_of, origin_of
from core.stores.s3.errors import BrokenListing
from core.stores.web.lists import BadRow, ListReader, Row
from core.stores.web.names import name_of
from core.stores.web.reading import Reading
from core.stores.web.sizing import PAGE as SIZED_PAGE
from core.stores.web.sizing import Sizer
from core.stores.web.wire import Wire

PAGE = 1000
MOST_NAMED = 10_000  # rows that cannot be read and are named; further ones are counted
NEVER = threading.Event()


class Hosts:
    """The servers of one place, as far as they are known: all URLs that were listed or read were of these.
    `complete`: all of its URLs were seen. Called from many threads."""

    MOST = 8

    def __init__(self) -> None:
        self.complete = False
        self._origins: dict[str, str] = {}  # host as people write it → origin
        self._last = "\0"  # how the URL before began: most lists have one host

    def add(self, url: str) -> None:
        if url.startswith(self._last) or len(self._origins) >= self.MOST:
            return
        try:
            host = host_of(url)
        except ValueError:
            return
        if host not in self._origins:
            scheme, name, port = origin_of(url)
            named = f"[{name}]" if ":" in name else name
            self._origins[host] = f"{scheme}://{named}:{port}"
        if (end := url.find("/", len("https://"))) > 0:
            self._last = url[: end + 1]

    def known(self) -> dict[str, str]:
        return dict(self._origins)

    @property
    def only(self) -> str:
        """The one host of all URLs; empty when there are several, or not all are known."""
        known = self.known()
        return next(iter(known)) if self.complete and len(known) == 1 else ""


class WebSource:
    """Made by `WebService.source`. Called from many threads."""

    listing_incomplete = False  # what cannot be listed is named
    in_order = False

    def __init__(self, wire: Wire, reading: Reading, place: Place, hosts: Hosts, *, sized: bool) -> None:
        self._wire, self._reading = wire, reading
        self._place = place
        self._hosts = hosts
        self._sized = sized
        self._unlistable: dict[str, str] = {}  # row or name → why
        self._not_named = 0
        self._notes: list[str] = []
        self._lock = threading.Lock()
        if place.url:
            hosts.add(place.url.replace("{id}", "id"))
            hosts.complete = True

    # ------------------------------------------------------------ the servers behind it (base.Remote)

    @property
    def host(self) -> str:
        """Empty where there are several, or where the list was not read yet: then no error is taken for the
        network's being away, and each file is tried again by itself."""
        return self._hosts.only

    @property
    def heard(self) -> float:
        return max((self._wire.heard.get(host, 0.0) for host in self._hosts.known()), default=0.0)

    def knock(self, seconds: float) -> None:
        """See Remote. Of several servers one that answers is enough."""
        last: NetworkTrouble | None = None
        for origin in self._hosts.known().values():
            try:
                return self._wire.knock(origin, seconds)
            except NetworkTrouble as error:
                last = error
        if last is not None:
            raise last

    @property
    def _alone(self) -> bool:
        return bool(self._hosts.only)

    # ------------------------------------------------------------ listing

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        """See Source. In the order of the list. `start_after` is a key that this place gave before; what comes
        up to it is left out. Raises HaulierError for a list that is none, BrokenListing when that key is gone.
        """
        if self._sized and not self._hosts.complete:
            for row in self._named():
                if isinstance(row, Entry):
                    self._hosts.add(row.url)
            self._hosts.complete = True
        rows = self._rows(start_after)
        entries = (row for row in rows if row.key.startswith(prefix))

        def look(url: str) -> ObjectInfo:
            return self._reading.look(url, cancelled, alone=self._alone)

        sizer = Sizer(look, lambda: self._alone, cancelled)
        with closing(sizer):
            while page := list(islice(entries, SIZED_PAGE if self._sized else PAGE)):
                if cancelled.is_set():
                    raise Cancelled
                yield from self._asked(sizer, page) if self._sized else [page]

    def _asked(self, sizer: Sizer, page: list[Entry]) -> Iterator[list[Entry]]:
        """The page with sizes; also what came before an error, ahead of it."""
        found: list[Entry] = []
        try:
            for one in sizer.sized(page):
                if isinstance(one, Entry):
                    found.append(one)
                else:
                    self._cannot(*one)
        except TransferError as error:
            if found:
                yield found
            raise error from None
        if found:
            yield found

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        """See Source. There is one level; `cursor` is how many rows came before."""
        before = int(cursor) if cursor.isdecimal() else 0
        rows = (row for row in self._rows("") if row.key.startswith(prefix))
        entries = list(islice(rows, before, before + limit + 1))
        more = str(before + limit) if len(entries) > limit else ""
        return entries[:limit], more

    def take_unlistable(self) -> list[tuple[str, str]]:
        """Rows and files that are not offered: (row or name, why). Emptied."""
        with self._lock:
            taken = list(self._unlistable.items())
            self._unlistable = {}
            if self._not_named:
                taken.append((f"{self._not_named} more rows", "cannot be fetched; the first ones are named"))
                self._not_named = 0
            return taken

    def take_notes(self) -> list[str]:
        """What people should know of the last listing, as sentences. Emptied."""
        with self._lock:
            taken, self._notes = self._notes, []
            return taken

    def _rows(self, start_after: str) -> Iterator[Entry]:
        """What the place names, behind `start_after`. What stands before that was told of already."""
        waiting = bool(start_after)
        for row in self._named():
            if isinstance(row, Entry):
                self._hosts.add(row.url)
            if waiting:
                waiting = not (isinstance(row, Entry) and row.key == start_after)
            elif isinstance(row, Entry):
                yield row
            else:
                self._cannot(row.label, row.why)
        self._hosts.complete = True
        if waiting:
            raise BrokenListing(f"{self._place}: {start_after} was named before and is not any more")

    def _named(self) -> Iterator[Entry | BadRow]:
        if self._place.kind == "web":
            url = self._place.url
            yield Entry(key=name_of(url), size=UNSIZED, url=url)
            return
        reader = ListReader(self._place)
        for row in reader:
            yield row.entry if isinstance(row, Row) else row
        with self._lock:
            self._notes = reader.notes()

    def _cannot(self, name: str, why: str) -> None:
        with self._lock:
            if len(self._unlistable) < MOST_NAMED:
                self._unlistable[name] = why
            else:
                self._not_named += 1

    # ------------------------------------------------------------ reading

    def stat(self, key: str) -> ObjectInfo:
        """See Source; `key` is a URL. `entry.size` may be UNSIZED. Raises WebMissing, WebRefused."""
        self._hosts.add(key)
        return self._reading.look(key, NEVER, alone=self._alone)

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[Body]:
        """See Source; `entry.key` is a URL. The request is sent when the context is entered."""
        whole = offset == 0 and length == entry.size
        if offset < 0 or (length <= 0 and not whole) or offset + length > entry.size:
            raise ValueError("a range must hold at least one byte and end inside the file")
        self._hosts.add(entry.key)
        return self._reading.body(entry, offset, length, cancelled, alone=self._alone)

    def read_unsized(
        self, entry: Entry, limit: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[UnsizedBody]:
        """See ReadsUnsized; `entry.key` is a URL. The request is sent when the context is entered."""
        if limit <= 0:
            raise ValueError("a range must hold at least one byte")
        self._hosts.add(entry.key)
        return self._reading.beginning(entry, limit, cancelled, alone=self._alone)

    def ask_unsized(self, entry: Entry, limit: int) -> Ask | None:
        """See QuickUnsized; `entry.key` is a URL."""
        self._hosts.add(entry.key)
        return self._reading.ask(entry, limit)

    def take_unsized(self, ask: Ask, answer: Answer, entry: Entry, limit: int) -> UnsizedBody:
        """See QuickUnsized."""
        return self._reading.take(ask, answer, entry, limit)

    # ------------------------------------------------------------ for other programs (HandsOver)

    def hand_over(self, entry: Entry, *, cancelled: CancelFlag) -> Handed:
        """See HandsOver; `entry.key` is a URL."""
        self._hosts.add(entry.key)
        info, url = self._reading.find(entry.key, cancelled, alone=self._alone)
        return Handed(url, info)

    def handed_refused(self, entry: Entry, url: str) -> None:
        """Redirects are followed anew each time."""
