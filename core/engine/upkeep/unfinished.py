"""Unfinished uploads at a target that the journal does not know: from another machine, or after it was lost.

1. The target's unfinished uploads are listed once for each route (ListMultipartUploads), and only those count
   that no job of this engine works on.
2. `clean`: an upload of a key that the job will write is aborted before the key's own begins.
3. `resume`: one is taken over when its parts are cut as the item is (or the item can be cut as they are) and
   digests of some of them are those of the item's bytes: the newest may belong to older content. From then on
   every part is compared with its own MD5 before it counts; what differs is sent again.
4. One whose parts have another size than was asked for is aborted; one with other content is left alone.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from typing import Literal

from core.engine.journal.upload_rows import UploadRows
from core.engine.moving.large import LargeUpload, spans_of
from core.engine.proving.proof import is_md5
from core.errors import FileTrouble, StageLost, TransferError
from core.model import Level
from core.safe_text import safe_text
from core.stores.base import CancelFlag, PartReceipt
from core.stores.s3 import S3Bucket, Upload
from core.stores.s3.headers import wanted_class
from core.stores.s3.unfinished import page

PAGES = 20  # of a target's unfinished uploads that are held; above that each key is asked for by itself
CANDIDATES = 5  # uploads of one key that are looked into, the newest first
SAMPLES = 3  # parts of each whose digests decide which one is taken


class Unfinished:
    """Of one job. Called from many workers. `notice` writes a line of the log for people."""

    def __init__(
        self,
        rows: UploadRows,
        wish: Literal["resume", "clean"],
        part_size: int,
        storage_class: str,
        cancelled: CancelFlag,
        notice: Callable[[Level, str], None],
    ) -> None:
        """`part_size` is what the person asked for, 0 when nothing was; so is `storage_class`."""
        self._rows, self._wish, self._part_size = rows, wish, part_size
        self._class, self._cancelled, self._notice = storage_class, cancelled, notice
        self._lock = threading.Lock()
        self._held: dict[tuple[int, str], dict[str, list[Upload]] | None] = {}
        self._tried: set[str] = set()

    def has(self, target: S3Bucket, prefix: str, key: str) -> bool:
        """Whether there is one for this key. Raises TransferError when the network fails."""
        return bool(self._of(target, prefix, key))

    def take_over(self, large: LargeUpload, prefix: str) -> str:
        """The token of an upload to go on with, its parts in `large.there`; empty: begin a new one."""
        target = large.target
        if not isinstance(target, S3Bucket):
            return ""
        found = self._of(target, prefix, large.key)
        if not found:
            return ""
        if self._wish == "clean":
            for upload in found:
                self._clean(target, upload, "begun anew")
            return ""
        return self._best(large, target, found[:CANDIDATES])

    # ------------------------------------------------------------ finding

    def _of(self, target: S3Bucket, prefix: str, key: str) -> list[Upload]:
        at = (id(target), prefix)
        with self._lock:
            if at not in self._held:
                self._held[at] = _listed(target, prefix)
            held = self._held[at]
        found = held.get(key, []) if held is not None else _listed_pages(target, key, 1)[0].get(key, [])
        if not found:
            return []
        ours = self._rows.known().keys() | {left.token for left in self._rows.leftovers()} | self._tried
        return sorted(
            (each for each in found if each.token not in ours), key=lambda each: each.started, reverse=True
        )

    # ------------------------------------------------------------ judging

    def _best(self, large: LargeUpload, target: S3Bucket, uploads: Iterable[Upload]) -> str:
        best: tuple[int, int, Upload, list[PartReceipt], int] | None = None
        left = 0
        digests: dict[tuple[int, int], str] = {}
        for upload in uploads:
            try:
                parts = target.staged_parts(large.key, upload.token)
            except StageLost:
                continue
            wanted = wanted_class(self._class or large.info.metadata.storage_class)
            if not parts or wanted_class(upload.storage_class) != wanted:
                left += 1
                continue
            size = self._fitting(large, parts)
            if not size:
                self._clean(target, upload, "its parts have another size; begun anew")
                continue
            alike = self._alike(large, parts, size, digests)
            if not alike:
                left += 1
            elif best is None or (alike, len(parts)) > best[:2]:
                left += best is not None
                best = alike, len(parts), upload, parts, size
            else:
                left += 1
        if left:
            self._notice(
                Level.INFO,
                f"{safe_text(large.row.name)}: {left} unfinished upload{'s' if left > 1 else ''} of other "
                "content left alone; `haulier uploads clean` removes such",
            )
        if best is None:
            return ""
        _, _, upload, parts, size = best
        self._tried.add(upload.token)  # if it proves useless, it is not taken again
        large.layout(size)
        large.there = {part.number: part for part in parts}
        self._notice(
            Level.INFO,
            f"{safe_text(large.row.name)}: goes on with an unfinished upload found at the target, "
            f"{len(parts)} of {len(large.spans)} parts are there and are compared",
        )
        return upload.token

    def _fitting(self, large: LargeUpload, parts: list[PartReceipt]) -> int:
        """The part size that makes all of these parts the item's own; 0 when there is none that may be used."""
        size = max(part.size for part in parts)
        if self._part_size and size != large.part_size and size < large.entry.size:
            return 0
        spans = {span.number: span.length for span in spans_of(large.entry.size, max(size, 1))}
        limits = large.target.limits
        if len(spans) > limits.max_parts or (len(spans) > 1 and size < limits.min_part):
            return 0
        return size if all(spans.get(part.number) == part.size for part in parts) else 0

    def _alike(
        self, large: LargeUpload, parts: list[PartReceipt], size: int, digests: dict[tuple[int, int], str]
    ) -> int:
        """How many of the first, the middle and the last part hold the item's bytes."""
        chosen = {at: parts[at] for at in (0, len(parts) // 2, len(parts) - 1)}
        alike = 0
        for part in list(chosen.values())[:SAMPLES]:
            where = ((part.number - 1) * size, part.size)
            if not is_md5(part.etag):
                continue
            if where not in digests:
                digests[where] = self._md5(large, *where)
            alike += digests[where] == part.etag
        return alike

    def _md5(self, large: LargeUpload, offset: int, length: int) -> str:
        md5 = hashlib.md5(usedforsecurity=False)
        with large.source.read(large.entry, offset, length, cancelled=self._cancelled) as body:
            for chunk in body:
                md5.update(chunk)
        return md5.hexdigest()

    def _clean(self, target: S3Bucket, upload: Upload, why: str) -> None:
        self._tried.add(upload.token)
        where = safe_text(f"{target.name}/{upload.key}")
        try:
            target.abort(upload.key, upload.token)
        except TransferError as error:
            self._notice(Level.WARNING, f"unfinished upload of {where} not removed: {safe_text(error.message)}")
            return
        self._notice(Level.INFO, f"unfinished upload of {where} removed: {why}")


def _listed(target: S3Bucket, prefix: str) -> dict[str, list[Upload]] | None:
    """All under a prefix by their keys; None when they are too many to hold."""
    found, more = _listed_pages(target, prefix, PAGES)
    return None if more else found


def _listed_pages(target: S3Bucket, prefix: str, pages: int) -> tuple[dict[str, list[Upload]], bool]:
    """The first pages, and whether there are more. None are seen where they may not be listed."""
    found: dict[str, list[Upload]] = {}
    cursor = ""
    for _ in range(pages):
        try:
            uploads, cursor = page(target.service.control, target.name, prefix, cursor, 1000)
        except (FileTrouble, StageLost):  # no permission, not implemented, none at all: as if there were none
            return found, False
        for upload in uploads:
            found.setdefault(upload.key, []).append(upload)
        if not cursor:
            return found, False
    return found, True


def unknown_uploads(target: S3Bucket, prefix: str, ours: Iterable[str]) -> dict[str, int]:
    """For a plan: key → how many unfinished uploads it has that are not among `ours` (tokens)."""
    known = set(ours)
    found, _ = _listed_pages(target, prefix, 5)
    counted = {key: sum(each.token not in known for each in uploads) for key, uploads in found.items()}
    return {key: count for key, count in counted.items() if count}
