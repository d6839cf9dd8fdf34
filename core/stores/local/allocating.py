"""Taking a file's space from the file system before it is written.

fallocate(2) finds out at once that a disk is too small, and keeps what it took from being used by others. It
is called as it is: posix_fallocate(3) of glibc writes every block itself where the file system cannot do it,
which would write everything twice. There the file is made of the right length, with a hole inside. Either
length says nothing of what was written.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

_CANNOT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM}


def allocate(fd: int, size: int) -> None:
    """The empty file gets `size` bytes, on the disk where that can be done. Raises OSError."""
    if size and _fallocate is not None:
        if _fallocate(fd, 0, 0, size) == 0:
            return
        code = ctypes.get_errno()
        if code not in _CANNOT:
            raise OSError(code, os.strerror(code))
    os.ftruncate(fd, size)


def _find_fallocate() -> Any:
    try:
        function = ctypes.CDLL(None, use_errno=True).fallocate64
    except (AttributeError, OSError):  # not glibc
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


_fallocate: Any = _find_fallocate()
