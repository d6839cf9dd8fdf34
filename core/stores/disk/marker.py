"""The marker at the root of a disk: a short name that people can write on a label, and what the disk holds.

It is one JSON object in `.haulier-disk.json`. It is replaced as a whole: written beside its final name, synced,
renamed, and the folder synced (rename(2), fsync(2)), so that a kill leaves the old one or the new one.
"""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec

from core.errors import Code, FileTrouble, HaulierError
from core.safe_text import safe_text
from core.stores.local.names import DISK_MARKER
from core.stores.local.os_errors import map_write_error

_LETTERS = "ACDEFGHJKLMNPQRTUVWXY34679"  # none that is taken for another one on a label
_LENGTH = 4
_MOST = 1 << 20  # bytes of a marker


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch on the disk. `campaign` is the campaign's token, the same in every journal; `job` its number in
    the journal that it was made in."""

    campaign: str
    batch: int
    job: int = 0
    title: str = ""
    manifest: str = ""  # the name of its manifest; empty while the batch is not safe


class Marker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Unknown fields are ignored, so that a later version can say more."""

    id: str
    label: str = ""
    created: float = 0.0
    holds: tuple[Held, ...] = ()

    def held(self, campaign: str, batch: int) -> Held | None:
        found = (one for one in self.holds if (one.campaign, one.batch) == (campaign, batch))
        return next(found, None)

    def holding(self, held: Held) -> Marker:
        """The same disk with this batch, in place of what was said of it before."""
        others = tuple(o for o in self.holds if (o.campaign, o.batch) != (held.campaign, held.batch))
        return msgspec.structs.replace(self, holds=(*others, held))


def new_id() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def read_marker(root: Path) -> Marker | None:
    """None where there is none. Raises FileTrouble when it cannot be read, HaulierError (refused) when it is
    not what this program writes."""
    path = root / DISK_MARKER
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            data = os.read(fd, _MOST)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ENOENT):
            return None
        raise FileTrouble(f"{path}: {error.strerror}") from error
    try:
        marker = msgspec.json.decode(data, type=Marker)
    except msgspec.MsgspecError as error:
        raise HaulierError(
            Code.REFUSED,
            f"{path} is damaged: {safe_text(str(error))}",
            "move it away if the disk may be taken for a new one",
        ) from error
    if not marker.id.isalnum() or len(marker.id) > 32:
        raise HaulierError(Code.REFUSED, f"{path} names no disk", "move it away if the disk is a new one")
    return marker


def write_marker(root: Path, marker: Marker) -> None:
    """Durable when it returns. Raises DiskTrouble, TargetRefused, FileTrouble."""
    write_durably(root, DISK_MARKER, msgspec.json.format(msgspec.json.encode(marker)) + b"\n")


def write_durably(root: Path, name: str, data: bytes) -> None:
    """A small file in a folder, whole or not at all."""
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            passing = f"{name}.{secrets.token_hex(4)}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                fd = os.open(passing, flags, mode=0o644, dir_fd=folder)
                with os.fdopen(fd, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    os.unlink(passing, dir_fd=folder)
                raise
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise map_write_error(error, str(root / name), root) from error
