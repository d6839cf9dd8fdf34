"""Frames: what goes in comes out, whatever the cuts; what is not a frame is refused before it costs memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import messages
from core.errors import Code, HaulierError
from core.framing import (
    FrameError,
    UnknownFrame,
    decode_command,
    decode_request,
    decode_result,
    decode_server_frame,
    encode,
    frame,
    read_frame,
    reply_type,
)
from core.messages import (
    MAX_FRAME,
    AnyCommand,
    Done,
    JobList,
    ListJobs,
    Ping,
    ReadLog,
    Request,
    ServerFrame,
    Shutdown,
    Snapshot,
    Subscribe,
)
from core.model import Connection, EngineStatus, JobView


def request(text: bytes) -> Request:
    return decode_request(b'{"id":7,"command":' + text + b"}")


async def read_all(pieces: list[bytes]) -> list[bytes]:
    reader = asyncio.StreamReader(limit=64)
    for piece in pieces:
        reader.feed_data(piece)
    reader.feed_eof()
    bodies: list[bytes] = []
    while (body := await read_frame(reader)) is not None:
        bodies.append(body)
    return bodies


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.lists(st.integers(0, 2000), max_size=8))
def test_frames_survive_any_cut(bodies: list[bytes], cuts: list[int]) -> None:
    """However the stream is cut into pieces, the same bodies come out."""
    stream = b"".join(map(frame, bodies))
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[begin:end] for begin, end in pairwise(edges)]
    assert asyncio.run(read_all(pieces)) == bodies


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=64), st.data())
def test_half_frames_are_an_error(body: bytes, data: st.DataObject) -> None:
    """A stream that ends inside a frame is never taken for one that ended well."""
    whole = frame(body)
    half = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(FrameError, match="ended"):
        asyncio.run(read_all([half]))


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF])
async def test_impossible_lengths_are_refused_at_once(length: int) -> None:
    """The header alone is enough for the refusal: nothing waits for, or sets aside, four gigabytes."""
    reader = asyncio.StreamReader()
    reader.feed_data(length.to_bytes(4, "big"))
    with pytest.raises(FrameError, match=str(length)):
        await asyncio.wait_for(read_frame(reader), 1)


def test_too_long_a_message_is_not_framed() -> None:
    """The sender keeps the limit too."""
    assert len(frame(bytes(MAX_FRAME))) == MAX_FRAME + 4
    with pytest.raises(FrameError):
        frame(bytes(MAX_FRAME + 1))


@settings(deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_garbage_is_refused_by_every_decoder(garbage: bytes) -> None:
    """Random bytes raise FrameError, or HaulierError for a sound request, and nothing else."""
    for decode in (decode_request, decode_server_frame, lambda body: decode_result(ListJobs, body)):
        with suppress(FrameError):
            decode(garbage)
    with pytest.raises(HaulierError):
        decode_command(Request(id=1, command=msgspec.Raw(garbage)))


def test_deep_nesting_is_garbage_too() -> None:
    """A body of brackets only must not end in a RecursionError."""
    with pytest.raises(FrameError):
        decode_server_frame(b'{"type":' + b"[" * 100_000)
    with pytest.raises(FrameError):
        decode_command(request(b'{"type":' + b"[" * 50_000 + b"]" * 50_000 + b"}"))


@pytest.mark.parametrize("command", get_args(AnyCommand), ids=lambda kind: str(kind.__name__))
def test_every_command_knows_its_reply(command: type[messages.Command[object]]) -> None:
    """For every command of the protocol the reply's class is found and can be decoded."""
    assert issubclass(reply_type(command), msgspec.Struct)
    with pytest.raises(FrameError):
        decode_result(command, b"[]")


def test_reply_types_of_all_writings() -> None:
    """Named by class, by string, or from another module: the parameter of Command is what counts."""
    assert reply_type(Ping) is EngineStatus
    assert reply_type(Shutdown) is Done
    assert reply_type(Subscribe) is Snapshot
    assert reply_type(messages.TestConnection) is messages.TestReport
    assert reply_type(messages.SaveConnection) is Connection
    assert reply_type(messages.StartJob) is JobView
    assert decode_result(ListJobs, encode(JobList(jobs=()))) == JobList(jobs=())


def test_ping_and_shutdown_of_the_future() -> None:
    """Fields that this build does not know do not matter."""
    assert decode_command(request(b'{"type":"ping","loudly":true}')) == Ping()
    assert decode_command(request(b'{"type":"shutdown","drain":false,"why":{"a":1}}')) == Shutdown(drain=False)
    assert decode_request(b'{"id":1,"command":{"type":"ping"},"deadline":5}').id == 1


def test_unknown_command_names_both_builds() -> None:
    """A command of another version is refused with what a person needs to know."""
    unknown = decode_request(b'{"id":1,"command":{"type":"levitate"},"build":"9.9.9+beef"}')
    with pytest.raises(HaulierError) as caught:
        decode_command(unknown)
    assert caught.value.code is Code.UNAVAILABLE
    assert "levitate" in caught.value.message
    assert "9.9.9+beef" in caught.value.hint
    assert "haulier engine stop" in caught.value.hint


def test_malformed_command_says_where_without_values() -> None:
    """The refusal names the field and never repeats what stood there: it might be a secret."""
    with pytest.raises(HaulierError) as caught:
        decode_command(request(b'{"type":"provide_keys","ref":"a","keys":{"access_key_id":"AKIAXX"}}'))
    assert caught.value.code is Code.USAGE
    assert "secret_access_key" in caught.value.message
    assert "AKIAXX" not in caught.value.message


def test_events_of_the_future_are_told_apart() -> None:
    """An unknown type is no error and keeps its number; a known type with wrong fields is an error."""
    assert decode_server_frame(b'{"type":"weather","seq":12,"x":1}') == UnknownFrame(type="weather", seq=12)
    with pytest.raises(FrameError, match="draining"):
        decode_server_frame(b'{"type":"draining"}')


def test_tags_are_unique() -> None:
    """No two messages of one direction share a tag."""
    for union in (AnyCommand, ServerFrame):
        tags = [kind.__struct_config__.tag for kind in get_args(union)]
        assert len(set(tags)) == len(tags)


def test_a_command_round_trip_keeps_everything() -> None:
    """What a client sends is what the engine gets."""
    command = ReadLog(after=5, limit=7, job=3)
    body = encode(Request(id=1, command=msgspec.Raw(encode(command))))
    assert decode_command(decode_request(body)) == command
