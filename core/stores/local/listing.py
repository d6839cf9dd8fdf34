"""What a folder holds: all files below a prefix in key order, or one level of it.

Symbolic links, FIFOs, sockets, devices and names that are not UTF-8 are reported, never offered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.errors import NotFound
from core.model import Entry
from core.stores.base import CancelFlag, Cancelled
from core.stores.local.names import STAGING
from core.stores.local.os_errors import map_os_error

PAGE = 1000


class _Child(NamedTuple):
    key: str  # of a folder with a slash at the end: so it sorts as what is in it
    file: os.DirEntry[str] | None  # None for a folder


class Lister:
    """Lists under `root`; keys are paths relative to it."""

    def __init__(self, root: Path) -> None:
        self._root = root
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
                    status = file.stat(follow_symlinks=False)
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
                status = file.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # vanished between listing and looking: as if never there
            except OSError as error:
                self._unlistable.append((key, str(map_os_error(error, "cannot be read"))))
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
                    if key == STAGING:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        key += "/"
                        if key.startswith(prefix) or prefix.startswith(key):
                            found.append(_Child(key, None))
                    elif not key.startswith(prefix):
                        continue
                    elif entry.is_file(follow_symlinks=False):
                        found.append(_Child(key, entry))
                    else:
                        kind = "symbolic link" if entry.is_symlink() else "not a regular file"
                        self._unlistable.append((key, f"{kind}, not copied"))
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
