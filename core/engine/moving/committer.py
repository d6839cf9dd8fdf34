"""From "moved" to "completed": outcomes of workers are settled at the target and recorded, in groups.

1. Workers hand in parts and outcomes. 2. The committer gathers them for a moment. 3. One journal transaction
records the parts. 4. `target.settle` makes the group of outcomes durable and visible. 5. Another transaction
records it. 6. Only then the counters say completed.
A kill between any two steps leaves items pending that are done again, or renamed files that are found done.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from core.engine.journal.fetched import FetchedItem
from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion, Fetched, ItemRow
from core.errors import DiskTrouble, TransferError
from core.model import Action, AttemptView, Entry, Status
from core.stores.base import DeletesInGroups, PartReceipt, Receipt, Target

log = logging.getLogger(__name__)
T = TypeVar("T")

GATHER = 0.1  # seconds that the first outcome of a group waits for others
GROUP = 1000


class Outcome(NamedTuple):
    """The end of one item as its worker saw it. `receipt` is None when nothing needs settling."""

    row: ItemRow
    attempts: int
    size: int = 0
    proof: str = ""
    error: str = ""  # not empty: failed
    target: Target | None = None
    receipt: Receipt | None = None
    learnt: Entry | None = None  # what the source told of an entry whose size the plan did not know
    digest: str = ""  # SHA-256 in hex, of a file that was read back
    fetched: Fetched | None = None  # what came is an archive: the item ends when it is extracted


class Totals:
    """Counters of a job that only the committer writes."""

    def __init__(self) -> None:
        self.done = self.failed = self.deleted = 0
        self.bytes = 0


class Committer:
    """One thread. `on_unsettled` gets outcomes whose target refused the last step, `on_trouble` a dead end."""

    def __init__(
        self,
        job: int,
        journal: Journal,
        totals: Totals,
        on_unsettled: Callable[[Outcome, TransferError], None],
        on_trouble: Callable[[TransferError], None],
        on_recorded: Callable[[list[Outcome]], None],
        on_fetched: Callable[[list[Outcome]], None] = lambda _: None,
    ) -> None:
        self._job, self._journal, self.totals = job, journal, totals
        self._on_unsettled, self._on_trouble, self._on_recorded = on_unsettled, on_trouble, on_recorded
        self._on_fetched = on_fetched
        self._outcomes: deque[Outcome] = deque()
        self._parts: deque[tuple[int, PartReceipt]] = deque()
        self._attempts: deque[AttemptView] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self.busy = 0.0  # seconds spent on making things durable and recording them
        self._thread = threading.Thread(target=self._run, name=f"job-{job}-committer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._wake.set()

    def add_part(self, item: int, part: PartReceipt) -> None:
        self._parts.append((item, part))
        self._wake.set()

    def add_attempt(self, attempt: AttemptView) -> None:
        self._attempts.append(attempt)
        self._wake.set()

    def hurry(self) -> None:
        """Nothing more will come soon: do not wait for it."""
        self._hurry.set()

    def close(self) -> None:
        """Settle and record everything handed in so far, then end."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait(1.0)
            self._wake.clear()
            closing = self._closing
            if not closing and (self._outcomes or self._parts) and len(self._outcomes) < GROUP:
                self._hurry.wait(GATHER)
                self._hurry.clear()
            began = time.monotonic()
            try:
                # What came meanwhile is another group only when it is a whole one: the first few of it would
                # cost as much as all.
                while self._commit_group() and (closing or len(self._outcomes) >= GROUP):
                    pass
            except DiskTrouble as error:  # the journal's
                self._on_trouble(error)
            except Exception as error:
                log.exception("recording failed")
                self._on_trouble(DiskTrouble(f"recording failed: {error}"))
            self.busy += time.monotonic() - began
            if closing:
                return

    def _commit_group(self) -> bool:
        """One group; whether there was anything."""
        outcomes = _take(self._outcomes, GROUP)
        # All parts of these outcomes were handed in before them. They are recorded before anything is renamed:
        # a file that has its final name is known to be ours by them. And none may be left to be recorded after
        # its item, whose parts are forgotten then.
        parts = _take(self._parts)
        attempts = _take(self._attempts, GROUP)
        if not outcomes and not parts and not attempts:
            return False
        if parts:
            self._journal.add_parts(self._job, parts)
        settled = self._settle(outcomes)
        fetched = [outcome for outcome in settled if outcome.fetched is not None]
        settled = [outcome for outcome in settled if outcome.fetched is None]
        now = time.time()
        ends = [
            Completion(
                outcome.row.id,
                Status.FAILED if outcome.error else Status.COMPLETED,
                outcome.attempts,
                outcome.size,
                outcome.proof,
                outcome.error,
                now,
                outcome.receipt.etag if outcome.receipt is not None else "",
                outcome.learnt,
                outcome.digest,
                outcome.learnt is None and outcome.size == outcome.row.entry.size,
            )
            for outcome in settled
        ]
        if attempts:
            self._journal.add_attempts(self._job, attempts)
        if ends:
            self._journal.complete(self._job, ends)
        if fetched:
            self._journal.fetched.note(
                self._job,
                [FetchedItem(o.row.id, o.fetched, o.learnt) for o in fetched if o.fetched is not None],
            )
            self._on_fetched(fetched)
        for outcome in settled:
            if outcome.error:
                self.totals.failed += 1
            elif outcome.row.action is Action.DELETE:
                self.totals.deleted += 1
            else:
                self.totals.done += 1
                self.totals.bytes += outcome.row.entry.size
        if settled:
            self._on_recorded(settled)
        return True

    def _settle(self, outcomes: list[Outcome]) -> list[Outcome]:
        groups: dict[tuple[int, bool], list[Outcome]] = {}
        for outcome in outcomes:
            if outcome.receipt is not None and outcome.target is not None:
                deleted = outcome.row.action is Action.DELETE
                groups.setdefault((id(outcome.target), deleted), []).append(outcome)
        refused: dict[int, TransferError] = {}
        for (_, deleted), group in groups.items():
            target = group[0].target
            assert target is not None
            receipts = [outcome.receipt for outcome in group if outcome.receipt is not None]
            failed: dict[str, Exception] = {}
            if not deleted:
                failed = target.settle(receipts)
            elif isinstance(target, DeletesInGroups):
                failed = target.settle_deletions([receipt.key for receipt in receipts])
            for outcome in group:
                if outcome.receipt is not None and (error := failed.get(outcome.receipt.key)) is not None:
                    refused[outcome.row.id] = _as_transfer_error(error)
        for outcome in outcomes:
            if outcome.row.id in refused:
                self._on_unsettled(outcome, refused[outcome.row.id])
        return [outcome for outcome in outcomes if outcome.row.id not in refused]


def _as_transfer_error(error: Exception) -> TransferError:
    return error if isinstance(error, TransferError) else TransferError(str(error))


def _take(waiting: deque[T], limit: int | None = None) -> list[T]:
    taken: list[T] = []
    while waiting and (limit is None or len(taken) < limit):
        taken.append(waiting.popleft())
    return taken
