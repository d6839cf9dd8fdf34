"""Raw S3 requests: the data plane, on pyreqwest (Rust) with signatures by awscrt.

One request, step by step:

1. The bucket's region is looked up: learnt before, else the connection's own.
2. Host and path follow from endpoint, bucket and region (addressing.py). The key is percent-encoded byte by
   byte; keys with a "." or ".." segment never come here, because the URL parser would collapse them.
3. Headers are signed (SigV4, payload unsigned) and the request is sent once. Nothing is followed, decoded or
   decompressed; `Accept-Encoding: identity` is sent so that nobody compresses on the way.
4. A 2xx is handed to the caller, who checks what it says.
5. An answer that names another region (301, 307, or 400 with x-amz-bucket-region or <Region>) teaches the
   bucket's region, and the request is sent a second and last time.
6. Every other answer is read (at most `MAX_ERROR` bytes) and raised as a TransferError (errors.py). A refused
   credential is forgotten, so that a mended one is found at the next try. Nothing is retried here.

Two clients, because a read timeout in reqwest runs from the moment a request is sent: it would cut a slow
upload that is going well. Downloads have a read timeout; uploads have TCP_USER_TIMEOUT, which ends a connection
whose peer acknowledges nothing, and a generous limit for the whole request.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from pyreqwest.client import SyncClient, SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.request import SyncRequestBuilder
from pyreqwest.response import SyncResponse

from core import __version__
from core.errors import BadCredentials, FatalTrouble, FileTrouble, NetworkTrouble, TransferError
from core.model import Connection
from core.stores.s3.addressing import Endpoint, Location
from core.stores.s3.certificates import certificates
from core.stores.s3.errors import Doing, Refusal, broken_line, refusal_from, refused
from core.stores.s3.signing import Header, Signer

CONNECT_TIMEOUT = timedelta(seconds=10)
READ_TIMEOUT = timedelta(seconds=60)
IDLE_TIMEOUT = timedelta(seconds=20)  # servers close idle connections; stay below what is usual
MAX_IDLE = 128
SLOWEST_UPLOAD = 8 * 1024  # bytes per second below which an upload is given up
UPLOAD_GRACE = 120  # seconds for the answer after the last byte
SERVER_SIDE_SECONDS = 1200  # the server copies up to 5 GiB before it answers
MAX_ERROR = 64 * 1024
STREAM_BUFFER = 1 << 16  # pyreqwest fills it before it hands over the answer; more is not faster

Body = bytes | memoryview
MOVED = frozenset({301, 302, 307, 308, 400})


class Wire:
    """Sends requests to one service. Called from many threads."""

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        signer: Signer,
        region_of: Callable[[str], str],
        learn_region: Callable[[str, str], None],
        forget_credentials: Callable[[], None],
        stall: timedelta = READ_TIMEOUT,
    ) -> None:
        self._endpoint = endpoint
        self._signer = signer
        self._region_of = region_of
        self._learn_region = learn_region
        self._forget_credentials = forget_credentials
        self._locations: dict[tuple[str, str], Location] = {}
        self._down = base_client(connection).read_timeout(stall).build()
        up = base_client(connection)
        if sys.platform == "linux":
            up = up.tcp_user_timeout(stall)
        self._up = up.build()

    def ask(
        self,
        doing: Doing,
        method: str,
        *,
        query: str = "",
        headers: Sequence[Header] = (),
    ) -> SyncResponse:
        """Send a request without a body and read its whole answer. For small answers and small objects."""
        region = self._region_of(doing.bucket)
        for _ in range(2):
            request = self._request(self._down, doing, method, query, headers, region)
            response = consumed(request, doing)
            if response.status < 300:
                return response
            refusal = self._refusal(response, response.bytes().to_bytes()[:MAX_ERROR])
            region = self._moved(refusal, doing, region)
        raise AssertionError("unreachable: the second try either returns or raises")

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

        `seconds` limits the whole exchange; 0: reckoned from the body's size.
        """
        region = self._region_of(doing.bucket)
        limit = timedelta(seconds=seconds or UPLOAD_GRACE + len(body) / SLOWEST_UPLOAD)
        for _ in range(2):
            request = self._request(self._up, doing, method, query, headers, region).timeout(limit)
            # reqwest sends no Content-Length for an empty body, and S3 answers 411.
            request = request.body_bytes(body) if len(body) else request.header("content-length", "0")
            response = consumed(request, doing)
            if response.status < 300:
                return response
            refusal = self._refusal(response, response.bytes().to_bytes()[:MAX_ERROR])
            region = self._moved(refusal, doing, region)
        raise AssertionError("unreachable: the second try either returns or raises")

    @contextmanager
    def stream(
        self,
        doing: Doing,
        *,
        query: str = "",
        headers: Sequence[Header] = (),
        buffer: int = STREAM_BUFFER,
    ) -> Iterator[SyncResponse]:
        """GET with the answer's body still to be read from `body_reader`; errors of reading are mapped too."""
        region = self._region_of(doing.bucket)
        for _ in range(2):
            request = self._request(self._down, doing, "GET", query, headers, region)
            try:
                with request.streamed_read_buffer_limit(buffer).build_streamed() as response:
                    if response.status < 300:
                        yield response
                        return
                    refusal = self._refusal(response, read_at_most(response, MAX_ERROR))
            except PyreqwestError as error:
                raise broken_line(error, doing) from None
            region = self._moved(refusal, doing, region)

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._down.close()
        self._up.close()

    def _request(
        self,
        client: SyncClient,
        doing: Doing,
        method: str,
        query: str,
        headers: Sequence[Header],
        region: str,
    ) -> SyncRequestBuilder:
        location = self._locations.get((doing.bucket, region))
        if location is None:
            location = self._endpoint.locate(doing.bucket, region)
            self._locations[doing.bucket, region] = location
        target = location.path(doing.key)
        if query:
            target = f"{target}?{query}"
        try:
            signed = self._signer.sign(method, target, [("host", location.host), *headers], region)
        except BadCredentials:
            self._forget_credentials()
            raise
        try:
            # The host header is reqwest's own, equal to the signed one.
            return client.request(method, location.origin + target).headers(signed[1:])
        except ValueError as error:
            raise FileTrouble(f"{doing}: cannot be written as a request ({error})") from None

    def _refusal(self, response: SyncResponse, body: bytes) -> Refusal:
        return refusal_from(response.status, lambda name: header_of(response, name), body)

    def _moved(self, refusal: Refusal, doing: Doing, region: str) -> str:
        """The region to try again with, or the error raised."""
        if refusal.status in MOVED and refusal.region and refusal.region != region:
            self._learn_region(doing.bucket, refusal.region)
            learnt = self._region_of(doing.bucket)
            if learnt != region:
                return learnt
        error = self._mapped(refusal, doing)
        raise error

    def _mapped(self, refusal: Refusal, doing: Doing) -> TransferError:
        if 300 <= refusal.status < 400:
            return FatalTrouble(f"{doing}: the server points elsewhere ({refusal.status} {refusal.code})")
        error = refused(refusal, doing)
        if isinstance(error, BadCredentials):
            self._signer.forget()
            self._forget_credentials()
        return error


