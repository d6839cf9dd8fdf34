"""Deleting what is still what the plan saw, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import SourceChanged, TransferError
from core.model import Entry
from core.stores.local import LocalFolder
from tests.stores.local.using import entry_of, stored


def test_delete_refuses_what_changed(root: Path) -> None:
    """Another size, another time, no longer a regular file: not deleted. Gone already: no error."""
    store = LocalFolder(root)
    (root / "f").write_text("12")
    entry = entry_of(store, "f")
    (root / "f").write_text("123")
    with pytest.raises(SourceChanged):
        store.delete(entry)
    entry = entry_of(store, "f")
    os.utime(root / "f", (1, 1))
    with pytest.raises(SourceChanged):
        store.delete(entry)
    entry = entry_of(store, "f")
    (root / "f").rename(root / "g")
    (root / "f").symlink_to(root / "g")
    with pytest.raises(SourceChanged):
        store.delete(entry)
    assert (root / "g").read_text() == "123"
    (root / "f").unlink()
    store.delete(entry)
    store.delete(Entry(key="no/such/folder/f"))


def test_delete_does_not_follow_links(root: Path, tmp_path: Path) -> None:
    """A folder that became a link after the plan: what it leads to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("mine")
    store = LocalFolder(root)
    (root / "d").mkdir()
    (root / "d/f").write_text("mine")
    os.utime(root / "d/f", (5, 5))
    os.utime(outside / "f", (5, 5))
    entry = entry_of(store, "d/f")
    (root / "d").rename(root / "e")
    (root / "d").symlink_to(outside)
    with pytest.raises(TransferError):
        store.delete(entry)
    assert (outside / "f").read_text() == "mine"


def test_emptied_folders_go_the_root_stays(root: Path) -> None:
    """Folders that a deletion left empty go, others and the root stay."""
    store = LocalFolder(root)
    for key in ("a/b/c", "a/d"):
        stored(store, key, b"1")
    store.delete(entry_of(store, "a/b/c"))
    assert not (root / "a/b").exists()
    assert (root / "a/d").exists()
    store.delete(entry_of(store, "a/d"))
    store.close()
    assert list(root.iterdir()) == []
