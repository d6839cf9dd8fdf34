"""Folders: private ones, checked, and a socket path that always fits."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.paths import LONGEST_SOCKET_PATH, Paths
from core.settings import load_settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_names(tmp_path: Path) -> None:
    """Every file has its place below the folders of the settings, and nothing is made by naming it."""
    paths = Paths.of(load_settings({"metadata_dir": str(tmp_path / "m")}, {}, tmp_path / "home"))
    assert paths.journal == tmp_path / "m" / "journal.sqlite3"
    assert paths.lock == tmp_path / "m" / "run" / "engine.lock"
    assert paths.socket == tmp_path / "m" / "run" / "engine.sock"
    assert paths.connections == tmp_path / "home/.config/haulier/connections.json"
    assert paths.engine_log == tmp_path / "home/.local/state/haulier/logs/engine.log"
    assert list(tmp_path.iterdir()) == []


def test_create_makes_private_folders(paths: Paths) -> None:
    """New folders are for their owner only whatever the umask, and creating twice is fine."""
    before = os.umask(0)
    try:
        paths.create()
        paths.create()
    finally:
        os.umask(before)
    assert [mode(folder) for folder in (paths.metadata_dir, paths.logs_dir, paths.run_dir)] == [0o700] * 3


@pytest.mark.parametrize("extra", range(60, 120, 7))
def test_socket_path_always_fits(tmp_path: Path, extra: int) -> None:
    """For every depth of the metadata folder the socket's address fits sun_path; the lock stays with the
    journal; a short folder is made private like the other."""
    paths = Paths.at(tmp_path / ("d" * extra), tmp_path, tmp_path)
    assert len(os.fsencode(paths.socket)) <= LONGEST_SOCKET_PATH
    assert paths.lock.parent.parent == paths.metadata_dir
    if paths.run_dir == paths.lock.parent:
        return
    try:
        paths.create()
        assert mode(paths.run_dir) == mode(paths.run_dir.parent) == 0o700
    finally:
        shutil.rmtree(paths.run_dir)


def test_a_link_to_the_folder_is_the_folder(tmp_path: Path) -> None:
    """Two names of one metadata folder lead to one socket and one lock."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    (tmp_path / "link").symlink_to(deep)
    assert Paths.at(tmp_path / "link", tmp_path, tmp_path) == Paths.at(deep, tmp_path, tmp_path)


def test_a_run_folder_open_to_others_is_refused(paths: Paths) -> None:
    """Group or world access is refused, with the command that mends it; mended, it is taken."""
    paths.create()
    for wrong in (0o750, 0o701, 0o777):
        paths.run_dir.chmod(wrong)
        for use in (paths.create, paths.check):
            with pytest.raises(HaulierError, match="open to other users") as caught:
                use()
            assert caught.value.code is Code.REFUSED
            assert f"chmod 700 {paths.run_dir}" in caught.value.hint
    paths.run_dir.chmod(0o700)
    paths.check()


def test_a_link_or_file_as_run_folder_is_refused(paths: Paths, tmp_path: Path) -> None:
    """Somebody else's choice of folder is not followed."""
    paths.metadata_dir.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    paths.run_dir.symlink_to(elsewhere)
    with pytest.raises(HaulierError, match="is not a folder"):
        paths.create()
    paths.run_dir.unlink()
    paths.run_dir.write_text("")
    with pytest.raises(HaulierError):
        paths.create()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_run_folder_of_another_user_is_refused(paths: Paths) -> None:
    """A folder that somebody else owns is not used, whatever its mode."""
    paths.create()
    os.chown(paths.run_dir, 65534, 65534)
    with pytest.raises(HaulierError, match="another user \\(uid 65534\\)"):
        paths.check()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The refusal names the folder and the reason."""
    (tmp_path / "file").write_text("")
    paths = Paths.at(tmp_path / "file" / "state", tmp_path, tmp_path)
    with pytest.raises(HaulierError, match=r"file/state cannot be made: Not a directory") as caught:
        paths.create()
    assert caught.value.code is Code.BLOCKED
