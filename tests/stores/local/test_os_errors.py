"""What an errno means depends on the side: of the target it stops the job, of the source it is one file's."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from core.errors import DiskTrouble, FileTrouble, NoPermission, NotFound, TargetRefused
from core.stores.local.os_errors import map_os_error, map_read_error, map_write_error

OF_THE_DISK = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV]


@pytest.mark.parametrize("number", OF_THE_DISK)
def test_trouble_of_the_disk(number: int, tmp_path: Path) -> None:
    """Written: the disk's, naming the folder and the file. Read: that of one file, which others survive."""
    error = OSError(number, "")
    written = map_write_error(error, "some/key", tmp_path)
    assert isinstance(written, DiskTrouble)
    assert str(tmp_path) in written.message
    assert "some/key" in written.message
    assert isinstance(map_os_error(error, "key"), DiskTrouble)
    read = map_read_error(error, "key")
    assert isinstance(read, FileTrouble)
    assert not isinstance(read, DiskTrouble)


def test_trouble_of_a_file(tmp_path: Path) -> None:
    """One name that may not be written is one file's trouble; a folder that is gone is the whole target's."""
    assert isinstance(map_os_error(OSError(errno.EACCES, ""), "key"), NoPermission)
    assert isinstance(map_os_error(OSError(errno.ENOENT, ""), "key"), NotFound)
    assert isinstance(map_os_error(OSError(errno.EFBIG, ""), "key"), FileTrouble)
    assert isinstance(map_write_error(OSError(errno.ENOENT, ""), "key", tmp_path / "gone"), TargetRefused)
