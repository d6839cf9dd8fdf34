"""Partial files: everything that is written before a file gets its final name (see settling.py for that).

A token of a staged item is "modification time:name of the partial file", that of a receipt "inode:name".
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from core.errors import FileTrouble, StageLost
from core.stores.base import Metadata, Receipt
from core.stores.local.allocating import allocate
from core.stores.local.folders import Folders
from core.stores.local.names import LOCKS, NOTES, STAGING, refuse_name
from core.stores.local.os_errors import map_os_error, map_write_error
from core.syncing import begin_writing

TREE = ".tree"  # ends the name of a folder that is being filled, as ".part" does of a file
STALE = 48 * 3600.0  # seconds without a change after which a partial file that no job knows is nobody's


def staged_name(token: str) -> str:
    """The name of the partial file in a token, of a staged item or of a receipt."""
    return token.partition(":")[2]


def remove(name: str, folder: int) -> None:
    """A partial file, or a folder with all that was put into it, in an open folder. Raises OSError."""
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def time_words(metadata: Metadata) -> str:
    """The modification time as a token carries it: "…ns" where it is known to the nanosecond, else seconds."""
    return f"{metadata.modified_ns}ns" if metadata.modified_ns else repr(metadata.modified)


def set_time(fd: int, words: str) -> None:
    """Give an open file this modification time; 0 leaves it alone. Raises OSError."""
    if words.endswith("ns"):
        nanoseconds = int(words.removesuffix("ns"))
        os.utime(fd, ns=(nanoseconds, nanoseconds))
    elif seconds := float(words):
        os.utime(fd, (seconds, seconds))


class LocalStage:
    """An open partial file."""

    def __init__(self, fd: int, key: str) -> None:
        self._fd, self._key = fd, key
        status = os.fstat(fd)
        self.allocated = status.st_blocks * 512 >= status.st_size  # st_blocks: units of 512 bytes (inode(7))

    def write(self, offset: int, data: memoryview | bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._fd, view, offset)
                view, offset = view[count:], offset + count
        except OSError as error:
            raise map_os_error(error, self._key) from error

    def read(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._fd, length, offset)
        except OSError as error:
            raise map_os_error(error, self._key) from error

    def begin_sync(self, offset: int, length: int) -> None:
        begin_writing(self._fd, offset, length)

    def sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise map_os_error(error, self._key) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Staging:
    """The partial files of one writer under a root. Methods named as in Target do what it says."""

    def __init__(self, root: Path, folders: Folders, writer: str) -> None:
        """`writer` tells this writer's partial files from those of others in the same folder."""
        self._root = root
        self._folders = folders
        self._mark = hashlib.sha256(writer.encode()).hexdigest()[:12]
        self._fd = -1  # also in _folders; kept here to be read without its lock

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata) -> Receipt:
        refuse_name(key)
        if key.endswith("/"):
            if len(data):
                raise FileTrouble(f"{key}: a folder cannot hold bytes")
            return Receipt(key=key, size=0)  # a folder marker: settling makes the folder
        name = self._name_for(key)
        try:
            fd = self.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
                if metadata.modified:
                    set_time(fd, time_words(metadata))
                inode = os.fstat(fd).st_ino
            finally:
                os.close(fd)
        except OSError as error:
            raise map_write_error(error, key, self._root) from error
        return Receipt(key=key, size=len(data), token=f"{inode}:{name}")

    def stage(self, key: str, size: int, metadata: Metadata) -> str:
        refuse_name(key)
        name = self._name_for(key)
        try:
            fd = self.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                allocate(fd, size)
            except OSError:
                os.ftruncate(fd, 0)  # what was taken of a disk that is too small is given back
                raise
            finally:
                os.close(fd)
        except OSError as error:
            raise map_write_error(error, key, self._root) from error
        return f"{time_words(metadata)}:{name}"

    def open_stage(self, key: str, token: str) -> LocalStage:
        try:
            return LocalStage(self.open(staged_name(token), os.O_RDWR), key)
        except FileNotFoundError as error:
            raise StageLost(f"{key}: the partial file is gone") from error
        except OSError as error:
            raise map_os_error(error, key) from error

    def commit(self, key: str, token: str, size: int) -> Receipt:
        modified, _, name = token.partition(":")
        try:
            fd = self.open(name, os.O_RDWR)
        except FileNotFoundError as error:
            raise StageLost(f"{key}: the partial file is gone") from error
        except OSError as error:
            raise map_write_error(error, key, self._root) from error
        try:
            if os.fstat(fd).st_size != size:
                raise StageLost(f"{key}: the partial file has another size")
            set_time(fd, modified)
            os.fsync(fd)
            inode = os.fstat(fd).st_ino
        except OSError as error:
            raise map_write_error(error, key, self._root) from error
        finally:
            os.close(fd)
        return Receipt(key=key, size=size, token=f"{inode}:{name}")

    def abort(self, key: str, token: str) -> None:
        name = staged_name(token) or self._name_for(key)
        for one in (name, name + NOTES):
            try:
                os.unlink(self._root / STAGING / one)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise map_os_error(error, key) from error

    def clear(self, keep: set[str]) -> None:
        """Remove this writer's partial files whose token is not in `keep`, left by items that a kill
        interrupted, and those of others that are stale."""
        kept = {staged_name(token) for token in keep}
        with suppress(OSError), os.scandir(self._root / STAGING) as entries:
            for entry in entries:
                if entry.name.removesuffix(NOTES) in kept or entry.name == LOCKS:
                    continue
                with suppress(OSError):
                    # The change time: the modification time is the source's.
                    unchanged = time.time() - entry.stat(follow_symlinks=False).st_ctime
                    if entry.name.startswith(f"{self._mark}-") or unchanged > STALE:
                        remove(entry.name, self._folder())

    def open(self, name: str, flags: int) -> int:
        """A descriptor of the partial file `name`, to be closed by the caller. Raises OSError."""
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW
        for _ in range(3):
            try:
                # Opened outside the lock: one slow disk must not make every worker wait for the others.
                return os.open(name, flags, mode=0o666, dir_fd=self._folder())
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
                with self._folders.lock:  # another job of ours removed the folder, empty
                    self._fd = -1
                    self._folders.forget(STAGING)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def tree(self, key: str) -> tuple[int, str]:
        """A descriptor, to be closed by the caller, of the folder in which an empty folder was just made that
        will become `key`, and its name there. What an earlier try left of it is gone. Raises OSError."""
        name = self._name_for(key).removesuffix(".part") + TREE
        for again in range(3):
            with self._folders.lock:
                if again:  # another job of ours removed the folder, empty
                    self._fd = -1
                    self._folders.forget(STAGING)
                staging = os.dup(self._folders.get(STAGING))
                above = os.dup(self._folders.get(key.rpartition("/")[0]))
            if os.fstat(staging).st_dev == os.fstat(above).st_dev:
                os.close(above)
                there = staging
            else:  # a mount inside the root
                os.close(staging)
                there, name = above, f".{name.removeprefix('.')}"
            try:
                with suppress(FileNotFoundError):
                    remove(name, there)
                os.mkdir(name, dir_fd=there)
            except FileNotFoundError:
                os.close(there)
                continue
            except BaseException:
                os.close(there)
                raise
            return there, name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def forget_folder(self) -> None:
        """The descriptors are about to be closed."""
        self._fd = -1

    def _folder(self) -> int:
        fd = self._fd
        if fd < 0:
            with self._folders.lock:
                fd = self._fd = self._folders.get(STAGING)
        return fd

    def _name_for(self, key: str) -> str:
        return f"{self._mark}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.part"
