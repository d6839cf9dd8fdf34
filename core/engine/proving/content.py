"""Comparing the content of two entries as cheaply as the truth allows.

Stored digests are used where both sides have comparable ones, a local file is hashed into the shape of what the
other side keeps (in the order of trust of evidence.py); only when nothing else helps are both sides read whole
(SHA-256). An ETag that only looks like an MD5 is no reason to call anything different: where the ETags of a
listing disagree, the objects are looked at before that is believed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from core.engine.proving.evidence import (
    CRCS,
    MD5,
    TRUSTED,
    crc_bytes,
    digests_kept,
    evidence_for,
    new_hash,
    prove,
)
from core.engine.proving.item_proof import part_sizes_at
from core.engine.proving.proof import ETAG_MD5, GIT_SHA1, SHA256, SIZE_ONLY, is_md5, same_etag
from core.errors import IntegrityTrouble
from core.model import Entry
from core.stores.base import CancelFlag, ObjectInfo, Source, look_at

_NEVER = threading.Event()
Told = Callable[[int], None]


class Verdict(NamedTuple):
    """`equal` None: not found out. `proof` is how it was found out."""

    equal: bool | None
    proof: str = ""


def same_content(
    source: Source, mine: Entry, target: Source, theirs: Entry, *, read_both: bool = False,
    cancelled: CancelFlag = _NEVER, told: Told = lambda _: None,
) -> Verdict:  # fmt: skip
    """Whether two entries (complete keys, equal sizes) hold the same bytes.

    Without `read_both`, None where only reading both sides would tell. `told` hears of bytes as they are read
    (of both sides, where both are). Raises TransferError.
    """
    if mine.size != theirs.size:
        return Verdict(False, SIZE_ONLY)
    verdict = Verdict(None)
    if mine.etag and theirs.etag:
        if proof := same_etag(mine.etag, theirs.etag):
            return Verdict(True, proof)
        verdict = _by_what_is_kept(mine, look_at(source, mine), theirs, look_at(target, theirs))
    elif theirs.etag:
        verdict = _against_store(source, mine, target, theirs, cancelled, told)
    elif mine.etag:
        verdict = _against_store(target, theirs, source, mine, cancelled, told)
    if verdict.equal is not None or not read_both:
        return verdict
    same = _sha256(source, mine, cancelled, told) == _sha256(target, theirs, cancelled, told)
    return Verdict(same, SHA256)


def _by_what_is_kept(mine: Entry, ours: ObjectInfo, theirs: Entry, other: ObjectInfo) -> Verdict:
    """Two objects by their digests, or by ETags that are known to be MD5s of the whole."""
    if (ours.entry.etag, other.entry.etag) != (mine.etag, theirs.etag):
        return Verdict(None)  # at least one is not what was listed
    one, another = digests_kept(mine, ours), digests_kept(theirs, other)
    for kind in (GIT_SHA1, *TRUSTED):
        if kind in one and kind in another:
            return Verdict(one[kind] == another[kind], kind)
    if is_md5(mine.etag) and is_md5(theirs.etag) and not ours.opaque_etag and not other.opaque_etag:
        return Verdict(False, ETAG_MD5)
    return Verdict(None)


def _against_store(
    plain: Source, file: Entry, store: Source, there: Entry, cancelled: CancelFlag, told: Told
) -> Verdict:
    """A file against what a store keeps of its object. An object whose plain MD5 agrees is not even looked
    at."""

    def digests(kind: str, sizes: list[int]) -> list[bytes]:
        return _digests(plain, file, kind, sizes, cancelled, told)

    tried = ""
    if is_md5(there.etag):
        [tried] = [digest.hex() for digest in digests(MD5, [file.size])]
        if tried == there.etag:
            return Verdict(True, ETAG_MD5)
    info = look_at(store, there)
    if info.entry.etag != there.etag:
        return Verdict(None)
    evidence = [one for one in evidence_for(there, info) if one.expected != there.etag or not tried]
    if tried and not evidence:
        return Verdict(None) if info.opaque_etag else Verdict(False, ETAG_MD5)
    try:
        proof = prove(evidence, file.size, digests, part_sizes_at(store, there), there.key)
    except IntegrityTrouble:
        return Verdict(False, evidence[0].word)
    return Verdict(None) if proof == SIZE_ONLY else Verdict(True, proof)


def _digests(
    store: Source, file: Entry, kind: str, sizes: list[int], cancelled: CancelFlag, told: Told
) -> list[bytes]:
    """The digests of a file's pieces, read once from its beginning to its end."""

    def heard(chunks: Iterable[memoryview]) -> Iterator[memoryview]:
        for chunk in chunks:
            told(len(chunk))
            yield chunk

    with store.read(file, 0, file.size, cancelled=cancelled) as body:
        return digests_passing(heard(body), kind, sizes)


def digests_passing(chunks: Iterable[memoryview], kind: str, sizes: list[int]) -> list[bytes]:
    """The digests of pieces of these sizes, from the bytes as they pass in order."""
    found: list[bytes] = []
    pieces = iter(sizes)
    room = next(pieces)
    digest, crc = (None if kind in CRCS else new_hash(kind, room)), 0

    def take() -> None:
        found.append(crc_bytes(kind, crc) if digest is None else digest.digest())

    for chunk in chunks:
        while chunk:
            if not room:
                take()
                room = next(pieces)
                digest, crc = (None if kind in CRCS else new_hash(kind, room)), 0
            piece, chunk = chunk[:room], chunk[room:]
            room -= len(piece)
            if digest is None:
                crc = CRCS[kind](piece, crc)
            else:
                digest.update(piece)
    take()
    return found


def _sha256(store: Source, entry: Entry, cancelled: CancelFlag, told: Told) -> bytes:
    digest = hashlib.sha256()
    with store.read(entry, 0, entry.size, cancelled=cancelled) as body:
        for chunk in body:
            told(len(chunk))
            digest.update(chunk)
    return digest.digest()
