"""Partial files: whose they are, when they go, and what is not written through them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from core.errors import FileTrouble, StageLost, TransferError
from core.stores.base import Metadata
from core.stores.local import STAGING, LocalFolder
from core.stores.local.staging import STALE
from tests.stores.local.using import put, stored


def test_two_writers_never_share_a_partial_file(root: Path) -> None:
    """Two jobs on the same name: each one's content is whole when it takes the name, the last one stays."""
    one, two = LocalFolder(root, "one"), LocalFolder(root, "two")
    first, second = one.stage("f", 4, Metadata()), two.stage("f", 4, Metadata())
    one.put_part("f", first, 1, 0, b"11")
    two.put_part("f", second, 1, 0, b"22")
    one.put_part("f", first, 2, 2, b"11")
    assert one.settle([one.commit("f", first, [], 4)]) == {}
    assert (root / "f").read_bytes() == b"1111"
    two.put_part("f", second, 2, 2, b"22")
    assert (root / "f").read_bytes() == b"1111"
    assert two.settle([two.commit("f", second, [], 4)]) == {}
    assert (root / "f").read_bytes() == b"2222"


def test_clearing_leaves_what_others_need(root: Path) -> None:
    """A job that ends clears its own partial files and stale ones, not those of jobs that still run."""
    mine, theirs = LocalFolder(root, "mine"), LocalFolder(root, "theirs")
    put(mine, "dead", b"1")
    kept = mine.stage("kept", 1, Metadata())
    alive = put(theirs, "alive", b"2", modified=1e9)
    mine.clear_staging({kept})
    names = {path.name for path in (root / STAGING).iterdir()}
    assert names == {kept.partition(":")[2], alive.token.partition(":")[2]}
    assert theirs.settle([alive]) == {}
    mine.clear_staging(set())
    assert list((root / STAGING).iterdir()) == []
    mine.close()
    assert not (root / STAGING).exists()


def test_stale_partial_files_of_nobody_go(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not changed for two days and is in no journal is cleared by whoever ends next."""
    put(LocalFolder(root, "gone"), "x", b"1")
    monkeypatch.setattr("core.stores.local.staging.time.time", lambda: os.stat(root).st_ctime + STALE + 60)
    LocalFolder(root, "other").clear_staging(set())
    assert list((root / STAGING).iterdir()) == []


def test_a_removed_staging_folder_is_made_again(root: Path) -> None:
    """Another job removed the empty folder for partial files while this one had it open."""
    store, other = LocalFolder(root, "one"), LocalFolder(root, "two")
    stored(store, "a", b"1")
    other.close()
    assert not (root / STAGING).exists()
    stored(store, "b", b"2")
    assert (root / "b").read_bytes() == b"2"


def test_a_lost_stage_says_so(root: Path) -> None:
    """Partial data removed behind our back is StageLost, at every step."""
    store = LocalFolder(root)
    token = store.stage("f", 4, Metadata())
    store.abort("f", token)
    store.abort("f", token)
    for step in (
        lambda: store.open_stage("f", token),
        lambda: store.staged_parts("f", token),
        lambda: store.commit("f", token, [], 4),
    ):
        with pytest.raises(StageLost):
            step()


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_in_the_place_of_partial_data_is_not_followed(
    root: Path, tmp_path: Path, dangling: bool
) -> None:
    """Somebody who guesses the partial file's name and puts a link there gets nothing written through it."""
    store = LocalFolder(root)
    name = put(store, "x", b"").token.partition(":")[2]
    outside = tmp_path / "file"
    if not dangling:
        outside.write_text("mine")
    (root / STAGING / name).unlink()
    (root / STAGING / name).symlink_to(outside)
    with pytest.raises(TransferError):
        put(store, "x", b"theirs")
    with pytest.raises(TransferError):
        store.stage("x", 5, Metadata())
    assert outside.exists() != dangling
    assert dangling or outside.read_text() == "mine"


def test_new_files_follow_the_umask(root: Path) -> None:
    """Files get the permissions that any program's new files get."""
    store = LocalFolder(root)
    stored(store, "f", b"1")
    before = os.umask(0)
    os.umask(before)
    assert stat.S_IMODE((root / "f").stat().st_mode) == 0o666 & ~before


def test_a_folder_that_is_being_filled(root: Path) -> None:
    """It begins empty whatever an earlier try left, lies among the partial files, and is gone when the block
    ends; what a kill leaves of it is cleared by its writer, and not by another one."""
    mine, other = LocalFolder(root, "mine"), LocalFolder(root, "other")
    for _ in range(2):
        with suppress(KeyboardInterrupt), mine.tree("a/b") as place:
            assert place.name == "b"
            below = root / STAGING / place.passing
            assert list(below.iterdir()) == []
            assert os.fstat(place.above).st_ino == (root / "a").stat().st_ino
            (below / "deep").mkdir()
            (below / "deep/file").write_bytes(b"x")
            raise KeyboardInterrupt
        assert not below.exists()
    (below / "deep").mkdir(parents=True)
    other.clear_staging(set())
    assert below.exists()
    mine.clear_staging(set())
    assert not below.exists()
    with pytest.raises(FileTrouble), mine.tree("a/.."):
        pass


def test_what_a_tool_notes_shares_the_fate_of_its_partial_file(root: Path) -> None:
    """Notes of another downloader beside a partial file stay as long as that is kept, and go with it."""
    folder = LocalFolder(root, "mine")
    kept, dead = folder.stage("kept", 1, Metadata()), folder.stage("dead", 1, Metadata())
    for token in (kept, dead):
        name = token.partition(":")[2]
        (root / STAGING / f"{name}.aria2").write_bytes(b"notes")
    folder.clear_staging({kept})
    name = kept.partition(":")[2]
    assert sorted(path.name for path in (root / STAGING).iterdir()) == [name, f"{name}.aria2"]
    folder.abort("kept", kept)
    assert list((root / STAGING).iterdir()) == []


def test_a_hint_to_begin_writing_changes_nothing_and_never_fails(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    stage = folder.open_stage("a", folder.stage("a", 10, Metadata()))
    stage.write(0, b"0123456789")
    stage.begin_sync(0, 10)
    stage.begin_sync(5, 1000)  # beyond the end
    assert stage.read(0, 10) == b"0123456789"
    stage.close()
    stage.begin_sync(0, 10)
