"""One job being carried out: planning, workers, recording, and how it ends.

A supervisor thread lives as long as the run. It plans (or takes up the plan), prepares the targets, feeds the
work queue from the journal, waits for the workers, carries out deletions, and reports one `RunEnd`. Everything
durable is in the journal: a run may be dropped at any instant and another one goes on from there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from core.engine.committer import Committer, Outcome, Totals
from core.engine.content import same_content
from core.engine.journal import ItemRow, JobRow, Journal
from core.engine.large import (
    LARGE_DOWNLOAD,
    LARGE_UPLOAD,
    LargeDownload,
    LargeItem,
    LargeServerSide,
    LargeUpload,
)
from core.engine.limits import Bandwidth, Shared
from core.engine.move import Means, Slot, copy_small, fetch_small, move_part, send_small
from core.engine.planner import Planner
from core.engine.proof import DELETED
from core.engine.retry import next_delay, parse_policy
from core.engine.route import Route
from core.engine.storebook import Store, StoreBook
from core.engine.tuning import Tuning
from core.engine.workqueue import ItemTask, PartTask, Task, WorkQueue
from core.errors import (
    BadCredentials,
    DiskTrouble,
    ErrorClass,
    FatalTrouble,
    HaulierError,
    NetworkTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    StageLost,
    TargetRefused,
    Throttled,
    TransferError,
)
from core.model import (
    Action,
    AttemptView,
    Counts,
    Entry,
    JobKind,
    JobState,
    Level,
    PlanSummary,
    WorkerView,
)
from core.safe_text import safe_text
from core.stores.base import Cancelled
from core.stores.local import LocalFolder
from core.stores.s3 import CopyUnsupported

log = logging.getLogger(__name__)

T = TypeVar("T")

# One quick try before the policy's delays: a single 500, or an idle connection that was just closed by the
# other side (RFC 9112, 9.3.1), is no outage, and 5 s for it would be felt in every run.
STUMBLE = 0.25  # seconds
FEED = 2000  # items read from the journal at once


class RunEnd(NamedTuple):
    """How a run ended. PLANNED, PAUSED and BLOCKED can go on with another run."""

    state: JobState
    reason: str = ""
    hint: str = ""
    plan: PlanSummary | None = None
    blocker: str = ""


class Stop(Enum):
    """Why a run was told to stop."""

    NO = 0
    PAUSE = 1
    CANCEL = 2
    LEAVE = 3  # the engine stops: the job stays as it is


class Reports(NamedTuple):
    """What a run tells the engine; called from the run's threads."""

    notice: Callable[[Level, str], None]
    changed: Callable[[], None]  # state, routes or plan changed
    ended: Callable[[RunEnd], None]


