"""What a folder holds: all files below a prefix in key order, or one level of it.

FIFOs, sockets, devices and names that are not UTF-8 are reported, never offered. So are symbolic links, unless
they are to be followed: then a link is what it leads to. Links that lead nowhere, into a folder they lie in
(which would have no end), or out of the folder where only the others are wanted, are reported all the same.
"""

from __future__ import annotations

import errno
import os
import stat as stat_modes
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from core.errors import NotFound
from core.model import Entry, Links
from core.stores.base import CancelFlag, Cancelled
from core.stores.local.names import STAGING, is_record
from core.stores.local.os_errors import map_os_error, map_read_error
from core.stores.local.rules import PROBE

PAGE = 1000


_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class NotOffered(Exception):
    """Why something that is there is not listed, in words."""


class _Folder:
    """A folder below the root. Its files are looked at from a descriptor of it: the kernel then walks one name
    for each of them, not a whole path."""

    def __init__(self, root: Path, key: str) -> None:
        self.path = str(root / key) if key else str(root)
        self.base = f"{key}/" if key else ""
        self._fd = -1

    def stat(self, name: str, *, follow_symlinks: bool) -> os.stat_result:
        """Raises OSError."""
        if self._fd < 0:
            self._fd = os.open(self.path, _OPEN)
        return os.stat(name, dir_fd=self._fd, follow_symlinks=follow_symlinks)

    def close(self) -> None:
        """Until the next look."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


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
        entries: list[Entry] = []
        with closing(self._level(prefix, cursor)) as level:
            for entry in level:
                if len(entries) == limit:
                    return entries, entries[-1].key
                entries.append(entry)
        return entries, ""

    def level_pages(self, prefix: str, *, start_after: str) -> Iterator[list[Entry]]:
        """All pages of a level; the folder is read once, each file looked at when its page comes."""
        with closing(self._level(prefix, start_after)) as level:
            while page := list(islice(level, PAGE)):
                yield page

    def _level(self, prefix: str, start_after: str) -> Generator[Entry, None, None]:
        folder = _Folder(self._root, prefix.rpartition("/")[0])
        with closing(folder):
            for name in self._names(folder, prefix):
                key = folder.base + name
                if key <= start_after:
                    continue
                if name.endswith("/"):
                    yield Entry(key=key, is_folder=True)
                    continue
                try:
                    status = folder.stat(name, follow_symlinks=self._links != "skip")
                except OSError:
                    continue  # vanished while looking
                yield Entry(key=key, size=status.st_size, modified=status.st_mtime)

    def _walk(self, prefix: str, cancelled: CancelFlag) -> Iterator[Entry]:
        """Files under `prefix` in byte order of their paths: a folder sorts as its name and a slash."""
        follows = self._links != "skip"
        stack: list[tuple[_Folder, Iterator[str]]] = []

        def enter(key: str) -> None:
            folder = _Folder(self._root, key)
            stack.append((folder, iter(self._names(folder, prefix))))

        try:
            enter(prefix.rpartition("/")[0])
            while stack:
                folder, names = stack[-1]
                for name in names:
                    if cancelled.is_set():
                        raise Cancelled
                    if name.endswith("/"):
                        folder.close()  # only one is open, however deep
                        enter(folder.base + name[:-1])
                        break
                    try:
                        status = folder.stat(name, follow_symlinks=follows)
                    except FileNotFoundError:
                        continue  # vanished between listing and looking: as if never there
                    except OSError as error:
                        words = str(map_read_error(error, "cannot be read"))
                        self._unlistable.append((folder.base + name, words))
                        continue
                    yield Entry(key=folder.base + name, size=status.st_size, modified=status.st_mtime)
                else:
                    stack.pop()[0].close()
        finally:
            if stack:
                stack[-1][0].close()

    def _names(self, folder: _Folder, prefix: str) -> list[str]:
        """What a folder offers, in order. Folders have a slash at the end: so they sort as what is in them.
        Names alone, because a folder may hold millions."""
        base = folder.base
        found: list[str] = []
        try:
            with os.scandir(folder.path) as entries:
                for entry in entries:
                    name = entry.name
                    key = base + name
                    if not _is_text(key):
                        self._unlistable.append((ascii(key), "name is not UTF-8"))
                        continue
                    if key == STAGING or name.startswith(PROBE) or is_record(key):
                        continue
                    try:
                        # Most are regular files, which the folder itself tells.
                        is_folder = not entry.is_file(follow_symlinks=False) and self._is_folder(entry)
                    except NotOffered as why:
                        if key.startswith(prefix):
                            self._unlistable.append((key, str(why)))
                        continue
                    if is_folder:
                        if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                            found.append(f"{name}/")
                    elif key.startswith(prefix):
                        found.append(name)
        except FileNotFoundError as error:
            if not base:
                raise NotFound(f"{folder.path}: no such folder") from error
            return []
        except OSError as error:
            if not base:
                raise map_os_error(error, folder.path) from error
            self._incomplete = True
            self._unlistable.append((base, "folder cannot be read"))
            return []
        found.sort()
        return found

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        """Of what is no regular file: whether to descend; False for a link to a file to offer. Raises
        NotOffered."""
        if not entry.is_symlink():
            if entry.is_dir(follow_symlinks=False):
                return True
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


def _is_text(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


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
