"""From what was asked to a frozen plan: resolve places, list both sides, compare, write items.

Listings stream: a page at a time goes through the comparison into the journal. Deletions are planned only
from listings that were complete and in order; anything else leaves them out and says so. The plan's hash
covers the job's spec and every item in order, so a start names exactly what was shown.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from core.engine.compare import Decision, OutOfOrder, merge, ordered
from core.engine.journal import Journal
from core.engine.judge import Judge, is_folder_marker
from core.engine.known import Known, KnownByName
from core.engine.listing import FIRST_TRIES, Pages, ahead, patient_pages
from core.engine.nesting import Nesting, find_nesting
from core.engine.plan_counts import PairCount, Running
from core.engine.resolving import Resolver
from core.engine.retry import parse_policy
from core.engine.route import Route
from core.engine.storebook import Store, StoreBook
from core.engine.target_index import TargetIndex
from core.errors import NotFound, TransferError
from core.filters import Filters
from core.model import Action, Connection, Entry, JobKind, JobSpec, PairPlan, PlanSummary
from core.stores.local import LocalFolder
from core.units import format_bytes

GROUP = 1000  # items written to the journal in one transaction


class Planner:
    """Plans one job. `run` blocks until the plan is complete; call it in a thread of its own."""

    def __init__(
        self,
        job: int,
        spec: JobSpec,
        journal: Journal,
        stores: StoreBook,
        cancelled: threading.Event,
        on_items: Callable[[], None],
        on_wait: Callable[[TransferError, float], None],
        reserve: int = 0,
    ) -> None:
        """`on_items` is called when items were written, `on_wait` when a listing failed and will be tried again
        after so many seconds. `reserve` bytes should stay free where a folder is written."""
        self._reserve = reserve
        self._job = job
        self._spec = spec
        self._journal = journal
        self._stores = stores
        self._cancelled = cancelled
        self._on_items = on_items
        self._on_wait = on_wait
        self._policy = parse_policy(spec.options.retry)
        self._first_tries = FIRST_TRIES
        self._filters = Filters(spec.options.include, spec.options.exclude)
        self._rows: list[tuple[int, Action, Entry, str]] = []
        self._next_id = 1
        self._hash = hashlib.sha256(msgspec.json.encode(spec))
        self._skip_reasons: Counter[str] = Counter()
        self._cannot_reasons: Counter[str] = Counter()
        self._warnings: list[str] = []
        self._known: Known | KnownByName | None = None
        self._nesting = Nesting()
        self._unlistable: list[tuple[str, str]] = []  # of the route that is being compared
        self.found = Running()
        self.routes: tuple[Route, ...] = ()

    def continue_from_journal(self) -> None:
        """An earlier run of this job was interrupted while it listed and moved: keep the items it found.

        They come in the order in which the comparison will find them again, so one pass beside it tells which
        are known; completed ones, which now look the same on both sides, are not counted as skipped.
        """
        self._journal.drop_impossible(self._job)  # found again by the comparison
        self._known = Known(self._journal.known_items(self._job))
        self._first_tries = 0  # these places were there before
        self._next_id = self._journal.last_item(self._job) + 1

    @property
    def _adhoc(self) -> Connection | None:
        return self._spec.adhoc

    def resolve(self) -> tuple[Route, ...]:
        """What each pair really means. Raises TransferError (source missing, no permission) or HaulierError."""
        resolver = Resolver(self._spec, self._stores)
        self.routes = tuple(resolver.route(pair) for pair in self._spec.pairs)
        return self.routes

    # ------------------------------------------------------------ comparing

    def run(self) -> PlanSummary:
        """List and compare every route, writing items as they are found; returns the frozen plan.

        Raises TransferError when a source cannot be listed, Cancelled when the job was stopped.
        """
        plans = [self._plan_route(number, route) for number, route in enumerate(self.routes)]
        self._flush()
        self._look_at_the_disks(plans)
        found = self.found.by_action
        deletes = found[Action.DELETE].count
        writes_s3 = any(route.target.kind == "s3" for route in self.routes)
        return PlanSummary(
            pairs=tuple(plans),
            copy=found[Action.VERIFY if self._spec.kind is JobKind.VERIFY else Action.COPY].tally(),
            overwrite=found[Action.OVERWRITE].tally(),
            skip=self.found.skip.tally(),
            delete=found[Action.DELETE].tally(),
            cannot=found[Action.CANNOT].tally(),
            skip_reasons=tuple(self._skip_reasons.most_common()),
            cannot_reasons=tuple(self._cannot_reasons.most_common(20)),
            warnings=tuple(self._warnings[:50]),
            hash=self._hash.hexdigest(),
            needs_confirmation=self._spec.kind is not JobKind.VERIFY and (writes_s3 or deletes > 0),
        )

    def _plan_route(self, number: int, route: Route) -> PairPlan:
        counts = PairCount()
        source = self._stores.source(route, self._adhoc)
        target = self._stores.target(route, self._adhoc)
        try:
            for decision in self._decide(number, route, source, target, counts):
                self._note(number, decision, counts)
            for key, why in self._unlistable:
                self._note(number, Decision(Action.CANNOT, Entry(key=key), why), counts)
        finally:
            for store in (source, target):
                if isinstance(store, LocalFolder):
                    store.close()
        actions = counts.actions
        return PairPlan(
            source=route.source,
            target=route.target,
            method=route.method,
            copy=actions[Action.VERIFY if route.method == "verify" else Action.COPY].tally(),
            overwrite=actions[Action.OVERWRITE].tally(),
            skip=counts.skip.tally(),
            delete=actions[Action.DELETE].tally(),
            cannot=actions[Action.CANNOT].tally(),
            target_total=counts.target.tally(),
            creates_bucket=route.creates_bucket,
        )

    def _decide(
        self, number: int, route: Route, source: Store, target: Store, counts: PairCount
    ) -> Iterator[Decision]:
        self._unlistable = []
        self._nesting = Nesting()
        if route.single:
            yield from self._decide_single(route, source, target)
            return
        deletes: list[Decision] = []
        if self._spec.kind is not JobKind.VERIFY:
            self._nesting = find_nesting(route, self._stores, self._adhoc)
            if self._nesting.not_source:
                self._warn(
                    f"{route.target} lies inside {route.source}: what is there is not copied into itself"
                )
        judge = Judge(self._spec, route, source, target)
        present = _absolute_to_relative(self._target_pages(route, target), route.target_prefix)
        wanted = _absolute_to_relative(self._pages(source, route.source_prefix), route.source_prefix)
        last = ""
        try:
            for mine, theirs in merge(ordered("source", self._wanted(wanted)), ordered("target", present)):
                if theirs is not None:
                    counts.target.add(theirs.size)
                if mine is not None:
                    last = mine.key
                    yield judge.decide(mine, theirs)
                elif theirs is not None and self._filters.wants(theirs.key):
                    yield from self._extra(theirs, source, deletes)
        except OutOfOrder as trouble:
            self._warn(f"{trouble}; compared through an index instead, nothing will be deleted")
            source.take_unlistable()  # the second listing finds them again
            yield from self._decide_by_index(number, route, source, target, judge, after=last)
            return
        finally:
            self._unlistable = _without_prefix(source.take_unlistable(), route.source_prefix)
        if deletes and self._deletions_are_safe(source, target):
            yield from self._unless_unlistable(deletes)

    def _unless_unlistable(self, deletes: list[Decision]) -> Iterator[Decision]:
        """What could not be read at the source may well be there: its copy at the target stays."""
        there = {key.rstrip("/") for key, _ in self._unlistable}
        kept = 0
        for decision in deletes:
            key = decision.entry.key
            if there and any(key == name or key.startswith(name + "/") for name in there):
                kept += 1
                continue
            yield decision
        if kept:
            self._warn(f"{kept} files stay at the target: what has their names at the source cannot be read")

    def _extra(self, theirs: Entry, source: Store, deletes: list[Decision]) -> Iterator[Decision]:
        """Something that only the target has."""
        if is_folder_marker(theirs) and isinstance(source, LocalFolder) and (source.root / theirs.key).is_dir():
            return  # the source has the folder, only no object that says so
        if self._nesting.not_extra and theirs.key.startswith(self._nesting.not_extra):
            return
        if self._spec.kind is JobKind.VERIFY:
            yield Decision(Action.CANNOT, theirs, "missing at the source")
        elif self._spec.kind is JobKind.SYNC and self._spec.options.delete:
            deletes.append(Decision(Action.DELETE, theirs))

    def _look_at_the_disks(self, plans: list[PairPlan]) -> None:
        """Say beforehand where the space will not do; the engine stops in time all the same."""
        needed: dict[int, tuple[int, str]] = {}
        for plan, route in zip(plans, self.routes, strict=True):
            if route.target.kind == "local" and route.method != "verify":
                near = Path(route.target_root)
                while not near.exists() and near != near.parent:
                    near = near.parent
                with suppress(OSError):  # no news of the disk: the writing will tell
                    device = near.stat().st_dev
                    so_far, _ = needed.get(device, (0, ""))
                    needed[device] = (so_far + plan.copy.bytes + plan.overwrite.bytes, str(near))
        for total, folder in needed.values():
            free = shutil.disk_usage(folder).free
            if total and total + self._reserve > free:
                self._warn(
                    f"{folder} has {format_bytes(free)} free; this needs {format_bytes(total)}, and "
                    f"{format_bytes(self._reserve)} should stay free"
                )

    def _deletions_are_safe(self, source: Store, target: Store) -> bool:
        for side, store in (("source", source), ("target", target)):
            if isinstance(store, LocalFolder) and store.listing_incomplete:
                self._warn(f"a folder of the {side} could not be read: nothing will be deleted")
                return False
        return True

    def _decide_single(self, route: Route, source: Store, target: Store) -> Iterator[Decision]:
        info = source.stat(route.source_key(route.single))
        entry = msgspec.structs.replace(info.entry, key=route.single)
        self.found.listed += 1
        there: Entry | None = None
        if not route.creates_bucket:
            try:
                there = target.stat(route.target_key(route.single)).entry
            except NotFound:
                there = None
        if self._filters.wants(entry.key):
            yield Judge(self._spec, route, source, target).decide(entry, there)

    def _decide_by_index(
        self, number: int, route: Route, source: Store, target: Store, judge: Judge, after: str
    ) -> Iterator[Decision]:
        """The same without trust in order: the target's listing goes into a table on disk, asked per name.

        Items written before the disorder showed, up to the name `after`, are not decided again.
        """
        self._flush()
        written = {name for at, name in self._journal.known_items(self._job) if at == number}
        decided = {name for name in written if after and name <= after}
        in_order, self._known = self._known, KnownByName({(number, name) for name in written - decided})
        path = self._journal.path.with_name(f"compare-{self._job}.sqlite3")
        with closing(TargetIndex(path)) as there:
            for page in self._target_pages(route, target):
                there.add(page, route.target_prefix)
            there.added()
            pages = source.pages(route.source_prefix, cancelled=self._cancelled)
            seen: set[str] = set(decided)
            for entry in self._wanted(_absolute_to_relative(pages, route.source_prefix)):
                if entry.key in seen:
                    continue
                seen.add(entry.key)
                yield judge.decide(entry, there.find(entry.key))
        there.remove()
        self._known = in_order

    def _pages(self, store: Store, prefix: str) -> Pages:
        def after(key: str) -> Pages:
            return store.pages(prefix, start_after=key, cancelled=self._cancelled)

        return ahead(
            patient_pages(after, self._policy, self._cancelled, self._on_wait, first_tries=self._first_tries)
        )

    def _target_pages(self, route: Route, target: Store) -> Iterator[list[Entry]]:
        if route.creates_bucket:
            return iter(())
        if isinstance(target, LocalFolder):
            if not target.root.exists():
                return iter(())
            if not target.root.is_dir():
                raise NotFound(f"{target.root}: is not a folder")
        return self._pages(target, route.target_prefix)

    def _wanted(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self.found.listed += 1
            if not entry.key:
                continue  # the marker of the source folder itself
            if self._nesting.not_source and entry.key.startswith(self._nesting.not_source):
                continue
            if self._filters.wants(entry.key):
                yield entry

    # ------------------------------------------------------------ noting

    def _note(self, route: int, decision: Decision, counts: PairCount) -> None:
        entry = decision.entry
        known = self._known is not None and self._known.has(route, entry.key)
        if decision.action is None and known:
            decision = Decision(Action.COPY, entry)  # moved by the interrupted run
        if decision.action is None:
            counts.skip.add(entry.size)
            self.found.skip.add(entry.size)
            self._skip_reasons[decision.why] += 1
            return
        counts.actions[decision.action].add(entry.size)
        self.found.by_action[decision.action].add(entry.size)
        if decision.action is Action.CANNOT:
            self._cannot_reasons[decision.why] += 1
        self._hash.update(
            f"{route}\0{decision.action}\0{entry.key}\0{entry.size}\0{entry.etag}\0{entry.modified!r}\n".encode()
        )
        if known:
            return
        self._rows.append((route, decision.action, entry, decision.why))
        if len(self._rows) >= GROUP or (self._next_id == 1 and len(self._rows) >= 64):
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._next_id = self._journal.add_items(self._job, self._rows, self._next_id)
            self._rows = []
            self._on_items()

    def _warn(self, text: str) -> None:
        self._warnings.append(text)


def _without_prefix(unlistable: list[tuple[str, str]], prefix: str) -> list[tuple[str, str]]:
    return [(key.removeprefix(prefix), why) for key, why in unlistable]


def _absolute_to_relative(pages: Iterable[list[Entry]], prefix: str) -> Iterator[Entry]:
    if not prefix:
        for page in pages:
            yield from page
        return
    cut = len(prefix)
    for page in pages:
        for entry in page:
            yield msgspec.structs.replace(entry, key=entry.key[cut:])
