"""A web server of files in memory, whose next answers can be spoilt, one after the other, for each file."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

Way = Literal[
    "status",  # answers `status` with `headers`
    "reset",  # resets the connection instead of answering
    "reset midway",  # sends half of the body, then resets
    "truncated",  # announces all, sends half, then ends in an orderly way
    "drip",  # a byte now and then, until the client has enough of it
    "login page",  # 200 with a web page
    "without length",  # the whole file in chunks, nobody is told how much; waits for `released` in the middle
]
MADE = "Sun, 13 Sep 2020 12:26:40 GMT"  # when every file was changed last
LOGIN = b"<!DOCTYPE html><html><body>Please log in to this network</body></html>"


@dataclass(frozen=True)
class Fault:
    way: Way
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """What the server holds. `faults` strike once each, in order; `refused` are answered so for good."""

    base: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)  # GET requests by file
    heads: Counter[str] = field(default_factory=Counter)  # the same of HEAD requests
    released: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, name: str) -> Fault | None:
        with self.lock:
            waiting = self.faults.get(name)
            return waiting.pop(0) if waiting else None

    def mend(self) -> None:
        """From now on every file is answered."""
        with self.lock:
            self.faults.clear()
            self.refused.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self.site.heads[self._name] += 1
        self._answer(None)

    def do_GET(self) -> None:
        self.site.asked[self._name] += 1
        with suppress(ConnectionError):
            self._answer(self.site.next_fault(self._name))

    @property
    def _name(self) -> str:
        return unquote(urlsplit(self.path).path.removeprefix("/"))

    def _answer(self, fault: Fault | None) -> None:
        site, name = self.site, self._name
        if fault is not None and fault.way == "reset":
            self._reset()
        elif fault is not None and fault.way == "status":
            self._say(fault.status, b"not today", dict(fault.headers))
        elif fault is not None and fault.way == "login page":
            self._say(200, LOGIN, {"Content-Type": "text/html; charset=utf-8"})
        elif name in site.refused or name not in site.files:
            self._say(site.refused.get(name, 404), b"no", {})
        elif fault is not None and fault.way == "without length":
            self._in_chunks(site.files[name])
        else:
            self._send_file(site.files[name], fault)

    def _send_file(self, data: bytes, fault: Fault | None) -> None:
        headers = {"Content-Type": "application/x-tar", "ETag": f'"{len(data):x}"', "Last-Modified": MADE}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        if asked is None:
            self._say(200, data, headers, fault)
            return
        first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
        if first >= len(data):
            self._say(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        self._say(206, data[first : last + 1], headers, fault)

    def _say(self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is None:
            self.wfile.write(body)
            return
        self.close_connection = True
        if fault.way == "drip":
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                if self.site.stopped.wait(0.1):
                    return
        self.wfile.write(body[: len(body) // 2])
        if fault.way == "reset midway":
            self._reset()

    def _in_chunks(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-tar")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        half = len(data) // 2
        for piece in (data[:half], data[half:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if piece is not data[half:]:
                self.site.released.wait(60)
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """The connection ends with RST (SO_LINGER with no time to linger)."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # clients that hang up, and connections that were reset on purpose


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site, on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), type("_Of", (_Handler,), {"site": site}))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    site.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        site.stopped.set()
        site.released.set()
        server.shutdown()
        server.server_close()
