"""Lines over a Unix socket: accepts, checks who is there, and reads and writes frames for `Line`.

1. On accept the kernel tells the peer's user (SO_PEERCRED). Another user's connection is closed unheard.
2. The server greets with `Hello`. Then the client sends requests, see core/line.py.
3. A frame that is too long, cut off, or holds no request ends that line, with one line in the log. No other
   line notices.
4. A client that does not read is not waited for: its own answers stop, and once its events overflow their
   buffer the line is cut.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

from core.engine.interface import EngineCore
from core.framing import FrameError, encode, frame, read_frame
from core.line import Line, greeting
from core.messages import Hello
from core.socket_client import peer_uid

log = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0  # given to clients to take the last messages when the engine stops


class LineServer:
    """Serves one engine on one listening socket. `stop` is called with `drain` when a client asks for it."""

    def __init__(self, engine: EngineCore, stop: Callable[[bool], None]) -> None:
        self.draining = False  # told to new clients
        self._engine = engine
        self._stop = stop
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], tuple[Line, asyncio.StreamWriter]] = {}

    async def listen(self, bound: socket.socket) -> None:
        """Accept on a socket that is bound already. An earlier one is closed; its lines stay."""
        self._close_listener()
        self._server = await asyncio.start_unix_server(self._accepted, sock=bound)

    async def close(self) -> None:
        """Accept no more, let clients take what is left of answers and events, and end every line.

        The engine's hub must be closed, else its events have no end."""
        self._close_listener()
        finishing = [asyncio.create_task(line.finish()) for line, _ in self._open.values()]
        if finishing:
            await asyncio.wait(finishing, timeout=FLUSH_SECONDS)
        for task in finishing:
            task.cancel()
        for _, writer in self._open.values():
            writer.close()
        if self._open:
            await asyncio.wait(tuple(self._open), timeout=FLUSH_SECONDS)
        for task, (_, writer) in self._open.items():
            writer.transport.abort()
            task.cancel()
        if self._open:
            await asyncio.wait(tuple(self._open))

    def _close_listener(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def greeting(self) -> Hello:
        return greeting(self._engine, draining=self.draining)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = peer_uid(writer.get_extra_info("socket"))
        if uid != os.geteuid():
            log.warning("refused a connection of another user (uid %d)", uid)
            writer.transport.abort()
            return

        async def send(message: bytes) -> None:
            writer.write(frame(message))
            await writer.drain()

        line = Line(self._engine, send, self._stop, writer.transport.abort)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a line is served by a task")
        self._open[task] = (line, writer)
        try:
            await send(encode(self.greeting()))
            while (body := await read_frame(reader)) is not None:
                await line.receive(body)
        except FrameError as wrong:
            log.warning("closed a line: %s", wrong)
        except OSError:
            log.debug("a client left without a word")
        except asyncio.CancelledError:
            log.warning("a line did not end by itself when the engine stopped")
        finally:
            await line.close()
            writer.close()
            del self._open[task]
