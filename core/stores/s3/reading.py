"""GET: the bytes of one version of an object, counted and compared with what was listed.

Some servers ignore If-Match, and some answer a range with status 200 and a right Content-Range. So the ETag of
every answer is compared, Content-Range is believed and checked, and the status only has to be a success.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

from pyreqwest.response import SyncResponse

from core.errors import FileTrouble, NetworkTrouble, SourceChanged
from core.model import Entry
from core.stores.base import Body, CancelFlag, Cancelled, ObjectInfo
from core.stores.s3.errors import Doing, RangesUnsupported
from core.stores.s3.etag import unquoted
from core.stores.s3.headers import all_headers, object_info, whole_number
from core.stores.s3.signing import Header
from core.stores.s3.wire import Wire, header_of, unexpected_end

MAX_CHUNK = 1 << 18  # larger ones are no quicker, and the allocator keeps them
MIN_CHUNK = 1 << 14
FAST, SLOW = 0.05, 0.25  # seconds that a chunk may take before the next one is larger or smaller
SMALL = 1 << 20  # up to here an answer is read in one go
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z")


class Answered:
    """What all bodies share: the object's description is only read from the headers when it is asked for."""

    def __init__(self, response: SyncResponse, entry: Entry) -> None:
        self._response = response
        self._entry = entry
        self._info: ObjectInfo | None = None

    @property
    def info(self) -> ObjectInfo:
        if self._info is None:
            headers: Mapping[str, str] = all_headers(self._response) or {}
            self._info = object_info(self._entry.key, headers, size=self._entry.size)
        return self._info


class SmallBody(Answered):
    """Bytes that are here already."""

    def __init__(self, response: SyncResponse, entry: Entry, data: memoryview) -> None:
        super().__init__(response, entry)
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

    The reader waits until a chunk is full, so its size follows the pace: on a slow line progress and a
    cancellation would otherwise come in steps of a mebibyte.
    """

    def __init__(
        self, response: SyncResponse, entry: Entry, length: int, doing: Doing, cancelled: CancelFlag
    ) -> None:
        super().__init__(response, entry)
        self._length = length
        self._doing = doing
        self._cancelled = cancelled

    def __iter__(self) -> Iterator[memoryview]:
        reader = self._response.body_reader
        cancelled = self._cancelled
        left = self._length
        size = MAX_CHUNK // 2
        while left > 0:
            if cancelled.is_set():
                raise Cancelled
            began = time.monotonic()
            piece = reader.read(size)
            took = time.monotonic() - began
            if took < FAST:
                size = min(size * 2, MAX_CHUNK)
            elif took > SLOW:
                size = max(size // 2, MIN_CHUNK)
            if piece is None:
                raise unexpected_end(self._doing, self._length - left, self._length)
            left -= len(piece)
            if left < 0:
                raise unexpected_end(self._doing, self._length - left, self._length)
            yield memoryview(piece)
        if reader.read(1) is not None:
            raise unexpected_end(self._doing, self._length + 1, self._length)


def read(
    wire: Wire, bucket: str, entry: Entry, offset: int, length: int, cancelled: CancelFlag
) -> AbstractContextManager[Body]:
    """See Source.read. Small answers are fetched here and now, larger ones when the context is entered."""
    if cancelled.is_set():
        raise Cancelled
    doing = Doing("get", bucket, entry.key)
    whole = offset == 0 and length == entry.size
    headers: list[Header] = []
    if entry.etag:
        headers.append(("if-match", f'"{entry.etag}"'))
    if not whole:
        if length <= 0 or offset + length > entry.size:
            raise ValueError("a range must hold at least one byte and end inside the object")
        headers.append(("range", f"bytes={offset}-{offset + length - 1}"))
    if length > SMALL:
        return streamed(wire, doing, entry, offset, length, headers, cancelled)
    response = wire.ask(doing, "GET", headers=headers)
    check_answer(response, doing, entry, offset, length)
    data = memoryview(response.bytes())
    if len(data) != length:
        raise unexpected_end(doing, len(data), length)
    return SmallBody(response, entry, data)


@contextmanager
def streamed(
    wire: Wire,
    doing: Doing,
    entry: Entry,
    offset: int,
    length: int,
    headers: list[Header],
    cancelled: CancelFlag,
) -> Iterator[Body]:
    """The body of a large answer while the connection is held."""
    with wire.stream(doing, headers=headers) as response:
        check_answer(response, doing, entry, offset, length)
        yield StreamedBody(response, entry, length, doing, cancelled)


def check_answer(response: SyncResponse, doing: Doing, entry: Entry, offset: int, length: int) -> None:
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
    if sent_range is None:
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
