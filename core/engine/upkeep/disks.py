"""The disks that jobs write to: room, inodes, and whether it is still the same disk.

- Before each file or part is written, its bytes are taken from an account of the file system. The account is
  brought up to date with statvfs at most every `SAMPLE` seconds; in between, what was written since and what
  is being written is subtracted from the last sample, so that many workers cannot overdraw it together.
- What is kept in reserve stays free: a write that would go below it is refused before it begins (`NoRoom`).
  A reserve of 0 asks nothing beforehand, for file systems that do not tell the truth about their room
  (compression, quotas); there the write itself finds out.
- A disk is recognised by what outlives a remount: the UUID of its file system, the server and path of a
  network mount, else the id that statvfs gives. A folder whose disk is not mounted shows the disk above it,
  which is another one: nothing is written then.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from core.engine.upkeep.mounts import disk_identity
from core.errors import DiskTrouble, NoRoom, OtherDisk
from core.units import format_bytes, format_count

SAMPLE = 0.5  # seconds
NEARLY_FULL = 0.9  # from here on a plan says so
MIB = 1 << 20
INODES_SPARE = 1  # kept for the folder of partial files and the like


class Room(NamedTuple):
    """What a file system has left. Zero totals: it does not say (network and FUSE file systems)."""

    free: int  # bytes for a process without privileges
    total: int
    used: int
    inodes_free: int
    inodes: int
    block: int

    def full_after(self, size: int) -> float:
        """The share in use, 0 to 1, once `size` more bytes are there; as df(1) counts, without what only the
        superuser may take."""
        return (self.used + size) / max(1, self.used + self.free)


def room_at(folder: str | Path) -> Room:
    """Of the file system that `folder`, or the nearest folder above it, is on. Raises OSError."""
    status = os.statvfs(nearest(folder))
    block = status.f_frsize or status.f_bsize or 4096
    return Room(
        free=status.f_bavail * block,
        total=status.f_blocks * block,
        used=(status.f_blocks - status.f_bfree) * block,
        inodes_free=status.f_favail,
        inodes=status.f_files,
        block=block,
    )


def nearest(folder: str | Path) -> str:
    """The folder itself, or the nearest above it that is there."""
    near = Path(folder)
    while not near.is_dir() and near != near.parent:
        near = near.parent
    return str(near)


class Account:
    """One file system as all jobs of the engine write to it. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = Room(0, 0, 0, 0, 0, 4096)
        self._sampled = 0.0  # monotonic
        self._written = 0  # bytes since the sample
        self._made = 0  # files since the sample
        self._open = 0  # bytes being written
        self._opened = 0  # files being made

    def take(self, size: int, files: int, reserve: int, root: str) -> None:
        """`size` bytes and `files` inodes are about to be used. Raises NoRoom when that leaves less than
        `reserve`, DiskTrouble when the file system does not answer."""
        with self._lock:
            now = time.monotonic()
            if now - self._sampled > SAMPLE:
                self._sample(root, now)
            short = self._short(size, files, reserve)
            if short and now > self._sampled:  # perhaps only for the last half second
                self._sample(root, now)
                short = self._short(size, files, reserve)
            if short:
                raise NoRoom(f"No space left on {root}: {short}", room=size)
            self._open += size
            self._opened += files

    def give_back(self, size: int, files: int) -> None:
        """It was written, or came to nothing: the next sample tells."""
        with self._lock:
            self._open -= size
            self._opened -= files
            self._written += size
            self._made += files

    def explain(self, error: DiskTrouble, size: int, root: str) -> DiskTrouble:
        """The same trouble of a write of `size` bytes, naming the folder and, where it is so, the inodes."""
        if isinstance(error, NoRoom | OtherDisk):
            return error
        with suppress(OSError):
            room = room_at(root)
            if room.inodes and not room.inodes_free:
                return NoRoom(
                    f"No space left on {root}: all of its {format_count(room.inodes)} inodes are taken"
                )
        text = error.message if root in error.message else f"{root}: {error.message}"
        return DiskTrouble(text, room=error.room or size)

    def _sample(self, root: str, now: float) -> None:
        try:
            self._room = room_at(root)
        except OSError as error:
            raise DiskTrouble(f"{root}: {error.strerror}") from error
        self._sampled = now
        self._written = self._made = 0

    def _short(self, size: int, files: int, reserve: int) -> str:
        """What is missing, in words; empty when it will do."""
        room = self._room
        if room.inodes and files:
            left = room.inodes_free - self._made - self._opened - INODES_SPARE
            if left < files:
                return (
                    f"{format_count(room.inodes_free)} of its {format_count(room.inodes)} inodes are free, "
                    "and every file needs one"
                )
        if room.total and reserve:
            rounded = -(-size // room.block) * room.block
            free = room.free - self._written - self._open
            if free - rounded < reserve:
                needed = f"{format_bytes(size)} are needed next and " if size > MIB else ""
                return f"{format_bytes(max(0, free))} free, {needed}{format_bytes(reserve)} are kept in reserve"
        return ""


class Disks:
    """The accounts of all file systems that the engine writes to."""

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}
        self._lock = threading.Lock()

    def account(self, device: int) -> Account:
        with self._lock:
            return self._accounts.setdefault(device, Account())


