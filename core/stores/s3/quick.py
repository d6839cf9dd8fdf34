"""Small objects over lines of the engine's own: QuickSource and QuickTarget for one bucket.

The request and the judgement of its answer are those of the ordinary way (wire.py, reading.py, sending.py);
only who carries the bytes differs. Not for connections that go through a proxy, and not for keys that boto3 has
to ask for.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from core import __version__
from core.errors import FatalTrouble
from core.model import Connection
from core.proxies import proxy_for
from core.stores.exchange import Answer, Ask, AskOrdinarily, Origin
from core.stores.s3.certificates import certificates
from core.stores.s3.errors import Doing
from core.stores.s3.signing import Header
from core.stores.s3.wire import MAX_ERROR, SLOWEST, Wire

_ALWAYS = f"user-agent: haulier/{__version__}\r\naccept-encoding: identity\r\n"


class Lines:
    """The servers of one connection as origins of lines. Safe for several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._origins: dict[str, Origin | None] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    def origin(self, url: str) -> Origin | None:
        """Where "https://host:port" is connected to; None where a proxy, or a setting that only the HTTP client
        understands, is in between."""
        if url not in self._origins:
            with self._lock:
                self._origins[url] = self._found(url)
        return self._origins[url]

    def _found(self, url: str) -> Origin | None:
        try:
            if proxy_for(url, self._connection.proxy):
                return None
            parts = urlsplit(url)
            if not parts.hostname:
                return None
            if parts.scheme != "https":
                return Origin(parts.hostname, parts.port or 80)
            return Origin(parts.hostname, parts.port or 443, self._context())
        except (FatalTrouble, ValueError, ssl.SSLError, OSError):
            return None  # the ordinary way says what is wrong

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            context = ssl.create_default_context()
            for certificate in certificates(self._connection.ca_file):
                context.load_verify_locations(cadata=certificate.decode("ascii"))
            if not self._connection.verify_tls:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["http/1.1"])
            self._tls = context
        return self._tls


def head_of(method: str, target: str, headers: Sequence[Header]) -> bytes | None:
    """A request up to its body, with what all of ours say; None for a header that cannot be written, of which
    the ordinary way says which it is."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    ends = len(headers)
    if text.count("\n") != ends or text.count("\r") != ends or "\0" in text or not text.isascii():
        return None
    return f"{method} {target} HTTP/1.1\r\n{text}{_ALWAYS}\r\n".encode()


def written(
    lines: Lines,
    wire: Wire,
    doing: Doing,
    method: str,
    headers: Sequence[Header],
    body: bytes | memoryview = b"",
    *,
    query: str = "",
    expected: int = 0,
    seconds: float = 0.0,
) -> Ask | None:
    """A request for a line; None where it has to go the ordinary way. `expected` bytes are to come, within
    `seconds`, which are reckoned from the sizes when not given. Raises BadCredentials."""
    region = wire.region_of(doing.bucket)
    location, target, signed = wire.written(doing, method, query, headers, region)
    origin = lines.origin(location.origin)
    if origin is None:
        return None
    if method != "GET":
        signed = [*signed, ("content-length", str(len(body)))]
    head = head_of(method, target, signed)
    if head is None:
        return None
    return Ask(
        origin=origin,
        head=head,
        body=body,
        most=max(expected, MAX_ERROR),
        seconds=seconds or wire.stall + max(expected, len(body)) / SLOWEST,
        doing=doing,
        host=wire.host_of(doing.bucket),
        region=region,
    )


def accepted(wire: Wire, ask: Ask, answer: Answer, doing: Doing) -> None:
    """Raises TransferError for a refusal, AskOrdinarily when something was learnt from it."""
    body = b"" if answer.status < 300 and "etag" in answer.headers else bytes(answer.body)
    if wire.accept(answer, body, doing, ask.region):
        raise AskOrdinarily
