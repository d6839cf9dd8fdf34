"""Folders are opened without following links, made again when they vanish, and not all kept open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import TransferError
from core.stores.local import STAGING, LocalFolder
from tests.stores.local.using import put, stored


def test_a_link_in_the_way_of_a_folder_is_not_followed(root: Path, tmp_path: Path) -> None:
    """`root/in → outside`: writing in/x fails, and outside stays as it was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "in").symlink_to(outside)
    store = LocalFolder(root)
    failed = store.settle([put(store, "in/x", b"secret"), put(store, "deep/y", b"fine")])
    assert set(failed) == {"in/x"}
    assert isinstance(failed["in/x"], TransferError)
    assert list(outside.iterdir()) == []
    assert (root / "deep/y").read_bytes() == b"fine"
    assert (root / "in").is_symlink()


def test_a_link_as_staging_folder_is_not_followed(root: Path, tmp_path: Path) -> None:
    """`.haulier` itself may not be a link either."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / STAGING).symlink_to(outside)
    with pytest.raises(TransferError):
        put(LocalFolder(root), "x", b"x")
    assert list(outside.iterdir()) == []


def test_a_folder_that_was_removed_is_made_again(root: Path) -> None:
    """Somebody removes the folder between two files of it: at the latest the second try finds the new one."""
    store = LocalFolder(root)
    stored(store, "d/one", b"1")
    (root / "d/one").unlink()
    (root / "d").rmdir()
    receipt = put(store, "d/two", b"2")
    if store.settle([receipt]):
        assert store.settle([receipt]) == {}
    assert (root / "d/two").read_bytes() == b"2"


def test_descriptors_stay_bounded(root: Path) -> None:
    """Thousands of folders do not keep thousands of descriptors open."""
    store = LocalFolder(root)
    before = len(os.listdir("/proc/self/fd"))
    for first in range(0, 600, 100):
        receipts = [put(store, f"d{n}/e/f", b"") for n in range(first, first + 100)]
        assert store.settle(receipts) == {}
    assert len(os.listdir("/proc/self/fd")) - before < 150
    store.close()
    assert len(os.listdir("/proc/self/fd")) <= before
