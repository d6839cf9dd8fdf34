"""A small file that is only ever replaced whole, by one writer at a time, durably.

A change is written under a lock to a new file, which is synced and then renamed over the old one. Whoever is
killed in between leaves the old file as it was. Several processes may use one file.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Code, HaulierError

Stamp = tuple[int, int, int] | None
_LOCK_WAIT = 5.0  # seconds; a change takes milliseconds


def stamp_of(path: Path) -> Stamp:
    """What tells one state of a file from another; None when there is none. Raises OSError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def make_folder(folder: Path) -> None:
    """The folder, made for its owner only when it is new. Raises HaulierError (usage)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HaulierError(Code.USAGE, f"The folder {folder} cannot be made: {error.strerror}.") from None


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock beside `target`; it is freed with the process. Raises HaulierError when it stays taken."""
    try:
        descriptor = os.open(
            target.with_name(f".{target.name}.lock"),
            os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o600,
        )
    except OSError as error:
        raise HaulierError(Code.USAGE, f"{target} cannot be changed: {error.strerror}.") from None
    try:
        deadline = time.monotonic() + _LOCK_WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HaulierError(
                        Code.REFUSED, f"{target} is being changed by another haulier.", "Try again in a moment."
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def replace(target: Path, data: bytes, unchanged: Callable[[], bool], mode: int = 0o600) -> None:
    """Put `data` in the place of `target`, durably and at once, if `unchanged` still says so at the end.

    The new file's name is fixed: only the holder of the lock writes it, and one left by a killed process is
    overwritten by the next. Raises HaulierError: refused when it changed, blocked when it cannot be written.
    """
    new = target.with_name(f".{target.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if not unchanged():
            new.unlink()
            raise HaulierError(
                Code.REFUSED,
                f"{target} was changed by another program just now; nothing was written.",
                "Look at it again, then repeat the change.",
            )
        new.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise HaulierError(Code.BLOCKED, f"{target} cannot be written: {error.strerror}.") from None
