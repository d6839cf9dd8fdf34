"""One large item on its way: which parts it is cut into, which are there, and how its content is proven.

What is recorded of an earlier try (rows.TransferRow) is trusted only after it was looked at again: bytes of
a partial file are hashed against the recorded CRC64NVME, parts of an upload are listed at the target and
compared with the digest of the local bytes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import msgspec
from awscrt.checksums import crc64nvme

from core.engine.journal.rows import ItemRow, TransferRow
from core.engine.moving.travelling import metadata_of_file, metadata_to_keep, metadata_to_send
from core.engine.network.retry import Tries
from core.engine.proving.content import same_content
from core.engine.proving.evidence import combined
from core.engine.proving.item_proof import DownloadProof, RelayProof, proof_of_copy
from core.engine.proving.proof import CRC64, ETAG_MD5, MIB, SIZE_ONLY, composite, crc64_base64, part_count
from core.errors import FileTrouble, SourceChanged, StageLost
from core.model import Entry
from core.stores.base import (
    Announces,
    CancelFlag,
    Metadata,
    ObjectInfo,
    PartLimits,
    PartReceipt,
    Receipt,
    ServerSideCopy,
    Source,
    StageFile,
    Target,
    WritesInPlace,
    look_at,
)

LARGE_DOWNLOAD = 5 * MIB  # from here on a file is resumed inside
LARGE_UPLOAD = 16 * MIB
SERVER_SIDE_PART = 256 * MIB


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


def same_version(info: ObjectInfo, entry: Entry) -> bool:
    """Whether what is there now is what was listed: by ETag where both tell one, else by size and time."""
    now = info.entry
    if now.size != entry.size:
        return False
    if info.identity:
        return now.modified == entry.modified
    return not now.etag or not entry.etag or now.etag == entry.etag


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
        self.first_failed = self.began = 0.0  # by the clock of the job's Gate
        self.tries = Tries()
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
        self.looked_at: Callable[[int], None] = lambda _: None  # hears of bytes read to see what can be kept
        self.storage_class = ""  # at the target; empty: the source's
        self.from_twin = False  # the source is a file of this machine with the same content
        # Of an upload that goes on with an unfinished one found at the target: finds it, and its parts.
        self.take_over: Callable[[LargeUpload], str] | None = None
        self.there: dict[int, PartReceipt] = {}

    def begin(self, recorded: TransferRow | None, record: Callable[[TransferRow], None], part_size: int,
              *, clean: bool, cancelled: CancelFlag, storage_class: str = "",
              ) -> tuple[Receipt | None, str] | None:  # fmt: skip
        """Take up what an earlier try left, or start anew. Raises TransferError.

        When the earlier try had done everything and only its record was lost, the receipt (None when nothing is
        left to settle) and the proof; else None, and parts are in `pending`.
        """
        self.storage_class = storage_class
        self.info = look_at(self.source, self.entry)
        if recorded is not None and not same_version(self.info, self.entry):
            self.target.abort(self.key, recorded.token)
            raise SourceChanged(f"{self.key}: changed since it was listed")
        self.layout(part_size or (recorded.part_size if recorded is not None else 0))
        if recorded is not None and (clean or not self._still_fits(recorded)):
            self.target.abort(self.key, recorded.token)
            recorded = None
        if recorded is not None:
            try:
                self.token = recorded.token
                self.take_up(recorded, cancelled)
            except SourceChanged:
                self.target.abort(self.key, recorded.token)
                raise
            except StageLost:
                if len(recorded.parts) == len(self.spans) and (done := self.find_done(recorded, cancelled)):
                    return done
                self.target.abort(self.key, recorded.token)  # of one that was only announced, what there is
                recorded, self.receipts = None, {}
        if recorded is None:
            self._stage(record)
        self.opened()
        self.pending.extend(span for span in self.spans if span.number not in self.receipts)
        return None

    def _stage(self, record: Callable[[TransferRow], None]) -> None:
        """Begin at the target, or take over what is there. What is about to be made there is recorded first
        where it could not be found again by its name: a kill between the two would leave it for ever."""
        taken = self.take_over(self) if self.take_over is not None and isinstance(self, LargeUpload) else ""
        row = TransferRow(
            token=taken,
            part_size=self.part_size,
            etag=self.entry.etag,
            identity=self.info.identity,
            version=self.info.version_id,
        )
        if taken:
            self.token = taken
            record(row)
            return
        if isinstance(self.target, Announces):
            record(msgspec.structs.replace(row, token=self.target.announce(self.key)))
        self.token = self._begin_there()
        record(msgspec.structs.replace(row, token=self.token))

    def _begin_there(self) -> str:
        return self.target.stage(self.key, self.entry.size, self.metadata())

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        """All parts were there and the staged item is gone: perhaps it has its final name already."""
        raise NotImplementedError

    def _still_fits(self, recorded: TransferRow) -> bool:
        return (
            recorded.etag == self.entry.etag
            and recorded.identity == self.info.identity
            and recorded.version in ("", self.info.version_id)
            and recorded.part_size == self.part_size
        )

    def layout(self, wanted: int) -> None:
        raise NotImplementedError

    def metadata(self) -> Metadata:
        """What goes to the target besides the bytes."""
        return metadata_to_send(self.source, self.entry, self.info, self.storage_class)

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        raise NotImplementedError

    def opened(self) -> None:
        """The staged item is there, with the receipts that were kept."""

    def close(self) -> None:
        """Give back descriptors. May be called twice."""

    @property
    def complete(self) -> bool:
        return len(self.receipts) == len(self.spans)

    def takes(self, span: PartSpan) -> int:
        """Bytes that writing a part takes from the free space of a file system here."""
        del span
        return 0

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
        self.proof = DownloadProof(self.source, self.entry, self.info, self.key)
        self.part_size = wanted
        self.spans = spans_in_segments(size, self.proof.segment, max(wanted, -(-size // 10_000)))
        self.stage: StageFile | None = None

    def metadata(self) -> Metadata:
        return metadata_of_file(self.entry, self.info)

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
                    data = stage.read(at, min(MIB, part.offset + part.size - at))
                    crc = crc64nvme(data, crc)
                    self.looked_at(len(data))
                if crc == part.crc64:
                    self.receipts[part.number] = part
        finally:
            stage.close()

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        folder = cast(Source, self.target)  # a file system that is written in place can be read as well
        try:
            there = folder.stat(self.key).entry
            if there.size != self.entry.size or not _made_of(folder, there, recorded.parts, cancelled):
                return None
        except FileTrouble:
            return None
        verdict = same_content(self.source, self.entry, folder, there, cancelled=cancelled)
        if verdict.equal is False:
            return None
        # The bytes are those that arrived, which a digest that cannot be recomputed does not change.
        return None, verdict.proof if verdict.equal else SIZE_ONLY

    def opened(self) -> None:
        assert isinstance(self.target, WritesInPlace)
        stage = self.stage = self.target.open_stage(self.key, self.token)
        self.proof.begin(stage.read, self.ordered_receipts())

    def close(self) -> None:
        if self.stage is not None:
            self.stage.close()

    def takes(self, span: PartSpan) -> int:
        return 0 if self.stage is None or self.stage.allocated else span.length

    @property
    def complete(self) -> bool:
        return super().complete and self.proof.complete

    def finish(self) -> tuple[Receipt, str]:
        parts = self.ordered_receipts()
        proof = self.proof.prove(parts)
        self.close()
        return self.target.commit(self.key, self.token, parts, self.entry.size), proof


def _made_of(folder: Source, file: Entry, parts: Sequence[PartReceipt], cancelled: CancelFlag) -> bool:
    """Whether a file's content is that of the parts, by their CRC64NVME. Raises TransferError."""
    for part in parts:
        crc = 0
        with folder.read(file, part.offset, part.size, cancelled=cancelled) as body:
            for chunk in body:
                crc = crc64nvme(chunk, crc)
        if crc != part.crc64:
            return False
    return True


