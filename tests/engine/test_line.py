"""Exchanges over a line: whole answers, in whatever pieces they come, and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.engine.network.line import LineBroken, Odd, open_line, read_head, unchunked
from core.errors import NetworkTrouble
from core.stores.exchange import Ask, Origin
from tests.stores.carrying import carried

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\nhello"


@contextmanager
def server(*talks: Callable[[socket.socket], None]) -> Iterator[Origin]:
    """Accepts as many connections as there are talks, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for talk in talks:
            connection, _ = listener.accept()
            with connection:
                talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Origin("127.0.0.1", listener.getsockname()[1])
    finally:
        thread.join(5)
        listener.close()


def saying(*pieces: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)

    return talk


def ask(origin: Origin, body: bytes = b"", most: int = 1000) -> Ask:
    return Ask(origin, b"GET /x HTTP/1.1\r\nhost: h\r\n\r\n", body, most)


def test_byte_by_byte() -> None:
    """The pieces that an answer comes in change nothing."""
    with server(saying(*(OK[at : at + 1] for at in range(len(OK))), pause=0.001)) as origin:
        answer = carried(ask(origin))
    assert (answer.status, bytes(answer.body), answer.get_header("etag")) == (200, b"hello", "x")


CHUNKED = (
    b"HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;name=value\r\nabc\r\n2 \r\nde\r\n0\r\nTrailer: x\r\n\r\n"
)


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (CHUNKED, 503, b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
    ],
)
def test_answers_that_are_understood(said: bytes, status: int, body: bytes) -> None:
    """Lengths, chunks with extensions and trailers, an interim answer, none at all."""
    with server(saying(said)) as origin:
        answer = carried(ask(origin))
    assert (answer.status, bytes(answer.body)) == (status, body)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xd9\xa1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Name: \xc3\xa9\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
    ],
)
def test_anything_else_is_odd(said: bytes) -> None:
    """Never guessed at, never held in memory without end."""
    with server(saying(said)) as origin, pytest.raises(Odd):
        carried(ask(origin))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200", OK[:-1], CHUNKED[:-2]])
def test_what_is_cut_off_is_trouble_of_the_network(said: bytes) -> None:
    """An answer is whole or it is none."""
    with server(saying(said)) as origin, pytest.raises(NetworkTrouble, match="closed"):
        carried(ask(origin))


def test_one_after_the_other_on_one_line() -> None:
    """A line lasts until somebody says that it does not, or says more than was asked for."""

    def talk(connection: socket.socket) -> None:
        for said in (OK, CHUNKED, OK.replace(b"ETag", b"Connection: close\r\nETag")):
            connection.recv(65536)
            connection.sendall(said)

    with server(talk) as origin:
        line = open_line(origin)
        lasting = []
        for _ in range(3):
            carried(ask(origin), line)
            lasting.append(line.lasts)
        line.close()
    assert lasting == [True, True, False]
    with server(saying(OK + b"HTTP/1.1 200")) as origin:
        line = open_line(origin)
        assert bytes(carried(ask(origin), line).body) == b"hello"
        assert not line.lasts
        line.close()


def test_a_body_larger_than_the_socket_takes() -> None:
    """Sent in pieces, while the other side is slow to read."""
    received = bytearray()

    def talk(connection: socket.socket) -> None:
        time.sleep(0.2)
        while len(received) < 8 << 20:
            received.extend(connection.recv(1 << 20))
        connection.sendall(OK)

    body = bytes(range(256)) * (8 << 12)
    with server(talk) as origin:
        assert carried(ask(origin, body)).status == 200
    assert received.endswith(body)


def test_heads_and_chunks_by_themselves() -> None:
    """The first of several headers counts; a chunk that is not there yet is waited for."""
    assert read_head(b"HTTP/1.1 404 X\r\nA: 1\r\na: 2\r\nEmpty:") == (404, {"a": "1", "empty": ""})
    whole = b"..2\r\nab\r\n0\r\n\r\n"
    for end in range(2, len(whole)):
        assert unchunked(whole[:end], 2, 10) is None
    assert unchunked(whole + b"more", 2, 10) == (b"ab", len(whole))


def test_an_answer_before_the_request_was_read() -> None:
    """What was not sent of the one would be taken for the beginning of the next: the line ends."""
    answered = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.sendall(OK)
        answered.wait(5)

    with server(talk) as origin:
        line = open_line(origin)
        assert carried(ask(origin, bytes(16 << 20)), line).status == 200
        answered.set()
        assert not line.lasts
        line.close()


def test_what_nobody_asked_for() -> None:
    """Bytes after a chunked answer, or on a line that is idle, are never the next answer."""
    with server(saying(CHUNKED + b"HTTP/1.1 200")) as origin:
        line = open_line(origin)
        assert carried(ask(origin), line).status == 503
        assert not line.lasts
        line.close()
    said = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)
        time.sleep(0.1)
        connection.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        said.set()

    with server(talk) as origin:
        line = open_line(origin)
        carried(ask(origin), line)
        said.wait(5)
        with pytest.raises(LineBroken) as broken:
            line.begin(ask(origin))
        assert not broken.value.answered
        line.close()
