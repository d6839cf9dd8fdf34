"""What a store tells of an object that its content can be held against, and in which order it is trusted.

Source: "Checking object integrity in Amazon S3" (user guide). A store may keep a checksum of the whole object,
or one made of its parts' ("…-3", COMPOSITE: the same function over the parts' binary checksums); its ETag may
be an MD5 of either kind. The order of trust:

1. sha256 of the whole, 2. the id of a git blob, 3. crc64nvme of the whole, 4. the ETag where it is an MD5,
5. sha256 of the parts, 6. sha1, 7. crc32c, 8. crc32, each of the whole before that of the parts; 9. what is
made of parts whose size had to be guessed.

The first one is computed while the bytes pass. CRC64NVME stands before MD5 because those of parts are combined
instead of hashing the object front to back, at forty times the speed. When the first one disagrees, the others
are asked before anything is called damaged: content that agrees with any digest of 32 bits or more is what the
store got, and an ETag may look like an MD5 without being one. What had to be guessed can only agree:
disagreement proves nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from awscrt.checksums import (
    combine_crc32,
    combine_crc32c,
    combine_crc64nvme,
    crc32,
    crc32c,
    crc64nvme,
)

from core.engine.proving.proof import (
    CRC32,
    CRC32C,
    CRC64,
    ETAG_MD5,
    GIT_SHA1,
    SHA1,
    SHA256,
    SIZE_ONLY,
    is_md5,
    named_digest,
    part_count,
    segment_of_parts,
)
from core.errors import IntegrityTrouble
from core.model import Entry
from core.stores.base import ObjectInfo

MD5 = "md5"
Crc = Callable[[bytes | memoryview, int], int]
CRCS: dict[str, Crc] = {CRC64: crc64nvme, CRC32C: crc32c, CRC32: crc32}
_COMBINE = {CRC64: combine_crc64nvme, CRC32C: combine_crc32c, CRC32: combine_crc32}
_WIDTH = {CRC64: 8, CRC32C: 4, CRC32: 4}  # bytes
_OF_THE_WHOLE = (SHA256, GIT_SHA1, CRC64, MD5, SHA1, CRC32C, CRC32)
_OF_PARTS = (MD5, SHA256, SHA1, CRC32C, CRC32)
TRUSTED = (SHA256, CRC64, SHA1, CRC32C, CRC32)  # checksums, the best first
_TRUST = {kind: place for place, kind in enumerate(_OF_THE_WHOLE)}


class Evidence(NamedTuple):
    """One digest that a store keeps of an object."""

    kind: str  # "md5", or a checksum as `Metadata.checksums` names it
    expected: str  # as the store writes it
    segment: int  # bytes that each digest in it is made of, the last one of fewer; at least 1
    parts: int = 0  # how many it is made of; 0: it is of the whole object
    sure: bool = True  # disagreement proves something: the size of the parts was not guessed

    @property
    def word(self) -> str:
        """The proof when it agrees."""
        return ETAG_MD5 if self.kind == MD5 else self.kind

    @property
    def is_crc(self) -> bool:
        return self.kind in CRCS

    def agrees(self, digests: Sequence[bytes]) -> bool:
        """Whether the object's content gave these digests, one a segment."""
        if self.parts:
            joined = digest_of(self.kind, b"".join(digests))
            return len(digests) == self.parts and self.expected == f"{written(self.kind, joined)}-{self.parts}"
        return len(digests) == 1 and self.expected == written(self.kind, digests[0])

    def __str__(self) -> str:
        return f"{'ETag' if self.kind == MD5 else self.kind.upper()} {self.expected}"


def evidence_for(entry: Entry, info: ObjectInfo) -> list[Evidence]:
    """Everything there is, best first; empty when nothing can be proven."""
    size = entry.size
    etag = "" if info.opaque_etag else (entry.etag or info.entry.etag)
    found: list[Evidence] = []
    kept = digests_kept(entry, info)
    if is_md5(etag):
        kept[MD5] = etag
    for kind in _OF_THE_WHOLE:
        told = kept.get(kind, "")
        if told:
            found.append(Evidence(kind, told, max(size, 1)))
    for kind in _OF_PARTS:
        told = (etag if part_count(etag) else "") if kind == MD5 else info.metadata.composites.get(kind, "")
        parts = int(told.rpartition("-")[2]) if told else 0
        segment, sure = segment_of_parts(parts, size, info.part_size)
        if segment:
            found.append(Evidence(kind, told, segment, parts, sure))
    found.sort(key=_distrust)
    return found


