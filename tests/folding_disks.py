"""Real file systems that do not tell letter case apart, where this machine can have one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rclone import PROGRAM

KINDS = ("vfat", "ext4 casefold", "rclone mount")
_MAKE = {
    "vfat": ["mkfs.vfat"],
    "ext4 casefold": ["mkfs.ext4", "-q", "-O", "casefold", "-E", "encoding=utf8"],
}


@contextlib.contextmanager
def folding_disk(kind: str, near: Path) -> Iterator[Path]:
    """An empty folder on such a file system; skips the test where it cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = near / "disk"
    disk.mkdir()
    with _mounted_by_rclone(disk, near) if kind == "rclone mount" else _mounted_image(kind, disk, near):
        folder = disk / "folder"
        folder.mkdir()
        if kind == "ext4 casefold":
            subprocess.run(["chattr", "+F", folder], check=True)
        yield folder


@contextlib.contextmanager
def _mounted_image(kind: str, disk: Path, near: Path) -> Iterator[None]:
    make = _MAKE[kind]
    if shutil.which(make[0]) is None:
        pytest.skip(f"needs {make[0]}")
    image = near / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run([*make, str(image)], check=True, capture_output=True)
    options = "loop,utf8" if kind == "vfat" else "loop"
    if subprocess.run(["mount", "-o", options, image, disk], check=False, capture_output=True).returncode:
        pytest.skip(f"this kernel does not mount {kind}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@contextlib.contextmanager
def _mounted_by_rclone(disk: Path, near: Path) -> Iterator[None]:
    if shutil.which("fusermount3") is None or not Path("/dev/fuse").exists():
        pytest.skip("needs FUSE and fusermount3")
    (near / "behind").mkdir()
    process = subprocess.Popen(
        [PROGRAM, "mount", near / "behind", disk, "--vfs-case-insensitive", "--vfs-cache-mode", "full",
         "--cache-dir", near / "cache", "--vfs-write-back", "0s", "--attr-timeout", "0s",
         "--dir-cache-time", "1h"],
        env={**os.environ, "RCLONE_CONFIG": "/dev/null"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not os.path.ismount(disk):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.skip("FUSE cannot be mounted here")
            time.sleep(0.05)
        yield
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(disk)], check=False)
        process.terminate()
        process.wait(timeout=20)
