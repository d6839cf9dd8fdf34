"""A small engine that moves nothing: the second implementation of EngineCore, to try the line with."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, TypeVar, cast

from core.errors import Code, HaulierError
from core.events import EventHub
from core.messages import (
    PROTOCOL,
    Command,
    Done,
    EntryPage,
    GetJob,
    JobChanged,
    JobList,
    ListEntries,
    ListJobs,
    PauseJob,
    Ping,
    ProvideKeys,
    ResumeJob,
    RetryJob,
    Snapshot,
    TuneJob,
)
from core.model import EngineStatus, Entry, JobKind, JobSpec, JobState, JobView
from core.paths import Paths
from core.settings import Settings

R = TypeVar("R")


def job_view(number: int, state: JobState = JobState.RUNNING, title: str = "") -> JobView:
    return JobView(id=number, spec=JobSpec(kind=JobKind.COPY, pairs=()), state=state, title=title)


class ToyEngine:
    """What its commands do: PauseJob waits for ResumeJob of the same job; TuneJob publishes as many events
    as `workers` says; GetJob knows no job; RetryJob has a defect; ListEntries answers with one entry whose
    key is `limit` characters long; ProvideKeys stays away as long as nobody closes the engine."""

    def __init__(self) -> None:
        self.hub = EventHub()
        self.boot_id = os.urandom(4).hex()
        self.started = time.time()
        self.draining = False
        self.closed: list[bool] = []  # the `drain` of every close
        self.finished: list[str] = []  # commands that were carried out to their end
        self.drains_forever = False
        self.never_stops = False
        self.is_open = False
        self._resumed: dict[int, asyncio.Event] = {}
        self._dropped = asyncio.Event()

    async def open(self) -> None:
        self.is_open = True

    async def handle(self, command: Command[R]) -> R:
        result = await self._handle(command)
        self.finished.append(type(command).__name__)
        return cast("R", result)

    async def _handle(self, command: Command[Any]) -> object:
        match command:
            case Ping():
                return self._status()
            case ListJobs():
                return JobList(jobs=tuple(job_view(number) for number in range(command.limit, 0, -1)))
            case GetJob():
                raise HaulierError(Code.NOT_FOUND, f"There is no job {command.job}", "See `haulier jobs`.")
            case PauseJob():
                await self._gate(command.job).wait()
                return job_view(command.job, JobState.PAUSED)
            case ResumeJob():
                self._gate(command.job).set()
                return job_view(command.job)
            case TuneJob():
                for number in range(command.workers):
                    self.publish_job(command.job, title=f"event {number}")
                return job_view(command.job)
            case ListEntries():
                return EntryPage(entries=(Entry(key="k" * command.limit),))
            case ProvideKeys():
                return Done()
            case RetryJob():
                raise ZeroDivisionError(command.job)
        raise HaulierError(Code.FAILED, f"The toy does not know {type(command).__name__}")

    def publish_job(self, job: int, state: JobState = JobState.RUNNING, title: str = "") -> None:
        self.hub.publish(lambda seq: JobChanged(seq=seq, job=job_view(job, state, title)))

    def snapshot(self) -> Snapshot:
        return Snapshot(seq=self.hub.seq, status=self._status(), jobs=(), connections=())

    async def close(self, *, drain: bool) -> None:
        self.closed.append(drain)
        self.draining = True
        if not drain:
            self._dropped.set()
        elif self.drains_forever:
            await self._dropped.wait()
        if self.never_stops:
            await asyncio.Event().wait()

    def _gate(self, job: int) -> asyncio.Event:
        return self._resumed.setdefault(job, asyncio.Event())

    def _status(self) -> EngineStatus:
        return EngineStatus(
            pid=os.getpid(),
            version="toy",
            protocol=PROTOCOL,
            started=self.started,
            state_dir="",
            jobs_active=0,
            draining=self.draining,
        )


def make_toy(paths: Paths, settings: Settings) -> ToyEngine:
    return ToyEngine()
