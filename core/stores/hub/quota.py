"""The Hub's request quota, obeyed before it is used up.

Source: "Hub rate limits" in the Hub documentation. Every answer tells the quota that it was charged to, after
draft-ietf-httpapi-ratelimit-headers: `RateLimit: "resolvers";r=0;t=55` (requests left, seconds until they are
new), and how large it is: `RateLimit-Policy: "fixed window";"resolvers";q=5000;w=300`. Quotas belong to an
account: one `Quotas` serves everything that one Hub is asked with one token.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from core.errors import Throttled
from core.stores.base import CancelFlag, Cancelled

API = "api"
RESOLVERS = "resolvers"
LONGEST = 3600.0  # seconds that a server's word is believed
WAITED_HERE = 5.0  # seconds; longer pauses are the caller's, who may have other work
STEP = 0.05
_ITEM = re.compile(r'\s*"([a-z0-9_ -]{1,64})"((?:\s*;\s*[a-z]+=[^;,"]{1,32})*)', re.IGNORECASE)
_POLICY = re.compile(r";\s*([qw])=(\d{1,12})(?![\d.])")
_NUMBER = re.compile(r";\s*([rt])=(\d{1,12})(?![\d.])")


class Window(NamedTuple):
    """How many requests are allowed in how many seconds."""

    requests: int
    seconds: float


# Of the official Hub, where it has not told yet ("Hub rate limits", August 2026): without an account, and with
# a free one.
ANONYMOUS = Window(3000, 300.0)
FREE = Window(5000, 300.0)


class Charge:
    """One request that a quota is charged with. The Hub may not have counted it yet until it answers."""

    def __init__(self, quotas: Quotas, name: str) -> None:
        self._quotas, self._name = quotas, name
        self._open = True

    def told(self, header: str, policy: str = "") -> None:
        """The answer's headers RateLimit and RateLimit-Policy, which may be empty or nonsense."""
        self.end()
        self._quotas.told(header, policy)

    def end(self) -> None:
        """Answered, or never to be."""
        if self._open:
            self._open = False
            self._quotas.answered(self._name)


class Quotas:
    """What is known of the quotas of one account. Called from many threads."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._left: dict[str, tuple[int, float]] = {}  # requests, and when they are new (monotonic seconds)
        self._unanswered: Counter[str] = Counter()  # requests
        self._lock = threading.Lock()

    def left(self, name: str) -> int:
        """Requests left; -1 when nobody knows."""
        with self._lock:
            return self._standing(name)

    @contextmanager
    def charged(self, name: str, doing: object, cancelled: CancelFlag | None = None) -> Iterator[Charge]:
        """Around a request. Waits a short time for a new quota. Raises Throttled with the time to wait when it
        is a long one, Cancelled."""
        self._take(name, doing, cancelled)
        charge = Charge(self, name)
        try:
            yield charge
        finally:
            charge.end()

    def _take(self, name: str, doing: object, cancelled: CancelFlag | None) -> None:
        until = time.monotonic() + WAITED_HERE
        while True:
            if cancelled is not None and cancelled.is_set():
                raise Cancelled
            with self._lock:
                left = self._standing(name)
                if left:
                    if left > 0:
                        self._left[name] = (left - 1, self._left[name][1])
                    self._unanswered[name] += 1
                    return
                new = self._left[name][1]
            if new > until:
                raise Throttled(
                    f'{doing}: the request quota "{name}" is used up; nothing is asked until it is new',
                    retry_after=max(new - time.monotonic(), 0.0),
                )
            time.sleep(min(STEP, max(new - time.monotonic(), 0.001)))

    def answered(self, name: str) -> None:
        """A request is no longer on its way."""
        with self._lock:
            self._unanswered[name] -= 1

    def window(self, name: str) -> Window | None:
        """What the Hub told of a quota as a whole; None when it did not yet."""
        return self._windows.get(name)

    def told(self, header: str, policy: str = "") -> None:
        """After every answer: its headers RateLimit and RateLimit-Policy, which may be empty or nonsense."""
        for item in _ITEM.finditer(policy[:1000]):
            numbers = dict(_POLICY.findall(item[2]))
            if int(numbers.get("q", 0)) and int(numbers.get("w", 0)):
                self._windows[item[1].lower()] = Window(int(numbers["q"]), float(numbers["w"]))
        for name, left, seconds in read_limits(header):
            new = time.monotonic() + min(seconds, LONGEST)
            with self._lock:
                # Requests on their way may not have been counted in this answer. Some were: a few too few.
                left = max(left - self._unanswered[name], 0)
                known = self._left.get(name)
                # Answers overtake each other: within one window the smaller number is the truer one.
                if known is not None and abs(known[1] - new) < 2 and known[1] > time.monotonic():
                    left = min(left, known[0])
                self._left[name] = (left, new)

    def _standing(self, name: str) -> int:
        known = self._left.get(name)
        if known is None:
            return -1
        if known[1] <= time.monotonic():
            del self._left[name]
            return -1
        return known[0]


def read_limits(header: str) -> list[tuple[str, int, float]]:
    """Name, requests left, seconds until they are new, of each quota that a RateLimit header tells."""
    found: list[tuple[str, int, float]] = []
    for item in _ITEM.finditer(header[:1000]):
        told = dict(_NUMBER.findall(item[2]))
        if "r" in told and "t" in told:
            found.append((item[1].lower(), int(told["r"]), float(told["t"])))
    return found


def seconds_until_new(header: str) -> float:
    """How long the emptiest quota of a RateLimit header has to be waited for; 0.0 when it tells nothing."""
    return max((min(seconds, LONGEST) for _, left, seconds in read_limits(header) if left == 0), default=0.0)
