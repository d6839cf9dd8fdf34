"""The socket's rough side: garbage, halves, giants, sloth, strangers. Whatever one client does, another one
and the engine do not notice."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.errors import Code, HaulierError
from core.framing import encode, frame, read_frame
from core.line_server import LineServer
from core.messages import MAX_FRAME, PROTOCOL, Draining, Hello, JobChanged, Ping, Progress, Shutdown, TuneJob
from core.socket_client import SocketClient
from tests.line.serving import Served, until


@asynccontextmanager
async def raw(served: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection that has read the greeting."""
    reader, writer = await asyncio.open_unix_connection(served.path)
    try:
        assert (await read_frame(reader) or b"").startswith(b'{"type":"hello"')
        yield reader, writer
    finally:
        writer.close()


async def next_frame(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await read_frame(reader) or b""


async def assert_closed(reader: asyncio.StreamReader) -> None:
    assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frame(b"not json"),
        frame(b'{"command":{"type":"ping"}}'),
        frame(b"\xff\xfe\x00"),
        frame(b"[" * 5000),
        b"\x00\x00\x00\x00",
        (MAX_FRAME + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff" + b"x" * 1000,
    ],
    ids=["http", "no json", "no id", "no text", "nested", "empty", "oversized", "huge"],
)
async def test_garbage_ends_only_its_own_line(
    served: Served, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no frame closes that line with one line in the log; a neighbour works on."""
    neighbour = await SocketClient.open(served.path)
    with caplog.at_level(logging.INFO):
        async with raw(served) as (reader, writer):
            writer.write(garbage)
            await assert_closed(reader)
    assert [record.levelname for record in caplog.records if record.name == "core.line_server"] == ["WARNING"]
    await neighbour.call(Ping())
    await neighbour.close()


async def test_half_a_frame_then_gone(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A client that dies in the middle of a frame leaves a log line and nothing else."""
    async with raw(served) as (_, writer):
        writer.write(frame(b'{"id":1,"command":{"type":"ping"}}')[:-5])
        await writer.drain()
    await until(lambda: "29 of the 34 bytes" in caplog.text)
    client = await SocketClient.open(served.path)
    await client.call(Ping())
    await client.close()


async def test_a_frame_in_single_bytes(served: Served) -> None:
    """Slow arrival is no error."""
    async with raw(served) as (reader, writer):
        for byte in frame(b'{"id":3,"command":{"type":"ping","extra":1}}'):
            writer.write(bytes([byte]))
            await writer.drain()
        assert b'"id":3' in (await read_frame(reader) or b"")


async def test_unknown_command_over_the_socket(served: Served) -> None:
    """It is answered, with code `unavailable` and both builds in the hint, and the line stays."""
    async with raw(served) as (reader, writer):
        writer.write(frame(b'{"id":1,"command":{"type":"levitate"},"build":"7.7+aa"}'))
        answer = await read_frame(reader) or b""
        assert b'"code":"unavailable"' in answer
        assert b"7.7+aa" in answer
        writer.write(frame(b'{"id":2,"command":{"type":"ping"}}'))
        assert b'"type":"reply","id":2' in (await read_frame(reader) or b"")


async def test_slow_reader_gets_less_progress_and_every_event(served: Served) -> None:
    """While a client does not read, samples replace each other and events wait; afterwards it has all events
    in order, the newest sample, and only a handful of the others."""
    async with raw(served) as (reader, writer):
        writer.write(frame(b'{"id":1,"command":{"type":"subscribe","rate":10}}'))
        assert b'"seq":0' in (await read_frame(reader) or b"")
        begin = time.monotonic()
        title = "x" * 2000
        for number in range(1, 1001):
            served.engine.publish_job(number, title=title)
            served.engine.hub.offer(Progress(at=float(number)))
            if not number % 20:
                await asyncio.sleep(0.005)
        got = [await next_frame(reader) for _ in range(1000)]
        while b'"at":1000.0' not in got[-1]:
            got.append(await next_frame(reader))
        seqs = [int(body.split(b'"seq":')[1].split(b",")[0]) for body in got if b'"job_changed"' in body]
        assert seqs == list(range(1, 1001))
        samples = sum(b'"progress"' in body for body in got)
        assert 1 <= samples <= 2 + 10 * (time.monotonic() - begin)


async def test_client_that_never_reads_is_cut_off(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """When its buffer is full it is disconnected; the engine's memory stays bounded; a neighbour gets all."""
    neighbour = await SocketClient.open(served.path)
    await neighbour.subscribe()
    async with raw(served) as (reader, writer):
        writer.write(frame(b'{"id":1,"command":{"type":"subscribe","rate":10}}'))
        await until(lambda: len(served.engine.hub._subscriptions) == 2)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        title = "x" * 5000
        events = neighbour.events()
        seen = 0
        while len(served.engine.hub._subscriptions) == 2:
            served.engine.publish_job(1, title=title)
            event = await anext(events)
            assert isinstance(event, JobChanged)
            assert event.seq == (seen := seen + 1)
            assert seen < 5000
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await asyncio.wait_for(reader.readexactly(2**30), 5)
    await neighbour.call(Ping())
    await neighbour.close()


async def test_killed_client_changes_nothing(served: Served) -> None:
    """kill -9 of a face: what it asked for is carried out, others go on, its subscription is gone."""
    code = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from core.socket_client import SocketClient\n"
        "from core.messages import PauseJob\n"
        "async def main():\n"
        "    client = await SocketClient.open(Path(sys.argv[1]))\n"
        "    await client.subscribe()\n"
        "    asyncio.ensure_future(client.call(PauseJob(job=1)))\n"
        "    await asyncio.sleep(0)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(served.path))
    await until(lambda: 1 in served.engine._resumed)
    assert await process.wait() == -9
    await until(lambda: served.engine.hub.wanted_rate == 0)
    served.engine._gate(1).set()
    await until(lambda: "PauseJob" in served.engine.finished)
    client = await SocketClient.open(served.path)
    await client.call(TuneJob(job=1, workers=3))
    await client.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_is_not_heard(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Even when the folder's mode would let it in, a connection of another uid gets no greeting; and a client
    refuses a server of another uid."""
    for folder in (served.path, *served.path.parents[:2]):
        folder.chmod(0o777)
    code = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "end = socket.socket(socket.AF_UNIX); end.connect(sys.argv[1])\n"
        "try:\n    data = end.recv(1)\nexcept ConnectionResetError:\n    data = b''\n"
        "sys.exit(len(data))\n"
    )
    os.chdir(served.path.parent)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, served.path.name)
    assert await process.wait() == 0
    assert "another user (uid 65534)" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_server_of_another_user_is_refused(served: Served) -> None:
    """A client that finds a stranger's program at the socket's place sends it nothing."""
    served.path.parent.chmod(0o777)
    code = (
        "import os, socket, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "end = socket.socket(socket.AF_UNIX); end.bind('stranger'); end.listen(); print(flush=True)\n"
        "got, _ = end.accept(); sys.exit(len(got.recv(10)))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=served.path.parent, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(HaulierError, match="another user"):
        await SocketClient.open(served.path.parent / "stranger")
    assert await asyncio.to_thread(process.wait, 5) == 0
    process.stdout.close()


class OtherProtocolServer(LineServer):
    """An engine of a far future."""

    def greeting(self) -> Hello:
        return Hello(protocol=99, build="9.0.0+feed", pid=1, boot_id="x")


async def test_other_protocol_over_the_socket(served: Served) -> None:
    """The handshake works, Ping and Shutdown work, the rest is refused here without being sent."""
    path = served.path.parent / "s99"
    stops: list[bool] = []
    server = OtherProtocolServer(served.engine, stops.append)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    await server.listen(bound)
    client = await SocketClient.open(path)
    assert client.hello.protocol == 99 != PROTOCOL
    await client.call(Ping())
    with pytest.raises(HaulierError, match="protocol 99") as caught:
        await client.subscribe()
    assert caught.value.code is Code.UNAVAILABLE
    await client.call(Shutdown(drain=True))
    assert stops == [True]
    served.engine.hub.close()
    await server.close()


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9\r\n", frame(b'{"type":"draining","seq":1}'), b""])
async def test_something_else_at_the_socket(served: Served, answer: bytes) -> None:
    """A program that does not greet as an engine does is named as such; a silent one times out."""
    path = served.path.parent / "other"

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(speak, path)
    with pytest.raises(HaulierError) as caught:
        await SocketClient.open(path, timeout=0.3)
    assert caught.value.code is Code.UNAVAILABLE
    server.close()
    await server.wait_closed()


async def test_last_events_arrive_before_the_end(served: Served) -> None:
    """When the engine stops, what it said last still reaches the client, then its events end."""
    client = await SocketClient.open(served.path)
    await client.subscribe()
    served.engine.hub.publish(lambda seq: Draining(seq=seq))
    served.engine.hub.close()
    await served.server.close()
    assert [event async for event in client.events()] == [Draining(seq=1)]
    await asyncio.wait_for(client.wait_closed(), 5)
    with pytest.raises(HaulierError, match="line to the engine is gone"):
        await client.call(Ping())
    await client.close()


async def test_stopping_does_not_wait_for_a_client_that_does_not_read(served: Served) -> None:
    """A client with a full buffer is left after about a second."""
    async with raw(served) as (reader, writer):
        writer.write(frame(b'{"id":1,"command":{"type":"subscribe"}}'))
        await until(lambda: bool(served.engine.hub._subscriptions))
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(1000):
            served.engine.publish_job(1, title="x" * 5000)
        await asyncio.sleep(0)
        served.engine.hub.close()
        begin = time.monotonic()
        await served.server.close()
        assert time.monotonic() - begin < 4
        reader._transport.resume_reading()  # type: ignore[attr-defined]


async def test_greeting_is_small(served: Served) -> None:
    """The first message fits any pipe, so that nobody waits for anybody at the handshake."""
    assert len(encode(served.server.greeting())) < 512
