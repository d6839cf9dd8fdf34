"""The workers of one job: threads that take tasks from the queue and carry them out.

A worker knows how to do one thing at a time. What its errors mean is decided in remedies.py, what its outcomes
are worth in committer.py; when to begin and when to stop is the run's affair.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import msgspec

from core.engine.committer import Committer, Outcome
from core.engine.content import same_content
from core.engine.journal import Journal
from core.engine.large import (
    LARGE_DOWNLOAD,
    LARGE_UPLOAD,
    LargeDownload,
    LargeItem,
    LargeServerSide,
    LargeUpload,
)
from core.engine.limits import Bandwidth, MemoryBudget
from core.engine.move import Means, Slot, copy_small, fetch_small, move_part, send_small
from core.engine.proof import DELETED
from core.engine.remedies import Remedies
from core.engine.route import Route
from core.engine.storebook import Store
from core.engine.tuning import Tuning
from core.engine.workqueue import ItemTask, PartTask, WorkQueue
from core.errors import ErrorClass, TransferError
from core.model import Action, Entry, JobOptions, WorkerView
from core.stores.base import Cancelled
from core.stores.local import LocalFolder


@dataclass(eq=False)
class Site:
    """Where a job works: its routes and their open stores, by the route's number."""

    routes: tuple[Route, ...]
    sources: list[Store]
    targets: list[Store]


