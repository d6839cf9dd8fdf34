"""When to try again: policies are data, one function decides.

Jitter follows the "equal jitter" idea: a delay d becomes d × (0.8 … 1.2), so that many workers do not return at
the same instant. What a server asks for (Retry-After) is spread, too, and never undercut: d × (1.0 … 1.2).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from core.errors import Code, ErrorClass, HaulierError, TransferError


@dataclass(frozen=True)
class RetryPolicy:
    """`delays` in seconds, the last one repeats; `tries` 0 means as long as `budget` seconds allow."""

    name: str
    delays: tuple[float, ...]
    tries: int
    budget: float
    file_tries: int = 3  # for FILE errors
    integrity_tries: int = 4

    def delay(self, attempt: int) -> float:
        """Seconds to wait after failed try number `attempt` (from 1), without jitter."""
        return self.delays[min(attempt, len(self.delays)) - 1]


HOURS = 3600.0
PRESETS = {
    "patient": RetryPolicy("patient", (5, 10, 30, 60, 300), 0, 48 * HOURS),
    "quick": RetryPolicy("quick", (2, 4, 8, 16, 32), 5, 48 * HOURS),
    "steady": RetryPolicy("steady", tuple(5.0 * n for n in range(1, 31)), 30, 48 * HOURS),
}


def parse_policy(text: str) -> RetryPolicy:
    """A preset's name, or delays such as `0.1,0.2,0.5x5`: the last repeats five times, then no more.

    Raises HaulierError (usage) for anything else.
    """
    if text in PRESETS:
        return PRESETS[text]
    delays: list[float] = []
    for token in text.split(","):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)(?:x(\d{1,4}))?\s*", token)
        if match is None:
            raise HaulierError(
                Code.USAGE,
                f'unknown retry preset "{text}"',
                f"use one of {', '.join(PRESETS)}, or delays in seconds such as 1,2,5x10",
            )
        delays += [float(match[1])] * int(match[2] or 1)
    if not delays:
        raise HaulierError(Code.USAGE, "a retry preset needs at least one delay", "for example 1,2,5x10")
    return RetryPolicy(text, tuple(delays), len(delays), 48 * HOURS, file_tries=min(3, len(delays) + 1))


_TOGETHER = {ErrorClass.THROTTLED: ErrorClass.NETWORK, ErrorClass.CHANGED: ErrorClass.INTEGRITY}


class Tries:
    """Failed tries of one item or part, counted apart by how they are treated: what the network cost does not
    shorten the patience with the file itself."""

    def __init__(self, before: int = 0) -> None:
        """`before`: so many have failed of which it is not known how."""
        self._before = before
        self._counts: dict[ErrorClass, int] = {}

    def add(self, error_class: ErrorClass) -> int:
        """One more; how many there are now of its kind."""
        kind = _TOGETHER.get(error_class, error_class)
        self._counts[kind] = self._counts.get(kind, self._before) + 1
        return self._counts[kind]


def next_delay(
    policy: RetryPolicy, error: TransferError, attempt: int, elapsed: float, jitter: float | None = None
) -> float | None:
    """Seconds until the item is tried again, or None when it is not.

    `attempt` is how many tries have failed in this way (`Tries`), `elapsed` the seconds since the first one
    began. A server's Retry-After is never undercut. FATAL errors are not an item's to retry: they stop the job.
    """
    factor = random.uniform(0.8, 1.2) if jitter is None else jitter  # noqa: S311 - spreading, not secrecy
    match error.error_class:
        case ErrorClass.FATAL:
            return None
        case ErrorClass.FILE:
            if attempt >= policy.file_tries:
                return None
        case ErrorClass.INTEGRITY | ErrorClass.CHANGED:
            if attempt >= policy.integrity_tries:
                return None
        case ErrorClass.NETWORK | ErrorClass.THROTTLED:
            if (policy.tries and attempt > policy.tries) or elapsed > policy.budget:
                return None
    return max(policy.delay(attempt) * factor, error.retry_after * (1 + abs(factor - 1)))
