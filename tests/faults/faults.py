"""What can happen to one request and its answer. Positions count bytes of a body from its beginning."""

from __future__ import annotations

import calendar
import gzip
import re
import socket
import threading
import time
from email.utils import formatdate

from tests.faults.proxy import Exchange, Fault, Gone, Head

FOREVER = 3600.0


def error_xml(code: str, message: str = "", **more: str) -> bytes:
    """An S3 error document."""
    extra = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return (
        f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>'.encode()
    )


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An answer; header names with underscores for dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"Content-Length": str(len(body)), "Date": formatdate(usegmt=True), **named}
    return Head(f"HTTP/1.1 {status} X", list(named.items())).encode() + body


class Reset(Fault):
    """RST before the answer (`after` 0), or after so many bytes of the answer's body."""

    name = "reset"

    def __init__(self, after: int = 0) -> None:
        self.after = after

    def before(self, exchange: Exchange) -> bytes | None:
        if not self.after:
            exchange.reset()
        return None

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        if position + len(chunk) >= self.after:
            exchange.client.sendall(chunk[: self.after - position])
            time.sleep(0.05)  # a reset overtakes what was sent but not read
            exchange.reset()
        return chunk


class ResetUpload(Fault):
    """RST after so many bytes of the request's body."""

    name = "reset"

    def __init__(self, after: int) -> None:
        self.after = after

    def upload(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        if position + len(chunk) >= self.after:
            exchange.reset()
        return chunk


class Stall(Fault):
    """Silence before the answer (`after` 0) or in its body, until the client gives up."""

    name = "stall"

    def __init__(self, after: int = 0, seconds: float = FOREVER) -> None:
        self.after, self.seconds = after, seconds

    def before(self, exchange: Exchange) -> bytes | None:
        if not self.after:
            exchange.silence(self.seconds)
        return None

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        if self.after and position + len(chunk) >= self.after:
            keep = chunk[: max(0, self.after - position)]
            exchange.client.sendall(keep)
            exchange.silence(self.seconds)
            self.after = 0
            return chunk[len(keep) :]
        return chunk


class StallUpload(Fault):
    """The request's body is not read any further after so many bytes."""

    name = "stall"

    def __init__(self, after: int) -> None:
        self.after = after

    def upload(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        if position + len(chunk) >= self.after:
            deadline = time.monotonic() + FOREVER
            while time.monotonic() < deadline and not exchange.proxy.closed:
                time.sleep(0.1)
                if _was_left(exchange):
                    raise Gone
        return chunk


def _was_left(exchange: Exchange) -> bool:
    """Whether the client has closed its side although it has still bytes to be read: TCP_INFO's state
    (linux/tcp.h) is CLOSE_WAIT or later."""
    try:
        state = exchange.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return True
    return state not in (1,)


class Trickle(Fault):
    """From `after` on one byte now and then: never silent, never done."""

    name = "trickle"

    def __init__(self, after: int, every: float = 0.1) -> None:
        self.after, self.every = after, every

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        if position + len(chunk) <= self.after:
            return chunk
        for byte in chunk:
            exchange.client.sendall(bytes([byte]))
            time.sleep(self.every)
            if exchange.proxy.closed:
                raise Gone
        return b""


class Truncate(Fault):
    """The answer ends after so many bytes: with the Content-Length of the whole, or (`honest`) with that of
    what comes."""

    name = "truncated"

    def __init__(self, after: int, *, honest: bool = False) -> None:
        self.after, self.honest = after, honest

    def answered(self, exchange: Exchange, head: Head) -> None:
        if self.honest:
            head.set("Content-Length", str(self.after))

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        if position + len(chunk) >= self.after:
            exchange.client.sendall(chunk[: self.after - position])
            exchange.hang_up()
        return chunk


class WholeInstead(Fault):
    """The Range header never reaches the server: 200 and the whole object."""

    name = "range ignored"

    def before(self, exchange: Exchange) -> bytes | None:
        exchange.request.drop("range")
        return None


class As200(Fault):
    """The range is answered rightly, with status 200 instead of 206."""

    name = "200 for a range"

    def answered(self, exchange: Exchange, head: Head) -> None:
        if head.status == 206:
            head.status = 200


class WrongRange(Fault):
    """Content-Range names other bytes than those that were asked for."""

    name = "wrong range"

    def __init__(self, start: int = 0, end: int = 0, total: int = 0) -> None:
        self.shifts = (start, end, total)

    def answered(self, exchange: Exchange, head: Head) -> None:
        named = re.match(r"bytes (\d+)-(\d+)/(\d+)", head.get("content-range"))
        if named:
            first, last, total = (
                int(text) + shift for text, shift in zip(named.groups(), self.shifts, strict=True)
            )
            head.set("Content-Range", f"bytes {first}-{last}/{total}")


class Flip(Fault):
    """One bit of the answer's body is another one."""

    name = "flipped bit"

    def __init__(self, at: int) -> None:
        self.at = at

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        return flipped(chunk, self.at - position)


class FlipUpload(Flip):
    """One bit of the request's body is another one."""

    def download(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        return chunk

    def upload(self, exchange: Exchange, position: int, chunk: bytes) -> bytes:
        return flipped(chunk, self.at - position)


def flipped(chunk: bytes, at: int) -> bytes:
    if not 0 <= at < len(chunk):
        return chunk
    changed = bytearray(chunk)
    changed[at] ^= 1
    return bytes(changed)


class Gzip(Fault):
    """The body comes compressed, although identity was asked for."""

    name = "gzip"
    rewrites = True

    def body(self, exchange: Exchange, whole: bytes) -> bytes:
        return gzip.compress(whole, 1)

    def answered(self, exchange: Exchange, head: Head) -> None:
        head.set("Content-Encoding", "gzip")


class Say(Fault):
    """This answer, whatever the server would say. Called for a fresh one each time where it is a function."""

    def __init__(self, answer: bytes, name: str = "") -> None:
        self.answer = answer
        self.name = name or answer.split(b"\r\n", 1)[0].decode()

    def before(self, exchange: Exchange) -> bytes | None:
        return self.answer


class LoseReply(Fault):
    """The server does it, and its answer never arrives."""

    name = "lost reply"

    def answered(self, exchange: Exchange, head: Head) -> None:
        exchange.reset()


class Rename(Fault):
    """A header of the answer is another one."""

    name = "changed header"

    def __init__(self, header: str, value: str) -> None:
        self.header, self.value = header, value

    def answered(self, exchange: Exchange, head: Head) -> None:
        head.set(self.header, self.value)


class Repeat(Fault):
    """The first answer that fits is kept and given to every later request."""

    name = "repeated answer"
    rewrites = True

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def before(self, exchange: Exchange) -> bytes | None:
        return self.kept

    def body(self, exchange: Exchange, whole: bytes) -> bytes:
        self.kept = http(200, whole, Content_Type="application/xml")
        return whole


class Quota(Fault):
    """503 SlowDown for every request beyond `rate` a second, as a token bucket; `lift` ends it."""

    name = "SlowDown"

    def __init__(self, rate: float, burst: float = 5.0) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = burst, time.monotonic()
        self._lock = threading.Lock()
        self.lifted = False
        self.refused: list[float] = []

    def before(self, exchange: Exchange) -> bytes | None:
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self.lifted:
                return None
            if self._tokens >= 1:
                self._tokens -= 1
                return None
            self.refused.append(now)
        return http(503, error_xml("SlowDown", "Please reduce your request rate."))


class SkewedClock(Fault):
    """A server whose clock is `ahead` seconds: it refuses requests not dated by it within 15 minutes."""

    name = "RequestTimeTooSkewed"

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead
        self.refusals = 0

    def before(self, exchange: Exchange) -> bytes | None:
        dated = exchange.seen.headers.get("x-amz-date", "")
        if not dated:
            return None
        moment = time.strptime(dated, "%Y%m%dT%H%M%SZ")
        here = time.time() + self.ahead
        if abs(calendar.timegm(moment) - here) <= 900:
            return None
        self.refusals += 1
        body = b"" if exchange.seen.method == "HEAD" else error_xml("RequestTimeTooSkewed", "too far")
        return http(403, body, Date=formatdate(here, usegmt=True), Content_Type="application/xml")

    def answered(self, exchange: Exchange, head: Head) -> None:
        head.set("Date", formatdate(time.time() + self.ahead, usegmt=True))


class TokenExpires(Fault):
    """A server that takes only the newest session token: others are refused as expired."""

    name = "ExpiredToken"

    def __init__(self, good: str) -> None:
        self.good = good
        self.refusals = 0

    def before(self, exchange: Exchange) -> bytes | None:
        sent = exchange.seen.headers.get("x-amz-security-token", "")
        if not exchange.seen.headers.get("authorization") or sent == self.good:
            return None
        self.refusals += 1
        if exchange.seen.method == "HEAD":
            return http(400)
        return http(400, error_xml("ExpiredToken", "The provided token has expired."))
