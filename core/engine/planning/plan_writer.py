"""A plan as it is written: items into the journal in groups, what they amount to, and the hash over all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

import msgspec

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Fetched, PlannedItem
from core.engine.planning.compare import Decision
from core.engine.planning.deletions import DeleteHash
from core.engine.planning.known import Known, KnownNames
from core.engine.planning.plan_counts import PairCount, Running
from core.engine.proving.proof import SIZE_ONLY
from core.model import Action, JobSpec

GROUP = 1000  # items written to the journal in one transaction


class Mark(NamedTuple):
    """How far a plan had been written and counted."""

    next_id: int
    found: Running
    counts: PairCount
    hash: Any
    skip_reasons: Counter[str]
    cannot_reasons: Counter[str]


class PlanWriter:
    """For one job. `on_items` is called when items were written."""

    def __init__(self, job: int, spec: JobSpec, journal: Journal, on_items: Callable[[], None]) -> None:
        self._job, self._journal, self._on_items = job, journal, on_items
        self._rows: list[PlannedItem] = []
        self._next_id = 1
        self._moving = False  # items are carried out while the plan is made
        self.known: KnownNames | None = None  # names that are written already
        self.found = Running()
        self.hash = hashlib.sha256(msgspec.json.encode(spec))
        self.delete_hash = DeleteHash()
        self.skip_reasons: Counter[str] = Counter()
        self.cannot_reasons: Counter[str] = Counter()

    def continue_from_journal(self) -> None:
        """Items of an earlier run stay. They come in the order in which the comparison will find them again, so
        one pass beside it tells which are known."""
        self._journal.drop_impossible(self._job)  # found again by the comparison
        self.known = Known(self._journal.known_items(self._job))
        self._moving = True
        self._next_id = self._journal.last_item(self._job) + 1

    def note(self, route: int, decision: Decision, counts: PairCount) -> None:
        entry = decision.entry
        known = self.known is not None and self.known.has(route, entry.key)
        if decision.action is None and known:
            decision = Decision(Action.COPY, entry)  # moved by the interrupted run
        if decision.action is None:
            counts.skip.add(entry.size)
            self.found.skip.add(entry.size)
            self.skip_reasons[decision.why] += 1
            return
        counts.actions[decision.action].add(entry.size)
        self.found.by_action[decision.action].add(entry.size)
        if decision.action is Action.CANNOT:
            self.cannot_reasons[decision.why] += 1
        self.hash.update(
            f"{route}\0{decision.action}\0{entry.key}\0{entry.size}\0{entry.etag}\0{entry.modified!r}\n".encode()
        )
        if entry.url:
            self.hash.update(f"{entry.url}\n".encode())
        if decision.path:
            self.hash.update(f"{decision.path}\n".encode())
        if decision.kept is not None:
            self.hash.update(f"kept {decision.kept.size}\n".encode())
        if decision.action is Action.DELETE:
            self.delete_hash.add(route, entry)
        if known:
            return
        kept = Fetched(SIZE_ONLY, decision.kept.size) if decision.kept is not None else None
        self._rows.append(
            PlannedItem(route, decision.action, entry, decision.why, decision.path, decision.early, kept)
        )
        if len(self._rows) >= GROUP or (self._next_id == 1 and len(self._rows) >= 64):
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        if self._rows:
            self._next_id = self._journal.add_items(self._job, self._rows, self._next_id)
            self._rows = []
            self._on_items()

    def mark(self, counts: PairCount) -> Mark:
        """For `rewind`; `counts` are those of the pair that begins here."""
        return Mark(
            self._next_id + len(self._rows), deepcopy(self.found), deepcopy(counts), self.hash.copy(),
            self.skip_reasons.copy(), self.cannot_reasons.copy(),
        )  # fmt: skip

    def rewind(self, mark: Mark, counts: PairCount) -> None:
        """Forget what was noted since. Items that may have been begun stay in the journal."""
        if self._moving:
            self.flush()
            self._journal.drop_impossible(self._job, mark.next_id)
        elif self._next_id <= mark.next_id:
            del self._rows[mark.next_id - self._next_id :]
        else:
            self._rows = []
            self._journal.drop_items_from(self._job, mark.next_id)
            self._next_id = mark.next_id
        self.found, self.hash = mark.found, mark.hash
        self.skip_reasons, self.cannot_reasons = mark.skip_reasons, mark.cannot_reasons
        vars(counts).update(vars(mark.counts))
