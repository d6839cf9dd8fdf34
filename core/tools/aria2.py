"""Files fetched by aria2c: several connections a file, one daemon for all files of a job.

aria2c goes on by its control file, whose notes are saved every second and when a download is removed; the file
itself is written in pieces in any order, so that its length means nothing. It compares no validators: the
caller looks at the source before and after. Its own `--checksum` is not used: the caller proves every file, and
would read it twice.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from core.errors import DiskTrouble, FileTrouble, NetworkTrouble, SourceChanged, TransferError
from core.stores.base import CancelFlag, Cancelled
from core.tools import CONTROL, POLL, SLOWEST, Order, Progress
from core.tools.aria2_daemon import PATIENCE, Aria2Daemon, RpcError
from core.tools.errors import answered, failed, silent
from core.tools.programs import find_program, version_of

NAME = "aria2c"
MOST_CONNECTIONS = 16  # to one server, aria2c's own limit
FIRST_POLL = 0.01  # seconds, then longer up to POLL: small files take less
KEYS = ["status", "totalLength", "completedLength", "errorCode", "errorMessage"]
_STATUS = re.compile(r"status=(\d{3})")
# "EXIT STATUS", aria2c(1)
_NOT_FOUND, _NO_ROOM, _UNAUTHORIZED, _OVERLOADED = "3", "9", "24", "29"
_DISK = frozenset({_NO_ROOM, "14", "15", "16", "17", "18"})
_NO_RANGES, _OTHER_LENGTH = "8", "10"
_INVALID_RANGE = "Invalid range header"


class Aria2:
    """A Fetcher. The daemon is started by the first fetch, and again when it died."""

    name = NAME

    def __init__(self) -> None:
        """Raises HaulierError when aria2c is not installed."""
        self._program = find_program(NAME)
        self.version = version_of(NAME)
        self._daemon: Aria2Daemon | None = None
        self._lock = threading.Lock()

    def continues(self, path: Path) -> bool:
        return _control_of(path).exists()

    def close(self) -> None:
        with self._lock:
            if self._daemon is not None:
                self._daemon.stop()
            self._daemon = None

    def fetch(self, order: Order, progress: Progress, cancelled: CancelFlag) -> None:
        """See Fetcher."""
        try:
            self._fetch(order, progress, cancelled)
        except _RangesIgnored:
            # What is there cannot be gone on with, nor filled by several connections.
            _control_of(order.path).unlink(missing_ok=True)
            self._fetch(msgspec.structs.replace(order, connections=1), progress, cancelled)

    def _fetch(self, order: Order, progress: Progress, cancelled: CancelFlag) -> None:
        daemon = self._running()
        limit = progress.rate()
        try:
            download = _Download(daemon, order, limit, resumed=self.continues(order.path))
        except RpcError as error:
            raise failed(order, NAME, str(error)) from None
        try:
            download.follow(progress, cancelled, limit)
        finally:
            download.end()

    def _running(self) -> Aria2Daemon:
        with self._lock:
            if self._daemon is None or not self._daemon.running:
                if self._daemon is not None:
                    self._daemon.stop()
                self._daemon = Aria2Daemon(self._program)
            return self._daemon


class _RangesIgnored(NetworkTrouble):
    """The server sent all of the file where a range was asked for."""


class _Download:
    """One file at the daemon, from adding it to its being forgotten."""

    def __init__(self, daemon: Aria2Daemon, order: Order, limit: int, *, resumed: bool) -> None:
        self._daemon, self._order = daemon, order
        self._at: int | None = None if resumed else 0  # bytes known to be there
        connections = str(max(1, min(order.connections, MOST_CONNECTIONS)))
        options = {
            "dir": str(order.path.parent),
            "out": order.path.name,
            "split": connections,
            "max-connection-per-server": connections,
            "timeout": str(max(1, min(600, int(order.stall)))),
            "max-download-limit": str(limit),
        }
        self._gid = daemon.call("addUri", [order.url], options)
        self._ended = False

    def follow(self, progress: Progress, cancelled: CancelFlag, limit: int) -> None:
        """Until it is whole. Raises TransferError, Cancelled."""
        order, pause = self._order, FIRST_POLL
        heard, came = time.monotonic(), 0
        while True:
            status = self._told()
            arrived = self._arrived(status, progress)
            came += arrived
            if status["status"] == "complete":
                self._ended = True
                return
            if status["status"] in ("error", "removed"):
                self._ended = True
                raise self._error(status)
            if cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - heard >= order.stall:
                if came < order.stall * SLOWEST and not limit:
                    raise silent(order, NAME, now - heard)
                heard, came = now, 0
            wanted = progress.rate()
            if _differs(wanted, limit):
                limit = wanted
                with suppress(RpcError):  # it has ended meanwhile, which the next look tells
                    self._daemon.call("changeOption", self._gid, {"max-download-limit": str(limit)})
                heard, came = now, 0
            time.sleep(pause)
            pause = min(POLL, 1.5 * pause)

    def end(self) -> None:
        """The program has let go of the file, and forgets it."""
        if not self._ended:
            with suppress(RpcError, NetworkTrouble):
                self._daemon.call("forceRemove", self._gid)
            deadline = time.monotonic() + PATIENCE
            with suppress(FileTrouble, NetworkTrouble):
                while self._told()["status"] in ("active", "waiting", "paused"):
                    if time.monotonic() > deadline:
                        self._daemon.stop()  # the next fetch starts another one
                    time.sleep(FIRST_POLL)
        with suppress(RpcError, NetworkTrouble):
            self._daemon.call("removeDownloadResult", self._gid)

    def _told(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = self._daemon.call("tellStatus", self._gid, KEYS)
        except RpcError as error:
            raise FileTrouble(f"{self._order.what}: aria2c: {error}") from None
        return status

    def _arrived(self, status: dict[str, Any], progress: Progress) -> int:
        """Bytes since the look before. What an earlier fetch left is known with the first length told."""
        total, there = int(status["totalLength"]), int(status["completedLength"])
        order = self._order
        if total > 0 and order.size >= 0 and total != order.size:
            raise SourceChanged(f"{order.what}: the file at {order.host} has {total} bytes, not {order.size}")
        if self._at is None:
            if not total:
                return 0
            self._at = there
        arrived = max(0, there - self._at)
        self._at = max(self._at, there)
        progress.at(there, arrived)
        return arrived

    def _error(self, status: dict[str, Any]) -> TransferError:
        order, code, said = self._order, status.get("errorCode", ""), status.get("errorMessage", "")
        if code in _DISK:
            return DiskTrouble(
                f"{order.path.parent}: aria2c cannot write the file: "
                f"{'no room' if code == _NO_ROOM else f'error {code}'}"
            )
        if code == _OTHER_LENGTH:
            return SourceChanged(f"{order.what}: not the file that was begun with")
        if code == _NO_RANGES or _INVALID_RANGE in said:
            return _RangesIgnored(f"{order.what}: {order.host} does not answer ranges as aria2c wants them")
        if code == _NOT_FOUND:
            return answered(order, NAME, 404)
        if code == _UNAUTHORIZED:
            return answered(order, NAME, 401)
        if found := _STATUS.search(said):
            return answered(order, NAME, int(found[1]))
        if code == _OVERLOADED:
            return answered(order, NAME, 503)
        return failed(order, NAME, said or f"error {code}")


def _control_of(path: Path) -> Path:
    return path.with_name(path.name + CONTROL)


def _differs(wanted: int, limit: int) -> bool:
    """Whether a limit is worth changing: 5 % are not."""
    return wanted != limit and (not wanted or not limit or abs(wanted - limit) > limit / 20)
