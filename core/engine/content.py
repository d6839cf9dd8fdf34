"""Comparing the content of two entries as cheaply as the truth allows.

Stored digests are used where both sides have comparable ones; a local file is hashed into the shape of the
other side's ETag; only when nothing else helps are both sides read whole (SHA-256).
"""

from __future__ import annotations

import hashlib
import threading
from typing import NamedTuple

from core.engine.compare import same_etag
from core.engine.proof import ETAG_MD5, SHA256, composite, is_md5, part_count, segment_size
from core.model import Entry
from core.stores.base import CancelFlag, Source

_NEVER = threading.Event()


class Verdict(NamedTuple):
    """`equal` None: not found out. `proof` is how it was found out."""

    equal: bool | None
    proof: str = ""


def same_content(
    source: Source, mine: Entry, target: Source, theirs: Entry, *, read_both: bool = False,
    cancelled: CancelFlag = _NEVER,
) -> Verdict:  # fmt: skip
    """Whether two entries (complete keys, equal sizes) hold the same bytes.

    Without `read_both`, None where only reading both sides would tell. Raises TransferError.
    """
    if mine.size != theirs.size:
        return Verdict(False, "size only")
    if mine.etag and theirs.etag:
        if same_etag(mine.etag, theirs.etag):
            return Verdict(True, ETAG_MD5)
        if is_md5(mine.etag) and is_md5(theirs.etag):
            return Verdict(False, ETAG_MD5)
    elif theirs.etag:
        verdict = _against_etag(source, mine, target, theirs, cancelled)
        if verdict.equal is not None:
            return verdict
    elif mine.etag:
        verdict = _against_etag(target, theirs, source, mine, cancelled)
        if verdict.equal is not None:
            return verdict
    if not read_both:
        return Verdict(None)
    same = _sha256(source, mine, cancelled) == _sha256(target, theirs, cancelled)
    return Verdict(same, SHA256)


def _against_etag(plain: Source, file: Entry, store: Source, there: Entry, cancelled: CancelFlag) -> Verdict:
    known = store.stat(there.key).part_size if part_count(there.etag) > 1 else 0
    segment, sure = segment_size(there.etag, there.size, known)
    if not segment:
        return Verdict(None)
    digests: list[bytes] = []
    md5, room = hashlib.md5(usedforsecurity=False), segment
    with plain.read(file, 0, file.size, cancelled=cancelled) as body:
        for chunk in body:
            while chunk:
                piece, chunk = chunk[:room], chunk[room:]
                md5.update(piece)
                room -= len(piece)
                if room == 0:
                    digests.append(md5.digest())
                    md5, room = hashlib.md5(usedforsecurity=False), segment
    if room != segment or not digests:
        digests.append(md5.digest())
    found = digests[0].hex() if is_md5(there.etag) else composite(digests)
    if found == there.etag:
        return Verdict(True, ETAG_MD5)
    return Verdict(False, ETAG_MD5) if sure else Verdict(None)


def _sha256(store: Source, entry: Entry, cancelled: CancelFlag) -> bytes:
    digest = hashlib.sha256()
    with store.read(entry, 0, entry.size, cancelled=cancelled) as body:
        for chunk in body:
            digest.update(chunk)
    return digest.digest()
