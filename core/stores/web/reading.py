"""One file of a web server: what it is, and its bytes.

1. Every data request names its range. `If-Range` goes along with a strong ETag, to the host that gave it; the
   validator of every answer is compared all the same, because many servers know no `If-Range`.
2. 206 is taken when start, end and total are the wanted ones; 200 when the whole file was wanted. A 200 for a
   piece says that this server knows no ranges. Everything else is discarded, nothing is ever appended to.
3. Bodies that are encoded, or that are web pages where a file was meant, are refused (answers.py).
4. Lengths are counted. A body without a length ends where it ends: a cut is seen when it was chunked (RFC 9112
   section 8), and only by a digest otherwise.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import IntegrityTrouble, NetworkTrouble, SourceChanged, TransferError
from core.model import Entry
from core.stores import exchange
from core.stores.base import CancelFlag, ObjectInfo
from core.stores.exchange import Ask, AskOrdinarily
from core.stores.http_reading import ContentRange, Watch, content_range, unsatisfied_total, watched
from core.stores.hub.origins import REDIRECTS, host_of
from core.stores.s3.errors import RangesUnsupported
from core.stores.s3.headers import whole_number
from core.stores.s3.quick import head_of
from core.stores.s3.wire import MAX_ERROR, SLOWEST
from core.stores.web.answers import WEAK, check_is_file, check_same, info_of, written_etag
from core.stores.web.errors import Doing, refused
from core.stores.web.wire import Answer, Header, Request, Wire

KEPT = 4096  # files whose hosts are remembered
NOT_BY_HEAD = frozenset({400, 403, 405, 406, 409, 415, 422, 500, 501})  # refusals that a GET may not get
PLAIN_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9][a-z0-9.-]*)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*(?:\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?)?\Z"
)  # what every reader of URLs reads the same way
_PORTS = {"http": 80, "https": 443}
_NEVER = threading.Event()
FIRST_BYTE: Header = ("range", "bytes=0-0")


class WebBody:
    """The bytes of an answer as they arrive. `length` -1: nobody knows how many come."""

    def __init__(
        self, answer: Answer, size: int, length: int, watch: Watch, *, whole: bool, ranges: bool
    ) -> None:
        self.length, self.whole, self.ranges = length, whole, ranges
        self._answer, self._size, self._watch = answer, size, watch
        self._info: ObjectInfo | None = None

    @property
    def info(self) -> ObjectInfo:
        if self._info is None:
            self._info = info_of(self._answer, self._size)
        return self._info

    @property
    def host(self) -> str:
        return self._watch.host

    @property
    def modified_ns(self) -> int:
        return int(self.info.entry.modified) * 1_000_000_000  # a header tells whole seconds

    def __iter__(self) -> Iterator[memoryview]:
        if self._answer.status == 416:
            return iter(())  # its body is about the refusal
        response = self._answer.response
        if isinstance(response, exchange.Answer):
            return iter((response.body,))
        return watched(response, self.length, self._watch)


class Reading:
    """Called from many threads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._gave: OrderedDict[str, tuple[str, str]] = OrderedDict()  # URL → (host, its strong ETag)
        self._lock = threading.Lock()

    def look(self, url: str, cancelled: CancelFlag, *, alone: bool = True) -> ObjectInfo:
        """HEAD, or the first byte where HEAD is refused or tells no size. `entry.size` is UNSIZED when the
        server does not tell. See Source.stat."""
        return self.find(url, cancelled, alone=alone)[0]

    def find(self, url: str, cancelled: CancelFlag, *, alone: bool = True) -> tuple[ObjectInfo, str]:
        """The same, and the URL that it was found at, behind all redirects; that may hold a signature."""
        doing = Doing("look at", url)
        with self._wire.answer(Request(doing, "HEAD", alone=alone), cancelled) as answer:
            size = whole_number(answer.header("content-length"))
            if answer.status == 200 and size > 0:
                check_is_file(answer)
                self._remember(answer, url)
                return info_of(answer, size), answer.url
            if answer.status != 200 and answer.status not in NOT_BY_HEAD:
                raise _refusal(answer)
        with self._wire.answer(Request(doing, "GET", [FIRST_BYTE], alone), cancelled) as answer:
            size = _told_size(answer)
            self._remember(answer, url)
            return info_of(answer, size), answer.url

    @contextmanager
    def body(
        self, entry: Entry, offset: int, length: int, cancelled: CancelFlag, *, alone: bool = True
    ) -> Iterator[WebBody]:
        """See Source.read; `entry.key` is the URL."""
        request = self._request(entry, offset, max(length, 1), alone)
        with self._wire.answer(request, cancelled) as answer:
            _check_piece(answer, entry, offset, length)
            self._remember(answer, entry.key)
            whole = length == entry.size
            yield WebBody(
                answer,
                entry.size,
                length,
                self._watch(answer, cancelled),
                whole=whole,
                ranges=answer.status == 206,
            )

    @contextmanager
    def beginning(
        self, entry: Entry, limit: int, cancelled: CancelFlag, *, alone: bool = True
    ) -> Iterator[WebBody]:
        """See ReadsUnsized; `entry.key` is the URL."""
        request = self._request(entry, 0, limit, alone)
        with self._wire.answer(request, cancelled) as answer:
            body = self._beginning(answer, entry, limit, cancelled)
            if body is not None:
                yield body
                return
        # A range of nobody knows how much: the whole is asked for instead.
        with self._wire.answer(Request(request.doing, alone=alone), cancelled) as answer:
            body = self._beginning(answer, entry, limit, cancelled)
            if body is None:
                raise NetworkTrouble(f"{answer.doing}: {answer.host} sent a range that was not asked for")
            yield body

    def ask(self, entry: Entry, limit: int) -> Ask | None:
        """See QuickUnsized; `entry.key` is the URL."""
        url = entry.key
        match = PLAIN_URL.match(url)
        if match is None or "/." in url:
            return None
        port = match["port"] or _PORTS[match["scheme"]]
        origin = self._wire.lines.origin(f"{match['scheme']}://{match['host']}:{port}")
        if origin is None:
            return None
        request = self._request(entry, 0, limit, True)
        host = host_of(url)
        tied = request.tied if request.tied_to == host else ()
        named = match["host"] + (f":{match['port']}" if match["port"] else "")
        head = head_of("GET", match["path"] or "/", [("host", named), *request.headers, *tied])
        if head is None:
            return None
        return Ask(
            origin=origin,
            head=head,
            most=max(limit, MAX_ERROR),
            seconds=self._wire.stall + limit / SLOWEST,
            doing=request.doing,
            host=host,
        )

    def take(self, ask: Ask, answer: exchange.Answer, entry: Entry, limit: int) -> WebBody:
        """See QuickUnsized."""
        if answer.status == 416 or answer.status in REDIRECTS:
            raise AskOrdinarily
        self._wire.heard[ask.host] = time.monotonic()
        came = Answer(answer, ask.host, Doing("get", entry.key), entry.key)
        body = self._beginning(came, entry, limit, _NEVER)
        if body is None or not body.whole or body.length != len(answer.body):
            raise AskOrdinarily
        self._wire.served.count(ask.host, body.length)
        return body

    def _beginning(self, answer: Answer, entry: Entry, limit: int, cancelled: CancelFlag) -> WebBody | None:
        """None for a range of a file whose size is not told."""
        watch = self._watch(answer, cancelled)
        if answer.status == 416:
            if unsatisfied_total(answer.header("content-range")) > 0:
                raise NetworkTrouble(f"{answer.doing}: {answer.host} refuses a range that the file has")
            return WebBody(answer, 0, 0, watch, whole=True, ranges=True)
        if answer.status >= 300:
            raise _refusal(answer)
        check_is_file(answer, entry.etag)
        check_same(answer, entry)
        announced = whole_number(answer.header("content-length"))
        if answer.status == 200:
            self._remember(answer, entry.key)
            return WebBody(answer, announced, announced, watch, whole=True, ranges=False)
        told = _range_of(answer)
        if told.total < 0:
            return None
        if told.first != 0 or told.last != min(limit, told.total) - 1:
            raise _wrong_range(answer, told.first, told.last, f"0-{limit - 1}")
        length = told.last + 1
        _check_announced(answer, announced, length)
        self._remember(answer, entry.key)
        return WebBody(answer, told.total, length, watch, whole=length == told.total, ranges=True)

    def _request(self, entry: Entry, offset: int, length: int, alone: bool) -> Request:
        headers: list[Header] = [("range", f"bytes={offset}-{offset + length - 1}")]
        with self._lock:
            host, etag = self._gave.get(entry.key, ("", ""))
        tied: list[Header] = [("if-range", f'"{etag}"')] if etag and etag == entry.etag else []
        return Request(Doing("get", entry.key), "GET", headers, alone, tied, host)

    def _remember(self, answer: Answer, url: str) -> None:
        """Whose the strong ETag is: only that host may be asked by it."""
        etag = written_etag(answer.header("etag"))
        if not etag or etag.startswith(WEAK):
            return
        with self._lock:
            self._gave[url] = (answer.host, etag)
            self._gave.move_to_end(url)
            if len(self._gave) > KEPT:
                self._gave.popitem(last=False)

    def _watch(self, answer: Answer, cancelled: CancelFlag) -> Watch:
        return Watch(answer.doing, answer.host, self._wire.stall, self._wire.served, cancelled)


