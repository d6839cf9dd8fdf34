"""The accounts of file systems: many writers together never go below what is kept in reserve."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.engine.upkeep.disks import Disks, DiskWatch, check_disk, nearest, plan_warnings, room_at
from core.engine.upkeep.mounts import disk_identity, mounted_below
from core.errors import DiskTrouble, NoRoom, OtherDisk
from core.stores.local.allocating import allocate
from tests.paths.disks import tmpfs

MIB = 1 << 20


def test_many_writers_cannot_overdraw_together(tmp_path: Path) -> None:
    """Sixteen threads write as long as they may, between two looks at the file system: what is in flight and
    what was just written counts, so the reserve is still free at the end."""
    with tmpfs(tmp_path / "disk", size=48 * MIB) as disk:
        watch = DiskWatch(Disks(), 16 * MIB)
        watch.begin(0, str(disk))
        refused = threading.Barrier(17)

        def write(number: int) -> None:
            try:
                for step in range(100):
                    with watch.writing(0, MIB, 1):
                        (disk / f"{number}-{step}").write_bytes(bytes(MIB))
            except NoRoom:
                refused.wait(30)

        for number in range(16):
            threading.Thread(target=write, args=(number,), daemon=True).start()
        refused.wait(30)
        assert 16 * MIB <= room_at(disk).free < 24 * MIB


def test_a_reserve_of_nothing_asks_nothing(tmp_path: Path) -> None:
    """For file systems that do not tell the truth: the write itself finds out, and is explained."""
    with tmpfs(tmp_path / "disk", size=4 * MIB) as disk:
        watch = DiskWatch(Disks(), 0)
        watch.begin(0, str(disk))
        with watch.writing(0, 900 * MIB, 1):
            pass
        with pytest.raises(DiskTrouble) as met, watch.writing(0, 5 * MIB):
            raise DiskTrouble("name: No space left on device")
        assert (met.value.message, met.value.room) == (f"{disk}: name: No space left on device", 5 * MIB)


def test_a_disk_is_recognised(tmp_path: Path) -> None:
    """Another file system over the folder is another disk, also for a folder in it that is not there yet."""
    folder = tmp_path / "mount/out"
    here = disk_identity(nearest(folder))
    assert here
    check_disk(str(folder), here)
    check_disk(str(folder), "")
    watch = DiskWatch(Disks(), 0)
    (tmp_path / "mount").mkdir()
    watch.begin(0, str(tmp_path / "mount"))
    with tmpfs(tmp_path / "mount", size=MIB) as mounted:
        assert str(mounted) in mounted_below(str(tmp_path))
        with pytest.raises(OtherDisk, match="is not the one"):
            check_disk(str(folder), here)
        with pytest.raises(OtherDisk), watch.writing(0, 1):
            pass


def test_what_a_plan_says_of_disks(tmp_path: Path) -> None:
    """Two targets on one file system count together; room, nearly full, and inodes each have a sentence."""
    with tmpfs(tmp_path / "disk", size=32 * MIB, nr_inodes=100) as disk:
        targets = [(str(disk / "a/b"), 8 * MIB, 10), (str(disk / "c"), 8 * MIB, 10)]
        assert plan_warnings(targets, MIB) == []
        assert "should stay free" in plan_warnings(targets, 20 * MIB)[0]
        assert "% full" in plan_warnings([(str(disk), 30 * MIB, 1)], 0)[0]
        assert "inodes" in plan_warnings([(str(disk), 10, 120)], 0)[0]
        assert plan_warnings([(str(disk), 0, 0)], 1 << 60) == []


def test_space_is_taken_at_once(tmp_path: Path) -> None:
    """A file gets its whole space before it is written, reads as zeros; one that does not fit is refused."""
    with tmpfs(tmp_path / "disk", size=8 * MIB) as disk:
        with (disk / "fits").open("w+b") as file:
            allocate(file.fileno(), 4 * MIB)
            status = os.fstat(file.fileno())
            assert (status.st_size, status.st_blocks * 512) == (4 * MIB, 4 * MIB)
            assert not any(file.read())
        with (disk / "not").open("wb") as file, pytest.raises(OSError, match="No space left"):
            allocate(file.fileno(), 5 * MIB)
