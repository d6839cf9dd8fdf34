"""A proxy in front of a real S3 server that does to single requests what networks and servers do.

It speaks HTTP/1.1 to both sides and passes heads on as they came, with the Host header that was signed, so that
a server that checks signatures accepts them. A `Rule` says which requests meet trouble (method, pattern of the
target, which of those, how often) and a `Fault` (faults.py) what happens to them. On the TCP level the whole
proxy can be away: connections are refused, cut, or answered with silence.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from urllib.parse import urlsplit

CHUNK = 1 << 16
Reader = BufferedReader


class Gone(Exception):
    """The exchange is over: the other side left, or a fault ended it."""


@dataclass
class Head:
    """The first line and the headers of a request or an answer, in order and as written."""

    first: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def set(self, name: str, value: str) -> None:
        self.drop(name)
        self.headers.append((name, value))

    def drop(self, name: str) -> None:
        self.headers = [(key, value) for key, value in self.headers if key.lower() != name.lower()]

    def encode(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    @status.setter
    def status(self, value: int) -> None:
        self.first = f"HTTP/1.1 {value} X"


@dataclass
class Seen:
    """One request that came, for the log: `status` 0 while it has no answer, -1 when it got none."""

    method: str
    target: str
    headers: dict[str, str]
    at: float
    status: int = 0
    fault: str = ""


class Fault:
    """What happens to a request; each method may be overridden. It may keep state: it belongs to one rule."""

    name = ""

    def before(self, exchange: Exchange) -> bytes | None:
        """An answer instead of the server's; None to ask the server. May raise Gone."""
        return None

    def upload(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        """The request's body on its way, `position` bytes after its beginning."""
        return chunk

    def answered(self, exchange: Exchange, head: Head) -> None:
        """The server's head, before it is passed on. May change it."""

    def body(self, exchange: Exchange, whole: bytes) -> bytes:
        """The answer's whole body, for faults that `rewrite` it; others see it in `download`."""
        return whole

    rewrites = False

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        """The answer's body on its way."""
        return chunk


@dataclass
class Rule:
    """Which requests meet the fault: the `nth` that fits and the following, `times` in all (-1: every one)."""

    fault: Fault
    method: str = ""
    target: str = ""  # a regular expression that is searched for in the target
    nth: int = 1
    times: int = 1
    when: Callable[[Seen], bool] = lambda _: True
    met: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, seen: Seen) -> bool:
        if self.method and seen.method not in self.method.split("|"):
            return False
        if self.target and not re.search(self.target, seen.target):
            return False
        if not self.when(seen):
            return False
        with self.lock:
            self.met += 1
            return self.met >= self.nth and (self.times < 0 or self.met < self.nth + self.times)

    @property
    def hits(self) -> int:
        """How many requests met the fault."""
        met = max(0, self.met - self.nth + 1)
        return met if self.times < 0 else min(met, self.times)


@dataclass
class Exchange:
    """One request and its answer, with both sockets; faults use them."""

    proxy: Proxy
    client: socket.socket
    request: Head
    seen: Seen

    def reset(self) -> None:
        """RST to the client (SO_LINGER with no time, socket(7))."""
        with contextlib.suppress(OSError):
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.client.close()
        raise Gone

    def hang_up(self) -> None:
        """FIN to the client."""
        hang_up(self.client)
        raise Gone

    def silence(self, seconds: float) -> None:
        """Say nothing, until the client has gone or the time is over."""
        deadline = time.monotonic() + seconds
        self.client.settimeout(0.05)
        try:
            while time.monotonic() < deadline and not self.proxy.closed:
                try:
                    if not self.client.recv(1, socket.MSG_PEEK):
                        raise Gone
                    time.sleep(0.05)
                except TimeoutError:
                    continue
                except OSError:
                    raise Gone from None
        finally:
            with contextlib.suppress(OSError):
                self.client.settimeout(None)


