"""One lock per destination file, between all processes that write under one root.

1. `<root>/.haulier/locks` is one file; the lock of a key is one byte of it, at a place that is a digest of
   the key. No file is made or removed per key, so 5 000 small files cost 5 000 pairs of fcntl(2) calls.
2. The locks belong to the open file description (F_OFD_SETLK, Linux 3.15; fcntl_locking(2)): two jobs of one
   process exclude each other as two processes do, and the kernel frees them when their owner dies, however.
3. Byte 2^62 is held shared by everybody who uses the file. Who can have it alone is the last one, and removes
   the file. After opening it is looked at again whether the name still means the same file.

What is never trusted to a lock: network and cluster file systems may keep locks to one machine, or have none
(then `Unlockable` is raised, and whoever asked goes on without). Partial files have a name of their own for
every writer and a final name is taken by one rename(2), so without a lock the worst is that the later of two
whole files stays.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
from contextlib import suppress
from hashlib import blake2b

from core.stores.local.folders import Folders
from core.stores.local.names import LOCKS, STAGING

_PRESENT = 1 << 62  # the byte that says "in use"
_SPACE = (1 << 62) - 1
_FLOCK = struct.Struct("hhqqixxxx")  # struct flock with 64 bit offsets, as fcntl(2) takes it on Linux
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY}


class Unlockable(Exception):
    """This file system, or this kernel, has no such locks."""


class DestinationLocks:
    """The locks of one writer under a root. Safe for several threads."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._fd = -1

    def take(self, key: str) -> bool:
        """Whether the file is ours to write now; False while another writer has it. Taking it again is no
        error. Raises Unlockable, and OSError when the file for the locks cannot be made."""
        fd = self._fd
        if fd < 0:
            with self._lock:
                fd = self._fd
                if fd < 0:
                    fd = self._fd = self._open(os.O_CREAT)
        return _set(fd, fcntl.F_WRLCK, _place(key))

    def give_back(self, key: str) -> None:
        if self._fd >= 0:
            with suppress(OSError, Unlockable):  # freed with the descriptor at the latest
                _set(self._fd, fcntl.F_UNLCK, _place(key))

    def find(self) -> None:
        """Take up a file of locks that is there, left perhaps by somebody who was killed: `close` then removes
        it, unless it is in use."""
        with self._lock, suppress(OSError, Unlockable):
            if self._fd < 0:
                self._fd = self._open(0)

    def close(self) -> None:
        """Give everything back; the last one removes the file. The folder's descriptors must still be open."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            with suppress(OSError, Unlockable):
                # Two that leave at once both have it shared, and neither gets it alone: so it is let go of
                # before the second try, which the later of them wins.
                alone = _set(fd, fcntl.F_WRLCK, _PRESENT) or (
                    _set(fd, fcntl.F_UNLCK, _PRESENT) and _set(fd, fcntl.F_WRLCK, _PRESENT)
                )
                if alone and os.fstat(fd).st_nlink:  # else the name belongs to another file by now
                    with self._folders.lock:
                        os.unlink(LOCKS, dir_fd=self._folders.get(STAGING))
        finally:
            os.close(fd)

    def _open(self, create: int) -> int:
        flags = os.O_RDWR | create | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            try:
                with self._folders.lock:
                    fd = os.open(LOCKS, flags, mode=0o666, dir_fd=self._folders.get(STAGING))
            except FileNotFoundError:  # the folder was removed, empty, under our descriptor
                if not create:
                    raise
                with self._folders.lock:
                    self._folders.forget(STAGING)
                continue
            try:
                # Not for ourselves alone, so it is refused only while the last user removes the file.
                if _set(fd, fcntl.F_RDLCK, _PRESENT) and os.fstat(fd).st_nlink:
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)


def _place(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % _SPACE


def _set(fd: int, kind: int, start: int) -> bool:
    """Whether it was given. Raises Unlockable, OSError."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, start, 1, 0))
    except AttributeError:  # not Linux
        raise Unlockable from None
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        if error.errno in _NO_LOCKS:
            raise Unlockable from error
        raise
    return True
