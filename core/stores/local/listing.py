"""What a folder holds: all files below a prefix in key order, or one level of it.

FIFOs, sockets, devices and names that are not UTF-8 are reported, never offered. So are symbolic links, unless
they are to be followed: then a link is what it leads to. Links that lead nowhere, into a folder they lie in
(which would have no end), or out of the folder where only the others are wanted, are reported all the same.
"""

from __future__ import annotations

import errno
import os
import stat as stat_modes
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.errors import NotFound
from core.model import Entry, Links
from core.stores.base import CancelFlag, Cancelled
from core.stores.local.names import STAGING, is_record
from core.stores.local.os_errors import map_os_error, map_read_error
from core.stores.local.rules import PROBE

PAGE = 1000


class _Child(NamedTuple):
    key: str  # of a folder with a slash at the end: so it sorts as what is in it
    file: os.DirEntry[str] | None  # None for a folder


class NotOffered(Exception):
    """Why something that is there is not listed, in words."""


class Lister:
    """Lists under `root`; keys are paths relative to it."""

    def __init__(self, root: Path, links: Links = "skip") -> None:
        self._root = root
        self._links = links
        self._unlistable: list[tuple[str, str]] = []
        self._incomplete = False

    @property
    def incomplete(self) -> bool:
        """Whether a folder could not be looked into: then what is missing here proves nothing."""
        return self._incomplete

    def take_unlistable(self) -> list[tuple[str, str]]:
        """What the listing met and could not offer: (key, why). Emptied by reading it."""
        taken, self._unlistable = self._unlistable, []
        return taken

    def pages(self, prefix: str, *, start_after: str, cancelled: CancelFlag) -> Iterator[list[Entry]]:
        """See Source. Raises NotFound without the folder of `prefix`, Cancelled."""
        page: list[Entry] = []
        for entry in self._walk(prefix, cancelled):
            if start_after and entry.key <= start_after:
                continue
            page.append(entry)
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        """See Source."""
        folder = prefix.rpartition("/")[0]
        entries: list[Entry] = []
        for key, file in self._children(folder, prefix):
            if key <= cursor:
                continue
            if len(entries) == limit:
                return entries, entries[-1].key
            if file is None:
                entries.append(Entry(key=key, is_folder=True))
            else:
                try:
                    status = file.stat(follow_symlinks=self._links != "skip")
                except OSError:
                    continue  # vanished while looking
                entries.append(Entry(key=key, size=status.st_size, modified=status.st_mtime))
        return entries, ""

    def _walk(self, prefix: str, cancelled: CancelFlag) -> Iterator[Entry]:
        """Files under `prefix` in byte order of their paths: a folder sorts as its name and a slash."""
        start = prefix.rpartition("/")[0]
        stack: list[Iterator[_Child]] = [self._children(start, prefix)]
        while stack:
            if cancelled.is_set():
                raise Cancelled
            nearest = next(stack[-1], None)
            if nearest is None:
                stack.pop()
                continue
            key, file = nearest
            if file is None:
                stack.append(self._children(key[:-1], prefix))
                continue
            try:
                status = file.stat(follow_symlinks=self._links != "skip")
            except FileNotFoundError:
                continue  # vanished between listing and looking: as if never there
            except OSError as error:
                self._unlistable.append((key, str(map_read_error(error, "cannot be read"))))
                continue
            yield Entry(key=key, size=status.st_size, modified=status.st_mtime)

    def _children(self, folder: str, prefix: str) -> Iterator[_Child]:
        where = self._root / folder if folder else self._root
        base = f"{folder}/" if folder else ""
        found: list[_Child] = []
        try:
            with os.scandir(where) as entries:
                for entry in entries:
                    key = base + entry.name
                    try:
                        key.encode()
                    except UnicodeEncodeError:
                        self._unlistable.append((ascii(key), "name is not UTF-8"))
                        continue
                    if key == STAGING or entry.name.startswith(PROBE) or is_record(key):
                        continue
                    try:
                        is_folder = self._is_folder(entry)
                    except NotOffered as why:
                        if key.startswith(prefix):
                            self._unlistable.append((key, str(why)))
                        continue
                    if is_folder:
                        key += "/"
                        if key.startswith(prefix) or prefix.startswith(key):
                            found.append(_Child(key, None))
                    elif key.startswith(prefix):
                        found.append(_Child(key, entry))
        except FileNotFoundError as error:
            if not folder:
                raise NotFound(f"{where}: no such folder") from error
            return iter(())
        except OSError as error:
            if not folder:
                raise map_os_error(error, str(where)) from error
            self._incomplete = True
            self._unlistable.append((base, "folder cannot be read"))
            return iter(())
        found.sort(key=lambda child: child.key)
        return iter(found)

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        """Whether to descend; False for a file to offer. Raises NotOffered."""
        if not entry.is_symlink():
            if entry.is_dir(follow_symlinks=False):
                return True
            if entry.is_file(follow_symlinks=False):
                return False
            raise NotOffered(_kind_words(entry))
        if self._links == "skip":
            raise NotOffered("symbolic link, not copied")
        try:
            mode = entry.stat().st_mode
        except FileNotFoundError:
            raise NotOffered("symbolic link that leads nowhere, not copied") from None
        except OSError as error:
            circle = error.errno == errno.ELOOP
            words = "in a circle" if circle else "to what cannot be read"
            raise NotOffered(f"symbolic link that leads {words}, not copied") from None
        where = os.path.realpath(entry.path)
        if self._links == "follow" and not is_below(where, os.path.realpath(self._root)):
            raise NotOffered("symbolic link that leads out of the folder, not copied")
        if stat_modes.S_ISDIR(mode):
            if any(is_below(os.path.realpath(above), where) for above in self._ways_to(entry.path)):
                raise NotOffered("symbolic link to a folder that it lies in, not copied")
            return True
        if not stat_modes.S_ISREG(mode):
            raise NotOffered("symbolic link to no regular file, not copied")
        return False

    def _ways_to(self, path: str) -> Iterator[str]:
        """The folders that a listing came through to `path`, as it came: links may be among them."""
        while len(path) > len(str(self._root)):
            path = os.path.dirname(path)
            yield path


def is_below(path: str, folder: str) -> bool:
    """Whether one resolved path is another or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _kind_words(entry: os.DirEntry[str]) -> str:
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return "not a regular file, not copied"
    if stat_modes.S_ISFIFO(mode):
        return "named pipe, not copied"
    if stat_modes.S_ISSOCK(mode):
        return "socket, not copied"
    return "device, not copied"
