"""Commands that put things in order: clean up, repair, check the system. Work is done in threads."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import msgspec

from core.connection_desk import ConnectionDesk
from core.engine.jobs import Jobs
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.storebook import StoreBook
from core.engine.upkeep.cleaning import clean_folders, finished_jobs, target_folders
from core.engine.upkeep.disks import check_disk
from core.engine.upkeep.repairing import Repair
from core.engine.upkeep.system_check import SystemCheck
from core.errors import Code, HaulierError, OtherDisk
from core.messages import CheckSystem, Cleaned, CleanUp, ForgetJob, Repaired, RepairJob, SystemReport
from core.model import Action, JobKind, JobState, Status
from core.stores.base import Cancelled


class Housekeeping:
    """`reserve` is the setting's. `close` makes what is under way end soon."""

    def __init__(
        self, journal: Journal, stores: StoreBook, jobs: Jobs, desk: ConnectionDesk, reserve: int
    ) -> None:
        self._journal, self._stores, self._jobs = journal, stores, jobs
        self._check = SystemCheck(desk, stores, journal.path.parent, reserve)
        self._cancelled = threading.Event()

    def close(self) -> None:
        self._cancelled.set()

    async def clean(self, command: CleanUp) -> Cleaned:
        for place in command.places:
            if place.kind != "local":
                raise HaulierError(
                    Code.USAGE,
                    f"{place} is no folder of this machine",
                    "`haulier uploads` lists and cleans unfinished uploads in S3",
                )
        rows = await asyncio.to_thread(self._journal.jobs, 0, 1 << 31)
        folders = target_folders(rows, command)
        forgotten = finished_jobs(rows, command, time.time())
        if not command.dry_run:
            for job in forgotten:
                await self._jobs.forget(ForgetJob(job=job))
        cleaned = await asyncio.to_thread(clean_folders, self._journal, folders, dry_run=command.dry_run)
        return msgspec.structs.replace(cleaned, jobs=tuple(forgotten))

    async def repair(self, command: RepairJob) -> Repaired:
        async with self._jobs.at_rest(command.job) as row:
            self._refuse_repair(row, command)
            repair = Repair(row, self._journal, self._stores, self._cancelled)
            try:
                await asyncio.to_thread(repair.run)
            except Cancelled:
                raise HaulierError(Code.UNAVAILABLE, "the engine stops; repair the job again later") from None
            if command.other_disk:
                await asyncio.to_thread(self._journal.forget_disks, row.id)
            view = await self._jobs.change(row.id, **await asyncio.to_thread(self._changes, row))
        return Repaired(
            job=view,
            reopened=repair.reopened,
            adopted=repair.adopted,
            checked=repair.checked,
            examples=tuple(repair.examples),
            source_trouble=repair.source_trouble,
        )

    def _refuse_repair(self, row: JobRow, command: RepairJob) -> None:
        if row.spec.kind is JobKind.VERIFY:
            raise HaulierError(Code.REFUSED, f"job {row.id} only compares: it has nothing to repair")
        if row.state is JobState.CANCELLED:
            raise HaulierError(Code.REFUSED, f"job {row.id} was cancelled", "start a new one")
        if not row.moving or not row.routes:
            raise HaulierError(
                Code.REFUSED, f"job {row.id} has not moved anything yet", "start it from its plan"
            )
        if command.other_disk:
            return
        for folder, began_on in self._journal.disks(row.id).items():
            try:
                check_disk(folder, began_on)
            except OtherDisk as error:
                raise HaulierError(
                    Code.REFUSED,
                    error.message,
                    "mount that disk first; or, if the files are to go to the one that is there now, "
                    f"`haulier repair --other-disk {row.id}`",
                ) from None

    def _changes(self, row: JobRow) -> dict[str, Any]:
        """What the job is now, from its items."""
        done = failed = size = waiting = 0
        for (action, state), (count, total) in self._journal.tallies(row.id).items():
            if action == Action.DELETE:
                waiting += count * (state == Status.PENDING)
                continue
            if state == Status.COMPLETED:
                done, size = done + count, size + total
            elif state == Status.FAILED:
                failed += count
            else:
                waiting += count
        counts = msgspec.structs.replace(row.counts, files_done=done, files_failed=failed, bytes_done=size)
        changes: dict[str, Any] = {"counts": counts}
        if not row.state.is_final or row.plan is None:
            return changes
        if waiting:
            reason = f"{waiting} files are to be moved again, as a repair found"
            return changes | {"state": JobState.PAUSED, "reason": reason, "hint": "", "finished": 0.0}
        if failed:
            return changes | {
                "state": JobState.PARTIAL,
                "reason": f"{failed} of {row.counts.files_total} files failed",
            }
        return changes | {"state": JobState.COMPLETED, "reason": "", "hint": ""}

    async def check(self, command: CheckSystem) -> SystemReport:
        return await asyncio.to_thread(self._check.run, command)
