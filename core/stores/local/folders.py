"""Descriptors of folders under a root, opened component by component without following links."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from core.errors import OtherDisk
from core.stores.local.names import STAGING

_OPEN_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


class Folders:
    """The latest used descriptors are kept open. The caller of `get` and `forget` holds `lock`, and goes on
    holding it while it uses a descriptor."""

    def __init__(self, root: Path, keep: int = 128) -> None:
        self._root = root
        self._keep = keep
        self._open: OrderedDict[str, int] = OrderedDict()
        self.lock = threading.Lock()
        self.grown: set[str] = set()  # folders in which one was made, and that are not synced since

    def get(self, relative: str) -> int:
        """A descriptor of root/relative, created when missing. Raises OSError."""
        found = self._open.get(relative)
        if found is not None:
            self._open.move_to_end(relative)
            return found
        if relative == "":
            fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        else:
            above, _, name = relative.rpartition("/")
            parent = self.get(above)
            try:
                fd = os.open(name, _OPEN_DIR, dir_fd=parent)
            except FileNotFoundError:
                with suppress(FileExistsError):  # another worker was first
                    os.mkdir(name, dir_fd=parent)
                    self.grown.add(above)
                fd = os.open(name, _OPEN_DIR, dir_fd=parent)
        self._open[relative] = fd
        if len(self._open) > self._keep:
            for oldest in self._open:
                if oldest not in ("", STAGING) and not relative.startswith(oldest):
                    os.close(self._open.pop(oldest))
                    break
        return fd

    def moved_away(self) -> OtherDisk | None:
        """The trouble when the root's name no longer means the folder that was opened: its disk was unmounted
        or exchanged, or the folder was removed. What is under the open descriptors is not seen by anybody."""
        with self.lock:
            try:
                mine = os.fstat(self.get(""))
                there = self._root.stat()
            except FileNotFoundError:
                return OtherDisk(f"{self._root} is gone: its disk was unmounted, or the folder removed")
            except OSError:
                return None  # the writing finds out
        if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
            return None
        return OtherDisk(f"the disk or folder under {self._root} is not the one that was begun on")

    def forget(self, relative: str) -> None:
        fd = self._open.pop(relative, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        with self.lock:
            for fd in self._open.values():
                os.close(fd)
            self._open.clear()


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in it is durable. Raises OSError."""
    descriptor = os.open(folder, _OPEN_DIR & ~os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
