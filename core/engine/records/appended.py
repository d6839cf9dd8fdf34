"""A CSV file that grows by whole rows, also when several jobs, engines or users append to it at once.

1. Whoever writes holds an exclusive `flock` on the folder; whoever has the file open for its job's life holds a
   shared one on the file. So a new job can tell a log that is in use (and joins it) from one that is left over
   (and keeps it as a backup).
2. Rows go out in one `write` with O_APPEND, and are made durable before anybody calls them written.
3. A tail that is no whole row was left by a writer that was killed: it is cut off, and that writer's own next
   run finds from its journal what is missing.
4. When the disk is full, the file is cut back to where it was.

Where the file system knows no locks (some network ones), rows are still appended in one write, and nothing is
cut off.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from core.engine.records.backup import kept_as

PATIENCE = 5.0  # seconds
_BLOCK = 1 << 20
_NO_LOCKS = {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class InUse(OSError):
    """Something else is under this name, and another program has it open."""


class AppendedCsv:
    """`header` is the first row, with its end. `is_row` tells a last row whose end is missing from a torn one.

    Methods raise OSError. Not for several threads.
    """

    def __init__(self, path: Path, header: bytes, is_row: Callable[[bytes], bool]) -> None:
        self._path, self._header, self._is_row = path, header, is_row
        self._fd = -1
        self._whole = 0  # up to here the file is known to consist of whole rows

    def open(self, *, anew: bool) -> str:
        """Open or make the file. With `anew`, one that nobody uses is kept as a backup first; so is one of
        another shape. Returns the backup's name, empty when there is none."""
        with self._alone():
            return self._open(anew)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self, rows: Sequence[bytes], intend: Callable[[int], None]) -> None:
        """Write the rows, all or none. `intend` is told before where they will stand."""
        with self._alone() as locked:
            if not self._is_still_there():
                self.close()
                self._open(anew=False)
            end = self._mended(locked)
            head = b"" if end else self._header
            intend(end + len(head))
            try:
                _write_all(self._fd, head + b"".join(rows))
                os.fsync(self._fd)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._fd, end)
                raise
            self._whole = os.fstat(self._fd).st_size if locked else end

    def standing(self, rows: Sequence[bytes], offset: int) -> int:
        """How many of these rows stand, one after the other, at this place."""
        wanted = b"".join(rows)
        with self._alone():
            there = os.pread(self._fd, len(wanted), offset)
        count = position = 0
        for row in rows:
            if there[position : position + len(row)] != row:
                break
            count, position = count + 1, position + len(row)
        return count

    # ------------------------------------------------------------ under the lock

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """The only writer in this folder; False where the file system has no locks."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield _locked(folder)
        finally:
            os.close(folder)

    def _open(self, anew: bool) -> str:
        backup = ""
        fd = self._opened()
        try:
            foreign = os.fstat(fd).st_size > 0 and not self._has_header(fd)
            if foreign or (anew and os.fstat(fd).st_size > 0):
                if self._is_unused(fd):
                    backup = str(kept_as(self._path))
                    os.close(fd)
                    with suppress(FileNotFoundError):
                        self._path.unlink()
                    fd = self._opened()
                elif foreign:
                    raise InUse(errno.EBUSY, "another program has it open, and it is no log of this kind")
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._whole = fd, 0
        return backup

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)

    def _has_header(self, fd: int) -> bool:
        """A log that an editor has written with CRLF or a byte order mark is one all the same."""
        start = os.pread(fd, len(self._header) + 8, 0).removeprefix(b"\xef\xbb\xbf")
        return start.split(b"\n", 1)[0].rstrip(b"\r") == self._header.rstrip(b"\n")

    @staticmethod
    def _is_unused(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # no locks here: nobody could say so
        return True

    def _is_still_there(self) -> bool:
        if self._fd < 0:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except FileNotFoundError:
            return False  # moved away, perhaps by a log rotation

    def _mended(self, locked: bool) -> int:
        """Where the next row begins, once the file consists of whole rows."""
        size = os.fstat(self._fd).st_size
        if size < self._whole:
            self._whole = 0  # somebody emptied it
        end = self._last_boundary(self._whole, size)
        if end == size:
            return size
        if locked and not self._is_row(os.pread(self._fd, size - end, end)):
            os.ftruncate(self._fd, end)
            return end
        _write_all(self._fd, b"\n")
        return size + 1

    def _last_boundary(self, start: int, size: int) -> int:
        """The end of the last row between `start`, itself a boundary, and `size`.

        A line break ends a row when the number of quotes before it is even (RFC 4180, section 2).
        """
        blocks: list[tuple[int, int]] = []  # offset, quotes before it (only whether they are odd)
        odd = 0
        for offset in range(start, size, _BLOCK):
            blocks.append((offset, odd))
            odd ^= os.pread(self._fd, min(_BLOCK, size - offset), offset).count(b'"') & 1
        for offset, before in reversed(blocks):
            block = os.pread(self._fd, min(_BLOCK, size - offset), offset)
            at = block.rfind(b"\n")
            while at >= 0:
                if (before + block.count(b'"', 0, at)) % 2 == 0:
                    return offset + at + 1
                at = block.rfind(b"\n", 0, at)
        return start


def _locked(folder: int) -> bool:
    """Wait for the lock, but not for ever: it is held for moments only. False where there are none."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(errno.EBUSY, "its folder is locked by another program") from None
            time.sleep(0.005)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return False
        else:
            return True


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
