"""What goes wrong at the fake Hub, and when."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "status",  # answers `status` with `headers`, and a body of words
    "stall",  # sends `after` bytes of the body, then nothing until the server stops
    "trickle",  # a byte now and then
    "cut",  # closes the connection after `after` bytes of the body
    "reset",  # the same with a TCP reset
    "ignore range",  # 200 with the whole file
    "wrong start",  # 206 with bytes from elsewhere, told truly
    "wrong total",  # 206 that tells another length of the file
    "no content range",  # 206 without Content-Range
    "gzip",  # the range compressed, told truly
    "labelled gzip",  # the right bytes under a Content-Encoding that is not theirs
    "corrupt",  # another byte, same size
    "web page",  # 200 with a login page
    "foreign next",  # the next page's link names another host
    "same next",  # the next page's link is this page's own
    "other commit",  # X-Repo-Commit of another commit
    "redirect",  # 302 to `location`
    "later 403",  # sends `after` bytes, cuts, and refuses this signed URL from then on
]


@dataclass
class Fault:
    """Strikes at requests of `port` whose path contains `where`: after `skip` of them, `times` times. With
    `every` it strikes at each so many of them, for ever."""

    port: Literal["hub", "cdn"]
    kind: Kind
    where: str = ""
    times: int = 1
    skip: int = 0
    after: int = 0
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    every: int = 0
    seen: int = 0
    struck: int = 0


class Faults:
    """The script; faults strike in the order in which they were added, one a request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, port: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.port != port or fault.where not in path:
                    continue
                fault.seen += 1
                if fault.every:
                    if fault.seen % fault.every:
                        continue
                    fault.struck += 1
                    return fault
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times > 0:
                    fault.times -= 1
                    fault.struck += 1
                    return fault
        return None
