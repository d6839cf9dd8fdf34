"""From an archive to a folder of its content: the last step of items of a job with `extract`.

1. The archive is moved like any file. When it is durable under its final name, its item is not completed but
   recorded as fetched, with the archive's proof and size (committer.py, journal/fetched.py).
2. A worker takes it apart below the folder for partial files, makes the tree durable, and gives it its name.
3. With `delete_tar` the journal notes that the folder is complete; then the archive is deleted, unless it has
   changed since, and its folder is synced.
4. The item is completed.

So the journal alone tells what a kill left. A pending item that is not recorded as fetched begins with its
archive. One that is goes on with 2, for which its archive is there with the recorded size: nothing has deleted
it. After the note of 3 the archive may be there or gone: it goes, and the item is done. Only where somebody
else took the archive, or the folder, away does the item begin anew. A kill inside of 2 leaves a passing folder
that the next try begins with emptying; a folder that had its name already takes the same files in again.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Fetched, ItemRow
from core.engine.moving.move import Means
from core.engine.proving.proof import SIZE_ONLY
from core.engine.upkeep.disks import DiskWatch, room_at
from core.engine.watching.timing import DISK
from core.errors import BadArchive, FileTrouble, SourceChanged, StageLost
from core.extract import ArchiveTrouble, Caps, Spot, Unpacked, folder_name, unpack
from core.model import Action, Entry, JobOptions
from core.stores.base import Cancelled, Target
from core.stores.local import LocalFolder
from core.stores.local.os_errors import map_os_error, map_write_error

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOVES = (Action.COPY, Action.OVERWRITE)


class Extraction:
    """Of one job. Called from its workers and its committer."""

    def __init__(self, job: int, options: JobOptions, journal: Journal, disks: DiskWatch) -> None:
        self._job, self._options = job, options
        self._journal, self._disks = journal, disks
        self._lock = threading.Lock()
        self._waiting: dict[int, int] = {}  # fetched items of this run → bytes of their archives

    # ------------------------------------------------------------ which items

    def after_moving(self, row: ItemRow, target: Target, key: str, size: int, proof: str) -> Fetched | None:
        """What is to be recorded of an item that was just moved; None: it is done."""
        if not self._options.extract or row.fetched is not None or row.action not in _MOVES:
            return None
        if not isinstance(target, LocalFolder) or not folder_name(key):
            return None
        return Fetched(proof or SIZE_ONLY, size)

    def expect(self, rows: Iterable[ItemRow]) -> None:
        """These items will be worked on; those that are fetched count as bytes that are there."""
        with self._lock:
            self._waiting.update((row.id, row.fetched.size) for row in rows if row.fetched is not None)

    def ended(self, items: Iterable[int]) -> None:
        """These items are recorded as completed or failed."""
        with self._lock:
            for item in items:
                self._waiting.pop(item, None)

    @property
    def bytes_waiting(self) -> int:
        """Bytes of archives that are there, of items that are not done."""
        with self._lock:
            return sum(self._waiting.values())

    # ------------------------------------------------------------ one item

    def extract(self, row: ItemRow, fetched: Fetched, target: LocalFolder, key: str, means: Means) -> None:
        """All that is left to do for a fetched item, up to its completion.

        Raises BadArchive for what cannot or must not be taken apart, StageLost where the archive is not there
        any more, other TransferErrors for the disk's troubles, Cancelled."""
        means.slot.begin(row.id, row.name, fetched.size, means.slot.attempt, "extracting")
        means.slot.watch.enter(DISK)
        folder = folder_name(key)
        if not (fetched.extracted and is_filled(target.root / folder)):
            fetched = self._take_apart(row, fetched, target, key, folder, means)
        if self._options.delete_tar:
            self._delete(row, fetched, target, key)

    def _take_apart(
        self, row: ItemRow, fetched: Fetched, target: LocalFolder, key: str, folder: str, means: Means
    ) -> Fetched:
        """Raises as `extract`; returns what is known of the archive now."""
        slot = means.slot

        def told(so_far: Unpacked) -> None:
            slot.done = min(so_far.read, slot.size)

        with self._disks.writing(row.route, 0), target.tree(folder) as place:
            try:
                with self._open(row, fetched, place.above, key) as archive:
                    modified = os.fstat(archive.fileno()).st_mtime
                    unpack(
                        archive,
                        Spot(place.above, place.name),
                        Caps(size=_most(target.root)),
                        passing=Spot(place.passing_above, place.passing),
                        given_up=means.cancelled,
                        told=told,
                        room=lambda size: self._writing(row.route, size, folder, target.root),
                    )
            except ArchiveTrouble as error:
                raise BadArchive(f"not extracted: {error}; the archive is kept") from error
            except InterruptedError as error:
                raise Cancelled from error
            except OSError as error:
                raise map_write_error(error, folder, target.root) from error
        return Fetched(fetched.proof, fetched.size, modified, extracted=True)

    @contextmanager
    def _writing(self, route: int, size: int, folder: str, root: Path) -> Iterator[None]:
        """Around each file: its bytes are taken from the account of the disk, as those of a download are."""
        with self._disks.writing(route, size, 1):
            try:
                yield
            except InterruptedError:
                raise
            except OSError as error:
                raise map_write_error(error, folder, root) from error

    def _open(self, row: ItemRow, fetched: Fetched, above: int, key: str) -> BinaryIO:
        """The archive, if it is the one that was fetched as far as its size tells."""
        try:
            fd = os.open(key.rpartition("/")[2], _OPEN, dir_fd=above)
        except FileNotFoundError:
            raise self._lost(row, f"{key}: the archive was removed before it was extracted") from None
        except OSError as error:
            raise map_os_error(error, key) from error
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size != fetched.size:
            os.close(fd)
            raise self._lost(row, f"{key}: the archive was replaced before it was extracted")
        return os.fdopen(fd, "rb")

    def _lost(self, row: ItemRow, why: str) -> StageLost:
        self._journal.fetched.change(self._job, row.id, None)
        self.ended([row.id])
        return StageLost(why)

    def _delete(self, row: ItemRow, fetched: Fetched, target: LocalFolder, key: str) -> None:
        self._journal.fetched.change(self._job, row.id, fetched)
        archive = Entry(key=key, size=fetched.size, modified=fetched.modified)
        try:
            target.delete(archive)
        except SourceChanged as error:
            raise _Kept(f"extracted, but the archive is not deleted: {error.message}") from error
        for trouble in target.settle_deletions([key]).values():
            raise trouble


class _Kept(FileTrouble):
    final = True


def is_filled(folder: Path) -> bool:
    """Whether something is in a folder, which is no link."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return False
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _most(root: Path) -> int:
    """More than this the whole file system does not hold; where it does not say, there is no such limit."""
    try:
        return room_at(root).total or 1 << 62
    except OSError as error:
        raise map_os_error(error, str(root)) from error
