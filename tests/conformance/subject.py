"""A store under test, with the few steps that every test takes."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from core.model import Entry
from core.stores.base import Metadata, PartReceipt, Receipt
from core.stores.local import LocalFolder
from core.stores.s3 import S3Bucket
from tests.servers import S3Server

MIB = 1 << 20


@dataclass(frozen=True)
class Subject:
    """`name` is "local" or the server's; `server` is absent for the local store."""

    name: str
    store: LocalFolder | S3Bucket
    server: S3Server | None = None

    @property
    def bucket(self) -> S3Bucket:
        assert isinstance(self.store, S3Bucket)
        return self.store

    def write(self, key: str, data: bytes, metadata: Metadata | None = None) -> Receipt:
        """Put and settle; fails the test when settling fails."""
        receipt = self.store.put(key, data, metadata or Metadata(), md5=md5(data))
        assert self.store.settle([receipt]) == {}
        return receipt

    def listed(self, prefix: str = "", start_after: str = "") -> list[Entry]:
        """All entries, in the order they came."""
        pages = self.store.pages(prefix, start_after=start_after, cancelled=threading.Event())
        return [entry for page in pages for entry in page]

    def entry(self, key: str) -> Entry:
        """The listed entry of one key."""
        found = [entry for entry in self.listed(key) if entry.key == key]
        assert len(found) == 1, f"{key!r} is listed {len(found)} times"
        return found[0]

    def bytes_of(self, entry: Entry, offset: int = 0, length: int = -1) -> bytes:
        """What reading gives."""
        wanted = entry.size if length < 0 else length
        with self.store.read(entry, offset, wanted, cancelled=threading.Event()) as body:
            return b"".join(bytes(chunk) for chunk in body)

    def send_parts(self, key: str, token: str, data: bytes, step: int) -> list[PartReceipt]:
        """Send `data` in parts of `step` bytes, the last one shorter."""
        return [
            self.store.put_part(key, token, number, offset, piece, md5=md5(piece))
            for number, offset in enumerate(range(0, len(data), step), 1)
            for piece in [data[offset : offset + step]]
        ]


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def pattern(size: int) -> bytes:
    """Bytes without a period that fits a part, so that swapped or repeated parts are seen."""
    block = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(4099))
    return (block * (size // len(block) + 1))[:size]
