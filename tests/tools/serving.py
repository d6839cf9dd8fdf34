"""A web server with ranges, redirects and faults, which keeps what it was asked."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = 1 << 16


@dataclass
class Site:
    """`files` by path; a path in `status` answers that instead, one in `refused` too, also in the middle of a
    body. `rate`: bytes a second of one connection, 0 as fast as it goes. `after_bytes` > 0: every body is cut
    there, `cuts` times. `honours_ranges` False: always all."""

    files: dict[str, bytes]
    status: dict[str, int] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    modified: str = "Sun, 13 Sep 2020 12:26:40 GMT"
    rate: int = 0
    cuts: int = 0
    after_bytes: int = 0
    silent_after: int = -1  # bytes of all bodies, after which nothing comes any more
    honours_ranges: bool = True
    base: str = ""
    log: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    sent: int = 0  # bytes of bodies
    stopped: threading.Event = field(default_factory=threading.Event)

    def ranges(self, path: str = "") -> list[str]:
        return [headers.get("range", "") for _, asked, headers in list(self.log) if path in asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        site, path = self.site, self.path.partition("?")[0]
        site.log.append(
            (self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        )
        status = site.status.get(self.path) or site.status.get(path) or (200 if path in site.files else 404)
        if status != 200:
            self._plain(status)
            return
        data, first = site.files[path], 0
        last = len(data) - 1
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if asked and site.honours_ranges:
            first, last, status = int(asked[1]), min(last, int(asked[2] or last)), 206
            if first >= len(data):
                self._plain(416)
                return
        self.send_response(status)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{site.etags.get(path, "one")}"')
        self.send_header("Last-Modified", site.modified)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        if self.command == "GET":
            with suppress(ConnectionError):
                self._body(data[first : last + 1], path)

    def _plain(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.send_header("Retry-After", "7")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"no")

    def _body(self, body: bytes, path: str) -> None:
        site = self.site
        for at in range(0, len(body), PIECE):
            piece = body[at : at + PIECE]
            if self.path in site.status or path in site.status:
                self.close_connection = True
                return
            if site.cuts > 0 and at >= site.after_bytes:
                site.cuts -= 1
                self.close_connection = True
                return
            if 0 <= site.silent_after <= site.sent:
                site.stopped.wait(30)
                self.close_connection = True
                return
            self.wfile.write(piece)
            site.sent += len(piece)
            if site.rate and site.stopped.wait(len(piece) / site.rate):
                return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # clients that hang up


@contextmanager
def site(files: dict[str, bytes], **marks: Any) -> Iterator[Site]:
    """The server, running."""
    made = Site(files, **marks)
    server = _Server(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": made}))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    made.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield made
    finally:
        made.stopped.set()
        server.shutdown()
        server.server_close()


def until(condition: Any, what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        time.sleep(0.01)
