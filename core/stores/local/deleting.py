"""Deleting a file that still is what the plan saw, and the folders that this leaves empty.

The way to a file is walked anew for every deletion, folder by folder, without following links: a folder that
became a link, or was moved away, protects what it leads to. A folder goes when the deletion of the last thing
in it has just left it empty, and then the one above it in the same way, never the root. Folders that were
empty before are not touched, nor are those of a file that was gone already.
"""

from __future__ import annotations

import errno
import os
import stat as stat_modes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import SourceChanged
from core.model import Entry
from core.stores.base import ObjectInfo
from core.stores.local.folders import Folders
from core.stores.local.names import refuse_name
from core.stores.local.os_errors import map_os_error

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def look_again(root: Path, entry: Entry) -> ObjectInfo | None:
    """See Deletes. Raises SourceChanged for another size, another time, or what is no regular file now."""
    refuse_name(entry.key)
    path = root / entry.key
    try:
        with _way_to(root, entry.key) as way:
            _refuse_changed(os.stat(path.name, dir_fd=way[-1], follow_symlinks=False), entry, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _mapped(error, path) from error
    return ObjectInfo(entry=entry)


def delete(root: Path, folders: Folders, entry: Entry) -> None:
    """See Deletes. Looks once more at the file, in the folder it is then removed from."""
    refuse_name(entry.key)
    path = root / entry.key
    with folders.lock:
        try:
            with _way_to(root, entry.key) as way:
                _refuse_changed(os.stat(path.name, dir_fd=way[-1], follow_symlinks=False), entry, path)
                os.unlink(path.name, dir_fd=way[-1])
                _remove_emptied(folders, entry.key, way)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _mapped(error, path) from error


@contextmanager
def _way_to(root: Path, key: str) -> Iterator[list[int]]:
    """Descriptors of the folders that lead to a file, the root first. Raises OSError."""
    way: list[int] = []
    try:
        way.append(os.open(root, _FOLDER))  # the root itself is where the person said, link or not
        for name in key.split("/")[:-1]:
            way.append(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=way[-1]))
        yield way
    finally:
        for descriptor in way:
            os.close(descriptor)


def _refuse_changed(status: os.stat_result, entry: Entry, path: Path) -> None:
    if not stat_modes.S_ISREG(status.st_mode):
        raise SourceChanged(f"{path}: is no longer a regular file: kept")
    if status.st_size != entry.size or status.st_mtime != entry.modified:
        raise SourceChanged(f"{path}: changed since the plan: kept")


def _mapped(error: OSError, path: Path) -> Exception:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return SourceChanged(f"{path}: a folder on the way is none any more, or a link: kept")
    return map_os_error(error, str(path))


def _remove_emptied(folders: Folders, key: str, way: list[int]) -> None:
    """From the inside out, up to the first folder that still holds something."""
    relative = key
    for above in reversed(way[:-1]):
        relative = relative.rpartition("/")[0]
        folders.forget(relative)  # a descriptor of a removed folder is of no use to whoever writes next
        try:
            os.rmdir(relative.rpartition("/")[2], dir_fd=above)
        except OSError:
            return  # not empty


def settle_deletions(root: Path, keys: list[str]) -> dict[str, Exception]:
    """See DeletesInGroups: the folders that the files were in are synced, and those above them, each once and
    from the inside out (fsync(2): an entry is the content of its folder).

    A folder that another worker removes meanwhile, emptied, is synced for nothing: what counts then is that its
    own name is gone from the one above, which is synced later.
    """
    failed: dict[str, Exception] = {}
    folders = {above for key in keys for above in _above(key)}
    for folder in sorted(folders, key=lambda name: name.count("/") if name else -1, reverse=True):
        try:
            _sync(root, folder)
        except OSError as error:
            trouble = map_os_error(error, str(root / folder))
            failed.update({key: trouble for key in keys if folder in _above(key)})
    return failed


def _above(key: str) -> list[str]:
    """The folders that lead to a file, the innermost first and the root, "", last."""
    found = []
    while key:
        key = key.rpartition("/")[0]
        found.append(key)
    return found


def _sync(root: Path, folder: str) -> None:
    """One that is gone, or is no folder any more, needs no sync."""
    try:
        with _way_to(root, f"{folder}/" if folder else "") as way:
            os.fsync(way[-1])
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
