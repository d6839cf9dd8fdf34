"""The bytes of a file through Xet, the Hub's own storage protocol, by its library (the extra `xet`).

Sources: "Xet Protocol" in the Hub documentation; the docstrings of hf_xet 1.8.0. One reading, step by step:

1. A read token is asked of the Hub for the repository's commit ("xet-read-token"). It is kept in memory, asked
   for anew 60 s before its end, and goes to the storage that the Hub named with it. The Hub's own token stays
   here: the library never gets it.
2. Each reading has a group of streams of its own, because one error spoils a group.
3. A guard aborts the group when the job is paused or nothing comes for `stall` seconds: the library itself
   waits for minutes, and cannot be cancelled from within.
4. The library may end a stream early without a word, so bytes are counted here. It compares no chunk with its
   hash either: content is proven by whoever has all of it, as after every other reading.

The library is loaded at the first use. Its buffers are bounded (by default they take 1.6 to 6.3 GB), its log
and its telemetry are off; nothing is written under $HF_HOME. It finds proxies and certificates by itself, so a
connection with a proxy or certificates of its own does without it (`obstacle`).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from core.errors import (
    Code,
    HaulierError,
    NetworkTrouble,
    NoPermission,
    NotFound,
    Throttled,
    TransferError,
)
from core.model import Connection
from core.stores.base import CancelFlag, Cancelled, ObjectInfo
from core.stores.http_reading import Served
from core.stores.hub.errors import RepoMissing, RevisionMissing, SourceWithdrawn
from core.stores.hub.names import RepoName
from core.stores.hub.origins import host_of
from core.stores.hub.signed import Key
from core.stores.hub.xet_token import LOCAL, ReadToken

if TYPE_CHECKING:
    from core.stores.hub.reading import Wanted

AT_ONCE = 4  # readings of one Hub
WAIT = 0.1  # seconds between looks at the cancel flag
EARLY = 60.0  # seconds before its end a token is asked for anew
FRESH = 30.0  # seconds in which a refused token is not asked for again
PIECE = 1 << 20
MOST = 4096  # hashes kept
BUFFER = 8 << 20  # with it four readings at once took 240 MiB in all, with 16 MiB 430
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_STATUS = re.compile(r"\((\d{3}) ")
LIBRARY_ERRORS = (OSError, RuntimeError)
_SETTINGS = {
    # Shared by all readings of a session; the library fetches a block before it gives out its first byte.
    "reconstruction.download_buffer_size": BUFFER,
    "reconstruction.download_buffer_limit": BUFFER,
    "reconstruction.download_buffer_perfile_size": BUFFER // 4,
    "reconstruction.min_prefetch_buffer": BUFFER,
    "reconstruction.min_reconstruction_fetch_size": BUFFER,
    "reconstruction.max_reconstruction_fetch_size": BUFFER,
    "client.ac_max_download_concurrency": 4,
    # Trying again is the engine's, which knows whether the network is away.
    "client.retry_max_attempts": 1,
    "client.retry_base_delay": "500ms",
    "telemetry.enabled": False,
}


def xet_hash(told: str) -> str:
    """The hash that a Hub tells of a file; empty where it hides it ("***") or tells none."""
    told = told.strip().strip('"')
    return told if _HASH.match(told) else ""


def obstacle(connection: Connection) -> str:
    """Why Xet cannot be used for this connection, in plain words; empty when it can."""
    if find_spec("hf_xet") is None:
        return "the package hf-xet is not installed"
    if connection.proxy:
        return "its library cannot use a proxy of one connection alone"
    if connection.ca_file or not connection.verify_tls:
        return "its library trusts the certificates of the system alone"
    return ""


def need(connection: Connection) -> None:
    """Raises HaulierError (usage) where Xet was asked for and cannot be used."""
    if why := obstacle(connection):
        installing = 'Install it with: pip install "haulier[xet]". ' if "installed" in why else ""
        raise HaulierError(
            Code.USAGE,
            f"Xet cannot be used: {why}.",
            f"{installing}Without Xet (tool native) the same bytes come over HTTP.",
        )


class XetHashes:
    """What the Hub told of files that were resolved; the oldest are forgotten. Called from many threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, str] = OrderedDict()
        self._needed: set[Key] = set()
        self._lock = threading.Lock()

    def keep(self, key: Key, told: str) -> None:
        """`told`: the header X-Xet-Hash, which may be hidden or missing."""
        if not (file_hash := xet_hash(told)):
            return
        with self._lock:
            self._kept[key] = file_hash
            self._kept.move_to_end(key)
            if len(self._kept) > MOST:
                forgotten, _ = self._kept.popitem(last=False)
                self._needed.discard(forgotten)

    def get(self, key: Key) -> str:
        """Empty when there is none."""
        with self._lock:
            return self._kept.get(key, "")

    def need(self, key: Key) -> str:
        """This file's storage refuses ranges: its next readings begin with Xet. Gives the hash."""
        with self._lock:
            self._needed.add(key)
            return self._kept.get(key, "")

    def needed(self, key: Key) -> str:
        """The hash of a file that Xet is needed for; empty for others."""
        with self._lock:
            return self._kept.get(key, "") if key in self._needed else ""