class JobRun:
    """`start` it once; `stop` it any time; it ends by calling `reports.ended` exactly once."""

    def __init__(
        self,
        row: JobRow,
        journal: Journal,
        stores: StoreBook,
        shared: Shared,
        tuning: Tuning,
        reports: Reports,
    ) -> None:
        self.row = row
        self.job = row.id
        self._spec, self._options = row.spec, row.spec.options
        self._journal, self._stores, self._reports = journal, stores, reports
        self._memory = shared.memory
        self._policy = parse_policy(self._options.retry)
        self.tuning = tuning
        self.bandwidth = Bandwidth(tuning.bandwidth, shared.bandwidth)
        self._drain = threading.Event()  # take nothing new
        self._cancelled = threading.Event()  # drop what is in flight
        self._stop = Stop.NO
        self._blocked: FatalTrouble | None = None
        self._planner: Planner | None = None
        self._plan = row.plan
        self._planned = threading.Event()
        self._plan_error: Exception | None = None
        self._items_came = threading.Event()
        self._routes: tuple[Route, ...] = row.routes
        self._sources: list[Store] = []
        self._targets: list[Store] = []
        self._queue = self._new_queue()
        self._slots: list[Slot] = []
        self._threads: list[threading.Thread] = []
        self._threads_lock = threading.Lock()
        self._larges: dict[int, LargeItem] = {}
        self._retired: list[LargeItem] = []
        self._relayed: set[int] = set()  # routes that the service does not copy by itself after all
        self.totals = Totals()
        self.retries = 0
        self.throttles = 0
        self._committer = Committer(
            self.job, journal, self.totals, self._unsettled, self._block, self._recorded
        )
        self._supervisor = threading.Thread(target=self._supervise, name=f"job-{self.job}", daemon=True)
        self.began = time.monotonic()

    # ------------------------------------------------------------ from outside

    def start(self) -> None:
        self._supervisor.start()

    def stop(self, why: Stop, *, now: bool = False) -> None:
        """Hand out nothing more; with `now` also give up what is in flight. The end is reported as usual."""
        if self._stop is Stop.NO or why is Stop.CANCEL:
            self._stop = why
        self._drain.set()
        if now or why is Stop.CANCEL:
            self._cancelled.set()
        self._queue.stop()
        self._items_came.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        self._supervisor.join(seconds)
        return not self._supervisor.is_alive()

    def tune(self, tuning: Tuning) -> None:
        """New limits, from now on."""
        self.tuning = tuning
        self.bandwidth.set(tuning.bandwidth)
        self._queue.tune(**tuning.queue_limits())
        if self._slots:
            self._spawn_workers()

    @property
    def active_items(self) -> frozenset[int]:
        """Items that workers hold now."""
        return frozenset(slot.item for slot in list(self._slots) if slot.item) | frozenset(self._larges)

    @property
    def moved(self) -> int:
        """Bytes moved by this run so far; never goes back."""
        return sum(slot.moved for slot in list(self._slots))

    def counts(self) -> Counts:
        """Absolute counters now."""
        listing = self._planner is not None and not self._planned.is_set()
        plan = self._plan
        if self._planner is not None:
            found = self._planner.found
            files, size = found.to_move
            listed, skipped = found.listed, found.skip.count
            to_delete = found.by_action[Action.DELETE].count
            cannot = found.by_action[Action.CANNOT].count
        elif plan is not None:
            files = plan.copy.count + plan.overwrite.count + plan.cannot.count
            size = plan.copy.bytes + plan.overwrite.bytes + plan.cannot.bytes
            listed, skipped = files + plan.skip.count, plan.skip.count
            to_delete, cannot = plan.delete.count, plan.cannot.count
        else:
            files = size = listed = skipped = to_delete = cannot = 0
        open_bytes = sum(large.bytes_done for large in list(self._larges.values()))
        in_flight = sum(slot.done for slot in list(self._slots))
        return Counts(
            listing=listing,
            listed=listed,
            files_total=files,
            files_done=self.totals.done,
            files_failed=self.totals.failed + cannot,
            files_skipped=skipped,
            bytes_total=size,
            bytes_done=min(self.totals.bytes + open_bytes + in_flight, size) if not listing
            else self.totals.bytes + open_bytes + in_flight,
            deleted=self.totals.deleted,
            to_delete=to_delete,
            retries=self.retries,
            throttled=self.throttles,
        )  # fmt: skip

    def sample_slots(self, now: float) -> None:
        """Bring the rates of the workers up to `now` (monotonic seconds); called once a tick."""
        for slot in list(self._slots):
            seconds = now - slot.sampled_at
            if seconds > 0:
                slot.rate += 0.4 * ((slot.moved - slot.sampled) / seconds - slot.rate)
                slot.sampled, slot.sampled_at = slot.moved, now

    def worker_views(self, now: float) -> list[WorkerView]:
        """A row for each worker; idle ones show what waits for its next try."""
        waiting = iter(self._queue.waiting())
        views = []
        wanted = self.tuning.queue_limits()["threads"]
        for slot in list(self._slots)[:wanted]:
            view = slot.view(self.job, now)
            if view.phase == "idle" and (one := next(waiting, None)) is not None:
                task, seconds, note = one
                row = task.row if isinstance(task, ItemTask) else task.large.row
                view = msgspec.structs.replace(
                    view,
                    phase="waiting",
                    item=row.id,
                    key=row.name,
                    attempt=task.attempt,
                    seconds=seconds,
                    note=f"{note}, again in {seconds:.0f} s",
                )
            views.append(view)
        return views

    # ------------------------------------------------------------ the supervisor

    def _supervise(self) -> None:
        try:
            try:
                end = self._carry_out()
            except Cancelled:
                end = self._stopped_end()
        except FatalTrouble as error:
            end = _blocked_end(error)
        except NoPermission as error:  # not of one object: of a listing or a bucket as a whole
            end = RunEnd(JobState.BLOCKED, safe_text(error.message), _NOT_ALLOWED, blocker="credentials")
        except TransferError as error:
            end = RunEnd(JobState.FAILED, safe_text(error.message))
        except HaulierError as error:
            end = RunEnd(JobState.FAILED, error.message, error.hint)
        except Exception as error:
            log.exception("job %d ended by a defect", self.job)
            end = RunEnd(JobState.FAILED, f"internal error: {error}", "please report it, with the engine's log")
        try:
            self._close_stores(end.state)
        finally:
            self._reports.ended(end)

    def _carry_out(self) -> RunEnd:
        if self._drain.is_set():
            return self._stopped_end()  # cancelled before it began: nothing is made at the target
        if self._plan is None:
            self._start_planning()
        if not self.row.moving:
            return self._planned_end()
        self._committer.start()
        try:
            self._take_up_totals()
            self._await_items()
            self._prepare_targets()
            self._open_stores()
            self._move_phase(deletions=False)
            if not self._drain.is_set():
                self._raise_plan_error()
                if self._plan is not None and self._plan.delete.count:
                    self._queue = self._new_queue()
                    self._move_phase(deletions=True)
        except BaseException:
            self._drain.set()  # neither the planner nor the workers must go on alone
            self._queue.stop()
            raise
        finally:
            self._committer.close()
            for large in [*self._larges.values(), *self._retired]:
                large.close()
            if self._planner is not None:
                self._planned.wait()  # another run of this job must not meet this one's planner
        if self._blocked is not None:
            return _blocked_end(self._blocked)
        if self._drain.is_set():
            return self._stopped_end()
        return self._final_end()

    def _planned_end(self) -> RunEnd:
        """The plan is frozen, now or by an earlier run. Only `StartJob` makes a job move from here."""
        if self._planner is not None:
            self._planned.wait()
            self._raise_plan_error()
        if self._stop is Stop.CANCEL:
            return self._stopped_end()
        return RunEnd(JobState.PLANNED, plan=self._plan)

    def _stopped_end(self) -> RunEnd:
        if self._blocked is not None:
            return _blocked_end(self._blocked)
        if self._stop is Stop.CANCEL:
            self._remove_partial_data()
            return RunEnd(JobState.CANCELLED, "cancelled; what is complete stays")
        if self._stop is Stop.LEAVE:
            return RunEnd(JobState.RUNNING if self.row.moving else JobState.PLANNING)
        return RunEnd(JobState.PAUSED, "paused")

    def _final_end(self) -> RunEnd:
        counts = self.counts()
        plan = self._plan
        if counts.files_failed:
            what = "differ or are missing" if self._spec.kind is JobKind.VERIFY else "failed"
            return RunEnd(
                JobState.PARTIAL, f"{counts.files_failed} of {counts.files_total} files {what}", plan=plan
            )
        return RunEnd(JobState.COMPLETED, plan=plan)

    # ------------------------------------------------------------ planning

    def _start_planning(self) -> None:
        planner = Planner(
            self.job,
            self._spec,
            self._journal,
            self._stores,
            self._drain,
            on_items=self._items_came.set,
            on_wait=self._note_wait,
        )
        self._routes = self._patiently(planner.resolve) if self.row.routes else planner.resolve()
        self._journal.update_job(self.job, routes=self._routes)
        if self.row.moving:
            planner.continue_from_journal()
        else:
            self._journal.drop_items(self.job)
        self._planner = planner
        self._reports.changed()
        threading.Thread(target=self._plan_all, name=f"job-{self.job}-planner", daemon=True).start()

    def _plan_all(self) -> None:
        assert self._planner is not None
        try:
            plan = self._planner.run()
            self._plan = plan
            self._journal.update_job(self.job, plan=plan)
            for warning in plan.warnings:
                self._reports.notice(Level.WARNING, warning)
        except Exception as error:  # noqa: BLE001 - raised by the supervisor, see _raise_plan_error
            self._plan_error = error
        finally:
            self._planned.set()
            self._items_came.set()
            self._reports.changed()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Carry it out; when the network fails, wait and try again as the job's policy says."""
        began, attempt = time.monotonic(), 1
        while True:
            try:
                return work()
            except (NetworkTrouble, Throttled) as error:
                delay = next_delay(self._policy, error, attempt, time.monotonic() - began)
                if delay is None:
                    raise
                self._note_wait(error, delay)
                if self._drain.wait(delay):
                    raise Cancelled from error
                attempt += 1

    def _note_wait(self, error: TransferError, delay: float) -> None:
        self.retries += 1
        self._reports.notice(Level.WARNING, f"{safe_text(error.message)}, trying again in {delay:.0f} s")

    def _raise_plan_error(self) -> None:
        if self._plan_error is not None:
            raise self._plan_error

    # ------------------------------------------------------------ stores

    def _await_items(self) -> None:
        """Nothing is made at a target before the source was found to be there."""
        while self._planner is not None and not self._items_came.wait(1.0):
            pass
        if self._planned.is_set():
            self._raise_plan_error()

    def _prepare_targets(self) -> None:
        """Make the buckets and folders that the plan says are missing."""
        if self._spec.kind is JobKind.VERIFY:
            return
        for route in self._routes:
            if route.target.kind == "local":
                LocalFolder(Path(route.target_root)).ensure_root()
            elif route.creates_bucket:
                self._patiently(partial(self._prepare_bucket, route))

    def _prepare_bucket(self, route: Route) -> None:
        service = self._stores.service(route.target.connection, self._spec.adhoc)
        if not service.has_bucket(route.target.bucket):
            service.create_bucket(route.target.bucket)
            self._reports.notice(Level.INFO, f"bucket {route.target.bucket} created")

    def _open_stores(self) -> None:
        adhoc = self._spec.adhoc
        for number, route in enumerate(self._routes):
            self._sources.append(self._stores.source(route, adhoc))
            writer = f"{self._journal.path}\0{self.job}\0{self.row.created!r}\0{number}"
            self._targets.append(self._stores.target(route, adhoc, writer))

    def _close_stores(self, state: JobState) -> None:
        for target in self._targets:
            if isinstance(target, LocalFolder):
                if state.is_final:
                    target.clear_staging(self._journal.staged_tokens())
                target.close()
        for source in self._sources:
            if isinstance(source, LocalFolder):
                source.close()

    def _remove_partial_data(self) -> None:
        if not self._targets and self._routes:
            self._open_stores()
        for row, token in self._journal.open_transfers(self.job):
            target = self._targets[row.route]
            try:
                target.abort(self._routes[row.route].target_key(row.name), token)
            except TransferError as error:
                self._reports.notice(
                    Level.WARNING,
                    f"{safe_text(row.name)}: partial data left behind: {safe_text(error.message)}",
                )
                continue
            self._journal.drop_transfer(self.job, row.id)

    # ------------------------------------------------------------ feeding and working

    def _new_queue(self) -> WorkQueue:
        return WorkQueue(**self.tuning.queue_limits())

    def _take_up_totals(self) -> None:
        for (action, state), (count, size) in self._journal.tallies(self.job).items():
            if action == Action.CANNOT:
                continue
            if state == "failed":
                self.totals.failed += count
            elif state == "completed" and action == Action.DELETE:
                self.totals.deleted += count
            elif state == "completed":
                self.totals.done += count
                self.totals.bytes += size

    def _move_phase(self, *, deletions: bool) -> None:
        if self._drain.is_set():
            return
        self._spawn_workers()
        for rows in self._pages(deletions=deletions):
            self._queue.push([ItemTask(row) for row in rows])
        self._queue.close()
        while threads := [thread for thread in self._threads if thread.is_alive()]:
            threads[0].join(1.0)
        self._threads = []

    def _pages(self, *, deletions: bool) -> Iterator[list[ItemRow]]:
        """Pending items as workers want them, also those that the planner is still finding."""
        after = 0
        while not self._drain.is_set():
            self._items_came.clear()
            complete = self._planner is None or self._planned.is_set()
            rows = self._journal.pending_items(self.job, after, FEED, deletions=deletions)
            if rows:
                after = rows[-1].id
                yield rows
                while not self._drain.is_set() and not self._queue.wait_until_low(0.5):
                    pass
            elif complete:
                return
            else:
                self._items_came.wait(0.5)

    def _spawn_workers(self) -> None:
        with self._threads_lock:
            wanted = self.tuning.queue_limits()["threads"]
            alive = {thread.name for thread in self._threads if thread.is_alive()}
            for index in range(wanted):
                if index >= len(self._slots):
                    self._slots.append(Slot(index))
                name = f"job-{self.job}-worker-{index}"
                if name not in alive:
                    thread = threading.Thread(
                        target=self._work, args=(self._slots[index],), name=name, daemon=True
                    )
                    self._threads = [t for t in self._threads if t.name != name] + [thread]
                    thread.start()

    def _work(self, slot: Slot) -> None:
        queue = self._queue
        means = Means(slot, self.bandwidth, self._memory, self._cancelled, self._options.storage_class)
        while (task := queue.take(slot.index)) is not None:
            try:
                if isinstance(task, PartTask):
                    self._do_part(task, means)
                else:
                    self._do_item(task, means)
            except Cancelled:
                pass  # stays pending in the journal
            except Exception as error:  # noqa: BLE001 - judged there
                self._met(task, error)
            finally:
                slot.idle()
                last_part = queue.task_ended(task)
                if isinstance(task, PartTask) and last_part and task.large.failed:
                    task.large.close()

    def _met(self, task: Task, error: Exception) -> None:
        """What a worker's error means for its task. Trouble on the way there stops the job: a worker that died
        of it would leave the job waiting for its task for ever."""
        try:
            if isinstance(error, CopyUnsupported):
                self._relay_instead(task, error)
            elif isinstance(error, TransferError):
                self._failed(task, error)
            elif isinstance(error, HaulierError):
                self._block(FatalTrouble(error.message))
            else:
                log.error("a worker met a defect", exc_info=error)
                self._give_up(task, f"internal error: {error}")
        except TransferError as worse:
            self._block(worse)
        except Exception as worse:
            log.exception("a worker met a defect")
            self._block(FatalTrouble(f"internal error: {worse}"))

    def _do_item(self, task: ItemTask, means: Means) -> None:
        row = task.row
        if not task.first_tried:
            task.first_tried = time.monotonic()
        route, source, target = self._routes[row.route], self._sources[row.route], self._targets[row.route]
        key = route.target_key(row.name)
        means.slot.begin(row.id, row.name, row.entry.size, task.attempt)
        if row.action is Action.DELETE:
            means.slot.phase = "deleting"
            target.delete(msgspec.structs.replace(row.entry, key=key))
            self._end(Outcome(row, task.attempt, proof=DELETED))
            return
        entry = msgspec.structs.replace(row.entry, key=route.source_key(row.name))
        if row.action is Action.VERIFY:
            self._verify(task, entry, source, target, key)
            return
        if route.method == "server side" and row.route not in self._relayed:
            if entry.size <= target.limits.max_whole:
                receipt, proof = copy_small(source, entry, target, key, means)
                self._end(Outcome(row, task.attempt, entry.size, proof, "", target, receipt))
                return
            large: LargeItem = LargeServerSide(row, entry, source, target, key, task.attempt)
        elif isinstance(target, LocalFolder):
            if entry.size < LARGE_DOWNLOAD:
                self._move_whole(task, entry, means, key)
                return
            large = LargeDownload(row, entry, source, target, key, task.attempt)
        else:
            if entry.size < max(LARGE_UPLOAD, self._options.part_size):
                self._move_whole(task, entry, means, key)
                return
            large = LargeUpload(row, entry, source, target, key, task.attempt)
        self._begin_large(task, large)

    def _move_whole(self, task: ItemTask, entry: Entry, means: Means, key: str) -> None:
        route = task.row.route
        target = self._targets[route]
        move = fetch_small if isinstance(target, LocalFolder) else send_small
        receipt, proof = move(self._sources[route], entry, target, key, means)
        self._end(Outcome(task.row, task.attempt, entry.size, proof, "", target, receipt))

    def _verify(self, task: ItemTask, entry: Entry, source: Store, target: Store, key: str) -> None:
        theirs = target.stat(key).entry
        verdict = same_content(source, entry, target, theirs, read_both=True, cancelled=self._cancelled)
        error = "" if verdict.equal else "content differs"
        self._end(Outcome(task.row, task.attempt, entry.size, verdict.proof, error))

    def _begin_large(self, task: ItemTask, large: LargeItem) -> None:
        item = task.row.id
        large.begin(
            self._journal.transfer(self.job, item),
            lambda row: self._journal.begin_transfer(self.job, item, row),
            self._options.part_size,
            clean=self._options.on_unfinished == "clean",
            cancelled=self._cancelled,
        )
        large.attempt = task.attempt
        self._larges[item] = large
        if large.complete:
            self._finish_large(large)
        else:
            self._queue.open_large(large)

    def _do_part(self, task: PartTask, means: Means) -> None:
        large = task.large
        if large.failed:
            return
        means.slot.begin(large.row.id, large.row.name, task.span.length, task.attempt)
        receipt = move_part(large, task.span, means)
        with large.lock:
            if large.failed:
                return  # begun again meanwhile: this part belongs to nothing any more
            large.receipts[task.span.number] = receipt
            means.slot.done = 0
            mine = large.complete and not large.finishing
            large.finishing = large.finishing or mine
        self._committer.add_part(large.row.id, receipt)
        if mine:
            means.slot.phase = "finishing"
            self._finish_large(large)

    def _finish_large(self, large: LargeItem) -> None:
        try:
            receipt, proof = large.finish()
        except TransferError as error:
            self._larges.pop(large.row.id, None)
            large.close()
            if error.error_class in (ErrorClass.INTEGRITY, ErrorClass.CHANGED):
                self._abort(large)
                self._journal.drop_transfer(self.job, large.row.id)
            self._failed(ItemTask(large.row, large.attempt, large.first_failed), error)
            return
        self._larges.pop(large.row.id, None)
        self._end(Outcome(large.row, large.attempt, large.entry.size, proof, "", large.target, receipt))

    def _abort(self, large: LargeItem) -> None:
        try:
            large.target.abort(large.key, large.token)
        except TransferError as error:
            name, why = safe_text(large.row.name), safe_text(error.message)
            self._reports.notice(Level.WARNING, f"{name}: partial data left behind: {why}")

    def _end(self, outcome: Outcome) -> None:
        self._queue.file_ended()
        self._committer.add(outcome)

    def _recorded(self, outcomes: list[Outcome]) -> None:
        self._queue.files_recorded(len(outcomes))

    # ------------------------------------------------------------ when it goes wrong

    def _block(self, error: TransferError) -> None:
        """Stop the whole job with a reason that somebody can mend."""
        if self._blocked is None:
            self._blocked = error if isinstance(error, FatalTrouble) else FatalTrouble(error.message)
        self._drain.set()
        self._queue.stop()
        self._items_came.set()

    def _unsettled(self, outcome: Outcome, error: TransferError) -> None:
        """The target refused the last step of an item: as if its worker had failed."""
        self._queue_again(ItemTask(outcome.row, outcome.attempts, time.monotonic()), error)

    def _queue_again(self, task: ItemTask, error: TransferError) -> None:
        self._queue.reopen_file()
        self._failed(task, error)

    def _failed(self, task: Task, error: TransferError) -> None:
        if isinstance(task, PartTask) and task.large.failed:
            return
        row = task.row if isinstance(task, ItemTask) else task.large.row
        if error.error_class is ErrorClass.FATAL:
            self._note_attempt(row, error, -1.0)
            self._block(error)
            return
        if isinstance(error, SourceChanged | StageLost):
            self._start_again(task, error)
            return
        now = time.monotonic()
        if isinstance(task, PartTask):
            task.large.first_failed = first = task.large.first_failed or now
        else:
            first = task.first_tried or now
        if isinstance(error, Throttled):
            self.throttles += 1
            self._queue.throttled()
        delay: float | None
        if isinstance(error, NetworkTrouble) and not task.stumbles:
            delay, task.stumbles = STUMBLE, 1
        else:
            delay = next_delay(self._policy, error, task.attempt - task.stumbles, now - first)
        self._note_attempt(row, error, -1.0 if delay is None else delay)
        if delay is None:
            self._give_up(task, error.message)
            return
        self.retries += 1
        task.attempt += 1
        self._queue.delay(task, delay, safe_text(error.message, 60))

    def _start_again(self, task: Task, error: TransferError) -> None:
        """The source is not what it was (or the partial data is gone): the item begins again, never mixed."""
        if isinstance(task, PartTask):
            large = task.large
            if not self._retire(large):
                return
            self._abort(large)
            task = ItemTask(large.row, large.attempt, large.first_failed or time.monotonic())
        row = task.row
        self._journal.drop_transfer(self.job, row.id)
        delay = next_delay(self._policy, error, task.attempt, 0.0)
        self._note_attempt(row, error, -1.0 if delay is None else delay)
        if delay is None or row.action is Action.DELETE:
            self._give_up(task, error.message)
            return
        route = self._routes[row.route]
        try:
            fresh = self._sources[row.route].stat(route.source_key(row.name)).entry
        except NotFound:
            self._give_up(task, "vanished from the source while the job ran")
            return
        except TransferError as trouble:
            self._give_up(task, trouble.message)
            return
        entry = msgspec.structs.replace(fresh, key=row.name, storage_class=row.entry.storage_class)
        if entry != row.entry:
            self._journal.renew_item(self.job, row.id, entry)
            self._reports.notice(Level.WARNING, f"{safe_text(row.name)}: changed at the source, started again")
        task.row = ItemRow(row.id, row.route, row.action, row.name, entry, row.attempts)
        task.attempt += 1
        self.retries += 1
        self._queue.delay(task, min(delay, 1.0), "source changed")

    def _relay_instead(self, task: Task, error: CopyUnsupported) -> None:
        """The service cannot copy this by itself: from here on the route's bytes go through this machine."""
        row = task.row if isinstance(task, ItemTask) else task.large.row
        if row.route not in self._relayed:
            self._relayed.add(row.route)
            self._reports.notice(
                Level.WARNING, f"{safe_text(error.message)}: copied through this machine instead"
            )
        if isinstance(task, PartTask):
            large = task.large
            if not self._retire(large):
                return
            self._abort(large)
            task = ItemTask(row, large.attempt, large.first_failed)
        self._journal.drop_transfer(self.job, row.id)
        self._queue.delay(task, 0.0, "copied through this machine")

    def _retire(self, large: LargeItem) -> bool:
        """Take a large item off the way; False when another worker did it already."""
        with large.lock:
            if large.failed:
                return False
            large.failed = True
        self._queue.give_up_parts(large)
        self._larges.pop(large.row.id, None)
        self._retired.append(large)  # its descriptors are closed when no worker can hold them any more
        return True

    def _give_up(self, task: Task, message: str) -> None:
        if isinstance(task, PartTask) and not self._retire(task.large):
            return
        row = task.row if isinstance(task, ItemTask) else task.large.row
        text = safe_text(message)
        self._reports.notice(Level.WARNING, f"{safe_text(row.name, 80)}: {text}, not tried again")
        self._end(Outcome(row, task.attempt, error=text or "failed"))

    def _note_attempt(self, row: ItemRow, error: TransferError, retry_in: float) -> None:
        self._committer.add_attempt(
            AttemptView(
                item=row.id,
                filename=row.name,
                at=time.time(),
                error_class=error.error_class.value,
                message=safe_text(error.message),
                retry_in=retry_in,
            )
        )


_WAYS_OUT = {
    BadCredentials: ("credentials", "mend the connection's credentials; the job then goes on"),
    DiskTrouble: ("disk", "free space or mend the disk, then resume the job"),
    TargetRefused: ("target", "create the target or get permission to write there, then resume the job"),
}


_NOT_ALLOWED = "mend the connection's credentials or what they are allowed, then resume the job"


def _blocked_end(error: FatalTrouble) -> RunEnd:
    blocker, way_out = _WAYS_OUT.get(type(error), ("other", "mend it, then resume the job"))
    return RunEnd(JobState.BLOCKED, safe_text(error.message), way_out, blocker=blocker)
