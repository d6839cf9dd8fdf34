from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.journal.rows import Fetched, ItemRow
from core.engine.moving import workqueue
from core.engine.moving.large import LargeItem, spans_of
from core.engine.moving.workqueue import CORES, ItemTask, PartTask, WorkQueue
from core.model import Action, Entry
from core.stores.local import LocalFolder

NOWHERE = LocalFolder(Path("/nonexistent"))
PATIENCE = 20.0


def row(number: int, route: int = 0) -> ItemRow:
    return ItemRow(number, route, Action.COPY, f"f{number}", Entry(key=f"f{number}"))


def archive(number: int) -> ItemTask:
    return ItemTask(msgspec.structs.replace(row(number), fetched=Fetched("size only", 1)))


def large(number: int, parts: int) -> LargeItem:
    made = LargeItem(row(number), Entry(key=f"f{number}", size=parts), NOWHERE, NOWHERE, "", 1)
    made.spans = spans_of(parts, 1)
    made.pending.extend(made.spans)
    return made


class Load:
    """Workers that carry out everything, failing now and then, and watch the limits from outside."""

    def __init__(
        self, items: int, parts_of: dict[int, int], seed: int, *, files: int, connections: int, parts: int
    ) -> None:
        self.queue = WorkQueue(files=files, connections=connections, parts=parts, threads=8)
        self.limits = {"files": files, "connections": connections, "parts": parts}
        self.parts_of = parts_of
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.open_files: set[int] = set()
        self.parts_now: Counter[int] = Counter()
        self.done: Counter[int] = Counter()
        self.parts_done: Counter[tuple[int, int]] = Counter()
        self.broken: list[str] = []
        self.unrecorded = 0
        self.extracting = 0
        self.queue.push([ItemTask(row(number)) for number in range(items)])

    def run(self) -> None:
        threads = [threading.Thread(target=self.work, args=(index,), daemon=True) for index in range(8)]
        for thread in threads:
            thread.start()
        self.queue.close()
        deadline = time.monotonic() + PATIENCE
        for thread in threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            assert not thread.is_alive(), "a worker never left"

    def work(self, index: int) -> None:
        while (task := self.queue.take(index)) is not None:
            if isinstance(task, PartTask):
                self.do_part(task)
            else:
                self.do_item(task)
            extracted = isinstance(task, ItemTask) and task.extracts
            with self.lock:
                self.extracting -= extracted
            self.queue.task_ended(task, extracted=extracted)

    def chance(self, percent: int) -> bool:
        with self.lock:
            return self.random.randrange(100) < percent

    def do_item(self, task: ItemTask) -> None:
        number = task.row.id
        with self.lock:
            self.open_files.add(number)
            self.extracting += task.extracts
            if self.extracting > max(1, min(CORES, self.limits["files"] // 2)):
                self.broken.append(f"{self.extracting} archives at once")
            if len(self.open_files) > self.limits["files"]:
                self.broken.append(f"{len(self.open_files)} files at once")
        if self.chance(20):
            with self.lock:
                self.open_files.discard(number)
            self.queue.delay(task, 0.001, "failed")
        elif number in self.parts_of:
            self.queue.open_large(large(number, self.parts_of[number]))
        elif number % 3 == 0 and not task.extracts:
            with self.lock:
                self.open_files.discard(number)
            self.queue.file_ended()
            self.queue.go_on([archive(number)])
        else:
            self.end(number)

    def do_part(self, task: PartTask) -> None:
        number = task.large.row.id
        with self.lock:
            self.parts_now[number] += 1
            if self.parts_now[number] > self.limits["connections"]:
                self.broken.append(f"{self.parts_now[number]} parts of one file")
            if self.parts_now.total() > self.limits["parts"]:
                self.broken.append(f"{self.parts_now.total()} parts")
        fails = self.chance(20)
        with self.lock:
            self.parts_now[number] -= 1
            if not fails:
                self.parts_done[number, task.span.number] += 1
            whole = sum(1 for item, _ in self.parts_done if item == number) == self.parts_of[number]
        if fails:
            self.queue.delay(task, 0.001, "failed")
        elif whole:
            self.end(number)

    def end(self, number: int) -> None:
        """Ended for the worker; what settles it refuses some and records the others."""
        with self.lock:
            self.open_files.discard(number)
        self.queue.file_ended()
        if number not in self.parts_of and self.chance(10):
            self.queue.reopen_file()
            self.queue.delay(ItemTask(row(number)), 0.001, "not settled")
            return
        with self.lock:
            self.done[number] += 1
        self.queue.files_recorded(1)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 60),
    st.dictionaries(st.integers(0, 59), st.integers(1, 12), max_size=6),
    st.integers(0, 1000),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 6),
)
def test_everything_once_within_the_limits(
    items: int, parts_of: dict[int, int], seed: int, files: int, connections: int, parts: int
) -> None:
    """Whatever fails and comes again: each item and part ends once, no limit is passed, workers leave."""
    load = Load(items, parts_of, seed, files=files, connections=connections, parts=parts)
    load.run()
    assert load.broken == []
    assert load.done == Counter(range(items))
    wanted = {
        (number, part) for number, count in parts_of.items() if number < items for part in range(1, count + 1)
    }
    assert set(load.parts_done) == wanted
    assert set(load.parts_done.values()) <= {1}


def queue() -> WorkQueue:
    return WorkQueue(files=2, connections=1, parts=1, threads=4)


def test_unsettled_items_keep_the_workers() -> None:
    """While an ended item is not recorded the queue is not done: it may come back."""
    made = queue()
    made.push([ItemTask(row(1))])
    made.close()
    task = made.take(0)
    assert task is not None
    made.file_ended()
    made.task_ended(task)
    left = threading.Event()

    def wait() -> None:
        assert made.take(1) is None
        left.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not left.wait(0.1)
    made.files_recorded(1)
    assert left.wait(PATIENCE)
    thread.join()


