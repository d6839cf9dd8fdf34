"""Files fetched by GNU wget: one process and one connection a file.

The process writes to its standard output, which is the end of the file, so that no name is told to it; its URL
comes over standard input. An interrupted file is gone on with from its length (`--start-pos`); a server that
sends all of it nevertheless is read past what is there. Each answer's validators and length are compared with
the order before anything is called whole. A limit cannot be changed in a running wget: it is stopped and
continued in turns to keep to a lower one, and started anew for one that is far from the old.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from core.errors import DiskTrouble, FatalTrouble, SourceChanged, StageLost, TransferError
from core.stores.base import CancelFlag, Cancelled
from core.stores.local.os_errors import map_os_error
from core.stores.s3.errors import http_date, retry_after_seconds
from core.stores.s3.etag import unquoted
from core.tools import POLL, SLOWEST, Order, Progress
from core.tools.errors import answered, failed, silent
from core.tools.programs import find_program, launch, version_of

NAME = "wget"
KEPT_LINES = 200  # of what it says
GRACE = 5.0  # seconds between being asked to end and being killed
SETTLED = 3.0  # seconds that a process goes on before another limit starts it anew
ARGUMENTS = (
    "--no-config", "--no-netrc", "--no-hsts", "--no-cookies", "--no-iri", "--user-agent=haulier",
    "--compression=none", "--tries=1", "--max-redirect=0", "--server-response", "--progress=dot:giga",
    "--output-document=-", "--input-file=-",
)  # fmt: skip
_STATUS = re.compile(r" {2}HTTP/\S+ (\d{3})")
_HEADER = re.compile(r" {2}([A-Za-z-]+): *(.*)")
_IO_ERROR = 3  # "EXIT STATUS", wget(1)
_TLS = 5


class Wget:
    """A Fetcher."""

    name = NAME

    def __init__(self) -> None:
        """Raises HaulierError when wget is not installed."""
        self._program = find_program(NAME)
        self.version = version_of(NAME)

    def continues(self, path: Path) -> bool:
        return path.exists() and path.stat().st_size > 0

    def close(self) -> None:
        """Nothing runs without a fetch."""

    def fetch(self, order: Order, progress: Progress, cancelled: CancelFlag) -> None:
        """See Fetcher."""
        try:
            fd = os.open(order.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise StageLost(f"{order.what}: its partial file is gone") from error
        except OSError as error:
            raise map_os_error(error, order.what) from error
        try:
            start = os.fstat(fd).st_size
            if order.size >= 0 and start > order.size:
                os.ftruncate(fd, 0)
                start = 0
            if start == order.size:
                progress.at(start, 0)
                return
            while not _Run(self._program, order, fd).follow(progress, cancelled):
                pass
            there = os.fstat(fd).st_size
        finally:
            os.close(fd)
        if order.size >= 0 and there != order.size:
            raise failed(order, NAME, f"{there} bytes are there where {order.size} were to come")


class _Run:
    """One process."""

    def __init__(self, program: str, order: Order, fd: int) -> None:
        self._program, self._order, self._fd = program, order, fd
        self._start = os.fstat(fd).st_size
        self._said: deque[str] = deque(maxlen=KEPT_LINES)

    def follow(self, progress: Progress, cancelled: CancelFlag) -> bool:
        """Until it ends: True when everything came, False when it is to be started anew for another limit.
        Raises TransferError, Cancelled."""
        limit = progress.rate()
        process = self._launched(limit)
        reader = threading.Thread(target=self._listen, args=(process,), name="wget", daemon=True)
        reader.start()
        try:
            done = self._watch(process, progress, cancelled, limit)
        finally:
            _end(process)
            reader.join(GRACE)
        self._check_version()
        if not done:
            return False
        if process.returncode or self._answer()[0] >= 300:  # a 416 is no error to wget
            raise self._error(process.returncode)
        return True

    def _launched(self, limit: int) -> subprocess.Popen[bytes]:
        order = self._order
        arguments = [*ARGUMENTS, f"--timeout={max(1, int(order.stall))}"]
        if self._start:
            arguments.append(f"--start-pos={self._start}")
        else:
            arguments.append("--header=Range: bytes=0-")  # storage of Hubs refuses very large files without one
        if limit:
            arguments.append(f"--limit-rate={limit}")
        try:
            process = launch(
                self._program, arguments, stdin=subprocess.PIPE, stdout=self._fd, stderr=subprocess.PIPE
            )
        except OSError as error:
            raise FatalTrouble(f"wget cannot be started: {error.strerror}") from error
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as line:
            line.write(order.url.encode() + b"\n")
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr as said:
            for line in said:
                self._said.append(line.decode(errors="replace").rstrip())

    def _watch(
        self, process: subprocess.Popen[bytes], progress: Progress, cancelled: CancelFlag, limit: int
    ) -> bool:
        order, at = self._order, self._start
        progress.at(at, 0)
        began = heard = time.monotonic()
        came = 0
        while True:
            ended = _ended_within(process, POLL)
            there = os.fstat(self._fd).st_size
            arrived, at = there - at, there
            came += arrived
            if order.size >= 0 and there > order.size:
                raise SourceChanged(f"{order.what}: more than the {order.size} bytes came that were listed")
            if ended:
                progress.at(at, arrived)
                return True
            wanted = progress.rate()
            if arrived and wanted:
                process.send_signal(signal.SIGSTOP)  # until what came may have come
                progress.at(at, arrived)
                while progress.owes():
                    progress.at(at, 0)
                process.send_signal(signal.SIGCONT)
            else:
                progress.at(at, arrived)
            if cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            if _is_far(wanted, limit) and (not limit or not wanted or now - began > SETTLED):
                return False
            if now - heard >= order.stall:
                if came < order.stall * SLOWEST and not wanted:
                    raise silent(order, NAME, now - heard)
                heard, came = now, 0

    def _answer(self) -> tuple[int, dict[str, str]]:
        """The last answer's status, 0 when there was none, and its headers."""
        status = 0
        headers: dict[str, str] = {}
        for line in list(self._said):
            if found := _STATUS.match(line):
                status, headers = int(found[1]), {}
            elif found := _HEADER.match(line):
                headers[found[1].lower()] = found[2]
        return status, headers

    def _check_version(self) -> None:
        """Raises SourceChanged when the answer was of another version than the order."""
        status, headers = self._answer()
        if not 200 <= status < 300:
            return
        order = self._order
        etag, modified = unquoted(headers.get("etag", "")), http_date(headers.get("last-modified", ""))
        other_etag = etag and order.etag and etag.removeprefix("W/") != order.etag.removeprefix("W/")
        other_time = modified and order.modified and int(modified) != int(order.modified)
        if other_etag or (other_time and not (etag and order.etag)):
            raise SourceChanged(f"{order.what}: changed at {order.host} while wget was fetching it")

    def _error(self, code: int) -> TransferError:
        order, (status, headers) = self._order, self._answer()
        if code == _IO_ERROR:
            with suppress(OSError):
                room = os.fstatvfs(self._fd)
                if room.f_bavail == 0:
                    return DiskTrouble(f"{order.path.parent}: No space left on device")
            return DiskTrouble(f"{order.path.parent}: wget cannot write the file")
        if 300 <= status < 400:
            return failed(order, NAME, f"the server answered {status} to a URL that led to the file before")
        if status == 416 and self._start:
            return SourceChanged(
                f"{order.what}: the file at {order.host} is shorter than what came of it before"
            )
        if status >= 400:
            return answered(order, NAME, status, retry_after_seconds(headers.get("retry-after", "")))
        if code == _TLS:
            return FatalTrouble(f"{order.what}: wget does not trust the certificate of {order.host}")
        words = [line.strip() for line in self._said if line.strip() and "://" not in line]
        return failed(order, NAME, words[-1] if words else f"exit status {code}")


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    process.send_signal(signal.SIGCONT)
    if not _ended_within(process, GRACE):
        process.kill()
        process.wait()


def _is_far(wanted: int, limit: int) -> bool:
    """Whether another limit is worth a new connection."""
    return wanted != limit and (not wanted or not limit or not 0.7 * limit <= wanted <= 1.4 * limit)
