"""One large item on its way: which parts it is cut into, which are there, and how its content is proven.

What is recorded of an earlier try (rows.TransferRow) is trusted only after it was looked at again: bytes of
a partial file are hashed against the recorded CRC64NVME, parts of an upload are listed at the target and
compared with the digest of the local bytes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast

import msgspec
from awscrt.checksums import combine_crc64nvme, crc64nvme

from core.engine.content import same_content
from core.engine.ordered_digest import OrderedDigest, PassingDigest
from core.engine.proof import (
    CRC64,
    ETAG_MD5,
    MIB,
    SIZE_ONLY,
    composite,
    crc64_base64,
    is_md5,
    part_count,
    segment_size,
)
from core.engine.rows import ItemRow, TransferRow
from core.errors import FileTrouble, IntegrityTrouble, StageLost
from core.model import Entry
from core.stores.base import (
    CancelFlag,
    ObjectInfo,
    PartLimits,
    PartReceipt,
    Receipt,
    Source,
    StageFile,
    Target,
    WritesInPlace,
)

LARGE_DOWNLOAD = 5 * MIB  # from here on a file is resumed inside
LARGE_UPLOAD = 16 * MIB


class PartSpan(NamedTuple):
    number: int  # from 1
    offset: int
    length: int


def spans_of(size: int, part_size: int) -> list[PartSpan]:
    """Equal parts, the last one shorter. Sizes in bytes."""
    return [
        PartSpan(number, offset, min(part_size, size - offset))
        for number, offset in enumerate(range(0, size, part_size), 1)
    ]


def spans_in_segments(size: int, segment: int, wanted: int) -> list[PartSpan]:
    """Parts of about `wanted` bytes that never cross a multiple of `segment`."""
    per_segment = max(1, round(segment / wanted))
    step = -(-segment // per_segment)
    spans: list[PartSpan] = []
    for start in range(0, size, segment):
        end = min(start + segment, size)
        for offset in range(start, end, step):
            spans.append(PartSpan(len(spans) + 1, offset, min(step, end - offset)))
    return spans


def part_size_for(size: int, wanted: int, limits: PartLimits) -> int:
    """The part size to use: `wanted`, raised to whole MiB until the target's number of parts is enough.

    S3 takes 1–10 000 parts of 5 MiB to 5 GiB (Amazon S3 multipart upload limits).
    """
    needed = -(-size // limits.max_parts)
    needed = -(-needed // MIB) * MIB
    return min(max(wanted, needed, limits.min_part), limits.max_part)


def default_part_size(size: int) -> int:
    """8 MiB for files under 256 MiB, 16 MiB above: small enough to resume well, large enough to be quick."""
    return 8 * MIB if size < 256 * MIB else 16 * MIB


class LargeItem:
    """The common part of every way. `pending` and `in_flight` belong to the work queue's lock."""

    in_place = False

    def __init__(
        self, row: ItemRow, entry: Entry, source: Source, target: Target, key: str, attempt: int
    ) -> None:
        self.row, self.entry, self.key = row, entry, key
        self.source, self.target = source, target
        self.attempt = attempt
        self.first_failed = 0.0
        self.pending: deque[PartSpan] = deque()
        self.in_flight = 0
        self.lock = threading.Lock()  # over receipts, failed and finishing
        self.failed = False
        self.finishing = False
        self.receipts: dict[int, PartReceipt] = {}
        self.spans: list[PartSpan] = []
        self.token = ""
        self.info = ObjectInfo(entry=entry)
        self.part_size = 0

    def begin(self, recorded: TransferRow | None, record: Callable[[TransferRow], None], part_size: int,
              *, clean: bool, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:  # fmt: skip
        """Take up what an earlier try left, or start anew. Raises TransferError.

        When the earlier try had done everything and only its record was lost, the receipt (None when nothing is
        left to settle) and the proof; else None, and parts are in `pending`.
        """
        self.info = self.source.stat(self.entry.key)
        self.layout(part_size)
        if recorded is not None and (clean or not self._still_fits(recorded)):
            self.target.abort(self.key, recorded.token)
            recorded = None
        if recorded is not None:
            try:
                self.token = recorded.token
                self.take_up(recorded, cancelled)
            except StageLost:
                if len(recorded.parts) == len(self.spans) and (done := self.find_done(recorded, cancelled)):
                    return done
                recorded, self.receipts = None, {}
        if recorded is None:
            metadata = msgspec.structs.replace(self.info.metadata, modified=self.info.entry.modified)
            self.token = self.target.stage(self.key, self.entry.size, metadata)
            record(
                TransferRow(
                    token=self.token,
                    part_size=self.part_size,
                    etag=self.entry.etag,
                    identity=self.info.identity,
                )
            )
        self.opened()
        self.pending.extend(span for span in self.spans if span.number not in self.receipts)
        return None

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        """All parts were there and the staged item is gone: perhaps it has its final name already."""
        raise NotImplementedError

    def _still_fits(self, recorded: TransferRow) -> bool:
        return (
            recorded.etag == self.entry.etag
            and recorded.identity == self.info.identity
            and recorded.part_size == self.part_size
        )

    def layout(self, wanted: int) -> None:
        raise NotImplementedError

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        raise NotImplementedError

    def opened(self) -> None:
        """The staged item is there, with the receipts that were kept."""

    def close(self) -> None:
        """Give back descriptors. May be called twice."""

    @property
    def complete(self) -> bool:
        return len(self.receipts) == len(self.spans)

    @property
    def bytes_done(self) -> int:
        return sum(receipt.size for receipt in list(self.receipts.values()))

    def finish(self) -> tuple[Receipt, str]:
        """All parts are there: prove, commit. Returns the receipt and the proof."""
        raise NotImplementedError

    def ordered_receipts(self) -> list[PartReceipt]:
        return [self.receipts[number] for number in sorted(self.receipts)]


class LargeDownload(LargeItem):
    """Into a partial file, at the parts' places; digests as the bytes pass."""

    in_place = True

    def layout(self, wanted: int) -> None:
        size = self.entry.size
        wanted = wanted or default_part_size(size)
        etag = "" if self.info.opaque_etag else self.entry.etag
        self.segment, self.segment_sure = segment_size(etag, size, self.info.part_size)
        self.part_size = wanted
        self.spans = spans_in_segments(size, self.segment or size, max(wanted, -(-size // 10_000)))
        self.stage: StageFile | None = None
        self.digest: OrderedDigest | None = None

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        assert isinstance(self.target, WritesInPlace)
        stage = self.target.open_stage(self.key, recorded.token)
        by_number = {span.number: span for span in self.spans}
        try:
            for part in recorded.parts:
                span = by_number.get(part.number)
                if span is None or (span.offset, span.length) != (part.offset, part.size) or cancelled.is_set():
                    continue
                crc = 0
                for at in range(part.offset, part.offset + part.size, MIB):
                    crc = crc64nvme(stage.read(at, min(MIB, part.offset + part.size - at)), crc)
                if crc == part.crc64:
                    self.receipts[part.number] = part
        finally:
            stage.close()

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        del recorded
        folder = cast(Source, self.target)  # a file system that is written in place can be read as well
        try:
            there = folder.stat(self.key).entry
        except FileTrouble:
            return None
        verdict = same_content(self.source, self.entry, folder, there, cancelled=cancelled)
        return (None, verdict.proof) if verdict.equal else None

    def opened(self) -> None:
        assert isinstance(self.target, WritesInPlace)
        stage = self.stage = self.target.open_stage(self.key, self.token)
        if self.segment:
            self.digest = OrderedDigest(self.entry.etag, self.entry.size, self.segment, stage.read)
            for receipt in self.ordered_receipts():
                self.digest.part_done(receipt.offset, receipt.size)

    def close(self) -> None:
        if self.stage is not None:
            self.stage.close()

    @property
    def complete(self) -> bool:
        return super().complete and (self.digest is None or self.digest.complete)

    def finish(self) -> tuple[Receipt, str]:
        proof = self._prove()
        self.close()
        return self.target.commit(self.key, self.token, self.ordered_receipts(), self.entry.size), proof

    def _prove(self) -> str:
        stored = self.info.metadata.checksums.get("crc64nvme", "")
        if stored:
            crc = 0
            for receipt in self.ordered_receipts():
                crc = combine_crc64nvme(crc, receipt.crc64, receipt.size)
            if crc64_base64(crc) != stored:
                raise IntegrityTrouble(f"{self.key}: CRC64NVME differs from the one the store keeps")
            if self.digest is None:
                return CRC64
        if self.digest is None:
            return SIZE_ONLY
        if self.digest.etag() == self.entry.etag:
            return ETAG_MD5
        if self.segment_sure:
            raise IntegrityTrouble(f"{self.key}: the content does not give the ETag {self.entry.etag}")
        return CRC64 if stored else SIZE_ONLY


class LargeUpload(LargeItem):
    """Parts through memory: from a file, or from another store (a relay)."""

    def layout(self, wanted: int) -> None:
        size, limits = self.entry.size, self.target.limits
        same = self.info.part_size  # a relay that keeps the parts keeps the ETag, too
        if not wanted and part_count(self.entry.etag) > 1 and limits.min_part <= same <= 128 * MIB:
            wanted = same
        self.part_size = part_size_for(size, wanted or default_part_size(size), limits)
        self.spans = spans_of(size, self.part_size)
        self.passing: PassingDigest | None = None

    def opened(self) -> None:
        provable = is_md5(self.entry.etag) and not self.info.opaque_etag and not self.info.identity
        if provable and not self.receipts:  # of a relay taken up again, the first parts have passed already
            self.passing = PassingDigest()

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        there = {part.number: part for part in self.target.staged_parts(self.key, recorded.token)}
        known = {part.number: part for part in recorded.parts}
        for span in self.spans:
            part = there.get(span.number)
            if part is None or part.size != span.length or cancelled.is_set():
                continue
            md5 = self._digest_here(span, known.get(span.number), cancelled)
            if md5 and part.etag == md5:
                self.receipts[span.number] = msgspec.structs.replace(part, offset=span.offset, md5=md5)
            elif md5 and span.number in known and known[span.number].etag == part.etag:
                self.receipts[span.number] = known[span.number]  # an opaque ETag, as it was answered to us

    def _digest_here(self, span: PartSpan, known: PartReceipt | None, cancelled: CancelFlag) -> str:
        """The part's MD5: of the local bytes, or for a relay as it was when the part passed."""
        if not self.info.identity:
            return known.md5 if known is not None else ""
        md5 = hashlib.md5(usedforsecurity=False)
        with self.source.read(self.entry, span.offset, span.length, cancelled=cancelled) as body:
            for chunk in body:
                md5.update(chunk)
        return md5.hexdigest()

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        del cancelled
        self.receipts = {part.number: part for part in recorded.parts}
        try:
            return self.finish()  # `commit` tells an upload that is complete from one that is lost
        except StageLost:
            return None

    def finish(self) -> tuple[Receipt, str]:
        parts = self.ordered_receipts()
        passed = self.passing.etag(self.entry.size) if self.passing is not None else ""
        if passed and passed != self.entry.etag:
            raise IntegrityTrouble(f"{self.key}: the content does not give the ETag {self.entry.etag}")
        receipt = self.target.commit(self.key, self.token, parts, self.entry.size)
        return receipt, self._prove(parts, receipt, source_proven=passed == self.entry.etag)

    def _prove(self, parts: list[PartReceipt], receipt: Receipt, *, source_proven: bool) -> str:
        """The target's ETag recomputed from what was sent; for a relay the source's own as well."""
        etag = composite([bytes.fromhex(part.md5) for part in parts])
        sent = receipt.etag == etag or all(part.etag == part.md5 for part in parts)
        if not sent:
            return SIZE_ONLY
        if self.info.identity or source_proven:
            return ETAG_MD5
        return ETAG_MD5 if self.entry.etag == etag else SIZE_ONLY


class LargeServerSide(LargeItem):
    """Parts copied by the service itself (UploadPartCopy)."""

    def layout(self, wanted: int) -> None:
        size = self.entry.size
        self.part_size = part_size_for(size, max(wanted, 256 * MIB), self.target.limits)
        self.spans = spans_of(size, self.part_size)

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        del cancelled
        there = {part.number: part for part in self.target.staged_parts(self.key, recorded.token)}
        for part in recorded.parts:
            found = there.get(part.number)
            if found is not None and found.etag == part.etag and found.size == part.size:
                self.receipts[part.number] = part

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        del cancelled
        self.receipts = {part.number: part for part in recorded.parts}
        try:
            return self.finish()
        except StageLost:
            return None

    def finish(self) -> tuple[Receipt, str]:
        receipt = self.target.commit(self.key, self.token, self.ordered_receipts(), self.entry.size)
        return receipt, ETAG_MD5 if receipt.etag == self.entry.etag else SIZE_ONLY
