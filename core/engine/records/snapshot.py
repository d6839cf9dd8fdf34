"""A file that is rewritten as a whole: readers see the old one or the new one, never half of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from core.engine.records.backup import kept_as


def replace_file(
    path: Path, pieces: Iterable[bytes], mark: str, *, first: Callable[[], None] | None = None
) -> str:
    """Write beside it, make durable, rename. Returns the name under which the old file is kept, or "".

    `mark` tells this writer's unfinished file from those of others; what a kill left behind is written over.
    With `first`, what stands there is somebody else's and is kept; `first` is called when it is, before the
    name changes hands: whatever a kill leaves, no file of somebody else is lost and none of ours is kept.
    Raises OSError, with the old file as it was.
    """
    unfinished = path.with_name(f".{path.name}.{mark}.tmp")
    backup = ""
    try:
        with unfinished.open("wb", buffering=1 << 16) as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        if first is not None:
            if path.exists() and path.stat().st_size:
                backup = str(kept_as(path))
            first()
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return backup
