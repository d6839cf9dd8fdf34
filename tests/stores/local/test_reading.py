"""Sources that change while they are read."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import SourceChanged
from core.model import Entry
from core.stores.base import Cancelled
from core.stores.local import LocalFolder
from tests.stores.local.using import NEVER, entry_of


def read(
    store: LocalFolder, entry: Entry, meanwhile: Callable[[], object] = int, cancelled: threading.Event = NEVER
) -> bytes:
    """The whole file; `meanwhile` is done after the first chunk."""
    chunks: list[bytes] = []
    with store.read(entry, 0, entry.size, cancelled=cancelled) as body:
        for chunk in body:
            chunks.append(bytes(chunk))
            if len(chunks) == 1:
                meanwhile()
    return b"".join(chunks)


def test_a_changed_file_is_not_read_on(root: Path) -> None:
    """Changed since it was listed, while it was read, or become shorter: SourceChanged, never a mixture."""
    (root / "f").write_bytes(b"1" * (3 << 20))
    store = LocalFolder(root)
    entry = entry_of(store, "f")
    with pytest.raises(SourceChanged):
        read(store, entry, lambda: (root / "f").write_bytes(b"2" * (3 << 20)))
    with pytest.raises(SourceChanged):
        read(store, entry)
    with pytest.raises(SourceChanged, match="shorter"):
        read(store, entry_of(store, "f"), lambda: os.truncate(root / "f", 1 << 20))


def test_reading_stops_when_cancelled(root: Path) -> None:
    """A cancelled read raises between chunks."""
    (root / "f").write_bytes(b"1" * (3 << 20))
    store, cancelled = LocalFolder(root), threading.Event()
    entry = entry_of(store, "f")
    with pytest.raises(Cancelled):
        read(store, entry, cancelled.set, cancelled)
