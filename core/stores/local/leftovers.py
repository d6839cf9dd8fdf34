"""Partial files that nobody works on any more: found by their names and their age, and removed. Folders that an
archive was being extracted into count as one each.

They lie in `<root>/.haulier/`, or, where something else is mounted inside the root, beside the file that was to
be there (see settling.py). Nothing else is ever looked at or touched.
"""

from __future__ import annotations

import os
import re
import stat as stat_modes
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from core.stores.local.folder import LocalFolder
from core.stores.local.names import NOTES, STAGING
from core.stores.local.staging import STALE, TREE, remove

_PARTIAL = re.compile(r"[0-9a-f]{12}-[0-9a-f]{32}\.(?:part(?:\.aria2)?|tree)", re.ASCII)
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
        if not _is_ours(found.path.name, status) or time.time() - status.st_ctime <= STALE:
            return False
        remove(found.path.name, fd)
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
                if not _is_ours(name, status):
                    continue
                # The change time: the modification time is the source's.
                age = max(0.0, time.time() - status.st_ctime)
                stale = name[len(prefix) :].removesuffix(NOTES) not in needed and age > STALE
                size = status.st_blocks * 512
                if stat_modes.S_ISDIR(status.st_mode):
                    size += _size_below(name, fd)
                yield PartialFile(folder / name, size, age), stale
    finally:
        os.close(fd)


def _is_ours(name: str, status: os.stat_result) -> bool:
    """Whether what has such a name is of the kind that we give it to."""
    is_kind = stat_modes.S_ISDIR if name.endswith(TREE) else stat_modes.S_ISREG
    return is_kind(status.st_mode)


def _size_below(name: str, folder: int) -> int:
    """What the files in a folder take of the disk; links are not followed."""
    total = 0
    for _, _, files, above in os.fwalk(name, dir_fd=folder):
        for each in files:
            with suppress(OSError):
                total += os.stat(each, dir_fd=above, follow_symlinks=False).st_blocks * 512
    return total
