"""One archive into one folder: first all of it under a passing name, durable, then the name.

1. Everything is written below a passing folder, by descriptors that follow no link, each file made anew
   (O_EXCL): what an archive names twice, or through a link, is refused by the file system itself.
2. Only files and folders. A member of any other kind, or with a name that leads out, spoils the whole archive:
   what is left out silently would be missing, and what is bent into shape would be a lie.
3. When all is there, it is made durable, and the folder gets its name (placing.py). Only then the archive may
   be deleted.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from core.extract.compression import opened
from core.extract.errors import ArchiveTrouble
from core.extract.placing import Spot, give_name, make_durable
from core.extract.tar import Member, TarStream

MIB = 1 << 20
_SMALL = 64 * MIB  # below this a high ratio harms nobody
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a file system says of a name that it does not take (VFAT, NTFS: "?", "a:b"; eCryptfs: 143 bytes).
_NO_NAME = {errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG}

Room = Callable[[int], AbstractContextManager[object]]


class GivenUp(Protocol):
    """The part of threading.Event that is looked at."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Caps:
    """What one archive may cost. Sizes in bytes."""

    size: int  # of all files together: more than the file system could ever hold is no honest archive
    members: int = 2_000_000
    ratio: int = 1000  # of unpacked to packed bytes
    depth: int = 64  # folders within folders


@dataclass
class Unpacked:
    """What came out of it, counted while it goes on."""

    files: int = 0
    folders: int = 0
    size: int = 0
    read: int = 0  # bytes of the archive, packed
    progress: float = 0.0  # 0 to 1: how much of the archive was read


@dataclass
class _Tree:
    """The passing folder, by descriptors. The folder of the last file stays open: members of one folder come
    together."""

    root: int
    caps: Caps
    result: Unpacked
    room: Room
    last: tuple[list[str], int] | None = None

    def close(self) -> None:
        if self.last is not None:
            os.close(self.last[1])
            self.last = None


def unpack(
    archive: BinaryIO,
    target: Spot,
    caps: Caps,
    *,
    passing: Spot,
    given_up: GivenUp,
    told: Callable[[Unpacked], None] = lambda _: None,
    room: Room = lambda _: nullcontext(),
) -> Unpacked:
    """Take `archive` apart into the folder `target`, which appears when all of it is there and durable.

    `passing` is an empty folder on the same file system; it is gone afterwards, whatever happens. Files that
    `target` already has stay unless the archive has one of the same name. `told` hears how far it is, `room`
    is entered around the writing of each file, with its size in bytes.
    Raises ArchiveTrouble for a bad or hostile archive, OSError for the disk's troubles (nothing is under
    `target` then but what was there before), InterruptedError when `given_up` was set, and what `room` raises.
    """
    result = Unpacked()
    try:
        root = os.open(passing.name, _FOLDER_FLAGS, dir_fd=passing.folder)
        try:
            _fill(archive, _Tree(root, caps, result, room), given_up, told)
            make_durable(root, result.files)
        finally:
            os.close(root)
        give_name(passing, target)
        return result
    finally:
        shutil.rmtree(passing.name, ignore_errors=True, dir_fd=passing.folder)


def _fill(archive: BinaryIO, tree: _Tree, given_up: GivenUp, told: Callable[[Unpacked], None]) -> None:
    total = max(1, os.fstat(archive.fileno()).st_size)
    result = tree.result
    with opened(archive) as plain:
        stream = TarStream(plain)

        def watch() -> None:
            result.read = archive.tell()
            result.progress = min(1.0, result.read / total)
            told(result)
            _watch(stream, result.read, tree.caps, given_up)

        try:
            for member in stream:
                _take(tree, stream, member, watch)
        finally:
            tree.close()
    if not result.files and not result.folders:
        raise ArchiveTrouble("there is nothing in it")
    result.progress = 1.0


def _watch(stream: TarStream, packed: int, caps: Caps, given_up: GivenUp) -> None:
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
        raise ArchiveTrouble(f"its files would take more than the {caps.size} bytes that this disk has in all")
    with tree.room(member.size):
        _write(tree, stream, member, parts, watch)
    result.files += 1


def _write(tree: _Tree, stream: TarStream, member: Member, parts: list[str], watch: Callable[[], None]) -> None:
    above = _folder_of(tree, parts[:-1])
    mode = 0o644 | (member.mode & 0o111)
    try:
        fd = os.open(parts[-1], _FILE_FLAGS, mode=mode, dir_fd=above)
    except FileExistsError:
        raise ArchiveTrouble(f"{_shown(member)}: named twice, or as a file and as a folder") from None
    except OSError as error:
        _refuse_as_name(error, _shown(member))
        raise
    try:
        for chunk in stream.data():
            view = memoryview(chunk)
            while view:
                view = view[os.write(fd, view) :]
            tree.result.size += len(chunk)
            watch()
        if member.modified:
            os.utime(fd, (member.modified, member.modified))
    finally:
        os.close(fd)
    watch()


def _refuse_as_name(error: OSError, shown: str) -> None:
    if error.errno in _NO_NAME:
        raise ArchiveTrouble(f"{shown}: not possible as a file name here ({error.strerror})") from None


def _folder_of(tree: _Tree, parts: list[str]) -> int:
    """A descriptor of the folder that a file goes into; the tree closes it."""
    if tree.last is None or tree.last[0] != parts:
        fd = _folder(tree, parts)
        tree.close()
        tree.last = parts, fd
    return tree.last[1]


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
                raise ArchiveTrouble(f"{'/'.join(parts)!a}: as a file and as a folder") from None
            _refuse_as_name(error, ascii("/".join(parts)))
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
