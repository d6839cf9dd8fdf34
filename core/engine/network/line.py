"""A line: one HTTP/1.1 connection (RFC 9112) that carries small exchanges one after the other, without waiting.

`open_line` connects, which blocks; everything after that returns at once and is told by a selector when to go
on. Only plain answers are understood: with a length or in chunks, not longer than was asked for, headers in
ASCII. Anything else raises `Odd`, and whoever asked goes the ordinary way.
"""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import sys
import time

from core.stores.exchange import MAX_HEAD, Answer, Ask, Origin

CONNECT_SECONDS = 10.0
RECEIVE = 256 * 1024  # bytes at once; what `go_on` wants for a buffer
IDLE_SECONDS = 20.0  # servers close idle connections; stay below what is usual
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
MOST_CHUNKS = 1000  # of one answer
_END = b"\r\n\r\n"
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;|\Z)")


class Odd(Exception):
    """An answer that is not read here."""


class LineBroken(Exception):
    """The connection ended, or the answer on it. `answered` says whether anything of it had come."""

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


def open_line(origin: Origin, seconds: float = CONNECT_SECONDS, acknowledged: float = 60.0) -> Line:
    """Look up, connect, shake hands. What is sent has to be acknowledged within `acknowledged` seconds. Raises
    OSError (ssl.SSLError is one)."""
    plain = socket.create_connection((origin.host, origin.port), timeout=seconds)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(acknowledged * 1000))
        connected: socket.socket = plain
        if origin.tls is not None:
            connected = origin.tls.wrap_socket(plain, server_hostname=origin.host)
        connected.setblocking(False)
    except BaseException:
        plain.close()
        raise
    return Line(connected, origin)