class Crew:
    """`begin` a phase, `finish` it when the last item was pushed into `queue`. `cancelled` drops what is in
    flight. Counters are read by others at any time."""

    def __init__(
        self,
        job: int,
        options: JobOptions,
        site: Site,
        journal: Journal,
        committer: Committer,
        remedies: Remedies,
        tuning: Tuning,
        bandwidth: Bandwidth,
        memory: MemoryBudget,
        cancelled: threading.Event,
    ) -> None:
        self._job, self._options, self._site = job, options, site
        self._journal, self._committer, self._remedies = journal, committer, remedies
        self._tuning, self._bandwidth, self._memory, self._cancelled = tuning, bandwidth, memory, cancelled
        self._slots: list[Slot] = []
        self._threads: list[threading.Thread] = []
        self._threads_lock = threading.Lock()
        self._larges = remedies.larges
        self.queue = WorkQueue(**tuning.queue_limits())
        remedies.employ(self.queue)

    # ------------------------------------------------------------ what the run does with it

    def begin(self) -> None:
        """Start the workers."""
        self._spawn()

    def finish(self) -> None:
        """No more items come: wait until the workers have left."""
        self.queue.close()
        while threads := [thread for thread in self._threads if thread.is_alive()]:
            threads[0].join(1.0)
        self._threads = []

    def new_phase(self) -> None:
        """An empty queue, after `finish`."""
        self.queue = WorkQueue(**self._tuning.queue_limits())
        self._remedies.employ(self.queue)

    def tune(self, tuning: Tuning) -> None:
        """New limits, from now on."""
        self._tuning = tuning
        self.queue.tune(**tuning.queue_limits())
        if self._slots:
            self._spawn()

    def close(self) -> None:
        """Give back the descriptors of unfinished items."""
        self._remedies.close()

    # ------------------------------------------------------------ what is shown of it

    @property
    def active_items(self) -> frozenset[int]:
        """Items that workers hold now."""
        return frozenset(slot.item for slot in list(self._slots) if slot.item) | frozenset(self._larges)

    @property
    def moved(self) -> int:
        """Bytes moved so far; never goes back."""
        return sum(slot.moved for slot in list(self._slots))

    @property
    def bytes_open(self) -> int:
        """Bytes of items that are not complete: parts at the target, and what is in flight."""
        parts = sum(large.bytes_done for large in list(self._larges.values()))
        return parts + sum(slot.done for slot in list(self._slots))

    def sample_slots(self, now: float) -> None:
        """Bring the rates of the workers up to `now` (monotonic seconds); called once a tick."""
        for slot in list(self._slots):
            seconds = now - slot.sampled_at
            if seconds > 0:
                slot.rate += 0.4 * ((slot.moved - slot.sampled) / seconds - slot.rate)
                slot.sampled, slot.sampled_at = slot.moved, now

    def worker_views(self, now: float) -> list[WorkerView]:
        """A row for each worker; idle ones show what waits for its next try."""
        waiting = iter(self.queue.waiting())
        views = []
        wanted = self._tuning.queue_limits()["threads"]
        for slot in list(self._slots)[:wanted]:
            view = slot.view(self._job, now)
            if view.phase == "idle" and (one := next(waiting, None)) is not None:
                task, seconds, note = one
                view = msgspec.structs.replace(
                    view,
                    phase="waiting",
                    item=task.item.id,
                    key=task.item.name,
                    attempt=task.attempt,
                    seconds=seconds,
                    note=f"{note}, again in {seconds:.0f} s",
                )
            views.append(view)
        return views

    # ------------------------------------------------------------ working

    def _spawn(self) -> None:
        with self._threads_lock:
            wanted = self._tuning.queue_limits()["threads"]
            alive = {thread.name for thread in self._threads if thread.is_alive()}
            for index in range(wanted):
                if index >= len(self._slots):
                    self._slots.append(Slot(index))
                name = f"job-{self._job}-worker-{index}"
                if name not in alive:
                    thread = threading.Thread(
                        target=self._work, args=(self._slots[index],), name=name, daemon=True
                    )
                    self._threads = [t for t in self._threads if t.name != name] + [thread]
                    thread.start()

    def _work(self, slot: Slot) -> None:
        queue = self.queue
        means = Means(slot, self._bandwidth, self._memory, self._cancelled, self._options.storage_class)
        while (task := queue.take(slot.index)) is not None:
            try:
                if isinstance(task, PartTask):
                    self._do_part(task, means)
                else:
                    self._do_item(task, means)
            except Cancelled:
                pass  # stays pending in the journal
            except Exception as error:  # noqa: BLE001 - judged there
                self._remedies.met(task, error)
            finally:
                slot.idle()
                last_part = queue.task_ended(task)
                if isinstance(task, PartTask) and last_part and task.large.failed:
                    task.large.close()

    def _do_item(self, task: ItemTask, means: Means) -> None:
        row = task.row
        if not task.first_tried:
            task.first_tried = time.monotonic()
        site = self._site
        route, source, target = site.routes[row.route], site.sources[row.route], site.targets[row.route]
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
        if route.method == "server side" and row.route not in self._remedies.relayed:
            if entry.size <= target.limits.max_whole:
                receipt, proof = copy_small(source, entry, target, key, means)
                self._end(Outcome(row, task.attempt, entry.size, proof, "", target, receipt))
                return
            large: LargeItem = LargeServerSide(row, entry, source, target, key, task.attempt)
        elif isinstance(target, LocalFolder):
            if entry.size < LARGE_DOWNLOAD:
                self._move_whole(task, entry, source, target, key, means)
                return
            large = LargeDownload(row, entry, source, target, key, task.attempt)
        else:
            if entry.size < max(LARGE_UPLOAD, self._options.part_size):
                self._move_whole(task, entry, source, target, key, means)
                return
            large = LargeUpload(row, entry, source, target, key, task.attempt)
        self._begin_large(task, large)

    def _move_whole(
        self, task: ItemTask, entry: Entry, source: Store, target: Store, key: str, means: Means
    ) -> None:
        move = fetch_small if isinstance(target, LocalFolder) else send_small
        receipt, proof = move(source, entry, target, key, means)
        self._end(Outcome(task.row, task.attempt, entry.size, proof, "", target, receipt))

    def _verify(self, task: ItemTask, entry: Entry, source: Store, target: Store, key: str) -> None:
        theirs = target.stat(key).entry
        verdict = same_content(source, entry, target, theirs, read_both=True, cancelled=self._cancelled)
        error = "" if verdict.equal else "content differs"
        self._end(Outcome(task.row, task.attempt, entry.size, verdict.proof, error))

    # ------------------------------------------------------------ large items

    def _begin_large(self, task: ItemTask, large: LargeItem) -> None:
        item = task.row.id
        done_already = large.begin(
            self._journal.transfer(self._job, item),
            lambda row: self._journal.begin_transfer(self._job, item, row),
            self._options.part_size,
            clean=self._options.on_unfinished == "clean",
            cancelled=self._cancelled,
        )
        if done_already is not None:
            receipt, proof = done_already
            self._end(Outcome(task.row, task.attempt, large.entry.size, proof, "", large.target, receipt))
            return
        large.attempt = task.attempt
        self._larges[item] = large
        if large.complete:
            self._finish_large(large)
        else:
            self.queue.open_large(large)

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
                self._remedies.abort(large)
                self._journal.drop_transfer(self._job, large.row.id)
            self._remedies.failed(ItemTask(large.row, large.attempt, large.first_failed), error)
            return
        self._larges.pop(large.row.id, None)
        self._end(Outcome(large.row, large.attempt, large.entry.size, proof, "", large.target, receipt))

    def _end(self, outcome: Outcome) -> None:
        self.queue.file_ended()
        self._committer.add(outcome)
        if self.queue.nothing_left:
            self._committer.hurry()
