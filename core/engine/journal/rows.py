"""Rows of the journal: what they are called here, and how they are made of SQLite's."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from core.engine.planning.route import Route
from core.model import (
    Action,
    Counts,
    Entry,
    ItemView,
    JobSpec,
    JobState,
    JobView,
    PairResult,
    PlanSummary,
    Status,
    shown_url,
)
from core.stores.base import PartReceipt

# In the order in which `job_row`, `item_row` and `item_view` take them.
JOB_COLUMNS = (
    "id, spec, title, state, moving, reason, hint, created, started, finished, active_seconds, "
    "plan, routes, counts, blocker"
)
ITEM_COLUMNS = "id, route, action, name, size, etag, modified, class, attempts, path, url, fetched"
VIEW_COLUMNS = (
    "id, route, action, name, size, actual_size, state, attempts, created, completed, error, proof, path, url"
)
# What a source told of an entry that had no size yet.
LEARN = "UPDATE items SET size = ?, etag = ?, modified = ?, learnt = 1 WHERE job = ? AND id = ? AND size < 0"
PART_COLUMNS = "number, offset, size, etag, md5, crc64"


class Fetched(msgspec.Struct, frozen=True, omit_defaults=True):
    """An archive that is at the target and is to be extracted."""

    proof: str
    size: int  # bytes
    modified: float = 0.0  # of the archive; known once it was extracted
    extracted: bool = False  # its folder is complete; the archive is to be deleted


class ItemRow(msgspec.Struct, frozen=True):
    """An item as the workers need it."""

    id: int
    route: int
    action: Action
    name: str
    entry: Entry  # key relative to the route's source prefix
    attempts: int = 0
    path: str = ""  # at the local side, where it is not the name
    fetched: Fetched | None = None


class PlannedItem(NamedTuple):
    """An item as the plan hands it to the journal."""

    route: int
    action: Action
    entry: Entry
    error: str = ""
    path: str = ""
    early: bool = False
    fetched: Fetched | None = None  # the archive is there already


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job as stored."""

    id: int
    spec: JobSpec
    title: str
    state: JobState
    moving: bool
    reason: str
    hint: str
    created: float
    started: float
    finished: float
    active_seconds: float
    plan: PlanSummary | None
    routes: tuple[Route, ...]
    counts: Counts
    blocker: str = ""

    def view(self, proofs: tuple[tuple[str, int], ...] = (), results: tuple[PairResult, ...] = ()) -> JobView:
        return JobView(
            id=self.id,
            spec=self.spec,
            state=self.state,
            title=self.title,
            reason=self.reason,
            hint=self.hint,
            created=self.created,
            started=self.started,
            finished=self.finished,
            active_seconds=self.active_seconds,
            counts=self.counts,
            plan=self.plan,
            proofs=proofs,
            results=results,
        )


class TransferRow(msgspec.Struct, frozen=True, kw_only=True):
    """A large item that has begun, with the parts recorded as being at the target."""

    token: str
    part_size: int
    etag: str
    identity: str
    version: str = ""
    parts: tuple[PartReceipt, ...] = ()


class Completion(msgspec.Struct, frozen=True):
    """The end of one item."""

    id: int
    state: Status  # completed or failed
    attempts: int
    actual_size: int
    proof: str
    error: str
    at: float
    etag: str = ""  # what the target calls it
    learnt: Entry | None = None  # what the source told of an entry whose size the plan did not know
    digest: str = ""  # SHA-256 in hex, where the target's file was read back
    is_as_planned: bool = False  # its size is that of the plan


def job_row(row: tuple[Any, ...]) -> JobRow:
    (
        id_,
        spec,
        title,
        state,
        moving,
        reason,
        hint,
        created,
        started,
        finished,
        active,
        plan,
        routes,
        counts,
        blocker,
    ) = row
    return JobRow(
        id=id_,
        spec=msgspec.json.decode(spec, type=JobSpec),
        title=title,
        state=JobState(state),
        moving=bool(moving),
        reason=reason,
        hint=hint,
        created=created,
        started=started,
        finished=finished,
        active_seconds=active,
        plan=msgspec.json.decode(plan, type=PlanSummary) if plan else None,
        routes=msgspec.json.decode(routes, type=tuple[Route, ...]) if routes else (),
        counts=msgspec.json.decode(counts, type=Counts),
        blocker=blocker,
    )


def item_row(row: tuple[Any, ...]) -> ItemRow:
    id_, route, action, name, size, etag, modified, storage_class, attempts, path, url, fetched = row
    entry = Entry(key=name, size=size, etag=etag, modified=modified, storage_class=storage_class, url=url)
    known = msgspec.json.decode(fetched, type=Fetched) if fetched else None
    return ItemRow(id_, route, Action(action), name, entry, attempts, path, known)


def item_view(job: JobRow, row: tuple[Any, ...], active: frozenset[int]) -> ItemView:
    (id_, route_number, action, name, size, actual, state, attempts, created, completed, error, proof, path,
     url) = row  # fmt: skip
    route = job.routes[route_number]
    status = Status.DOWNLOADING if state == "pending" and id_ in active else Status(state)
    return ItemView(
        id=id_,
        filename=name,
        url=route.source_url(name, path, shown_url(url)),
        target=route.target_url(name, path),
        action=Action(action),
        expected_size=size,
        actual_size=actual,
        status=status,
        attempts=attempts,
        created_at=created,
        completed_at=completed,
        error=error,
        proof=proof,
    )


def part_receipt(row: tuple[Any, ...]) -> PartReceipt:
    number, offset, size, etag, md5, crc64 = row
    return PartReceipt(number=number, offset=offset, size=size, etag=etag, md5=md5, crc64=int(crc64))


def part_values(part: PartReceipt) -> tuple[Any, ...]:
    """The other way round. A CRC64 may be more than SQLite's signed integers hold: it is kept as text."""
    return part.number, part.offset, part.size, part.etag, part.md5, str(part.crc64)
