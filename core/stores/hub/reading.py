"""The bytes of a file at one commit, over pyreqwest.

One reading, step by step:

1. A signed URL that is known and still good is used; else the file is resolved at the Hub, which is charged to
   the "resolvers" quota.
2. Every request names its range, because the Hub's storage refuses very large files without one, and asks for
   `identity`. Redirects are followed by hand; the token goes only to a Hub (origins.py).
3. What the Hub tells on the way (commit, digest, size) is compared with what was listed.
4. 206 is taken when start, end and total are the wanted ones; 200 when the whole file was wanted and its length
   is right. Everything else is discarded.
5. Storage that refuses its URL (401, 403) has let it expire: the file is resolved anew, `ROUNDS` times at most.
6. The answer that resolves a file tells its Xet hash. Where Xet is wanted, or storage refuses the range itself
   (400), the bytes come that way (xet.py); a hidden hash means that they cannot.

Nothing else is tried again. The content itself is compared by whoever has all of it (digests.py): a wrong body
of the right length shows only there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec
from pyreqwest.client import SyncClient
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.response import SyncResponse

from core.errors import (
    BadCredentials,
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    Throttled,
    TransferError,
)
from core.model import Connection, Entry
from core.stores.base import CancelFlag, Cancelled, ObjectInfo
from core.stores.http_reading import (
    PLAIN,
    Watch,
    broken,
    content_range,
    unsatisfied_total,
    watched,
)
from core.stores.hub.digests import git_etag, lfs_etag
from core.stores.hub.errors import (
    Doing,
    RepoMissing,
    RevisionMissing,
    SourceWithdrawn,
    not_from_a_hub,
    refusal_from,
    refused,
)
from core.stores.hub.names import RepoName
from core.stores.hub.origins import MAX_REDIRECTS, REDIRECTS, Origins, host_of, next_hop
from core.stores.hub.quota import RESOLVERS, Quotas
from core.stores.hub.signed import Key, SignedUrls
from core.stores.hub.tokens import Token
from core.stores.hub.xet import Xet, XetBody, XetHashes
from core.stores.s3.errors import RangesUnsupported, retry_after_seconds
from core.stores.s3.etag import unquoted
from core.stores.s3.headers import whole_number
from core.stores.s3.wire import MAX_ERROR, STREAM_BUFFER, base_client, header_of, read_at_most

ROUNDS = 3  # of resolving one file for one reading
PAGES = (".html", ".htm", ".HTML", ".HTM")


class Wanted(msgspec.Struct, frozen=True):
    """One reading."""

    repo: RepoName
    commit: str
    entry: Entry
    offset: int
    length: int
    xet: bool = False  # through Xet where the file is there

    @property
    def doing(self) -> Doing:
        return Doing("get", str(self.repo), self.commit, self.entry.key)

    @property
    def key(self) -> Key:
        return (str(self.repo), self.commit, self.entry.key)

    @property
    def range(self) -> str:
        return f"bytes={self.offset}-{self.offset + max(self.length, 1) - 1}"


class UrlRefused(Exception):
    """Storage no longer takes this signed URL."""

    def __init__(self, url: str, error: TransferError) -> None:
        super().__init__("refused")
        self.url = url
        self.error = error


class XetOffered(Exception):
    """The bytes can be had through Xet."""

    def __init__(self, file_hash: str) -> None:
        super().__init__("offered")
        self.file_hash = file_hash


class HubBody:
    """Exactly `length` bytes as they arrive, or an error (http_reading.py)."""

    modified_ns = 0  # the Hub keeps no times of files

    def __init__(self, response: SyncResponse, wanted: Wanted, watch: Watch) -> None:
        self.info = ObjectInfo(entry=wanted.entry, version_id=wanted.commit)
        self.host = watch.host
        self._response = response
        self._length = wanted.length
        self._watch = watch

    def __iter__(self) -> Iterator[memoryview]:
        return watched(self._response, self._length, self._watch)


class Reading:
    """Reads files of one Hub. Called from many threads. `heard`: when each host last answered (monotonic)."""

    def __init__(
        self,
        origins: Origins,
        token: Callable[[], Token | None],
        forget_token: Callable[[], None],
        quotas: Quotas,
        connection: Connection,
        stall: float,
        xet: Xet,
    ) -> None:
        """Of `connection` only `ca_file`, `verify_tls` and `proxy` are looked at. `own_way`: other programs
        would not reach this Hub as it is reached here."""
        self.origins = origins
        self.xet = xet
        self.served = xet.served
        self.heard: dict[str, float] = {}
        self._urls = SignedUrls()
        self._hashes = XetHashes()
        self._token = token
        self._forget_token = forget_token
        self._quotas = quotas
        self._stall = stall
        self.own_way = bool(connection.ca_file or connection.proxy or not connection.verify_tls)
        self._client: SyncClient = base_client(connection).read_timeout(timedelta(seconds=stall)).build()

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._client.close()

    @contextmanager
    def body(self, wanted: Wanted, cancelled: CancelFlag) -> Iterator[HubBody | XetBody]:
        """The answer's body while the connection is held. See Source.read."""
        file_hash = self._hashes.get(wanted.key) if wanted.xet else self._hashes.needed(wanted.key)
        left = ROUNDS
        while not file_hash:
            left -= 1
            try:
                with self._led(wanted, cancelled) as body:
                    yield body
                    return
            except UrlRefused as refusal:
                self._urls.forget(wanted.key, refusal.url)
                if not left:
                    raise refusal.error from None
            except XetOffered as offer:
                file_hash = offer.file_hash
        with self.xet.body(wanted, file_hash, cancelled) as streamed:
            yield streamed

    def storage_url(self, wanted: Wanted, cancelled: CancelFlag) -> str:
        """A signed URL of the whole file at the Hub's storage; empty when the Hub serves the file itself. Only
        the Hub is asked, and by its token. Raises as `body` does."""
        if url := self._urls.get(wanted.key):
            return url
        doing = wanted.doing
        url = self.origins.url(wanted.repo.resolve_path(wanted.commit, wanted.entry.key))
        for _ in range(MAX_REDIRECTS + 1):
            host, asked, token = host_of(url), time.monotonic(), self._token()
            try:
                with self._asked_hub(url, wanted, token, cancelled) as response:
                    if response.status in (200, 206):  # ranges or not: the Hub serves it itself
                        return ""
                    if response.status not in REDIRECTS:
                        self._check(response, wanted, url, token)
                        return ""
                    read_at_most(response, MAX_ERROR)
                    led = next_hop(url, header_of(response, "location") or "", doing)
                    if not self.origins.is_hub(led):
                        self._urls.keep(wanted.key, led, header_of(response, "date") or "")
                        return led
            except PyreqwestError as error:
                raise broken(error, doing, host, asked) from None
            url = led
        raise FileTrouble(f"{doing}: more than {MAX_REDIRECTS} redirects")

    def forget_url(self, key: Key, url: str) -> None:
        """Storage refused this signed URL."""
        self._urls.forget(key, url)

    @contextmanager
    def _led(self, wanted: Wanted, cancelled: CancelFlag) -> Iterator[HubBody]:
        """From the known URL or the Hub along all redirects to the bytes."""
        doing = wanted.doing
        url = self._urls.get(wanted.key)
        if not url:
            url = self.origins.url(wanted.repo.resolve_path(wanted.commit, wanted.entry.key))
        for _ in range(MAX_REDIRECTS + 1):
            if cancelled.is_set():
                raise Cancelled
            from_hub = self.origins.is_hub(url)
            token = self._token() if from_hub else None
            host, asked = host_of(url), time.monotonic()
            try:
                with (
                    self._asked_hub(url, wanted, token, cancelled)
                    if from_hub
                    else self._asked(url, wanted, token)
                ) as response:
                    if response.status not in REDIRECTS:
                        self._check(response, wanted, url, token)
                        watch = Watch(doing, host, self._stall, self.served, cancelled)
                        yield HubBody(response, wanted, watch)
                        return
                    read_at_most(response, MAX_ERROR)
                    led = next_hop(url, header_of(response, "location") or "", doing)
                    if from_hub:
                        self._hashes.keep(wanted.key, header_of(response, "x-xet-hash") or "")
                        if wanted.xet and (file_hash := self._hashes.get(wanted.key)):
                            raise XetOffered(file_hash)
                    if from_hub and not self.origins.is_hub(led):
                        self._urls.keep(wanted.key, led, header_of(response, "date") or "")
            except PyreqwestError as error:
                # `from None`: the vendor's text repeats the URL, with its signature
                raise broken(error, doing, host, asked) from None
            url = led
        raise FileTrouble(f"{doing}: more than {MAX_REDIRECTS} redirects")

    @contextmanager
    def _asked_hub(
        self, url: str, wanted: Wanted, token: Token | None, cancelled: CancelFlag
    ) -> Iterator[SyncResponse]:
        """Every request to the Hub is charged to a quota; one to storage is not."""
        with (
            self._quotas.charged(RESOLVERS, wanted.doing, cancelled) as charge,
            self._asked(url, wanted, token) as response,
        ):
            charge.told(header_of(response, "ratelimit") or "", header_of(response, "ratelimit-policy") or "")
            check_told(response, wanted)
            yield response

    @contextmanager
    def _asked(self, url: str, wanted: Wanted, token: Token | None) -> Iterator[SyncResponse]:
        headers = [("range", wanted.range), ("accept-encoding", "identity")]
        if token is not None:
            headers.append(("authorization", token.header()))
        try:
            request = self._client.get(url).headers(headers)
        except ValueError:
            raise FileTrouble(f"{wanted.doing}: the address cannot be written as a request") from None
        with request.streamed_read_buffer_limit(STREAM_BUFFER).build_streamed() as response:
            self.heard[host_of(url)] = time.monotonic()
            yield response

    def _check(self, response: SyncResponse, wanted: Wanted, url: str, token: Token | None) -> None:
        """Raises when this is not the wanted range of the wanted file."""
        status, doing, host = response.status, wanted.doing, host_of(url)
        if status < 300:
            check_range(response, wanted, host)
            return
        if status == 416:
            check_unsatisfied(response, wanted, host)
            return
        read_at_most(response, MAX_ERROR)
        if self.origins.is_hub(url):
            refusal = refusal_from(status, lambda name: header_of(response, name))
            error = refused(refusal, doing, self.origins.endpoint, with_token=token is not None)
            if isinstance(error, RepoMissing | RevisionMissing):
                raise SourceWithdrawn(f"{error.message}, although it was listed")
            if isinstance(error, BadCredentials):
                self._forget_token()
            raise error
        error = storage_refused(status, header_of(response, "retry-after") or "", doing, host)
        if status == 400 and self._hashes.get(wanted.key) and not self.xet.obstacle():
            raise XetOffered(self._hashes.need(wanted.key))
        if status in {401, 403}:
            raise UrlRefused(url, error)
        raise error


