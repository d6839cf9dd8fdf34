"""This machine's files as a store: one folder, never left, final names only for whole files.

- Partial data lives in `<root>/.haulier/`, under names made of digests of the writer and the key: the same
  item always finds (and overwrites) its own partial file, and two jobs that write one name never share one.
- A file gets its final name by rename, after its bytes are durable: `syncfs` once for a group where the
  kernel reports write errors through it (Linux 5.8+), else `fdatasync` per file; then the folders are synced.
- Folders are opened component by component with O_NOFOLLOW from the root's descriptor: a symbolic link
  inside the root never leads a write outside. (CVE-2007-4559 is the classic of this kind.)
- Symbolic links, FIFOs, sockets and devices are not read: they are reported, never followed.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import platform
import shutil
import stat as stat_modes
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import (
    DiskTrouble,
    FileTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    StageLost,
    TargetRefused,
    TransferError,
)
from core.model import Entry
from core.stores.base import (
    CancelFlag,
    Cancelled,
    Metadata,
    ObjectInfo,
    PartLimits,
    PartReceipt,
    Receipt,
)

STAGING = ".haulier"
STALE = 48 * 3600.0  # seconds without a change after which a partial file that no job knows is nobody's
CHUNK = 1 << 20
PAGE = 1000
_DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
_OPEN_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


def map_os_error(error: OSError, what: str) -> TransferError:
    """The store's one place where errno becomes an error class. `what` names the file."""
    text = f"{what}: {os.strerror(error.errno) if error.errno else error}"
    if error.errno in _DISK_ERRNOS:
        return DiskTrouble(text)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(text)
    if error.errno in (errno.EACCES, errno.EPERM):
        return NoPermission(text)
    if error.errno == errno.ELOOP:
        return FileTrouble(f"{what}: a symbolic link, not followed")
    return FileTrouble(text)


def name_problem(key: str) -> str:
    """Why a key cannot be a path under a folder here; empty when it can.

    NAME_MAX is 255 bytes on the file systems of Linux; PATH_MAX 4 096 (limits.h).
    """
    name = key[:-1] if key.endswith("/") else key
    if not name:
        return "has no name"
    if len(name.encode()) > 3800:
        return "path too long"
    for part in name.split("/"):
        if part == "":
            return "has an empty path segment"
        if part in (".", ".."):
            return f'has a "{part}" segment'
        if "\0" in part:
            return "has a NUL character"
        if len(part.encode()) > 255:
            return "name longer than 255 bytes"
    if name.split("/", 1)[0] == STAGING:
        return "is the name of the folder for partial files"
    return ""


def refuse_name(key: str) -> None:
    """Raises FileTrouble for a key that is no path under a folder; nothing is ever written outside the root."""
    if problem := name_problem(key):
        raise FileTrouble(f"{key}: {problem}")


def _kernel_reports_syncfs_errors() -> bool:
    release = platform.release().split(".")
    try:
        return platform.system() == "Linux" and (int(release[0]), int(release[1].split("-")[0])) >= (5, 8)
    except (ValueError, IndexError):
        return False


