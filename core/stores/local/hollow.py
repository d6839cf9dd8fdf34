"""Removing a folder that holds nothing but empty folders, where a file is to have its name."""

from __future__ import annotations

import os
from pathlib import Path

from core.stores.local.folders import Folders
from core.stores.local.names import refuse_name

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


def remove_hollow(root: Path, folders: Folders, key: str) -> None:
    """Nothing happens where something else than folders is in it, or `key` is no folder; links are not
    followed. Raises FileTrouble for a key that is no path."""
    refuse_name(key)
    with folders.lock:
        opened: list[int] = []
        try:
            opened.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            *above, name = key.split("/")
            for each in above:
                opened.append(os.open(each, _FOLDER, dir_fd=opened[-1]))
            for path in _hollow(opened[-1], name):
                folders.forget("/".join([*above, path]))  # the descriptor of a folder that is gone
                os.rmdir(path, dir_fd=opened[-1])
        except OSError:
            return  # whoever wants the name is told what is there
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _hollow(parent: int, path: str) -> list[str]:
    """The folders at and below a path, from the inside out. Raises OSError at the first other thing."""
    folder = os.open(path, _FOLDER, dir_fd=parent)
    try:
        names = os.listdir(folder)
    finally:
        os.close(folder)
    return [inner for name in names for inner in _hollow(parent, f"{path}/{name}")] + [path]
