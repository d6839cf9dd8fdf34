"""A relay between engine and server that reads along: every request is logged, its bytes are counted.

Unlike tests/paths/wiretap.py, which counts bytes of any protocol, it knows where HTTP/1.1 requests begin (RFC
9112), so it can tell which object and which part was asked for, call somebody at the n-th request, and hold
requests back for a moment, so that a kill finds them under way. It changes no byte.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

_CHUNK = 1 << 16
_RANGE = re.compile(r"bytes=(\d+)-(\d+)\Z")


@dataclass(frozen=True)
class Request:
    """One request as it was begun. `offset` and `length` of a ranged GET, else -1; `part` of an upload or 0."""

    method: str
    key: str  # bucket/key
    offset: int
    length: int
    part: int
    copies: bool
    subresource: bool  # a question about the bucket or the object, not for its bytes

    @property
    def moves(self) -> bool:
        """Whether object bytes go with it or are copied by the service; one byte only tries the server."""
        return self.method in ("GET", "PUT") and not self.subresource and self.length != 1


class _Heads:
    """Finds the heads of requests in a stream of bytes."""

    def __init__(self) -> None:
        self._head = b""
        self._body = 0

    def feed(self, data: bytes) -> list[Request]:
        found: list[Request] = []
        while data:
            if self._body:
                skipped = min(self._body, len(data))
                self._body -= skipped
                data = data[skipped:]
                continue
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return found
            self._head = b""
            request, self._body = _parse(head.decode("latin-1"))
            found.append(request)
        return found


def _parse(head: str) -> tuple[Request, int]:
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "chunked" in headers.get("transfer-encoding", ""):
        raise ValueError("requests in chunks are not understood here")
    address = urlsplit(target)
    query = parse_qs(address.query, keep_blank_values=True)
    key = unquote(address.path).lstrip("/")
    ranged = _RANGE.match(headers.get("range", ""))
    request = Request(
        method=method,
        key=key,
        offset=int(ranged[1]) if ranged else -1,
        length=int(ranged[2]) - int(ranged[1]) + 1 if ranged else -1,
        part=int(query.get("partNumber", ["0"])[0]),
        copies="x-amz-copy-source" in headers,
        subresource="/" not in key.rstrip("/") or bool(query.keys() - {"partNumber", "uploadId", "x-id"}),
    )
    return request, int(headers.get("content-length", "0"))


class Tap:
    """`endpoint` leads to the server through here. `on_request` is called with every request before it is
    passed on; `hold` gives the seconds that one is kept back."""

    def __init__(self, server_endpoint: str, hold: Callable[[Request], float] | None = None) -> None:
        address = urlsplit(server_endpoint)
        self._server = (str(address.hostname), int(address.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._hold = hold
        self._lock = threading.Lock()
        self.on_request: Callable[[Request], None] | None = None
        self.requests: list[Request] = []
        self.to_server = self.to_client = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """Count from nothing."""
        with self._lock:
            self.requests = []
            self.to_server = self.to_client = 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
            except OSError:
                return
            threading.Thread(target=self._pump, args=(client, server, _Heads()), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, heads: _Heads | None) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if heads is not None:
                    for request in heads.feed(chunk):
                        self._saw(request)
                target.sendall(chunk)
                with self._lock:
                    if heads is not None:
                        self.to_server += len(chunk)
                    else:
                        self.to_client += len(chunk)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def _saw(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)
            told = self.on_request
        if told is not None:
            told(request)
        if self._hold is not None and (seconds := self._hold(request)):
            time.sleep(seconds)


@contextlib.contextmanager
def tapping(endpoint: str, hold: Callable[[Request], float] | None = None) -> Iterator[Tap]:
    tap = Tap(endpoint, hold)
    try:
        yield tap
    finally:
        tap.close()
