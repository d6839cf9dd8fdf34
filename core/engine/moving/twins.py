"""The same content wanted twice is fetched once: the second file is made of the first.

Only where a source names the content by its SHA-256 and the target is a folder of this machine. A file that is
to serve as the source of another is read and proven like any other source: one that was changed or damaged
since is found by the digest, and the content is fetched after all. While one item fetches a content, others
that want it wait for that one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.engine.journal.journal import Journal
from core.engine.proving.proof import MIB, SHA256, named_digest
from core.errors import FileTrouble
from core.model import Entry
from core.stores.local import LocalFolder

LEAST = MIB  # bytes; less is fetched sooner than looked for


class Twin(NamedTuple):
    """A file of this machine that should hold what is wanted; `entry` names the wanted digest."""

    folder: LocalFolder
    entry: Entry


class Twins:
    """Of one job. Called from many workers."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._fetching: dict[str, int] = {}  # digest → item
        self._folders: dict[str, LocalFolder] = {}
        self._lock = threading.Lock()

    @staticmethod
    def may_be(entry: Entry) -> bool:
        """Whether it is worth looking for an item's content here."""
        return entry.size >= LEAST and named_digest(entry.etag)[0] == SHA256

    def begin(self, item: int, entry: Entry) -> bool:
        """Whether this item may go on: no other one is fetching the same content."""
        with self._lock:
            return self._fetching.setdefault(entry.etag, item) == item

    def find(self, entry: Entry, target: LocalFolder, key: str) -> Twin | None:
        """A file that should hold this content, other than the one to be written. Raises DiskTrouble."""
        for known in self._journal.twins.of(entry.etag, entry.size):
            if (known.root, known.key) == (str(target.root), key):
                continue
            folder = self._folder(known.root)
            with suppress(FileTrouble):
                there = folder.stat(known.key).entry
                if there.size == entry.size:
                    return Twin(folder, msgspec.structs.replace(there, etag=entry.etag))
        return None

    def ended(self, items: Iterable[int]) -> None:
        """These are recorded, as completed or failed: who waited for them may look again."""
        gone = set(items)
        with self._lock:
            for digest in [digest for digest, item in self._fetching.items() if item in gone]:
                del self._fetching[digest]

    def close(self) -> None:
        for folder in self._folders.values():
            folder.close()

    def _folder(self, root: str) -> LocalFolder:
        with self._lock:
            if root not in self._folders:
                self._folders[root] = LocalFolder(Path(root))
            return self._folders[root]
