"""A file on a disk read back from the medium: held against its source, and its SHA-256.

What was just written is still in memory, and reading it there proves nothing of the disk. So the file is synced
and its pages are dropped from the page cache first (posix_fadvise(2): POSIX_FADV_DONTNEED leaves out pages that
are not written yet). One pass gives the SHA-256 and the digests that the source keeps.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from core.engine.proving.content import digests_passing
from core.engine.proving.evidence import Evidence, evidence_for, prove
from core.engine.proving.item_proof import part_sizes_at
from core.engine.proving.proof import SHA256, SIZE_ONLY
from core.errors import FileTrouble, IntegrityTrouble, SourceChanged
from core.model import Entry
from core.stores.base import CancelFlag, ObjectInfo, Source, look_at
from core.stores.local import LocalFolder
from core.stores.local.os_errors import map_read_error

Told = Callable[[int], None]


class ReadBack(NamedTuple):
    """`error` is empty when the file is what its source says, as far as that tells; `proof`: how far."""

    sha256: str
    proof: str
    error: str = ""


def read_back(
    source: Source, mine: Entry, disk: LocalFolder, theirs: Entry, *, cancelled: CancelFlag, told: Told
) -> ReadBack:
    """`mine` and `theirs` have complete keys. `told` hears of the disk's bytes as they are read. A source on
    this machine is read as well; of any other only what it keeps of the content is asked for.

    Raises TransferError when a side cannot be read, Cancelled."""
    if mine.size != theirs.size:
        return ReadBack("", SIZE_ONLY, f"sizes differ: {mine.size} and {theirs.size} bytes")
    _drop_from_memory(disk, theirs.key)
    passed = ""  # the SHA-256, once the file was read

    def chunks() -> Iterator[memoryview]:
        nonlocal passed
        whole = hashlib.sha256()
        with disk.read(theirs, 0, theirs.size, cancelled=cancelled) as body:
            for chunk in body:
                if not passed:
                    told(len(chunk))
                whole.update(chunk)
                yield chunk
        passed = whole.hexdigest()

    def against(evidence: list[Evidence]) -> ReadBack:
        def digests(kind: str, sizes: list[int]) -> list[bytes]:
            return digests_passing(chunks(), kind, sizes)

        try:
            proof = prove(evidence, mine.size, digests, part_sizes_at(source, mine), theirs.key)
        except IntegrityTrouble as error:
            return ReadBack(passed, evidence[0].word, error.message)
        return ReadBack(passed, proof)

    listed = [one for one in evidence_for(mine, ObjectInfo(entry=mine)) if one.sure]
    if listed and not (found := against(listed)).error:
        return found
    asked = _asked(source, mine)
    if asked:
        return against(asked)
    if not passed:
        for _ in chunks():
            pass
    if isinstance(source, LocalFolder):
        return _against_a_file(source, mine, passed, cancelled)
    return ReadBack(passed, SIZE_ONLY)


def _asked(source: Source, mine: Entry) -> list[Evidence]:
    """What the source keeps of the content. An ETag may look like a digest without being one: only looking at
    the object tells."""
    if isinstance(source, LocalFolder):
        return []
    listed = ObjectInfo(entry=mine)
    try:
        info = look_at(source, mine)
    except FileTrouble:
        info = listed  # gone by now: what was listed is all there is
    return evidence_for(mine, info if info.entry.etag == mine.etag else listed)


def _against_a_file(source: LocalFolder, mine: Entry, sha256: str, cancelled: CancelFlag) -> ReadBack:
    digest = hashlib.sha256()
    try:
        with source.read(mine, 0, mine.size, cancelled=cancelled) as body:
            for chunk in body:
                digest.update(chunk)
    except (FileTrouble, SourceChanged):
        return ReadBack(sha256, SIZE_ONLY)  # gone or another one by now: nothing to hold it against
    return ReadBack(sha256, SHA256, "" if digest.hexdigest() == sha256 else "content differs")


def _drop_from_memory(disk: LocalFolder, key: str) -> None:
    try:
        fd = os.open(disk.root / key, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
    except OSError as error:
        raise map_read_error(error, key) from error
