"""Requests to any web server, on pyreqwest: sent once, redirects followed by hand.

1. `Accept-Encoding: identity` goes along, no cookie, no credentials and no referrer, to whatever host.
2. Redirects are followed, twenty at most; one from https to http is refused (hub/origins.py). What they lead to
   is kept nowhere: signed URLs end, and the next request begins at the URL of the list again.
3. The last answer is handed over, whatever its status.
4. An exchange that breaks is network trouble with the name of its host. A certificate that is not trusted is
   the job's trouble where only one host is asked, else that of the files there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple

from pyreqwest.client import SyncClient
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.response import SyncResponse

from core.errors import FatalTrouble, TransferError
from core.model import Connection
from core.stores.base import CancelFlag, Cancelled
from core.stores.exchange import Response
from core.stores.http_reading import Served, broken
from core.stores.hub.origins import MAX_REDIRECTS, REDIRECTS, host_of, next_hop
from core.stores.s3.headers import whole_number
from core.stores.s3.quick import Lines
from core.stores.s3.wire import STREAM_BUFFER, base_client, header_of, read_at_most
from core.stores.web.errors import Doing, WebFailed

MAX_DRAINED = 8 * 1024  # bytes of a redirect's body that are read, so that the connection can be used again
Header = tuple[str, str]


class Answer(NamedTuple):
    """The last answer on the way. `host` gave it, for `url`, which may hold a signature."""

    response: Response
    host: str
    doing: Doing
    url: str

    @property
    def status(self) -> int:
        return self.response.status

    def header(self, name: str) -> str:
        """Empty when it is absent or not text."""
        return header_of(self.response, name) or ""


class Request(NamedTuple):
    """`alone`: no other host is asked by the same job. `tied` headers go only to the host `tied_to`."""

    doing: Doing
    method: str = "GET"
    headers: Sequence[Header] = ()
    alone: bool = True
    tied: Sequence[Header] = ()
    tied_to: str = ""


class Wire:
    """Called from many threads. `heard`: when each host last answered anything, monotonic seconds."""

    def __init__(self, stall: float, proxy: str, ca_file: str, verify_tls: bool) -> None:
        """`proxy` as Connection.proxy. Raises FatalTrouble for a proxy or a CA file that cannot be used."""
        self.stall = stall
        self.heard: dict[str, float] = {}
        self.served = Served()
        self._connection = Connection(name="web", ca_file=ca_file, verify_tls=verify_tls, proxy=proxy)
        self._client = base_client(self._connection).read_timeout(timedelta(seconds=stall)).build()
        self._knocker: SyncClient | None = None
        self.lines = Lines(self._connection)

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._client.close()
        if self._knocker is not None:
            self._knocker.close()

    @contextmanager
    def answer(self, request: Request, cancelled: CancelFlag) -> Iterator[Answer]:
        """The last answer while its connection is held; what breaks while its body is read is mapped, too."""
        doing, url = request.doing, request.doing.url
        for _ in range(MAX_REDIRECTS + 1):
            if cancelled.is_set():
                raise Cancelled
            host, asked = _host(url, doing), time.monotonic()
            try:
                with self._sent(url, request, host) as response:
                    self.heard[host] = time.monotonic()
                    if response.status not in REDIRECTS:
                        yield Answer(response, host, doing, url)
                        return
                    led = self._led(url, response, doing)
            except PyreqwestError as error:
                # `from None`: the vendor's text repeats the URL, with its signature
                raise _of_one_file(broken(error, doing, host, asked), request) from None
            url = led
        raise WebFailed(f"{doing}: more than {MAX_REDIRECTS} redirects")

    def knock(self, origin: str, seconds: float) -> None:
        """Whether the server answers at all, over a connection of its own. Raises NetworkTrouble,
        FatalTrouble."""
        if self._knocker is None:
            self._knocker = base_client(self._connection).pool_max_idle_per_host(0).build()
        doing, host, asked = Doing("reach", origin), host_of(origin), time.monotonic()
        request = self._knocker.request("HEAD", f"{origin}/").timeout(timedelta(seconds=seconds))
        try:
            request.build().send()
        except PyreqwestError as error:
            raise broken(error, doing, host, asked) from None
        self.heard[host] = time.monotonic()

    @contextmanager
    def _sent(self, url: str, request: Request, host: str) -> Iterator[SyncResponse]:
        headers = [("accept-encoding", "identity"), *request.headers]
        if request.tied_to == host:
            headers += request.tied
        try:
            built = self._client.request(request.method, url).headers(headers)
        except ValueError:
            raise WebFailed(f"{request.doing}: the address cannot be written as a request") from None
        if request.method == "HEAD":
            built = built.timeout(timedelta(seconds=self.stall))
        with built.streamed_read_buffer_limit(STREAM_BUFFER).build_streamed() as response:
            yield response

    def _led(self, url: str, response: SyncResponse, doing: Doing) -> str:
        """Where a redirect leads. Raises WebFailed."""
        length = whole_number(header_of(response, "content-length") or "")
        if 0 <= length <= MAX_DRAINED:
            read_at_most(response, MAX_DRAINED)
        try:
            return next_hop(url, header_of(response, "location") or "", doing)
        except TransferError as error:  # also one that leaves encryption: the other files may be well
            raise WebFailed(error.message) from None


def _host(url: str, doing: Doing) -> str:
    try:
        return host_of(url)
    except ValueError:
        raise WebFailed(f"{doing}: the address cannot be used") from None


def _of_one_file(error: TransferError, request: Request) -> TransferError:
    return WebFailed(error.message) if isinstance(error, FatalTrouble) and not request.alone else error
