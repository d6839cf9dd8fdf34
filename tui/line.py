"""The line to the engine: attach, listen, and when it breaks, try again until somebody hangs up.

Everything that happens is reported as a `Happening`; the app reduces them into its state. Reports are
gathered for a moment, so that a burst of events costs the screen one change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from core.client import EngineClient
from core.errors import HaulierError
from core.messages import Progress
from tui import clock
from tui.state import Attached, Happening, Heard, Lost, Starting

GATHER = 0.04  # seconds
BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0)
RATE = 2.0  # progress messages a second


class Connector(Protocol):
    """How an engine is reached. Both raise HaulierError with code `unavailable`."""

    async def attach(self) -> EngineClient:
        """A line to the engine that runs."""
        ...

    async def start(self) -> EngineClient:
        """A line to the engine, which is started when none runs."""
        ...


class EngineLine:
    """One line at a time. `tell` takes what happened, gathered, in order."""

    def __init__(self, connector: Connector, tell: Callable[[Sequence[Happening]], None]) -> None:
        self._connector = connector
        self._tell = tell
        self._pending: list[Happening] = []
        self._flush: asyncio.TimerHandle | None = None
        self._start_wanted = True  # the first time, an engine is started when none runs
        self._wake = asyncio.Event()
        self._workers_of = 0
        self._seq = 0
        self.client: EngineClient | None = None

    async def run(self) -> None:
        """Until cancelled."""
        tries = 0
        try:
            while True:
                reason, hint, was_up = await self._one_line()
                tries = 0 if was_up else tries + 1
                delay = BACKOFF[min(max(tries - 1, 0), len(BACKOFF) - 1)]
                self._report(Lost(reason, hint, clock.monotonic() + delay))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), delay)
        finally:
            await self.close()

    def start_again(self) -> None:
        """Start the engine now instead of waiting for one to appear."""
        if self.client is None:
            self._start_wanted = True
            self._wake.set()

    async def watch_workers_of(self, job: int) -> None:
        """Ask for the worker rows of one job only; 0 asks for all."""
        if job == self._workers_of:
            return
        self._workers_of = job
        if self.client is not None:
            await self._take_snapshot(self.client)

    async def close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            await client.close()

    async def _one_line(self) -> tuple[str, str, bool]:
        """Attach and listen until the line breaks; gives the reason, a hint, and whether it ever stood."""
        start, self._start_wanted = self._start_wanted, False
        self._wake.clear()
        stood = False
        try:
            if start:
                self._report(Starting())
                client = await self._connector.start()
            else:
                client = await self._connector.attach()
            self.client = client
            self._seq = 0
            await self._take_snapshot(client)
            stood = True
            await self._listen(client)
        except HaulierError as error:
            return error.message, error.hint, stood
        finally:
            await self.close()
        return "The line to the engine broke.", "", stood

    async def _listen(self, client: EngineClient) -> None:
        async for event in client.events():
            self._report(Heard(event, clock.monotonic()))
            if isinstance(event, Progress) or event.seq <= self._seq:
                continue
            if event.seq > self._seq + 1:
                await self._take_snapshot(client)
            else:
                self._seq = event.seq

    async def _take_snapshot(self, client: EngineClient) -> None:
        snapshot = await client.subscribe(RATE, self._workers_of)
        self._seq = max(self._seq, snapshot.seq)
        self._report(Attached(client.hello, snapshot, clock.monotonic()))

    def _report(self, happening: Happening) -> None:
        self._pending.append(happening)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(GATHER, self._deliver)

    def _deliver(self) -> None:
        self._flush = None
        gathered, self._pending = self._pending, []
        self._tell(gathered)
