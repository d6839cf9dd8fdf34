"""A long line in front of a server: every byte comes late, both ways. A process of its own till its input ends.

`python -m tests.benchmarks.slow_line PORT MILLISECONDS` prints the port it listens on. A connection is open one
round trip after it was asked for, bytes are half a round trip on their way, and no more than `WINDOW` of them
are under way at once in one direction of a connection, as with TCP. Lost packets cannot be simulated here: what
TCP does about them happens below what a proxy sees.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import suppress

WINDOW = 1 << 20  # bytes
CHUNK = 1 << 16


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Everything that is read is written `delay` seconds later, in order."""
    loop = asyncio.get_running_loop()
    under_way: deque[tuple[float, bytes]] = deque()
    room, came = asyncio.Event(), asyncio.Event()
    held = 0

    async def deliver() -> None:
        nonlocal held
        while True:
            while not under_way:
                came.clear()
                await came.wait()
            due, data = under_way[0]
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            under_way.popleft()
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
            held -= len(data)
            room.set()

    delivering = asyncio.create_task(deliver())
    try:
        while True:
            while held >= WINDOW:
                room.clear()
                await room.wait()
            data = await reader.read(CHUNK)
            held += len(data)
            under_way.append((loop.time() + delay, data))
            came.set()
            if not data:
                break
        await delivering
    finally:
        delivering.cancel()
        writer.close()


async def serve(port: int, delay: float) -> None:
    """In front of `port`, with `delay` seconds for a round trip."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.sleep(delay)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(
                pump(reader, far_writer, delay / 2),
                pump(far_reader, writer, delay / 2),
                return_exceptions=True,
            )

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, limit=CHUNK)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
