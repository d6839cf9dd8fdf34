"""What a folder's file system makes of names, times and sizes: found out by trying, and nothing stays behind.

Linux tells the limits (statvfs(3), pathconf(3)), not which names a file system takes for one and the same,
which characters it refuses or how finely it keeps time. So a folder of our own is made beside what will be
written, names are tried in it, and it is removed again. Where none can be made, the folder is only looked at.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import unicodedata
from contextlib import suppress
from pathlib import Path

import msgspec

from core.stores.local.names import NAME_MAX, PATH_MAX, STAGING, name_problem

PROBE = ".haulier-probe-"
_SUSPECTS = '"*:<>?\\|\x01\x1f'  # what FAT, exFAT, NTFS and SMB shares refuse (FAT specification, "Long names")
_TRIMMED = ". "  # at the end of a name, by the same
_CONTROLS = "".join(map(chr, range(1, 32)))
_MOMENT = 1_000_000_001_123_456_789  # nanoseconds; odd in every place that a file system may cut off
_UNLIMITED = (1 << 63) - 1


class FolderRules(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are those of ext4, XFS, Btrfs and tmpfs."""

    name_max: int = NAME_MAX  # bytes
    path_max: int = PATH_MAX  # bytes below the folder
    refused: str = ""  # characters that no name may have, besides NUL and "/"
    trimmed: str = ""  # characters that vanish at the end of a name
    folds_case: bool = False  # "A" and "a" are one name
    folds_form: bool = False  # "é" as one code point and as two are one name
    rewrites: bool = False  # names come back in another Unicode form than they were written
    time_step: float = 0.0  # seconds
    max_file: int = _UNLIMITED  # bytes

    @property
    def folds(self) -> bool:
        """Whether different names may mean one file."""
        return self.folds_case or self.folds_form

    def folded(self, name: str) -> str:
        """The same text for all names that this file system may take for one. Coarser than some tables are:
        what is wrongly thought a twin is reported, what is wrongly thought none would be overwritten."""
        if self.folds_form or self.rewrites:
            name = unicodedata.normalize("NFD", name)
        return unicodedata.normalize("NFD", name.casefold()) if self.folds_case else name

    def spelled(self, name: str) -> str:
        """The same text for all ways in which this file system may give this name back."""
        return unicodedata.normalize("NFD", name) if self.rewrites else name

    def problem(self, key: str) -> str:
        """Why a key cannot be a path under the folder; empty when it can."""
        if problem := name_problem(key):
            return problem
        if len(key.encode()) > self.path_max:
            return "path too long"
        if self.name_max < NAME_MAX and any(len(part.encode()) > self.name_max for part in key.split("/")):
            return f"name longer than {self.name_max} bytes"
        if self.refused and (found := re.search(f"[{re.escape(self.refused)}]", key)):
            return f"the file system takes no {_shown(found[0])} in names"
        if self.trimmed and any(part and part[-1] in self.trimmed for part in key.split("/")):
            return "the file system drops the dot or space at a name's end"
        if self.folds_case and key.split("/", 1)[0].casefold() == STAGING:
            return "is the name of the folder for partial files"
        return ""


def _shown(char: str) -> str:
    return f'"{char}"' if char.isprintable() else "control characters"


def probe_folder(folder: Path) -> FolderRules:
    """The rules where `folder` is or would be made."""
    near = folder
    while not near.is_dir() and near != near.parent:
        near = near.parent
    rules = FolderRules(
        name_max=_name_max(near), path_max=min(PATH_MAX, 4094 - len(os.fsencode(folder)))
    )  # PATH_MAX of the kernel is 4 096 with the slash between and the NUL at the end
    try:
        return _tried(near, rules)
    except OSError:  # not ours to write, or full: that is told elsewhere
        return _looked(near, rules)


def _name_max(near: Path) -> int:
    told = [NAME_MAX]
    with suppress(OSError, ValueError):
        told += [os.pathconf(near, "PC_NAME_MAX"), os.statvfs(near).f_namemax]
    return min(length for length in told if length > 0)


def _tried(near: Path, rules: FolderRules) -> FolderRules:
    _sweep(near)
    name = PROBE + secrets.token_hex(8)
    os.mkdir(near / name, 0o700)
    folder = -1
    try:
        folder = os.open(near / name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever sweeps sees that somebody lives here
        os.mkdir("Aa", dir_fd=folder)
        os.mkdir("e\u0301", dir_fd=folder)
        refused = "".join(char for char in _SUSPECTS if not _comes_back(f"x{char}x", folder))
        if {"\x01", "\x1f"} & set(refused):
            refused = "".join(char for char in refused if char.isprintable()) + _CONTROLS
        step, largest = _time_and_size(folder)
        return msgspec.structs.replace(
            rules,
            folds_case=_is_there("aA", folder),
            folds_form=_is_there("\u00e9", folder),
            rewrites="e\u0301" not in os.listdir(folder),
            refused=refused,
            trimmed="".join(char for char in _TRIMMED if not _comes_back(f"y{char}", folder)),
            time_step=step,
            max_file=largest,
        )
    finally:
        if folder >= 0:
            _emptied(folder)
            os.close(folder)
        with suppress(OSError):
            os.rmdir(near / name)


def _emptied(folder: int) -> None:
    for left in os.listdir(folder):
        with suppress(OSError):
            if stat.S_ISDIR(os.stat(left, dir_fd=folder, follow_symlinks=False).st_mode):
                os.rmdir(left, dir_fd=folder)
            else:
                os.unlink(left, dir_fd=folder)


def _sweep(near: Path) -> None:
    """Remove what a kill left of earlier tries: folders of that name that nobody holds."""
    for left in [entry for entry in os.listdir(near) if entry.startswith(PROBE)]:
        with suppress(OSError):
            folder = os.open(near / left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _emptied(folder)
                os.rmdir(near / left)
            finally:
                os.close(folder)


def _comes_back(name: str, folder: int) -> bool:
    """Whether a name can be given, and is listed as it was given."""
    try:
        os.mkdir(name, dir_fd=folder)
    except OSError:
        return False
    return name in os.listdir(folder)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _time_and_size(folder: int) -> tuple[float, int]:
    """In what steps a file's time is kept, and how large a file may be: lseek(2) refuses what lies behind the
    largest offset that the file system has, and nothing is written for it."""
    file = os.open("t", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        os.utime(file, ns=(_MOMENT, _MOMENT))
        lost = abs(os.fstat(file).st_mtime_ns - _MOMENT)
        step = next((unit for unit in (1e-6, 1e-3, 1.0) if lost < unit * 1e9), 2.0)
        low, high = 0, _UNLIMITED
        while low < high:
            middle = (low + high + 1) // 2
            try:
                os.lseek(file, middle, os.SEEK_SET)
                low = middle
            except OSError:
                high = middle - 1
        return step, low or _UNLIMITED
    finally:
        os.close(file)


def _looked(near: Path, rules: FolderRules) -> FolderRules:
    """Without writing: whether something that is there answers to its name in the other case."""
    with suppress(OSError), os.scandir(near) as entries:
        for entry in entries:
            other = entry.name.swapcase()
            if other != entry.name and other.swapcase() == entry.name:
                with suppress(OSError):
                    same = os.stat(near / other, follow_symlinks=False).st_ino == entry.inode()
                    return msgspec.structs.replace(rules, folds_case=same, folds_form=same)
                return rules
    return rules
