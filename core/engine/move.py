"""Moving one small item, or one part of a large one: the inner loop of every worker.

Every function works on plain stores and returns what it did; retrying, recording and counting are not here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec
from awscrt.checksums import crc64nvme

from core.engine.large import LargeDownload, LargeItem, LargeServerSide, LargeUpload, PartSpan
from core.engine.limits import Bandwidth, MemoryBudget
from core.engine.proof import CRC64, ETAG_MD5, SIZE_ONLY, crc64_base64, etag_of, is_md5, md5_of, segment_size
from core.errors import FileTrouble, IntegrityTrouble, NetworkTrouble
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


@dataclass(eq=False)
class Slot:
    """What one worker does now; plain fields, written by it, sampled by the ticker."""

    index: int
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

    def begin(self, item: int, key: str, size: int, attempt: int, phase: Phase = "moving") -> None:
        self.item, self.key, self.size, self.attempt = item, key, size, attempt
        self.part = self.parts = self.done = 0
        self.since = time.monotonic()
        self.phase = phase

    def idle(self) -> None:
        self.phase = "idle"
        self.done = self.size = self.item = self.part = self.parts = 0
        self.key = ""

    def view(self, job: int, now: float) -> WorkerView:
        return WorkerView(
            index=self.index,
            job=job,
            item=self.item,
            key=self.key,
            phase=self.phase,
            part=self.part,
            parts=self.parts,
            done=self.done,
            size=self.size,
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
    slot = means.slot
    small = b""
    whole: memoryview | None = None  # one buffer for what comes in several chunks: nothing is held twice
    position = 0
    with source.read(entry, offset, length, cancelled=means.cancelled) as body:
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
                means.bandwidth.take(count, means.cancelled)
    if position != length:
        raise NetworkTrouble(f"{entry.key}: {position} bytes arrived instead of {length}")
    return small if whole is None else whole, body


def fetch_small(source: Source, entry: Entry, target: Target, key: str, means: Means) -> tuple[Receipt, str]:
    """A whole item from any store into a file. Returns the receipt and what was proven of the content."""
    with means.memory.hold(max(entry.size, 1), means.cancelled):
        data, body = collect(source, entry, 0, entry.size, means)
        means.slot.phase = "finishing"
        proof, _ = _prove_read(data, entry, body)
        modified = entry.modified or body.info.entry.modified
        return target.put(key, data, Metadata(modified=modified)), proof


def send_small(source: Source, entry: Entry, target: Target, key: str, means: Means) -> tuple[Receipt, str]:
    """A whole item from any store to an object store, with its metadata."""
    with means.memory.hold(max(entry.size, 1), means.cancelled):
        data, body = collect(source, entry, 0, entry.size, means)
        means.slot.phase = "finishing"
        info = body.info
        if info.identity:  # a local file: read under our eyes, so the target's proof is the whole proof
            read_proof, md5 = ETAG_MD5, ""
        else:
            read_proof, md5 = _prove_read(data, entry, body)
        md5 = md5 or md5_of(data)
        metadata = msgspec.structs.replace(
            info.metadata,
            modified=info.metadata.modified or entry.modified,
            storage_class=means.storage_class or info.metadata.storage_class,
        )
        receipt = target.put(key, data, metadata, md5=md5)
    return receipt, read_proof if receipt.etag == md5 else SIZE_ONLY


def _prove_read(data: bytes | memoryview, entry: Entry, body: Body) -> tuple[str, str]:
    """What the source's own digests say of what arrived: (proof, the MD5 when it was computed).

    The answer's headers are looked into only when the plain ETag does not settle it: that is the hot path.
    """
    if is_md5(entry.etag):
        md5 = md5_of(data)
        if md5 == entry.etag:
            return ETAG_MD5, md5
        if not body.info.opaque_etag:
            raise IntegrityTrouble(f"{entry.key}: the content does not give the ETag {entry.etag}")
    info = body.info
    stored = info.metadata.checksums.get("crc64nvme", "")
    if stored and crc64_base64(crc64nvme(data)) != stored:
        raise IntegrityTrouble(f"{entry.key}: CRC64NVME differs from the one the store keeps")
    etag = "" if info.opaque_etag else (entry.etag or info.entry.etag)
    segment, sure = segment_size(etag, len(data), info.part_size)
    if segment:
        found = etag_of(data, etag, segment)
        if found == etag:
            return ETAG_MD5, found if is_md5(etag) else ""
        if sure:
            raise IntegrityTrouble(f"{entry.key}: the content does not give the ETag {etag}")
    return (CRC64 if stored else SIZE_ONLY), ""


def copy_small(source: Source, entry: Entry, target: Target, key: str, means: Means) -> tuple[Receipt, str]:
    """A whole item copied by the service. Its ETag on both sides is the proof, where it stays the same."""
    assert isinstance(target, ServerSideCopy)
    means.slot.phase = "copying"
    receipt = target.copy(source, entry, key, storage_class=means.storage_class or entry.storage_class)
    means.slot.done = entry.size
    means.slot.moved += entry.size
    return receipt, ETAG_MD5 if receipt.etag and receipt.etag == entry.etag else SIZE_ONLY


def move_part(large: LargeItem, span: PartSpan, means: Means) -> PartReceipt:
    """One part of a large item, whichever way it goes."""
    slot = means.slot
    slot.part, slot.parts = span.number, len(large.spans)
    if isinstance(large, LargeServerSide):
        return _copy_part(large, span, means)
    if isinstance(large, LargeDownload):
        return _download_part(large, span, means)
    with means.memory.hold(span.length, means.cancelled):
        data, _ = collect(large.source, large.entry, span.offset, span.length, means)
        slot.phase = "finishing"
        md5 = md5_of(data)
        receipt = large.target.put_part(large.key, large.token, span.number, span.offset, data, md5=md5)
        if isinstance(large, LargeUpload) and large.passing is not None:
            slot.phase = "hashing"
            large.passing.absorb(span.offset, data)
        return receipt


def _copy_part(large: LargeItem, span: PartSpan, means: Means) -> PartReceipt:
    target = large.target
    if not isinstance(target, ServerSideCopy):
        raise FileTrouble(f"{large.key}: the target cannot copy by itself")
    means.slot.phase = "copying"
    receipt = target.copy_part(
        large.source, large.entry, large.key, large.token, span.number, span.offset, span.length
    )
    means.slot.done = span.length
    means.slot.moved += span.length
    return receipt


def _download_part(large: LargeDownload, span: PartSpan, means: Means) -> PartReceipt:
    slot, stage, bandwidth = means.slot, large.stage, means.bandwidth
    assert stage is not None
    inline = large.digest.begin(span.offset) if large.digest is not None else None
    position, crc = span.offset, 0
    try:
        with large.source.read(large.entry, span.offset, span.length, cancelled=means.cancelled) as body:
            for chunk in body:
                count = len(chunk)
                stage.write(position, chunk)
                crc = crc64nvme(chunk, crc)
                if inline is not None:
                    inline.update(chunk)
                position += count
                slot.done += count
                slot.moved += count
                if bandwidth.limits:
                    bandwidth.take(count, means.cancelled)
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
    slot.phase = "hashing"
    if large.digest is not None:
        large.digest.part_done(span.offset, span.length)
    return PartReceipt(number=span.number, offset=span.offset, size=span.length, crc64=crc)