def digests_kept(entry: Entry, info: ObjectInfo) -> dict[str, str]:
    """The digests of the whole object that the store tells outright, by kind, as `written` writes them."""
    kind, digest = named_digest(entry.etag)
    named = {kind: written(kind, bytes.fromhex(digest))} if kind else {}
    return {**info.metadata.checksums, **named}


def _distrust(one: Evidence) -> tuple[bool, int, bool]:
    return not one.sure, _TRUST[one.kind], bool(one.parts)


def prove(
    evidence: Sequence[Evidence],
    size: int,
    digests: Callable[[str, list[int]], list[bytes]],
    part_sizes: Callable[[int], list[int]],
    name: str,
) -> str:
    """The proof in one word, "size only" when nothing tells.

    `digests` computes those of a kind for pieces of these sizes, in order; `part_sizes` asks the store how the
    object was cut into a number of parts, empty when it does not say: parts need not be of one size. Raises
    IntegrityTrouble when something that is sure disagrees and nothing agrees.
    """
    wrong: Evidence | None = None
    for one in evidence:
        pieces = pieces_of(size, one.segment)
        if one.agrees(digests(one.kind, pieces)):
            return one.word
        if one.parts > 1 and one.sure:
            told = part_sizes(one.parts)
            if told and told != pieces and one.agrees(digests(one.kind, told)):
                return one.word
            if not told:
                continue
        if one.sure and wrong is None:
            wrong = one
    if wrong is not None:
        raise IntegrityTrouble(f"{name}: the content does not give the {wrong} that the store keeps")
    return SIZE_ONLY


def pieces_of(size: int, segment: int) -> list[int]:
    """The sizes of an object's segments; one of 0 bytes for an object of none."""
    return [min(segment, size - at) for at in range(0, size, segment)] or [0]


# ---------------------------------------------------------------- digests


def new_hash(kind: str, size: int) -> hashlib._Hash:
    """For "md5", "sha1", "sha256" and "git-sha1" of `size` bytes."""
    if kind == GIT_SHA1:
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.new(kind, usedforsecurity=False)


def digest_of(kind: str, data: bytes | memoryview) -> bytes:
    """Any kind, of bytes that are here."""
    if kind in CRCS:
        return crc_bytes(kind, CRCS[kind](data, 0))
    digest = new_hash(kind, len(data))
    digest.update(data)
    return digest.digest()


def crc_bytes(kind: str, value: int) -> bytes:
    return value.to_bytes(_WIDTH[kind], "big")


def combined(kind: str, parts: Sequence[tuple[int, int]]) -> int:
    """The CRC of bytes one after the other, from (CRC, length) of each."""
    whole = 0
    for crc, length in parts:
        whole = _COMBINE[kind](whole, crc, length)
    return whole


def written(kind: str, digest: bytes) -> str:
    """As stores write it: ETags and ids of git in hex, checksums in base64."""
    return digest.hex() if kind in (MD5, GIT_SHA1) else base64.b64encode(digest).decode()


def digests_in(data: bytes | memoryview, kind: str, sizes: list[int]) -> list[bytes]:
    """`digests` of `prove` for bytes that are in memory."""
    view, found, at = memoryview(data), [], 0
    for size in sizes:
        found.append(digest_of(kind, view[at : at + size]))
        at += size
    return found


def digests_of_chunks(chunks: Callable[[int, int], bytes], kind: str, sizes: list[int]) -> list[bytes]:
    """The same for bytes that `chunks(offset, length)` reads, a mebibyte at a time."""
    found, at = [], 0
    for size in sizes:
        end, crc = at + size, 0
        digest = None if kind in CRCS else new_hash(kind, size)
        while at < end:
            chunk = chunks(at, min(1 << 20, end - at))
            if digest is None:
                crc = CRCS[kind](chunk, crc)
            else:
                digest.update(chunk)
            at += len(chunk)
            if not chunk:
                raise IntegrityTrouble("the partial file became shorter")
        found.append(crc_bytes(kind, crc) if digest is None else digest.digest())
    return found