class Line:
    """Used by one thread. `begin` an exchange; then, whenever the socket is ready for `waits_for`, `go_on`."""

    def __init__(self, connected: socket.socket, origin: Origin) -> None:
        self.origin = origin
        self.socket = connected
        self.is_used = False  # whether an exchange was carried before the present one
        self.lasts = True  # whether another exchange may follow
        self.idle_since = time.monotonic()
        self._tls = connected if isinstance(connected, ssl.SSLSocket) else None
        self._out: list[memoryview] = []
        self._in = b""
        self._has_ended = False
        self._most = 0
        self._head_end = -1
        self._status = 0
        self._headers: dict[str, str] = {}
        self._length = -1  # of the body; -1: in chunks

    @property
    def waits_for(self) -> int:
        """READ, or both where something is still to be sent."""
        return READ | WRITE if self._out else READ

    @property
    def is_fresh(self) -> bool:
        """Whether the server has probably not closed it yet."""
        return time.monotonic() - self.idle_since < IDLE_SECONDS

    def begin(self, ask: Ask) -> None:
        """Send as much as goes now. Raises LineBroken."""
        if self.is_used and not self._is_silent():
            raise LineBroken("the connection was closed, or said what nobody asked for", answered=False)
        self._head_end, self._most = -1, ask.most
        body = memoryview(ask.body)
        if len(body) <= RECEIVE:  # the copy costs less than a second call
            self._out = [memoryview(ask.head + bytes(body))]
        else:
            self._out = [memoryview(ask.head), body]
        self._send()

    def go_on(self, buffer: memoryview) -> Answer | None:
        """The answer when it is whole. `buffer` is room to receive into, one for all lines of a thread: a new
        one for each piece would cost more than what comes. Raises LineBroken, Odd."""
        if self._out:
            self._send()
        self._receive(buffer)
        answer = self._answer()
        if answer is not None:
            self.is_used = True
            self.idle_since = time.monotonic()
            self._in = b""
            if self._out:  # it did not want the rest of the request, which would be taken for the next one
                self.lasts, self._out = False, []
        elif self._has_ended:
            raise LineBroken("the connection was closed", answered=bool(self._in))
        return answer

    def close(self) -> None:
        self.socket.close()

    def _is_silent(self) -> bool:
        """Whether nothing came since the last answer: what came would be taken for the next one."""
        try:
            self.socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False
        return False

    def _send(self) -> None:
        try:
            while self._out:
                count = self.socket.send(self._out[0])
                rest = self._out[0][count:]
                if rest:
                    self._out[0] = rest
                else:
                    del self._out[0]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            # It may have answered before it closed: a refusal is worth more than "broken pipe".
            self._out = []
            self.lasts = False
            if self.is_used:
                raise LineBroken(str(error), answered=False) from error

    def _receive(self, buffer: memoryview) -> None:
        try:
            while True:
                count = self.socket.recv_into(buffer)
                if not count:
                    self.lasts, self._has_ended = False, True
                    return
                piece = bytes(buffer[:count])
                self._in = self._in + piece if self._in else piece
                if len(self._in) > MAX_HEAD + 2 * self._most + RECEIVE:
                    raise Odd("more than was asked for")
                if self._tls is None:  # else what is decrypted already would never be announced
                    return
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise LineBroken(str(error), answered=bool(self._in)) from error

    def _answer(self) -> Answer | None:
        while self._head_end < 0:
            end = self._in.find(_END)
            if end < 0:
                if len(self._in) > MAX_HEAD:
                    raise Odd("an endless head")
                return None
            self._read_head(self._in[:end])
            if self._status < 200:  # 100 Continue and the like: the answer follows (RFC 9110, section 15.2)
                self._in = self._in[end + 4 :]
                continue
            self._head_end = end + 4
        if self._length >= 0:
            there = len(self._in) - self._head_end
            if there < self._length:
                return None
            if there > self._length:
                self.lasts = False  # bytes that nobody asked for
            body = memoryview(self._in)[self._head_end : self._head_end + self._length]
            return Answer(self._status, self._headers, body)
        chunked = unchunked(self._in, self._head_end, self._most)
        if chunked is None:
            return None
        content, end = chunked
        if end != len(self._in):
            self.lasts = False
        return Answer(self._status, self._headers, memoryview(content))

    def _read_head(self, head: bytes) -> None:
        self._status, self._headers = read_head(head)
        headers = self._headers
        if headers.get("connection", "").lower() == "close" or not head.startswith(b"HTTP/1.1"):
            self.lasts = False
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].strip().lower() != "chunked" or "content-length" in headers:
                raise Odd("a transfer encoding that is not known here")
            self._length = -1
            return
        if self._status in {204, 304} or self._status < 200:
            self._length = 0
            return
        length = headers.get("content-length", "")
        if not (length.isdecimal() and length.isascii() and len(length) < 19):
            raise Odd("an answer without a length")
        self._length = int(length)
        if self._length > self._most:
            raise Odd("a longer answer than was asked for")


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers, names in small letters, the first of each name. Raises Odd."""
    try:
        lines = head.decode("ascii").split("\r\n")
        version, status = lines[0][:9], lines[0][9:12]
        if version not in {"HTTP/1.1 ", "HTTP/1.0 "} or not status.isdecimal():
            raise Odd("no HTTP/1 answer")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name[-1] in " \t" or name[0] in " \t":
                raise Odd("a header that is none")
            name = name.lower()
            if name not in headers:
                headers[name] = value.strip()
            elif name in {"content-length", "transfer-encoding"}:
                raise Odd(f"{name} twice")
    except UnicodeDecodeError:
        raise Odd("a header that is not ASCII") from None
    return int(status), headers


def unchunked(data: bytes, start: int, most: int) -> tuple[bytes, int] | None:
    """The content of a body in chunks (RFC 9112, section 7.1) that begins at `start`, and where it ends; None
    while it is not whole. Raises Odd."""
    pieces: list[bytes] = []
    total = 0
    while True:
        end = data.find(b"\r\n", start)
        if end < 0:
            return None
        match = _CHUNK.match(data, start, end)
        if match is None:
            raise Odd("a chunk without a size")
        size = int(match[1], 16)
        start = end + 2
        if size == 0:  # perhaps trailers, then an empty line
            if data[start : start + 2] == b"\r\n":
                return b"".join(pieces), start + 2
            trailers = data.find(_END, start)
            return (b"".join(pieces), trailers + 4) if trailers >= 0 else None
        total += size
        if total > most or len(pieces) > MOST_CHUNKS:
            raise Odd("a longer answer than was asked for")
        if len(data) < start + size + 2:
            return None
        if data[start + size : start + size + 2] != b"\r\n":
            raise Odd("a chunk of another size than it says")
        pieces.append(data[start : start + size])
        start += size + 2
