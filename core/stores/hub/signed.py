"""URLs that storage signed for one file: kept in memory only, and only as long as they are good.

Asking the Hub for one is charged to the "resolvers" quota; the ranges of one file share it. How long it lives
is reckoned from the clock of the server that gave it out, not from this machine's.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from core.stores.s3.errors import http_date

MOST = 4096  # URLs kept
EARLY = 60.0  # seconds before its end a URL is asked for anew
UNKNOWN = 600.0  # seconds, where a URL does not tell when it ends
LONGEST = 3600.0

Key = tuple[str, str, str]  # repository, commit, path


class SignedUrls:
    """Called from many threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> str:
        """Empty when there is none that is still good."""
        with self._lock:
            url, until = self._kept.get(key, ("", 0.0))
            if url and until <= time.monotonic():
                del self._kept[key]
                return ""
            return url

    def keep(self, key: Key, url: str, date: str) -> None:
        """`date`: the Date header of the answer that gave it out."""
        seconds = lifetime(url, date) - EARLY
        if seconds <= 0:
            return
        with self._lock:
            self._kept[key] = (url, time.monotonic() + min(seconds, LONGEST))
            self._kept.move_to_end(key)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def forget(self, key: Key, url: str) -> None:
        """This URL was refused; another one that came meanwhile stays."""
        with self._lock:
            if self._kept.get(key, ("", 0.0))[0] == url:
                del self._kept[key]


def lifetime(url: str, date: str) -> float:
    """How many seconds a signed URL is good from now on. CloudFront writes `Expires` in seconds since the epoch
    ("Creating a signed URL using a canned policy"), S3 `X-Amz-Date` and `X-Amz-Expires` (SigV4 query)."""
    query = parse_qs(urlsplit(url).query)
    now = http_date(date) or time.time()
    try:
        if "Expires" in query:
            return float(query["Expires"][0]) - now
        if "X-Amz-Date" in query and "X-Amz-Expires" in query:
            begun = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return begun.timestamp() + float(query["X-Amz-Expires"][0]) - now
    except (ValueError, OverflowError):
        return 0.0
    return UNKNOWN + EARLY
