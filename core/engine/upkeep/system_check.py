"""Is this machine, and a place, fit for a transfer: one line for each thing that often stands in the way.

Nothing is left behind: in a folder a hidden file is written, made durable and removed; servers are only asked
(server_check.py). Numbers are measured now, on this machine; the words after them say what they are measured
against.
"""

from __future__ import annotations

import os
import resource
import secrets
import time
from contextlib import suppress
from pathlib import Path

import psutil

from core.connection_desk import ConnectionDesk
from core.engine.storebook import StoreBook
from core.engine.upkeep.check_lines import line
from core.engine.upkeep.disks import NEARLY_FULL, Room, nearest, room_at
from core.engine.upkeep.mounts import Mount, mount_of
from core.engine.upkeep.server_check import connection_lines, web_lines
from core.errors import Code, HaulierError
from core.messages import CheckSystem, SystemCheckLine, SystemReport
from core.safe_text import safe_text
from core.units import format_bytes, format_count

GIB = 1 << 30
PROBE = 1 << 20  # bytes written to try a folder
SLOW = 2.0  # seconds for a durable MiB from which on a disk is called slow
MEMORY = 512 << 20  # available bytes under which a warning is given: buffers, and the engine itself
FILES = 1024  # open files
JOURNAL_ROOM = 1 * GIB
_FAT = {"vfat", "msdos", "fat"}
_NETWORK = ("nfs", "cifs", "smb", "fuse", "9p", "ceph", "lustre", "glusterfs", "afs")
_PASSING = {"tmpfs", "ramfs"}


class SystemCheck:
    """`metadata` is the folder of the journal, `reserve` the setting's. `run` blocks, at most about 20 s."""

    def __init__(self, desk: ConnectionDesk, stores: StoreBook, metadata: Path, reserve: int) -> None:
        self._desk, self._stores, self._metadata, self._reserve = desk, stores, metadata, reserve

    def run(self, command: CheckSystem) -> SystemReport:
        """Never raises for what it finds; HaulierError for a connection that is not there."""
        reserve = command.reserve if command.reserve >= 0 else self._reserve
        if command.place.kind == "local":
            lines = _folder(command.place.path, command.size, reserve)
        elif command.place.kind in ("web", "list"):
            lines = web_lines(self._stores, command.place)
        elif command.place.kind in ("s3", "hub"):
            lines = connection_lines(self._desk, self._stores, command.place, command.adhoc)
        else:
            raise HaulierError(Code.USAGE, f"{command.place} cannot be checked", "Name the disk's folder.")
        lines += [_journal_disk(self._metadata), _processors(), _memory(), _open_files()]
        return SystemReport(checks=tuple(lines), ok=all(each.level != "fail" for each in lines))


def _folder(path: str, size: int, reserve: int) -> list[SystemCheckLine]:
    near = nearest(path)
    where = safe_text(near if near == path.rstrip("/") or near == path else f"{near} (above {path})")
    lines = [_exists(path)] if not Path(path).is_dir() and Path(path).exists() else []
    try:
        room = room_at(near)
        mount = mount_of(Path(near).stat().st_dev)
    except OSError as error:
        return [*lines, line("space", "fail", f"{where}: {error.strerror}", "mount or mend the disk")]
    lines += [_space(where, room, size, reserve), _inodes(room), _kind(mount, size), _writing(near)]
    return lines


def _exists(path: str) -> SystemCheckLine:
    return line("folder", "fail", f"{safe_text(path)} is a file, not a folder", "name a folder")


def _space(where: str, room: Room, size: int, reserve: int) -> SystemCheckLine:
    if not room.total:
        return line("space", "warn", f"{where} does not say how much is free", "watch it yourself")
    after = room.free - size
    detail = f"{where} has {format_bytes(room.free)} of {format_bytes(room.total)} free"
    if size:
        detail += f", {format_bytes(max(0, after))} after {format_bytes(size)} more"
    if after < 0:
        return line("space", "fail", detail, f"free {format_bytes(-after + reserve)}, or choose another disk")
    if after < reserve:
        return line(
            "space",
            "fail",
            f"{detail}; {format_bytes(reserve)} are kept in reserve, so a job stops before that",
            f"free {format_bytes(reserve - after)}, or allow less with --reserve",
        )
    if room.full_after(size) >= NEARLY_FULL:
        return line(
            "space",
            "warn",
            f"{detail}: {100 * room.full_after(size):.0f} % full",
            "make room before it is full",
        )
    if after < GIB:
        return line("space", "warn", f"{detail}: less than 1 GiB", "free some, whatever the reserve says")
    return line("space", "ok", detail)