class XetBody:
    """Exactly `length` bytes in order, or an error."""

    modified_ns = 0  # the Hub keeps no times of files

    def __init__(
        self,
        stream: Iterator[bytes],
        wanted: Wanted,
        host: str,
        served: Served,
        guard: Guard,
        failed: Callable[[Exception], TransferError],
    ) -> None:
        """`failed` gives the error to raise for one of the library's."""
        self.info = ObjectInfo(entry=wanted.entry, version_id=wanted.commit)
        self.host = host
        self._stream = stream
        self._wanted = wanted
        self._served = served
        self._guard = guard
        self._failed = failed

    def __iter__(self) -> Iterator[memoryview]:
        wanted, guard = self._wanted, self._guard
        left = wanted.length
        while left > 0:
            try:
                with guard.waiting():
                    piece = next(self._stream, b"")
            except LIBRARY_ERRORS as error:
                raise self._failed(error) from None
            if not piece:
                came = wanted.length - left
                raise self._failed(RuntimeError(f"{came} bytes came where {wanted.length} were asked for"))
            if len(piece) > left:
                raise NetworkTrouble(f"{wanted.doing}: {self.host}: more bytes came than were asked for")
            left -= len(piece)
            whole = memoryview(piece)
            for at in range(0, len(piece), PIECE):
                guard.look()
                part = whole[at : at + PIECE]
                self._served.count(self.host, len(part))
                yield part


