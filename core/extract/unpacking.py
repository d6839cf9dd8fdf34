"""One archive into one folder: first all of it under a passing name, durable, then the name.

1. Everything is written below a passing folder beside the target, by descriptors that follow no link, each file
   made anew (O_EXCL): what an archive names twice, or through a link, is refused by the file system itself.
2. Only files and folders. A member of any other kind, or with a name that leads out, spoils the whole archive:
   what is left out silently would be missing, and what is bent into shape would be a lie.
3. When all is there, it is made durable, and the folder gets its name. Only then the archive may be deleted.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.extract.compression import opened
from core.extract.errors import ArchiveTrouble
from core.extract.tar import Member, TarStream
from core.syncing import sync_file_system

MIB = 1 << 20
_SMALL = 64 * MIB  # below this a high ratio harms nobody
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Caps:
    """What one archive may cost. Sizes in bytes."""

    size: int  # of all files together: the room that is left on the disk
    members: int = 2_000_000
    ratio: int = 1000  # of unpacked to packed bytes
    depth: int = 64  # folders within folders


@dataclass
class Unpacked:
    """What came out of it, counted while it goes on."""

    files: int = 0
    folders: int = 0
    size: int = 0
    progress: float = 0.0  # 0 to 1: how much of the archive was read


@dataclass
class _Tree:
    """The passing folder, by descriptors."""

    root: int
    caps: Caps
    result: Unpacked


def unpack(
    archive: Path,
    target: Path,
    caps: Caps,
    *,
    passing: Path,
    given_up: threading.Event,
    told: Callable[[Unpacked], None] | None = None,
) -> Unpacked:
    """Take `archive` apart into the folder `target`, which appears when all of it is there and durable.

    `passing` is a folder that does not exist yet, on the same file system; it is gone afterwards, whatever
    happens. Files that `target` already has stay unless the archive has one of the same name.
    Raises ArchiveTrouble for a bad or hostile archive, OSError for the disk's troubles (nothing is under
    `target` then but what was there before), InterruptedError when `given_up` was set.
    """
    result = Unpacked()
    shutil.rmtree(passing, ignore_errors=True)
    passing.mkdir(parents=True)
    try:
        _fill(archive, passing, caps, result, given_up, told)
        _make_durable(passing)
        _publish(passing, target)
        return result
    finally:
        shutil.rmtree(passing, ignore_errors=True)


def _fill(
    archive: Path,
    passing: Path,
    caps: Caps,
    result: Unpacked,
    given_up: threading.Event,
    told: Callable[[Unpacked], None] | None,
) -> None:
    total = max(1, archive.stat().st_size)
    root = os.open(passing, _FOLDER_FLAGS)
    try:
        with opened(archive) as (plain, packed):
            stream = TarStream(plain)
            tree = _Tree(root, caps, result)
            for member in stream:
                _take(tree, stream, member, lambda: _watch(stream, packed.tell(), caps, given_up))
                result.progress = min(1.0, packed.tell() / total)
                if told is not None:
                    told(result)
    finally:
        os.close(root)
    if not result.files and not result.folders:
        raise ArchiveTrouble("there is nothing in it")
    result.progress = 1.0


def _watch(stream: TarStream, packed: int, caps: Caps, given_up: threading.Event) -> None:
    if given_up.is_set():
        raise InterruptedError("given up")
    if stream.position > _SMALL and stream.position > caps.ratio * max(1, packed):
        raise ArchiveTrouble(
            f"it grows to more than {caps.ratio} times its size: such archives are made to fill disks"
        )


def _take(tree: _Tree, stream: TarStream, member: Member, watch: Callable[[], None]) -> None:
    parts = safe_parts(member, tree.caps)
    if not parts:
        return  # the top folder itself
    result, caps = tree.result, tree.caps
    if result.files + result.folders >= caps.members:
        raise ArchiveTrouble(f"more than {caps.members} files and folders")
    if member.kind == "folder":
        os.close(_folder(tree, parts))
        result.folders += 1
        return
    if result.size + member.size > caps.size:
        raise ArchiveTrouble(
            f"its files need more than the {caps.size} bytes that are left for them on this disk"
        )
    above = _folder(tree, parts[:-1])
    try:
        mode = 0o644 | (member.mode & 0o111)
        try:
            fd = os.open(parts[-1], _FILE_FLAGS, mode=mode, dir_fd=above)
        except FileExistsError:
            raise ArchiveTrouble(f"{_shown(member)}: named twice, or as a file and as a folder") from None
        try:
            for chunk in stream.data():
                view = memoryview(chunk)
                while view:
                    view = view[os.write(fd, view) :]
                result.size += len(chunk)
                watch()
            if member.modified:
                os.utime(fd, (member.modified, member.modified))
        finally:
            os.close(fd)
    finally:
        os.close(above)
    result.files += 1
    watch()


def _folder(tree: _Tree, parts: list[str]) -> int:
    """A descriptor of a folder below the root, made where it is missing; the caller closes it."""
    fd = os.dup(tree.root)
    for part in parts:
        try:
            try:
                below = os.open(part, _FOLDER_FLAGS, dir_fd=fd)
            except FileNotFoundError:
                os.mkdir(part, 0o755, dir_fd=fd)
                below = os.open(part, _FOLDER_FLAGS, dir_fd=fd)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise ArchiveTrouble(f"{'/'.join(parts)!r}: as a file and as a folder") from None
            raise
        os.close(fd)
        fd = below
    return fd


def safe_parts(member: Member, caps: Caps) -> list[str]:
    """The member's path below the target. Raises ArchiveTrouble for what must not be extracted."""
    shown = _shown(member)
    if member.kind not in ("file", "folder"):
        raise ArchiveTrouble(f"{shown}: a {member.kind}; only files and folders are extracted")
    try:
        name = member.name.decode()
    except UnicodeDecodeError:
        raise ArchiveTrouble(f"{shown}: the name is not UTF-8") from None
    if not name or "\0" in name:
        raise ArchiveTrouble(f"{shown}: no name for a file")
    if name.startswith("/") or "\\" in name or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        raise ArchiveTrouble(f"{shown}: an absolute name, or one of another system")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ArchiveTrouble(f"{shown}: leads out of the folder")
    if len(parts) > caps.depth:
        raise ArchiveTrouble(f"{shown}: more than {caps.depth} folders deep")
    if any(len(part.encode()) > 255 for part in parts) or len(name.encode()) > 3800:
        raise ArchiveTrouble(f"{shown}: the name is too long")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise ArchiveTrouble(f"{shown}: control characters in the name")
    if not parts and member.kind == "file":
        raise ArchiveTrouble(f"{shown}: no name for a file")
    return parts


