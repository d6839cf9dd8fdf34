"""What listing and preparing do when the network fails: wait, say so, ask again, as the job's policy says.

Workers have remedies.py for that. Here there is one thing to be done, and nothing else can go on before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from core.engine.moving.remedies import RENEWED, STUMBLE
from core.engine.network.network import Gate
from core.engine.network.retry import RetryPolicy, Tries, next_delay
from core.errors import BadCredentials, NetworkTrouble, Throttled, TransferError
from core.stores.base import Cancelled
from core.stores.s3 import BrokenListing, ClockLearnt

T = TypeVar("T")


class Patience(NamedTuple):
    """`told` hears of each wait and its seconds. Without `gate` nobody knows whether a server is away."""

    policy: RetryPolicy
    cancelled: threading.Event
    told: Callable[[TransferError, float], None]
    gate: Gate | None = None
    strangers: bool = True  # whether a server that never answered is waited for

    def for_one(self, work: Callable[[], T], first_tries: int = 0) -> T:
        """What `work` gives, asked again as long as it makes sense."""
        tolerance = Tolerance(self, first_tries)
        while True:
            try:
                return work()
            except TransferError as error:
                tolerance.bear(error)


class Tolerance:
    """Of one thing that is asked until it comes. `first_tries` limits how often that is tried before anything
    came, 0 leaves it to the policy."""

    def __init__(self, patience: Patience, first_tries: int = 0) -> None:
        self._patience, self._first_tries = patience, first_tries
        self._tries = Tries()
        self._failing_since = 0.0
        self._stumbled = False
        self._renewed = -RENEWED

    def came(self) -> None:
        """Something came: the tries begin anew."""
        self._tries, self._failing_since, self._first_tries = Tries(), 0.0, 0
        self._stumbled = False

    def bear(self, error: TransferError) -> None:
        """Return when it makes sense to ask again. Raises the error itself when it does not, Cancelled."""
        policy, cancelled, told, gate, strangers = self._patience
        if isinstance(error, BadCredentials) and time.monotonic() - self._renewed > RENEWED:
            self._renewed = time.monotonic()  # they may only have expired: the store looks for them again
            self._wait(STUMBLE)
            return
        if isinstance(error, ClockLearnt):
            return
        if not isinstance(error, NetworkTrouble | Throttled | BrokenListing):
            raise error
        if gate is not None and gate.wait_out(error, cancelled, strangers=strangers):
            return
        now = gate.now() if gate is not None else time.monotonic()
        self._failing_since = self._failing_since or now
        if isinstance(error, NetworkTrouble) and not self._stumbled:
            self._stumbled, delay = True, STUMBLE
        else:
            count = self._tries.add(error.error_class)
            wait = next_delay(policy, error, count, now - self._failing_since)
            if wait is None or (self._first_tries and count >= self._first_tries):
                raise error
            delay = wait
        told(error, delay)
        self._wait(delay)

    def _wait(self, seconds: float) -> None:
        if self._patience.cancelled.wait(seconds):
            raise Cancelled