class LargeUpload(LargeItem):
    """Parts through memory: from a file, or from another store (a relay)."""

    def layout(self, wanted: int) -> None:
        size, limits = self.entry.size, self.target.limits
        same = self.info.part_size  # a relay that keeps the parts keeps the ETag, too
        if not wanted and part_count(self.entry.etag) > 1 and limits.min_part <= same <= 128 * MIB:
            wanted = same
        self.part_size = part_size_for(size, wanted or default_part_size(size), limits)
        self.spans = spans_of(size, self.part_size)
        self.relay = None if self.info.identity else RelayProof(self.source, self.entry, self.info, self.key)

    def opened(self) -> None:
        if self.relay is not None:
            self.relay.begin(self.part_size, self.ordered_receipts())

    def check_still_same(self, identity: str) -> None:
        """Raises SourceChanged when a local file is not the one that the upload began with: replaced, longer,
        shorter, or written to. `identity` is what it is now."""
        if identity != self.info.identity:
            raise SourceChanged(f"{self.entry.key}: changed while it was sent")

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        there = {part.number: part for part in self.target.staged_parts(self.key, recorded.token)}
        known = {part.number: part for part in recorded.parts}
        for span in self.spans:
            part = there.get(span.number)
            if part is None or part.size != span.length or cancelled.is_set():
                continue
            before = known.get(span.number)
            md5, crc = self._digests_here(span, before, cancelled)
            mine = msgspec.structs.replace(part, offset=span.offset, md5=md5, crc64=crc)
            if md5 and part.etag == md5:
                self.receipts[span.number] = mine
            elif md5 and before is not None and before.etag == part.etag and md5 == before.md5:
                self.receipts[span.number] = mine  # an opaque ETag, as it was answered to us
            elif md5 and 0 <= part.crc64 == crc:
                self.receipts[span.number] = mine  # an opaque ETag, and a checksum that the target keeps

    def present(self, span: PartSpan, md5: str) -> PartReceipt | None:
        """The part of an upload that was taken over, when it holds just these bytes."""
        part = self.there.get(span.number)
        if part is None or part.size != span.length or part.etag != md5:
            return None
        return msgspec.structs.replace(part, offset=span.offset, md5=md5)

    def _digests_here(
        self, span: PartSpan, known: PartReceipt | None, cancelled: CancelFlag
    ) -> tuple[str, int]:
        """The part's MD5 and CRC64NVME: of the local bytes; for a relay as they were when the part passed."""
        if not self.info.identity:
            return (known.md5, known.crc64) if known is not None else ("", -1)
        md5, crc = hashlib.md5(usedforsecurity=False), 0
        with self.source.read(self.entry, span.offset, span.length, cancelled=cancelled) as body:
            for chunk in body:
                md5.update(chunk)
                crc = crc64nvme(chunk, crc)
                self.looked_at(len(chunk))
            self.check_still_same(body.info.identity)
        return md5.hexdigest(), crc

    def find_done(self, recorded: TransferRow, cancelled: CancelFlag) -> tuple[Receipt | None, str] | None:
        del cancelled
        self.receipts = {part.number: part for part in recorded.parts}
        try:
            return self.finish()  # `commit` tells an upload that is complete from one that is lost
        except StageLost:
            return None

    def finish(self) -> tuple[Receipt, str]:
        parts = self.ordered_receipts()
        if self.relay is None:
            self.check_still_same(self.source.stat(self.entry.key).identity)
        read = self.relay.prove(parts) if self.relay is not None else ""
        receipt = self.target.commit(self.key, self.token, parts, self.entry.size)
        sent = self._proof_of_sending(parts, receipt)
        return receipt, read if read and sent != SIZE_ONLY else sent

    def _proof_of_sending(self, parts: list[PartReceipt], receipt: Receipt) -> str:
        """That the target holds what was sent: by its ETag, its parts' ETags, or its checksum of the whole."""
        etag = composite([bytes.fromhex(part.md5) for part in parts])
        if receipt.etag == etag or all(part.etag == part.md5 for part in parts):
            return ETAG_MD5
        stored = receipt.checksums.get(CRC64, "")
        if stored and all(part.crc64 >= 0 for part in parts):
            crc = combined(CRC64, [(part.crc64, part.size) for part in parts])
            return CRC64 if crc64_base64(crc) == stored else SIZE_ONLY
        return SIZE_ONLY


class LargeServerSide(LargeItem):
    """Parts copied by the service itself (UploadPartCopy)."""

    def layout(self, wanted: int) -> None:
        size, limits = self.entry.size, self.target.limits
        self.part_size = part_size_for(size, max(wanted, SERVER_SIDE_PART), limits)
        same = self.info.part_size
        if limits.min_part <= same <= limits.max_part and not self.info.metadata.checksums:
            # The same parts give the same ETag, and nothing else would prove this copy.
            self.part_size = part_size_for(size, same, limits)
        self.spans = spans_of(size, self.part_size)

    def metadata(self) -> Metadata:
        return metadata_to_keep(self.source, self.info, self.storage_class)

    def _begin_there(self) -> str:
        assert isinstance(self.target, ServerSideCopy)
        return self.target.stage_copy(self.key, self.metadata())

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
        return receipt, proof_of_copy(self.source, self.target, self.entry, receipt, self.info)
