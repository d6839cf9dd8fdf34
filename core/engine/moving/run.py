"""One job being carried out: planning, workers, recording, and how it ends.

A supervisor thread lives as long as the run. It plans (or takes up the plan), prepares the targets, feeds the
work queue from the journal, waits for the workers, carries out deletions, and reports one `RunEnd`. Everything
durable is in the journal: a run may be dropped at any instant and another one goes on from there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from core.engine.campaigns.packed import pack_campaign
from core.engine.campaigns.settling import check_batch_disk
from core.engine.journal.journal import Journal
from core.engine.journal.rows import ItemRow, JobRow
from core.engine.moving.by_tool import ToolDesk
from core.engine.moving.climbing import AtOnce, Climb
from core.engine.moving.committer import Committer, Outcome, Totals
from core.engine.moving.crew import Crew, Site
from core.engine.moving.destinations import Claims
from core.engine.moving.ending import Reports, RunEnd, Stop, blocked_end, failure_words, not_allowed_end
from core.engine.moving.limits import Bandwidth, Pace, Shared
from core.engine.moving.remedies import Remedies
from core.engine.moving.tuning import MOST_FOUND, RATE, START, Tuning
from core.engine.network.network import Gate
from core.engine.network.patience import Patience
from core.engine.network.probe import Server
from core.engine.network.retry import parse_policy
from core.engine.planning.deletions import DeleteHash
from core.engine.planning.detours import Detours
from core.engine.planning.drift import DriftCheck, drift_words, seen_listing, seen_path
from core.engine.planning.moved_on import moved_on
from core.engine.planning.planner import Planner
from core.engine.planning.route import Route
from core.engine.planning.sorting import drop_listings
from core.engine.records.book import JobRecords, RecordBook
from core.engine.storebook import StoreBook
from core.engine.upkeep.disks import DiskWatch, check_disk
from core.engine.upkeep.undo import UndoFile, head_of, undo_path
from core.engine.watching.slowness import Slowness
from core.engine.watching.trouble import Trouble
from core.errors import (
    Code,
    DiskTrouble,
    FatalTrouble,
    HaulierError,
    NetworkTrouble,
    NoPermission,
    TransferError,
)
from core.model import Action, Counts, Entry, JobKind, JobState, Level, WorkerView
from core.safe_text import safe_text
from core.stores.base import Cancelled, Remote
from core.stores.disk import DiskSource
from core.stores.hub.origins import OFFICIAL
from core.stores.local import LocalFolder

log = logging.getLogger(__name__)

T = TypeVar("T")

FEED = 2000  # items read from the journal at once


class JobRun:
    """`start` it once; `stop` it any time; it ends by calling `reports.ended` exactly once."""

    def __init__(
        self,
        row: JobRow,
        journal: Journal,
        stores: StoreBook,
        shared: Shared,
        tuning: Tuning,
        reports: Reports,
        record_files: RecordBook,
    ) -> None:
        self.row = row
        self._record_files = record_files
        self._records: JobRecords | None = None
        self.job = row.id
        self._spec, self._options = row.spec, row.spec.options
        self._journal, self._stores, self._reports = journal, stores, reports
        self._policy = parse_policy(self._options.retry)
        self._reserve = self._options.reserve if self._options.reserve >= 0 else shared.reserve
        self._word_limits = shared.word_limits
        self._moved_on = ""  # of branches: what is said of them at the end
        self._drift_check, self._drift = shared.drift_check, row.counts.drift
        self.tuning = tuning
        self._climb = Climb(START, MOST_FOUND)
        places = [place for pair in self._spec.pairs for place in (pair.source, pair.target)]
        self._crosses_network = any(place.kind not in ("local", "disk") for place in places)
        self.bandwidth = Bandwidth(tuning.bandwidth, shared.bandwidth)
        self.pace = Pace(self.bandwidth)
        self.pace.set(tuning.bandwidth, tuning.timetable)
        self.priority = self._options.priority
        self._held = ""
        self._drain = threading.Event()  # take nothing new
        self._cancelled = threading.Event()  # drop what is in flight
        self._stop = Stop.NO
        self._blocked: FatalTrouble | None = None
        self._planner: Planner | None = None
        self._plan = row.plan
        self._planned = threading.Event()
        self._plan_error: Exception | None = None
        self._items_came = threading.Event()
        self._claims = Claims(
            self.job, shared.destinations, lambda text: reports.notice(Level.INFO, safe_text(text))
        )
        self._disks = DiskWatch(shared.disks, self._reserve)
        self._site = Site(row.routes, [], [], self._claims, self._disks, reads_back=bool(self._spec.batch_of))
        self.totals = Totals()
        self._expected = 0  # entries, by the last listing of the same places
        self._waits = 0  # for the network, while planning
        self._committer = Committer(
            self.job, journal, self.totals, self._unsettled, self._block, self._recorded, self._fetched
        )
        self._remotes = stores.remotes(self._spec)
        self._known_hosts: dict[int, tuple[str, str]] = {}
        self._gate = Gate(shared.network, lambda: self._remotes, self._routes_closed)
        self._detours = Detours(journal, stores, self._spec, self._cancelled, reports.notice)
        self._remedies = Remedies(
            self.job,
            self._policy,
            journal,
            self._committer,
            block=self._block,
            notice=reports.notice,
            look_again=self._look_again,
            detours=self._detours,
            gate=self._gate,
            file_seconds=self._options.file_seconds,
        )
        self._crew = Crew(
            self.job,
            self._options,
            self._site,
            journal,
            self._committer,
            self._remedies,
            tuning,
            self.bandwidth,
            shared.memory,
            self._cancelled,
            ToolDesk(self._options, partial(reports.notice, Level.INFO), stores.stall_timeout, self._drain),
            stores.stall_timeout,
        )
        self.slowness = Slowness(
            self.job,
            self._site,
            self._crew,
            self._remedies,
            self._committer,
            (self.bandwidth, shared.bandwidth),
            self._servers,
            lambda: self._is_listing,
        )
        self._trouble = Trouble(
            lambda: self._crew.slots,
            lambda: self._crew.queue,
            self._hosts,
            reports.notice,
            stores.stall_timeout,
        )
        self._supervisor = threading.Thread(target=self._supervise, name=f"job-{self.job}", daemon=True)
        self.began = time.monotonic()

    # ------------------------------------------------------------ from outside

    def start(self) -> None:
        self._supervisor.start()

    def stop(self, why: Stop, *, now: bool = False) -> None:
        """Hand out nothing more; with `now` also give up what is in flight. The end is reported as usual."""
        if self._stop is Stop.NO or why is Stop.CANCEL:
            self._stop = why
        self._drain.set()
        if now or why is Stop.CANCEL:
            self._cancelled.set()
        self._crew.queue.stop()
        self._items_came.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        self._supervisor.join(seconds)
        return not self._supervisor.is_alive()

    def climb(self, now: float, *, waits: bool) -> None:
        """Allow more or less at once, as measured; called twice a second. `now` is monotonic. `waits`: the
        process waits more than it works."""
        if not self.tuning.is_automatic or not self._crosses_network:
            return
        queue = self._crew.queue
        may_grow = not queue.is_throttled and not self.bandwidth.limits and not self._gate.words()
        if may_grow and queue.is_full and self._crew.quickest:
            self._climb.reach(now, int(RATE * self._crew.quickest))
        level = self._climb.step(
            now, self.moved, self.totals.done, is_full=queue.is_full, may_grow=may_grow, waits=waits
        )
        if level != AtOnce(self.tuning.found_files or START.files, self.tuning.found_parts or START.parts):
            self.tuning = self.tuning.found(level)
            self._crew.tune(self.tuning)

    def tune(self, tuning: Tuning) -> None:
        """New limits, from now on."""
        if tuning.is_automatic:
            tuning = tuning.found(self._climb.level)
        self.tuning = tuning
        self.pace.set(tuning.bandwidth, tuning.timetable)
        self._crew.tune(tuning)

    def hold(self, why: str) -> None:
        """Hand out nothing new while there is a reason; "" lets it go on."""
        if why != self._held:
            self._held = why
            self._crew.hold(bool(why))

    @property
    def waiting(self) -> str:
        """Why nothing moves at the moment, in words; empty when nothing stands in the way."""
        return self._gate.words() or self._held or self._trouble.words(time.monotonic())

    @property
    def active_items(self) -> frozenset[int]:
        """Items that workers hold now."""
        return self._crew.active_items

    @property
    def moved(self) -> int:
        """Bytes moved by this run so far; never goes back."""
        return self._crew.moved

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """Bytes by the host that sent them, the most first, where a source has several."""
        return self._crew.hosts

    @property
    def _is_listing(self) -> bool:
        return self._planner is not None and not self._planned.is_set()

    def counts(self) -> Counts:
        """Absolute counters now."""
        listing = self._is_listing
        plan = self._plan
        unsized = 0
        if self._planner is not None:
            found = self._planner.found
            files, size = found.to_move
            unsized = found.unsized
            listed, skipped = found.listed, found.skip.count
            to_delete = found.by_action[Action.DELETE].count
            cannot = found.by_action[Action.CANNOT].count
        elif plan is not None:
            files = plan.copy.count + plan.overwrite.count + plan.cannot.count
            size = plan.copy.bytes + plan.overwrite.bytes + plan.cannot.bytes
            unsized = plan.unsized
            listed, skipped = files + plan.skip.count, plan.skip.count
            to_delete, cannot = plan.delete.count, plan.cannot.count
        else:
            files = size = listed = skipped = to_delete = cannot = 0
        moved = self.totals.bytes + self._crew.bytes_open
        size += self._crew.learnt_bytes
        unsized = max(0, unsized - self._crew.learnt)
        if unsized:  # what comes of them is in no sum before they are whole
            size = max(size, moved)
        return Counts(
            listing=listing,
            listed=listed,
            expected=self._expected if listing else 0,
            files_total=files,
            files_done=self.totals.done,
            files_failed=self.totals.failed + cannot,
            files_skipped=skipped,
            files_unsized=unsized,
            bytes_total=size,
            bytes_done=moved if listing else min(moved, size),
            deleted=self.totals.deleted,
            to_delete=to_delete,
            retries=self._waits + self._remedies.retries,
            throttled=self._remedies.throttles,
            drift=self._drift,
        )

    def sample_slots(self, now: float) -> None:
        """Bring the rates of the workers up to `now` (monotonic seconds); called once a tick."""
        self._crew.sample_slots(now)

    def worker_views(self, now: float) -> list[WorkerView]:
        """A row for each worker."""
        return self._crew.worker_views(now, self._trouble.note)

    # ------------------------------------------------------------ the supervisor

    def _supervise(self) -> None:
        self._gate.open()
        try:
            try:
                end = self._carry_out()
            except Cancelled:
                end = self._stopped_end()
        except FatalTrouble as error:
            end = blocked_end(error)
        except NoPermission as error:  # not of one object: of a listing or a bucket as a whole
            end = not_allowed_end(error)
        except TransferError as error:
            end = RunEnd(JobState.FAILED, safe_text(error.message))
        except HaulierError as error:
            end = RunEnd(JobState.FAILED, error.message, error.hint)
        except Exception as error:
            log.exception("job %d ended by a defect", self.job)
            end = RunEnd(JobState.FAILED, f"internal error: {error}", "please report it, with the engine's log")
        try:
            if self._records is not None:
                self._record_files.run_ended(self._records)
            self._close_stores(end.state)
            self._stores.keep_learnt()
        finally:
            self._gate.close()
            self._reports.ended(end)

    def _carry_out(self) -> RunEnd:
        if self._drain.is_set():
            return self._stopped_end()  # cancelled before it began: nothing is made at the target
        self._check_disks()
        if self._plan is None:
            self._start_planning()
        if not self.row.moving:
            return self._planned_end()
        self._records = self._record_files.of(self.row)
        self._committer.start()
        try:
            self._take_up_totals()
            self._await_items()
            self._prepare_targets()
            self._open_stores()
            self._detours.begin(self._site.routes)
            self.slowness.begin()
            with self._deletions_written_down():
                if self._plan is not None and self._options.delete:
                    self._make_way()
                self._move_phase(deletions=False)
                if not self._drain.is_set():
                    self._raise_plan_error()
                    if self._plan is not None and self._plan.delete.count:
                        self._crew.new_phase()
                        self._move_phase(deletions=True)
        except BaseException:
            self._drain.set()  # neither the planner nor the workers must go on alone
            self._crew.queue.stop()
            raise
        finally:
            self._committer.close()
            self._crew.close()
            self.slowness.close()
            if self._planner is not None:
                self._planned.wait()  # another run of this job must not meet this one's planner
        if self._blocked is not None:
            return blocked_end(self._blocked)
        if self._drain.is_set():
            return self._stopped_end()
        self._look_at_the_sources_again()
        return self._final_end()

    def _planned_end(self) -> RunEnd:
        """The plan is frozen, now or by an earlier run. Only `StartJob` makes a job move from here."""
        if self._planner is not None:
            self._planned.wait()
            self._raise_plan_error()
        if self._stop is Stop.CANCEL:
            return self._stopped_end()
        if self._spec.batches is not None and self._plan is not None:
            return pack_campaign(self.row, self._spec.batches, self._plan, self._journal)
        return RunEnd(JobState.PLANNED, plan=self._plan)

    def _stopped_end(self) -> RunEnd:
        if self._blocked is not None:
            return blocked_end(self._blocked)
        if self._stop is Stop.CANCEL:
            self._remove_partial_data()
            return RunEnd(JobState.CANCELLED, "cancelled; what is complete stays")
        if self._stop is Stop.LEAVE:
            return RunEnd(JobState.RUNNING if self.row.moving else JobState.PLANNING)
        return RunEnd(JobState.PAUSED, "paused")

    def _final_end(self) -> RunEnd:
        counts = self.counts()
        plan = self._plan
        drifted = drift_words(self._drift) if self._drift is not None else self._moved_on
        if counts.files_failed:
            words = failure_words(self._spec.kind, counts, plan)
            return RunEnd(JobState.PARTIAL, f"{words}; {drifted}" if drifted else words, plan=plan)
        return RunEnd(JobState.COMPLETED, drifted, plan=plan)

    def _look_at_the_sources_again(self) -> None:
        site = self._site
        check = DriftCheck(
            self.job, self._spec, site.routes, site.sources, self._journal, self._stores, self._drain
        )
        self._drift = check.find(self._drift_check, self._reports.notice) or self._drift
        if self._spec.kind is not JobKind.VERIFY and not self._drain.is_set():
            self._moved_on = moved_on(site.routes, self._stores, self._spec.adhoc)
            if self._moved_on:
                self._reports.notice(Level.WARNING, self._moved_on)

    # ------------------------------------------------------------ planning

    def _start_planning(self) -> None:
        planner = Planner(
            self.job,
            self._spec,
            self._journal,
            self._stores,
            self._drain,
            on_items=self._items_came.set,
            on_wait=self._note_wait,
            reserve=self._reserve,
            word_limits=self._word_limits,
            patience=self._patience(),
            seen=seen_listing(seen_path(self._journal.path, self.job), self._spec, self._drift_check),
        )
        self._site.routes = self._patiently(planner.resolve, first_tries=0 if self.row.routes else 1)
        self._journal.update_job(self.job, routes=self._site.routes)
        self._expected = self._journal.results.listed_last_time(self.row)
        if self.row.moving:
            planner.continue_from_journal()
        else:
            self._journal.drop_items(self.job)
        self._planner = planner
        self._reports.changed()
        threading.Thread(target=self._plan_all, name=f"job-{self.job}-planner", daemon=True).start()

    def _plan_all(self) -> None:
        assert self._planner is not None
        try:
            plan = self._planner.run()
            self._plan = plan
            self._journal.update_job(self.job, plan=plan)
            for warning in plan.warnings:
                self._reports.notice(Level.WARNING, warning)
        except Exception as error:  # noqa: BLE001 - raised by the supervisor, see _raise_plan_error
            self._plan_error = error
        finally:
            self._planned.set()
            self._items_came.set()
            self._reports.changed()

    def _patiently(self, work: Callable[[], T], first_tries: int = 0) -> T:
        """Carry it out; when the network fails, wait and try again as the job's policy says."""
        return self._patience().for_one(work, first_tries)

    def _patience(self) -> Patience:
        """A server that was never there is not waited for: unless it was when its connection was tested, or
        when an earlier run of this job was there, its address may be wrong."""
        strangers = bool(self.row.routes) or self._stores.all_tested(self._spec)
        return Patience(self._policy, self._drain, self._note_wait, self._gate, strangers)

    def look_for_trouble(self, now: float) -> None:
        """Tell of what stalls; called twice a second. `now` is monotonic."""
        self._trouble.look(now)

    def _hosts(self, route: int) -> tuple[str, str]:
        """Of source and target; looked up once known, because this is asked for every worker twice a second."""
        site = self._site
        if route >= len(site.targets):
            return "", ""
        known = self._known_hosts.get(route)
        if known is None:
            ends = (site.sources[route], site.targets[route])
            one, other = (end.host if isinstance(end, Remote) else None for end in ends)
            known = (one or "", other or "")
            if one != "" and other != "":
                self._known_hosts[route] = known
        return known

    def _routes_closed(self, closed: frozenset[int]) -> None:
        self._crew.close_routes(closed)

    def _note_wait(self, error: TransferError, delay: float) -> None:
        self._waits += 1
        self._reports.notice(Level.WARNING, f"{safe_text(error.message)}, trying again in {delay:.0f} s")

    def _raise_plan_error(self) -> None:
        if self._plan_error is not None:
            raise self._plan_error

    # ------------------------------------------------------------ stores

    def _await_items(self) -> None:
        """Nothing is made at a target before the source was found to be there."""
        while self._planner is not None and not self._items_came.wait(1.0):
            pass
        if self._planned.is_set():
            self._raise_plan_error()

    def _prepare_targets(self) -> None:
        """Make the buckets and folders that the plan says are missing."""
        if self._spec.kind is JobKind.VERIFY:
            return
        for number, route in enumerate(self._site.routes):
            if route.target.kind == "local":
                LocalFolder(Path(route.target_root)).ensure_root()
                began_on = self._disks.begin(number, route.target_root)
                self._journal.note_disk(self.job, route.target_root, began_on)
            elif route.creates_bucket:
                self._patiently(partial(self._prepare_bucket, route))

    def _check_disks(self) -> None:
        """An earlier run of this job wrote to some disks: nothing is made where they are not."""
        for folder, began_on in self._journal.disks(self.job).items():
            check_disk(folder, began_on)
        check_batch_disk(self._spec, self._journal)

    def _prepare_bucket(self, route: Route) -> None:
        service = self._stores.service(route.target.connection, self._spec.adhoc)
        if not service.has_bucket(route.target.bucket):
            service.create_bucket(route.target.bucket)
            self._reports.notice(Level.INFO, f"bucket {route.target.bucket} created")

    def _open_stores(self) -> None:
        adhoc = self._spec.adhoc
        for number, route in enumerate(self._site.routes):
            self._site.sources.append(
                self._stores.source(route, adhoc, self._options.links, tool=self._options.tool)
            )
            writer = f"{self._journal.path}\0{self.job}\0{self.row.created!r}\0{number}"
            self._site.targets.append(self._stores.target(route, adhoc, writer))
            self._claims.begin(number, route, self._site.targets[number])

    def _servers(self) -> Iterator[Server]:
        """What the job's places are reached by, each once."""
        for route in self._site.routes:
            if route.source.kind == "hub":
                connection = self._stores.connection(route.source.connection, self._spec.adhoc)
                yield Server(connection.endpoint or OFFICIAL, connection.verify_tls, connection.ca_file)
        places = {place for route in self._site.routes for place in (route.source, route.target)}
        seen = {place.connection: place for place in sorted(places, key=str) if place.kind == "s3"}
        for place in seen.values():
            connection = self._stores.connection(place.connection, self._spec.adhoc)
            control = self._stores.service(place.connection, self._spec.adhoc).control
            origin = control.endpoint.locate(place.bucket, control.region_of(place.bucket)).origin
            yield Server(origin, connection.verify_tls, connection.ca_file)

    def _close_stores(self, state: JobState) -> None:
        self._claims.close()
        if state.is_final:
            seen_path(self._journal.path, self.job).unlink(missing_ok=True)
            drop_listings(self._journal.path, self.job)
        for target in self._site.targets:
            if isinstance(target, LocalFolder):
                if state.is_final:
                    target.clear_staging(self._journal.staged_tokens())
                target.close()
        for source in self._site.sources:
            if isinstance(source, LocalFolder | DiskSource):
                source.close()

    def _remove_partial_data(self) -> None:
        if not self._site.targets and self._site.routes:
            self._open_stores()
        self._detours.begin(self._site.routes)
        away: dict[int, str] = {}  # routes whose store cannot be asked: not once for each item
        for row, token in self._journal.open_transfers(self.job):
            key = self._site.routes[row.route].target_key(row.name, row.path)
            why = away.get(row.route, "")
            if not why:
                try:
                    self._site.targets[row.route].abort(key, token)
                except TransferError as error:
                    why = error.message
                    if isinstance(error, NetworkTrouble | FatalTrouble):
                        away[row.route] = why
            if why:
                self._detours.left_behind(row.route, row.name, key, token, why)
                if self._site.routes[row.route].target.kind != "s3":
                    continue
            self._journal.drop_transfer(self.job, row.id)

    # ------------------------------------------------------------ feeding and working

    def _take_up_totals(self) -> None:
        self._crew.learnt, self._crew.learnt_bytes = self._journal.learnt_sizes(self.job)
        for (action, state), (count, size) in self._journal.tallies(self.job).items():
            if action == Action.CANNOT:
                continue
            if state == "failed":
                self.totals.failed += count
            elif state == "completed" and action == Action.DELETE:
                self.totals.deleted += count
            elif state == "completed":
                self.totals.done += count
                self.totals.bytes += size

    def _make_way(self) -> None:
        """What stands where something will be copied to goes first."""
        if self._journal.pending_items(self.job, 0, 1, deletions=True, early=True):
            self._move_phase(deletions=True, early=True)
            self._crew.new_phase()
        after = 0
        while rows := self._journal.pending_items(self.job, after, FEED, deletions=False, early=True):
            after = rows[-1].id
            for row in rows:
                target = self._site.targets[row.route]
                if isinstance(target, LocalFolder) and not self._drain.is_set():
                    target.make_way(self._site.routes[row.route].target_key(row.name, row.path))

    def _move_phase(self, *, deletions: bool, early: bool = False) -> None:
        if self._drain.is_set():
            return
        self._crew.begin()
        for rows in self._pages(deletions=deletions, early=early):
            self._crew.feed(rows)
        self._crew.finish()

    @contextmanager
    def _deletions_written_down(self) -> Iterator[None]:
        """The undo file is open inside the block, when there is something to delete. Raises HaulierError when
        what is on record is not what was confirmed."""
        plan = self._plan
        pending = plan is not None and bool(self._journal.pending_items(self.job, 0, 1, deletions=True))
        if plan is None or not pending:
            yield
            return
        planned = DeleteHash()
        for route, entry in self._journal.deletions(self.job):
            planned.add(route, entry)
        if plan.delete_hash and planned.value() != plan.delete_hash:
            raise HaulierError(
                Code.FAILED,
                "the deletions on record are not those that were confirmed: nothing was deleted",
                "plan the sync again",
            )
        head = head_of(self.job, self.row.title, plan.hash, self._site.routes, self._spec.adhoc)
        self._site.undo = undo = UndoFile(undo_path(self._journal.path, self.job), head)
        try:
            yield
        finally:
            with suppress(DiskTrouble):  # it has stopped the job already
                undo.close()

    def _pages(self, *, deletions: bool, early: bool) -> Iterator[list[ItemRow]]:
        """Pending items as workers want them, also those that the planner is still finding."""
        after = 0
        while not self._drain.is_set():
            self._items_came.clear()
            complete = self._planner is None or self._planned.is_set()
            rows = self._journal.pending_items(self.job, after, FEED, deletions=deletions, early=early)
            if rows:
                after = rows[-1].id
                yield rows
                while not self._drain.is_set() and not self._crew.queue.wait_until_low(0.5):
                    pass
            elif complete:
                return
            else:
                self._items_came.wait(0.5)

    # ------------------------------------------------------------ what the crew and the committer call

    def _block(self, error: TransferError) -> None:
        """Stop the whole job with a reason that somebody can mend."""
        if self._blocked is None:
            self._blocked = error if isinstance(error, FatalTrouble) else FatalTrouble(error.message)
        self._drain.set()
        self._crew.queue.stop()
        self._items_came.set()

    def _unsettled(self, outcome: Outcome, error: TransferError) -> None:
        self._remedies.unsettled(outcome, error)

    def _fetched(self, outcomes: list[Outcome]) -> None:
        self._crew.fetched(outcomes)

    def _recorded(self, outcomes: list[Outcome]) -> None:
        self._claims.give_back(outcome.row.id for outcome in outcomes)
        self._crew.twins.ended(outcome.row.id for outcome in outcomes)
        self._crew.recorded(outcomes)

    def _look_again(self, row: ItemRow) -> Entry:
        """An item's source entry as it is now. Raises TransferError."""
        route = self._site.routes[row.route]
        return self._site.sources[row.route].stat(route.source_entry(row.entry, row.path).key).entry
