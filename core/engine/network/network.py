"""Is a server away, or is one request in trouble? And who waits until it is back.

A request that got no answer (`TransferError.host` names the server) proves little: a connection was cut, one of
many stalled; and that others were answered a moment before proves as little of now. So the server is knocked
at, once for all who ask at the same time. If it answers, the request is judged like any other trouble. If it
does not, the server is away:

1. Nothing more is sent there. Work that needs it stays where it is; no try is counted, and the clocks of retry
   budgets and time limits stand still.
2. One thread knocks every `EVERY` seconds, for all jobs.
3. The first answer ends it: everybody goes on.

A server that answers nonsense, errors or too slowly is there: that is for the retry policy.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from core.errors import NetworkTrouble, TransferError
from core.safe_text import safe_text
from core.stores.base import CancelFlag, Cancelled, Remote
from core.units import format_eta

log = logging.getLogger(__name__)

KNOCK = 4.0  # seconds that a server may take to answer a knock
EVERY = 1.5  # seconds between two knocks
FRESH = 1.0  # seconds for which the answer to a knock holds for requests that were sent before it


class Away(NamedTuple):
    """A server that does not answer. Times in monotonic seconds."""

    host: str
    since: float
    reason: str
    next_knock: float


class Network:
    """All servers that jobs had trouble with, shared by all jobs. Called from many threads.

    `noticed` is told of a server that went away, as a sentence, and of its return.
    """

    def __init__(self, noticed: Callable[[str], None] = lambda _: None) -> None:
        self._noticed = noticed
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}
        self._listeners: list[Callable[[], None]] = []
        self._closed = threading.Event()

    def is_away(self, remote: Remote) -> bool:
        """Whether this server was found to be away and has not come back."""
        host = self._hosts.get(remote.host)
        return host is not None and host.away is not None

    def lost(self, remote: Remote, error: TransferError) -> bool:
        """Whether the server behind this error is away as a whole. Blocks for at most KNOCK seconds."""
        with self._lock:
            host = self._hosts.setdefault(remote.host, _Host(remote.host))
        with host.knocking:  # those who come meanwhile wait for the one knock
            if host.away is not None:
                return True
            now = time.monotonic()
            if host.answered_at > max(error.asked, now - FRESH):
                return False
            if _answers(remote):
                host.answered_at = time.monotonic()
                return False
            host.away = Away(remote.host, now, _why(error), time.monotonic() + EVERY)
        self._tell()
        self._noticed(f"network away: {remote.host} does not answer ({host.away.reason}); work waits for it")
        name = f"knock-{remote.host}"
        threading.Thread(target=self._knock_until_back, args=(host, remote), name=name, daemon=True).start()
        return True

    def away(self, host: str) -> Away | None:
        """What is known of a server that is away; None when it is not."""
        known = self._hosts.get(host)
        return known.away if known is not None else None

    def listen(self, changed: Callable[[], None]) -> None:
        """`changed` is called whenever a server went away or came back, until `leave`."""
        with self._lock:
            self._listeners.append(changed)

    def leave(self, changed: Callable[[], None]) -> None:
        with self._lock:
            if changed in self._listeners:
                self._listeners.remove(changed)

    def close(self) -> None:
        """Knock no more."""
        self._closed.set()

    def _knock_until_back(self, host: _Host, remote: Remote) -> None:
        while not self._closed.wait(EVERY):
            if _answers(remote):
                break
            if (away := host.away) is not None:
                host.away = away._replace(next_knock=time.monotonic() + EVERY)
        else:
            return
        with host.knocking:
            gone, host.away = host.away, None
            host.answered_at = time.monotonic()
        if gone is not None:
            lasted = format_eta(time.monotonic() - gone.since)
            self._noticed(f"network back: {gone.host} answers again after {lasted}")
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for changed in listeners:
            changed()


class _Host:
    def __init__(self, name: str) -> None:
        self.name = name
        self.knocking = threading.Lock()
        self.away: Away | None = None
        self.answered_at = 0.0


class Gate:
    """What one job knows of the network. `remotes` are, for each of its routes, the servers it needs; `changed`
    is called when the set of closed routes changes, from any thread."""

    def __init__(
        self,
        network: Network,
        remotes: Callable[[], list[tuple[Remote, ...]]],
        changed: Callable[[frozenset[int]], None],
    ) -> None:
        self._network, self._remotes, self._changed = network, remotes, changed
        self._lock = threading.Lock()
        self._closed: frozenset[int] = frozenset()
        self._stood = 0.0  # seconds that the clock stood still
        self._standing_since = 0.0
        self._moved = threading.Event()

    def open(self) -> None:
        """Hear of the network from now on."""
        self._network.listen(self._look)
        self._look()

    def close(self) -> None:
        """Hear no more of the network."""
        self._network.leave(self._look)
        self._moved.set()

    def now(self) -> float:
        """Monotonic seconds of a clock that stands still while a server of this job is away."""
        with self._lock:
            moment = self._standing_since or time.monotonic()
            return moment - self._stood

    def lost(self, error: TransferError) -> bool:
        """Whether a server of this job, the one that the error speaks of, is away."""
        if not error.host:
            return False
        for remotes in self._remotes():
            for remote in remotes:
                if remote.host == error.host:
                    return self._network.lost(remote, error)
        return False

    def wait_out(self, error: TransferError, cancelled: CancelFlag, *, strangers: bool = True) -> bool:
        """If the server that the error speaks of is away, wait until it is back; whether there was anything to
        wait for. Without `strangers`, a server that never answered is not waited for: its name may be wrong.
        Raises Cancelled."""
        if not (strangers or self._knows(error.host)) or not self.lost(error):
            return False
        while self._network.away(error.host) is not None:
            self._moved.clear()
            if cancelled.is_set():
                raise Cancelled
            self._moved.wait(0.2)
        return True

    def _knows(self, host: str) -> bool:
        return any(remote.heard for remotes in self._remotes() for remote in remotes if remote.host == host)

    @property
    def closed(self) -> frozenset[int]:
        """The routes that wait for a server."""
        return self._closed

    def words(self) -> str:
        """What this job waits for, for people; empty when it waits for no server."""
        hosts = {remote.host for remotes in self._remotes() for remote in remotes} if self._closed else set()
        away = [found for host in sorted(hosts) if (found := self._network.away(host)) is not None]
        if not away:
            return ""
        first, now = away[0], time.monotonic()
        more = f" and {len(away) - 1} more" if len(away) > 1 else ""
        return (
            f"network away: {first.host}{more} does not answer for {format_eta(now - first.since)} "
            f"({first.reason}), trying again in {max(0.0, first.next_knock - now):.0f} s"
        )

    def _look(self) -> None:
        with self._lock:  # held to the end: the last word must be the newest one
            closed = frozenset(
                number
                for number, remotes in enumerate(self._remotes())
                if any(self._network.is_away(remote) for remote in remotes)
            )
            if closed == self._closed:
                return
            if closed and not self._closed:
                self._standing_since = time.monotonic()
            elif self._closed and not closed:
                self._stood += time.monotonic() - self._standing_since
                self._standing_since = 0.0
            self._closed = closed
            self._changed(closed)
        self._moved.set()


def _answers(remote: Remote) -> bool:
    try:
        remote.knock(KNOCK)
    except NetworkTrouble:
        return False
    except TransferError as error:
        log.info("knocking at %s: %s", remote.host, safe_text(error.message))  # a certificate, say: it is there
    return True


def _why(error: TransferError) -> str:
    """The last clause of what the line said: "Connection refused"."""
    text = error.message.rpartition(": ")[2]
    return safe_text(text.partition(" (os error")[0], 60)
