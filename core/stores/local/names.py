"""Which keys can be paths under a folder here."""

from __future__ import annotations

from core.errors import FileTrouble

NAME_MAX = 255  # bytes of one name, on the file systems of Linux (limits.h)
PATH_MAX = 3800  # bytes of a path below a folder: the kernel takes 4 096 with everything above it
STAGING = ".haulier"  # the folder for partial files, under the root
LOCKS = "locks"  # in that folder, see locking.py
NOTES = ".aria2"  # ends the name of what aria2c notes of a partial file, beside it
DISK_MARKER = ".haulier-disk.json"  # at the root of a disk that holds batches, see core/stores/disk
MANIFEST = ".haulier-manifest-"  # the beginning of the names of the manifests beside it


def is_record(key: str) -> bool:
    """Whether a path under a folder is that of a record which this program keeps on disks: never data."""
    return key.startswith((DISK_MARKER, MANIFEST)) and "/" not in key


def name_problem(key: str) -> str:
    """Why a key cannot be a path under any folder; empty when it can. rules.py knows what one file system
    wants."""
    name = key[:-1] if key.endswith("/") else key
    if not name:
        return "has no name"
    if len(name.encode()) > PATH_MAX:
        return "path too long"
    for part in name.split("/"):
        if part == "":
            return "has an empty path segment"
        if part in (".", ".."):
            return f'has a "{part}" segment'
        if "\0" in part:
            return "has a NUL character"
        if len(part.encode()) > NAME_MAX:
            return f"name longer than {NAME_MAX} bytes"
    if name.split("/", 1)[0] == STAGING:
        return "is the name of the folder for partial files"
    if is_record(name):
        return "is the name of a record of this program on the disk"
    return ""


def refuse_name(key: str) -> None:
    """Raises FileTrouble for a key that is no path under a folder; nothing is ever written outside the root."""
    if problem := name_problem(key):
        raise FileTrouble(f"{key}: {problem}")