def _told_size(answer: Answer) -> int:
    """The size out of an answer to FIRST_BYTE; UNSIZED when it is not told."""
    if answer.status == 416:
        total = unsatisfied_total(answer.header("content-range"))
        if total > 0:
            raise NetworkTrouble(f"{answer.doing}: {answer.host} refuses a range that the file has")
        return 0
    if answer.status >= 300:
        raise _refusal(answer)
    check_is_file(answer)
    if answer.status == 206:
        return _range_of(answer).total
    return whole_number(answer.header("content-length"))


def _check_piece(answer: Answer, entry: Entry, offset: int, length: int) -> None:
    """Raises when this is not the wanted range of the wanted version."""
    doing, host, size = answer.doing, answer.host, entry.size
    if answer.status == 416:
        _check_unsatisfied(answer, entry)
        return
    if answer.status >= 300:
        raise _refusal(answer)
    check_is_file(answer, entry.etag)
    check_same(answer, entry)
    announced = whole_number(answer.header("content-length"))
    if answer.status == 200:
        if offset or length != size:
            raise RangesUnsupported(f"{doing}: {host} does not answer ranges")
        if announced >= 0 and announced != size:
            raise SourceChanged(f"{doing}: the file at {host} has {announced} bytes and had {size} before")
        return
    told = _range_of(answer)
    if told.total not in (-1, size):
        raise SourceChanged(f"{doing}: the file at {host} has {told.total} bytes and had {size} before")
    if told.first != offset or told.last != offset + length - 1:
        raise _wrong_range(answer, told.first, told.last, f"{offset}-{offset + length - 1}")
    _check_announced(answer, announced, length)


