"""What a disk's manifests say it holds, as a source: names, sizes and digests, and no content.

For verifying the disk against what was written to it, without any other record: the ETag of every entry is
"sha256:…". Where two manifests name a file, the one that was made last counts.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NoReturn

from core.errors import Code, FileTrouble, HaulierError, NotFound
from core.model import Entry
from core.stores.base import Body, CancelFlag, Cancelled, Metadata, ObjectInfo
from core.stores.disk.manifest import Line, Manifest
from core.stores.local.names import MANIFEST

PAGE = 1000
_SUFFIX = ".jsonl"


def manifests_in(root: Path) -> list[Path]:
    """Those of a disk whose folder is `root`. Raises NotFound without that folder."""
    try:
        found = [
            path for path in root.iterdir() if path.name.startswith(MANIFEST) and path.name.endswith(_SUFFIX)
        ]
    except FileNotFoundError:
        raise NotFound(f"{root}: no such folder") from None
    except OSError as error:
        raise FileTrouble(f"{root}: {error.strerror}") from error
    return sorted(found)


class DiskSource:
    """Implements `Source` and `NeverChanges` of core/stores/base.py. Manifests are opened, and checked as a
    whole, when they are needed first."""

    in_order = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._open: list[Manifest] | None = None

    def close(self) -> None:
        with self._lock:
            for manifest in self._open or ():
                manifest.close()
            self._open = None

    def manifests(self) -> list[Manifest]:
        """The newest first. Raises HaulierError (not_found) without any, IntegrityTrouble for a damaged one."""
        with self._lock:
            if self._open is None:
                found: list[Manifest] = []
                try:
                    for path in manifests_in(self.root):
                        found.append(Manifest(path))
                        found[-1].check()
                except BaseException:
                    for manifest in found:
                        manifest.close()
                    raise
                if not found:
                    raise HaulierError(
                        Code.NOT_FOUND,
                        f"{self.root} carries no manifest of this program",
                        "name the folder that a batch was moved to; it holds a file .haulier-disk.json",
                    )
                found.sort(key=lambda one: -one.header.made)
                self._open = found
            return self._open

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        page: list[Entry] = []
        for line in self._merged(max(start_after, prefix[:-1])):
            if cancelled.is_set():
                raise Cancelled
            if not line.name.startswith(prefix):
                if line.name > prefix:
                    break
                continue
            page.append(_entry(line))
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        found: list[Entry] = []
        after = cursor or prefix[:-1]
        for line in self._merged(after):
            if not line.name.startswith(prefix) or (cursor.endswith("/") and line.name.startswith(cursor)):
                if line.name > prefix and not line.name.startswith(prefix):
                    break
                continue
            name, slash, _ = line.name[len(prefix) :].partition("/")
            key = prefix + name + slash
            if found and found[-1].key == key:
                continue
            if len(found) == limit:
                return found, found[-1].key
            found.append(Entry(key=key, is_folder=True) if slash else _entry(line))
        return found, ""

    def take_unlistable(self) -> list[tuple[str, str]]:
        """Nothing: names that are no paths are never written to a manifest."""
        return []

    def stat(self, key: str) -> ObjectInfo:
        for manifest in self.manifests():
            if (line := manifest.find(key)) is not None:
                return self.known(_entry(line))
        raise NotFound(f"{key}: no manifest on {self.root} names it")

    def known(self, entry: Entry) -> ObjectInfo:
        return ObjectInfo(entry=entry, metadata=Metadata(modified=entry.modified))

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[Body]:
        del offset, length, cancelled
        self._refuse(entry.key)

    def _refuse(self, key: str) -> NoReturn:
        raise FileTrouble(f"{key}: the disk's manifest tells what its content was, and does not hold it")

    def _merged(self, start_after: str) -> Iterator[Line]:
        """Each name once, the newest manifest's line."""
        streams = [_aged(manifest, start_after, age) for age, manifest in enumerate(self.manifests())]
        last: str | None = None
        for name, _, line in heapq.merge(*streams, key=lambda one: one[:2]):
            if name != last:
                last = name
                yield line


def _entry(line: Line) -> Entry:
    return Entry(key=line.name, size=line.size, etag=f"sha256:{line.sha256}", modified=line.modified)


def _aged(manifest: Manifest, start_after: str, age: int) -> Iterator[tuple[str, int, Line]]:
    return ((line.name, age, line) for line in manifest.lines(start_after))