def test_retried_parts_keep_the_limit_of_connections() -> None:
    """Parts that come again after a failure do not pass the limit per file."""
    made = WorkQueue(files=2, connections=1, parts=8, threads=8)
    item = large(1, 3)
    made.open_large(item)
    first = made.take(0)
    assert isinstance(first, PartTask)
    made.delay(first, 0.0, "")
    made.task_ended(first)
    made.delay(PartTask(item, item.spans[1]), 0.0, "")
    assert made.take(0) is not None
    assert item.in_flight == 1
    nothing = threading.Event()

    def wait() -> None:
        made.take(1)
        nothing.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not nothing.wait(0.1), "a second part of the file was handed out"
    made.stop()
    thread.join(PATIENCE)


def test_archives_leave_half_of_the_workers_to_others() -> None:
    """What is to be extracted comes first, and is never all that is worked on while there is something else; no
    closed route and no server that asks for less keeps it back."""
    made = WorkQueue(files=4, connections=1, parts=4, threads=8)
    made.push([archive(n) for n in range(5)] + [ItemTask(row(n)) for n in range(5, 10)])
    taken = [made.take(0) for _ in range(4)]
    kinds = [task.extracts for task in taken if isinstance(task, ItemTask)]
    most = max(1, min(CORES, 2))
    assert kinds == [True] * most + [False] * (4 - most)
    made.close_routes(frozenset({0}))
    first = taken[0]
    assert first is not None
    made.throttled(first)
    made.file_ended()
    made.task_ended(first, extracted=True)
    another = made.take(0)
    assert isinstance(another, ItemTask)
    assert another.extracts


def test_workers_above_the_limit_leave() -> None:
    """A lower number of threads sends the highest away, the others stay."""
    made = queue()
    made.push([ItemTask(row(1))])
    made.tune(files=2, connections=1, parts=1, threads=1)
    assert made.take(1) is None
    assert made.take(0) is not None


def test_stop_hands_out_nothing() -> None:
    """After `stop` even ready items stay where they are."""
    made = queue()
    made.push([ItemTask(row(1))])
    made.stop()
    assert made.take(0) is None


def test_throttling_lowers_what_runs_at_once() -> None:
    """After "slow down" fewer tasks run at once, nothing is lost, and the words say so as long as it holds."""
    made = WorkQueue(files=9, connections=1, parts=9, threads=9)
    made.push([ItemTask(row(n)) for n in range(15)])
    running = [made.take(0) for _ in range(9)]
    assert running[0] is not None
    assert made.throttle_words == ""
    made.throttled(running[0])
    assert "6 at once" in made.throttle_words
    # 9 × 2/3 = 6 at once and a little more for four successes: 5 still run, so one or two may begin.
    for task in running[:4]:
        assert task is not None
        made.file_ended()
        made.task_ended(task)
    assert made.take(0) is not None


def test_closed_routes_wait_and_others_go_on() -> None:
    """Items and parts of a route whose server is away stay; everything of the others is handed out; then they
    come in their old order, and the queue is not done before."""
    made = WorkQueue(files=9, connections=4, parts=9, threads=9)
    away = large(1, 2)
    made.open_large(away)
    made.push([ItemTask(row(2)), ItemTask(row(3)), ItemTask(row(4, route=1))])
    made.close_routes(frozenset({0}))
    task = made.take(0)
    assert task is not None
    assert task.item.id == 4
    made.file_ended()
    made.task_ended(task)
    made.files_recorded(1)
    made.close()
    assert not made.nothing_left
    assert [(waiting.item.id, note) for waiting, _, note in made.waiting()] == [
        (2, "network away"),
        (3, "network away"),
    ]
    made.close_routes(frozenset())
    taken = [made.take(0) for _ in range(4)]
    assert [task.item.id for task in taken if task is not None] == [1, 1, 2, 3]


def test_workers_do_not_run_ahead_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quickly items end, only so many are unrecorded at once (each holds a lock and a partial file):
    the next one begins when some of them are recorded."""
    monkeypatch.setattr(workqueue, "MOST_UNRECORDED", 2)
    made = queue()
    made.push([ItemTask(row(number)) for number in (1, 2, 3)])
    for _ in range(2):
        task = made.take(0)
        assert task is not None
        made.file_ended()
        made.task_ended(task)
    with ThreadPoolExecutor(1) as worker:
        third = worker.submit(made.take, 0)
        with pytest.raises(TimeoutError):
            third.result(timeout=0.05)
        made.files_recorded(1)
        task = third.result(timeout=10)
    assert task is not None
    assert task.item.id == 3


def test_what_waits_is_told() -> None:
    """Delayed tasks are shown with the seconds left and the reason."""
    made = queue()
    made.push([ItemTask(row(1))])
    task = made.take(0)
    assert task is not None
    made.delay(task, 100.0, "503 SlowDown")
    ((waiting, seconds, note),) = made.waiting()
    assert waiting is task
    assert 99 < seconds <= 100
    assert note == "503 SlowDown"


def test_a_failed_large_item_hands_out_no_more_parts() -> None:
    """Parts of an item that was given up are neither pending nor waiting any more."""
    made = WorkQueue(files=2, connections=4, parts=4, threads=4)
    item, other = large(1, 3), large(2, 1)
    made.open_large(item)
    first = made.take(0)
    assert isinstance(first, PartTask)
    made.delay(first, 0.0, "")
    made.give_up_parts(item)
    made.open_large(other)
    found = made.take(0)
    assert isinstance(found, PartTask)
    assert found.large is other