def _check_unsatisfied(answer: Answer, entry: Entry) -> None:
    """416: right for an empty file alone."""
    total = unsatisfied_total(answer.header("content-range"))
    if entry.size == 0 and total <= 0:
        return
    if total in (-1, entry.size):
        raise NetworkTrouble(f"{answer.doing}: {answer.host} refuses a range that the file has")
    raise SourceChanged(
        f"{answer.doing}: the file at {answer.host} has {total} bytes and had {entry.size} before"
    )


def _range_of(answer: Answer) -> ContentRange:
    """Of a success that is no 200. Raises NetworkTrouble."""
    told = content_range(answer.header("content-range")) if answer.status == 206 else None
    if told is None:
        what = "does not say which range it sent" if answer.status == 206 else f"answered {answer.status}"
        raise NetworkTrouble(f"{answer.doing}: {answer.host} {what}")
    return told


def _check_announced(answer: Answer, announced: int, length: int) -> None:
    if announced not in (-1, length):
        raise IntegrityTrouble(
            f"{answer.doing}: {answer.host} announces {announced} bytes and names a range of {length}"
        )


def _wrong_range(answer: Answer, first: int, last: int, wanted: str) -> NetworkTrouble:
    return NetworkTrouble(
        f"{answer.doing}: {answer.host} sent bytes {first}-{last} where {wanted} were asked for"
    )


def _refusal(answer: Answer) -> TransferError:
    return refused(answer.status, answer.header("retry-after"), answer.doing)
