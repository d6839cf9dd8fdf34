"""Which keys can be paths under a folder here."""

from __future__ import annotations

from core.errors import FileTrouble

STAGING = ".haulier"  # the folder for partial files, under the root


def name_problem(key: str) -> str:
    """Why a key cannot be a path under a folder here; empty when it can.

    NAME_MAX is 255 bytes on the file systems of Linux; PATH_MAX 4 096 (limits.h).
    """
    name = key[:-1] if key.endswith("/") else key
    if not name:
        return "has no name"
    if len(name.encode()) > 3800:
        return "path too long"
    for part in name.split("/"):
        if part == "":
            return "has an empty path segment"
        if part in (".", ".."):
            return f'has a "{part}" segment'
        if "\0" in part:
            return "has a NUL character"
        if len(part.encode()) > 255:
            return "name longer than 255 bytes"
    if name.split("/", 1)[0] == STAGING:
        return "is the name of the folder for partial files"
    return ""


def refuse_name(key: str) -> None:
    """Raises FileTrouble for a key that is no path under a folder; nothing is ever written outside the root."""
    if problem := name_problem(key):
        raise FileTrouble(f"{key}: {problem}")
