"""Raw S3 requests: the data plane, on pyreqwest (Rust), with signatures of our own (signing.py).

One request, step by step:

1. The bucket's region is looked up: learnt before, else the connection's own.
2. Host and path follow from endpoint, bucket and region (addressing.py). The key is percent-encoded byte by
   byte; keys with a "." or ".." segment never come here, because the URL parser would collapse them.
3. Headers are signed (SigV4, payload unsigned) and the request is sent once. Nothing is followed, decoded or
   decompressed; `Accept-Encoding: identity` is sent so that nobody compresses on the way.
4. A 2xx is handed to the caller, who checks what it says.
5. An answer that names another region (301, 307, or 400 with x-amz-bucket-region or <Region>) teaches the
   bucket's region, and the request is sent once more.
6. A refusal because of the clock teaches the difference (clock.py), and the request is sent once more.
7. Every other answer is read (at most `MAX_ERROR` bytes) and raised as a TransferError (errors.py). A refused
   credential is forgotten, so that a mended one is found at the next try. Nothing is retried here.
8. A web page where S3 should answer (a network that wants a login first) is network trouble, never content.

No progress for `stall` seconds is network trouble, and so is less than `SLOWEST` bytes a second over that time.
Downloads and uploads have clients of their own, because a read timeout in reqwest runs from the moment a
request is sent: it would cut a slow upload that is going well. Downloads have a read timeout, and what reads
them watches their pace (reading.py). Uploads have TCP_USER_TIMEOUT, which ends a connection whose peer
acknowledges nothing, and a limit for the whole request that follows the pace of those before it (`Pace`).

Small answers and small bodies have clients of their own, too, with one thread for all their sockets: handing
each of them to one of several costs more than the bytes (10 000 × 16 KiB took 5.1 s instead of 6.2 s).
Whole small objects are quicker still over lines of the engine's own (quick.py, core/stores/exchange.py):
`written` and `accept` are the first and the last steps of the above for them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from pyreqwest.client import SyncClient, SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import SyncRequestBuilder
from pyreqwest.response import SyncResponse

from core import __version__
from core.errors import BadCredentials, FatalTrouble, FileTrouble, NetworkTrouble, TransferError
from core.model import NO_PROXY, Connection
from core.stores.exchange import Response
from core.stores.s3.addressing import Endpoint, Location
from core.stores.s3.answers import BadAnswer, leaf_texts
from core.stores.s3.certificates import certificates
from core.stores.s3.clock import Clock
from core.stores.s3.errors import Doing, Refusal, broken_line, not_from_s3, refusal_from, refused
from core.stores.s3.signing import Header, Signer

CONNECT_TIMEOUT = timedelta(seconds=10)
STALL = 60.0  # seconds
IDLE_TIMEOUT = timedelta(seconds=20)  # servers close idle connections; stay below what is usual
MAX_IDLE = 128
SLOWEST = 1024  # bytes per second of one connection; what is slower for the stall time has stalled
SERVER_SIDE_SECONDS = 1200  # the server copies up to 5 GiB before it answers
MAX_ERROR = 64 * 1024
MAX_SNIFFED = 1024
MIN_MEASURED = 256 * 1024  # bytes; smaller bodies tell more of the server than of the line
SMALL_BODY = 64 * 1024  # bytes; what is larger is worth several threads
STREAM_BUFFER = 1  # pyreqwest fills it before it hands over the answer: a trickle would hide behind more

Body = bytes | memoryview
MOVED = frozenset({301, 302, 307, 308, 400})
OF_WEB_PAGES = frozenset({200, 203, 302, 303})  # what login pages of networks come with
ROUNDS = 3  # of one request: as it was meant, in another region, by another clock


class Pace:
    """How long an upload may take, reckoned from how fast the last ones were. Races only blur it."""

    EXPECTED = 128 * 1024  # bytes per second of one connection, before anything is known
    SPREAD = 16  # an upload may be so much slower than the last ones
    LEAST = 60.0  # seconds for the server's answer after the last byte, whatever the stall time

    def __init__(self, stall: float) -> None:
        self._grace = stall if stall < STALL else max(stall, self.LEAST)
        self.rate = float(self.EXPECTED)

    def seconds_for(self, size: int) -> float:
        """The limit for a request with a body of `size` bytes."""
        return self._grace + size / max(self.rate / self.SPREAD, SLOWEST)

    def took(self, size: int, seconds: float) -> None:
        if size >= MIN_MEASURED:
            self.rate += 0.3 * (size / max(seconds, 0.001) - self.rate)

    def was_cut(self) -> None:
        """The limit struck: perhaps the line only became slow."""
        self.rate = max(float(SLOWEST), self.rate / 8)


class Wire:
    """Sends requests to one service. Called from many threads. `heard` says of each host when it last answered
    anything, in monotonic seconds."""

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        signer: Signer,
        region_of: Callable[[str], str],
        learn_region: Callable[[str, str], None],
        forget_credentials: Callable[[], None],
        stall: float = STALL,
        *,
        clock: Clock | None = None,
        host_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`host_of` names the server that is asked about a bucket; `stall` is in seconds."""
        self.stall = stall
        self.heard: dict[str, float] = {}
        self._clock = clock or Clock()
        self.host_of = host_of
        self._pace = Pace(stall)
        self._connection = connection
        self._knocker: SyncClient | None = None
        self._endpoint = endpoint
        self._signer = signer
        self.region_of = region_of
        self._learn_region = learn_region
        self._forget_credentials = forget_credentials
        self._locations: dict[tuple[str, str], Location] = {}
        seconds = timedelta(seconds=stall)
        self._asking = base_client(connection, one_thread=True).read_timeout(seconds).build()
        self._down = base_client(connection).read_timeout(seconds).build()
        self._putting, self._up = (self._for_uploads(one_thread).build() for one_thread in (True, False))

    def ask(
        self,
        doing: Doing,
        method: str,
        *,
        query: str = "",
        headers: Sequence[Header] = (),
        expected: int = MAX_ERROR,
    ) -> SyncResponse:
        """Send a request without a body and read its whole answer, of about `expected` bytes. For small answers
        and small objects."""
        region = self.region_of(doing.bucket)
        limit = timedelta(seconds=self.stall + expected / SLOWEST)
        for _ in range(ROUNDS):
            request = self._request(self._asking, doing, method, query, headers, region).timeout(limit)
            response = self._consumed(request, doing)
            if response.status < 300:
                return response
            refusal = self._refusal(response, response.bytes().to_bytes()[:MAX_ERROR])
            region = self._moved(refusal, response, doing, region)
        raise NetworkTrouble(f"{doing}: the server sends from one place to the next")

    def send(
        self,
        doing: Doing,
        method: str,
        body: Body,
        *,
        query: str = "",
        headers: Sequence[Header] = (),
        seconds: float = 0.0,
    ) -> SyncResponse:
        """Send a request with a body (which may be empty) and read its whole answer.

        `seconds` limits the whole exchange; 0: reckoned from the body's size and the pace of late.
        """
        region = self.region_of(doing.bucket)
        size = len(body)
        limit = timedelta(seconds=seconds or self._pace.seconds_for(size))
        for _ in range(ROUNDS):
            client = self._putting if size <= SMALL_BODY else self._up
            request = self._request(client, doing, method, query, headers, region).timeout(limit)
            # reqwest sends no Content-Length for an empty body, and S3 answers 411.
            request = request.body_bytes(body) if size else request.header("content-length", "0")
            began = time.monotonic()
            try:
                response = self._consumed(request, doing)
            except NetworkTrouble:
                if time.monotonic() - began >= limit.total_seconds():
                    self._pace.was_cut()
                raise
            self._pace.took(size, time.monotonic() - began)
            if response.status < 300:
                return response
            refusal = self._refusal(response, response.bytes().to_bytes()[:MAX_ERROR])
            region = self._moved(refusal, response, doing, region)
        raise NetworkTrouble(f"{doing}: the server sends from one place to the next")

    @contextmanager
    def stream(
        self,
        doing: Doing,
        *,
        query: str = "",
        headers: Sequence[Header] = (),
        seconds: float = 0.0,
    ) -> Iterator[SyncResponse]:
        """GET with the answer's body still to be read from `body_reader`; errors of reading are mapped too.

        `seconds` limits the whole exchange; 0: whoever reads watches the pace.
        """
        region = self.region_of(doing.bucket)
        for _ in range(ROUNDS):
            request = self._request(self._down, doing, "GET", query, headers, region)
            if seconds:
                request = request.timeout(timedelta(seconds=seconds))
            asked = time.monotonic()
            try:
                with request.streamed_read_buffer_limit(STREAM_BUFFER).build_streamed() as response:
                    self._answered(response, doing)
                    if response.status < 300:
                        yield response
                        return
                    refusal = self._refusal(response, read_at_most(response, MAX_ERROR))
            except PyreqwestError as error:
                raise self._broken(error, doing, asked) from None
            region = self._moved(refusal, response, doing, region)
        raise NetworkTrouble(f"{doing}: the server sends from one place to the next")

    def knock(self, bucket: str, seconds: float) -> None:
        """Whether the server answers at all: HEAD of the bucket, unsigned, over a connection of its own; what
        it answers does not matter, unless it is a web page. Raises NetworkTrouble, FatalTrouble."""
        if self._knocker is None:
            self._knocker = base_client(self._connection).pool_max_idle_per_host(0).build()
        location = self._endpoint.locate(bucket, self.region_of(bucket))
        request = self._knocker.request("HEAD", location.origin + location.path(""))
        self._consumed(request.timeout(timedelta(seconds=seconds)), Doing("reach", bucket))

    def _consumed(self, request: SyncRequestBuilder, doing: Doing) -> SyncResponse:
        """Send and read all. Raises NetworkTrouble or FatalTrouble."""
        asked = time.monotonic()
        try:
            response = request.build().send()
        except PyreqwestError as error:
            # `from None`: the vendor's text repeats the URL in full
            raise self._broken(error, doing, asked) from None
        self._answered(response, doing, read=True)
        return response

    def _broken(self, error: PyreqwestError, doing: Doing, asked: float) -> TransferError:
        made = broken_line(error, doing, self.host_of(doing.bucket))
        made.asked = asked
        return made

    def _answered(self, response: SyncResponse, doing: Doing, *, read: bool = False) -> None:
        """Something came back; `read` says that its body is here. Raises NetworkTrouble when no S3 server said
        it."""
        host = self.host_of(doing.bucket)
        if may_be_web_page(response) and not (read and is_no_web_page(response, response.bytes().to_bytes())):
            raise not_from_s3(doing, response.status, header_of(response, "location") or "", host)
        self.heard[host] = time.monotonic()

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        for client in (self._asking, self._down, self._putting, self._up):
            client.close()
        if self._knocker is not None:
            self._knocker.close()

    def _for_uploads(self, one_thread: bool) -> SyncClientBuilder:
        builder = base_client(self._connection, one_thread=one_thread)
        if sys.platform == "linux":
            builder = builder.tcp_user_timeout(timedelta(seconds=self.stall))
        return builder

    def written(
        self, doing: Doing, method: str, query: str, headers: Sequence[Header], region: str
    ) -> tuple[Location, str, list[Header]]:
        """Where a request goes, its path and query, and its headers with the signature; the first is `host`.
        Raises BadCredentials."""
        location = self._locations.get((doing.bucket, region))
        if location is None:
            location = self._endpoint.locate(doing.bucket, region)
            self._locations[doing.bucket, region] = location
        target = location.path(doing.key)
        if query:
            target = f"{target}?{query}"
        try:
            return (
                location,
                target,
                self._signer.sign(method, target, [("host", location.host), *headers], region),
            )
        except BadCredentials:
            self._forget_credentials()
            raise

    def accept(self, response: Response, body: bytes, doing: Doing, region: str) -> str:
        """Look at an answer whose `body` was read: empty for what may be looked at closer, else the region to
        try again with. Raises TransferError for a refusal."""
        if may_be_web_page(response) and not is_no_web_page(response, body):
            raise not_from_s3(
                doing, response.status, header_of(response, "location") or "", self.host_of(doing.bucket)
            )
        self.heard[self.host_of(doing.bucket)] = time.monotonic()
        if response.status < 300:
            return ""
        refusal = refusal_from(response.status, lambda name: header_of(response, name), body[:MAX_ERROR])
        return self._moved(refusal, response, doing, region)

    def _request(
        self,
        client: SyncClient,
        doing: Doing,
        method: str,
        query: str,
        headers: Sequence[Header],
        region: str,
    ) -> SyncRequestBuilder:
        location, target, signed = self.written(doing, method, query, headers, region)
        try:
            # The host header is reqwest's own, equal to the signed one.
            return client.request(method, location.origin + target).headers(signed[1:])
        except ValueError as error:
            raise FileTrouble(f"{doing}: cannot be written as a request ({error})") from None

    def _refusal(self, response: SyncResponse, body: bytes) -> Refusal:
        return refusal_from(response.status, lambda name: header_of(response, name), body)

    def _moved(self, refusal: Refusal, response: Response, doing: Doing, region: str) -> str:
        """The region to try again with, or the error raised."""
        if refusal.status in MOVED and refusal.region and refusal.region != region:
            self._learn_region(doing.bucket, refusal.region)
            learnt = self.region_of(doing.bucket)
            if learnt != region:
                return learnt
        if self._clock.learn(refusal):
            return region
        if 300 <= refusal.status < 400:
            elsewhere = header_of(response, "location") or ""
            where = f" to {urlsplit(elsewhere).netloc}" if elsewhere else ""
            raise FatalTrouble(
                f"{doing}: the server points elsewhere{where} ({refusal.status} {refusal.code}), "
                "where no credentials are sent"
            )
        error = refused(refusal, doing)
        if isinstance(error, BadCredentials):
            self._signer.forget()
            self._forget_credentials()
        raise error


