"""The one interface through which a face drives the engine.

`SocketClient` (core/socket_client.py) speaks to the engine's process; `InProcessClient`
(core/inprocess.py) holds an engine in this process, for tests and the Python API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

from core.messages import AnyEvent, Command, Hello, Snapshot

R = TypeVar("R")


class LineGap(Exception):
    """Events were missed. What is known is out of date: subscribe again and read `events` anew."""


class EngineClient(Protocol):
    """An open line to an engine. All methods are called from one event loop."""

    @property
    def hello(self) -> Hello:
        """What the engine said of itself at the handshake."""
        ...

    async def call(self, command: Command[R]) -> R:
        """Carry out one command. Several may be under way at once.

        Raises HaulierError with the engine's code, message and hint; code `unavailable` when the line broke
        (the command may or may not have been carried out; commands are safe to repeat).
        """
        ...

    async def subscribe(self, rate: float = 2.0, workers_of: int = 0) -> Snapshot:
        """Ask for events; see `Subscribe`. `events` yields those that come after the snapshot."""
        ...

    def events(self) -> AsyncIterator[AnyEvent]:
        """Events in order, from `subscribe` on. Ends when the line breaks. One consumer only.

        Raises LineGap when events were missed, because their numbers jumped or the consumer was too slow.
        A `subscribe` while events are read drops those that its snapshot already holds.
        Lossless events are buffered; of `Progress` only the newest is kept while the consumer is slow.
        """
        ...

    async def close(self) -> None:
        """Close the line. The engine goes on."""
        ...
