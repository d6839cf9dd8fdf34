"""The line to the engine's process over its Unix socket."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

from core.errors import Code, HaulierError
from core.framing import FrameError, decode_server_frame, frame, read_frame
from core.line_client import LineClient
from core.messages import Hello

HANDSHAKE_SECONDS = 5.0


def peer_uid(end: socket.socket) -> int:
    """The user at the other end of a connected Unix socket, told by the kernel (unix(7), SO_PEERCRED)."""
    data = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", data)
    return int(uid)


class SocketClient(LineClient):
    """An open line. Made by `open`, usually through core.launch.connect."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Hello) -> None:
        super().__init__(hello)
        self._reader = reader
        self._writer = writer
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, path: Path, *, timeout: float = HANDSHAKE_SECONDS) -> SocketClient:
        """Connect to the socket at `path` and wait at most `timeout` seconds for the greeting.

        Raises OSError when nobody listens there, HaulierError `unavailable` when who listens is not an
        engine of this user or does not answer. The protocol's number is not judged here.
        """
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            _check_owner(writer, path)
            hello = await asyncio.wait_for(_greeting(reader), timeout)
        except TimeoutError:
            writer.close()
            raise HaulierError(
                Code.UNAVAILABLE,
                f"The engine at {path} did not answer within {timeout:g} s",
                "It may be busy or stuck; its log tells more.",
            ) from None
        except BaseException:
            writer.close()
            raise
        return cls(reader, writer, hello)

    async def close(self) -> None:
        self.end("closed by this program")
        self._reading.cancel()
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def wait_closed(self) -> None:
        """Returns when the line is gone; after a `Shutdown` that is when the engine has stopped."""
        await asyncio.wait([self._reading])

    async def _send(self, request: bytes) -> None:
        self._writer.write(frame(request))
        await self._writer.drain()

    async def _read(self) -> None:
        reason = "the engine closed it"
        try:
            while (body := await read_frame(self._reader)) is not None:
                self.take(body)
        except FrameError as wrong:
            reason = str(wrong)
        except OSError as gone:
            reason = os.strerror(gone.errno) if gone.errno else "the engine closed it"
        finally:
            self.end(reason)
            self._writer.close()


def _check_owner(writer: asyncio.StreamWriter, path: Path) -> None:
    uid = peer_uid(writer.get_extra_info("socket"))
    if uid != os.geteuid():
        raise HaulierError(Code.UNAVAILABLE, f"At {path} a program of another user (uid {uid}) listens")


async def _greeting(reader: asyncio.StreamReader) -> Hello:
    try:
        body = await read_frame(reader)
        if body is None:
            raise ConnectionResetError("the engine closed the line before it greeted")
        hello = decode_server_frame(body)
    except FrameError as wrong:
        raise HaulierError(Code.UNAVAILABLE, f"What listens there is not a haulier engine: {wrong}") from None
    if not isinstance(hello, Hello):
        raise HaulierError(Code.UNAVAILABLE, "What listens there is not a haulier engine: it did not greet")
    return hello
