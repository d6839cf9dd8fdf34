"""The undo file: what a job deletes, written down durably before it is deleted.

`undo/job-N.jsonl` beside the journal, mode 0600, one JSON object a line, only ever appended to:

1. `{"type":"undo", …}` says which job and which targets; one each time the job begins or goes on deleting.
2. `{"type":"delete", …}` names an object that is about to go: key, size, ETag, time, storage class, version id,
   and the digests that the store told. Nothing is deleted before its line is on the disk (fsync).
3. `{"type":"deleted", …}` follows for what went. In a bucket with versioning it carries the id of the delete
   marker that the deletion made, and is on the disk before the journal calls the object deleted.

Workers share one fsync: who comes first writes for all that wait (group commit). A line that a crash cut off
is skipped by readers; a "delete" without "deleted" is one that may or may not have been carried out.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.engine.journal.rows import ItemRow
from core.engine.planning.route import Route
from core.errors import DiskTrouble
from core.model import Adhoc, Place, Value
from core.stores.base import ObjectInfo, Removal

FORMAT = 1
NULL_VERSION = "null"  # S3's version id of what was written without versioning


def undo_path(journal: Path, job: int) -> Path:
    """Where the deletions of a job are written down."""
    return journal.parent / "undo" / f"job-{job}.jsonl"


class UndoTarget(Value, frozen=True, kw_only=True):
    """Where a route's names lead to."""

    place: Place
    root: str = ""  # of a local target
    prefix: str = ""


class UndoHead(Value, frozen=True, kw_only=True, tag_field="type", tag="undo"):
    """Format 1. `targets` are by the number of the route."""

    format: int
    job: int
    title: str
    plan: str
    at: float
    targets: tuple[UndoTarget, ...]
    adhoc: Adhoc = None


class DeleteLine(Value, frozen=True, kw_only=True, tag_field="type", tag="delete"):
    """An object that is about to be deleted. `key` is complete."""

    item: int
    route: int
    key: str
    size: int
    etag: str = ""
    modified: float = 0.0
    storage_class: str = ""
    version_id: str = ""  # empty: the store keeps no versions, or this one is from before it did
    checksums: Mapping[str, str] = {}
    at: float = 0.0


class DeletedLine(Value, frozen=True, kw_only=True, tag_field="type", tag="deleted"):
    """It went."""

    item: int
    marker_id: str = ""
    at: float = 0.0


Line = UndoHead | DeleteLine | DeletedLine


class UndoFile:
    """Open for appending. Called from many threads; every method raises DiskTrouble when the file cannot be
    written, and from then on always does."""

    def __init__(self, path: Path, head: UndoHead) -> None:
        self.path = path
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._taken = self._durable = 0  # lines
        self._writing = False
        self._trouble: OSError | None = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = _open(path)
        except OSError as error:
            raise self._as_trouble(error) from error
        self._append(head, wait=True)

    def about_to_go(self, row: ItemRow, seen: ObjectInfo) -> None:
        """Returns when it is on the disk that this object is about to be deleted."""
        entry = seen.entry
        line = DeleteLine(
            item=row.id,
            route=row.route,
            key=entry.key,
            size=entry.size,
            etag=entry.etag,
            modified=entry.modified,
            storage_class=entry.storage_class,
            version_id=seen.version_id,
            checksums=dict(seen.metadata.checksums),
            at=time.time(),
        )
        self._append(line, wait=True)

    def gone(self, row: ItemRow, removal: Removal) -> None:
        """It was deleted. Waited for only where the line is needed to take the deletion back."""
        line = DeletedLine(item=row.id, marker_id=removal.marker_id, at=time.time())
        self._append(line, wait=bool(removal.marker_id))

    def close(self) -> None:
        """Everything is on the disk."""
        try:
            with self._changed:
                self._wait_for(self._taken + len(self._waiting))
        finally:
            os.close(self._descriptor)

    # ------------------------------------------------------------ group commit

    def _append(self, line: Line, *, wait: bool) -> None:
        data = msgspec.json.encode(line) + b"\n"
        with self._changed:
            self._waiting.append(data)
            if wait:
                self._wait_for(self._taken + len(self._waiting))

    def _wait_for(self, number: int) -> None:
        """Return when so many lines are durable; write them if nobody does. The lock is held."""
        while self._durable < number:
            if self._trouble is not None:
                raise self._as_trouble(self._trouble)
            if self._writing:
                self._changed.wait()
            else:
                self._write()

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        self._taken += len(lines)
        self._writing = True
        self._changed.release()
        trouble: OSError | None = None
        try:
            _write_all(self._descriptor, b"".join(lines))
            os.fdatasync(self._descriptor)
        except OSError as error:
            trouble = error
        finally:
            self._changed.acquire()
            self._writing = False
            self._trouble = trouble
            if trouble is None:
                self._durable += len(lines)
            self._changed.notify_all()

    def _as_trouble(self, error: OSError) -> DiskTrouble:
        return DiskTrouble(
            f"the undo file {self.path} cannot be written: {error.strerror}; nothing is deleted without it"
        )


def head_of(job: int, title: str, plan: str, routes: tuple[Route, ...], adhoc: Adhoc) -> UndoHead:
    """The first line of a job that deletes at the targets of these routes."""
    targets = tuple(
        UndoTarget(place=route.target, root=route.target_root, prefix=route.target_prefix) for route in routes
    )
    return UndoHead(
        format=FORMAT, job=job, title=title, plan=plan, at=time.time(), targets=targets, adhoc=adhoc
    )


def read_undo(path: Path) -> Iterator[Line]:
    """The file's lines; those that a crash cut off, or of a newer kind, are left out. Raises OSError."""
    with path.open("rb") as file:
        for line in file:
            try:
                yield _DECODER.decode(line)
            except msgspec.MsgspecError:
                continue


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Line)


def _open(path: Path) -> int:
    """For appending, behind whatever a crash left. The names that lead to it are made durable too."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            _write_all(descriptor, b"\n")
        for above in (path.parent, path.parent.parent):  # the folder itself may be new, too
            folder = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
