"""What the daemon and the in-process client see of an engine."""

from __future__ import annotations

from typing import Protocol, TypeVar

from core.events import EventHub
from core.messages import Command, Snapshot

R = TypeVar("R")


class EngineCore(Protocol):
    """One engine over one state folder. All methods are called from its event loop.

    `Subscribe`, `Unsubscribe` and `Shutdown` belong to the line, not to the engine: whoever serves a line
    handles them with `hub`, `snapshot` and `close`.
    """

    @property
    def hub(self) -> EventHub:
        """Where every event is published."""
        ...

    @property
    def boot_id(self) -> str: ...

    async def open(self) -> None:
        """Open the journal, take up unfinished jobs. Raises HaulierError when the journal is damaged."""
        ...

    async def handle(self, command: Command[R]) -> R:
        """Carry out one command. Raises HaulierError; anything else is a defect."""
        ...

    def snapshot(self) -> Snapshot:
        """The state as of `hub.seq`."""
        ...

    async def close(self, *, drain: bool) -> None:
        """Finish (or drop) what is in flight, record everything, stop all threads. May be called twice."""
        ...
