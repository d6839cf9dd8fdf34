"""GET: the bytes of one version of an object, counted and compared with what was listed.

Some servers ignore If-Match, and some answer a range with status 200 and a right Content-Range. So the ETag of
every answer is compared, Content-Range is believed and checked, and the status only has to be a success.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from pyreqwest.response import SyncResponse

from core.errors import FileTrouble, IntegrityTrouble, NetworkTrouble, SourceChanged
from core.model import Entry
from core.stores.base import Body, CancelFlag, Cancelled, ObjectInfo
from core.stores.exchange import Response
from core.stores.s3.errors import Doing, RangesUnsupported
from core.stores.s3.etag import unquoted
from core.stores.s3.headers import (
    MTIME,
    all_headers,
    nanoseconds_from_decimal,
    object_info,
    whole_number,
)
from core.stores.s3.signing import Header
from core.stores.s3.wire import SLOWEST, Wire, header_of, unexpected_end

ON_THE_WAY = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})
SMALL = 1 << 20  # up to here an answer is read before it is handed over
UNWATCHED = 1 << 16  # up to here its pace is not watched, only the whole time limited
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z")


Look = Callable[[], ObjectInfo]
CHECKSUM_MODE: Header = ("x-amz-checksum-mode", "ENABLED")  # the stored checksums come with the answer


class Answered:
    """What all bodies share: the object's description is only read from the headers when it is asked for."""

    def __init__(self, response: Response, entry: Entry, bucket: str, look: Look) -> None:
        self.response = response
        self._entry = entry
        self._bucket = bucket
        self._look = look
        self._info: ObjectInfo | None = None

    @property
    def info(self) -> ObjectInfo:
        if self._info is None:
            headers = all_headers(self.response)
            if headers is None:  # one of them is not text
                self._info = self._look()
            else:
                self._info = object_info(self._entry.key, headers, size=self._entry.size, bucket=self._bucket)
        return self._info

    @property
    def modified_ns(self) -> int:
        return nanoseconds_from_decimal(header_of(self.response, MTIME) or "")


class SmallBody(Answered):
    """Bytes that are here already."""

    def __init__(self, response: Response, entry: Entry, bucket: str, look: Look, data: memoryview) -> None:
        super().__init__(response, entry, bucket, look)
        self._data = data

    def __enter__(self) -> Body:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __iter__(self) -> Iterator[memoryview]:
        if self._data:
            yield self._data


class StreamedBody(Answered):
    """Bytes that are still arriving; exactly `length` of them or an error.

    They are handed over as the system hands them over, so that progress, a cancellation and a trickle are seen
    at once. A connection that gives less than SLOWEST bytes a second over `stall` seconds of waiting for it has
    stalled; the time that others take to write or to keep a bandwidth does not count.
    """

    def __init__(
        self,
        response: SyncResponse,
        entry: Entry,
        length: int,
        doing: Doing,
        look: Look,
        cancelled: CancelFlag,
        stall: float,
    ) -> None:
        super().__init__(response, entry, doing.bucket, look)
        self._reader = response.body_reader
        self._length = length
        self._doing = doing
        self._cancelled = cancelled
        self._stall = stall

    def __iter__(self) -> Iterator[memoryview]:
        reader = self._reader
        cancelled = self._cancelled
        left = self._length
        waited, came = 0.0, 0
        while left > 0:
            if cancelled.is_set():
                raise Cancelled
            began = time.monotonic()
            piece = reader.read_chunk()
            waited += time.monotonic() - began
            if piece is None:
                raise unexpected_end(self._doing, self._length - left, self._length)
            came += len(piece)
            if waited >= self._stall:
                if came < self._stall * SLOWEST and came < left:
                    raise NetworkTrouble(f"{self._doing}: only {came} bytes came in {waited:.0f} s")
                waited, came = 0.0, 0
            left -= len(piece)
            if left < 0:
                raise unexpected_end(self._doing, self._length - left, self._length)
            yield memoryview(piece)
        if reader.read_chunk() is not None:
            raise unexpected_end(self._doing, self._length + 1, self._length)


def if_match(entry: Entry) -> list[Header]:
    """Only this version of it."""
    return [("if-match", f'"{entry.etag}"')] if entry.etag else []


