"""The local folder: never left, never half a file under a final name."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.errors import FileTrouble, NotFound, SourceChanged, StageLost, TransferError
from core.model import Entry
from core.stores.base import Cancelled, Metadata, WritesInPlace
from core.stores.local import STAGING, LocalFolder

ESCAPES = ["../x", "a/../../x", "/x", "..", ".", "a/..", "a//b", "", "/", "a\0b", "n" * 256, f"{STAGING}/x"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "inner" / "root"
    folder.mkdir(parents=True)
    return folder


def everything_under(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and STAGING not in path.relative_to(folder).parts
    }


def write(store: LocalFolder, key: str, data: bytes) -> dict[str, Exception]:
    return store.settle([store.put(key, data, Metadata())])


@pytest.mark.parametrize("key", ESCAPES)
def test_names_that_are_no_paths_are_refused(root: Path, key: str) -> None:
    """By every way to write and to delete; nothing appears anywhere, nothing vanishes."""
    store = LocalFolder(root)
    (root.parent / "x").write_text("outside")
    with pytest.raises(FileTrouble):
        store.put(key, b"data", Metadata())
    with pytest.raises(FileTrouble):
        store.stage(key, 4, Metadata())
    with pytest.raises(FileTrouble):
        store.delete(Entry(key=key, size=7, modified=(root.parent / "x").stat().st_mtime))
    assert everything_under(root.parent.parent) == {"inner/x"}
    assert (root.parent / "x").read_text() == "outside"


def test_a_receipt_with_such_a_name_is_refused_too(root: Path) -> None:
    """What a damaged record names is not trusted at the last step either."""
    store = LocalFolder(root)
    receipt = store.put("good", b"data", Metadata())
    from msgspec.structs import replace

    assert list(store.settle([replace(receipt, key="../bad")])) == ["../bad"]
    assert everything_under(root.parent.parent) == set()


@pytest.mark.parametrize("name", ["link/x", "link", "deep/link/x"])
def test_links_inside_the_root_lead_nowhere(root: Path, name: str, tmp_path: Path) -> None:
    """A symbolic link to a folder or file outside is never written through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (root / "deep").mkdir()
    if name == "link":
        (root / "link").symlink_to(outside / "file")
    else:
        (root / name.rpartition("/")[0]).symlink_to(outside)
    store = LocalFolder(root)
    try:
        failed = write(store, name, b"data")
    except TransferError:
        failed = {name: Exception()}
    assert everything_under(outside) == {"file"}
    assert (outside / "file").read_text() == "kept"
    # A link in the place of the file itself may be replaced by the file; it must not be followed.
    assert failed or not (root / name).is_symlink()


def test_links_and_special_files_are_reported(root: Path) -> None:
    """They are neither followed nor left out silently."""
    (root / "link").symlink_to("/etc/passwd")
    os.mkfifo(root / "fifo")
    (root / "file").write_text("x")
    store = LocalFolder(root)
    entries = [entry.key for page in store.pages("", cancelled=threading.Event()) for entry in page]
    assert entries == ["file"]
    assert {key for key, _ in store.take_unlistable()} == {"link", "fifo"}
    assert store.take_unlistable() == []


