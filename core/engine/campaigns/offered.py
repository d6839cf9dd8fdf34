"""The disk that a person offers for a batch: is it the right one, is it there at all, and is there room.

Everything is looked at before anything is written; each refusal says what to do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.engine.campaigns.packed import RECORD
from core.engine.campaigns.settling import folders_below
from core.engine.campaigns.words import continue_command
from core.engine.journal.campaign_rows import BatchRow
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.upkeep.disks import Room, nearest, room_at
from core.errors import Code, HaulierError, TransferError
from core.safe_text import safe_text
from core.stores.disk.marker import Marker, read_marker
from core.stores.local import STAGING
from core.units import format_bytes, format_count

INODES_SPARE = 4  # the disk's records, and the folder of partial files


@dataclass(frozen=True)
class Offer:
    """What the person says of it."""

    folder: str
    share_disk: bool = False
    other_disk: bool = False


@dataclass(frozen=True)
class Disk:
    """What is there. `mount` is the folder above that a file system is mounted on; empty: the root's own."""

    folder: str
    mount: str
    marker: Marker | None
    room: Room


def look_at_disk(job: int, token: str, batch: BatchRow, batches: Sequence[BatchRow], offer: Offer) -> Disk:
    """The offered disk, which may be the one for this batch. Raises HaulierError (refused)."""
    try:
        return _looked_at(job, token, batch, batches, offer)
    except (TransferError, OSError) as error:
        message = f"{offer.folder}: {safe_text(str(error))}"
        raise HaulierError(Code.REFUSED, message, "look at the disk") from error


def _looked_at(job: int, token: str, batch: BatchRow, batches: Sequence[BatchRow], offer: Offer) -> Disk:
    folder = offer.folder
    _refuse_unmounted(folder, batches)
    if Path(folder).exists() and not Path(folder).is_dir():
        raise HaulierError(Code.REFUSED, f"{folder} is a file, not a folder", "name the folder of a disk")
    near = nearest(folder)
    if not os.access(near, os.W_OK | os.X_OK) or os.statvfs(near).f_flag & os.ST_RDONLY:
        raise HaulierError(
            Code.REFUSED, f"{near} cannot be written", "mount the disk for writing, or get permission"
        )
    marker = read_marker(Path(folder))
    room = room_at(folder)
    _refuse_another(job, token, batch, marker, offer)
    return Disk(folder, mount_above(folder), marker, room)


def mount_above(folder: str) -> str:
    """Where the file system of a folder is mounted; empty for the one that "/" is on."""
    here = Path(nearest(folder)).resolve()
    device = here.stat().st_dev
    while here != here.parent and here.parent.stat().st_dev == device:
        here = here.parent
    return "" if here == here.parent else str(here)


def _refuse_unmounted(folder: str, batches: Sequence[BatchRow]) -> None:
    resolved = Path(folder).resolve()
    for earlier in batches:
        mount = Path(earlier.mount) if earlier.mount else None
        if mount is None or not (resolved == mount or mount in resolved.parents):
            continue
        if not os.path.ismount(mount):
            raise HaulierError(
                Code.REFUSED,
                f"nothing is mounted at {mount}, where the disk of batch {earlier.number} was",
                "mount a disk there, or name another folder",
            )


def _refuse_another(job: int, token: str, batch: BatchRow, marker: Marker | None, offer: Offer) -> None:
    again = continue_command(job, batch, offer.folder)
    if batch.disk and (marker is None or marker.id != batch.disk) and not offer.other_disk:
        this = f"disk {marker.id}" if marker is not None else "a disk without a marker"
        raise HaulierError(
            Code.REFUSED,
            f"batch {batch.number} was begun on disk {batch.disk}; {offer.folder} is {this}",
            f"mount disk {batch.disk}; or, to begin the batch anew on this one: {again} --other-disk",
        )
    if marker is None or offer.share_disk:
        return
    others = [one for one in marker.holds if (one.campaign, one.batch) != (token, batch.number)]
    if not others or marker.held(token, batch.number) is not None:  # one that it shares already
        return
    held = ", ".join(
        f"batch {one.batch}" + (f" of job {one.job}" if one.campaign == token else " of another campaign")
        for one in others[:3]
    )
    raise HaulierError(
        Code.REFUSED,
        f"{offer.folder} is disk {marker.id}, which holds {held}",
        f"swap the disk; or, to have both on it: {again} --share-disk",
    )


def refuse_shortage(campaign: JobRow, batch: BatchRow, disk: Disk, journal: Journal, reserve: int) -> None:
    """Raises HaulierError (refused) when what of the batch is not on the disk yet does not fit there."""
    room = disk.room
    space = journal.campaigns.taken(campaign.id, batch.number, room.block)
    if disk.marker is None or disk.marker.id != batch.disk:  # its own disk has folders and records already
        space += batch.folders * room.block + batch.files * RECORD
    inodes = batch.files + batch.folders + INODES_SPARE
    if not _shortage(room, space, inodes, reserve):
        return
    there, files = _there_already(campaign, batch, disk, journal)  # a look at each file: only where it matters
    if short := _shortage(room, space - there, inodes - files, reserve):
        raise HaulierError(
            Code.REFUSED,
            f"too little room at {disk.folder} for batch {batch.number}: {short}",
            "free space there, or offer another disk",
        )


def _shortage(room: Room, space: int, inodes: int, reserve: int) -> str:
    """What is missing, in words; empty when there is room, or the file system does not tell."""
    if room.total and room.free - reserve < space:
        kept = f", and {format_bytes(reserve)} stay in reserve" if reserve else ""
        return f"{format_bytes(max(0, room.free))} are free, it needs {format_bytes(space)}{kept}"
    if room.inodes and room.inodes_free < inodes:
        return (
            f"{format_count(room.inodes_free)} inodes are free, it needs {format_count(inodes)}, one for each "
            "file and folder"
        )
    return ""


def _there_already(campaign: JobRow, batch: BatchRow, disk: Disk, journal: Journal) -> tuple[int, int]:
    """Bytes and inodes that files of the batch, and partial files, take of the disk."""
    space = files = 0
    for number, (route, below) in enumerate(zip(campaign.routes, folders_below(campaign.routes), strict=True)):
        root = Path(disk.folder, below)
        for entry in journal.campaigns.entries(campaign.id, batch.number, number):
            with suppress(OSError, ValueError):
                status = (root / route.target_key(entry.key)).lstat()
                if status.st_size == entry.size:
                    space, files = space + status.st_blocks * 512, files + 1
        with suppress(OSError), os.scandir(root / STAGING) as partial:
            for one in partial:
                space += one.stat(follow_symlinks=False).st_blocks * 512
    return space, files