class _Root(NamedTuple):
    folder: str
    device: int
    inode: int
    account: Account


class DiskWatch:
    """The disks of one run. `begin` once for each folder that is written, then `writing` around each write."""

    def __init__(self, disks: Disks, reserve: int) -> None:
        self._disks, self._reserve = disks, reserve
        self._roots: dict[int, _Root] = {}
        self._looked: dict[int, float] = {}

    def begin(self, route: int, folder: str) -> str:
        """The folder of a route is there and is the one that this run writes to. Returns the identity of its
        disk. Raises DiskTrouble."""
        try:
            status = Path(folder).stat()
        except OSError as error:
            raise DiskTrouble(f"{folder}: {error.strerror}") from error
        account = self._disks.account(status.st_dev)
        self._roots[route] = _Root(folder, status.st_dev, status.st_ino, account)
        return disk_identity(folder)

    @contextmanager
    def writing(self, route: int, size: int, files: int = 0) -> Iterator[None]:
        """Around a write of `size` bytes that makes `files` new files. Raises NoRoom before anything is
        written, OtherDisk when the folder's disk is not the one of `begin`."""
        root = self._roots.get(route)
        if root is None:  # not this machine's files
            yield
            return
        self._look(route, root)
        root.account.take(size, files, self._reserve, root.folder)
        try:
            yield
        except DiskTrouble as error:
            raise root.account.explain(error, size, root.folder) from error
        finally:
            root.account.give_back(size, files)

    def _look(self, route: int, root: _Root) -> None:
        now = time.monotonic()
        if now - self._looked.get(route, 0.0) < SAMPLE:
            return
        try:
            status = Path(root.folder).stat()
        except FileNotFoundError:
            raise OtherDisk(f"{root.folder} is gone: its disk was unmounted, or the folder removed") from None
        except OSError as error:
            raise DiskTrouble(f"{root.folder}: {error.strerror}") from error
        if (status.st_dev, status.st_ino) != (root.device, root.inode):
            raise other_disk(root.folder)
        self._looked[route] = now


def other_disk(folder: str) -> OtherDisk:
    return OtherDisk(f"the disk under {folder} is not the one that this job began on")


def check_disk(folder: str, began_on: str) -> None:
    """Raises OtherDisk when the disk under `folder`, there or not yet, is another one than `began_on` (an
    identity; empty: none was recorded)."""
    if began_on and disk_identity(nearest(folder)) != began_on:
        raise other_disk(folder)


def plan_warnings(needs: Iterable[tuple[str, int, int]], reserve: int) -> list[str]:
    """What to say of the disks before a job begins. `needs`: folder, bytes and files to be written there."""
    by_disk: dict[int, tuple[str, int, int]] = {}
    for folder, size, files in needs:
        near = nearest(folder)
        try:
            device = Path(near).stat().st_dev
        except OSError:
            continue  # no news of the disk: the writing will tell
        _, so_far, made = by_disk.get(device, (near, 0, 0))
        by_disk[device] = (near, so_far + size, made + files)
    found: list[str] = []
    for folder, size, files in by_disk.values():
        if not files:
            continue
        try:
            room = room_at(folder)
        except OSError:
            continue
        if room.total and size + reserve > room.free:
            found.append(
                f"{folder} has {format_bytes(room.free)} free; this needs {format_bytes(size)}, and "
                f"{format_bytes(reserve)} should stay free"
            )
        elif room.total and size and room.full_after(size) >= NEARLY_FULL:
            found.append(f"{folder} will be {100 * room.full_after(size):.0f} % full after this")
        if room.inodes and files + INODES_SPARE > room.inodes_free:
            found.append(
                f"{folder} has {format_count(room.inodes_free)} inodes free; this needs {format_count(files)}, "
                "one for each file, and some for folders"
            )
    return found
