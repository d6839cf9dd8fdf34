"""A face's end of one line, whatever carries it: matches answers to calls and puts events in order.

`SocketClient` and `InProcessClient` add the carrying. Everything that arrives is given to `take` in order:
the answer to `Subscribe` fixes the number from which events are counted, so nothing is lost or seen twice.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec

from core.build import build_name
from core.client import LineGap
from core.errors import Code, HaulierError
from core.events import EventQueue
from core.framing import FrameError, UnknownFrame, decode_result, decode_server_frame, encode
from core.messages import (
    PROTOCOL,
    AnyEvent,
    Command,
    Failure,
    Hello,
    Ping,
    Progress,
    Reply,
    Request,
    Shutdown,
    Snapshot,
    Subscribe,
)

R = TypeVar("R")

_NOBODY = (None, None)


class LineClient(ABC):
    """What both clients share; implements core.client.EngineClient."""

    def __init__(self, hello: Hello) -> None:
        self._hello = hello
        self._pending: dict[int, tuple[type[Command[Any]], asyncio.Future[Any]]] = {}
        self._number = 0
        self._queue = EventQueue()
        self._seq = -1  # of the newest event that came; -1: not subscribed
        self._ended: str | None = None  # why the line is gone

    @property
    def hello(self) -> Hello:
        return self._hello

    @abstractmethod
    async def _send(self, request: bytes) -> None:
        """Carry one encoded request to the engine. OSError when the line is gone."""

    @abstractmethod
    async def close(self) -> None:
        """Close the line. The engine goes on."""

    async def call(self, command: Command[R]) -> R:
        self._check_protocol(command)
        if self._ended is not None:
            raise broken_line(self._ended)
        self._number += 1
        request = self._request(self._number, command)
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._pending[self._number] = (type(command), answer)
        try:
            await self._send(request)
        except OSError as gone:
            self.end(str(gone))
        return await answer

    async def subscribe(self, rate: float = 2.0, workers_of: int = 0) -> Snapshot:
        return await self.call(Subscribe(rate=rate, workers_of=workers_of))

    async def events(self) -> AsyncIterator[AnyEvent]:
        queue = self._queue
        async for event in queue:
            yield event
        if queue.lost:
            raise LineGap(queue.lost)

    def _request(self, number: int, command: Command[Any]) -> bytes:
        own = build_name()
        try:
            raw = msgspec.Raw(encode(command))
        except UnicodeEncodeError:
            raise HaulierError(Code.USAGE, "A name in the request is not valid Unicode") from None
        return encode(Request(id=number, command=raw, build="" if own == self._hello.build else own))

    def _check_protocol(self, command: Command[Any]) -> None:
        if self._hello.protocol != PROTOCOL and not isinstance(command, Ping | Shutdown):
            raise other_protocol(self._hello)

    # ------------------------------------------------------------ what arrives

    def take(self, body: bytes) -> None:
        """One message of the engine. FrameError when it is none; the line is then of no more use."""
        match decode_server_frame(body):
            case Reply() as reply:
                self._take_reply(reply)
            case Failure() as failure:
                self._fail(failure.id, HaulierError(failure.code, failure.message, failure.hint))
            case Progress() as progress:
                self._queue.put_progress(progress)
            case Hello():
                raise FrameError("the engine greeted twice")
            case UnknownFrame() as unknown:
                if unknown.seq:
                    self._count(unknown.seq)
            case event:
                if self._count(event.seq):
                    self._queue.put(event)

    def end(self, reason: str) -> None:
        """The line is gone: calls under way fail, `events` ends once what came is read."""
        if self._ended is not None:
            return
        self._ended = reason
        for number in tuple(self._pending):
            self._fail(number, broken_line(reason))
        self._queue.close()

    def _take_reply(self, reply: Reply) -> None:
        kind, answer = self._pending.pop(reply.id, _NOBODY)
        if kind is None or answer is None:
            return
        try:
            result = decode_result(kind, reply.result)
        except FrameError as wrong:
            _refuse(answer, HaulierError(Code.UNAVAILABLE, f"The engine and this program differ: {wrong}"))
            return
        if isinstance(result, Snapshot):
            self._begin(result.seq)
        if not answer.done():  # the caller may have given up
            answer.set_result(result)

    def _fail(self, number: int, error: HaulierError) -> None:
        _, answer = self._pending.pop(number, _NOBODY)
        if answer is not None:
            _refuse(answer, error)

    def _begin(self, seq: int) -> None:
        """Events after number `seq` follow; older ones that wait are in the snapshot."""
        self._seq = seq
        if self._queue.lost:
            self._queue = EventQueue()
        self._queue.clear()

    def _count(self, seq: int) -> bool:
        """Whether the event with that number is the next one."""
        expected, self._seq = self._seq + 1, seq
        if seq == expected:
            return True
        self._queue.break_off(f"event {seq} came where {expected} was due")
        return False


def _refuse(answer: asyncio.Future[Any], error: HaulierError) -> None:
    if not answer.done():
        answer.set_exception(error)


def broken_line(reason: str) -> HaulierError:
    return HaulierError(
        Code.UNAVAILABLE,
        f"The line to the engine is gone: {reason}" if reason else "The line to the engine is gone",
        "Running jobs go on, or continue when the engine starts again.",
    )


def other_protocol(hello: Hello) -> HaulierError:
    """The refusal to work with an engine of another protocol; names both and the way out."""
    return HaulierError(
        Code.UNAVAILABLE,
        f"The running engine (build {hello.build}) speaks protocol {hello.protocol}, "
        f"this program (build {build_name()}) protocol {PROTOCOL}",
        "Stop it with `haulier engine stop`; every job continues with the next start.",
    )
