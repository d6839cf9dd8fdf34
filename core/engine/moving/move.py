"""Moving one small item, or one part of a large one: the inner loop of every worker.

Every function works on plain stores and returns what it did; retrying, recording and counting are not here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from awscrt.checksums import crc64nvme

from core.engine.moving.by_tool import ToolDownload
from core.engine.moving.large import LargeDownload, LargeItem, LargeServerSide, LargeUpload, PartSpan
from core.engine.moving.limits import Bandwidth, MemoryBudget
from core.engine.moving.travelling import metadata_to_send
from core.engine.moving.whole import WholeRelay, relay_whole
from core.engine.proving.evidence import digests_in, evidence_for, prove
from core.engine.proving.item_proof import part_sizes_at, proof_of_copy
from core.engine.proving.proof import CRC64, ETAG_MD5, SIZE_ONLY, is_md5, md5_of
from core.engine.watching.timing import (
    ANSWER,
    BODY,
    DISK,
    FIRST_BYTE,
    HASH,
    LIMIT,
    MEMORY,
    SEND,
    SERVER_COPY,
    Stopwatch,
)
from core.errors import FileTrouble, NetworkTrouble, NoPermission, NotFound, StageLost
from core.model import Entry, Phase, WorkerView
from core.stores.base import (
    Body,
    CancelFlag,
    Metadata,
    PartReceipt,
    Receipt,
    ServerSideCopy,
    Source,
    Target,
)
from core.stores.local import LocalFolder

WHOLE_ANSWER = 1 << 20  # bytes up to which stores fetch an object in one go, first byte and body together


@dataclass(eq=False)
class Slot:
    """What one worker does now; plain fields, written by it, sampled by the ticker."""

    index: int
    route: int = 0
    server: str = ""  # that its item is read from, where it is not that of the route (lists)
    moved: int = 0  # bytes since it began, never goes back
    item: int = 0
    key: str = ""
    phase: Phase = "idle"
    part: int = 0
    parts: int = 0
    done: int = 0
    size: int = 0
    attempt: int = 1
    since: float = field(default_factory=time.monotonic)
    rate: float = 0.0  # kept by the ticker
    sampled: int = 0
    sampled_at: float = field(default_factory=time.monotonic)
    watch: Stopwatch = field(default_factory=Stopwatch)
    looked_at: int = 0  # bytes of what is there already, that were read to see whether they can be kept
    to_look_at: int = 0
    hosts: dict[str, int] = field(default_factory=dict)  # bytes by the host that sent them, where several may

    def begin(self, item: int, key: str, size: int, attempt: int, phase: Phase = "moving") -> None:
        self.item, self.key, self.size, self.attempt = item, key, size, attempt
        self.part = self.parts = self.done = self.looked_at = self.to_look_at = 0
        self.since = time.monotonic()
        self.phase = phase

    def idle(self) -> None:
        self.phase = "idle"
        self.done = self.size = self.item = self.part = self.parts = self.looked_at = self.to_look_at = 0
        self.key = ""

    def look(self, count: int) -> None:
        """So many bytes of what is to be looked at were read: a bar of its own, nothing that is moved."""
        self.looked_at += count

    def came_from(self, body: Body, count: int) -> None:
        """So many bytes of a body arrived."""
        host: str = getattr(body, "host", "")
        if host:
            self.hosts[host] = self.hosts.get(host, 0) + count

    def view(self, job: int, now: float) -> WorkerView:
        looking = self.to_look_at > 0
        return WorkerView(
            index=self.index,
            job=job,
            item=self.item,
            key=self.key,
            phase=self.phase,
            part=self.part,
            parts=self.parts,
            done=min(self.looked_at, self.to_look_at) if looking else self.done,
            size=self.to_look_at if looking else self.size,
            rate=self.rate,
            attempt=self.attempt,
            seconds=now - self.since,
        )


@dataclass(frozen=True)
class Means:
    """What a worker moves with."""

    slot: Slot
    bandwidth: Bandwidth
    memory: MemoryBudget
    cancelled: CancelFlag
    storage_class: str


def collect(
    source: Source, entry: Entry, offset: int, length: int, means: Means
) -> tuple[bytes | memoryview, Body]:
    """A range in memory, counted as moved while it arrives, and the body it came from, for its `info`."""
    watch = means.slot.watch
    local = isinstance(source, LocalFolder)
    whole_answer = not local and length <= WHOLE_ANSWER
    watch.enter(DISK if local else ANSWER if whole_answer else FIRST_BYTE)
    with source.read(entry, offset, length, cancelled=means.cancelled) as body:
        if watch.phase == FIRST_BYTE:
            watch.enter(BODY)
        data = gather(body, length, entry.key, means)
    if whole_answer:
        watch.answers += 1
        watch.answered += length
    return data, body


def gather(body: Body, length: int, name: str, means: Means) -> bytes | memoryview:
    """All `length` bytes of a body, counted as moved while they arrive. Raises NetworkTrouble for fewer."""
    slot = means.slot
    small = b""
    whole: memoryview | None = None  # one buffer for what comes in several chunks: nothing is held twice
    position = 0
    for chunk in body:
        count = len(chunk)
        if count == length:
            small = bytes(chunk)
        else:
            if whole is None:
                whole = memoryview(bytearray(length))
            whole[position : position + count] = chunk
        position += count
        slot.done += count
        slot.moved += count
        if means.bandwidth.limits:
            pass_limit(count, means)
    slot.came_from(body, position)
    if position != length:
        raise NetworkTrouble(f"{name}: {position} bytes arrived instead of {length}")
    return small if whole is None else whole


def pass_limit(count: int, means: Means) -> None:
    """Wait until the bandwidth limit lets `count` bytes pass; the time is the limit's. Raises Cancelled."""
    watch = means.slot.watch
    phase = watch.phase
    watch.enter(LIMIT)
    means.bandwidth.take(count, means.cancelled)
    watch.enter(phase)