def test_names_that_are_not_text_are_reported(root: Path) -> None:
    """Bytes that are no UTF-8 do not stop the listing."""
    try:
        os.close(os.open(os.fsencode(root) + b"/bad\xff", os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (root / "good").write_text("x")
    store = LocalFolder(root)
    entries = [entry.key for page in store.pages("", cancelled=threading.Event()) for entry in page]
    assert entries == ["good"]
    assert len(store.take_unlistable()) == 1


def test_nothing_has_its_name_before_settle(root: Path) -> None:
    """Put and commit leave the final name as it was."""
    store = LocalFolder(root)
    write(store, "a/file", b"old")
    receipt = store.put("a/file", b"new content", Metadata())
    assert (root / "a/file").read_bytes() == b"old"
    assert store.settle([receipt]) == {}
    assert (root / "a/file").read_bytes() == b"new content"


def test_settling_twice_is_no_error(root: Path) -> None:
    """The record of the first time may have been lost."""
    store = LocalFolder(root)
    receipt = store.put("file", b"data", Metadata())
    assert store.settle([receipt]) == {}
    assert store.settle([receipt]) == {}
    assert (root / "file").read_bytes() == b"data"


def test_one_failure_does_not_hold_up_the_others(root: Path) -> None:
    """A folder stands where one file belongs."""
    store = LocalFolder(root)
    (root / "taken/inside").mkdir(parents=True)
    receipts = [store.put(key, b"data", Metadata()) for key in ("one", "taken", "two")]
    assert list(store.settle(receipts)) == ["taken"]
    assert everything_under(root) == {"one", "two"}


def test_writing_in_place(root: Path) -> None:
    """Runs of bytes in any order, read back while staged, whole after the commit."""
    store = LocalFolder(root)
    assert isinstance(store, WritesInPlace)
    token = store.stage("large", 10, Metadata(modified=1_000_000_000.5))
    stage = store.open_stage("large", token)
    stage.write(6, b"6789")
    stage.write(0, memoryview(b"012345"))
    assert stage.read(4, 4) == b"4567"
    stage.sync()
    stage.close()
    assert store.settle([store.commit("large", token, [], 10)]) == {}
    assert (root / "large").read_bytes() == b"0123456789"
    assert (root / "large").stat().st_mtime == 1_000_000_000.5


def test_a_stage_survives_its_process(root: Path) -> None:
    """Another store object on the same folder takes up the token; an unknown token is StageLost."""
    token = LocalFolder(root).stage("large", 4, Metadata())
    other = LocalFolder(root)
    other.put_part("large", token, 1, 0, b"data")
    assert other.settle([other.commit("large", token, [], 4)]) == {}
    assert (root / "large").read_bytes() == b"data"
    with pytest.raises(StageLost):
        other.open_stage("large", token)


def test_a_file_that_changes_while_it_is_read(root: Path) -> None:
    """Shorter, longer or rewritten: SourceChanged, at the latest with the last byte."""
    (root / "file").write_bytes(b"x" * (3 << 20))
    store = LocalFolder(root)
    entry = store.stat("file").entry
    for change in (b"", b"y" * (4 << 20)):
        with store.read(entry, 0, entry.size, cancelled=threading.Event()) as body:
            chunks = iter(body)
            next(chunks)
            (root / "file").write_bytes(change)
            with pytest.raises(SourceChanged):
                list(chunks)
        (root / "file").write_bytes(b"x" * (3 << 20))
        entry = store.stat("file").entry


def test_folders_are_not_objects(root: Path) -> None:
    """Looking at one says NotFound; a folder marker makes one and lists nothing."""
    store = LocalFolder(root)
    assert store.settle([store.put("marker/", b"", Metadata())]) == {}
    assert (root / "marker").is_dir()
    with pytest.raises(NotFound):
        store.stat("marker")
    assert [entry for page in store.pages("", cancelled=threading.Event()) for entry in page] == []


def test_deleting_takes_emptied_folders_along(root: Path) -> None:
    """But not the root, and not folders that hold something."""
    store = LocalFolder(root)
    for key in ("a/b/one", "a/two"):
        write(store, key, b"x")
    store.delete(store.stat("a/b/one").entry)
    assert not (root / "a/b").exists()
    store.delete(store.stat("a/two").entry)
    assert not (root / "a").exists()
    assert root.is_dir()


def test_a_listing_can_be_cancelled(root: Path) -> None:
    """Before the first entry."""
    (root / "file").write_text("x")
    flag = threading.Event()
    flag.set()
    with pytest.raises(Cancelled):
        list(LocalFolder(root).pages("", cancelled=flag))
