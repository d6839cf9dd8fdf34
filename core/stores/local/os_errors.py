"""The store's one place where errno becomes an error class."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from core.errors import DiskTrouble, FileTrouble, NoPermission, NotFound, TargetRefused, TransferError

_DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


def map_os_error(error: OSError, what: str) -> TransferError:
    """What went wrong with one file. `what` names it."""
    text = f"{what}: {os.strerror(error.errno) if error.errno else error}"
    if error.errno in _DISK_ERRNOS:
        return DiskTrouble(text)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(text)
    if error.errno in (errno.EACCES, errno.EPERM):
        return NoPermission(text)
    if error.errno == errno.ELOOP:
        return FileTrouble(f"{what}: a symbolic link, not followed")
    return FileTrouble(text)


def map_write_error(error: OSError, what: str, root: Path) -> TransferError:
    """The same of a write under `root`: TargetRefused when it is the whole folder that cannot be written."""
    mapped = map_os_error(error, what)
    if isinstance(mapped, NoPermission) and not os.access(root, os.W_OK | os.X_OK):
        return TargetRefused(f"{root}: no permission to write here")
    if isinstance(mapped, NotFound) and not root.is_dir():
        return TargetRefused(f"{root}: the folder is gone")
    return mapped