class Proxy:
    """`endpoint` leads to the server through here. `log` holds every request in order."""

    def __init__(self, server_endpoint: str) -> None:
        address = urlsplit(server_endpoint)
        self.server = (str(address.hostname), int(address.port or 80))
        self.rules: list[Rule] = []
        self.log: list[Seen] = []
        self.closed = False
        self.lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._silent = threading.Event()
        self._listener: socket.socket | None = None
        self.port = 0
        self._listen()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add(self, *rules: Rule) -> None:
        with self.lock:
            self.rules += rules

    def clear(self) -> None:
        """No more faults, and an empty log."""
        with self.lock:
            self.rules, self.log = [], []

    def count(self, method: str = "", target: str = "") -> int:
        """How many requests came that fit."""
        with self.lock:
            fitting = [seen for seen in self.log if re.search(target, seen.target)]
        return sum(1 for seen in fitting if not method or seen.method == method)

    # ------------------------------------------------------------ the network as a whole

    def refuse(self) -> None:
        """Nobody listens any more: every connection is cut, new ones are refused."""
        self._stop_listening()
        self._cut_all()

    def fall_silent(self) -> None:
        """Connections are accepted and nothing is ever said on any of them."""
        self._silent.set()

    def come_back(self) -> None:
        self._silent.clear()
        self._cut_all()  # what was silent is dead
        if self._listener is None:
            self._listen()

    def close(self) -> None:
        self.closed = True
        self._stop_listening()
        self._cut_all()

    # ------------------------------------------------------------ connections

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _cut_all(self) -> None:
        with self.lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            hang_up(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self._ends.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """All requests of one connection, each over its own connection to the server."""
        reader = client.makefile("rb")
        try:
            while self._exchange(client, reader):
                pass
        except (Gone, OSError, ValueError):
            pass
        finally:
            with contextlib.suppress(OSError):
                reader.close()
            hang_up(client)
            with self.lock:
                self._ends.discard(client)

    def _exchange(self, client: socket.socket, reader: Reader) -> bool:
        """One request; whether the connection can serve another."""
        request = read_head(reader)
        if request is None:
            return False
        method, target, _ = request.first.split(" ")
        headers = {name.lower(): value for name, value in request.headers}
        seen = Seen(method, target, headers, time.monotonic())
        with self.lock:
            self.log.append(seen)
            rules = list(self.rules)
        exchange = Exchange(self, client, request, seen)
        if self._silent.is_set():
            while self._silent.is_set():
                exchange.silence(0.2)
            raise Gone
        rule = next((rule for rule in rules if rule.takes(seen)), None)
        fault = rule.fault if rule is not None else Fault()
        seen.fault = fault.name
        try:
            return self._carry_out(exchange, reader, fault)
        finally:
            seen.status = seen.status or -1

    def _carry_out(self, exchange: Exchange, reader: Reader, fault: Fault) -> bool:
        client, request, seen = exchange.client, exchange.request, exchange.seen
        size = int(seen.headers.get("content-length", "0"))
        if seen.headers.get("expect"):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.drop("expect")
        instead = fault.before(exchange)
        if instead is not None:
            for _ in pieces(reader, size):
                pass
            seen.status = int(instead.split(b" ", 2)[1])
            client.sendall(instead)
            return b"connection: close" not in instead.lower()
        with socket.create_connection(self.server) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            request.set("Connection", "close")
            server.sendall(request.encode())
            position = 0
            for chunk in pieces(reader, size):
                server.sendall(fault.upload(exchange, position, chunk))
                position += len(chunk)
            answers = server.makefile("rb")
            head = read_head(answers)
            while head is not None and head.status == 100:
                head = read_head(answers)
            if head is None:
                return False
            self._answer(exchange, answers, head, fault)
        return head.get("connection").lower() != "close"

    def _answer(self, exchange: Exchange, answers: Reader, head: Head, fault: Fault) -> None:
        client, seen = exchange.client, exchange.seen
        head.drop("connection")
        has_body = seen.method != "HEAD" and head.status not in {204, 304}
        announced = head.get("content-length")
        if has_body and (fault.rewrites or not announced):  # chunked or until the end: made plain
            whole = dechunked(answers) if head.get("transfer-encoding") else answers.read()
            head.drop("transfer-encoding")
            whole = fault.body(exchange, whole)
            head.set("Content-Length", str(len(whole)))
            body: Iterator[bytes] = (whole[at : at + CHUNK] for at in range(0, len(whole), CHUNK))
        else:
            body = pieces(answers, int(announced or 0)) if has_body else iter(())
        fault.answered(exchange, head)
        seen.status = head.status
        client.sendall(head.encode())
        position = 0
        for chunk in body:
            client.sendall(fault.download(exchange, position, chunk))
            position += len(chunk)


def read_head(reader: Reader) -> Head | None:
    """The next head; None at the end of the stream."""
    first = reader.readline(65536)
    if not first:
        return None
    headers: list[tuple[str, str]] = []
    while (line := reader.readline(65536)) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        headers.append((name, value.strip()))
    return Head(first.decode("latin-1").rstrip("\r\n"), headers)


def pieces(reader: Reader, size: int) -> Iterator[bytes]:
    """`size` bytes as they come."""
    left = size
    while left > 0:
        chunk = reader.read1(min(CHUNK, left))
        if not chunk:
            raise Gone
        left -= len(chunk)
        yield chunk


def dechunked(reader: Reader) -> bytes:
    """A body in chunks (RFC 9112, 7.1), whole."""
    parts = []
    while size := int(reader.readline().split(b";")[0], 16):
        parts.append(reader.read(size))
        reader.readline()
    reader.readline()
    return b"".join(parts)


def hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()


@contextlib.contextmanager
def proxied(server_endpoint: str) -> Iterator[Proxy]:
    """A proxy in front of the server while the block runs."""
    proxy = Proxy(server_endpoint)
    try:
        yield proxy
    finally:
        proxy.close()
