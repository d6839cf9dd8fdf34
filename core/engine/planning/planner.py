"""From what was asked to a frozen plan: resolve places, list both sides, compare, write items.

Listings stream: a page at a time goes through the comparison into the journal. Deletions are planned only
from listings that were complete and in order; anything else leaves them out and says so. The plan's hash
covers the job's spec and every item in order, so a start names exactly what was shown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from core.engine.journal.journal import Journal
from core.engine.network.patience import Patience
from core.engine.network.retry import parse_policy
from core.engine.planning.batched import batch_routes, decide_batch
from core.engine.planning.broken import decide_broken
from core.engine.planning.clearing import Clearing
from core.engine.planning.closer import answered
from core.engine.planning.compare import Decision, OutOfOrder, Question, merge, ordered
from core.engine.planning.deletions import (
    WORD_LIMITS,
    Belief,
    Candidates,
    WordLimits,
    kept_for,
    look_for_them,
    second_word,
    unread_side,
)
from core.engine.planning.drift import SeenListing
from core.engine.planning.guarantees import Guarantees
from core.engine.planning.judge import Judge, is_folder_marker
from core.engine.planning.listing import FIRST_TRIES, Pages, ahead, patient_pages, relative, wanted
from core.engine.planning.naming import Naming
from core.engine.planning.nesting import Nesting, find_nesting
from core.engine.planning.plan_counts import PairCount, Running
from core.engine.planning.plan_writer import PlanWriter
from core.engine.planning.resolving import Resolver
from core.engine.planning.route import Route
from core.engine.planning.sorting import SortedListing, drop_listings, in_order, listing_path
from core.engine.planning.target_index import TargetIndex
from core.engine.storebook import SourceStore, Store, StoreBook
from core.engine.upkeep.disks import plan_warnings
from core.engine.upkeep.undo import undo_path
from core.errors import NotFound, TransferError
from core.filters import Filters, filters_for
from core.model import Action, Adhoc, Entry, JobKind, JobSpec, PairPlan, PlanSummary
from core.stores.disk import DiskSource
from core.stores.local import LocalFolder
from core.stores.local.rules import FolderRules, probe_folder
from core.stores.s3 import S3Bucket


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
        word_limits: WordLimits = WORD_LIMITS,
        patience: Patience | None = None,
        probe: Callable[[Path], FolderRules] = probe_folder,
        seen: SeenListing | None = None,
    ) -> None:
        """`on_items` is called when items were written, `on_wait` when a listing failed and will be tried again
        after so many seconds. `reserve` bytes should stay free where a folder is written. `patience` is for
        trouble with the network; without it, what the job's policy says. `probe` tells what a target folder's
        file system makes of names, `seen` takes down what the source has, for the end of the job."""
        self._reserve = reserve
        self._word_limits = word_limits
        self._seen = seen
        self._number = 0  # of the route that is being compared
        self._job = job
        self._spec = spec
        self._journal = journal
        self._stores = stores
        self._cancelled = cancelled
        self._patience = patience or Patience(parse_policy(spec.options.retry), cancelled, on_wait)
        self._first_tries = FIRST_TRIES
        self._filters = Filters()  # of the route that is being compared
        self._probe = probe
        self._rules: dict[Path, FolderRules] = {}  # by target folder
        self._writer = PlanWriter(job, spec, journal, on_items)
        self._resumed = False  # the source's listing had to go on after a broken connection
        self._believed = Belief()
        self._warnings: list[str] = []
        self._nesting = Nesting()
        self._unlistable: list[tuple[str, str]] = []  # of the route that is being compared
        self._told: list[tuple[str, str]] = []  # likewise: what its sorted listing keeps of those
        self._notes: list[str] = []  # likewise: what that has to say
        self.routes: tuple[Route, ...] = ()

    def continue_from_journal(self) -> None:
        """An earlier run of this job was interrupted while it listed and moved: keep the items it found.

        Completed ones, which now look the same on both sides, are not counted as skipped.
        """
        self._writer.continue_from_journal()
        self._first_tries = 0  # these places were there before

    @property
    def found(self) -> Running:
        """What the plan has found so far; may be asked for by other threads."""
        return self._writer.found

    @property
    def _adhoc(self) -> Adhoc:
        return self._spec.adhoc

    def resolve(self) -> tuple[Route, ...]:
        """What each pair really means. Raises TransferError (source missing, no permission) or HaulierError."""
        if self._spec.batch_of:
            self.routes = batch_routes(self._spec, self._journal)
            return self.routes
        resolver = Resolver(self._spec, self._stores)
        tries = self._first_tries
        self.routes = tuple(
            self._patience.for_one(partial(resolver.route, pair), tries) for pair in self._spec.pairs
        )
        return self.routes

    # ------------------------------------------------------------ comparing

    def run(self) -> PlanSummary:
        """List and compare every route, writing items as they are found; returns the frozen plan.

        Raises TransferError when a source cannot be listed, Cancelled when the job was stopped.
        """
        plans = [self._plan_route(number, route) for number, route in enumerate(self.routes)]
        self._writer.flush()
        drop_listings(self._journal.path, self._job)
        if self._seen is not None:
            self._seen.complete()
        self._look_at_the_disks(plans)
        for missing in Guarantees(self._job, self._spec, self._journal, self._stores).missing(
            self.routes, plans
        ):
            self._warn(missing)
        found = self.found.by_action
        deletes = found[Action.DELETE].count
        writes_s3 = any(route.target.kind == "s3" for route in self.routes)
        delete_word, delete_why = second_word(plans, self._word_limits)
        return PlanSummary(
            pairs=tuple(plans),
            copy=found[Action.VERIFY if self._spec.kind is JobKind.VERIFY else Action.COPY].tally(),
            overwrite=found[Action.OVERWRITE].tally(),
            skip=self.found.skip.tally(),
            delete=found[Action.DELETE].tally(),
            cannot=found[Action.CANNOT].tally(),
            unsized=self.found.unsized,
            skip_reasons=tuple(self._writer.skip_reasons.most_common()),
            cannot_reasons=tuple(self._writer.cannot_reasons.most_common(20)),
            warnings=tuple(self._warnings[:50]),
            hash=self._writer.hash.hexdigest(),
            needs_confirmation=self._spec.kind is not JobKind.VERIFY and (writes_s3 or deletes > 0),
            delete_word=delete_word,
            delete_why=delete_why,
            delete_hash=self._writer.delete_hash.value() if deletes else "",
            undo_file=str(undo_path(self._journal.path, self._job)) if deletes else "",
        )

    def _plan_route(self, number: int, route: Route) -> PairPlan:
        counts = PairCount()
        source = self._stores.source(route, self._adhoc, self._spec.options.links, sized=self._needs_sizes)
        target = self._stores.target(route, self._adhoc)
        try:
            for decision in self._decide(number, route, source, target, counts):
                self._writer.note(number, decision, counts)
            for key, why in self._unlistable:
                self._writer.note(number, Decision(Action.CANNOT, Entry(key=key), why), counts)
            deletes = counts.actions[Action.DELETE].count
            versioning = target.versions.state() if deletes and isinstance(target, S3Bucket) else ""
        except TransferError as error:
            if self._spec.options.delete:
                error.message = f"nothing will be deleted: {error.message}"
            raise
        finally:
            for store in (source, target):
                if isinstance(store, LocalFolder | DiskSource):
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
            unsized=counts.unsized,
            source_count=counts.source,
            target_reach=counts.reach.tally(),
            versioning=versioning,
        )

    def _decide(
        self, number: int, route: Route, source: SourceStore, target: Store, counts: PairCount
    ) -> Iterator[Decision]:
        self._unlistable, self._told, self._notes = [], [], []
        self._nesting = Nesting()
        self._number = number
        options = self._spec.options
        self._filters = filters_for(route.source, options.include, options.exclude)
        if self._spec.broken_of:
            yield from decide_broken(self._spec, number, route, source, target, self._journal, self._cancelled)
            return
        if self._spec.batch_of:
            with closing(self._naming(route, target)) as naming:
                judge = self._judge(route, source, target, naming)
                yield from decide_batch(
                    self._spec, number, judge, self._answer, self._journal, counts, self.found
                )
            return
        if route.single:
            yield from self._decide_single(route, source, target)
            return
        if self._spec.kind is not JobKind.VERIFY:
            self._nesting = find_nesting(route, self._stores, self._adhoc)
            if self._nesting.not_source:
                self._warn(
                    f"{route.target} lies inside {route.source}: what is there is not copied into itself"
                )
        state = self._journal.path.parent
        before = self._writer.mark(counts)
        began, self._resumed, self._believed = time.time(), False, Belief()
        with ExitStack() as held:
            extras = held.enter_context(closing(Candidates(state)))
            naming = held.enter_context(closing(self._naming(route, target)))
            clearing = None
            if isinstance(target, LocalFolder) and self._removes:
                clearing = held.enter_context(closing(Clearing(target.root, state)))
            judge = self._judge(route, source, target, naming)

            def considered() -> Iterator[Decision | Question]:
                present = self._present(route, target, counts)
                wanted = self._wanted(naming.keys(partial(self._listed, route, source)))
                for mine, theirs in merge(ordered("source", wanted), ordered("target", present)):
                    if mine is not None:
                        counts.source += 1
                        one = judge.consider(mine, theirs)
                        yield one
                        if theirs is None or (one.path and naming.target_names is not None):
                            mine = None  # theirs stands for another key, or for none
                        else:
                            counts.reach.add(theirs.size)
                    if mine is None and theirs is not None and naming.wants(self._filters, theirs.key):
                        self._extra(theirs, source, extras, counts)

            try:
                for decision in answered(considered(), partial(self._answer, judge)):
                    if decision.blocker and clearing is not None:
                        clearing.wait(decision)
                    else:
                        yield decision
            except OutOfOrder as trouble:
                what = "nothing will be deleted: " if self._spec.options.delete else ""
                self._warn(f"{what}{trouble}; compared through an index instead")
                if naming.lists_again:
                    source.take_unlistable()  # the second listing finds them again
                if self._seen is not None:
                    self._seen.give_up()
                self._writer.rewind(before, counts)
                yield from self._decide_by_index(number, route, source, target, judge, naming, counts)
                return
            finally:
                found = _without_prefix(source.take_unlistable() + self._told, route.source_prefix)
                self._unlistable = naming.unlisted(found)
                self._warnings += self._notes
            if self._spec.kind is JobKind.VERIFY:
                for entry in extras:
                    if not naming.is_used(entry.key):
                        yield Decision(Action.CANNOT, entry, "missing at the source")
                return
            deletions = self._deletions(route, source, target, extras, naming, began) if extras.count else ()
            yield from clearing.sorted(deletions) if clearing is not None else deletions

    @property
    def _removes(self) -> bool:
        return self._spec.kind is JobKind.SYNC and self._spec.options.delete

    def _answer(self, judge: Judge, question: Question) -> Decision:
        return self._patience.for_one(lambda: judge.answer(question))

    def _naming(self, route: Route, target: Store) -> Naming:
        def rules_of(root: Path) -> FolderRules:
            if root not in self._rules:
                self._rules[root] = self._probe(root)
            return self._rules[root]

        return Naming(self._spec, route, target, rules_of, self._warn)

    def _judge(self, route: Route, source: SourceStore, target: Store, naming: Naming) -> Judge:
        return Judge(
            self._spec,
            route,
            source,
            target,
            self._cancelled,
            naming.target_names,
            naming.path_of,
            naming.extracted,
        )

    def _listed(self, route: Route, source: SourceStore) -> Pages:
        if in_order(source):
            pages = self._counted(self._pages(source, route.source_prefix))
        else:
            pages = self._sorted_pages(route, source)
        return relative(pages, route.source_prefix)

    def _present(self, route: Route, target: Store, counts: PairCount) -> Pages:
        for page in relative(self._target_pages(route, target), route.target_prefix):
            counts.target.add_page(page)
            yield page

    def _sorted_pages(self, route: Route, source: SourceStore) -> Pages:
        """A listing in the store's own order, brought into that of names."""
        path = listing_path(self._journal.path, self._job, self._number)
        with closing(SortedListing(path, f"{route.source}\0{route.commit}\0{self._needs_sizes}")) as listing:

            def pages_after(key: str) -> Pages:
                return self._counted(self._pages(source, route.source_prefix, key))

            if listing.complete:
                self.found.listed += listing.count
            else:
                listing.fill(source, pages_after)
            self._told, self._notes = listing.told, listing.notes
            yield from listing.pages()

    def _counted(self, pages: Pages) -> Pages:
        for page in pages:
            self.found.listed += len(page)
            yield page

    @property
    def _needs_sizes(self) -> bool:
        """Whether a source that tells no sizes by itself has to be asked for them."""
        spec = self._spec
        return spec.kind is JobKind.VERIFY or spec.batches is not None or spec.options.skip_smaller_than > 0

    def _deletions(
        self,
        route: Route,
        source: SourceStore,
        target: Store,
        extras: Candidates,
        naming: Naming,
        began: float,
    ) -> Iterator[Decision]:
        """Of what only the target has, that which may go (see deletions.py)."""
        if why := self._believed.contradiction or unread_side(source, target):
            self._warn(f"nothing will be deleted: {why}")
            return
        doubt = look_for_them(source, route, extras, since=began, resumed=self._resumed)
        if doubt.why:
            self._warn(f"nothing will be deleted: {doubt.why}")
            return
        unlistable = frozenset(key.rstrip("/") for key, _ in self._unlistable)
        unread = 0
        for entry in extras:
            if naming.is_used(entry.key):
                continue
            if kept_for(entry.key, unlistable):
                unread += 1
            elif entry.key not in doubt.keep:
                yield Decision(Action.DELETE, entry)
        if unread:
            self._warn(f"{unread} files stay at the target: what has their names at the source cannot be read")
        if doubt.keep:
            self._warn(f"{len(doubt.keep)} files stay at the target: they came to the source just now")

    def _extra(self, theirs: Entry, source: SourceStore, extras: Candidates, counts: PairCount) -> None:
        """Something that only the target has."""
        if is_folder_marker(theirs) and isinstance(source, LocalFolder) and (source.root / theirs.key).is_dir():
            return  # the source has the folder, only no object that says so
        if self._nesting.not_extra and theirs.key.startswith(self._nesting.not_extra):
            return
        counts.reach.add(theirs.size)
        if self._removes or (self._spec.kind is JobKind.VERIFY and not self._spec.extras_ok):
            extras.add(theirs)

    def _look_at_the_disks(self, plans: list[PairPlan]) -> None:
        """Say beforehand where the space will not do; the engine stops in time all the same."""
        if self._spec.batches is not None:
            return
        needs = [
            (route.target_root, plan.copy.bytes + plan.overwrite.bytes, plan.copy.count + plan.overwrite.count)
            for plan, route in zip(plans, self.routes, strict=True)
            if route.target.kind == "local" and route.method != "verify"
        ]
        for warning in plan_warnings(needs, self._reserve):
            self._warn(warning)

    def _decide_single(self, route: Route, source: SourceStore, target: Store) -> Iterator[Decision]:
        url = route.source.url
        key = url or route.source_key(route.single)
        info = self._patience.for_one(lambda: source.stat(key), self._first_tries)
        entry = msgspec.structs.replace(info.entry, key=route.single, url=url)
        self.found.listed += 1
        there: Entry | None = None
        if not route.creates_bucket and not isinstance(target, LocalFolder):  # at a folder the judge looks
            try:
                there = self._patience.for_one(lambda: target.stat(route.target_key(route.single))).entry
            except NotFound:
                there = None
        if not self._filters.wants(entry.key):
            return
        if self._seen is not None:
            self._seen.note(self._number, [entry])
        with closing(self._naming(route, target)) as naming:
            judge = self._judge(route, source, target, naming)
            one = judge.consider(entry, there)
            yield self._answer(judge, one) if isinstance(one, Question) else one

    def _decide_by_index(
        self,
        number: int,
        route: Route,
        source: SourceStore,
        target: Store,
        judge: Judge,
        naming: Naming,
        counts: PairCount,
    ) -> Iterator[Decision]:
        """The same without trust in order: the target's listing goes into a table on disk, asked per name.

        Everything is decided anew; items written before the disorder showed are known and not written again.
        """
        in_order, names = self._writer.known, naming.target_names
        if names is not None:
            names.out_of_order()
        path = self._journal.path.with_name(f"compare-{self._job}.sqlite3")
        with closing(TargetIndex(path, number)) as there:
            for at, name in self._journal.known_items(self._job):
                if at == number:
                    there.add_known(name)
                    if names is not None:  # what is written has its path, whatever comes before it now
                        names.place(route.target_key(name), 0, listed=False)
            for page in self._target_pages(route, target):
                there.add(page, route.target_prefix)
                counts.target.add_page(page)
            there.added()
            self._writer.known = there

            def considered() -> Iterator[Decision | Question]:
                wanted = self._wanted(naming.keys(partial(self._listed_once, route, source)))
                for entry in chain.from_iterable(wanted):
                    if there.comes_first(entry.key):
                        counts.source += 1
                        yield judge.consider(entry, there.find(entry.key))

            yield from answered(considered(), partial(self._answer, judge))
            there.remove()
        self._writer.known = in_order

    def _listed_once(self, route: Route, source: SourceStore) -> Pages:
        """Without going on after a broken connection: behind which key, nobody knows."""
        pages = source.pages(route.source_prefix, cancelled=self._cancelled)
        return relative(self._counted(pages), route.source_prefix)

    def _pages(self, store: SourceStore, prefix: str, begin_after: str = "") -> Pages:
        def after(key: str) -> Pages:
            self._resumed = self._resumed or bool(key)
            return self._believed.watch(store.pages(prefix, start_after=key, cancelled=self._cancelled))

        return ahead(patient_pages(after, self._patience, first_tries=self._first_tries, after=begin_after))

    def _target_pages(self, route: Route, target: Store) -> Pages:
        if route.creates_bucket or self._spec.batches is not None:  # disks of batches are looked at one by one
            return iter(())
        if isinstance(target, LocalFolder):
            if not target.root.exists():
                return iter(())
            if not target.root.is_dir():
                raise NotFound(f"{target.root}: is not a folder")
        return self._pages(target, route.target_prefix)

    def _wanted(self, pages: Pages) -> Pages:
        for page in wanted(pages, self._filters, self._nesting.not_source):
            if self._seen is not None:
                self._seen.note(self._number, page)
            yield page

    def _warn(self, text: str) -> None:
        self._warnings.append(text)


def _without_prefix(unlistable: list[tuple[str, str]], prefix: str) -> list[tuple[str, str]]:
    return [(key.removeprefix(prefix), why) for key, why in unlistable]
