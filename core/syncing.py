"""A whole file system made durable with one call, where the kernel tells of errors that it met.

`syncfs` reports write errors from Linux 5.8 on (syncfs(2)); before, each file has to be synced by itself.
"""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import Any


def _kernel_reports_errors() -> bool:
    release = platform.release().split(".")
    try:
        return platform.system() == "Linux" and (int(release[0]), int(release[1].split("-")[0])) >= (5, 8)
    except (ValueError, IndexError):
        return False


SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h

_LIBC = ctypes.CDLL(None, use_errno=True) if _kernel_reports_errors() else None
CAN_SYNC_FILE_SYSTEMS = _LIBC is not None


def sync_file_system(of: int | Path) -> bool:
    """Make everything on the file system of an open folder, or of a path, durable; False where that cannot be
    trusted here. Raises OSError."""
    if _LIBC is None:
        return False
    if isinstance(of, Path):
        fd = os.open(of, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return sync_file_system(fd)
        finally:
            os.close(fd)
    if _LIBC.syncfs(of) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return True


def begin_writing(fd: int, offset: int, length: int) -> None:
    """Have the system begin to write these bytes of an open file to the disk, so that a sync that comes later
    waits less. Errors are left for that sync: with this flag alone sync_file_range(2) takes none away."""
    if _sync_file_range is not None:
        _sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE)


def _find_sync_file_range() -> Any:
    if platform.system() != "Linux":
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except AttributeError:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


_sync_file_range: Any = _find_sync_file_range()