def _shown(member: Member) -> str:
    return ascii(member.name[:200])[1:]


def _make_durable(passing: Path) -> None:
    """Every file and folder below, on the disk."""
    if sync_file_system(passing):
        return
    for folder, _, files in os.walk(passing, topdown=False):
        for name in files:
            _fsync(Path(folder, name), os.O_RDONLY)
        _fsync(Path(folder), os.O_RDONLY | os.O_DIRECTORY)


def _fsync(path: Path, flags: int) -> None:
    fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _publish(passing: Path, target: Path) -> None:
    """Give the whole tree its name; a folder that is there already takes the files in."""
    try:
        passing.rename(target)  # also over an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        if target.is_symlink() or not target.is_dir():
            raise ArchiveTrouble(f"{target.name} is there and is no folder") from None
        _merge(passing, target)
    _fsync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _merge(passing: Path, target: Path) -> None:
    for folder, _, files in os.walk(passing):
        below = target / Path(folder).relative_to(passing)
        if below.is_symlink() or (below.exists() and not below.is_dir()):
            raise ArchiveTrouble(f"{below} is there and is no folder")
        below.mkdir(exist_ok=True)
        for name in files:
            place = below / name
            if place.is_dir():
                raise ArchiveTrouble(f"{place} is there and is a folder")
            Path(folder, name).replace(place)
        _fsync(below, os.O_RDONLY | os.O_DIRECTORY)
