"""Partial files that nobody works on any more: found by their names and their age, and removed.

They lie in `<root>/.haulier/`, or, where something else is mounted inside the root, beside the file that was to
be there (see settling.py). Nothing else is ever looked at or touched.
"""

from __future__ import annotations

import os
import re
import stat as stat_modes
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from core.stores.local.folder import LocalFolder
from core.stores.local.names import STAGING
from core.stores.local.staging import STALE

_PARTIAL = re.compile(r"[0-9a-f]{12}-[0-9a-f]{32}\.part", re.ASCII)
_PROBE = re.compile(r"\.haulier-[a-z]+-[0-9a-f]{8,}", re.ASCII)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


class PartialFile(NamedTuple):
    """One found. `size` is what it takes of the disk, `age` seconds since it was last changed."""

    path: Path
    size: int
    age: float


def partial_files(
    root: Path, needed: Collection[str], mounts: Callable[[str], list[str]]
) -> Iterator[tuple[PartialFile, bool]]:
    """Partial files under a root, and whether each is stale: of no job in `needed` (names of partial files),
    and unchanged for 48 hours. `mounts` gives the folders below one on which something is mounted."""
    yield from _in_folder(root / STAGING, needed, prefix="")
    for mount in mounts(str(root)):
        for folder, _, _ in os.walk(mount):
            yield from _in_folder(Path(folder), needed, prefix=".")


def remove_partial(found: PartialFile) -> bool:
    """Remove it unless it was changed meanwhile; whether it went. Raises OSError."""
    fd = os.open(found.path.parent, _FOLDER)
    try:
        status = os.stat(found.path.name, dir_fd=fd, follow_symlinks=False)
        if not stat_modes.S_ISREG(status.st_mode) or time.time() - status.st_ctime <= STALE:
            return False
        os.unlink(found.path.name, dir_fd=fd)
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)
    return True


def sweep_folder(root: Path) -> None:
    """Remove the folder for partial files when nothing is in it but a file of locks that nobody uses."""
    staging = root / STAGING
    if not staging.is_dir() or staging.is_symlink():
        return
    store = LocalFolder(root)
    store.sweep()
    store.close()


def _in_folder(folder: Path, needed: Collection[str], *, prefix: str) -> Iterator[tuple[PartialFile, bool]]:
    try:
        fd = os.open(folder, _FOLDER)
    except OSError:
        return  # none there, or not ours to look into
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                name = entry.name
                ours = name.startswith(prefix) and _PARTIAL.fullmatch(name[len(prefix) :])
                if not ours and not _PROBE.fullmatch(name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if not stat_modes.S_ISREG(status.st_mode):
                    continue
                # The change time: the modification time is the source's.
                age = max(0.0, time.time() - status.st_ctime)
                stale = name[len(prefix) :] not in needed and age > STALE
                yield PartialFile(folder / name, status.st_blocks * 512, age), stale
    finally:
        os.close(fd)
