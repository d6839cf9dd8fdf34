"""Deleting a file that still is what the plan saw, and the folders that this leaves empty."""

from __future__ import annotations

import errno
import os
import stat as stat_modes
from pathlib import Path

from core.errors import SourceChanged
from core.model import Entry
from core.stores.local.folders import Folders
from core.stores.local.names import refuse_name
from core.stores.local.os_errors import map_os_error


def delete(root: Path, folders: Folders, entry: Entry) -> None:
    """See Deletes. Raises SourceChanged for another size, another time, or what is no regular file now."""
    refuse_name(entry.key)
    path = root / entry.key
    above, _, name = entry.key.rpartition("/")
    with folders.lock:
        try:
            folder = _existing_folder(root, folders, above)
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat_modes.S_ISREG(status.st_mode):
                raise SourceChanged(f"{path}: is no longer a regular file")
            if status.st_size != entry.size or status.st_mtime != entry.modified:
                raise SourceChanged(f"{path}: changed since the plan was made, not deleted")
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return
        except OSError as error:
            raise map_os_error(error, str(path)) from error
        _remove_emptied(folders, above)


def _existing_folder(root: Path, folders: Folders, relative: str) -> int:
    if relative and not (root / relative).is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return folders.get(relative)


def _remove_emptied(folders: Folders, relative: str) -> None:
    """Folders that a deletion left empty go too, up to the root, which stays."""
    while relative:
        above, _, name = relative.rpartition("/")
        folders.forget(relative)
        try:
            os.rmdir(name, dir_fd=folders.get(above))
        except OSError:
            return  # not empty
        relative = above
