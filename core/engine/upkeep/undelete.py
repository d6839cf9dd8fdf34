"""Taking back the deletions of a job, from its undo file.

Only where the target keeps versions, and only what is on record: a delete marker is removed when the undo file
says that this job made it and when it is still the newest version of its key. Everything else is counted and
left as it is: what was written again since, what others deleted again, what a crash left unclear, and what a
target without versions has lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from core.engine.storebook import StoreBook
from core.engine.upkeep.undo import (
    NULL_VERSION,
    DeletedLine,
    DeleteLine,
    UndoHead,
    UndoTarget,
    read_undo,
    undo_path,
)
from core.errors import BadCredentials, Code, HaulierError, TransferError
from core.messages import UndeleteJob, UndeleteReport
from core.safe_text import safe_text
from core.stores.s3.versions import Versions

AT_ONCE = 16  # requests
GROUP = 1000
NOTES = 20


class End(Enum):
    """What came of one deletion."""

    RESTORED = "restored"
    THERE = "there_already"
    LOST = "lost"
    UNSURE = "unsure"
    FAILED = "failed"


class Deletion(NamedTuple):
    """One line of the undo file with what became of it. `marker` None: no word that it was carried out."""

    target: UndoTarget
    line: DeleteLine
    marker: str | None


class Undelete:
    """Carries out UndeleteJob; blocks, call it in a thread."""

    def __init__(self, journal: Path, stores: StoreBook) -> None:
        self._journal, self._stores = journal, stores

    def __call__(self, command: UndeleteJob) -> UndeleteReport:
        """Raises HaulierError when the job has no undo file or a connection is gone."""
        path = undo_path(self._journal, command.job)
        try:
            markers = _markers(path)
        except FileNotFoundError:
            raise HaulierError(
                Code.NOT_FOUND,
                f"job {command.job} has deleted nothing: there is no {path}",
                "`haulier jobs` lists the jobs",
            ) from None
        except OSError as error:
            raise HaulierError(Code.FAILED, f"{path} cannot be read: {error.strerror}") from error
        counts = dict.fromkeys(End, 0)
        notes: list[str] = []
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="undelete") as pool:
            versions: dict[tuple[str, str], Versions] = {}
            for group in _groups(path, markers, self._stores, versions):
                for deletion, (end, why) in zip(
                    group, pool.map(lambda one: _take_back(*one, dry=command.dry_run), group), strict=True
                ):
                    counts[end] += 1
                    if end is not End.RESTORED and len(notes) < NOTES:
                        notes.append(f"{safe_text(_name(deletion[0]), 120)}: {why}")
        return UndeleteReport(
            undo_file=str(path), notes=tuple(notes), **{end.value: count for end, count in counts.items()}
        )


def _markers(path: Path) -> dict[int, str]:
    """By item, the delete markers on record ("" where there was none)."""
    return {line.item: line.marker_id for line in read_undo(path) if isinstance(line, DeletedLine)}


_Work = tuple[Deletion, Versions | None]


def _groups(
    path: Path, markers: dict[int, str], stores: StoreBook, versions: dict[tuple[str, str], Versions]
) -> Iterator[list[_Work]]:
    head: UndoHead | None = None
    group: list[_Work] = []
    seen: set[int] = set()
    for line in read_undo(path):
        if isinstance(line, UndoHead):
            head = line
        elif isinstance(line, DeleteLine) and head is not None and line.item not in seen:
            seen.add(line.item)  # a job that went on after a crash names what it tries again a second time
            target = head.targets[line.route]
            deletion = Deletion(target, line, markers.get(line.item))
            group.append((deletion, _versions_of(target, head, stores, versions)))
            if len(group) == GROUP:
                yield group
                group = []
    if group:
        yield group


def _versions_of(
    target: UndoTarget, head: UndoHead, stores: StoreBook, known: dict[tuple[str, str], Versions]
) -> Versions | None:
    place = target.place
    if place.kind != "s3":
        return None
    at = (place.connection, place.bucket)
    if at not in known:
        known[at] = stores.service(place.connection, head.adhoc).bucket(place.bucket).versions
    return known[at]


def _name(deletion: Deletion) -> str:
    target, key = deletion.target, deletion.line.key
    above = target.root.rstrip("/") if target.place.kind == "local" else target.place.bucket
    return f"{above}/{key}"


def _take_back(deletion: Deletion, versions: Versions | None, *, dry: bool) -> tuple[End, str]:
    if versions is None:
        if (Path(deletion.target.root) / deletion.line.key).is_file():
            return End.THERE, "is there"
        return End.LOST, "a folder keeps no versions"
    try:
        return _take_back_in_s3(deletion, versions, dry=dry)
    except BadCredentials:
        raise  # true of all the others too
    except TransferError as error:
        return End.FAILED, safe_text(error.message)


def _take_back_in_s3(deletion: Deletion, versions: Versions, *, dry: bool) -> tuple[End, str]:
    line, marker = deletion.line, deletion.marker
    now = versions.current(line.key)
    if now.exists:
        return End.THERE, "is there"
    if marker is None:
        return End.UNSURE, "a crash left no record of whether this job deleted it"
    if not marker:
        return End.LOST, "the bucket kept no version of it"
    if marker == NULL_VERSION and not line.version_id:
        return End.LOST, "versioning was suspended: the deletion replaced the only version"
    if not now.is_marker or now.version_id != marker:
        return End.UNSURE, "the delete marker of this job is no longer its newest version"
    if not dry:
        versions.remove_marker(line.key, marker)
    return End.RESTORED, ""
