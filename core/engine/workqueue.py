"""Who does what next: items and parts of large items, handed to workers under the job's limits.

Parts of items that have begun come before new items, so that few large items are open at once and one slow
file never leaves workers idle. What must wait (a retry) waits here, not in a worker. Throttling lowers how
many tasks run at once, additive increase brings it back (the AIMD rule of TCP, RFC 5681).
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from core.engine.large import LargeItem, PartSpan
from core.engine.rows import ItemRow

LOW_WATER = 512  # ready items under which more are asked for


@dataclass(eq=False)
class ItemTask:
    """One item to be carried out from its beginning (or from what is recorded of it)."""

    row: ItemRow
    attempt: int = 1
    first_tried: float = 0.0  # monotonic, 0 before the first try
    stumbles: int = 0  # quick tries that the retry policy does not count

    @property
    def item(self) -> ItemRow:
        return self.row


@dataclass(eq=False)
class PartTask:
    """One part of a large item that has begun."""

    large: LargeItem
    span: PartSpan
    attempt: int = 1
    stumbles: int = 0

    @property
    def item(self) -> ItemRow:
        return self.large.row


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
        self._low = threading.Condition(lock)  # for the feeder, so that it sleeps while there is enough
        self._ready: deque[ItemTask] = deque()
        self._retry_parts: deque[PartTask] = deque()
        self._open: list[LargeItem] = []
        self._delayed: list[_Delayed] = []
        self._order = itertools.count()
        self._files, self._connections, self._parts, self._threads = files, connections, parts, threads
        self._files_active = 0
        self._unrecorded = 0  # ended for the workers, but not yet settled: any of them may come back
        self._parts_active = 0
        self._tasks_active = 0
        self._ceiling = float("inf")  # tasks at once while throttled
        self._last_cut = 0.0
        self._closed = False
        self._stopping = False

    # ------------------------------------------------------------ filling

    def push(self, tasks: list[ItemTask]) -> None:
        with self._changed:
            self._ready.extend(tasks)
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
            self._changed.notify_all()

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._low.notify_all()

    def tune(self, *, files: int, connections: int, parts: int, threads: int) -> None:
        with self._changed:
            self._files, self._connections, self._parts, self._threads = files, connections, parts, threads
            self._changed.notify_all()

    def wait_until_low(self, seconds: float) -> bool:
        """Wait until more items are wanted, at most `seconds`; whether they are."""
        with self._low:
            if len(self._ready) >= LOW_WATER and not self._stopping:
                self._low.wait(seconds)
            return len(self._ready) < LOW_WATER

    @property
    def stopping(self) -> bool:
        return self._stopping

    # ------------------------------------------------------------ handing out

    def take(self, index: int) -> Task | None:
        """The next task for worker `index`; None when it should leave: all done, stopped, or one too many."""
        with self._changed:
            while True:
                if self._stopping or index >= self._threads:
                    return None
                self._release_due()
                task = self._next() if self._tasks_active < self._ceiling else None
                if task is not None:
                    self._tasks_active += 1
                    return task
                if self._is_done():
                    self._changed.notify_all()
                    return None
                pause = 1.0
                if self._delayed:
                    pause = min(pause, max(0.01, self._delayed[0].due - time.monotonic()))
                self._changed.wait(pause)

    def _release_due(self) -> None:
        now = time.monotonic()
        while self._delayed and self._delayed[0].due <= now:
            task = heapq.heappop(self._delayed).task
            if isinstance(task, PartTask):
                self._retry_parts.append(task)
            else:
                self._ready.appendleft(task)

    def _next(self) -> Task | None:
        if self._parts_active < self._parts:
            for _ in range(len(self._retry_parts)):
                task = self._retry_parts.popleft()
                if task.large.in_flight >= self._connections:
                    self._retry_parts.append(task)
                    continue
                self._parts_active += 1
                task.large.in_flight += 1
                return task
            for large in self._open:
                if large.pending and large.in_flight < self._connections:
                    span = large.pending.popleft()
                    large.in_flight += 1
                    self._parts_active += 1
                    if not large.pending:
                        self._open.remove(large)
                    return PartTask(large, span)
        if self._ready and self._files_active < self._files and not self._too_many_large():
            task_ = self._ready.popleft()
            self._files_active += 1
            if len(self._ready) == LOW_WATER - 1:
                self._low.notify_all()
            return task_
        return None

    def _too_many_large(self) -> bool:
        """Do not open another large item while the open ones still have parts for everybody."""
        return sum(len(large.pending) for large in self._open) > 4 * self._parts

    @property
    def nothing_left(self) -> bool:
        """Every item has ended, recorded or not, and no more will come."""
        return (
            self._closed
            and not self._ready
            and not self._delayed
            and not self._retry_parts
            and self._files_active == 0
        )

    def _is_done(self) -> bool:
        return self.nothing_left and self._unrecorded == 0

    # ------------------------------------------------------------ taking back

    def task_ended(self, task: Task) -> bool:
        """The worker is done with this task, whatever came of it. Whether no part of its item is on its way."""
        with self._changed:
            self._tasks_active -= 1
            if isinstance(task, PartTask):
                self._parts_active -= 1
                task.large.in_flight -= 1
            if self._ceiling != float("inf"):
                self._ceiling += 1.0 / max(self._ceiling, 1.0)
                if self._ceiling > self._files + self._parts:
                    self._ceiling = float("inf")
            if self._is_done():
                self._changed.notify_all()  # otherwise the worker itself takes what has become possible
            return not isinstance(task, PartTask) or task.large.in_flight == 0

    def file_ended(self) -> None:
        """An item was completed or given up: another may begin. `task_ended` follows and wakes who waits."""
        with self._changed:
            self._files_active -= 1
            self._unrecorded += 1

    def files_recorded(self, count: int) -> None:
        """This many items that had ended are recorded for good."""
        with self._changed:
            self._unrecorded -= count
            if self._is_done():
                self._changed.notify_all()

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

    def throttled(self) -> None:
        """The server asked for less: two thirds of what runs now, at most once a second."""
        with self._changed:
            now = time.monotonic()
            if now - self._last_cut >= 1.0:
                self._last_cut = now
                self._ceiling = max(1.0, min(self._ceiling, float(self._tasks_active)) * 2 / 3)

    def waiting(self) -> list[tuple[Task, float, str]]:
        """Tasks that wait for their next try, the seconds until then, and why."""
        with self._changed:
            now = time.monotonic()
            return [(one.task, max(0.0, one.due - now), one.note) for one in sorted(self._delayed)[:64]]
