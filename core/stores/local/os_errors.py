"""The store's one place where errno becomes an error class."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from core.errors import DiskTrouble, FileTrouble, NoPermission, NotFound, TargetRefused, TransferError

# No room, not writable, broken, unplugged, a network mount whose server is away (errno(3)).
_DISK_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.ENODEV,
    errno.ENXIO,
    errno.ENOTCONN,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EUCLEAN,
}


def map_read_error(error: OSError, what: str) -> TransferError:
    """The same of a file that is only read: a bad sector there is that file's trouble, not the target's."""
    if error.errno in _DISK_ERRNOS:
        return FileTrouble(f"{what}: {os.strerror(error.errno)}")
    return map_os_error(error, what)


def map_os_error(error: OSError, what: str) -> TransferError:
    """What went wrong with one file of a target. `what` names it."""
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
    if isinstance(mapped, DiskTrouble) and not what.startswith(str(root)):
        return DiskTrouble(f"{root}: {mapped.message}")
    return mapped
