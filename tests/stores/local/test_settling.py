"""Final names: only for whole files, found again after a kill, each file for itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.stores.local import STAGING, LocalFolder
from tests.paths.disks import tmpfs
from tests.stores.local.using import put, staged, stored


@pytest.mark.parametrize("count", [1, 10])
def test_settling_again_after_the_record_was_lost(root: Path, count: int) -> None:
    """Renamed, and killed before that was recorded: settling the same receipts again finds them done."""
    store = LocalFolder(root)
    receipts = [put(store, f"d/f{n}", b"x" * n) for n in range(count)]
    assert store.settle(receipts) == {}
    assert store.settle(receipts) == {}
    assert (root / f"d/f{count - 1}").read_bytes() == b"x" * (count - 1)


@pytest.mark.parametrize("count", [1, 10])
def test_a_lost_partial_file_is_never_called_settled(root: Path, count: int) -> None:
    """The partial file vanished and an older file of the same size has the name: that is not success."""
    store = LocalFolder(root)
    for n in range(count):
        (root / f"f{n}").write_bytes(b"old")
    receipts = [put(store, f"f{n}", b"new") for n in range(count)]
    for path in (root / STAGING).iterdir():
        path.unlink()
    assert set(store.settle(receipts)) == {f"f{n}" for n in range(count)}


def test_a_folder_in_the_way_is_an_error_of_that_file_only(root: Path) -> None:
    """A folder where the file must go, a file where a folder must be: these fail, the others are settled."""
    (root / "folder/x").mkdir(parents=True)
    (root / "file").write_text("x")
    store = LocalFolder(root)
    failed = store.settle([put(store, key, b"1") for key in ("folder", "file/below", "fine")])
    assert set(failed) == {"folder", "file/below"}
    assert (root / "fine").read_bytes() == b"1"
    assert (root / "file").read_text() == "x"


def test_across_file_systems(root: Path) -> None:
    """A mount inside the folder: rename cannot reach it, the bytes and times arrive whole all the same."""
    with tmpfs(root / "mount", size=4 << 20):
        store = LocalFolder(root)
        data = os.urandom(1 << 20)
        receipts = [put(store, "mount/small", b"small", modified=1e9), staged(store, "mount/deep/large", data)]
        assert store.settle(receipts) == {}
        assert (root / "mount/small").read_bytes() == b"small"
        assert (root / "mount/small").stat().st_mtime == 1e9
        assert (root / "mount/deep/large").read_bytes() == data
        assert sorted(p.name for p in (root / "mount").rglob("*")) == ["deep", "large", "small"]
        assert list((root / STAGING).iterdir()) == []
        full = put(store, "mount/full", os.urandom(8 << 20))
        assert set(store.settle([full])) == {"mount/full"}
        assert sorted(p.name for p in (root / "mount").rglob("*")) == ["deep", "large", "small"]
        store.close()


def test_nothing_under_the_final_name_before_settle(root: Path) -> None:
    """Put, staged, half written: the final name holds what was there before."""
    (root / "f").write_bytes(b"before")
    store = LocalFolder(root)
    small = put(store, "f", b"after")
    assert (root / "f").read_bytes() == b"before"
    large = staged(store, "g", b"12345")
    assert not (root / "g").exists()
    assert store.settle([small, large]) == {}
    assert ((root / "f").read_bytes(), (root / "g").read_bytes()) == (b"after", b"12345")


def test_a_link_in_the_place_of_a_file_is_replaced(root: Path, tmp_path: Path) -> None:
    """`root/x → outside file`: the link gives way to the file, what it led to stays as it was."""
    outside = tmp_path / "file"
    outside.write_text("mine")
    (root / "x").symlink_to(outside)
    store = LocalFolder(root)
    stored(store, "x", b"theirs")
    assert outside.read_text() == "mine"
    assert (root / "x").read_bytes() == b"theirs"
    assert not (root / "x").is_symlink()
