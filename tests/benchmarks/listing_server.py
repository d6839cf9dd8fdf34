"""An S3 server in a process of its own whose buckets all hold the same many objects, made up for the purpose.

`python -m tests.benchmarks.listing_server COUNT` prints its endpoint and serves until its input ends. Only what
lists or looks at a bucket is answered. Pages are rendered before anybody asks, so that it is no one's limit.
"""

from __future__ import annotations

import asyncio
import bisect
import sys
from urllib.parse import parse_qs

PAGE = 1000
HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/xml\r\nx-amz-request-id: 1\r\nContent-Length: %d\r\n\r\n"


def key_of(number: int) -> str:
    """Keys in order, a thousand to a folder."""
    return f"data/{number // 1000:06d}/{number:09d}.bin"


class Objects:
    """The objects of every bucket, as pages."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pages = [self._page(start) for start in range(0, max(count, 1), PAGE)]

    def list(self, query: dict[str, list[str]]) -> bytes:
        """The answer to ListObjectsV2 (API_ListObjectsV2, Amazon S3 API reference)."""
        start = 0
        if token := query.get("continuation-token"):
            start = int(token[0])
        elif after := query.get("start-after"):
            start = bisect.bisect_right(range(self._count), after[0], key=key_of)
        prefix = query.get("prefix", [""])[0]
        if prefix and not key_of(0).startswith(prefix):
            return self._document(0, 0)
        return self._pages[start // PAGE] if start % PAGE == 0 and start < self._count else self._page(start)

    def _page(self, start: int) -> bytes:
        return self._document(start, min(self._count, start + PAGE))

    def _document(self, start: int, end: int) -> bytes:
        more = start < end < self._count
        rows = "".join(
            f"<Contents><Key>{key_of(number)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;{number:032x}&quot;</ETag><Size>16</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for number in range(start, end)
        )
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>'
            f"<KeyCount>{max(0, end - start)}</KeyCount><MaxKeys>{PAGE}</MaxKeys>"
            "<EncodingType>url</EncodingType>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>"
            + (f"<NextContinuationToken>{end}</NextContinuationToken>" if more else "")
            + f"{rows}</ListBucketResult>"
        )
        return answer(b"200 OK", body.encode())


class Connection(asyncio.Protocol):
    """Requests without bodies, one after the other."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head, self._waiting = self._waiting[:end], self._waiting[end + 4 :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            self._transport.write(self._answer(method, target))

    def _answer(self, method: str, target: str) -> bytes:
        path, _, words = target.partition("?")
        query = parse_qs(words, keep_blank_values=True)
        if method == "HEAD" or (method == "GET" and path.strip("/").count("/")):
            return answer(b"200 OK" if not path.strip("/").count("/") else b"404 Not Found", b"")
        if method != "GET":
            return answer(b"501 Not Implemented", b"<Error><Code>NotImplemented</Code></Error>")
        if "location" in query:
            return answer(b"200 OK", b"<LocationConstraint></LocationConstraint>")
        if "versioning" in query:
            return answer(b"200 OK", b"<VersioningConfiguration></VersioningConfiguration>")
        return self._objects.list(query)


def answer(status: bytes, body: bytes) -> bytes:
    """A whole answer."""
    return HEAD % (status, len(body)) + body


async def serve(count: int) -> None:
    objects = Objects(count)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(objects), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
