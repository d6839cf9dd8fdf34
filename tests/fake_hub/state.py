"""What both ports of the fake Hub share: repositories, accounts, quotas, signed URLs and the log."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.fake_hub.faults import Faults
from tests.fake_hub.repos import Account, File, Kind, Repo

Port = Literal["hub", "cdn"]


@dataclass(frozen=True)
class Request:
    port: Port
    method: str
    path: str  # with the query, as it was written
    headers: dict[str, str]  # lower-case names
    at: float


class FakeHub:
    """`endpoint` is the Hub, `storage` the CDN. Accounts by token in `accounts`; `quota` holds by "api" or
    "resolvers" how many requests are left and when they are new (seconds). `page` is the most rows of a
    listing's page. What was uploaded into `xet_store` (xet.py) is told with its hash in `File.xet`."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.accounts: dict[str, Account] = {}
        self.faults = Faults()
        self.log: list[Request] = []
        self.quota: dict[str, list[int]] = {}
        self.windows: dict[str, tuple[int, float]] = {}  # quotas that come anew: requests, seconds
        self.sent: dict[Port, int] = {"hub": 0, "cdn": 0}  # bytes of files
        self.overdrawn = 0  # requests that were refused because a quota was used up
        self.page = 1000
        self.url_seconds = 3600
        self.renamed: dict[tuple[str, str], str] = {}  # (kind, old id) → new id
        self.next_links = ""  # the origin that links to next pages name; empty: this Hub itself
        self.xet_store = ""  # "local:///folder"
        self.xet_seconds = 3600
        self.endpoint = ""
        self.storage = ""
        self.stopped = threading.Event()
        self._generation = 0
        self._serial = 0
        self._refused: set[str] = set()
        self._ends: dict[str, float] = {}  # of windows
        self._stored: dict[str, File] = {}
        self._lock = threading.Lock()

    def add(self, kind: Kind, name: str, files: Mapping[str, File | bytes] | None = None, **marks: Any) -> Repo:
        """A repository with one commit on main."""
        repo = Repo(kind, name, **marks)
        if files is not None:
            repo.commit(files)
        self.repos[kind, name] = repo
        return repo

    def asked(self, port: Port, where: str = "") -> list[Request]:
        """The requests of a port whose path contains `where`."""
        return [request for request in list(self.log) if request.port == port and where in request.path]

    def stored(self, sha256: str) -> File | None:
        """The file in LFS that has this digest."""
        with self._lock:
            file = self._stored.get(sha256)
        if file is None:
            held = [
                file
                for repo in self.repos.values()
                for files in repo.commits.values()
                for file in files.values()
            ]
            with self._lock:
                self._stored |= {file.sha256: file for file in held if file.lfs}
                file = self._stored.get(sha256)
        return file

    def expire_urls(self) -> None:
        """Every URL signed so far is refused from now on."""
        with self._lock:
            self._generation += 1

    def refuse_url(self, path: str) -> None:
        with self._lock:
            self._refused.add(path)

    def signed(self, file: File) -> str:
        with self._lock:
            ends = int(time.time()) + self.url_seconds
            self._serial += 1
            return f"{self.storage}/{file.sha256}?Expires={ends}&Signature=g{self._generation}-{self._serial}"

    def is_good(self, path: str) -> bool:
        with self._lock:
            return f"Signature=g{self._generation}-" in path and path not in self._refused

    def _turn(self, name: str, window: tuple[int, float]) -> None:
        """A quota that comes anew at the end of each of its windows."""
        allowed, seconds = window
        now = time.monotonic()
        if now >= self._ends.get(name, 0.0):
            self._ends[name] = now + seconds
            self.quota[name] = [allowed, 0]
        self.quota[name][1] = math.ceil(self._ends[name] - now)

    def charge(self, name: str) -> tuple[bool, list[tuple[str, str]]]:
        """One request more: whether it is allowed, and the headers that tell the quota."""
        with self._lock:
            if window := self.windows.get(name):
                self._turn(name, window)
            left = self.quota.get(name)
            if left is None:
                return True, []
            allowed = left[0] > 0
            self.overdrawn += not allowed
            left[0] = max(left[0] - 1, 0)
            return allowed, [
                ("RateLimit", f'"{name}";r={left[0]};t={left[1]}'),
                ("RateLimit-Policy", f'"fixed window";"{name}";q=1000;w=300'),
            ]
