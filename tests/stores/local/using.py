"""A local folder in a line: written, listed, looked at."""

from __future__ import annotations

import threading

from core.model import Entry
from core.stores.base import Metadata, PartReceipt, Receipt
from core.stores.local import LocalFolder

NEVER = threading.Event()


def put(store: LocalFolder, key: str, data: bytes, modified: float = 0.0) -> Receipt:
    return store.put(key, data, Metadata(modified=modified))


def stored(store: LocalFolder, key: str, data: bytes) -> None:
    assert store.settle([put(store, key, data)]) == {}


def staged(store: LocalFolder, key: str, data: bytes) -> Receipt:
    token = store.stage(key, len(data), Metadata())
    store.put_part(key, token, 1, 0, data)
    return store.commit(key, token, [PartReceipt(number=1, offset=0, size=len(data))], len(data))


def entry_of(store: LocalFolder, key: str) -> Entry:
    return store.stat(key).entry


def listed(store: LocalFolder) -> list[str]:
    return [entry.key for page in store.pages("", cancelled=NEVER) for entry in page]
