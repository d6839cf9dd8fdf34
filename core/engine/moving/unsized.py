"""Items whose size nobody knows before they are read (URLs of a list): the first answer tells it.

One request is enough for a small one. Of a large one the size is learnt, and it begins again as what it is,
with parts that can be resumed. Where even the answer tells no size, a file takes the bytes until they end, and
its content is called "not verified" unless the server told a digest.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, cast

import msgspec

from core.engine.moving.large import LARGE_DOWNLOAD, LARGE_UPLOAD
from core.engine.moving.move import Means, gather, keep_small, pass_limit, pass_small_on
from core.engine.moving.travelling import metadata_of_file
from core.engine.proving.evidence import digests_of_chunks, evidence_for, prove
from core.engine.proving.proof import SIZE_ONLY, UNVERIFIED
from core.engine.watching.timing import BODY, DISK, FIRST_BYTE, MEMORY
from core.errors import FileTrouble
from core.model import UNSIZED, Entry
from core.stores.base import ReadsUnsized, Receipt, Source, Target, UnsizedBody
from core.stores.local import LocalFolder

Room = Callable[[int], AbstractContextManager[None]]  # accounts for bytes that a target disk is about to take
STEP = 64 << 20  # bytes of an item without a size that are accounted for at once


class Unsendable(FileTrouble):
    """An object store wants to know how large an object is, and nobody can tell."""

    final = True


class Met(NamedTuple):
    """`entry` with its size, key complete. `receipt` None: it is large, and nothing of it was kept."""

    entry: Entry
    receipt: Receipt | None = None
    proof: str = ""


def meet(source: Source, entry: Entry, target: Target, key: str, room: Room, means: Means) -> Met:
    """Ask for an item and take what is small. Raises TransferError, Cancelled."""
    reads = cast(ReadsUnsized, source)  # no others list such entries; to ask would cost more than a header
    most = LARGE_DOWNLOAD if isinstance(target, LocalFolder) else LARGE_UPLOAD
    means.slot.watch.enter(FIRST_BYTE)
    with reads.read_unsized(entry, most, cancelled=means.cancelled) as body:
        told = msgspec.structs.replace(body.info.entry, key=entry.key, url=entry.url)
        if body.length == UNSIZED:
            if isinstance(target, LocalFolder):
                return _stream(told, body, target, key, room, means)
            return _send(source, told, body, target, key, means)
        means.slot.size = told.size
        if not body.whole or told.size >= most:
            return Met(told)
        means.slot.watch.enter(MEMORY)
        with means.memory.hold(max(told.size, 1), means.cancelled), room(told.size):
            means.slot.watch.enter(BODY)
            data = gather(body, body.length, key, means)
            deliver = keep_small if isinstance(target, LocalFolder) else pass_small_on
            return Met(told, *deliver(source, told, data, body, target, key, means))


def _stream(told: Entry, body: UnsizedBody, target: LocalFolder, key: str, room: Room, means: Means) -> Met:
    """Into a partial file, until the bytes end."""
    metadata = metadata_of_file(told, body.info)
    token = target.stage(key, 0, metadata)
    stage = target.open_stage(key, token)
    slot, watch, position = means.slot, means.slot.watch, 0
    try:
        chunks = iter(body)
        more = True
        while more:
            with room(STEP):
                end, more = position + STEP, False
                for chunk in chunks:
                    watch.enter(DISK)
                    stage.write(position, chunk)
                    watch.enter(BODY)
                    position += len(chunk)
                    slot.done = position
                    slot.moved += len(chunk)
                    if means.bandwidth.limits:
                        pass_limit(len(chunk), means)
                    if position >= end:
                        more = True
                        break
        slot.came_from(body, position)
        sized = msgspec.structs.replace(told, size=position)
        proof = prove(
            evidence_for(sized, body.info),
            position,
            lambda kind, sizes: digests_of_chunks(stage.read, kind, sizes),
            lambda _: [],
            key,
        )
    except BaseException:
        stage.close()
        target.abort(key, token)
        raise
    stage.close()
    receipt = target.commit(key, token, [], position)
    return Met(sized, receipt, UNVERIFIED if proof == SIZE_ONLY else proof)


def _send(source: Source, told: Entry, body: UnsizedBody, target: Target, key: str, means: Means) -> Met:
    """To an object store, when it ends soon enough to be held in memory."""
    data = bytearray()
    with means.memory.hold(LARGE_UPLOAD, means.cancelled):
        for chunk in body:
            data += chunk
            means.slot.done = len(data)
            means.slot.moved += len(chunk)
            if means.bandwidth.limits:
                pass_limit(len(chunk), means)
            if len(data) > LARGE_UPLOAD:
                raise Unsendable(
                    f"{key}: the server does not tell its size, which an object store has to know; "
                    "download it first"
                )
        means.slot.came_from(body, len(data))
        sized = msgspec.structs.replace(told, size=len(data))
        receipt, proof = pass_small_on(source, sized, memoryview(data), body, target, key, means)
    return Met(sized, receipt, UNVERIFIED if proof == SIZE_ONLY else proof)
