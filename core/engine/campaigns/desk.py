"""Campaigns: which job moves which batch to which disk, and when a disk may be removed.

1. A campaign is planned and packed like any job (packed.py) and never moves anything itself.
2. `continue_batch` looks at the offered disk, writes its marker, and makes a job that copies the batch to it.
3. When that job has ended, a second one reads every file back from the disk and compares it.
4. What it found becomes the disk's manifest and the catalogue (settling.py); then the batch is safe.
Steps 3 and 4 are taken when a job has ended, and once more when the engine starts: both can be taken twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from core.engine.campaigns.asking import refuse_inside
from core.engine.campaigns.batch_specs import check_spec, move_spec
from core.engine.campaigns.offered import Disk, Offer, look_at_disk, refuse_shortage
from core.engine.campaigns.settling import common_root, right_disk, settle
from core.engine.campaigns.views import CampaignViews
from core.engine.campaigns.words import damage_words, final_words, left_out_words, safe_words, state_words
from core.engine.jobs import Jobs
from core.engine.journal.campaign_rows import BatchRow
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.errors import Code, HaulierError, TransferError
from core.messages import (
    CancelJob,
    ContinueCampaign,
    DiskList,
    DropDisk,
    GetCampaign,
    GetJob,
    ListDisks,
    PauseJob,
    PlanJob,
    ResumeJob,
    RetryJob,
)
from core.model import BatchState, CampaignView, JobKind, JobSpec, JobState, JobView, Level
from core.safe_text import safe_text
from core.stores.base import Cancelled
from core.stores.disk.marker import Held, Marker, new_id, read_marker, write_marker
from core.stores.local import LocalFolder

EXAMPLES = 3  # files named in a sentence
_AT_WORK = (JobState.PLANNING, JobState.RUNNING)
_STOPPED = (JobState.PAUSED, JobState.BLOCKED, JobState.FAILED)
_ENDED = (JobState.COMPLETED, JobState.PARTIAL)


class Campaigns:
    """`notice` writes a log line, `reserve` is the setting's. Each campaign does one thing at a time."""

    def __init__(
        self, journal: Journal, jobs: Jobs, notice: Callable[[Level, str, int], None], reserve: int
    ) -> None:
        self._journal, self._jobs, self._notice, self._reserve = journal, jobs, notice, reserve
        self._rows = journal.campaigns
        self._views = CampaignViews(journal)
        self._locks: dict[int, asyncio.Lock] = {}
        self._showing: dict[int, asyncio.Lock] = {}
        self._stopped = threading.Event()

    async def open(self) -> None:
        """Take the steps that an engine which was killed has left."""
        for job, number in await asyncio.to_thread(self._rows.unfinished):
            await self._go_on(job, number)

    async def close(self) -> None:
        """Give up what is under way, at a point where the next engine can take it up."""
        self._stopped.set()
        for lock in list(self._locks.values()):
            async with lock:
                pass

    async def get(self, command: GetCampaign) -> CampaignView:
        campaign = await asyncio.to_thread(self._views.campaign, command.job)
        async with self._shown(campaign.id):
            view = await self._jobs.get(GetJob(job=campaign.id))
            return await asyncio.to_thread(self._views.view, campaign, view)

    # ------------------------------------------------------------ a batch is to be moved

    async def continue_batch(self, command: ContinueCampaign) -> JobView:
        """The job that does it. Raises HaulierError (refused) for a disk that is not the right one."""
        campaign = await asyncio.to_thread(self._views.campaign, command.job)
        async with self._lock(campaign.id):
            campaign = await asyncio.to_thread(self._journal.job, campaign.id)
            batches = await asyncio.to_thread(self._rows.batches, campaign.id)
            batch = _pick(campaign, batches, command.batch)
            offer = Offer(_folder(campaign, batch, command), command.share_disk, command.other_disk)
            for pair in campaign.spec.pairs:
                await asyncio.to_thread(refuse_inside, pair, offer.folder)
            if (busy := await self._at_work(batch)) is not None:
                if batch.target == offer.folder:
                    return busy
                raise HaulierError(
                    Code.REFUSED,
                    f"job {busy.id} is moving batch {batch.number} to {batch.target}",
                    f"let it finish, or `haulier cancel {busy.id}` first",
                )
            disk = await asyncio.to_thread(self._look, campaign, batch, batches, offer)
            try:
                view = await self._on(campaign, batch, len(batches), disk)
                if view.state not in _AT_WORK:  # it had ended already: no end of it will be told any more
                    await self._take_steps(campaign.id, batch.number)
                return view
            finally:
                await self._tell(campaign.id)

    async def pause(self, command: PauseJob) -> JobView:
        """Any job. A campaign's is paused by pausing the job that moves or checks a batch of it."""
        batches = await asyncio.to_thread(self._rows.batches, command.job)
        for batch in batches:
            if (busy := await self._at_work(batch)) is not None:
                await self._jobs.pause(PauseJob(job=busy.id))
        return await self._jobs.pause(command)

    def drop_disk(self, command: DropDisk) -> DiskList:
        """Take a disk out of the catalogue. Blocking. Raises HaulierError: not_found, refused while a campaign
        that is not finished counts on it."""
        disk, catalogue = command.disk, self._journal.catalogue
        if not catalogue.knows(disk):
            raise HaulierError(
                Code.NOT_FOUND, f"no disk {safe_text(disk, 40)} is known", "`haulier disks` lists them"
            )
        if (busy := self._rows.counting_on(disk)) is not None:
            job, number = busy
            raise HaulierError(
                Code.REFUSED,
                f"job {job} is not finished, and its batch {number} is on disk {safe_text(disk, 40)}",
                f"Finish job {job} or cancel it first.",
            )
        catalogue.drop(disk)
        return self._views.disks(ListDisks())

    def _look(self, campaign: JobRow, batch: BatchRow, batches: list[BatchRow], offer: Offer) -> Disk:
        token = self._rows.token(campaign.id)
        disk = look_at_disk(campaign.id, token, batch, batches, offer)
        asked = campaign.spec.options.reserve
        refuse_shortage(campaign, batch, disk, self._journal, asked if asked >= 0 else self._reserve)
        return disk

    async def _on(self, campaign: JobRow, batch: BatchRow, of: int, disk: Disk) -> JobView:
        """Whatever the batch still needs, on the disk that was found right."""
        mover, checker = await self._job(batch.mover), await self._job(batch.checker)
        its_own = bool(batch.disk) and disk.marker is not None and disk.marker.id == batch.disk
        in_place = its_own and batch.target == disk.folder
        if (
            in_place
            and batch.state is BatchState.CHECKING
            and checker is not None
            and checker.state in _STOPPED
        ):
            await self._update(campaign, batch, trouble="")
            return await self._jobs.resume(ResumeJob(job=checker.id))
        if in_place and mover is not None and mover.state in _STOPPED:
            await self._update(campaign, batch, state=BatchState.MOVING, trouble="")
            return await self._jobs.resume(ResumeJob(job=mover.id))
        if its_own and batch.broken and checker is not None:
            return await self._move(campaign, batch, of, disk, broken_of=checker.id)
        if (
            in_place
            and mover is not None
            and batch.left_out
            and (again := await self._retry(mover)) is not None
        ):
            await self._update(campaign, batch, state=BatchState.MOVING, trouble="", left_out=0)
            return again
        moved = batch.state is BatchState.SAFE or (mover is not None and mover.state in _ENDED)
        if its_own and moved and not batch.broken:
            batch = await self._update(campaign, batch, target=disk.folder, mount=disk.mount)
            return await self._check(campaign, batch)
        for old in (mover, checker):
            if old is not None and not old.state.is_final:
                await self._jobs.cancel(CancelJob(job=old.id))
        return await self._move(campaign, batch, of, disk, anew=not its_own)

    async def _retry(self, mover: JobView) -> JobView | None:
        """What could not be fetched is tried again; None when nothing of it can be."""
        try:
            return await self._jobs.retry(RetryJob(job=mover.id))
        except HaulierError as error:
            if error.code is Code.REFUSED:
                return None
            raise

    async def _move(
        self, campaign: JobRow, batch: BatchRow, of: int, disk: Disk, broken_of: int = 0, *, anew: bool = False
    ) -> JobView:
        """`anew`: another disk than before. It has its marker before anything is forgotten of the old one, and
        nothing counts for it that was found on that."""
        marker = await asyncio.to_thread(self._mark, campaign, batch, of, disk)
        spec = move_spec(campaign, batch.number, disk.folder, broken_of)
        changes: dict[str, Any] = {"disk": marker.id, "target": disk.folder, "mount": disk.mount}
        if anew:
            await asyncio.to_thread(self._rows.reopen, campaign.id, batch.number)
            await asyncio.to_thread(self._journal.catalogue.forget, campaign.id, batch.number)
            changes |= {"state": BatchState.MOVING, "mover": 0, "checker": 0, "broken": 0, "left_out": 0}
        # Before the job: it looks whether this is the disk that it is for.
        batch = await self._update(campaign, batch, **changes)
        view = await self._plan(campaign, batch, spec)
        await self._update(
            campaign,
            batch,
            state=BatchState.MOVING,
            mover=view.id,
            tries=batch.tries + 1,
            broken=0,
            left_out=0,
            trouble="",
        )
        return view

    async def _check(self, campaign: JobRow, batch: BatchRow) -> JobView:
        view = await self._plan(campaign, batch, check_spec(campaign, batch.number, batch.target))
        await self._update(
            campaign, batch, state=BatchState.CHECKING, checker=view.id, tries=batch.tries + 1, trouble=""
        )
        return view

    async def _plan(self, campaign: JobRow, batch: BatchRow, spec: JobSpec) -> JobView:
        """A kill before its number is noted: asked again for that folder, it is the same job, by its key."""
        token = await asyncio.to_thread(self._rows.token, campaign.id)
        where = hashlib.sha256(f"{batch.disk}\0{batch.target}".encode()).hexdigest()[:16]
        key = f"batch-{token}-{batch.number}-{batch.tries + 1}-{spec.kind}-{where}"
        return await self._jobs.plan_batch(PlanJob(spec=spec, key=key, start=True))

    def _mark(self, campaign: JobRow, batch: BatchRow, of: int, disk: Disk) -> Marker:
        """The disk says whose it is before anything else is written to it."""
        root, token = Path(disk.folder), self._rows.token(campaign.id)
        now = time.time()
        try:
            LocalFolder(root).ensure_root()
            marker = disk.marker
            if marker is None:
                marker = Marker(
                    id=self._free_id(), label=f"job {campaign.id}, batch {batch.number} of {of}", created=now
                )
            if marker.held(token, batch.number) is None:
                held = Held(campaign=token, batch=batch.number, job=campaign.id, title=campaign.title)
                marker = marker.holding(held)
                write_marker(root, marker)
        except TransferError as error:
            raise HaulierError(
                Code.REFUSED, safe_text(error.message), "look at the disk, or offer another one"
            ) from error
        self._journal.catalogue.seen(marker.id, marker.label, disk.folder, disk.room.total, now)
        return marker

    def _free_id(self) -> str:
        while self._journal.catalogue.knows(name := new_id()):
            pass
        return name

    # ------------------------------------------------------------ a job has ended

    async def job_ended(self, view: JobView) -> None:
        """The next step, after any job has ended or stopped."""
        if view.spec.batch_of:
            await self._go_on(view.spec.batch_of, view.spec.batch)
        elif view.spec.batches is not None:
            await self._tell(view.id)
        elif view.spec.kind is JobKind.VERIFY and view.state is JobState.COMPLETED:
            await asyncio.to_thread(self._note_verified, view.spec)

    async def _go_on(self, job: int, number: int) -> None:
        async with self._lock(job):
            await self._take_steps(job, number)

    async def _take_steps(self, job: int, number: int) -> None:
        """Each step that can be taken now: a job that a step asks for may have ended before the engine was
        killed. Called with the campaign's lock."""
        if self._stopped.is_set():
            return
        try:
            campaign = await asyncio.to_thread(self._journal.job, job)
            batches = await asyncio.to_thread(self._rows.batches, job)
            if campaign.state is JobState.CANCELLED or number > len(batches):
                return
            before = None
            while batches[number - 1] != before:
                before = batches[number - 1]
                await self._step(campaign, before, len(batches))
                batches = await asyncio.to_thread(self._rows.batches, job)
            await self._tell(job)
        except Cancelled:
            return  # the engine stops
        except HaulierError as error:
            if error.code is not Code.NOT_FOUND:  # the campaign was forgotten
                self._notice(Level.WARNING, f"batch {number}: {error.message}", job)
        except TransferError as error:
            self._notice(Level.WARNING, f"batch {number}: {safe_text(error.message)}", job)

    async def _step(self, campaign: JobRow, batch: BatchRow, of: int) -> None:
        moving = batch.state is BatchState.MOVING
        if batch.broken or batch.state not in (BatchState.MOVING, BatchState.CHECKING):
            return
        job = await self._job(batch.mover if moving else batch.checker)
        if job is None:
            await self._update(campaign, batch, trouble="its job was forgotten")
        elif job.state in _ENDED:
            try:
                await asyncio.to_thread(right_disk, batch)
                if moving:
                    await self._check(campaign, batch)
                else:
                    await self._judge(campaign, batch, of)
            except (TransferError, HaulierError) as error:
                await self._update(campaign, batch, trouble=safe_text(error.message))
        elif job.state not in _AT_WORK:
            await self._update(
                campaign, batch, trouble=f"job {job.id} is {job.state}: {job.reason}".rstrip(": ")
            )

    async def _judge(self, campaign: JobRow, batch: BatchRow, of: int) -> None:
        """The check has ended. What the mover could not fetch is left out; anything else is damage."""
        damaged = await asyncio.to_thread(self._rows.count_failures, batch.checker, batch.mover)
        if damaged:
            examples = await asyncio.to_thread(self._rows.first_failures, batch.checker, batch.mover, EXAMPLES)
            words = damage_words(damaged, examples)
            await asyncio.to_thread(self._rows.reopen, campaign.id, batch.number)
            await asyncio.to_thread(self._journal.catalogue.forget, campaign.id, batch.number)
            async with self._shown(campaign.id):
                batch = await self._update(campaign, batch, state=BatchState.MOVING, broken=1, trouble=words)
                await self._tell(campaign.id)
            self._notice(Level.WARNING, f"batch {batch.number} on disk {batch.disk}: {words}", campaign.id)
            return
        left_out = await asyncio.to_thread(self._rows.failed, batch.checker)
        await asyncio.to_thread(settle, campaign, batch, of, self._journal, left_out, self._stopped)
        await asyncio.to_thread(self._journal.catalogue.verified, batch.disk, time.time())
        trouble = ""
        if left_out:
            examples = await asyncio.to_thread(self._rows.first_failures, batch.mover, 0, EXAMPLES)
            trouble = left_out_words(left_out, examples)
        async with self._shown(campaign.id):
            batch = await self._update(
                campaign, batch, state=BatchState.SAFE, done=time.time(), left_out=left_out, trouble=trouble
            )
            await self._tell(campaign.id)
        self._notice(Level.WARNING if left_out else Level.INFO, safe_words(batch, of), campaign.id)

    def _note_verified(self, spec: JobSpec) -> None:
        """Disks that were verified alone are noted in the catalogue, as far as it knows them."""
        for pair in spec.pairs:
            if pair.source.kind == "disk":
                try:
                    marker = read_marker(Path(pair.source.path))
                except (TransferError, HaulierError):
                    continue  # its manifests are right; without a marker nobody knows which disk it is
                if marker is not None:
                    self._journal.catalogue.verified(marker.id, time.time())

    # ------------------------------------------------------------ the campaign's own state

    async def _tell(self, job: int) -> None:
        """Its state, counts and reason say what is going on. Nothing is changed while it is being cancelled."""
        with suppress(HaulierError):
            async with self._jobs.at_rest(job) as row:
                changes = await asyncio.to_thread(self._state_of, row)
                if changes:
                    await self._jobs.change(job, **changes)

    def _state_of(self, row: JobRow) -> dict[str, Any]:
        batches = self._rows.batches(row.id)
        if not batches or row.state in (JobState.PLANNING, JobState.FAILED, JobState.CANCELLED):
            return {}
        done, failed = self._rows.tally_done(row.id), self._rows.failed(row.id)
        counts = msgspec.structs.replace(
            row.counts, files_done=done.count, bytes_done=done.bytes, files_failed=failed
        )
        states = {batch.state for batch in batches}
        if states == {BatchState.SAFE}:
            state, reason = JobState.PARTIAL if failed else JobState.COMPLETED, final_words(batches, failed)
        else:
            state = JobState.PLANNED if states == {BatchState.WAITING} else JobState.PAUSED
            reason = state_words(row.id, batches)
        finished = (row.finished or time.time()) if state.is_final else 0.0
        return {"state": state, "reason": reason, "hint": "", "counts": counts, "finished": finished}

    # ------------------------------------------------------------ small things

    def _lock(self, job: int) -> asyncio.Lock:
        return self._locks.setdefault(job, asyncio.Lock())

    def _shown(self, job: int) -> asyncio.Lock:
        """Held while what is shown of a campaign would not agree with itself; never for long."""
        return self._showing.setdefault(job, asyncio.Lock())

    async def _update(self, campaign: JobRow, batch: BatchRow, **changes: object) -> BatchRow:
        return await asyncio.to_thread(self._rows.update, campaign.id, batch.number, **changes)

    async def _job(self, job: int) -> JobView | None:
        if not job:
            return None
        try:
            return await self._jobs.get(GetJob(job=job))
        except HaulierError:
            return None  # forgotten

    async def _at_work(self, batch: BatchRow) -> JobView | None:
        """The job that moves or checks the batch right now."""
        for number in (batch.checker, batch.mover):
            view = await self._job(number)
            if view is not None and view.state in _AT_WORK:
                return view
        return None


def _pick(campaign: JobRow, batches: list[BatchRow], number: int) -> BatchRow:
    if campaign.state is JobState.CANCELLED:
        raise HaulierError(Code.REFUSED, f"job {campaign.id} was cancelled", "start a new one")
    if not batches:
        raise HaulierError(
            Code.REFUSED,
            f"job {campaign.id} has no batches (it is {campaign.state})",
            "wait for its plan" if campaign.state is JobState.PLANNING else "",
        )
    if not 1 <= number <= len(batches):
        raise HaulierError(
            Code.REFUSED,
            f"job {campaign.id} has batches 1 to {len(batches)}, not {number}",
            f"`haulier batch status {campaign.id}` shows them",
        )
    return batches[number - 1]


def _folder(campaign: JobRow, batch: BatchRow, command: ContinueCampaign) -> str:
    """Where the batch is to go: absolute, without a slash at the end."""
    target = command.target
    if target is None:
        return batch.target or common_root(campaign.routes)
    if target.kind != "local":
        raise HaulierError(
            Code.REFUSED, f"{target}: batches go to disks of this machine", "name the folder of a disk"
        )
    return target.path.rstrip("/") or "/"