def fetch_small(source: Source, entry: Entry, target: Target, key: str, means: Means) -> tuple[Receipt, str]:
    """A whole item from any store into a file. Returns the receipt and what was proven of the content."""
    watch = means.slot.watch
    watch.enter(MEMORY)
    with means.memory.hold(max(entry.size, 1), means.cancelled):
        data, body = collect(source, entry, 0, entry.size, means)
        return keep_small(source, entry, data, body, target, key, means)


def keep_small(
    source: Source, entry: Entry, data: bytes | memoryview, body: Body, target: Target, key: str, means: Means
) -> tuple[Receipt, str]:
    """What arrived becomes a file. Returns the receipt and what was proven of the content."""
    watch = means.slot.watch
    means.slot.phase = "finishing"
    watch.enter(HASH)
    proof, _ = _prove_read(source, data, entry, body)
    watch.enter(DISK)
    modified_ns = body.modified_ns
    modified = modified_ns / 1e9 or entry.modified or body.info.entry.modified
    return target.put(key, data, Metadata(modified=modified, modified_ns=modified_ns)), proof


def send_small(source: Source, entry: Entry, target: Target, key: str, means: Means) -> tuple[Receipt, str]:
    """A whole item from any store to an object store, with its metadata."""
    watch = means.slot.watch
    watch.enter(MEMORY)
    with means.memory.hold(max(entry.size, 1), means.cancelled):
        data, body = collect(source, entry, 0, entry.size, means)
        return pass_small_on(source, entry, data, body, target, key, means)


def pass_small_on(
    source: Source, entry: Entry, data: bytes | memoryview, body: Body, target: Target, key: str, means: Means
) -> tuple[Receipt, str]:
    """What arrived becomes an object. Returns the receipt and what was proven of the content."""
    watch = means.slot.watch
    known = look_at(source, entry, data, body, means)
    watch.enter(SEND)
    receipt = target.put(key, data, known.metadata, md5=known.md5)
    watch.sends += 1
    watch.sent += len(data)
    return receipt, known.proof_of(receipt)


class Known(NamedTuple):
    """What is known of content before it is sent on."""

    md5: str
    metadata: Metadata
    read_proof: str  # of reading it from its source
    is_local: bool  # a local file, read under our eyes: the target's proof is the whole proof

    def proof_of(self, receipt: Receipt) -> str:
        """What is proven when the target has answered."""
        if receipt.etag == self.md5:
            return self.read_proof
        if CRC64 not in receipt.checksums:
            return SIZE_ONLY
        return CRC64 if self.is_local else self.read_proof


def look_at(
    source: Source,
    entry: Entry,
    data: bytes | memoryview,
    body: Body,
    means: Means,
    tags: Mapping[str, str] | None = None,
) -> Known:
    """Prove what was read, and find what travels with it; its `tags` where they are known already."""
    means.slot.phase = "finishing"
    means.slot.watch.enter(HASH)
    info = body.info
    if info.identity:
        read_proof, md5 = ETAG_MD5, ""
    else:
        read_proof, md5 = _prove_read(source, data, entry, body)
    metadata = metadata_to_send(source, entry, info, means.storage_class, tags)
    return Known(md5 or md5_of(data), metadata, read_proof, bool(info.identity))


def _prove_read(source: Source, data: bytes | memoryview, entry: Entry, body: Body) -> tuple[str, str]:
    """What the source's own digests say of what arrived: (proof, the MD5 when it was computed).

    The answer's headers are looked into only when the plain ETag does not settle it: that is the hot path.
    """
    md5 = ""
    if is_md5(entry.etag):
        md5 = md5_of(data)
        if md5 == entry.etag:
            return ETAG_MD5, md5
    evidence = evidence_for(entry, body.info)
    proof = prove(
        evidence,
        len(data),
        lambda kind, sizes: digests_in(data, kind, sizes),
        part_sizes_at(source, entry),
        entry.key,
    )
    return proof, md5


