"""Disks that fail as real ones do: full, without inodes, read-only, exchanged, over quota, unplugged."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest


def mount(*words: str) -> None:
    """mount(8); skips the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def tmpfs(folder: Path, **options: int | str) -> Iterator[Path]:
    """A tmpfs with these mount options (`size`, `nr_inodes`)."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ",".join(f"{name}={value}" for name, value in {"mode": "755", **options}.items())
    mount("-t", "tmpfs", "-o", wanted, "tmpfs", str(folder))
    try:
        yield folder
    finally:
        while subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False).returncode == 0:
            pass  # also what a test mounted over it


class Disk:
    """An ext4 in a file, mounted at `folder` while it is plugged in; needs root and a loop device."""

    def __init__(self, file: Path, folder: Path, size: int) -> None:
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("mkfs.ext4 is not installed")
        self.file, self.folder = file, folder
        with file.open("wb") as out:
            out.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(file)], check=True, capture_output=True)
        folder.mkdir(parents=True, exist_ok=True)

    def plug_in(self) -> None:
        mount("-o", "loop", str(self.file), str(self.folder))

    def pull(self) -> None:
        """Off the tree at once, however busy it is."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def break_off(self) -> None:
        """The file system becomes read-only under its writers, as after an error of the disk."""
        subprocess.run(["mount", "-o", "remount,abort", str(self.folder)], check=True)

    def mend(self) -> None:
        """Unmounted, checked, and mounted again."""
        subprocess.run(["umount", str(self.folder)], check=True)
        subprocess.run(["e2fsck", "-fy", str(self.file)], capture_output=True, check=False)
        self.plug_in()

    def age(self, *files: Path, under: Sequence[Disk] = ()) -> None:
        """The change times of these files, which nothing but the clock sets, become those of three days ago.
        `under` are disks that are mounted inside this one."""
        if shutil.which("debugfs") is None:
            pytest.skip("debugfs is not installed")
        for inner in under:
            subprocess.run(["umount", str(inner.folder)], check=True)
        subprocess.run(["umount", str(self.folder)], check=True)
        then = int(time.time()) - 3 * 86400
        for file in files:
            request = f"set_inode_field /{file.relative_to(self.folder)} ctime @{then}"
            subprocess.run(["debugfs", "-w", "-R", request, str(self.file)], capture_output=True, check=True)
        for disk in (self, *under):
            disk.plug_in()

    def __enter__(self) -> Disk:
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        while (
            subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False).returncode == 0
        ):
            pass