def may_be_web_page(response: Response) -> bool:
    """Whether nothing in an answer's head says S3, and its type says web page or it leads to one. Objects that
    are web pages have an ETag."""
    status = response.status
    if status not in OF_WEB_PAGES:
        return False
    kind = header_of(response, "content-type") or ""
    if status < 300 and not kind.startswith("text/html"):
        return False
    if header_of(response, "etag") is not None or "xml" in kind:
        return False
    try:
        return not any(name.lower().startswith("x-amz-") for name in response.headers)
    except ValueError:
        return False


def is_no_web_page(response: Response, body: bytes) -> bool:
    """Whether the body shows that it is none after all; a HEAD's answer has none to show."""
    body = body[:MAX_SNIFFED]
    if response.status >= 300 or (not body and header_of(response, "content-length") not in {None, "0"}):
        return False
    return b"<html" not in body.lower()


def texts_of(response: Response, body: bytes, doing: Doing) -> Mapping[str, str]:
    """The document of a success, which may be an error all the same. Raises NetworkTrouble for one that cannot
    be read, and what an error says."""
    try:
        root, texts = leaf_texts(body)
    except BadAnswer as error:
        raise NetworkTrouble(f"{doing}: {error}") from None
    if root == "Error":
        raise refused(refusal_from(500, lambda name: header_of(response, name), body), doing)
    return texts


