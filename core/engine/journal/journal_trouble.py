"""What is said of a journal that cannot be used, and the copy that is kept of a damaged one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from core.errors import Code, DiskTrouble, HaulierError

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NOT_ALLOWED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH}
_IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class JournalDamaged(DiskTrouble):
    """The journal was found damaged while it was in use: no job can go on."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"the journal {path} is damaged ({error}); stop the engine and start it again: it then looks the "
            "journal over and keeps a copy"
        )


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is broken, rather than the disk full or the folder closed
    (https://www.sqlite.org/rescode.html; an error of ours carries no code and is damage)."""
    if type(error) is sqlite3.DatabaseError and not hasattr(error, "sqlite_errorcode"):
        return True
    return _primary(error) in _DAMAGE


def refusal(path: Path, error: sqlite3.DatabaseError, copy: Path | None) -> HaulierError:
    """Why the engine does not start with this journal, and the way out."""
    kind = _primary(error)
    if is_damage(error):
        kept = f"a copy is kept in {copy}" if copy is not None else "no copy of it could be made"
        return HaulierError(
            Code.FAILED,
            f"the journal {path} is damaged: {error}",
            f"nothing was changed, and {kept}; to begin with an empty one, which forgets the jobs and leaves "
            f"all files where they are, remove {path.name}, {path.name}-wal and {path.name}-shm together; "
            "or choose another folder with --metadata-dir",
        )
    if kind in _NOT_ALLOWED:
        return HaulierError(
            Code.BLOCKED,
            f"the journal {path} cannot be opened: {error}",
            f"the engine must be able to read and write it and the folder {path.parent}; "
            "or choose another folder with --metadata-dir",
        )
    if kind in _IN_USE:
        return HaulierError(
            Code.BLOCKED,
            f"the journal {path} is held by another program: {error}",
            "close what has it open; nothing but the engine should",
        )
    return HaulierError(
        Code.BLOCKED,
        f"the journal {path} cannot be read or written: {error}",
        f"free space or mend the disk under {path.parent}; nothing was changed",
    )


def keep_copy(path: Path) -> Path | None:
    """Copy a damaged journal and its -wal into a folder beside it, named by when it was last changed, so once.

    None when there is no room, or no permission.
    """
    files = [file for ending in ("", "-wal") if (file := path.with_name(path.name + ending)).is_file()]
    try:
        changed = max(file.stat().st_mtime for file in files)
        size = sum(file.stat().st_size for file in files)
        folder = path.with_name(f"{path.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(changed))}")
        if folder.is_dir():
            return folder
        if shutil.disk_usage(path.parent).free < 2 * size:
            return None
        making = folder.with_name(f".{folder.name}")
        making.mkdir(mode=0o700, exist_ok=True)
        for file in files:
            with file.open("rb") as source, (making / file.name).open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            with suppress(OSError):
                shutil.copystat(file, making / file.name)
        making.rename(folder)
    except (OSError, ValueError):
        return None
    return folder


def _primary(error: sqlite3.DatabaseError) -> int:
    """The primary result code; extended ones have it in their low byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
