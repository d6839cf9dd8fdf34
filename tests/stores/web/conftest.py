"""A service for the impatient, and files as servers give them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator

import pytest

from core.model import Entry, Place
from core.stores.web import WebService, WebSource
from tests.stores.s3.scripted import Request, Script, http

DATA = bytes(range(251)) * 400  # 100 400 bytes
ETAG = '"v1"'
NEVER = threading.Event()


@pytest.fixture
def service() -> Iterator[WebService]:
    """With a stall time of one second, and no proxy."""
    service = WebService(stall=1.0, proxy="none")
    yield service
    service.close()


def file(data: bytes = DATA, *, etag: str = ETAG, **headers: str) -> Callable[[Request], bytes]:
    """A server of one file that knows HEAD, ranges and If-Range (RFC 9110)."""

    def reply(request: Request) -> bytes:
        told = {"ETag": etag, "Content_Type": "application/octet-stream", **headers}
        if request.method == "HEAD":
            return http(200, b"", **told, Content_Length=str(len(data)))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if wanted is None or request.headers.get("if-range", etag) != etag:
            return http(200, data, **told)
        first, last = int(wanted[1]), min(int(wanted[2]), len(data) - 1)
        if first >= len(data):
            return http(416, b"", **told, Content_Range=f"bytes */{len(data)}")
        return http(206, data[first : last + 1], **told, Content_Range=f"bytes {first}-{last}/{len(data)}")

    return reply


def at(service: WebService, script: Script, name: str = "data.bin") -> tuple[WebSource, Entry]:
    """The source of one URL of a scripted server, and its entry with the complete key, as jobs pass it."""
    url = f"{script.endpoint}/{name}"
    source = service.source(Place(kind="web", url=url))
    return source, Entry(key=url, size=len(DATA), etag="v1", url=url)


def all_of(
    source: WebSource, entry: Entry, offset: int = 0, length: int = -1, cancelled: threading.Event = NEVER
) -> bytes:
    """What a reading gives, whole."""
    length = entry.size - offset if length < 0 else length
    with source.read(entry, offset, length, cancelled=cancelled) as body:
        return b"".join(body)