def headers_of_whole(entry: Entry) -> list[Header]:
    """What a request for a whole object says."""
    return [*if_match(entry), CHECKSUM_MODE]


def read(
    wire: Wire, bucket: str, entry: Entry, offset: int, length: int, look: Look, cancelled: CancelFlag
) -> AbstractContextManager[Body]:
    """See Source.read. Small answers are fetched here and now, larger ones when the context is entered. `look`
    describes the object where the answer's headers cannot be read as text."""
    if cancelled.is_set():
        raise Cancelled
    doing = Doing("get", bucket, entry.key)
    if offset == 0 and length == entry.size:
        headers = headers_of_whole(entry)
    else:
        headers = if_match(entry)
        if length <= 0 or offset + length > entry.size:
            raise ValueError("a range must hold at least one byte and end inside the object")
        headers.append(("range", f"bytes={offset}-{offset + length - 1}"))
    if length > SMALL:
        return streamed(wire, doing, entry, offset, length, headers, look, cancelled)
    if length > UNWATCHED:
        with streamed(wire, doing, entry, offset, length, headers, look, cancelled) as body:
            data = memoryview(b"".join(body))
        return SmallBody(body.response, entry, bucket, look, data)
    response = wire.ask(doing, "GET", headers=headers, expected=length)
    check_answer(response, doing, entry, offset, length)
    data = memoryview(response.bytes())
    if len(data) != length:
        raise unexpected_end(doing, len(data), length)
    return SmallBody(response, entry, bucket, look, data)


@contextmanager
def streamed(
    wire: Wire,
    doing: Doing,
    entry: Entry,
    offset: int,
    length: int,
    headers: list[Header],
    look: Look,
    cancelled: CancelFlag,
) -> Iterator[StreamedBody]:
    """The body of a large answer while the connection is held."""
    with wire.stream(doing, headers=headers) as response:
        check_answer(response, doing, entry, offset, length)
        yield StreamedBody(response, entry, length, doing, look, cancelled, wire.stall)


def check_answer(response: Response, doing: Doing, entry: Entry, offset: int, length: int) -> None:
    """Is this the wanted version and the wanted range? Raises SourceChanged, NetworkTrouble, FileTrouble."""
    etag = header_of(response, "etag")
    if etag and entry.etag and etag != f'"{entry.etag}"' and unquoted(etag) != entry.etag:
        raise SourceChanged(f"{doing}: the object is not the one that was listed")
    announced = whole_number(header_of(response, "content-length") or "")
    sent_range = header_of(response, "content-range")
    if sent_range is not None:
        check_range(sent_range, doing, entry, offset, length)
    elif length != entry.size or response.status == 206:
        if announced == entry.size or response.status == 200:
            raise RangesUnsupported(f"{doing}: the server does not answer ranges")
        raise NetworkTrouble(f"{doing}: the server does not say which range it sent")
    if announced < 0 or announced == length:  # without a length the bytes are counted as they arrive
        return
    if "aws-chunked" in (header_of(response, "content-encoding") or ""):
        raise FileTrouble(f"{doing}: the server sends the upload's chunk framing instead of the object")
    coding = (header_of(response, "content-encoding") or "").strip().lower()
    if coding in ON_THE_WAY:
        raise IntegrityTrouble(
            f"{doing}: what comes is compressed on the way ({coding}), which nobody asked for"
        )
    if sent_range is None and unquoted(etag or "") != entry.etag:
        raise SourceChanged(f"{doing}: the object has {announced} bytes and was listed with {entry.size}")
    raise unexpected_end(doing, announced, length)


def check_range(sent_range: str, doing: Doing, entry: Entry, offset: int, length: int) -> None:
    """Content-Range must name exactly the range that was asked for, of an object of the listed size."""
    match = _CONTENT_RANGE.match(sent_range)
    if match is None:
        raise NetworkTrouble(f"{doing}: the server names a range that cannot be read")
    first, last, total = int(match[1]), int(match[2]), match[3]
    if total != "*" and int(total) != entry.size:
        raise SourceChanged(f"{doing}: the object has {total} bytes and was listed with {entry.size}")
    if first != offset or last != offset + length - 1:
        raise NetworkTrouble(f"{doing}: the server sent bytes {first}-{last} where {offset}-… were asked for")