class Guard:
    """Looks after one reading from a thread of its own, because the reader sits in the library."""

    def __init__(self, abort: Callable[[], None], wanted: Wanted, cancelled: CancelFlag, stall: float) -> None:
        self._abort = abort
        self._wanted = wanted
        self._cancelled = cancelled
        self._stall = stall
        self._over = threading.Event()
        self._began = 0.0  # of the wait for the next piece; 0.0: nobody waits
        self._stalled = False

    def __enter__(self) -> Guard:
        threading.Thread(target=self._guard, name="xet-guard", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._abort()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Raises Cancelled or NetworkTrouble when that is why the wait ended."""
        self.look()
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._began = 0.0
            self.look()

    def look(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        if self._stalled:
            raise NetworkTrouble(f"{self._wanted.doing}: nothing came over Xet for {self._stall:.0f} s")

    def _guard(self) -> None:
        while not self._over.wait(WAIT):
            began = self._began
            self._stalled = began > 0 and time.monotonic() - began > self._stall
            if self._stalled or self._cancelled.is_set():
                self._abort()
                return


class Xet:
    """Reads files of one Hub. Called from many threads."""

    def __init__(
        self, read_token: Callable[[RepoName, str], ReadToken], connection: Connection, stall: float
    ) -> None:
        """`read_token` asks the Hub for a token of a repository and commit. `stall` in seconds."""
        self.served = Served()
        self._read_token = read_token
        self._connection = connection
        self._stall = stall
        self._tokens: dict[tuple[str, str], tuple[ReadToken, float]] = {}  # and when it was asked for
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._room = threading.Semaphore(AT_ONCE)
        self._session: Any = None

    def obstacle(self) -> str:
        """Why it cannot be used, in plain words; empty when it can."""
        return obstacle(self._connection)

    def need(self) -> None:
        """Raises HaulierError (usage) where it cannot be used."""
        need(self._connection)

    @contextmanager
    def body(self, wanted: Wanted, file_hash: str, cancelled: CancelFlag) -> Iterator[XetBody]:
        """The bytes of `wanted`, whose file has this Xet hash. Raises TransferErrors, Cancelled."""
        while not self._room.acquire(timeout=WAIT):
            if cancelled.is_set():
                raise Cancelled
        try:
            token, asked = self._token(wanted)
            host = "xet" if token.cas.startswith(LOCAL) else host_of(token.cas)

            def explained(error: Exception) -> TransferError:
                fresh = time.monotonic() - asked < FRESH
                if not fresh:
                    self._forget(wanted, token)
                return failed(error, wanted, host, fresh=fresh)

            try:
                group = self._group(token)
                info = _library().XetFileInfo(file_hash, wanted.entry.size)
                stream = group.download_stream(info, wanted.offset, wanted.offset + wanted.length)
            except LIBRARY_ERRORS as error:
                raise explained(error) from None
            with Guard(group.abort, wanted, cancelled, self._stall) as guard:
                yield XetBody(stream, wanted, host, self.served, guard, explained)
        finally:
            self._room.release()

    def _group(self, token: ReadToken) -> Any:
        with self._lock:
            if self._session is None:
                library = _library()
                self._session = library.XetSession(library.XetConfig().with_config(_SETTINGS))
            session = self._session
        # The library reads this machine's clock, which may be wrong: what is left counts, not when it ends.
        ends = int(time.time() + max(token.until - time.monotonic(), 1.0))
        return session.new_download_stream_group(
            endpoint=token.cas, token=token.text, token_expiry_unix_secs=ends
        )

    def _token(self, wanted: Wanted) -> tuple[ReadToken, float]:
        key = (str(wanted.repo), wanted.commit)
        with self._asking:
            held = self._tokens.get(key)
            if held is None or held[0].until - EARLY <= time.monotonic():
                try:
                    held = self._read_token(wanted.repo, wanted.commit), time.monotonic()
                except (RepoMissing, RevisionMissing) as error:
                    raise SourceWithdrawn(f"{error.message}, although it was listed") from None
                self._tokens[key] = held
            return held

    def _forget(self, wanted: Wanted, token: ReadToken) -> None:
        key = (str(wanted.repo), wanted.commit)
        with self._asking:
            if self._tokens.get(key, (None,))[0] is token:
                del self._tokens[key]


def failed(error: Exception, wanted: Wanted, host: str, *, fresh: bool) -> TransferError:
    """The error to raise for one of the library's. `fresh`: the token was asked for just now."""
    # Their text repeats addresses with signatures; of it only the status and the kind are taken.
    said = str(error)
    found = _STATUS.search(said)
    status = int(found[1]) if found else 0
    text = f"{wanted.doing}: Xet at {host}: {f'answered {status}' if status else said.partition(':')[0][:80]}"
    if status in (401, 403) or isinstance(error, PermissionError):
        return NoPermission(f"{text} to a token just given") if fresh else NetworkTrouble(text)
    if status == 404 or isinstance(error, FileNotFoundError):
        return NotFound(f"{text}: the storage does not have the file that the Hub lists")
    if status in (429, 503):
        return Throttled(text)
    return NetworkTrouble(text, host="" if status else host)


def _library() -> ModuleType:
    """hf_xet, loaded without its log and its telemetry, which it sets up when it is loaded."""
    os.environ.update({"HF_XET_LOG_DEST": os.devnull, "HF_XET_TELEMETRY_ENABLED": "0"})
    return import_module("hf_xet")
