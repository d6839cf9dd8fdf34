"""The proof of a large item, gathered while its parts pass in any order (what is trusted: evidence.py)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from core.engine.proving.evidence import (
    CRCS,
    MD5,
    TRUSTED,
    Crc,
    Evidence,
    combined,
    crc_bytes,
    digest_of,
    digests_of_chunks,
    evidence_for,
    pieces_of,
    prove,
)
from core.engine.proving.ordered_digest import OrderedDigest, PassingDigest
from core.engine.proving.proof import CRC64, SIZE_ONLY, same_etag
from core.errors import IntegrityTrouble
from core.model import Entry
from core.stores.base import ObjectInfo, PartReceipt, Receipt, Source, Target, TellsParts


def part_sizes_at(source: Source, entry: Entry) -> Callable[[int], list[int]]:
    """How the source says that its object was cut; empty where it does not say."""
    return lambda count: source.part_sizes(entry, count) if isinstance(source, TellsParts) else []


def proof_of_copy(
    source: Source, target: Target, entry: Entry, receipt: Receipt, info: ObjectInfo | None = None
) -> str:
    """What shows that a copy made by the service is its source: the same MD5 as ETag, or the same checksum.

    `info` is what is known of the source; it is looked at only when the ETag does not settle it and the answer
    told a checksum, the target only when `info` tells one. Raises IntegrityTrouble when checksums differ.
    """
    if proof := same_etag(receipt.etag, entry.etag):
        return proof
    told = receipt.checksums
    if info is None:
        if not told:
            return SIZE_ONLY
        info = source.stat(entry.key)
        if info.entry.etag != entry.etag:
            return SIZE_ONLY  # another version by now
    elif info.metadata.checksums and not told:
        there = target.stat(receipt.key)
        told = there.metadata.checksums if there.entry.etag == receipt.etag else {}
    for kind in TRUSTED:
        mine, theirs = info.metadata.checksums.get(kind, ""), told.get(kind, "")
        if mine and theirs:
            if mine != theirs:
                raise IntegrityTrouble(f"{receipt.key}: the copy has another {kind.upper()} than its source")
            return kind
    return SIZE_ONLY


class DownloadProof:
    """Of an item whose bytes end in a partial file, at their places. Parts never cross a multiple of `segment`.

    CRC64NVME is computed of every part anyway, for resuming. Another CRC is computed beside it where that is
    what the
    store keeps (`crc`), and a hash in order of the bytes (`digest`) only where no CRC64NVME does.
    """

    def __init__(self, source: Source, entry: Entry, info: ObjectInfo, name: str) -> None:
        self._source, self._entry, self._name = source, entry, name
        self.evidence = evidence_for(entry, info)
        best = self._best = self.evidence[0] if self.evidence else None
        self.segment = best.segment if best is not None else max(entry.size, 1)
        self.crc: Crc | None = CRCS[best.kind] if best and best.is_crc and best.kind != CRC64 else None
        self.digest: OrderedDigest | None = None
        self._crcs: dict[int, tuple[int, int]] = {}  # offset → CRC of the kind that is wanted, length
        self._read_back: Callable[[int, int], bytes] = lambda _offset, _length: b""

    def begin(self, read_back: Callable[[int, int], bytes], there: Sequence[PartReceipt]) -> None:
        """The partial file is open and holds these parts."""
        self._read_back = read_back
        best = self._best
        if best is not None and not best.is_crc:
            self.digest = OrderedDigest(best.kind, self._entry.size, best.segment, read_back)
        for part in there:
            crc = 0
            if self.crc is not None and best is not None:
                [value] = digests_of_chunks(_from(read_back, part.offset), best.kind, [part.size])
                crc = int.from_bytes(value, "big")
            self.part_done(part.offset, part.size, crc)

    def read_back_only(self) -> None:
        """The item comes as one part, whatever the segments: only its CRC64NVME is had on the way."""
        self._best = self.crc = None

    def part_done(self, offset: int, length: int, crc: int) -> None:
        """The part is complete in the partial file; `crc` is what `self.crc` made of it."""
        if self.crc is not None:
            self._crcs[offset] = (crc, length)
        if self.digest is not None:
            self.digest.part_done(offset, length)

    @property
    def complete(self) -> bool:
        return self.digest is None or self.digest.complete

    def prove(self, parts: Sequence[PartReceipt]) -> str:
        """The proof in one word. Raises IntegrityTrouble. Reads the partial file again only when what was
        computed
        on the way disagrees."""

        def digests(kind: str, sizes: list[int]) -> list[bytes]:
            best = self._best
            if best is not None and kind == best.kind and sizes == pieces_of(self._entry.size, best.segment):
                if self.digest is not None:
                    return self.digest.digests()
                if self.crc is not None:
                    return _by_segment(kind, self._crcs, best.segment)
            if kind == CRC64 and len(sizes) == 1:
                return [crc_bytes(kind, combined(kind, [(part.crc64, part.size) for part in parts]))]
            return digests_of_chunks(self._read_back, kind, sizes)

        where = part_sizes_at(self._source, self._entry)
        return prove(self.evidence, self._entry.size, digests, where, self._name)


class RelayProof:
    """Of an item whose parts only pass through memory and cannot be read back.

    The first evidence is used that can be had so: what follows from the parts' own MD5s and CRC64NVMEs, which
    are
    recorded, or, for an item that was not taken up from an earlier try, what is computed as the parts pass.
    """

    def __init__(self, source: Source, entry: Entry, info: ObjectInfo, name: str) -> None:
        self._source, self._entry, self._name = source, entry, name
        self._evidence = evidence_for(entry, info)
        self._one: Evidence | None = None
        self._passing: PassingDigest | None = None
        self._passed: dict[int, bytes] = {}  # offset → digest of the part
        self._lock = threading.Lock()

    def begin(self, part_size: int, there: Sequence[PartReceipt]) -> None:
        """Parts of this size will pass, but for those that are at the target already. May be called again."""
        self._one, self._passing, self._passed = None, None, {}
        for one in self._evidence:
            if one.parts and one.segment != part_size and one.parts > 1:
                continue
            recorded = one.kind == CRC64 or (one.kind == MD5 and one.parts)
            if there and not recorded:
                continue
            self._one = one
            if not one.parts and not one.is_crc:
                self._passing = PassingDigest(one.kind, size=self._entry.size)
            return

    def absorb(self, offset: int, data: bytes | memoryview) -> None:
        """A part is at the target. May wait for those before it."""
        one = self._one
        if self._passing is not None:
            self._passing.absorb(offset, data)
        elif one is not None and one.kind not in (CRC64, MD5):
            value = digest_of(one.kind, data)
            with self._lock:
                self._passed[offset] = value

    def prove(self, parts: Sequence[PartReceipt]) -> str:
        """The proof of what was read in one word. Raises IntegrityTrouble."""
        one = self._one
        if one is None:
            return SIZE_ONLY
        digests = self._digests(one, parts)
        if digests is None:
            return SIZE_ONLY
        if one.agrees(digests):
            return one.word
        uniform = pieces_of(self._entry.size, one.segment)
        if not one.sure or (one.parts > 1 and part_sizes_at(self._source, self._entry)(one.parts) != uniform):
            return SIZE_ONLY
        raise IntegrityTrouble(f"{self._name}: the content does not give the {one} that the store keeps")

    def _digests(self, one: Evidence, parts: Sequence[PartReceipt]) -> list[bytes] | None:
        if self._passing is not None:
            whole = self._passing.digest(self._entry.size)
            return [whole] if whole else None
        if one.kind == CRC64:
            if any(part.crc64 < 0 for part in parts):
                return None
            return [crc_bytes(CRC64, combined(CRC64, [(part.crc64, part.size) for part in parts]))]
        if one.kind == MD5:
            return [bytes.fromhex(part.md5) for part in parts] if all(part.md5 for part in parts) else None
        if len(self._passed) != len(parts):
            return None
        ordered = [self._passed[part.offset] for part in parts]
        if one.parts:
            return ordered
        crcs = [(int.from_bytes(crc, "big"), part.size) for crc, part in zip(ordered, parts, strict=True)]
        return [crc_bytes(one.kind, combined(one.kind, crcs))]


def _from(read_back: Callable[[int, int], bytes], start: int) -> Callable[[int, int], bytes]:
    return lambda offset, length: read_back(start + offset, length)


def _by_segment(kind: str, crcs: dict[int, tuple[int, int]], segment: int) -> list[bytes]:
    groups: dict[int, list[tuple[int, int]]] = {}
    for offset in sorted(crcs):
        groups.setdefault(offset // segment, []).append(crcs[offset])
    return [crc_bytes(kind, combined(kind, group)) for group in groups.values()]
