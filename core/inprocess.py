"""A line to an engine in this process: the same messages in the same encoding, without a socket."""

from __future__ import annotations

import asyncio

from core.engine.interface import EngineCore
from core.framing import FrameError, decode_server_frame, encode
from core.line import Line, greeting
from core.line_client import LineClient
from core.messages import Draining, Hello


class InProcessClient(LineClient):
    """For tests and the Python API. The engine must be open and belongs to the caller: `close` leaves it.

    A `Shutdown` closes the engine, as it does over the socket, and then ends the line.
    """

    def __init__(self, engine: EngineCore) -> None:
        hello = decode_server_frame(encode(greeting(engine)))
        if not isinstance(hello, Hello):
            raise FrameError("the engine did not greet")
        super().__init__(hello)
        self._engine = engine
        self._line = Line(engine, self._receive, self._stop, self._cut)
        self._ending: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        self.end("closed by this program")
        await self._line.close()

    async def _send(self, request: bytes) -> None:
        await self._line.receive(request)

    async def _receive(self, message: bytes) -> None:
        self.take(message)

    def _stop(self, drain: bool) -> None:
        self._ending.add(asyncio.create_task(self._shut_down(drain)))

    def _cut(self) -> None:
        self._ending.add(asyncio.create_task(self.close()))

    async def _shut_down(self, drain: bool) -> None:
        self._engine.hub.publish(lambda seq: Draining(seq=seq))
        await self._engine.close(drain=drain)
        self._engine.hub.close()
        await self._line.finish()
        self.end("the engine stopped")
        await self._line.close()
