"""Frames: a 4-byte big-endian length and that many bytes of JSON, and what may stand in them.

The length is checked before anything is set aside for the body. Whatever cannot be understood raises
`FrameError`, which is the end of that line: after it nobody knows where the next frame would begin. A frame
that is sound but holds a command or an event of another version is not an error of the line.
"""

from __future__ import annotations

import asyncio
import sys
from functools import cache
from typing import Any, ForwardRef, TypeVar, cast, get_args, get_origin

import msgspec

from core.build import build_name
from core.errors import Code, HaulierError
from core.messages import MAX_FRAME, PROTOCOL, AnyCommand, Command, Request, ServerFrame
from core.model import Value

R = TypeVar("R")

HEADER = 4  # bytes

_encoder = msgspec.json.Encoder()
_request_decoder = msgspec.json.Decoder(Request)


class FrameError(Exception):
    """The bytes on the line are not what the protocol says. The text holds none of them."""


class UnknownFrame(Value, frozen=True, kw_only=True):
    """A server frame of a type that this build does not know. `seq` is above 0 for a lossless event."""

    type: str = ""
    seq: int = 0


class _CommandType(Value, frozen=True, kw_only=True):
    type: str = ""


# ---------------------------------------------------------------- bytes


def encode(message: object) -> bytes:
    """JSON of one message. Text that is not Unicode (unpaired surrogates) raises UnicodeEncodeError."""
    return _encoder.encode(message)


def frame(body: bytes) -> bytes:
    """A frame around encoded JSON. FrameError when it is longer than MAX_FRAME."""
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes is longer than a frame may be ({MAX_FRAME})")
    return len(body).to_bytes(HEADER, "big") + body


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The body of the next frame, or None when the line ended between two frames.

    Raises FrameError for an impossible length and for an end in the middle of a frame.
    """
    try:
        header = await reader.readexactly(HEADER)
    except asyncio.IncompleteReadError as ended:
        if not ended.partial:
            return None
        raise FrameError("the line ended inside the length of a frame") from None
    length = int.from_bytes(header, "big")
    if not 0 < length <= MAX_FRAME:
        raise FrameError(f"a frame says that it is {length} bytes long; 1 to {MAX_FRAME} are possible")
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as ended:
        raise FrameError(
            f"the line ended after {len(ended.partial)} of the {length} bytes of a frame"
        ) from None


# ---------------------------------------------------------------- client to server


def decode_request(body: bytes) -> Request:
    """The outer part of what a client sent. FrameError when it is none."""
    try:
        return _request_decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FrameError("a frame does not hold a request") from None


def decode_command(request: Request) -> AnyCommand:
    """The command in a request. Unknown fields are ignored, so that Ping and Shutdown of every version are
    understood. HaulierError `unavailable` for a command of another version, `usage` for a malformed one."""
    try:
        return _command_decoder().decode(request.command)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        reason = str(wrong)
    name = _command_name(request.command)
    if name not in _known_commands():
        here, there = build_name(), request.build or "another build"
        raise HaulierError(
            Code.UNAVAILABLE,
            f"The engine does not know the command {name!r}",
            f"The engine is {here} (protocol {PROTOCOL}), the asking program is {there}. "
            "Stop the engine with `haulier engine stop`; the next start takes the new one.",
        )
    raise HaulierError(Code.USAGE, f"The command {name!r} is malformed: {reason}")


def _command_name(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_CommandType).type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


@cache
def _command_decoder() -> msgspec.json.Decoder[AnyCommand]:
    return msgspec.json.Decoder(AnyCommand)


@cache
def _known_commands() -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in get_args(AnyCommand))


# ---------------------------------------------------------------- server to client


def decode_server_frame(body: bytes) -> ServerFrame | UnknownFrame:
    """What a server sent. FrameError when it is nothing of the kind."""
    try:
        return _server_decoder().decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        reason = str(wrong)
    try:
        unknown = msgspec.json.decode(body, type=UnknownFrame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FrameError("what the engine sent is not a message") from None
    if unknown.type in _known_frames():
        raise FrameError(f"a message of type {unknown.type!r} is malformed: {reason}")
    return unknown


@cache
def _server_decoder() -> msgspec.json.Decoder[ServerFrame]:
    return msgspec.json.Decoder(ServerFrame)


@cache
def _known_frames() -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in get_args(ServerFrame))


@cache
def reply_type(command: type[Command[Any]]) -> type[Any]:
    """The class of a command's reply, read from its base `Command[…]`."""
    for base in getattr(command, "__orig_bases__", ()):
        if get_origin(base) is not Command:
            continue
        (argument,) = get_args(base)
        if isinstance(argument, ForwardRef):
            argument = getattr(sys.modules[command.__module__], argument.__forward_arg__)
        return cast("type[Any]", argument)
    raise TypeError(f"{command.__name__} does not say what it is answered with")


@cache
def _reply_decoder(command: type[Command[Any]]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(reply_type(command))


def decode_result(command: type[Command[R]], raw: bytes | msgspec.Raw) -> R:
    """The result of a `Reply` to a command of that class. FrameError when it does not fit."""
    try:
        return cast("R", _reply_decoder(command).decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise FrameError(f"the answer to {command.__name__} does not fit: {wrong}") from None
