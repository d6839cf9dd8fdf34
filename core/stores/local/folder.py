"""One folder as a store: Source, Target, Deletes and WritesInPlace of core/stores/base.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from core.errors import DiskTrouble, TargetRefused
from core.model import Entry, Links
from core.stores.base import CancelFlag, Metadata, ObjectInfo, PartLimits, PartReceipt, Receipt, Removal
from core.stores.local import reading
from core.stores.local.deleting import delete, look_again, settle_deletions
from core.stores.local.folders import Folders, sync_folder
from core.stores.local.hollow import remove_hollow
from core.stores.local.listing import Lister
from core.stores.local.locking import DestinationLocks, Unlockable
from core.stores.local.names import LOCKS, STAGING, refuse_name
from core.stores.local.os_errors import map_os_error, map_write_error
from core.stores.local.reading import FileBody
from core.stores.local.settling import Settling
from core.stores.local.staging import LocalStage, Staging, remove


class TreePlace(NamedTuple):
    """Where a folder is filled before it gets its name, by descriptors of the folders that hold both."""

    above: int
    name: str
    passing_above: int
    passing: str


class LocalFolder:
    """Keys are paths relative to the folder. Called from many threads."""

    limits = PartLimits(max_part=1 << 62, max_parts=1 << 31, max_whole=1 << 62, max_size=1 << 62)

    def __init__(self, root: Path, writer: str = "", links: Links = "skip") -> None:
        """`writer` tells this writer's partial files from those of others in the same folder; `links` is what
        reading does with symbolic links."""
        self.root = root
        self._links = links
        self._lister = Lister(root, links)
        self._folders = Folders(root)
        self._staging = Staging(root, self._folders, writer)
        self._settling = Settling(root, self._folders, self._staging)
        self._locks = DestinationLocks(self._folders)
        self._lockable = True

    def ensure_root(self) -> None:
        """Make the folder and those above it. Raises TargetRefused or DiskTrouble."""
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in missing:
                sync_folder(folder.parent)
        except OSError as error:
            mapped = map_os_error(error, str(self.root))
            raise mapped if isinstance(mapped, DiskTrouble) else TargetRefused(mapped.message) from error

    def close(self) -> None:
        """Close descriptors and remove the folder for partial files when it is empty."""
        self._locks.close()
        self._staging.forget_folder()
        self._folders.close()
        try:
            os.rmdir(self.root / STAGING)
        except OSError:
            return  # in use, or never made

    # ------------------------------------------------------------ reading

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        return self._lister.pages(prefix, start_after=start_after, cancelled=cancelled)

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        return self._lister.level(prefix, cursor=cursor, limit=limit)

    def level_pages(self, prefix: str, *, start_after: str = "") -> Iterator[list[Entry]]:
        """The pages of `level` behind a key, for which the folder is read once. Raises NotFound."""
        return self._lister.level_pages(prefix, start_after=start_after)

    def take_unlistable(self) -> list[tuple[str, str]]:
        """What the listing met and could not offer: (key, why). Emptied by reading it."""
        return self._lister.take_unlistable()

    @property
    def listing_incomplete(self) -> bool:
        """Whether a folder could not be looked into: then what is missing here proves nothing."""
        return self._lister.incomplete

    def stat(self, key: str) -> ObjectInfo:
        return reading.stat(self.root, key, self._links)

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[FileBody]:
        return reading.read(self.root, entry, offset, length, cancelled=cancelled, links=self._links)

    # ------------------------------------------------------------ writing

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata, *, md5: str = "") -> Receipt:
        del md5  # a file system has nobody to check it
        return self._staging.put(key, data, metadata)

    def stage(self, key: str, size: int, metadata: Metadata) -> str:
        return self._staging.stage(key, size, metadata)

    def open_stage(self, key: str, token: str) -> LocalStage:
        return self._staging.open_stage(key, token)

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
        return self._staging.commit(key, token, size)

    def abort(self, key: str, token: str) -> None:
        self._staging.abort(key, token)

    def clear_staging(self, keep: set[str]) -> None:
        """Remove this writer's partial files whose token is not in `keep`, left by items that a kill
        interrupted, and those of others that are stale."""
        self._staging.clear(keep)
        self.sweep()

    def sweep(self) -> None:
        """Let `close` remove what a killed writer left of locks, unless somebody uses it."""
        if (self.root / STAGING / LOCKS).exists():
            self._locks.find()

    def lock(self, key: str) -> bool:
        """Whether the file `key` is this writer's to write until `unlock`: False while a writer elsewhere,
        of this engine or another one, has it. Freed by `close`, and when the process dies. Where the file
        system has no locks the answer is yes (see `locks_hold`). Raises DiskTrouble, TargetRefused."""
        if not self._lockable:
            return True
        try:
            return self._locks.take(key)
        except Unlockable:
            self._lockable = False
            return True
        except OSError as error:
            raise map_write_error(error, str(self.root), self.root) from error

    def unlock(self, key: str) -> None:
        self._locks.give_back(key)

    @property
    def locks_hold(self) -> bool:
        """False once it was found that this file system has no locks."""
        return self._lockable

    def settle(self, receipts: list[Receipt]) -> dict[str, Exception]:
        if receipts and (trouble := self._folders.moved_away()):
            return {receipt.key: trouble for receipt in receipts}
        return self._settling.settle(receipts)

    @contextmanager
    def tree(self, key: str) -> Iterator[TreePlace]:
        """For a folder `key` that is to appear whole: its descriptors, while the block lasts. What is left of
        the passing folder is gone afterwards. Raises TransferError."""
        try:
            refuse_name(key)
            passing, name = self._staging.tree(key)
        except OSError as error:
            raise map_write_error(error, key, self.root) from error
        try:
            with self._folders.lock:
                above = os.dup(self._folders.get(key.rpartition("/")[0]))
            try:
                yield TreePlace(above, key.rpartition("/")[2], passing, name)
            finally:
                os.close(above)
        finally:
            with suppress(OSError):
                remove(name, passing)
            os.close(passing)

    # ------------------------------------------------------------ deleting

    def look_again(self, entry: Entry) -> ObjectInfo | None:
        return look_again(self.root, entry)

    def remove(self, seen: ObjectInfo) -> Removal:
        delete(self.root, self._folders, seen.entry)
        return Removal()

    def make_way(self, key: str) -> None:
        """Remove a folder under this name that holds nothing but empty folders."""
        remove_hollow(self.root, self._folders, key)

    def delete(self, entry: Entry) -> None:
        delete(self.root, self._folders, entry)

    def settle_deletions(self, keys: list[str]) -> dict[str, Exception]:
        return settle_deletions(self.root, keys)