def check_told(response: SyncResponse, wanted: Wanted) -> None:
    """What a Hub tells of the file, on a redirect or an answer. Raises SourceChanged."""
    doing, entry = wanted.doing, wanted.entry
    if response.status >= 400:
        return
    commit = header_of(response, "x-repo-commit")
    if commit and commit != wanted.commit:
        raise SourceChanged(f"{doing}: the Hub answers for another commit, {commit[:40]}")
    size = header_of(response, "x-linked-size")
    if size and whole_number(size) != entry.size:
        raise SourceChanged(f"{doing}: the file has {size[:20]} bytes and was listed with {entry.size}")
    linked = unquoted(header_of(response, "x-linked-etag") or "")
    told = lfs_etag(linked) or git_etag(linked)
    if not told and response.status < 300:
        told = git_etag(unquoted(header_of(response, "etag") or ""))
    if told and told.partition(":")[0] == entry.etag.partition(":")[0] and told != entry.etag:
        raise SourceChanged(f"{doing}: the file is not the one that was listed")


def check_range(response: SyncResponse, wanted: Wanted, host: str) -> None:
    """Of a success. Raises IntegrityTrouble, NetworkTrouble, RangesUnsupported."""
    doing, size = wanted.doing, wanted.entry.size
    coding = (header_of(response, "content-encoding") or "").strip().lower()
    if coding not in PLAIN:
        raise IntegrityTrouble(
            f"{doing}: {host}: what comes is encoded ({coding[:40]}), which nobody asked for"
        )
    announced = whole_number(header_of(response, "content-length") or "")
    if response.status == 206:
        told = content_range(header_of(response, "content-range") or "")
        if told is None or told.total < 0:
            raise NetworkTrouble(f"{doing}: {host} does not say which range it sent")
        first, last, total = told
        if total != size:
            raise IntegrityTrouble(f"{doing}: the file at {host} has {total} bytes and was listed with {size}")
        if first != wanted.offset or last != wanted.offset + wanted.length - 1:
            raise NetworkTrouble(
                f"{doing}: {host} sent bytes {first}-{last} where {wanted.range[6:]} were asked for"
            )
    elif response.status == 200:
        kind = (header_of(response, "content-type") or "").lower()
        if kind.startswith("text/html") and announced != size and not wanted.entry.key.endswith(PAGES):
            raise not_from_a_hub(doing, host, "the answer is a web page")
        if wanted.offset or wanted.length != size:
            raise RangesUnsupported(f"{doing}: {host} does not answer ranges")
    else:
        raise NetworkTrouble(f"{doing}: {host} answered {response.status} instead of the file")
    if announced >= 0 and announced != wanted.length:
        raise IntegrityTrouble(
            f"{doing}: {host} announces {announced} bytes where {wanted.length} were asked for"
        )


def check_unsatisfied(response: SyncResponse, wanted: Wanted, host: str) -> None:
    """416: right for an empty file alone."""
    total = unsatisfied_total(header_of(response, "content-range") or "")
    if wanted.entry.size == 0 and total <= 0:
        read_at_most(response, MAX_ERROR)
        return
    told = f"has {total} bytes" if total >= 0 else "is shorter"
    raise IntegrityTrouble(f"{wanted.doing}: the file at {host} {told} and was listed with {wanted.entry.size}")


def storage_refused(status: int, retry_after: str, doing: Doing, host: str) -> TransferError:
    """The error to raise for an answer of a storage host that is not a success."""
    wish = retry_after_seconds(retry_after)
    text = f"{doing}: {host} answered {status}"
    if status in {401, 403}:
        return NoPermission(
            f"{text} to a URL that the Hub has just signed; is this machine's network changing it?"
        )
    if status in {404, 410}:
        return NotFound(f"{text}: the storage does not have the file that the Hub lists")
    if status in {429, 503}:
        return Throttled(text, retry_after=wish)
    if status in {408, 425} or (status >= 500 and status not in {501, 505}):
        return NetworkTrouble(text, retry_after=wish)
    return FileTrouble(text)
