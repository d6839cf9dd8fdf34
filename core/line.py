"""The engine's end of one line: takes requests, gives replies, failures and events. Knows no transport.

1. `greeting` is the first message.
2. Every request is carried out at once and by itself; a slow one holds up no other. It is answered by exactly
   one `Reply` or `Failure` with its id. Commands go on when their client is gone; only the answer is dropped.
3. `Subscribe` is answered with a snapshot, then come the events after it, until `Unsubscribe`, the next
   `Subscribe` or the end of the line. A listener whose buffer overflows loses its line.
4. `Shutdown` is answered first and then passed on to whoever owns the engine; they tell all listeners
   `Draining` before they close it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import msgspec

from core.build import build_name
from core.engine.interface import EngineCore
from core.errors import Code, HaulierError
from core.events import Subscription
from core.framing import decode_command, decode_request, encode
from core.messages import (
    MAX_FRAME,
    PROTOCOL,
    AnyCommand,
    Command,
    Done,
    Failure,
    Hello,
    Reply,
    Request,
    Shutdown,
    Subscribe,
    Unsubscribe,
)

log = logging.getLogger(__name__)

COMMANDS_AT_ONCE = 256  # of one line; more wait

Send = Callable[[bytes], Awaitable[None]]
"""Takes one encoded message. Hands it on before its first await, so that messages keep their order; returns
when there is room for more. Raises OSError when the line is gone."""


def greeting(engine: EngineCore, *, draining: bool = False) -> Hello:
    return Hello(
        protocol=PROTOCOL, build=build_name(), pid=os.getpid(), boot_id=engine.boot_id, draining=draining
    )


class Line:
    """One client's requests. `stop` is called with `drain` when the client asks for a shutdown, `cut` when
    the client is too slow to be served."""

    def __init__(
        self, engine: EngineCore, send: Send, stop: Callable[[bool], None], cut: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._send = send
        self._stop = stop
        self._cut = cut
        self._room = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._subscribing = asyncio.Lock()
        self._closed = False

    async def receive(self, body: bytes) -> None:
        """Take one request and return once it is under way. FrameError when the body is no request."""
        request = decode_request(body)
        await self._room.acquire()
        task = asyncio.create_task(self._serve(request))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    async def finish(self) -> None:
        """Wait until all requests are answered and, the hub being closed, all events are sent."""
        tasks = {*self._tasks, *([self._pump] if self._pump else [])}
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """The client is gone or shall be left: no more events. Commands under way go on."""
        self._closed = True
        await self._end_pump()

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("a request was not answered", exc_info=defect)

    async def _serve(self, request: Request) -> None:
        try:
            command = decode_command(request)
        except HaulierError as error:
            await self._answer(failure(request.id, error))
            return
        match command:
            case Subscribe():
                await self._subscribe(request.id, command)
            case Unsubscribe():
                async with self._subscribing:
                    await self._end_pump()
                await self._answer(reply(request.id, Done()))
            case Shutdown():
                self._stop(command.drain)  # begins after this step, in which the answer is handed on
                await self._answer(reply(request.id, Done()))
            case _:
                await self._answer(await self._carry_out(request.id, command))

    async def _carry_out(self, number: int, command: AnyCommand) -> bytes:
        try:
            result = await self._engine.handle(cast("Command[object]", command))
        except HaulierError as error:
            return failure(number, error)
        except Exception as defect:  # must not end the other commands
            log.exception("%s met a defect", type(command).__name__)
            return failure(number, _defect(defect))
        return reply(number, result)

    async def _subscribe(self, number: int, command: Subscribe) -> None:
        async with self._subscribing:
            await self._end_pump()
            if self._closed:
                return
            subscription = self._engine.hub.subscribe(command.rate, command.workers_of)
            try:
                snapshot = self._engine.snapshot()
            except Exception as defect:
                subscription.close()
                log.exception("the snapshot met a defect")
                await self._answer(failure(number, _defect(defect)))
                return
            subscription.when_lost = self._cut
            await self._answer(reply(number, snapshot))
            self._pump = asyncio.create_task(self._pump_events(subscription))
            # Not in the pump itself: one that is cancelled before its first step never gets to its end.
            self._pump.add_done_callback(lambda _: subscription.close())

    async def _pump_events(self, subscription: Subscription) -> None:
        try:
            async for event in subscription:
                await self._send(_encode(event))
            if subscription.lost:
                log.warning("a listener was cut off: %s", subscription.lost)
        except OSError:
            return  # the client is gone; whoever reads from it notices too
        except Exception:
            log.exception("an event could not be sent")
            self._cut()

    async def _end_pump(self) -> None:
        pump, self._pump = self._pump, None
        if pump is None:
            return
        pump.cancel()
        await asyncio.wait([pump])

    async def _answer(self, message: bytes) -> None:
        if self._closed:
            return
        with suppress(OSError):
            await self._send(message)


def reply(number: int, result: object) -> bytes:
    """An encoded Reply; an encoded Failure when the result does not fit a frame."""
    message = encode(Reply(id=number, result=msgspec.Raw(_encode(result))))
    if len(message) <= MAX_FRAME:
        return message
    error = HaulierError(
        Code.FAILED, f"The answer is too long: {len(message)} bytes", "Ask for a smaller page."
    )
    return failure(number, error)


def failure(number: int, error: HaulierError) -> bytes:
    return _encode(Failure(id=number, code=error.code, message=error.message, hint=error.hint))


def _defect(defect: Exception) -> HaulierError:
    return HaulierError(
        Code.FAILED,
        f"The engine met a defect: {type(defect).__name__}",
        "What it was doing is in the engine's log: `haulier engine logs`.",
    )


def _encode(message: object) -> bytes:
    try:
        return encode(message)
    except UnicodeEncodeError:
        return encode(_without_surrogates(msgspec.to_builtins(message)))


def _without_surrogates(data: object) -> object:
    """Names of files that are not UTF-8 come as unpaired surrogates, which JSON cannot carry."""
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode("utf-8")
    if isinstance(data, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_surrogates(item) for item in data]
    return data
