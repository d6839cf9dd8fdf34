"""The engine's log: bounded files for the owner only, one record a line, no secret, nothing that a terminal
would obey; and the last notices in memory, for people who ask.

Text from outside reaches the log through many doors (messages of servers, names of objects, tracebacks), so
it is cleaned here, at the last one: first secrets are cut out, then `safe_text`.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import deque
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.parse import quote, quote_plus

from core.model import Level, Notice
from core.safe_text import safe_text

LOG_BYTES = 10 * 1024**2
LOG_FILES = 3  # older ones kept besides the current
SHORTEST_SECRET = 6  # shorter texts would blank out innocent words

_HIDDEN = "…"
_PATTERNS = (
    # An Authorization header in any writing: to the end of its value.
    re.compile(r"(?i)((?:proxy-)?authorization['\"]?\s*[:=,]\s*b?)('[^']*'|\"[^\"]*\"|[^\r\n'\"}\]]+)"),
    # Presigned queries and headers of AWS signature version 4.
    re.compile(
        r"(?i)(x-amz-(?:signature|security-token|credential)['\"]?\s*(?:[:=,]|%3d)\s*b?['\"]?)([^\s&'\",;}]+)"
    ),
    re.compile(r"(?i)((?:aws_)?(?:secret_access_key|session_token)['\"]?\s*[:=]\s*['\"]?)([^\s&'\",;}]+)"),
    re.compile(r"(?i)(bearer\s+)([a-z0-9._~+/=-]{6,})"),
    re.compile(r"(\bhf_)([A-Za-z0-9]{30,})"),  # a Hub's token, wherever it comes from
    # Credentials in an address: https://user:password@host. The bound keeps a long text from taking minutes.
    re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s/:@]*:)([^\s/@]+)(?=@)"),
)


class Redactor:
    """Knows the secrets of this process and cuts them out of text. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, int] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """`secret` is never written again, as it is or as it stands in a URL. Very short ones are ignored."""
        self._change(secret, 1)

    def remove(self, secret: str) -> None:
        """Undo one `add`."""
        self._change(secret, -1)

    def redact(self, text: str) -> str:
        """`text` without known secrets and without what stands where secrets stand."""
        pattern = self._pattern
        if pattern is not None:
            text = pattern.sub(_HIDDEN, text)
        for known in _PATTERNS:
            text = known.sub(rf"\1{_HIDDEN}", text)
        return text

    def _change(self, secret: str, by: int) -> None:
        if len(secret) < SHORTEST_SECRET:
            return
        with self._lock:
            for writing in {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}:
                count = self._secrets.get(writing, 0) + by
                if count > 0:
                    self._secrets[writing] = count
                else:
                    self._secrets.pop(writing, None)
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


REDACTOR = Redactor()


def register_secret(secret: str) -> None:
    """Keep `secret` out of this process's log from now on."""
    REDACTOR.add(secret)


def clean(text: str) -> str:
    """One line that may be shown or kept: no secret, nothing that does not print."""
    return safe_text(REDACTOR.redact(text))


class CleanFormatter(logging.Formatter):
    """`2026-05-04 10:15:00Z WARNING core.line: text`; the lines of a traceback follow, set in by "  | "."""

    def __init__(self) -> None:
        super().__init__()
        self.converter = _utc

    def format(self, record: logging.LogRecord) -> str:
        when = self.formatTime(record, "%Y-%m-%d %H:%M:%SZ")
        lines = [f"{when} {record.levelname} {record.name}: {clean(_message(record))}"]
        if record.exc_info:
            lines += self._set_in(self.formatException(record.exc_info))
        if record.stack_info:
            lines += self._set_in(record.stack_info)
        return "\n".join(lines)

    def _set_in(self, text: str) -> list[str]:
        return [f"  | {safe_text(line)}" for line in REDACTOR.redact(text).split("\n")]


class LogFile(RotatingFileHandler):
    """The log of one engine: at most (LOG_FILES + 1) * LOG_BYTES, readable by the owner only.

    After `take_stdio` the process's own stdout and stderr go to the current file too, so that what libraries
    or the interpreter print is not lost and never lands on somebody's terminal.
    """

    def __init__(self, path: Path, limit: int = LOG_BYTES, files: int = LOG_FILES) -> None:
        self._has_stdio = False
        super().__init__(path, maxBytes=limit, backupCount=files, encoding="utf-8", errors="backslashreplace")
        self.setFormatter(CleanFormatter())

    def take_stdio(self) -> None:
        self._has_stdio = True
        self._point_stdio_here()

    def doRollover(self) -> None:
        super().doRollover()
        if self._has_stdio:
            self._point_stdio_here()

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(descriptor, 0o600)  # also for a file that was there before
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def _point_stdio_here(self) -> None:
        if self.stream is not None:
            for descriptor in (1, 2):
                os.dup2(self.stream.fileno(), descriptor)


def start_log(path: Path, level: Level = Level.INFO) -> LogFile:
    """Send this process's log to `path`. The program's own modules log from `level` on, others warnings.

    Raises OSError when the file cannot be opened, also when it is a link.
    """
    file = LogFile(path)
    root = logging.getLogger()
    root.handlers = [file]
    root.setLevel(logging.WARNING)
    logging.getLogger("core").setLevel(level.value)
    logging.captureWarnings(capture=True)
    return file


class NoticeRing:
    """The newest notices, numbered from 1 in the order they came. For one thread."""

    def __init__(self, limit: int = 2000) -> None:
        self._notices: deque[tuple[int, Notice]] = deque(maxlen=limit)
        self._last = 0

    @property
    def last(self) -> int:
        """Number of the newest notice ever, 0 when there was none."""
        return self._last

    def append(self, notice: Notice) -> int:
        """Keep a notice and return its number."""
        self._last += 1
        self._notices.append((self._last, notice))
        return self._last

    def newest(self, limit: int) -> tuple[Notice, ...]:
        """At most `limit` notices, oldest first."""
        return tuple(notice for _, notice in list(self._notices)[-limit:]) if limit > 0 else ()

    def after(
        self, number: int, limit: int, level: Level = Level.DEBUG, job: int = 0
    ) -> tuple[tuple[Notice, ...], int]:
        """The first `limit` kept notices after `number` that are of `level` or graver and of `job` (0: any),
        and the number to ask on from: that of the last notice looked at."""
        chosen: list[Notice] = []
        seen = max(number, 0)
        for position, notice in self._notices:
            if position <= number:
                continue
            if len(chosen) >= limit:
                break
            seen = position
            if _GRAVITY[notice.level] >= _GRAVITY[level] and job in (0, notice.job):
                chosen.append(notice)
        return tuple(chosen), seen


_GRAVITY = {Level.DEBUG: 0, Level.INFO: 1, Level.WARNING: 2}


def _utc(seconds: float | None) -> time.struct_time:
    return time.gmtime(seconds)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError) as wrong:  # a wrong format string must not cost the record
        return f"{record.msg!r} (arguments do not fit: {type(wrong).__name__})"
