"""The end of an extraction: the whole tree durable, then under its name."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from core.extract.errors import ArchiveTrouble
from core.syncing import sync_file_system

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Spot(NamedTuple):
    """A name in an open folder."""

    folder: int  # a descriptor
    name: str


FEW = 4  # files: synced one by one, which does not wait for what others write to the same disk
_Step = Callable[[Spot, Spot], None]


def make_durable(root: int, count: int) -> None:
    """Every one of so many files below an open folder, and every folder, on the disk. Raises OSError."""
    if count > FEW and sync_file_system(root):
        return
    for _, _, files, folder in os.fwalk(".", topdown=False, dir_fd=root):
        for name in files:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        os.fsync(folder)


def give_name(passing: Spot, target: Spot) -> None:
    """The whole tree gets its name, for good; a folder that is there already takes the files in.

    Raises OSError, ArchiveTrouble where something else stands in the way: nothing was moved then.
    """
    try:
        _rename(passing, target)  # also over an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        if not stat.S_ISDIR(_mode(target)):
            raise ArchiveTrouble(f"{target.name} is there and is no folder") from None
        _into(passing, target, _look)
        _into(passing, target, _move)
    os.fsync(target.folder)


def _into(passing: Spot, target: Spot, each: _Step) -> None:
    """`each` for everything in one folder, with what has its name in the other one."""
    mine = os.open(passing.name, _FOLDER_FLAGS, dir_fd=passing.folder)
    try:
        theirs = os.open(target.name, _FOLDER_FLAGS, dir_fd=target.folder)
        try:
            for name in os.listdir(mine):  # noqa: PTH208 - of a descriptor
                each(Spot(mine, name), Spot(theirs, name))
            os.fsync(theirs)
        finally:
            os.close(theirs)
    finally:
        os.close(mine)


def _look(mine: Spot, theirs: Spot) -> None:
    there = _mode(theirs)
    if not there:
        return
    folder = stat.S_ISDIR(_mode(mine))
    if folder and not stat.S_ISDIR(there):
        raise ArchiveTrouble(f"{theirs.name} is there and is no folder")
    if not folder and not stat.S_ISREG(there):
        raise ArchiveTrouble(f"{theirs.name} is there and is no file")
    if folder:
        _into(mine, theirs, _look)


def _move(mine: Spot, theirs: Spot) -> None:
    if stat.S_ISDIR(_mode(mine)) and _mode(theirs):
        _into(mine, theirs, _move)
    else:
        _rename(mine, theirs)


def _rename(old: Spot, new: Spot) -> None:
    os.rename(old.name, new.name, src_dir_fd=old.folder, dst_dir_fd=new.folder)


def _mode(spot: Spot) -> int:
    """What is there, as stat(2) tells it, not followed; 0 for nothing."""
    try:
        return os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0
