"""From what was asked to a frozen plan: resolve places, list both sides, compare, write items.

Listings stream: a page at a time goes through the comparison into the journal. Deletions are planned only
from listings that were complete and in order; anything else leaves them out and says so. The plan's hash
covers the job's spec and every item in order, so a start names exactly what was shown.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.engine.compare import Decision, FileFolderClash, OutOfOrder, Sameness, merge, ordered
from core.engine.content import same_content
from core.engine.journal import Journal
from core.engine.listing import FIRST_TRIES, Pages, ahead, patient_pages
from core.engine.retry import parse_policy
from core.engine.route import Route
from core.engine.storebook import Store, StoreBook
from core.errors import Code, HaulierError, NotFound, TransferError
from core.filters import Filters
from core.model import (
    Action,
    Connection,
    Entry,
    JobKind,
    JobSpec,
    Method,
    Pair,
    PairPlan,
    Place,
    PlanSummary,
    Tally,
)
from core.stores.local import LocalFolder, name_problem

GROUP = 1000  # items written to the journal in one transaction
ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
MAX_KEY = 1024  # bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects")


class _Counting:
    """Count and bytes, growing."""

    def __init__(self) -> None:
        self.count = self.bytes = 0

    def add(self, size: int) -> None:
        self.count += 1
        self.bytes += size

    def tally(self) -> Tally:
        return Tally(count=self.count, bytes=self.bytes)


class Running:
    """What the plan has found so far; read by the ticker while the planner writes."""

    def __init__(self) -> None:
        self.listed = 0
        self.by_action: dict[Action, _Counting] = {action: _Counting() for action in Action}
        self.skip = _Counting()

    @property
    def to_move(self) -> tuple[int, int]:
        """Items and bytes that will have to be carried out, without deletions."""
        moving = [self.by_action[a] for a in (Action.COPY, Action.OVERWRITE, Action.VERIFY, Action.CANNOT)]
        return sum(c.count for c in moving), sum(c.bytes for c in moving)


class _Known:
    """Items that the journal has already, asked for in the order of the plan."""

    def __init__(self, items: Iterator[tuple[int, str]]) -> None:
        self._items = items
        self._next = next(items, None)

    def has(self, route: int, name: str) -> bool:
        """Whether the journal has this item. Names must be asked for in rising order within a route."""
        while self._next is not None and self._next < (route, name):
            self._next = next(self._items, None)
        return self._next == (route, name)


class _KnownByName:
    """The same, asked for in any order."""

    def __init__(self, items: set[tuple[int, str]]) -> None:
        self._items = items

    def has(self, route: int, name: str) -> bool:
        return (route, name) in self._items


class _PairCount(NamedTuple):
    actions: dict[Action, _Counting]
    skip: _Counting
    target: _Counting


def make_title(spec: JobSpec) -> str:
    """What a job is called: sources and target, buckets of one connection together."""
    sources = [str(pair.source) for pair in spec.pairs]
    first = spec.pairs[0].source
    if len(sources) > 1 and all(
        p.source.connection == first.connection and p.source.bucket for p in spec.pairs
    ):
        names = ", ".join(f"{p.source.bucket}/{p.source.path}".rstrip("/") for p in spec.pairs[:3])
        more = f" and {len(spec.pairs) - 3} more" if len(spec.pairs) > 3 else ""
        shown = f"{first.connection}:{names}{more}"
    else:
        shown = ", ".join(sources[:2]) + (f" and {len(sources) - 2} more" if len(sources) > 2 else "")
    targets = {str(pair.target) for pair in spec.pairs}
    target = spec.pairs[0].target
    if len(targets) == 1:
        return f"{shown} → {target}"
    return f"{shown} → {target.connection + ':' if target.connection else target.path}"


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
    ) -> None:
        """`on_items` is called when items were written, `on_wait` when a listing failed and will be tried again
        after so many seconds."""
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
        self._known: _Known | _KnownByName | None = None
        self.found = Running()
        self.routes: tuple[Route, ...] = ()

    def continue_from_journal(self) -> None:
        """An earlier run of this job was interrupted while it listed and moved: keep the items it found.

        They come in the order in which the comparison will find them again, so one pass beside it tells which
        are known; completed ones, which now look the same on both sides, are not counted as skipped.
        """
        self._journal.drop_impossible(self._job)  # found again by the comparison
        self._known = _Known(self._journal.known_items(self._job))
        self._first_tries = 0  # these places were there before
        self._next_id = self._journal.last_item(self._job) + 1

    @property
    def _adhoc(self) -> Connection | None:
        return self._spec.adhoc

    # ------------------------------------------------------------ resolving

    def resolve(self) -> tuple[Route, ...]:
        """What each pair really means. Raises TransferError (source missing, no permission) or HaulierError."""
        self.routes = tuple(self._resolve(pair) for pair in self._spec.pairs)
        return self.routes

    def _resolve(self, pair: Pair) -> Route:
        source, target = pair.source, pair.target
        source_root, source_prefix, single = self._resolve_source(source)
        target_root, target_prefix, target_name = self._resolve_target(target, single, source)
        creates = False
        if target.kind == "s3":
            service = self._stores.service(target.connection, self._adhoc)
            creates = not service.has_bucket(target.bucket)
            if creates and self._spec.kind is JobKind.VERIFY:
                raise NotFound(f"there is no bucket {target.bucket} at {target.connection}")
        return Route(
            source=source,
            target=target,
            source_root=source_root,
            target_root=target_root,
            source_prefix=source_prefix,
            target_prefix=target_prefix,
            single=single,
            target_name=target_name,
            method=self._method(source, target),
            creates_bucket=creates,
        )

    def _resolve_source(self, source: Place) -> tuple[str, str, str]:
        """(local root, prefix, name of a single object)."""
        if source.kind == "local":
            path = Path(source.path)
            if path.is_file():
                return str(path.parent), "", path.name
            if not path.is_dir():
                raise NotFound(f"{source.path}: no such file or folder")
            return str(path), "", ""
        bucket = self._stores.service(source.connection, self._adhoc).bucket(source.bucket)
        if source.is_folder:
            return "", source.path, ""
        try:
            bucket.stat(source.path)
        except NotFound:
            page, _ = bucket.level(source.path + "/", cursor="", limit=1)
            if not page:
                raise NotFound(f"{source}: no such object, and nothing below it") from None
            return "", source.path + "/", ""
        above, slash, name = source.path.rpartition("/")
        return "", above + slash, name

    def _resolve_target(self, target: Place, single: str, source: Place) -> tuple[str, str, str]:
        """(local root, prefix, another name for a single object)."""
        del source
        if target.kind == "local":
            path = Path(target.path)
            if single and not target.is_folder and not path.is_dir():
                return str(path.parent), "", "" if path.name == single else path.name
            if path.exists() and not path.is_dir():
                raise NotFound(f"{target.path}: is a file, not a folder")
            return str(path), "", ""
        if target.is_folder:
            return "", target.path, ""
        if single:
            above, slash, name = target.path.rpartition("/")
            return "", above + slash, "" if name == single else name
        return "", target.path + "/", ""

    def _method(self, source: Place, target: Place) -> Method:
        if self._spec.kind is JobKind.VERIFY:
            return "verify"
        match (source.kind, target.kind):
            case ("local", "local"):
                return "local"
            case ("s3", "local"):
                return "download"
            case ("local", "s3"):
                return "upload"
        here = self._stores.service(target.connection, self._adhoc)
        same = here.same_service(self._stores.service(source.connection, self._adhoc))
        return "server side" if same and self._spec.options.server_side else "relay"

    # ------------------------------------------------------------ comparing

    def run(self) -> PlanSummary:
        """List and compare every route, writing items as they are found; returns the frozen plan.

        Raises TransferError when a source cannot be listed, Cancelled when the job was stopped.
        """
        plans = [self._plan_route(number, route) for number, route in enumerate(self.routes)]
        self._flush()
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
        counts = _PairCount({action: _Counting() for action in Action}, _Counting(), _Counting())
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
        self, number: int, route: Route, source: Store, target: Store, counts: _PairCount
    ) -> Iterator[Decision]:
        self._unlistable: list[tuple[str, str]] = []
        if route.single:
            yield from self._decide_single(route, source, target)
            return
        deletes: list[Decision] = []
        self._find_nesting(route)
        judge = _Judge(self._spec, route, source, target)
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
                    yield from self._extra(theirs, deletes)
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

    def _find_nesting(self, route: Route) -> None:
        """One place inside the other: the target is no part of what is copied into it (with items moving while
        the listing runs that would never end), and the source is no extra of its target."""
        self._not_source = self._not_extra = ""
        if not self._one_store(route) or self._spec.kind is JobKind.VERIFY:
            return
        source, target = (
            _full_prefix(route.source_root, route.source_prefix),
            _full_prefix(route.target_root, route.target_prefix),
        )
        if source == target:
            raise HaulierError(Code.USAGE, f"{route.source} and {route.target} are the same place")
        if target.startswith(source):
            self._not_source = target.removeprefix(source)
            self._warn(f"{route.target} lies inside {route.source}: what is there is not copied into itself")
        elif source.startswith(target):
            self._not_extra = source.removeprefix(target)

    def _one_store(self, route: Route) -> bool:
        source, target = route.source, route.target
        if source.kind == "local" or target.kind == "local":
            return source.kind == target.kind
        here = self._stores.connection(target.connection, self._adhoc)
        there = self._stores.connection(source.connection, self._adhoc)
        return source.bucket == target.bucket and here.endpoint.rstrip("/") == there.endpoint.rstrip("/")

    def _extra(self, theirs: Entry, deletes: list[Decision]) -> Iterator[Decision]:
        """Something that only the target has."""
        if self._not_extra and theirs.key.startswith(self._not_extra):
            return
        if self._spec.kind is JobKind.VERIFY:
            yield Decision(Action.CANNOT, theirs, "missing at the source")
        elif self._spec.kind is JobKind.SYNC and self._spec.options.delete:
            deletes.append(Decision(Action.DELETE, theirs))

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
            yield _Judge(self._spec, route, source, target).decide(entry, there)

    def _decide_by_index(
        self, number: int, route: Route, source: Store, target: Store, judge: _Judge, after: str
    ) -> Iterator[Decision]:
        """The same without trust in order: the target's listing goes into a table on disk, asked per name.

        Items written before the disorder showed, up to the name `after`, are not decided again.
        """
        folder = self._journal.path.parent
        self._flush()
        written = {name for at, name in self._journal.known_items(self._job) if at == number}
        decided = {name for name in written if after and name <= after}
        in_order, self._known = self._known, _KnownByName({(number, name) for name in written - decided})
        with closing(sqlite3.connect(folder / f"compare-{self._job}.sqlite3")) as db:
            db.execute("DROP TABLE IF EXISTS there")
            db.execute(
                "CREATE TABLE there (name TEXT PRIMARY KEY, size INT, etag TEXT, modified REAL) WITHOUT ROWID"
            )
            for page in self._target_pages(route, target):
                db.executemany(
                    "INSERT OR REPLACE INTO there VALUES (?, ?, ?, ?)",
                    [(e.key.removeprefix(route.target_prefix), e.size, e.etag, e.modified) for e in page],
                )
            db.commit()
            pages = source.pages(route.source_prefix, cancelled=self._cancelled)
            seen: set[str] = set(decided)
            for entry in self._wanted(_absolute_to_relative(pages, route.source_prefix)):
                if entry.key in seen:
                    continue
                seen.add(entry.key)
                row = db.execute(
                    "SELECT size, etag, modified FROM there WHERE name = ?", (entry.key,)
                ).fetchone()
                there = Entry(key=entry.key, size=row[0], etag=row[1], modified=row[2]) if row else None
                yield judge.decide(entry, there)
        (folder / f"compare-{self._job}.sqlite3").unlink(missing_ok=True)
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
            if self._not_source and entry.key.startswith(self._not_source):
                continue
            if self._filters.wants(entry.key):
                yield entry

    # ------------------------------------------------------------ noting

    def _note(self, route: int, decision: Decision, counts: _PairCount) -> None:
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


class _Judge:
    """Decides about one source entry and what the target has under its name."""

    def __init__(self, spec: JobSpec, route: Route, source: Store, target: Store) -> None:
        self._spec = spec
        self._route = route
        self._source, self._target = source, target
        self._sameness = Sameness(spec.options.compare, self._same_content)
        self._clashes = FileFolderClash()
        self._to_local = isinstance(target, LocalFolder)

    def decide(self, mine: Entry, theirs: Entry | None) -> Decision:
        if self._spec.kind is JobKind.VERIFY:
            if theirs is None:
                return Decision(Action.CANNOT, mine, "missing at the target")
            if mine.size != theirs.size:
                return Decision(Action.CANNOT, mine, f"sizes differ: {mine.size} and {theirs.size} bytes")
            return Decision(Action.VERIFY, mine)
        if mine.size < self._spec.options.skip_smaller_than:
            return Decision(None, mine, "smaller than asked for")
        problem = self._problem(mine)
        if problem:
            return Decision(Action.CANNOT, mine, problem)
        if theirs is None:
            return Decision(Action.COPY, mine)
        why = self._sameness.why_same(mine, theirs)
        return Decision(None, mine, why) if why else Decision(Action.OVERWRITE, mine)

    def _problem(self, mine: Entry) -> str:
        if mine.storage_class in ARCHIVED:
            return f"archived ({mine.storage_class}), must be restored first"
        if not self._to_local:
            key = self._route.target_key(mine.key)
            return f"key longer than {MAX_KEY} bytes" if len(key.encode()) > MAX_KEY else ""
        problem = name_problem(self._route.target_key(mine.key))
        if problem:
            return f"not possible as a file name: {problem}"
        if mine.key.endswith("/") and mine.size:
            return "a folder's name with content in it"
        clash = self._clashes.clash(mine.key)
        return "a file and a folder at once" if clash else ""

    def _same_content(self, mine: Entry, theirs: Entry) -> bool | None:
        route = self._route
        source_entry = msgspec.structs.replace(mine, key=route.source_key(mine.key))
        target_entry = msgspec.structs.replace(theirs, key=route.target_key(theirs.key))
        return same_content(self._source, source_entry, self._target, target_entry).equal


def _full_prefix(root: str, prefix: str) -> str:
    """Where a route's names begin, for comparing places of one store: links in local paths resolved."""
    return f"{Path(root).resolve()}/".replace("//", "/") if root else prefix


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


__all__ = ["Planner", "Running", "TransferError", "make_title"]
