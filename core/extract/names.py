"""Which names are those of archives that can be taken apart, and the folder that comes of one."""

from __future__ import annotations

# The longer one first where one ends as the other.
SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".tgz", ".tbz2", ".tbz", ".txz")


def folder_name(name: str) -> str:
    """`ID.tar` → `ID`, also below folders (`a/ID.tgz` → `a/ID`) and in capitals; empty for what is no archive
    by its name. The folder may be one that must not be made (`..` of `...tar`)."""
    last = name.rpartition("/")[2].lower()
    for suffix in SUFFIXES:
        if last.endswith(suffix) and len(last) > len(suffix):
            return name[: -len(suffix)]
    return ""