def consumed(request: SyncRequestBuilder, doing: Doing) -> SyncResponse:
    """Send and read all. Raises NetworkTrouble or FatalTrouble."""
    try:
        return request.build().send()
    except PyreqwestError as error:
        # `from None`: the vendor's text repeats the URL in full
        raise broken_line(error, doing) from None


def read_at_most(response: SyncResponse, limit: int) -> bytes:
    """The first `limit` bytes of a body that may be endless."""
    pieces: list[bytes] = []
    left = limit
    while left > 0 and (piece := response.body_reader.read(left)) is not None:
        pieces.append(piece.to_bytes())
        left -= len(pieces[-1])
    return b"".join(pieces)


def header_of(response: SyncResponse, name: str) -> str | None:
    """A header's value; None when absent or not text."""
    try:
        return response.get_header(name)
    except ValueError:
        return None


def base_client(connection: Connection) -> SyncClientBuilder:
    """What both clients share. Proxies come from the environment. Raises FatalTrouble for a bad CA file."""
    builder = (
        SyncClientBuilder()
        .runtime_multithreaded(True)
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
    return builder


def unexpected_end(doing: Doing, got: int, wanted: int) -> NetworkTrouble:
    """A body of the wrong length."""
    return NetworkTrouble(f"{doing}: {got} bytes came where {wanted} were announced")