def read_at_most(response: SyncResponse, limit: int) -> bytes:
    """The first `limit` bytes of a body that may be endless."""
    pieces: list[bytes] = []
    left = limit
    while left > 0 and (piece := response.body_reader.read(left)) is not None:
        pieces.append(piece.to_bytes())
        left -= len(pieces[-1])
    return b"".join(pieces)


def header_of(response: Response, name: str) -> str | None:
    """A header's value; None when absent or not text."""
    try:
        return response.get_header(name)
    except ValueError:
        return None


def base_client(connection: Connection, *, one_thread: bool = False) -> SyncClientBuilder:
    """What all clients share. `one_thread` serves all sockets of the client. Proxies come from the connection,
    else from the environment (core/proxies.py). Raises FatalTrouble for a bad CA file or a proxy that cannot be
    used."""
    builder = (
        SyncClientBuilder()
        .runtime_multithreaded(not one_thread)
        .http1_only()
        .follow_redirects(False)
        .referer(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .user_agent(f"haulier/{__version__}")
        .default_headers([("accept-encoding", "identity")])
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE)
        .tcp_keepalive(timedelta(seconds=30))
        .danger_accept_invalid_certs(not connection.verify_tls)
    )
    for certificate in certificates(connection.ca_file):
        builder = builder.add_root_certificate_pem(certificate)
    if connection.proxy == NO_PROXY:
        return builder.no_proxy()
    if connection.proxy:
        try:
            return builder.proxy(ProxyBuilder.all(connection.proxy))
        except (ValueError, PyreqwestError):
            raise FatalTrouble(f"connection {connection.name}: its proxy cannot be used") from None
    return builder


def unexpected_end(doing: Doing, got: int, wanted: int) -> NetworkTrouble:
    """A body of the wrong length."""
    return NetworkTrouble(f"{doing}: {got} bytes came where {wanted} were announced")
