"""One folder as a store: Source, Target, Deletes and WritesInPlace of core/stores/base.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from core.errors import DiskTrouble, TargetRefused
from core.model import Entry
from core.stores.base import CancelFlag, Metadata, ObjectInfo, PartLimits, PartReceipt, Receipt
from core.stores.local import reading
from core.stores.local.deleting import delete
from core.stores.local.folders import Folders
from core.stores.local.listing import Lister
from core.stores.local.names import STAGING
from core.stores.local.os_errors import map_os_error
from core.stores.local.reading import FileBody
from core.stores.local.settling import Settling
from core.stores.local.staging import LocalStage, Staging


class LocalFolder:
    """Keys are paths relative to the folder. Called from many threads."""

    limits = PartLimits(max_part=1 << 62, max_parts=1 << 31, max_whole=1 << 62, max_size=1 << 62)

    def __init__(self, root: Path, writer: str = "") -> None:
        """`writer` tells this writer's partial files from those of others in the same folder."""
        self.root = root
        self._lister = Lister(root)
        self._folders = Folders(root)
        self._staging = Staging(root, self._folders, writer)
        self._settling = Settling(root, self._folders, self._staging)

    def ensure_root(self) -> None:
        """Make the folder and those above it. Raises TargetRefused or DiskTrouble."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            mapped = map_os_error(error, str(self.root))
            raise mapped if isinstance(mapped, DiskTrouble) else TargetRefused(mapped.message) from error

    def close(self) -> None:
        """Close descriptors and remove the folder for partial files when it is empty."""
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

    def take_unlistable(self) -> list[tuple[str, str]]:
        """What the listing met and could not offer: (key, why). Emptied by reading it."""
        return self._lister.take_unlistable()

    @property
    def listing_incomplete(self) -> bool:
        """Whether a folder could not be looked into: then what is missing here proves nothing."""
        return self._lister.incomplete

    def stat(self, key: str) -> ObjectInfo:
        return reading.stat(self.root, key)

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[FileBody]:
        return reading.read(self.root, entry, offset, length, cancelled=cancelled)

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

    def settle(self, receipts: list[Receipt]) -> dict[str, Exception]:
        return self._settling.settle(receipts)

    # ------------------------------------------------------------ deleting

    def delete(self, entry: Entry) -> None:
        delete(self.root, self._folders, entry)