def copy_small(source: Source, entry: Entry, target: Target, key: str, means: Means) -> tuple[Receipt, str]:
    """A whole item copied by the service. Its ETag or checksum on both sides is the proof, where it stays the
    same."""
    assert isinstance(target, ServerSideCopy)
    means.slot.phase = "copying"
    means.slot.watch.enter(SERVER_COPY)
    receipt = target.copy(source, entry, key, storage_class=means.storage_class or entry.storage_class)
    means.slot.done = entry.size
    means.slot.moved += entry.size
    return receipt, proof_of_copy(source, target, entry, receipt)


def move_part(large: LargeItem, span: PartSpan, means: Means) -> PartReceipt:
    """One part of a large item, whichever way it goes."""
    slot = means.slot
    slot.part, slot.parts = span.number, len(large.spans)
    if isinstance(large, LargeServerSide):
        return _copy_part(large, span, means)
    if isinstance(large, ToolDownload):
        return large.fetch(means)
    if isinstance(large, LargeDownload):
        return _download_part(large, span, means)
    if isinstance(large, WholeRelay):
        return relay_whole(large, means)
    watch = slot.watch
    watch.enter(MEMORY)
    with means.memory.hold(span.length, means.cancelled):
        data, body = collect(large.source, large.entry, span.offset, span.length, means)
        if isinstance(large, LargeUpload) and large.relay is None:
            large.check_still_same(body.info.identity)
        slot.phase = "finishing"
        watch.enter(HASH)
        md5 = md5_of(data)
        watch.enter(SEND)
        kept = large.present(span, md5) if isinstance(large, LargeUpload) and large.there else None
        receipt = kept or put_part(large, span, data, md5)
        if kept is None:
            watch.sends += 1
            watch.sent += span.length
        watch.enter(HASH)
        if isinstance(large, LargeUpload) and large.relay is not None:
            slot.phase = "hashing"
            large.relay.absorb(span.offset, data)
        return receipt


def put_part(large: LargeItem, span: PartSpan, data: memoryview | bytes, md5: str) -> PartReceipt:
    """Send a part. One that may not take the place of another in an upload that was taken over begins anew."""
    try:
        return large.target.put_part(large.key, large.token, span.number, span.offset, data, md5=md5)
    except FileTrouble as error:
        if span.number in large.there and not isinstance(error, NotFound | NoPermission):
            raise StageLost(f"{error.message}; begun anew") from error
        raise


def _copy_part(large: LargeItem, span: PartSpan, means: Means) -> PartReceipt:
    target = large.target
    if not isinstance(target, ServerSideCopy):
        raise FileTrouble(f"{large.key}: the target cannot copy by itself")
    means.slot.phase = "copying"
    means.slot.watch.enter(SERVER_COPY)
    receipt = target.copy_part(
        large.source, large.entry, large.key, large.token, span.number, span.offset, span.length
    )
    means.slot.done = span.length
    means.slot.moved += span.length
    return receipt


def _download_part(large: LargeDownload, span: PartSpan, means: Means) -> PartReceipt:
    slot, stage, bandwidth = means.slot, large.stage, means.bandwidth
    assert stage is not None
    proof = large.proof
    inline = proof.digest.begin(span.offset) if proof.digest is not None else None
    position, crc, other = span.offset, 0, 0
    watch = slot.watch
    arriving = DISK if isinstance(large.source, LocalFolder) else BODY
    watch.enter(DISK if arriving == DISK else FIRST_BYTE)
    try:
        with large.source.read(large.entry, span.offset, span.length, cancelled=means.cancelled) as body:
            watch.enter(arriving)
            for chunk in body:
                count = len(chunk)
                watch.enter(DISK)
                stage.write(position, chunk)
                watch.enter(HASH)
                crc = crc64nvme(chunk, crc)
                if inline is not None:
                    inline.update(chunk)
                elif proof.crc is not None:
                    other = proof.crc(chunk, other)
                position += count
                slot.done += count
                slot.moved += count
                watch.enter(arriving)
                if bandwidth.limits:
                    pass_limit(count, means)
        slot.came_from(body, position - span.offset)
        if position - span.offset != span.length:
            raise NetworkTrouble(
                f"{large.key}: {position - span.offset} bytes arrived instead of {span.length}"
            )
    except BaseException:
        if inline is not None:
            inline.give_up()
        raise
    if inline is not None:
        inline.finish()
    watch.enter(DISK)
    stage.begin_sync(span.offset, span.length)
    watch.enter(HASH)
    slot.phase = "hashing"
    proof.part_done(span.offset, span.length, other)
    return PartReceipt(number=span.number, offset=span.offset, size=span.length, crc64=crc)
