"""From partial files to final names: bytes durable, then renamed, then the folders durable."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from core.errors import FileTrouble
from core.stores.base import Receipt
from core.stores.local.folders import Folders
from core.stores.local.names import STAGING, refuse_name
from core.stores.local.os_errors import map_write_error
from core.stores.local.staging import Staging, staged_name
from core.syncing import CAN_SYNC_FILE_SYSTEMS, sync_file_system

_CHUNK = 1 << 20  # bytes copied at once between file systems


class Settling:
    """The last step of writing under a root, for a group of receipts at once."""

    def __init__(self, root: Path, folders: Folders, staging: Staging) -> None:
        self._root = root
        self._folders = folders
        self._staging = staging

    def settle(self, receipts: list[Receipt]) -> dict[str, Exception]:
        """See Target."""
        failed: dict[str, Exception] = {}
        if not receipts:
            return failed
        try:
            self._sync_group(receipts)
        except OSError as error:
            trouble = map_write_error(error, str(self._root), self._root)
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
                    failed[receipt.key] = map_write_error(error, receipt.key, self._root)
            for above in touched | self._folders.grown:
                try:
                    os.fsync(self._folders.get(above))
                    self._folders.grown.discard(above)
                except OSError as error:
                    trouble = map_write_error(error, above, self._root)
                    failed.update({r.key: trouble for r in receipts if _is_under(r.key, above)})
        return failed

    def _sync_group(self, receipts: list[Receipt]) -> None:
        staged = [staged_name(receipt.token) for receipt in receipts if receipt.token]
        if CAN_SYNC_FILE_SYSTEMS and len(staged) > 4:
            with self._folders.lock:
                folder = os.dup(self._folders.get(STAGING))
            try:
                sync_file_system(folder)
            finally:
                os.close(folder)
            return
        for name in staged:
            try:
                fd = self._staging.open(name, os.O_RDONLY)
            except FileNotFoundError:
                continue  # `_rename` finds out why
            try:
                os.fsync(fd)  # not fdatasync: the file's time belongs to it
            finally:
                os.close(fd)

    def _rename(self, receipt: Receipt, folder: int, name: str) -> None:
        staging = self._folders.get(STAGING)
        try:
            os.rename(staged_name(receipt.token), name, src_dir_fd=staging, dst_dir_fd=folder)
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
        staged = staged_name(receipt.token)
        passing = f".{staged}"
        # Not by `Staging.open`, which would take the lock that is held here.
        source = os.open(staged, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folders.get(STAGING))
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            target = os.open(passing, flags, mode=0o666, dir_fd=folder)
            with os.fdopen(source, "rb", closefd=False) as reader, os.fdopen(target, "wb") as writer:
                shutil.copyfileobj(reader, writer, _CHUNK)
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


def _is_under(key: str, folder: str) -> bool:
    return not folder or key.startswith(f"{folder}/")
