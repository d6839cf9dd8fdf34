"""The workers of one job: threads that take tasks from the queue and carry them out.

A worker knows how to do one thing at a time. What its errors mean is decided in remedies.py, what its outcomes
are worth in committer.py; when to begin and when to stop is the run's affair.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from core.engine.journal.journal import Journal
from core.engine.journal.rows import ItemRow
from core.engine.moving.by_tool import ToolDesk
from core.engine.moving.committer import Committer, Outcome
from core.engine.moving.deadline import Deadline
from core.engine.moving.destinations import Claims
from core.engine.moving.errands import Done, Errand
from core.engine.moving.extracting import Extraction
from core.engine.moving.large import (
    LARGE_DOWNLOAD,
    LARGE_UPLOAD,
    SERVER_SIDE_PART,
    LargeItem,
    LargeServerSide,
)
from core.engine.moving.limits import Bandwidth, MemoryBudget
from core.engine.moving.move import Means, Slot, copy_small, fetch_small, move_part, send_small
from core.engine.moving.pump import Errands, Pump
from core.engine.moving.remedies import Remedies
from core.engine.moving.smalls import Smalls
from core.engine.moving.tuning import Tuning
from core.engine.moving.twins import Twins
from core.engine.moving.unsized import meet
from core.engine.moving.workqueue import ItemTask, PartTask, Task, WorkQueue
from core.engine.planning.detours import server_of
from core.engine.planning.route import Route
from core.engine.proving.content import same_content
from core.engine.proving.proof import DELETED
from core.engine.proving.read_back import read_back
from core.engine.storebook import SourceStore, Store
from core.engine.upkeep.disks import DiskWatch
from core.engine.upkeep.undo import UndoFile
from core.engine.watching.timing import ANSWER, DISK, OTHER, UNUSED, Stopwatch
from core.errors import ErrorClass, FileTrouble, TransferError
from core.model import MOST_WORKERS, UNSIZED, Action, Entry, JobOptions, WorkerView
from core.stores.base import Cancelled, Receipt
from core.stores.local import LocalFolder

ONE_ANSWER = "so small that the first answer held them"
CLAIM_AGAIN = 0.5  # seconds until a file that another job is writing is asked for again


@dataclass(eq=False)
class Site:
    """Where a job works: its routes and their open stores, by the route's number."""

    routes: tuple[Route, ...]
    sources: list[SourceStore]
    targets: list[Store]
    claims: Claims  # on destination files
    disks: DiskWatch
    undo: UndoFile | None = None  # open while deletions are carried out
    reads_back: bool = False  # what is verified is read from the target's disk, and its digest kept


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
        tools: ToolDesk,
        stall: float,
    ) -> None:
        """`stall` is how many seconds a connection may be silent."""
        self._tools = tools
        self._job, self._options, self._site = job, options, site
        self._journal, self._committer, self._remedies = journal, committer, remedies
        self._tuning, self._bandwidth, self._memory, self._cancelled = tuning, bandwidth, memory, cancelled
        self._slots: list[Slot] = []
        self._threads: list[threading.Thread] = []
        self._threads_lock = threading.Lock()
        self._larges = remedies.larges
        self.twins = Twins(journal)
        self.learnt = self.learnt_bytes = 0  # items that had no size in the plan and have one by now
        self._learnt_lock = threading.Lock()
        self._held = False
        self._closed_routes: frozenset[int] = frozenset()
        self.queue = WorkQueue(**tuning.queue_limits())
        self._extraction = Extraction(job, options, journal, site.disks)
        self._smalls = Smalls(options, site, remedies.detours, remedies.relayed)
        self._pump = Pump(
            lambda: self.queue,
            Errands(self._errand, self._pumped, remedies.met),
            cancelled,
            lambda: bandwidth.limits,
            stall,
        )
        remedies.employ(self.queue)

    # ------------------------------------------------------------ what the run does with it

    def begin(self) -> None:
        """Start the workers."""
        self._spawn()

    def feed(self, rows: Iterable[ItemRow]) -> None:
        """Items to be carried out."""
        rows = list(rows)
        self._extraction.expect(rows)
        suits = self._smalls.suits
        self.queue.push([ItemTask(row, is_quick=suits(row)) for row in rows])

    def fetched(self, outcomes: Iterable[Outcome]) -> None:
        """Archives that are recorded as being there: they are extracted next."""
        tasks = [
            ItemTask(msgspec.structs.replace(each.row, fetched=each.fetched), each.attempts)
            for each in outcomes
        ]
        self._extraction.expect(task.row for task in tasks)
        self.queue.go_on(tasks)

    def recorded(self, outcomes: list[Outcome]) -> None:
        """The ends of these items are recorded."""
        self._extraction.ended(outcome.row.id for outcome in outcomes)
        self.queue.files_recorded(len(outcomes))

    def finish(self) -> None:
        """No more items come: wait until the workers have left."""
        self.queue.close()
        while threads := [thread for thread in self._threads if thread.is_alive()]:
            threads[0].join(1.0)
        self._threads = []

    def new_phase(self) -> None:
        """An empty queue for the deletions, after `finish`."""
        self._tuning = self._tuning.for_deletions()
        self.queue = WorkQueue(**self._tuning.queue_limits())
        self.queue.hold(self._held)
        self.queue.close_routes(self._closed_routes)
        self._remedies.employ(self.queue)

    def hold(self, held: bool) -> None:
        """Hand out nothing while `held`, in this phase and those that follow."""
        self._held = held
        self.queue.hold(held)

    def close_routes(self, closed: frozenset[int]) -> None:
        """Hand out nothing of these routes, in this phase and those that follow."""
        self._closed_routes = closed
        self.queue.close_routes(closed)

    def tune(self, tuning: Tuning) -> None:
        """New limits, from now on."""
        self._tuning = tuning
        self.queue.tune(**tuning.queue_limits())
        if self._slots:
            self._spawn()

    def close(self) -> None:
        """Give back the descriptors of unfinished items."""
        self._remedies.close()
        self.twins.close()
        self._tools.close()

    # ------------------------------------------------------------ what is shown of it

    @property
    def active_items(self) -> frozenset[int]:
        """Items that workers hold now."""
        return frozenset(slot.item for slot in self.slots if slot.item) | frozenset(self._larges)

    @property
    def slots(self) -> list[Slot]:
        """What each worker does, and each errand of the pump."""
        return [*self._slots, *self._pump.slots]

    @property
    def watches(self) -> list[Stopwatch]:
        """Where the time of each worker goes, by its number."""
        return [slot.watch for slot in self.slots]

    @property
    def quickest(self) -> float:
        """Seconds that the quickest answer to a small request took, 0.0 while there was none."""
        return self._pump.quickest

    @property
    def moved(self) -> int:
        """Bytes moved so far; never goes back."""
        return sum(slot.moved for slot in self.slots)

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """Bytes by the host that sent them, the most first, where a source has several."""
        found: Counter[str] = Counter()
        for slot in self.slots:
            found.update(dict(slot.hosts))
        return tuple(found.most_common())

    @property
    def bytes_open(self) -> int:
        """Bytes of items that are not complete: parts at the target, and what is in flight."""
        parts = sum(large.bytes_done for large in list(self._larges.values()))
        on_the_way = sum(slot.done for slot in self.slots if slot.phase != "extracting")
        return parts + on_the_way + self._extraction.bytes_waiting

    def sample_slots(self, now: float) -> None:
        """Bring the rates of the workers up to `now` (monotonic seconds); called once a tick."""
        for slot in self.slots:
            seconds = now - slot.sampled_at
            if seconds > 0:
                slot.rate += 0.4 * ((slot.moved - slot.sampled) / seconds - slot.rate)
                slot.sampled, slot.sampled_at = slot.moved, now

    def worker_views(self, now: float, note: Callable[[Slot, float], str] = lambda *_: "") -> list[WorkerView]:
        """A row for each worker; idle ones show what waits for its next try, others what `note` says."""
        waiting = iter(self.queue.waiting())
        views = []
        wanted = self._tuning.queue_limits()["threads"]
        for index, slot in enumerate(rows_of(self._slots, self._pump.slots, wanted)[:MOST_WORKERS]):
            view = msgspec.structs.replace(slot.view(self._job, now), index=index)
            if view.phase == "idle" and (one := next(waiting, None)) is not None:
                task, seconds, why = one
                view = msgspec.structs.replace(
                    view,
                    phase="waiting",
                    item=task.item.id,
                    key=task.item.name,
                    attempt=task.attempt,
                    seconds=seconds,
                    note=f"{why}, again in {seconds:.0f} s" if seconds else why,
                )
            elif words := note(slot, now):
                view = msgspec.structs.replace(view, note=words)
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
            name = f"job-{self._job}-pump"
            if self._smalls.any and name not in alive:
                thread = threading.Thread(target=self._pump.run, name=name, daemon=True)
                self._threads = [t for t in self._threads if t.name != name] + [thread]
                thread.start()

    # ------------------------------------------------------------ what the pump does with it

    def _errand(self, task: ItemTask, slot: Slot) -> Errand:
        """Raises TransferError, Cancelled when it has to wait, AskOrdinarily."""
        row = task.row
        if not task.first_tried:
            task.first_tried = self._remedies.gate.now()
        route, target = self._site.routes[row.route], self._site.targets[row.route]
        key = route.target_key(row.name, row.path)
        slot.route, slot.server = row.route, server_of(row)
        slot.begin(row.id, row.name, row.entry.size, task.attempt)
        if not self._claimed(task, target, key):
            raise Cancelled
        means = Means(slot, self._bandwidth, self._memory, self._cancelled, self._options.storage_class)
        return self._smalls.errand(row, route.source_entry(row.entry, row.path), key, means)

    def _pumped(self, task: ItemTask, done: Done) -> None:
        target = self._site.targets[task.row.route]
        learnt = self._learn(task, done.learnt) if done.learnt is not None else None
        if learnt is not None:
            self._tools.went_native(ONE_ANSWER)
        row = task.row
        self._end(
            Outcome(row, task.attempt, row.entry.size, done.proof, "", target, done.receipt, learnt=learnt)
        )

    def _learn(self, task: ItemTask, told: Entry) -> Entry:
        """An item's size is known now. Returns its entry by the item's own name."""
        learnt = msgspec.structs.replace(told, key=task.row.name)
        with self._learnt_lock:
            self.learnt, self.learnt_bytes = self.learnt + 1, self.learnt_bytes + learnt.size
        task.row = msgspec.structs.replace(task.row, entry=learnt)
        return learnt

    def _claimed(self, task: ItemTask, target: Store, key: str) -> bool:
        """Whether the destination is this item's now; else it is handed out again later."""
        row = task.row
        if self._site.claims.take(row.id, row.route, target, key):
            return True
        task.waited, task.first_tried = True, 0.0  # nothing was tried yet
        self.queue.delay(task, CLAIM_AGAIN, "another job is writing this file")
        return False

    def _work(self, slot: Slot) -> None:
        queue = self.queue
        means = Means(slot, self._bandwidth, self._memory, self._cancelled, self._options.storage_class)
        watch = slot.watch
        watch.enter(UNUSED)
        while (task := queue.take(slot.index, watch)) is not None:
            watch.enter(OTHER)
            slot.route, slot.server = task.item.route, server_of(task.item)
            extracts = isinstance(task, ItemTask) and task.extracts
            try:
                if isinstance(task, PartTask):
                    self._do_part(task, self._limited(means, task))
                else:
                    self._do_item(task, self._limited(means, task))
            except Cancelled:
                if self._is_overdue(task):
                    self._remedies.met(task, self._remedies.time_up())
                # else it stays pending in the journal
            except Exception as error:  # noqa: BLE001 - judged there
                self._remedies.met(task, error)
            finally:
                slot.idle()
                watch.enter(UNUSED)
                last_part = queue.task_ended(task, extracted=extracts)
                if isinstance(task, PartTask) and last_part and task.large.failed:
                    task.large.close()

    def _limited(self, means: Means, task: Task) -> Means:
        """The same, given up when the file has taken too long."""
        limit = self._options.file_seconds
        if not limit:
            return means
        gate = self._remedies.gate
        until = (task.began or gate.now()) + limit
        return replace(means, cancelled=Deadline(self._cancelled, until, gate.now))

    def _is_overdue(self, task: Task) -> bool:
        limit = self._options.file_seconds
        return bool(limit) and not self._cancelled.is_set() and self._remedies.gate.now() > task.began + limit

    def _do_item(self, task: ItemTask, means: Means) -> None:
        row = task.row
        if not task.first_tried:
            task.first_tried = self._remedies.gate.now()
        site = self._site
        route, source, target = site.routes[row.route], site.sources[row.route], site.targets[row.route]
        key = route.target_key(row.name, row.path)
        means.slot.begin(row.id, row.name, row.entry.size, task.attempt)
        if row.action is not Action.VERIFY and not self._claimed(task, target, key):
            return
        if row.action is Action.DELETE:
            means.slot.phase = "deleting"
            self._delete(row, target, key)
            gone = Receipt(key=key, size=0)
            self._end(Outcome(row, task.attempt, proof=DELETED, target=target, receipt=gone))
            return
        if row.fetched is not None and isinstance(target, LocalFolder):
            self._extraction.extract(row, row.fetched, target, key, means)
            self._end(Outcome(row, task.attempt, row.fetched.size, row.fetched.proof))
            return
        entry = route.source_entry(row.entry, row.path)
        if row.action is Action.VERIFY:
            self._verify(task, entry, source, target, key, means.slot)
            return
        if task.waited and self._adopt(task, entry, source, target, key):
            return
        if entry.size == UNSIZED:
            self._meet(task, entry, source, target, key, means)
            return
        if isinstance(target, LocalFolder) and not isinstance(source, LocalFolder) and self.twins.may_be(entry):
            if not self.twins.begin(row.id, entry):
                task.first_tried = 0.0
                self.queue.delay(task, CLAIM_AGAIN, "the same content is being fetched for another file")
                return
            twin = self.twins.find(entry, target, key) if task.attempt == 1 else None
            if twin is not None:
                source, entry = twin
        if route.method == "server side" and entry.size >= LARGE_UPLOAD and self._was_relayed(row, target):
            self._remedies.relayed.add(row.route)
        detours = self._remedies.detours
        too_large = entry.size > target.limits.max_whole and row.route in detours.partless
        if route.method == "server side" and row.route not in self._remedies.relayed and not too_large:
            if entry.size <= target.limits.max_whole:
                receipt, proof = copy_small(source, entry, target, key, means)
                self._end(Outcome(row, task.attempt, entry.size, proof, "", target, receipt))
                return
            large: LargeItem = LargeServerSide(row, entry, source, target, key, task.attempt)
        elif isinstance(target, LocalFolder):
            fetched = self._tools.download(row, entry, source, target, key, task.attempt, means.cancelled)
            if fetched is not None:
                self._begin_large(task, fetched, means.slot)
                return
            if entry.size < LARGE_DOWNLOAD:
                self._move_whole(task, entry, source, target, key, means)
                return
            large = detours.download(row)(row, entry, source, target, key, task.attempt)
            large.from_twin = source is not self._site.sources[row.route]
        else:
            small = entry.size < max(LARGE_UPLOAD, self._options.part_size)
            if small and not (entry.size and detours.has_unfinished(row.route, target, key)):
                self._move_whole(task, entry, source, target, key, means)
                return
            large = detours.upload(row)(row, entry, source, target, key, task.attempt)
        self._begin_large(task, large, means.slot)

    def _meet(
        self, task: ItemTask, entry: Entry, source: SourceStore, target: Store, key: str, means: Means
    ) -> None:
        """An item whose size nobody knows: once it is known, it is done, or it is like any other."""
        row = task.row
        met = meet(source, entry, target, key, partial(self._site.disks.writing, row.route), means)
        learnt = self._learn(task, met.entry)
        if met.receipt is None:
            self._journal.learn_size(self._job, row.id, learnt)
            self._do_item(task, means)
            return
        self._tools.went_native(ONE_ANSWER)
        self._end(
            Outcome(task.row, task.attempt, learnt.size, met.proof, "", target, met.receipt, learnt=learnt)
        )

    def _delete(self, row: ItemRow, target: Store, key: str) -> None:
        """Look again, write down what goes, and only then let it go. What is gone already is done."""
        undo = self._site.undo
        assert undo is not None, "the plan has deletions, so the file is open"
        seen = target.look_again(msgspec.structs.replace(row.entry, key=key))
        if seen is not None:
            undo.about_to_go(row, seen)
            undo.gone(row, target.remove(seen))

    def _move_whole(
        self, task: ItemTask, entry: Entry, source: SourceStore, target: Store, key: str, means: Means
    ) -> None:
        move = fetch_small if isinstance(target, LocalFolder) else send_small
        with self._site.disks.writing(task.row.route, entry.size, 1):
            receipt, proof = move(source, entry, target, key, means)
        self._end(Outcome(task.row, task.attempt, entry.size, proof, "", target, receipt))

    def _adopt(self, task: ItemTask, entry: Entry, source: SourceStore, target: Store, key: str) -> bool:
        """Whether the job that was waited for has put the very same content there."""
        task.waited = False
        try:
            theirs = target.stat(key).entry
        except FileTrouble:
            return False
        verdict = same_content(source, entry, target, theirs, cancelled=self._cancelled)
        if not verdict.equal:
            return False
        self._end(Outcome(task.row, task.attempt, entry.size, verdict.proof))
        return True

    def _verify(
        self, task: ItemTask, entry: Entry, source: SourceStore, target: Store, key: str, slot: Slot
    ) -> None:
        slot.phase = "hashing"
        theirs = target.stat(key).entry
        read = 0
        # Where one side has a digest the other one is read, where none has, both are.
        passes = 1 if bool(entry.etag) != bool(theirs.etag) else 2

        def told(count: int) -> None:
            nonlocal read
            read += count
            done = min(slot.size, read // passes)
            slot.moved += max(0, done - slot.done)
            slot.done = done

        if self._site.reads_back and isinstance(target, LocalFolder):
            passes = 1  # the other side is not told of
            back = read_back(source, entry, target, theirs, cancelled=self._cancelled, told=told)
            self._end(Outcome(task.row, task.attempt, entry.size, back.proof, back.error, digest=back.sha256))
            return
        verdict = same_content(
            source, entry, target, theirs, read_both=True, cancelled=self._cancelled, told=told
        )
        error = "" if verdict.equal else "content differs"
        self._end(Outcome(task.row, task.attempt, entry.size, verdict.proof, error))

    # ------------------------------------------------------------ large items

    def _was_relayed(self, row: ItemRow, target: Store) -> bool:
        """Whether an earlier run found that the service does not copy this by itself, and began a relay."""
        begun = self._journal.transfer(self._job, row.id)
        whole = row.entry.size <= target.limits.max_whole  # such a copy has no parts
        return begun is not None and (whole or begun.part_size < SERVER_SIDE_PART)

    def _begin_large(self, task: ItemTask, large: LargeItem, slot: Slot) -> None:
        item = task.row.id
        recorded = self._journal.transfer(self._job, item)
        self._remedies.detours.prepare(large)
        if recorded is not None and recorded.parts:
            slot.phase, slot.to_look_at = "hashing", sum(part.size for part in recorded.parts)
            large.looked_at = slot.look
        slot.watch.enter(DISK if large.in_place and isinstance(large.source, LocalFolder) else ANSWER)
        takes = (large.entry.size, 1) if recorded is None else (0, 0)
        with self._site.disks.writing(task.row.route, *takes):
            done_already = large.begin(
                recorded,
                lambda row: self._journal.begin_transfer(self._job, item, row),
                self._options.part_size,
                clean=self._options.on_unfinished == "clean",
                cancelled=self._cancelled,
                storage_class=self._options.storage_class,
            )
        if done_already is not None:
            receipt, proof = done_already
            self._end(Outcome(task.row, task.attempt, large.entry.size, proof, "", large.target, receipt))
            return
        large.attempt, large.began, large.tries = task.attempt, task.first_tried, task.tries
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
        with self._site.disks.writing(large.row.route, large.takes(task.span)):
            receipt = move_part(large, task.span, means)
        with large.lock:
            if large.failed:
                return  # begun again meanwhile: this part belongs to nothing any more
            large.receipts[task.span.number] = receipt
            self._committer.add_part(large.row.id, receipt)  # in here: before anybody can finish the item
            means.slot.done = 0
            mine = large.complete and not large.finishing
            large.finishing = large.finishing or mine
        if mine:
            means.slot.phase = "finishing"
            means.slot.watch.enter(DISK if large.in_place else ANSWER)
            self._finish_large(large)

    def _finish_large(self, large: LargeItem) -> None:
        try:
            if not large.in_place:
                # A killed engine finds the object whole and its upload gone: only by its parts, all of them, is
                # it known to be ours. (Of a file in place the committer does this before the file is renamed.)
                parts = [(large.row.id, part) for part in large.ordered_receipts()]
                self._journal.add_parts(self._job, parts)
            receipt, proof = large.finish()
        except TransferError as error:
            self._larges.pop(large.row.id, None)
            large.close()
            if error.error_class in (ErrorClass.INTEGRITY, ErrorClass.CHANGED):
                self._remedies.abort(large)
                self._journal.drop_transfer(self._job, large.row.id)
            self._remedies.failed(ItemTask(large.row, large.attempt, large.began, tries=large.tries), error)
            return
        self._larges.pop(large.row.id, None)
        self._remedies.detours.finished(large)
        self._end(Outcome(large.row, large.attempt, large.entry.size, proof, "", large.target, receipt))

    def _end(self, outcome: Outcome) -> None:
        row = outcome.row
        key, target = self._site.routes[row.route].target_key(row.name, row.path), self._site.targets[row.route]
        fetched = self._extraction.after_moving(row, target, key, outcome.size, outcome.proof)
        self.queue.file_ended()
        self._committer.add(outcome._replace(fetched=fetched) if fetched is not None else outcome)
        if self.queue.nothing_left:
            self._committer.hurry()


def rows_of(workers: list[Slot], pumped: list[Slot], wanted: int) -> list[Slot]:
    """What is shown in so many rows, more when more is going on: errands of the pump in rows of their own
    number, workers in theirs where no errand is, else in one that is idle."""
    rows: list[Slot] = list(workers[:wanted])
    elsewhere: list[Slot] = []
    for index, slot in enumerate(list(pumped)):
        if slot.phase == "idle":
            continue
        if index >= len(rows):
            elsewhere.append(slot)
            continue
        if rows[index].phase != "idle":
            elsewhere.append(rows[index])
        rows[index] = slot
    for index, slot in enumerate(rows):
        if elsewhere and slot.phase == "idle":
            rows[index] = elsewhere.pop()
    return rows + elsewhere
