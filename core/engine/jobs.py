"""All jobs and their states. Every change of a state is made here, on the event loop, one at a time per job."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from core.engine.campaigns.asking import check_campaign
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.moving.ending import Reports, RunEnd, Stop
from core.engine.moving.limit_desk import check_timetable
from core.engine.moving.limits import Shared
from core.engine.moving.run import JobRun
from core.engine.moving.through_xet import check_xet
from core.engine.moving.tuning import Tuning
from core.engine.network.mending import is_waiting
from core.engine.planning.title import make_title
from core.engine.records.book import RecordBook
from core.engine.spec_rules import check_at_once, check_job, check_start
from core.engine.storebook import StoreBook
from core.engine.upkeep.disk_waits import DiskWaits
from core.errors import Code, DiskTrouble, HaulierError
from core.messages import (
    AttemptPage,
    CancelJob,
    Done,
    FolderPage,
    ForgetJob,
    GetJob,
    GetTiming,
    ItemPage,
    ItemWindow,
    JobList,
    ListAttempts,
    ListFolders,
    ListItems,
    ListJobs,
    PauseJob,
    PlanJob,
    ResumeJob,
    RetryJob,
    StartJob,
    Timing,
    TuneJob,
    ViewItems,
)
from core.model import Connection, JobKind, JobSpec, JobState, JobView, Level
from core.repair import check_key, check_spec, is_repair
from core.units import format_bytes, format_count

log = logging.getLogger(__name__)

LOOK = 2.0  # seconds
NOTE_TIME = 10.0  # seconds
DRAIN = 1.5  # seconds that parts in flight get to finish when a job is paused
KEPT_VIEWS = 200


class Jobs:
    """`publish` tells faces of a changed job, `forgotten` of one that is gone, `notice` writes a log line."""

    def __init__(
        self,
        journal: Journal,
        stores: StoreBook,
        shared: Shared,
        publish: Callable[[JobView], None],
        forgotten: Callable[[int], None],
        notice: Callable[[Level, str, int], None],
    ) -> None:
        self._journal, self._stores, self._shared = journal, stores, shared
        self._publish, self._forgotten, self._notice = publish, forgotten, notice
        self._views: dict[int, JobView] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._records: dict[int, asyncio.Lock] = {}
        self._ended: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._disk_waits = DiskWaits(journal, shared.reserve)
        self._unrecorded: set[int] = set()  # jobs whose end the journal's full disk did not take
        self.runs: dict[int, JobRun] = {}
        self.when_ended: Callable[[JobView], Awaitable[None]] | None = None  # called after a run has ended
        self._closing = False
        loop = asyncio.get_running_loop()
        self._record_files = RecordBook(journal, lambda *told: self._from_thread(loop, self._notice, *told))

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """Take up what was under way when the last engine stopped."""
        await asyncio.to_thread(self._record_files.open)
        for row in await asyncio.to_thread(self._journal.jobs, 0, KEPT_VIEWS):
            self._views[row.id] = await self._view_of(row)
        for row in await asyncio.to_thread(self._journal.unfinished_jobs):
            self._views[row.id] = await self._view_of(row)
            if row.state in (JobState.PLANNING, JobState.RUNNING):
                self._start_run(row)

    async def close(self, *, drain: bool) -> None:
        """Stop every run, leaving the jobs' states as they are: the next engine goes on with them."""
        self._closing = True
        for run in self.runs.values():
            run.stop(Stop.LEAVE, now=not drain)
        waits = [self._ended[job].wait() for job in list(self.runs)]
        if waits:
            try:
                await asyncio.wait_for(asyncio.gather(*waits), 30 if drain else 10)
            except TimeoutError:
                for run in self.runs.values():
                    run.stop(Stop.LEAVE, now=True)
                await asyncio.sleep(1)
        await asyncio.to_thread(self._record_files.close)

    @property
    def views(self) -> tuple[JobView, ...]:
        """Newest first: all unfinished jobs and the newest finished ones, with counters of now."""
        newest = sorted(self._views, reverse=True)
        shown = [job for at, job in enumerate(newest) if at < KEPT_VIEWS or not self._views[job].state.is_final]
        return tuple(self.view(job) for job in shown)

    def view(self, job: int) -> JobView:
        view = self._views[job]
        run = self.runs.get(job)
        return msgspec.structs.replace(view, counts=run.counts()) if run is not None else view

    def using(self, connection: str) -> list[int]:
        """Unfinished jobs whose places name this connection."""
        return [
            job
            for job, view in self._views.items()
            if not view.state.is_final
            and any(connection in (pair.source.connection, pair.target.connection) for pair in view.spec.pairs)
        ]

    # ------------------------------------------------------------ commands

    async def plan(self, command: PlanJob) -> JobView:
        if command.spec.batch_of or command.spec.batch:
            raise HaulierError(
                Code.USAGE, "a job for a batch is made by its campaign", "`haulier batch continue JOB N`"
            )
        await asyncio.to_thread(check_campaign, command.spec, start=command.start)
        return await self.plan_batch(command)

    async def plan_batch(self, command: PlanJob) -> JobView:
        """The same for the campaigns' own jobs."""
        spec = command.spec
        check_job(spec)
        check_xet(spec, self._stores)
        if command.start and spec.kind is JobKind.SYNC:
            s3 = any(pair.target.kind == "s3" for pair in spec.pairs)
            if s3 or spec.options.delete:
                raise HaulierError(
                    Code.REFUSED,
                    "a sync that writes to S3 or deletes starts only from its plan, with YES",
                    "plan it first, then start it with the plan's hash",
                )
        for pair in spec.pairs:
            for place in (pair.source, pair.target):
                if place.connection:
                    self._stores.connection(place.connection, spec.adhoc)
        if spec.broken_of:
            await self._check_verified(spec.broken_of)
        title = make_title(spec)
        row, new = await asyncio.to_thread(
            self._journal.add_job, command.key, spec, title, moving=command.start
        )
        if new:
            if command.start:
                row = await asyncio.to_thread(self._journal.update_job, row.id, started=time.time())
            self._views[row.id] = row.view()
            self._start_run(row)
            self._publish(self.view(row.id))
        return await self.get(GetJob(job=row.id))  # of another's job of this key there may be no view yet

    async def _check_verified(self, job: int) -> None:
        verified = await self._row(job)
        if verified.spec.kind is not JobKind.VERIFY or not verified.state.is_final:
            raise HaulierError(
                Code.USAGE, f"job {job} is no finished verify job", f"`haulier verify {job} --repair` makes one"
            )

    async def start(self, command: StartJob) -> JobView:
        async with self._lock(command.job):
            row = await self._row(command.job)
            await self._refuse_by_hand(row)
            if row.moving and row.state not in (JobState.PLANNED, JobState.PLANNING):
                return self.view(row.id)  # asked twice
            if row.state is not JobState.PLANNED or row.plan is None:
                raise HaulierError(
                    Code.REFUSED, f"job {row.id} has no finished plan (it is {row.state})", "wait for the plan"
                )
            if command.plan_hash != row.plan.hash:
                raise HaulierError(
                    Code.REFUSED,
                    f"the plan of job {row.id} is not the one that was confirmed",
                    "look at the plan again and confirm that",
                )
            if row.plan.needs_confirmation and command.confirm != "YES":
                raise HaulierError(
                    Code.REFUSED,
                    f"job {row.id} writes to S3 or deletes: not confirmed",
                    "type YES, in capitals (on the command line --confirm YES)",
                )
            check_start(row.plan, command)
            if row.id in self.runs:  # the planning run is recording its end
                await self._ended[row.id].wait()
            row = await self._set(row.id, state=JobState.RUNNING, moving=True, started=time.time())
            self._start_run(row)
            return self.view(row.id)

    async def pause(self, command: PauseJob) -> JobView:
        async with self._lock(command.job):
            row = await self._row(command.job)
            if row.state.is_final:
                raise HaulierError(Code.REFUSED, f"job {row.id} is {row.state} already")
            run = self.runs.get(row.id)
            if run is not None:
                await self._stop_run(run, Stop.PAUSE)
            return self.view(row.id)

    async def resume(self, command: ResumeJob) -> JobView:
        async with self._lock(command.job):
            row = await self._row(command.job)
            await self._refuse_by_hand(row)
            if row.id in self.runs or row.state is JobState.PLANNED:
                return self.view(row.id)
            if row.state is JobState.FAILED:
                return await self._again(row)
            if row.state.is_final:
                raise HaulierError(
                    Code.REFUSED,
                    f"job {row.id} is {row.state}",
                    f"`haulier retry {row.id}` tries failed files again"
                    if row.state is JobState.PARTIAL
                    else "",
                )
            return await self._again(row)

    async def _refuse_by_hand(self, row: JobRow) -> None:
        """A campaign does not move by itself; its batches do, each to the disk that is named for it."""
        if row.spec.batches is None or not await asyncio.to_thread(self._journal.campaigns.token, row.id):
            return
        raise HaulierError(
            Code.REFUSED,
            f"job {row.id} moves batch by batch, to one disk after the other",
            f"`haulier batch status {row.id}` shows them; `haulier batch continue {row.id} N FOLDER` moves one",
        )

    async def _batch_jobs(self, job: int) -> list[int]:
        """Of a campaign."""
        if (await self._row(job)).spec.batches is None:
            return []
        return await asyncio.to_thread(self._journal.campaigns.jobs_of, job)

    async def cancel(self, command: CancelJob) -> JobView:
        for job in await self._batch_jobs(command.job):
            await self.cancel(CancelJob(job=job))
        async with self._lock(command.job):
            row = await self._row(command.job)
            if row.state.is_final:
                return self.view(row.id)
            run = self.runs.get(row.id)
            if run is not None:
                await self._stop_run(run, Stop.CANCEL)
            if not self._views[
                row.id
            ].state.is_final:  # nothing runs, or it had just stopped for another reason
                run = self._start_run(await self._row(row.id), first=Stop.CANCEL)
                await self._stop_run(run, Stop.CANCEL)
            return self.view(row.id)

    async def retry(self, command: RetryJob) -> JobView:
        async with self._lock(command.job):
            row = await self._row(command.job)
            if row.state is JobState.CANCELLED:
                raise HaulierError(Code.REFUSED, f"job {row.id} was cancelled", "start a new one")
            await self._refuse_by_hand(row)
            if not row.moving:
                raise HaulierError(Code.REFUSED, f"job {row.id} was not started yet", "start it from its plan")
            run = self.runs.get(row.id)
            if run is not None:
                await self._stop_run(run, Stop.PAUSE)
            opened = await asyncio.to_thread(self._journal.reopen_failed, row.id, command.items)
            if not opened and row.state in (JobState.COMPLETED, JobState.PARTIAL):
                raise HaulierError(
                    Code.REFUSED,
                    f"job {row.id} has no failed files that could be tried again",
                    "what its plan found impossible needs a new plan: run the same copy again",
                )
            return await self._again(await self._row(row.id))

    async def forget(self, command: ForgetJob) -> Done:
        jobs = await self._batch_jobs(command.job)
        if jobs and (await self._row(command.job)).state.is_final:
            for job in jobs:
                await self.cancel(CancelJob(job=job))
                await self.forget(ForgetJob(job=job))
        async with self._lock(command.job):
            row = await self._row(command.job)
            if not row.state.is_final:
                raise HaulierError(
                    Code.REFUSED, f"job {row.id} is not finished", f"`haulier cancel {row.id}` first"
                )
            if await asyncio.to_thread(self._journal.open_transfers, row.id):
                # Kept for a retry, which cannot come any more: nobody else would know of it.
                await self._stop_run(self._start_run(row, first=Stop.CANCEL), Stop.CANCEL)
            await asyncio.to_thread(self._record_files.forget, row.id)
            await asyncio.to_thread(self._journal.forget_job, row.id)
            self._views.pop(row.id, None)
            self._disk_waits.forget(row.id)
        self._locks.pop(command.job, None)
        self._records.pop(command.job, None)
        self._forgotten(command.job)
        return Done()

    @asynccontextmanager
    async def at_rest(self, job: int) -> AsyncIterator[JobRow]:
        """The job while nobody starts it or changes it. Raises HaulierError (refused) while it runs."""
        async with self._lock(job):
            row = await self._row(job)
            if job in self.runs:
                raise HaulierError(Code.REFUSED, f"job {job} is {row.state}", f"`haulier pause {job}` first")
            yield row

    async def change(self, job: int, **changes: Any) -> JobView:
        """Set columns of a job that is held by `at_rest`."""
        await self._set(job, **changes)
        return self.view(job)

    async def tune(self, command: TuneJob) -> JobView:
        async with self._lock(command.job):
            row = await self._row(command.job)
            check_at_once(max(command.workers, 0), max(command.connections, 0))
            options = row.spec.options
            changed: dict[str, Any] = {
                name: value
                for name in ("workers", "connections", "bandwidth")
                if (value := getattr(command, name)) >= 0
            }
            if command.timetable is not None or "bandwidth" in changed:
                changed["timetable"] = check_timetable(command.timetable or "")
            if command.priority is not None:
                changed["priority"] = command.priority
            spec = msgspec.structs.replace(row.spec, options=msgspec.structs.replace(options, **changed))
            row = await self._set(row.id, spec=spec)
            run = self.runs.get(row.id)
            if run is not None:
                run.tune(Tuning.of(spec.options))
                run.priority = spec.options.priority
            return self.view(row.id)

    async def list(self, command: ListJobs) -> JobList:
        rows = await asyncio.to_thread(self._journal.jobs, command.before, min(command.limit, 1000))
        return JobList(
            jobs=tuple([self.view(r.id) if r.id in self._views else await self._view_of(r) for r in rows])
        )

    async def get(self, command: GetJob) -> JobView:
        if command.job in self._views:
            return self.view(command.job)
        return await self._view_of(await self._row(command.job))

    async def items(self, command: ListItems) -> ItemPage:
        row = await self._row(command.job)
        run = self.runs.get(command.job)
        try:
            after = int(command.cursor or 0)
        except ValueError:
            raise HaulierError(Code.USAGE, f"not a cursor: {command.cursor[:40]!r}") from None
        items, matching = await asyncio.to_thread(
            self._journal.item_views,
            row,
            action=command.action,
            status=command.status,
            contains=command.contains,
            after=after,
            limit=min(command.limit, 2000),
            active=run.active_items if run is not None else frozenset(),
        )
        more = len(items) == min(command.limit, 2000)
        return ItemPage(
            items=tuple(items), cursor=str(items[-1].id) if items and more else "", matching=matching
        )

    async def view_items(self, command: ViewItems) -> ItemWindow:
        run = self.runs.get(command.job)
        active = run.active_items if run is not None else frozenset[int]()

        def look() -> ItemWindow:
            return self._journal.item_lists.window(self._journal.job(command.job), command, active)

        return await asyncio.to_thread(look)

    async def attempts(self, command: ListAttempts) -> AttemptPage:
        await self._row(command.job)
        found = await asyncio.to_thread(
            self._journal.attempts, command.job, command.item, command.before, min(command.limit, 2000)
        )
        return AttemptPage(attempts=tuple(found))

    async def folders(self, command: ListFolders) -> FolderPage:
        row = await self._row(command.job)
        return await asyncio.to_thread(self._journal.folders.page, row, command)

    async def timing(self, command: GetTiming) -> Timing:
        await self._row(command.job)
        run = self.runs.get(command.job)
        return run.slowness.timing() if run is not None else Timing()

    # ------------------------------------------------------------ runs

    def _start_run(self, row: JobRow, first: Stop = Stop.NO) -> JobRun:
        loop = asyncio.get_running_loop()
        job = row.id
        reports = Reports(
            notice=lambda level, text: self._from_thread(loop, self._notice, level, text, job),
            changed=lambda: self._from_thread(loop, self._touched, job),
            ended=lambda end: self._from_thread(loop, self._run_ended, job, end),
        )
        run = JobRun(
            row,
            self._journal,
            self._stores,
            self._shared,
            Tuning.of(row.spec.options),
            reports,
            self._record_files,
        )
        self.runs[job] = run
        self._ended[job] = asyncio.Event()
        if first is not Stop.NO:
            run.stop(first)
        run.start()
        return run

    @staticmethod
    def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *values: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(call, *values)

    async def _stop_run(self, run: JobRun, why: Stop) -> None:
        """Stop and wait until the job's new state is recorded."""
        ended = self._ended[run.job]
        run.stop(why)
        try:
            await asyncio.wait_for(ended.wait(), DRAIN)
        except TimeoutError:
            run.stop(why, now=True)
            await ended.wait()

    def _touched(self, job: int) -> None:
        if job in self.runs:
            self._spawn(self._refresh(job))

    async def _refresh(self, job: int) -> None:
        async with self._recording(job):  # else a late RUNNING could be written over the end
            if job not in self.runs:
                return
            row = await asyncio.to_thread(self._journal.job, job)
            if row.state is JobState.PLANNING and row.moving:
                row = await asyncio.to_thread(self._journal.update_job, job, state=JobState.RUNNING)
            self._views[job] = await self._view_of(row)
            self._publish(self.view(job))

    def _run_ended(self, job: int, end: RunEnd) -> None:
        self._spawn(self._record_end(job, end))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record_end(self, job: int, end: RunEnd) -> None:
        async with self._recording(job):
            try:
                await self._record(job, end)
            except DiskTrouble as error:  # the run's last group could not be recorded either
                self._unrecorded.add(job)
                self._disk_waits.stopped(job, 0)
                self._views[job] = msgspec.structs.replace(
                    self.view(job),
                    state=JobState.BLOCKED,
                    reason=error.message,
                    hint="free space there, and the job goes on by itself",
                )
            finally:
                self.runs.pop(job, None)
                self._ended[job].set()
            await asyncio.to_thread(self._journal.item_lists.forget, job)  # nobody remakes them from now on
            view = self._views[job]
            if not self._closing:
                self._tell_end(view)
            self._publish(view)
        if self.when_ended is not None and not self._closing:
            await self.when_ended(view)
        if view.spec.batch_of:
            return
        if is_repair(view.spec) and view.state in (JobState.COMPLETED, JobState.PARTIAL) and not self._closing:
            await self._verify_again(view)

    async def _verify_again(self, repair: JobView) -> None:
        """What was just copied again is verified again, by a job of its own."""
        key = check_key(repair.id, repair.created)
        try:
            await self.plan(PlanJob(spec=check_spec(repair.spec), key=key, start=True))
        except HaulierError as error:
            self._notice(Level.WARNING, f"not verified again: {error.message}", repair.id)

    async def _record(self, job: int, end: RunEnd) -> None:
        run = self.runs[job]
        counts = run.counts()
        row = await asyncio.to_thread(self._journal.job, job)
        changes: dict[str, Any] = {
            "state": end.state,
            "reason": end.reason,
            "hint": end.hint,
            "counts": counts,
            "blocker": end.blocker,
        }
        changes["active_seconds"] = _time_at_work(run)
        if end.state.is_final:
            changes["finished"] = time.time()
        if end.state is JobState.FAILED and row.plan is None and not row.moving:
            changes["counts"] = msgspec.structs.replace(counts, listing=False)
        if end.plan is not None:
            changes["plan"] = end.plan
        row = await asyncio.to_thread(self._journal.update_job, job, **changes)
        self._unrecorded.discard(job)
        if end.blocker == "disk":
            self._disk_waits.stopped(job, end.room)
        self._views[job] = await self._view_of(row)

    def _tell_end(self, view: JobView) -> None:
        counts = view.counts
        moved = f"{format_count(counts.files_done)} files, {format_bytes(counts.bytes_done)}"
        match view.state:
            case JobState.COMPLETED:
                self._notice(
                    Level.INFO, f"done: {moved}, {format_count(counts.files_skipped)} skipped", view.id
                )
            case JobState.PARTIAL:
                self._notice(Level.WARNING, f"finished with failures: {view.reason}; {moved}", view.id)
            case JobState.BLOCKED | JobState.FAILED:
                self._notice(
                    Level.WARNING, f"{view.state}: {view.reason.rstrip('.')}. {view.hint}".rstrip(". "), view.id
                )
            case JobState.PAUSED | JobState.CANCELLED:
                self._notice(Level.INFO, f"{view.state} after {moved}", view.id)
            case _:
                self._notice(Level.INFO, f"planned: {_plan_words(view)}", view.id)

    async def waiting_for_keys(self) -> tuple[JobRow, ...]:
        """Jobs that are stopped until credentials, or what they are allowed, were mended."""
        if not any(view.state is JobState.BLOCKED for view in self._views.values()):
            return ()
        rows = await asyncio.to_thread(self._journal.unfinished_jobs)
        return tuple([row for row in rows if is_waiting(row.state, row.blocker) and row.id not in self.runs])

    async def go_on_with_keys(self, uses: Callable[[Connection], bool]) -> None:
        """Keys or a connection came: jobs that wait for credentials of such a connection go on."""
        for row in await asyncio.to_thread(self._journal.unfinished_jobs):
            if is_waiting(row.state, row.blocker) and self._any(row.spec, uses):
                await self.resume(ResumeJob(job=row.id))

    def _any(self, spec: JobSpec, uses: Callable[[Connection], bool]) -> bool:
        names = {place.connection for pair in spec.pairs for place in (pair.source, pair.target)} - {""}
        for name in names:
            try:
                if uses(self._stores.connection(name, spec.adhoc)):
                    return True
            except HaulierError:
                continue  # the connection is gone: not the one that came
        return False

    async def look_after(self) -> None:
        """Every few seconds: the time at work is noted, so that a kill loses little of it, and jobs that wait
        for a disk go on when it takes what comes next again."""
        noted = time.monotonic()
        while True:
            await asyncio.sleep(LOOK)
            if time.monotonic() - noted >= NOTE_TIME:
                noted = time.monotonic()
                await self._note_time()
                await asyncio.to_thread(self._journal.item_lists.drop_idle)
            waiting = [job for job, view in self._views.items() if view.state is JobState.BLOCKED]
            for job in waiting:
                with suppress(HaulierError, DiskTrouble):  # cancelled or forgotten meanwhile, or full again
                    row = await self._row(job)
                    waits = row.blocker == "disk" or job in self._unrecorded
                    if waits and await asyncio.to_thread(self._disk_waits.can_go_on, row):
                        self._notice(Level.INFO, "the disk takes data again, going on", job)
                        await self.resume(ResumeJob(job=job))

    async def _note_time(self) -> None:
        for job, run in list(self.runs.items()):
            async with self._recording(job):
                if self.runs.get(job) is not run:
                    continue
                try:
                    await asyncio.to_thread(self._journal.update_job, job, active_seconds=_time_at_work(run))
                except DiskTrouble as error:
                    log.warning("%s", error.message)  # the run's own records meet it too, and stop the job

    async def _again(self, row: JobRow) -> JobView:
        """Start another run of a stopped job."""
        state = JobState.RUNNING if row.moving else JobState.PLANNING
        changes: dict[str, Any] = {"state": state, "reason": "", "hint": "", "finished": 0.0}
        row = await self._set(row.id, **changes)
        self._start_run(row)
        return self.view(row.id)

    # ------------------------------------------------------------ small things

    def _lock(self, job: int) -> asyncio.Lock:
        return self._locks.setdefault(job, asyncio.Lock())

    def _recording(self, job: int) -> asyncio.Lock:
        """Held while a job's state is read and written without a command's lock."""
        return self._records.setdefault(job, asyncio.Lock())

    async def _row(self, job: int) -> JobRow:
        return await asyncio.to_thread(self._journal.job, job)

    async def _view_of(self, row: JobRow) -> JobView:
        if not row.state.is_final:
            return row.view()
        return row.view(*await asyncio.to_thread(self._journal.results.of, row))

    async def _set(self, job: int, **changes: Any) -> JobRow:
        row = await asyncio.to_thread(self._journal.update_job, job, **changes)
        self._views[job] = await self._view_of(row)
        self._publish(self.view(job))
        return row


def _time_at_work(run: JobRun) -> float:
    return run.row.active_seconds + time.monotonic() - run.began


def _plan_words(view: JobView) -> str:
    plan = view.plan
    if plan is None:
        return "nothing"
    return (
        f"{format_count(plan.copy.count)} to copy, {format_count(plan.overwrite.count)} to overwrite, "
        f"{format_count(plan.skip.count)} to skip, {format_count(plan.delete.count)} to delete"
    )
