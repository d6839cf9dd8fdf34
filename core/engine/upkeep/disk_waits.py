"""Jobs that wait for a disk: when each of them is looked at again, and whether it can go on."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from core.engine.campaigns.settling import check_batch_disk
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.upkeep.disks import INODES_SPARE, check_disk, nearest, room_at
from core.errors import HaulierError, TransferError
from core.stores.local import STAGING

FIRST, LAST = 2.0, 300.0  # seconds from a stop to the first look, and at most
CALM = 600.0  # seconds without a stop after which the waits begin with `FIRST` again
ENOUGH = 64 << 20  # bytes of room with which a job goes on, although all of it may not fit
JOURNAL_NEEDS = 256 << 10  # bytes
PROBE = 64 << 10  # bytes written to find out whether writing works again


class DiskWaits:
    """`reserve` is the setting's. Looks are made in threads, one at a time."""

    def __init__(self, journal: Journal, reserve: int) -> None:
        self._journal, self._reserve = journal, reserve
        self._waits: dict[int, tuple[float, float, int]] = {}  # job → (look from, wait, room wanted)
        self._stopped: dict[int, float] = {}

    def stopped(self, job: int, room: int) -> None:
        """A disk stopped the job while `room` bytes were to be written (0: not known). The sooner after the
        last stop, the longer until it is looked at: what seems mended and is not must not be tried for ever."""
        now = time.monotonic()
        last = self._stopped.get(job, -CALM)
        wait = FIRST
        if now - last < CALM and job in self._waits:
            wait = min(LAST, self._waits[job][1] * 2)
        self._stopped[job] = now
        self._waits[job] = (now + wait, wait, room)

    def forget(self, job: int) -> None:
        self._waits.pop(job, None)
        self._stopped.pop(job, None)

    def can_go_on(self, row: JobRow) -> bool:
        """Whether every disk of the job is there, takes bytes, and has room for what comes next."""
        at, _, room = self._waits.get(row.id, (0.0, FIRST, 0))
        if time.monotonic() < at:
            return False
        try:
            check_batch_disk(row.spec, self._journal)
            return self._journal_has_room() and all(
                self._is_well(row, folder, room) for folder in self._folders(row)
            )
        except (OSError, TransferError, HaulierError):
            return False

    def _folders(self, row: JobRow) -> list[str]:
        routes = [route.target_root for route in row.routes if route.target.kind == "local"]
        return routes or [pair.target.path for pair in row.spec.pairs if pair.target.kind == "local"]

    def _journal_has_room(self) -> bool:
        return room_at(self._journal.path.parent).free >= JOURNAL_NEEDS

    def _is_well(self, row: JobRow, folder: str, room: int) -> bool:
        check_disk(folder, self._journal.disks(row.id).get(folder, ""))
        near = nearest(folder)
        there = room_at(near)
        reserve = row.spec.options.reserve if row.spec.options.reserve >= 0 else self._reserve
        left = max(0, row.counts.bytes_total - row.counts.bytes_done - _taken(folder))
        if there.total and there.free - reserve < max(room, min(left, ENOUGH)):
            return False
        if there.inodes and there.inodes_free <= INODES_SPARE + 1:
            return False
        return _takes_bytes(near)


def _taken(folder: str) -> int:
    """Bytes of the disk that partial files under a folder have already."""
    total = 0
    with suppress(OSError), os.scandir(Path(folder, STAGING)) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _takes_bytes(folder: str) -> bool:
    """Whether a hidden file can be written here for good; it is removed again."""
    staging = Path(folder, STAGING)
    probe = (staging if staging.is_dir() else Path(folder)) / f".haulier-probe-{secrets.token_hex(8)}"
    try:
        fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.write(fd, bytes(PROBE)) != PROBE:
                return False
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
    return True