def _inodes(room: Room) -> SystemCheckLine:
    if not room.inodes:
        return line("inodes", "ok", "made as they are needed")
    share = room.inodes_free / room.inodes
    detail = f"{format_count(room.inodes_free)} of {format_count(room.inodes)} free"
    if room.inodes_free < 100:
        return line("inodes", "fail", detail, "every file needs one: remove files, or choose another disk")
    if share < 1 - NEARLY_FULL:
        return line("inodes", "warn", detail, "every file needs one; the plan says how many files come")
    return line("inodes", "ok", detail)


def _kind(mount: Mount | None, size: int) -> SystemCheckLine:
    if mount is None:
        return line("file system", "warn", "not known", "")
    what = safe_text(f"{mount.kind} on {mount.source}")
    if mount.kind in _FAT:
        return line(
            "file system",
            "fail" if size > 4 * GIB else "warn",
            what,
            "files of 4 GiB and more do not fit on it",
        )
    if mount.kind in _PASSING:
        return line("file system", "warn", what, "it lives in memory: what is there is gone after a restart")
    if mount.kind.startswith(_NETWORK):
        return line(
            "file system",
            "warn",
            what,
            "over a network, locks and durability are what its server makes of them",
        )
    return line("file system", "ok", what)


def _writing(folder: str) -> SystemCheckLine:
    probe = Path(folder, f".haulier-check-{secrets.token_hex(8)}")
    began = time.monotonic()
    try:
        fd = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            content = os.urandom(PROBE)
            if os.write(fd, content) != PROBE:
                return line("write", "fail", "the disk takes less than 1 MiB", "free some space")
            os.fsync(fd)
            seconds = time.monotonic() - began
            if os.pread(fd, PROBE, 0) != content:
                return line("write", "fail", "what was written reads back differently", "do not use this disk")
        finally:
            os.close(fd)
    except OSError as error:
        return line(
            "write",
            "fail",
            f"{safe_text(folder)}: {error.strerror}",
            "get permission to write there, or choose another folder",
        )
    finally:
        with suppress(OSError):
            probe.unlink()
    detail = f"1 MiB written and durable in {seconds * 1000:.0f} ms"
    if seconds > SLOW:
        return line("write", "warn", detail, "a slow or busy disk: it will set the pace")
    return line("write", "ok", detail)


def _journal_disk(folder: Path) -> SystemCheckLine:
    try:
        free = room_at(folder).free
    except OSError as error:
        return line("journal", "fail", f"{safe_text(str(folder))}: {error.strerror}", "mend it")
    detail = f"{safe_text(str(folder))} has {format_bytes(free)} free for the engine's records"
    if free < JOURNAL_ROOM // 16:
        return line("journal", "fail", detail, "free some, or choose another folder with --metadata-dir")
    if free < JOURNAL_ROOM:
        return line("journal", "warn", detail, "a million files need about 300 MiB there")
    return line("journal", "ok", detail)


def _processors() -> SystemCheckLine:
    count = os.cpu_count() or 1
    load = os.getloadavg()[0]
    detail = f"{count} cores, load {load:.1f}"
    if load > 2 * count:
        return line("cpu", "warn", detail, "other programs are busy: transfers will be slower")
    return line("cpu", "ok", detail)


def _memory() -> SystemCheckLine:
    memory = psutil.virtual_memory()
    detail = f"{format_bytes(memory.available)} of {format_bytes(memory.total)} available"
    if memory.available < MEMORY:
        return line("memory", "warn", detail, f"close something: {format_bytes(MEMORY)} are comfortable")
    return line("memory", "ok", detail)


def _open_files() -> SystemCheckLine:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    detail = "no limit" if soft == resource.RLIM_INFINITY else f"{format_count(soft)} open files allowed"
    if soft != resource.RLIM_INFINITY and soft < FILES:
        more = "no limit" if hard == resource.RLIM_INFINITY else format_count(hard)
        return line(
            "open files", "warn", detail, f"`ulimit -n {FILES}` before the engine starts (up to {more})"
        )
    return line("open files", "ok", detail)
