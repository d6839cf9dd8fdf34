"""What the stores that read over plain HTTP share: ranges, pace, counting, and exchanges that break.

Ranges are those of RFC 9110 section 14. Nothing is retried here, and no text of the HTTP client is passed on
whole, because it repeats URLs with their signatures.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from pyreqwest.exceptions import PyreqwestError
from pyreqwest.response import SyncResponse

from core.errors import FatalTrouble, NetworkTrouble, TransferError
from core.stores.base import CancelFlag, Cancelled
from core.stores.s3.wire import SLOWEST

PLAIN = frozenset({"", "identity"})  # codings that are none
MAX_QUOTED = 300
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z")
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,19})\Z")


class ContentRange(NamedTuple):
    """Of a 206. `total` -1: the server does not tell."""

    first: int
    last: int
    total: int


def content_range(value: str) -> ContentRange | None:
    """None for a header that is missing or cannot be read."""
    match = _CONTENT_RANGE.match(value)
    if match is None:
        return None
    return ContentRange(int(match[1]), int(match[2]), -1 if match[3] == "*" else int(match[3]))


def unsatisfied_total(value: str) -> int:
    """How large the content is, out of the Content-Range of a 416; -1 when it does not say."""
    match = _UNSATISFIED.match(value)
    return int(match[1]) if match else -1


class Served:
    """Bytes of content by the host that they came from. Called from many threads."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, host: str, size: int) -> None:
        with self._lock:
            self._bytes[host] = self._bytes.get(host, 0) + size

    def by_host(self) -> dict[str, int]:
        with self._lock:
            return dict(self._bytes)


class Watch(NamedTuple):
    """Over one body: who reads it for what, and when it has stalled (seconds)."""

    doing: object  # for messages
    host: str
    stall: float
    served: Served
    cancelled: CancelFlag


def watched(response: SyncResponse, length: int, watch: Watch) -> Iterator[memoryview]:
    """Exactly `length` bytes as they arrive, or an error; -1: up to the end, wherever that is.

    Less than SLOWEST bytes a second over the stall time of waiting is network trouble; the time that others
    take to write or to keep a bandwidth does not count. Raises NetworkTrouble, Cancelled.
    """
    doing, host, stall = watch.doing, watch.host, watch.stall
    reader = response.body_reader
    got = came = 0
    waited = 0.0
    while got != length:
        if watch.cancelled.is_set():
            raise Cancelled
        began = time.monotonic()
        piece = reader.read_chunk()
        waited += time.monotonic() - began
        if piece is None:
            if length < 0:
                return
            raise _wrong_length(watch, got, length)
        size = len(piece)
        watch.served.count(host, size)
        came += size
        got += size
        if waited >= stall:
            if came < stall * SLOWEST and got != length:
                raise NetworkTrouble(f"{doing}: {host}: only {came} bytes came in {waited:.0f} s", host=host)
            waited, came = 0.0, 0
        if 0 <= length < got:
            raise _wrong_length(watch, got, length)
        yield memoryview(piece)
    if reader.read_chunk() is not None:
        raise _wrong_length(watch, length + 1, length)


def _wrong_length(watch: Watch, got: int, length: int) -> NetworkTrouble:
    return NetworkTrouble(f"{watch.doing}: {watch.host}: {got} bytes came where {length} were asked for")


def broken(error: PyreqwestError, doing: object, host: str, asked: float) -> TransferError:
    """The error to raise when the exchange with `host` itself failed, which began at `asked` (monotonic)."""
    details = getattr(error, "details", None)
    causes = (details.get("causes") if isinstance(details, dict) else None) or []
    innermost = (causes[-1]["message"] if causes else type(error).__name__)[:MAX_QUOTED]
    if "certificate" in " ".join(cause["message"] for cause in causes).lower():
        return FatalTrouble(f"{doing}: the certificate of {host} is not trusted ({innermost})")
    trouble = NetworkTrouble(f"{doing}: {host}: {innermost}", host=host)
    trouble.asked = asked
    return trouble
