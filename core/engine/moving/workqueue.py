"""Who does what next: items and parts of large items, handed to workers under the job's limits.

Parts of items that have begun come before new items, so that few large items are open at once and one slow
file never leaves workers idle. What must wait (a retry, a server that is away) waits here, not in a worker.
Throttling lowers how many tasks run at once and how many begin in a second (throttle.py).

Small items that fit into one exchange are taken by the pump (pump.py), many at once, within the same limits; as
long as others are ready too, a quarter of the places is left to those. Whatever is tried a second time goes to
a worker.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from core.engine.journal.rows import ItemRow
from core.engine.moving.large import LargeItem, PartSpan
from core.engine.moving.throttle import Throttle
from core.engine.network.retry import Tries
from core.engine.watching.timing import LISTING, RETRY, THROTTLED, UNUSED, Stopwatch

LOW_WATER = 512  # ready items under which more are asked for
BRISK = 1000.0  # tasks a second that are no slowness
CORES = os.cpu_count() or 1
# Items that have ended and are not recorded: each has a lock, a partial file and an outcome in memory. As many
# as two groups of the committer, so that workers fill the next one while it records this one.
MOST_UNRECORDED = 2000
MOST_BARRED = 5000  # items of closed routes that are held; then no more are asked for


@dataclass(eq=False)
class ItemTask:
    """One item to be carried out from its beginning (or from what is recorded of it)."""

    row: ItemRow
    attempt: int = 1
    first_tried: float = 0.0  # by the clock of the job's Gate, 0 before the first try
    stumbles: int = 0  # quick tries that the retry policy does not count
    waited: bool = False  # for another job that was writing the same file
    tries: Tries = field(default_factory=Tries)
    renewed: float = -1e9  # when new credentials were last looked for because of it, by the same clock
    taken: float = 0.0  # when it was last handed out, monotonic
    is_quick: bool = False  # for the pump
    is_pumped: bool = False  # the pump has it

    @property
    def item(self) -> ItemRow:
        return self.row

    @property
    def began(self) -> float:
        return self.first_tried

    @property
    def extracts(self) -> bool:
        """Whether its archive is there: what is left needs no server."""
        return self.row.fetched is not None


@dataclass(eq=False)
class PartTask:
    """One part of a large item that has begun."""

    large: LargeItem
    span: PartSpan
    attempt: int = 1
    stumbles: int = 0
    tries: Tries = field(default_factory=Tries)
    renewed: float = -1e9
    taken: float = 0.0

    @property
    def item(self) -> ItemRow:
        return self.large.row

    @property
    def began(self) -> float:
        return self.large.began


Task = ItemTask | PartTask


@dataclass(order=True)
class _Delayed:
    due: float
    order: int
    task: Task = field(compare=False)
    note: str = field(compare=False, default="")


class WorkQueue:
    """Safe for several threads. The limits may be changed at any time: files at once, connections per file,
    parts of large items at once, worker threads."""

    def __init__(self, *, files: int, connections: int, parts: int, threads: int) -> None:
        lock = threading.Lock()
        self._changed = threading.Condition(lock)  # for workers
        self._for_pump = threading.Condition(lock)  # for a pump that has nothing to do
        self._low = threading.Condition(lock)  # for the feeder, so that it sleeps while there is enough
        self._ready: deque[ItemTask] = deque()
        self._archives: deque[ItemTask] = deque()  # those that are to be extracted
        self._quick: deque[ItemTask] = deque()  # those for the pump
        self._quick_active = 0
        self._pump_waits = False
        self._is_pumping = True  # whether there is somebody to take those
        self._extracting = 0
        self._retry_parts: deque[PartTask] = deque()
        self._open: list[LargeItem] = []
        self._delayed: list[_Delayed] = []
        self._order = itertools.count()
        self._files, self._connections, self._parts, self._threads = files, connections, parts, threads
        self._files_active = 0
        self._unrecorded = 0  # ended for the workers, but not yet settled: any of them may come back
        self._parts_active = 0
        self._tasks_active = 0
        self._throttle = Throttle()
        self._closed_routes: frozenset[int] = frozenset()
        self._barred: list[ItemTask] = []  # items of those
        self._closed = False
        self._stopping = False
        self._held = False
        self._idle_for_retries = 0  # workers

    # ------------------------------------------------------------ filling

    def push(self, tasks: list[ItemTask]) -> None:
        with self._changed:
            for task in tasks:
                if task.extracts:
                    self._archives.append(task)
                elif task.is_quick and self._is_pumping:
                    self._quick.append(task)
                else:
                    self._ready.append(task)
            self._tell_all()

    def go_on(self, tasks: list[ItemTask]) -> None:
        """Items that had ended for their workers are not done: this is left of them."""
        with self._changed:
            self._unrecorded -= len(tasks)
            self._archives.extend(tasks)
            self._changed.notify_all()

    def delay(self, task: Task, seconds: float, note: str) -> None:
        """Hand the task out again after `seconds`. Meanwhile others may have its place."""
        with self._changed:
            if isinstance(task, ItemTask):
                self._files_active -= 1  # counted again when handed out
            heapq.heappush(self._delayed, _Delayed(time.monotonic() + seconds, next(self._order), task, note))
            self._changed.notify_all()

    def open_large(self, large: LargeItem) -> None:
        """The item has begun: hand out its parts."""
        with self._changed:
            self._open.append(large)
            self._changed.notify_all()

    def close(self) -> None:
        """No more items will be pushed: workers leave when everything is done."""
        with self._changed:
            self._closed = True
            self._tell_all()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopping = True
            self._tell_all()
            self._low.notify_all()

    def tune(self, *, files: int, connections: int, parts: int, threads: int) -> None:
        with self._changed:
            self._files, self._connections, self._parts, self._threads = files, connections, parts, threads
            self._tell_all()

    def hold(self, held: bool) -> None:
        """Hand out nothing while `held`; what is on its way goes on."""
        if held == self._held:
            return
        with self._changed:
            self._held = held
            self._tell_all()

    def close_routes(self, closed: frozenset[int]) -> None:
        """Hand out nothing of these routes, whose servers are away; everything of the others."""
        with self._changed:
            self._closed_routes = closed
            self._ready.extendleft(reversed(self._barred))
            self._barred = []
            self._tell_all()

    def _tell_all(self) -> None:
        self._changed.notify_all()
        self._for_pump.notify_all()

    def wait_until_low(self, seconds: float) -> bool:
        """Wait until more items are wanted, at most `seconds`; whether they are."""
        with self._low:
            if not self._wants_more() and not self._stopping:
                self._low.wait(seconds)
            return self._wants_more()

    def _wants_more(self) -> bool:
        ready = len(self._ready) + len(self._archives) + len(self._quick)
        return ready < LOW_WATER and len(self._barred) < MOST_BARRED

    @property
    def stopping(self) -> bool:
        return self._stopping

    # ------------------------------------------------------------ handing out

    def take(self, index: int, watch: Stopwatch | None = None) -> Task | None:
        """The next task for worker `index`; None when it should leave: all done, stopped, or one too many.

        What it waits for meanwhile is noted in `watch`."""
        with self._changed:
            while True:
                if self._stopping or index >= self._threads:
                    return None
                self._release_due()
                now = time.monotonic()
                throttled = self._throttle.pause(now)
                task: Task | None = self._next_archive() if not self._held else None
                if task is None and not throttled and not self._held:
                    task = self._next()
                    if task is not None:
                        self._throttle.begin(now)
                if task is not None:
                    self._tasks_active += 1
                    task.taken = now
                    return task
                if self._is_done():
                    self._tell_all()
                    return None
                pause = min(1.0, throttled or 1.0)
                if self._delayed:
                    pause = min(pause, max(0.01, self._delayed[0].due - now))
                why = self._why_idle(bool(throttled))
                if watch is not None:
                    watch.enter(why)
                self._idle_for_retries += why == RETRY
                self._changed.wait(pause)
                self._idle_for_retries -= why == RETRY

    def take_quick(self, most: int, *, wait: bool) -> list[ItemTask] | None:
        """At most so many items for the pump that may begin now. With `wait`, which is for a pump that has
        nothing else to do, at least one, or none after a second; None when it should leave."""
        with self._changed:
            while True:
                taken: list[ItemTask] = []
                if not self._stopping and not self._held:
                    now = time.monotonic()
                    before = len(self._quick)
                    while self._quick and len(taken) < most and self._may_pump(now):
                        task = self._quick.popleft()
                        if self._closed_routes and self._is_barred(task):
                            self._barred.append(task)
                            continue
                        self._throttle.begin(now)
                        self._files_active += 1
                        self._quick_active += 1
                        self._tasks_active += 1
                        task.taken, task.is_pumped = now, True
                        taken.append(task)
                    if before >= LOW_WATER > len(self._quick):
                        self._low.notify_all()
                if taken or not wait:
                    return taken
                if self._stopping or self._is_done():
                    self._tell_all()
                    return None
                self._pump_waits = True
                came = self._for_pump.wait(min(1.0, self._throttle.pause(time.monotonic()) or 1.0))
                self._pump_waits = False
                if not came:
                    return []

    def _may_pump(self, now: float) -> bool:
        others = self._files_active - self._quick_active
        if self._ready:
            others = max(others, self._files // 4, 1)
        return (
            self._quick_active + others < self._files
            and self._unrecorded < MOST_UNRECORDED
            and not self._throttle.pause(now)
        )

    def set_aside(self, task: ItemTask) -> None:
        """The pump leaves this one to the workers. `task_ended` follows."""
        with self._changed:
            self._files_active -= 1
            self._ready.appendleft(task)
            self._changed.notify()

    def pump(self, on: bool) -> None:
        """Whether the pump takes items; without it the workers do."""
        if on == self._is_pumping:
            return
        with self._changed:
            self._is_pumping = on
            if not on:
                self._ready.extendleft(reversed(self._quick))
                self._quick.clear()
            self._changed.notify_all()

    def _why_idle(self, throttled: bool) -> int:
        """What a worker that finds nothing to do waits for. No more of them wait for a retry than there are
        retries: the others are not needed."""
        if self._held:
            return UNUSED
        if throttled:
            return THROTTLED if self._ready or self._open or self._retry_parts else UNUSED
        if self._ready or self._open or self._retry_parts:
            return UNUSED  # what there is may not be begun: the job's own limits
        if self._idle_for_retries < len(self._delayed):
            return RETRY
        return UNUSED if self._closed else LISTING

    def _release_due(self) -> None:
        now = time.monotonic()
        while self._delayed and self._delayed[0].due <= now:
            task = heapq.heappop(self._delayed).task
            if isinstance(task, PartTask):
                self._retry_parts.append(task)
            else:
                (self._archives if task.extracts else self._ready).appendleft(task)

    def _next_archive(self) -> ItemTask | None:
        """An archive to extract: they come first, so that they do not pile up, but leave at least half of the
        workers to the others, and are not more than there are cores."""
        most = max(1, min(CORES, self._files // 2))
        if not self._archives or self._extracting >= most or self._files_active >= self._files:
            return None
        self._extracting += 1
        self._files_active += 1
        return self._archives.popleft()

    def _next(self) -> Task | None:
        if self._parts_active < self._parts:
            for _ in range(len(self._retry_parts)):
                task = self._retry_parts.popleft()
                if task.large.in_flight >= self._connections or self._is_barred(task):
                    self._retry_parts.append(task)
                    continue
                self._parts_active += 1
                task.large.in_flight += 1
                return task
            for large in self._open:
                if large.row.route in self._closed_routes:
                    continue
                if large.pending and large.in_flight < self._connections:
                    span = large.pending.popleft()
                    large.in_flight += 1
                    self._parts_active += 1
                    if not large.pending:
                        self._open.remove(large)
                    return PartTask(large, span)
        while self._closed_routes and self._ready and self._is_barred(self._ready[0]):
            self._barred.append(self._ready.popleft())
            if len(self._ready) == LOW_WATER - 1:
                self._low.notify_all()
        if self._ready and self._may_begin():
            task_ = self._ready.popleft()
            self._files_active += 1
            if len(self._ready) == LOW_WATER - 1:
                self._low.notify_all()
            return task_
        return None

    def _may_begin(self) -> bool:
        """Whether an item may be begun now."""
        return (
            self._files_active < self._files
            and self._unrecorded < MOST_UNRECORDED
            and not self._too_many_large()
        )

    def _is_barred(self, task: Task) -> bool:
        return task.item.route in self._closed_routes

    def _too_many_large(self) -> bool:
        """Do not open another large item while the open ones still have parts for everybody."""
        closed = self._closed_routes
        return (
            sum(len(large.pending) for large in self._open if large.row.route not in closed) > 4 * self._parts
        )

    @property
    def nothing_left(self) -> bool:
        """Every item has ended, recorded or not, and no more will come."""
        return (
            self._closed
            and not self._ready
            and not self._archives
            and not self._quick
            and not self._barred
            and not self._delayed
            and not self._retry_parts
            and self._files_active == 0
        )

    def _is_done(self) -> bool:
        return self.nothing_left and self._unrecorded == 0

    # ------------------------------------------------------------ taking back

    def task_ended(self, task: Task, *, extracted: bool = False) -> bool:
        """The worker is done with this task, whatever came of it; `extracted` when it was taken as an archive.
        Whether no part of its item is on its way."""
        with self._changed:
            self._tasks_active -= 1
            if isinstance(task, PartTask):
                self._parts_active -= 1
                task.large.in_flight -= 1
            elif task.is_pumped:
                task.is_pumped = False
                self._quick_active -= 1
            if extracted:
                self._extracting -= 1
            else:
                self._throttle.end(self._files + self._parts)
            if self._is_done() or (extracted and self._archives):
                self._tell_all()  # otherwise the worker itself takes what has become possible
            elif self._pump_waits:
                self._for_pump.notify()
            return not isinstance(task, PartTask) or task.large.in_flight == 0

    def file_ended(self) -> None:
        """An item was completed or given up: another may begin. `task_ended` follows and wakes who waits."""
        with self._changed:
            self._files_active -= 1
            self._unrecorded += 1

    def files_recorded(self, count: int) -> None:
        """This many items that had ended are recorded for good."""
        with self._changed:
            were_many = self._unrecorded >= MOST_UNRECORDED
            self._unrecorded -= count
            if self._is_done() or were_many:
                self._tell_all()

    def reopen_file(self) -> None:
        """An item that had ended was refused at its last step and must be worked on again."""
        with self._changed:
            self._files_active += 1
            self._unrecorded -= 1

    def give_up_parts(self, large: LargeItem) -> None:
        """The item failed: none of its parts is handed out any more."""
        with self._changed:
            large.pending.clear()
            if large in self._open:
                self._open.remove(large)
            self._retry_parts = deque(task for task in self._retry_parts if task.large is not large)
            self._delayed = [
                one for one in self._delayed if not (isinstance(one.task, PartTask) and one.task.large is large)
            ]
            heapq.heapify(self._delayed)

    def throttled(self, task: Task) -> None:
        """The server asked for less because of this task: fewer at once, and fewer a second."""
        with self._changed:
            self._throttle.refused(time.monotonic(), task.taken)

    @property
    def is_full(self) -> bool:
        """Whether more could begin if more were allowed at once."""
        with self._changed:
            if self._stopping or self._held:
                return False
            parts_wait = any(large.pending for large in self._open) or bool(self._retry_parts)
            if parts_wait and self._parts_active >= self._parts:
                return True
            return bool(self._ready or self._quick) and self._files_active >= self._files

    @property
    def is_throttled(self) -> bool:
        """Whether a server asks for less."""
        return self._throttle.is_on

    @property
    def throttle_words(self) -> str:
        """What is done about a server that asks for less, for people; empty when none does."""
        throttle = self._throttle
        words: list[str] = []
        if throttle.at_once < self._files + self._parts:
            words.append(f"{int(throttle.at_once)} at once")
        if throttle.rate < BRISK:
            words.append(f"{throttle.rate:.3g} begun a second")
        return f"slowed down for the server: {', '.join(words)}" if words else ""

    def waiting(self) -> list[tuple[Task, float, str]]:
        """Tasks that wait for their next try, the seconds until then, and why."""
        with self._changed:
            now = time.monotonic()
            barred: list[Task] = [task for task in self._retry_parts if self._is_barred(task)]
            barred += self._barred[: 64 - len(barred)]
            shown = [(task, 0.0, "network away") for task in barred]
            shown += [(one.task, max(0.0, one.due - now), one.note) for one in sorted(self._delayed)[:64]]
            return shown[:64]
