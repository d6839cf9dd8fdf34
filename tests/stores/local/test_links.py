"""Symbolic links of a source: reported, followed inside the folder, or wherever they lead; never without
end."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from core.errors import FileTrouble, SourceChanged, TransferError
from core.model import Links
from core.stores.local import LocalFolder


@pytest.fixture
def tangle(root: Path, tmp_path: Path) -> Path:
    """A folder with every kind of link, and a file outside."""
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("outside")
    (outside / "folder/file").write_text("far outside")
    (root / "real/sub").mkdir(parents=True)
    (root / "real/file").write_text("inside")
    (root / "real/sub/deep").write_text("deep")
    links: dict[str, str | Path] = {
        "to file": "real/file",
        "to folder": "real/sub",
        "to nothing": "real/gone",
        "to itself": "to itself",
        "to root": ".",
        "real/sub/up": "../..",
        "out file": outside / "file",
        "out folder": outside / "folder",
        "a/to b": "../b",
        "b/to a": "../a",
        "to pipe": "pipe",
        "chain": "to file",
    }
    for name, goal in links.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(goal)
    os.mkfifo(root / "pipe")
    return root


def offered(root: Path, links: Links) -> tuple[dict[str, str], dict[str, str]]:
    """What a listing offers, with its content; and what it reports, with the reason."""
    store = LocalFolder(root, links=links)
    entries = [entry for page in store.pages("", cancelled=threading.Event()) for entry in page]
    assert [entry.key for entry in entries] == sorted(entry.key for entry in entries)
    found = {}
    for entry in entries:
        assert store.stat(entry.key).entry == entry
        with store.read(entry, 0, entry.size, cancelled=threading.Event()) as body:
            found[entry.key] = b"".join(bytes(chunk) for chunk in body).decode()
    return found, dict(store.take_unlistable())


REAL = {"real/file": "inside", "real/sub/deep": "deep"}
INSIDE = {"to file": "inside", "chain": "inside", "to folder/deep": "deep"}


def test_links_are_reported(tangle: Path) -> None:
    """By default each link is told and none is read."""
    found, told = offered(tangle, "skip")
    assert found == REAL
    links = {str(path.relative_to(tangle)) for path in tangle.rglob("*") if path.is_symlink()}
    assert told == {**dict.fromkeys(links, "symbolic link, not copied"), "pipe": "named pipe, not copied"}


def test_links_that_stay_inside_are_followed(tangle: Path) -> None:
    """Files and folders under the link's name; what leads out, nowhere or round is told. Two folders that lead
    into each other end."""
    found, told = offered(tangle, "follow")
    assert found == {**REAL, **INSIDE}
    assert told["out file"] == told["out folder"] == "symbolic link that leads out of the folder, not copied"
    assert told["to nothing"] == "symbolic link that leads nowhere, not copied"
    assert told["to itself"] == "symbolic link that leads in a circle, not copied"
    assert told["to pipe"] == "symbolic link to no regular file, not copied"
    round_and_round = {"to root", "real/sub/up", "to folder/up", "a/to b/to a", "b/to a/to b"}
    assert {name for name, why in told.items() if "it lies in" in why} == round_and_round


def test_all_links_are_followed(tangle: Path) -> None:
    """Also those that leave the folder."""
    found, told = offered(tangle, "all")
    assert found == {**REAL, **INSIDE, "out file": "outside", "out folder/file": "far outside"}
    assert not any("leads out" in why for why in told.values())


def test_a_link_that_is_turned_outside_meanwhile(root: Path, tmp_path: Path) -> None:
    """Between listing and reading: what it leads to then is not read."""
    (tmp_path / "secret").write_text("secret")
    (root / "file").write_text("inside")
    (root / "link").symlink_to("file")
    os.utime(tmp_path / "secret", (5, 5))
    os.utime(root / "file", (5, 5))
    store = LocalFolder(root, links="follow")
    entry = store.stat("link").entry
    (root / "link").unlink()
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises((FileTrouble, SourceChanged)), store.read(entry, 0, 6, cancelled=threading.Event()):
        pass


def test_a_file_that_became_a_link(root: Path, tmp_path: Path) -> None:
    """Where links are not followed, a file that was exchanged for one is not read."""
    (tmp_path / "secret").write_text("123456")
    (root / "file").write_text("123456")
    store = LocalFolder(root)
    entry = store.stat("file").entry
    (root / "file").unlink()
    (root / "file").symlink_to(tmp_path / "secret")
    with pytest.raises(TransferError), store.read(entry, 0, 6, cancelled=threading.Event()):
        pass
    with pytest.raises(FileTrouble, match="symbolic link"):
        store.stat("file")


def test_other_special_files_are_named(root: Path) -> None:
    """A socket and a device are told as what they are."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(root / "socket"))
    expected = {"socket": "socket, not copied"}
    try:
        os.mknod(root / "device", 0o020666, os.makedev(1, 3))
        expected["device"] = "device, not copied"
    except OSError:  # only root may
        pass
    found, told = offered(root, "all")
    assert (found, told) == ({}, expected)
