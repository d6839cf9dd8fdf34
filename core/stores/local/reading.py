"""Looking at and reading one file, noticing when it changes meanwhile."""

from __future__ import annotations

import os
import stat as stat_modes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import FileTrouble, NotFound, SourceChanged
from core.model import Entry, Links
from core.stores.base import CancelFlag, Cancelled, Metadata, ObjectInfo
from core.stores.local.listing import is_below
from core.stores.local.os_errors import map_read_error

CHUNK = 1 << 20


class FileBody:
    """A range of a file; notices a file that changed, shrank or grew while it was read."""

    def __init__(self, fd: int, info: ObjectInfo, offset: int, length: int, cancelled: CancelFlag) -> None:
        self._fd, self._info, self._offset, self._length = fd, info, offset, length
        self._cancelled = cancelled

    @property
    def info(self) -> ObjectInfo:
        return self._info

    @property
    def modified_ns(self) -> int:
        return self._info.metadata.modified_ns

    def __iter__(self) -> Iterator[memoryview]:
        position, left = self._offset, self._length
        buffer = memoryview(bytearray(min(CHUNK, max(left, 1))))
        while left:
            if self._cancelled.is_set():
                raise Cancelled
            try:
                count = os.preadv(self._fd, [buffer[: min(left, CHUNK)]], position)
            except OSError as error:
                raise map_read_error(error, self._info.entry.key) from error
            if count == 0:
                raise SourceChanged(f"{self._info.entry.key}: became shorter while it was read")
            yield buffer[:count]
            position += count
            left -= count
        if _identity(os.fstat(self._fd)) != self._info.identity:
            raise SourceChanged(f"{self._info.entry.key}: changed while it was read")


def stat(root: Path, key: str, links: Links = "skip") -> ObjectInfo:
    """See Source. Raises FileTrouble for what is no regular file, NotFound also for a folder."""
    try:
        status = os.stat(root / key, follow_symlinks=links != "skip")
    except OSError as error:
        raise map_read_error(error, key) from error
    if stat_modes.S_ISDIR(status.st_mode):
        raise NotFound(f"{key}: is a folder")
    if stat_modes.S_ISLNK(status.st_mode):
        raise FileTrouble(f"{key}: a symbolic link, not copied")
    if not stat_modes.S_ISREG(status.st_mode):
        raise FileTrouble(f"{key}: not a regular file, not copied")
    return _info(key, status)


@contextmanager
def read(
    root: Path, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag, links: Links = "skip"
) -> Iterator[FileBody]:
    """See Source. Raises SourceChanged when the file no longer has the size and time of `entry`."""
    follow = 0 if links != "skip" else os.O_NOFOLLOW
    try:
        # As text: what a Path costs is much for a small file.
        fd = os.open(f"{root}/{entry.key}", os.O_RDONLY | os.O_CLOEXEC | follow | os.O_NONBLOCK)
    except OSError as error:
        raise map_read_error(error, entry.key) from error
    try:
        status = os.fstat(fd)
        if links == "follow" and not is_below(os.readlink(f"/proc/self/fd/{fd}"), os.path.realpath(root)):
            raise FileTrouble(f"{entry.key}: a symbolic link that leads out of the folder, not copied")
        if status.st_size != entry.size or status.st_mtime != entry.modified:
            raise SourceChanged(f"{entry.key}: changed since it was listed")
        yield FileBody(fd, _info(entry.key, status), offset, length, cancelled)
    finally:
        os.close(fd)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        entry=Entry(key=key, size=status.st_size, modified=status.st_mtime),
        metadata=Metadata(modified=status.st_mtime, modified_ns=status.st_mtime_ns),
        identity=_identity(status),
    )


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"
