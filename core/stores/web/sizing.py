"""Asking servers how large files are, many at once, before anything is read.

A file that cannot be asked for is named with its reason, and the others go on. Trouble that may pass is tried
again a few times. A server that gives no answer at all, when it is the only one, is the listing's trouble: it
is raised, and the listing goes on behind the last file once the server is back. So is what somebody has to mend
first (a certificate, a proxy's password; the wire tells it so of the only server alone).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from core.errors import FatalTrouble, NetworkTrouble, Throttled, TransferError
from core.model import Entry
from core.stores.base import CancelFlag, Cancelled, ObjectInfo

AT_ONCE = 16
TRIES = 3
PAUSE = 0.5  # seconds before the second try, twice that before the third
LONGEST_PAUSE = 60.0  # seconds, whatever the server wishes
GLANCE = 0.1  # seconds between looks at whether the listing was given up
PAGE = 4 * AT_ONCE


class Sizer:
    """Over one listing. `look` asks for one URL, `alone` says whether all files have one host."""

    def __init__(
        self, look: Callable[[str], ObjectInfo], alone: Callable[[], bool], cancelled: CancelFlag
    ) -> None:
        self._look, self._alone, self._cancelled = look, alone, cancelled
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sizes")

    def close(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def sized(self, entries: list[Entry]) -> Iterator[Entry | tuple[str, str]]:
        """In the same order: the entry as it is there, or (its name, why it cannot be asked for)."""
        for entry, found in zip(entries, self._pool.map(self._asked, entries), strict=True):
            if isinstance(found, Cancelled):
                raise found
            if isinstance(found, ObjectInfo):
                now = found.entry
                yield msgspec.structs.replace(entry, size=now.size, etag=now.etag, modified=now.modified)
            elif isinstance(found, FatalTrouble) or (
                isinstance(found, NetworkTrouble) and found.host and self._alone()
            ):
                raise found
            else:
                yield entry.key, found.message

    def _asked(self, entry: Entry) -> ObjectInfo | TransferError | Cancelled:
        for failed in range(TRIES):
            try:
                return self._look(entry.url)
            except (NetworkTrouble, Throttled) as error:
                last = error
                if failed + 1 < TRIES:
                    self._pause(min(max(error.retry_after, PAUSE * 2**failed), LONGEST_PAUSE))
            except (TransferError, Cancelled) as error:
                return error
            if self._cancelled.is_set():
                return Cancelled()
        return last

    def _pause(self, seconds: float) -> None:
        waiting = threading.Event()
        while seconds > 0 and not self._cancelled.is_set():
            waiting.wait(min(seconds, GLANCE))
            seconds -= GLANCE