class _Folders:
    """Descriptors of folders under a root, opened without following links, the latest used kept open."""

    def __init__(self, root: Path, keep: int = 128) -> None:
        self._root = root
        self._keep = keep
        self._open: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, relative: str) -> int:
        """A descriptor of root/relative, created when missing. The caller holds `lock` while using it."""
        found = self._open.get(relative)
        if found is not None:
            self._open.move_to_end(relative)
            return found
        if relative == "":
            fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        else:
            above, _, name = relative.rpartition("/")
            parent = self.get(above)
            try:
                fd = os.open(name, _OPEN_DIR, dir_fd=parent)
            except FileNotFoundError:
                with suppress(FileExistsError):  # another worker was first
                    os.mkdir(name, dir_fd=parent)
                fd = os.open(name, _OPEN_DIR, dir_fd=parent)
        self._open[relative] = fd
        if len(self._open) > self._keep:
            for oldest in self._open:
                if oldest not in ("", STAGING) and not relative.startswith(oldest):
                    os.close(self._open.pop(oldest))
                    break
        return fd

    @property
    def lock(self) -> threading.Lock:
        return self._lock

    def forget(self, relative: str) -> None:
        fd = self._open.pop(relative, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        with self._lock:
            for fd in self._open.values():
                os.close(fd)
            self._open.clear()


class _FileBody:
    """A range of a file; notices a file that changed, shrank or grew while it was read."""

    def __init__(self, fd: int, info: ObjectInfo, offset: int, length: int, cancelled: CancelFlag) -> None:
        self._fd, self._info, self._offset, self._length = fd, info, offset, length
        self._cancelled = cancelled

    @property
    def info(self) -> ObjectInfo:
        return self._info

    def __iter__(self) -> Iterator[memoryview]:
        position, left = self._offset, self._length
        buffer = memoryview(bytearray(min(CHUNK, max(left, 1))))
        while left:
            if self._cancelled.is_set():
                raise Cancelled
            try:
                count = os.preadv(self._fd, [buffer[: min(left, CHUNK)]], position)
            except OSError as error:
                raise map_os_error(error, self._info.entry.key) from error
            if count == 0:
                raise SourceChanged(f"{self._info.entry.key}: became shorter while it was read")
            yield buffer[:count]
            position += count
            left -= count
        if _identity(os.fstat(self._fd)) != self._info.identity:
            raise SourceChanged(f"{self._info.entry.key}: changed while it was read")


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"


def _staged_of(receipt: Receipt) -> str:
    """The name of the partial file in a receipt's token, which is "inode:name"."""
    return receipt.token.partition(":")[2]


class LocalStage:
    """An open partial file."""

    def __init__(self, fd: int, key: str) -> None:
        self._fd, self._key = fd, key

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

    def sync(self) -> None:
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise map_os_error(error, self._key) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class LocalFolder:
    """Source, Target, Deletes and WritesInPlace over one folder. Keys are paths relative to it."""

    limits = PartLimits(max_part=1 << 62, max_parts=1 << 31, max_whole=1 << 62, max_size=1 << 62)

    def __init__(self, root: Path, writer: str = "") -> None:
        """`writer` tells this writer's partial files from those of others in the same folder."""
        self.root = root
        self._mark = hashlib.sha256(writer.encode()).hexdigest()[:12]
        self._folders = _Folders(root)
        self._unlistable: list[tuple[str, str]] = []
        self._incomplete = False
        self._staging_fd = -1  # also in _folders; kept here to be read without its lock
        self._libc = ctypes.CDLL(None, use_errno=True) if _kernel_reports_syncfs_errors() else None

    def ensure_root(self) -> None:
        """Make the folder and those above it. Raises TargetRefused or DiskTrouble."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            mapped = map_os_error(error, str(self.root))
            raise mapped if isinstance(mapped, DiskTrouble) else TargetRefused(mapped.message) from error

    def close(self) -> None:
        """Close descriptors and remove the folder for partial files when it is empty."""
        self._staging_fd = -1
        self._folders.close()
        try:
            os.rmdir(self.root / STAGING)
        except OSError:
            return  # in use, or never made

    # ------------------------------------------------------------ reading

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        page: list[Entry] = []
        for entry in self._walk(prefix, cancelled):
            if start_after and entry.key <= start_after:
                continue
            page.append(entry)
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    def take_unlistable(self) -> list[tuple[str, str]]:
        """What the listing met and could not offer: (key, why). Emptied by reading it."""
        taken, self._unlistable = self._unlistable, []
        return taken

    @property
    def listing_incomplete(self) -> bool:
        """Whether a folder could not be looked into: then what is missing here proves nothing."""
        return self._incomplete

    def _walk(self, prefix: str, cancelled: CancelFlag) -> Iterator[Entry]:
        """Files under `prefix` in byte order of their paths: a folder sorts as its name and a slash."""
        start = prefix.rpartition("/")[0]
        stack: list[Iterator[tuple[str, str, os.DirEntry[str] | None]]] = [self._children(start, prefix)]
        while stack:
            if cancelled.is_set():
                raise Cancelled
            nearest = next(stack[-1], None)
            if nearest is None:
                stack.pop()
                continue
            key, _, entry = nearest
            if entry is None:
                stack.append(self._children(key[:-1], prefix))
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # vanished between listing and looking: as if never there
            except OSError as error:
                self._unlistable.append((key, str(map_os_error(error, "cannot be read"))))
                continue
            yield Entry(key=key, size=status.st_size, modified=status.st_mtime)

    def _children(self, folder: str, prefix: str) -> Iterator[tuple[str, str, os.DirEntry[str] | None]]:
        where = self.root / folder if folder else self.root
        base = f"{folder}/" if folder else ""
        found: list[tuple[str, str, os.DirEntry[str] | None]] = []
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    key = base + entry.name
                    try:
                        key.encode()
                    except UnicodeEncodeError:
                        self._unlistable.append((ascii(key), "name is not UTF-8"))
                        continue
                    if key == STAGING:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        key += "/"
                        if key.startswith(prefix) or prefix.startswith(key):
                            found.append((key, key, None))
                    elif not key.startswith(prefix):
                        continue
                    elif entry.is_file(follow_symlinks=False):
                        found.append((key, key, entry))
                    else:
                        kind = "symbolic link" if entry.is_symlink() else "not a regular file"
                        self._unlistable.append((key, f"{kind}, not copied"))
        except FileNotFoundError as error:
            if not folder:
                raise NotFound(f"{where}: no such folder") from error
            return iter(())
        except OSError as error:
            if not folder:
                raise map_os_error(error, str(where)) from error
            self._incomplete = True
            self._unlistable.append((base, "folder cannot be read"))
            return iter(())
        found.sort(key=lambda item: item[1])
        return iter(found)

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        folder = prefix.rpartition("/")[0]
        entries: list[Entry] = []
        for key, _, child in self._children(folder, prefix):
            if key <= cursor:
                continue
            if len(entries) == limit:
                return entries, entries[-1].key
            if child is None:
                entries.append(Entry(key=key, is_folder=True))
            else:
                try:
                    status = child.stat(follow_symlinks=False)
                except OSError:
                    continue  # vanished while looking
                entries.append(Entry(key=key, size=status.st_size, modified=status.st_mtime))
        return entries, ""

    def stat(self, key: str) -> ObjectInfo:
        try:
            status = os.stat(self.root / key, follow_symlinks=False)
        except OSError as error:
            raise map_os_error(error, key) from error
        if stat_modes.S_ISDIR(status.st_mode):
            raise NotFound(f"{key}: is a folder")
        if not stat_modes.S_ISREG(status.st_mode):
            raise FileTrouble(f"{key}: not a regular file, not copied")
        return self._info(key, status)

    def _info(self, key: str, status: os.stat_result) -> ObjectInfo:
        return ObjectInfo(
            entry=Entry(key=key, size=status.st_size, modified=status.st_mtime),
            metadata=Metadata(modified=status.st_mtime),
            identity=_identity(status),
        )

    @contextmanager
    def read(self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag) -> Iterator[_FileBody]:
        try:
            fd = os.open(self.root / entry.key, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise map_os_error(error, entry.key) from error
        try:
            status = os.fstat(fd)
            if status.st_size != entry.size or status.st_mtime != entry.modified:
                raise SourceChanged(f"{entry.key}: changed since it was listed")
            yield _FileBody(fd, self._info(entry.key, status), offset, length, cancelled)
        finally:
            os.close(fd)

    # ------------------------------------------------------------ writing

    def _staged_name(self, key: str) -> str:
        return f"{self._mark}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.part"

    def _open_staged(self, name: str, flags: int) -> int:
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW
        for _ in range(3):
            try:
                # Opened outside the lock: one slow disk must not make every worker wait for the others.
                return os.open(name, flags, mode=0o666, dir_fd=self._staging())
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
                with self._folders.lock:  # another job of ours removed the folder, empty
                    self._staging_fd = -1
                    self._folders.forget(STAGING)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _staging(self) -> int:
        fd = self._staging_fd
        if fd < 0:
            with self._folders.lock:
                fd = self._staging_fd = self._folders.get(STAGING)
        return fd

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata, *, md5: str = "") -> Receipt:
        del md5  # a file system has nobody to check it
        refuse_name(key)
        if key.endswith("/"):
            if len(data):
                raise FileTrouble(f"{key}: a folder cannot hold bytes")
            return Receipt(key=key, size=0)  # a folder marker: `settle` makes the folder
        name = self._staged_name(key)
        try:
            fd = self._open_staged(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
                if metadata.modified:
                    os.utime(fd, (metadata.modified, metadata.modified))
                inode = os.fstat(fd).st_ino
            finally:
                os.close(fd)
        except OSError as error:
            raise self._target_error(error, key) from error
        return Receipt(key=key, size=len(data), token=f"{inode}:{name}")

    def stage(self, key: str, size: int, metadata: Metadata) -> str:
        refuse_name(key)
        name = self._staged_name(key)
        try:
            fd = self._open_staged(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                os.ftruncate(fd, size)
            finally:
                os.close(fd)
        except OSError as error:
            raise self._target_error(error, key) from error
        return f"{metadata.modified!r}:{name}"

    def open_stage(self, key: str, token: str) -> LocalStage:
        try:
            return LocalStage(self._open_staged(token.partition(":")[2], os.O_RDWR), key)
        except FileNotFoundError as error:
            raise StageLost(f"{key}: the partial file is gone") from error
        except OSError as error:
            raise map_os_error(error, key) from error

    def put_part(
        self, key: str, token: str, number: int, offset: int, data: memoryview | bytes, *, md5: str = ""
    ) -> PartReceipt:
        stage = self.open_stage(key, token)
        try:
            stage.write(offset, data)
        finally:
            stage.close()
        return PartReceipt(number=number, offset=offset, size=len(data), md5=md5)

    def staged_parts(self, key: str, token: str) -> list[PartReceipt]:
        """A partial file cannot tell which of its bytes were written: only that it is there."""
        self.open_stage(key, token).close()
        return []

    def commit(self, key: str, token: str, parts: list[PartReceipt], size: int) -> Receipt:
        del parts
        modified, _, name = token.partition(":")
        try:
            fd = self._open_staged(name, os.O_RDWR)
        except FileNotFoundError as error:
            raise StageLost(f"{key}: the partial file is gone") from error
        except OSError as error:
            raise map_os_error(error, key) from error
        try:
            if os.fstat(fd).st_size != size:
                raise StageLost(f"{key}: the partial file has another size")
            if float(modified):
                os.utime(fd, (float(modified), float(modified)))
            os.fsync(fd)
            inode = os.fstat(fd).st_ino
        except OSError as error:
            raise map_os_error(error, key) from error
        finally:
            os.close(fd)
        return Receipt(key=key, size=size, token=f"{inode}:{name}")

    def abort(self, key: str, token: str) -> None:
        name = token.partition(":")[2] or self._staged_name(key)
        try:
            os.unlink(self.root / STAGING / name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise map_os_error(error, key) from error

    def clear_staging(self, keep: set[str]) -> None:
        """Remove this writer's partial files whose token is not in `keep`, left by items that a kill
        interrupted, and those of others that are stale."""
        kept = {token.partition(":")[2] for token in keep}
        with suppress(OSError), os.scandir(self.root / STAGING) as entries:
            for entry in entries:
                if entry.name in kept:
                    continue
                with suppress(OSError):
                    # The change time: the modification time is the source's.
                    unchanged = time.time() - entry.stat(follow_symlinks=False).st_ctime
                    if entry.name.startswith(f"{self._mark}-") or unchanged > STALE:
                        os.unlink(entry.path)

    def settle(self, receipts: list[Receipt]) -> dict[str, Exception]:
        failed: dict[str, Exception] = {}
        if not receipts:
            return failed
        try:
            self._sync_group(receipts)
        except OSError as error:
            trouble = self._target_error(error, str(self.root))
            return {receipt.key: trouble for receipt in receipts}
        touched: set[str] = set()
        with self._folders.lock:
            for receipt in receipts:
                above, _, name = receipt.key.rpartition("/")
                try:
                    refuse_name(receipt.key)
                    folder = self._folders.get(above)
                    if name:
                        self._rename(receipt, folder, name)
                    touched.add(above)
                except FileTrouble as error:
                    failed[receipt.key] = error
                except OSError as error:
                    if isinstance(error, FileNotFoundError):
                        self._folders.forget(above)  # perhaps the folder was removed under our descriptor
                    failed[receipt.key] = self._target_error(error, receipt.key)
            for above in touched:
                try:
                    os.fsync(self._folders.get(above))
                except OSError as error:
                    trouble = self._target_error(error, above)
                    failed.update({r.key: trouble for r in receipts if r.key.rpartition("/")[0] == above})
        return failed

    def _sync_group(self, receipts: list[Receipt]) -> None:
        staged = [_staged_of(receipt) for receipt in receipts if receipt.token]
        if self._libc is not None and len(staged) > 4:
            with self._folders.lock:
                folder = os.dup(self._folders.get(STAGING))
            try:
                if self._libc.syncfs(folder) != 0:
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code))
            finally:
                os.close(folder)
            return
        for name in staged:
            try:
                fd = self._open_staged(name, os.O_RDONLY)
            except FileNotFoundError:
                continue  # `_rename` finds out why
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def _rename(self, receipt: Receipt, folder: int, name: str) -> None:
        staging = self._folders.get(STAGING)
        try:
            os.rename(_staged_of(receipt), name, src_dir_fd=staging, dst_dir_fd=folder)
        except FileNotFoundError:
            # Renamed before, and the record of it lost: right when the final name is this very file.
            there = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if (there.st_ino, there.st_size) != (int(receipt.token.partition(":")[0]), receipt.size):
                raise
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._rename_across(receipt, folder, name)

    def _rename_across(self, receipt: Receipt, folder: int, name: str) -> None:
        """A mount inside the root: the bytes move into the final folder first, then take the name."""
        staged = _staged_of(receipt)
        passing = f".{staged}"
        source = self._open_staged_unlocked(staged)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            target = os.open(passing, flags, mode=0o666, dir_fd=folder)
            with os.fdopen(source, "rb", closefd=False) as reader, os.fdopen(target, "wb") as writer:
                shutil.copyfileobj(reader, writer, CHUNK)
                writer.flush()
                status = os.fstat(source)
                os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
                os.fsync(target)
            os.rename(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with suppress(OSError):
                os.unlink(passing, dir_fd=folder)
            raise
        finally:
            os.close(source)
        os.unlink(staged, dir_fd=self._folders.get(STAGING))

    def _open_staged_unlocked(self, name: str) -> int:
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folders.get(STAGING))

    def _target_error(self, error: OSError, key: str) -> TransferError:
        mapped = map_os_error(error, key)
        if isinstance(mapped, NoPermission) and not os.access(self.root, os.W_OK | os.X_OK):
            return TargetRefused(f"{self.root}: no permission to write here")
        if isinstance(mapped, NotFound) and not self.root.is_dir():
            return TargetRefused(f"{self.root}: the folder is gone")
        return mapped

    # ------------------------------------------------------------ deleting

    def delete(self, entry: Entry) -> None:
        refuse_name(entry.key)
        path = self.root / entry.key
        above, _, name = entry.key.rpartition("/")
        with self._folders.lock:
            try:
                folder = self._existing_folder(above)
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not stat_modes.S_ISREG(status.st_mode):
                    raise SourceChanged(f"{path}: is no longer a regular file")
                if status.st_size != entry.size or status.st_mtime != entry.modified:
                    raise SourceChanged(f"{path}: changed since the plan was made, not deleted")
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                return
            except OSError as error:
                raise map_os_error(error, str(path)) from error
            self._remove_emptied(above)

    def _existing_folder(self, relative: str) -> int:
        if relative and not (self.root / relative).is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._folders.get(relative)

    def _remove_emptied(self, relative: str) -> None:
        """Folders that a deletion left empty go too, up to the root, which stays."""
        while relative:
            above, _, name = relative.rpartition("/")
            self._folders.forget(relative)
            try:
                os.rmdir(name, dir_fd=self._folders.get(above))
            except OSError:
                return  # not empty
            relative = above
