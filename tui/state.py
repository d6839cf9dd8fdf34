"""What the faces know of the engine, as one frozen value, and the pure function that changes it.

Four things can be wrong and are never mixed up: the line to the engine is broken (`link`), the line stands
but brings nothing (`silent_for`), a job is paused by a person or blocked by the world (its own state), and
the engine is of another build (`other_build`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from core.messages import (
    AnyEvent,
    ConnectionsChanged,
    Draining,
    Hello,
    JobChanged,
    JobForgotten,
    LosslessEvent,
    Noticed,
    Progress,
    Snapshot,
)
from core.model import (
    Connection,
    Counts,
    DiskView,
    EngineStatus,
    JobProgress,
    JobState,
    JobView,
    Notice,
    WorkerView,
)

STALE_AFTER = 3.0  # seconds without a word while something moves
KEPT_NOTICES = 500
KEPT_RATES = 600  # five minutes at two samples a second

T = TypeVar("T")


class Link(StrEnum):
    CONNECTING = "connecting"  # the first try; nothing is known yet
    UP = "up"
    AWAY = "away"  # the line broke or was never there; the line tries again by itself
    STARTING = "starting"  # a person asked to start the engine again


# ---------------------------------------------------------------- what the line reports


@dataclass(frozen=True)
class Attached:
    """A line to an engine stands and this is its state. Also after a gap in the events."""

    hello: Hello
    snapshot: Snapshot
    at: float  # monotonic


@dataclass(frozen=True)
class Heard:
    event: AnyEvent
    at: float  # monotonic


@dataclass(frozen=True)
class Lost:
    """The line broke, or could not be made. `retry_at` is monotonic; 0 while a try is under way."""

    reason: str
    hint: str = ""
    retry_at: float = 0.0


@dataclass(frozen=True)
class Starting:
    """A person asked for the engine to be started."""


Happening = Attached | Heard | Lost | Starting


# ---------------------------------------------------------------- the state


@dataclass(frozen=True)
class ViewState:
    """All that screens show, except the long tables they page for themselves."""

    link: Link = Link.CONNECTING
    reason: str = ""  # why the line is away, in words
    hint: str = ""
    retry_at: float = 0.0
    hello: Hello | None = None
    status: EngineStatus | None = None
    draining: bool = False
    seq: int = 0
    gap: bool = False  # an event was missed: a new snapshot is needed
    heard_at: float = 0.0
    jobs: tuple[JobView, ...] = ()  # newest first
    progress: Mapping[int, JobProgress] = field(default_factory=lambda: MappingProxyType({}))
    workers: tuple[WorkerView, ...] = ()
    connections: tuple[Connection, ...] = ()
    notices: tuple[Notice, ...] = ()  # oldest first
    disks: tuple[DiskView, ...] = ()
    rate: float = 0.0
    rates: tuple[float, ...] = ()  # of all jobs together, oldest first
    job_rates: Mapping[int, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))
    samples: int = 0  # progress messages heard, so that a curve knows when to move

    def job(self, job_id: int) -> JobView | None:
        return next((job for job in self.jobs if job.id == job_id), None)

    def counts(self, job: JobView) -> Counts:
        """The newest counters known of a job."""
        progress = self.progress.get(job.id)
        return job.counts if progress is None else progress.counts

    def live(self, job: JobView) -> JobProgress | None:
        """What moves in a job right now; None when nothing does or nothing is known."""
        if self.link is not Link.UP or job.state not in MOVING:
            return None
        return self.progress.get(job.id)

    def running_seconds(self, job: JobView, now: float) -> float:
        """How long a job has been at work, without pauses. `now` is monotonic."""
        progress = self.progress.get(job.id)
        if progress is None:
            return job.active_seconds
        told = max(job.active_seconds, progress.active_seconds)
        return told + max(0.0, now - self.heard_at) if self.live(job) is not None else told

    @property
    def active_jobs(self) -> tuple[JobView, ...]:
        return tuple(job for job in self.jobs if not job.state.is_final)

    @property
    def running_jobs(self) -> tuple[JobView, ...]:
        return tuple(job for job in self.jobs if job.state in MOVING)

    def silent_for(self, now: float) -> float:
        """Seconds of silence that are worth saying, 0 when the news are fresh or nothing should move."""
        if self.link is not Link.UP or not self.running_jobs:
            return 0.0
        silence = now - self.heard_at
        return silence if silence > STALE_AFTER else 0.0

    def other_build(self, own: str) -> str:
        """The build of an engine that is not of this build, else an empty string."""
        return self.hello.build if self.hello is not None and self.hello.build != own else ""


MOVING = frozenset({JobState.RUNNING, JobState.PLANNING})


# ---------------------------------------------------------------- the reducer


def reduce_all(view: ViewState, happenings: Iterable[Happening]) -> ViewState:
    for happening in happenings:
        view = reduce(view, happening)
    return view


def reduce(view: ViewState, happening: Happening) -> ViewState:
    """The state after something happened. Never raises on a message it does not expect: it ignores it."""
    match happening:
        case Attached():
            return _attached(view, happening)
        case Heard(event=event, at=at):
            if isinstance(event, Progress):
                return _progressed(view, event, at)
            if view.gap or event.seq <= view.seq:
                return view
            if event.seq != view.seq + 1:
                return replace(view, gap=True)
            return replace(_heard(view, event), seq=event.seq, heard_at=at)
        case Lost(reason=reason, hint=hint, retry_at=retry_at):
            return replace(
                view,
                link=Link.AWAY,
                reason=reason,
                hint=hint,
                retry_at=retry_at,
                workers=(),
                rate=0.0,
                draining=False,
            )
        case Starting():
            return replace(view, link=Link.STARTING, reason="", hint="", retry_at=0.0)


def _attached(view: ViewState, news: Attached) -> ViewState:
    snapshot = news.snapshot
    same_engine = view.hello is not None and view.hello.boot_id == news.hello.boot_id
    if same_engine and view.link is Link.UP and not view.gap and snapshot.seq < view.seq:
        return view  # events that came after this snapshot are in the state already
    known = {job.id for job in snapshot.jobs}
    oldest = min(known, default=0)
    older = tuple(job for job in view.jobs if job.id < oldest) if same_engine else ()
    return replace(
        view,
        link=Link.UP,
        reason="",
        hint="",
        retry_at=0.0,
        hello=news.hello,
        status=snapshot.status,
        draining=snapshot.status.draining,
        seq=snapshot.seq,
        gap=False,
        heard_at=news.at,
        jobs=snapshot.jobs + older,
        progress=view.progress if same_engine else MappingProxyType({}),
        workers=view.workers if same_engine else (),
        connections=snapshot.connections,
        notices=snapshot.notices[-KEPT_NOTICES:],
    )


def with_older(view: ViewState, jobs: Iterable[JobView]) -> ViewState:
    """The state with jobs that were paged in; what is known of a job already is newer and stays."""
    known = {job.id for job in view.jobs}
    more = [job for job in jobs if job.id not in known]
    return replace(view, jobs=tuple(sorted((*view.jobs, *more), key=lambda job: -job.id))) if more else view


def _heard(view: ViewState, event: LosslessEvent) -> ViewState:
    match event:
        case JobChanged(job=job):
            return replace(
                view,
                jobs=_with_job(view.jobs, job),
                progress=_settled(view.progress, job),
            )
        case JobForgotten(job=gone):
            return replace(
                view,
                jobs=tuple(job for job in view.jobs if job.id != gone),
                progress=_without(view.progress, gone),
                job_rates=_without(view.job_rates, gone),
            )
        case Noticed(notice=notice):
            return replace(view, notices=(*view.notices, notice)[-KEPT_NOTICES:])
        case ConnectionsChanged(connections=connections):
            return replace(view, connections=connections)
        case Draining():
            return replace(view, draining=True)


def _with_job(jobs: tuple[JobView, ...], changed: JobView) -> tuple[JobView, ...]:
    if any(job.id == changed.id for job in jobs):
        return tuple(changed if job.id == changed.id else job for job in jobs)
    return tuple(sorted((changed, *jobs), key=lambda job: -job.id))


def _settled(progress: Mapping[int, JobProgress], job: JobView) -> Mapping[int, JobProgress]:
    """Samples of a job that no longer moves are dropped: the job's own numbers are the last word."""
    return progress if job.state in MOVING else _without(progress, job.id)


def _without(mapping: Mapping[int, T], key: int) -> Mapping[int, T]:
    if key not in mapping:
        return mapping
    return MappingProxyType({k: v for k, v in mapping.items() if k != key})


def _progressed(view: ViewState, news: Progress, at: float) -> ViewState:
    if view.link is not Link.UP:
        return view
    moving = {job.id for job in view.jobs if job.state in MOVING}
    progress = {job: sample for job, sample in view.progress.items() if job in moving}
    progress.update({sample.job: sample for sample in news.jobs if sample.job in moving})
    job_rates = dict(view.job_rates)
    for sample in news.jobs:
        job_rates[sample.job] = (*job_rates.get(sample.job, ()), sample.rate)[-KEPT_RATES:]
    return replace(
        view,
        heard_at=at,
        progress=MappingProxyType(progress),
        workers=news.workers,
        disks=news.disks or view.disks,
        rate=news.rate,
        rates=(*view.rates, news.rate)[-KEPT_RATES:],
        job_rates=MappingProxyType(job_rates),
        samples=view.samples + 1,
    )
