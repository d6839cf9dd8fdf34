"""A client that plays back: fixed replies and events made of real engine messages, without an engine.

It stands in for the line only, so that screens can be drawn with numbers that never change and with names
no server would let us create. The same screens are driven through the real engine elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from inspect import isawaitable
from typing import Any, TypeVar, cast

import msgspec

from core.errors import Code, HaulierError
from core.messages import (
    AnyEvent,
    AttemptPage,
    Command,
    ConnectionList,
    Done,
    GetJob,
    GetLimit,
    Hello,
    ItemPage,
    ItemWindow,
    JobList,
    Limit,
    ListAttempts,
    ListConnections,
    ListItems,
    ListJobs,
    LogPage,
    Progress,
    ReadLog,
    SetLimit,
    Snapshot,
    TuneJob,
    ViewItems,
)
from core.model import (
    Action,
    AttemptView,
    Connection,
    Counts,
    DiskView,
    EngineStatus,
    ItemOrder,
    ItemView,
    JobKind,
    JobOptions,
    JobProgress,
    JobSpec,
    JobState,
    JobView,
    Level,
    Notice,
    Pair,
    PairPlan,
    Place,
    PlanSummary,
    ProfileCredentials,
    Status,
    Tally,
    WorkerView,
)

R = TypeVar("R")

MIB, GIB, TIB = 1024**2, 1024**3, 1024**4
BUILD = "0.1.0+recorded"
NOW = 1_790_000_000.0  # a fixed moment; screens that show times are given TZ=UTC

HOSTILE = (
    "k[@click=app.quit]z.bin",
    "esc\x1b[2J\x1b]0;owned\x07.bin",
    "bidi\u202egnp.exe",
    "line\nbreak\r\nand\ttab",
    "[bold red]markup[/] [/x] a[b].bin",
    "x" * 1024,
    "zero\u200bwidth\u2060\ufeff",
    "wide漢字テキスト.bin",
    "unpaired\udc80surrogate",
)


def s3(connection: str, bucket: str = "", path: str = "") -> Place:
    return Place(kind="s3", connection=connection, bucket=bucket, path=path)


def a_job(job_id: int, state: JobState, title: str, **changes: Any) -> JobView:
    """A job with believable contents, changed as the test needs it."""
    pair = Pair(source=s3("prod", "logs-app"), target=s3("dr", "logs-app"))
    job = JobView(
        id=job_id,
        spec=JobSpec(kind=JobKind.COPY, pairs=(pair,), options=JobOptions()),
        state=state,
        title=title,
        created=NOW - 4000,
        started=NOW - 3900,
        active_seconds=2472.0,
    )
    return msgspec.structs.replace(job, **changes)


def a_plan() -> PlanSummary:
    pair = PairPlan(
        source=s3("prod", "logs-app"),
        target=s3("dr", "logs-app"),
        method="server side",
        copy=Tally(count=1_204_331, bytes=2 * TIB),
        overwrite=Tally(count=12_008, bytes=41 * GIB),
        skip=Tally(count=733_020, bytes=812 * GIB),
        delete=Tally(count=412, bytes=int(1.3 * GIB)),
        cannot=Tally(count=3, bytes=0),
        target_total=Tally(count=1_900_000, bytes=3 * TIB),
        versioning="off",
    )
    return PlanSummary(
        pairs=(pair,),
        copy=pair.copy,
        overwrite=pair.overwrite,
        skip=pair.skip,
        delete=pair.delete,
        cannot=pair.cannot,
        skip_reasons=(("same size and time", 733_020),),
        cannot_reasons=(("in Glacier", 2), ("key too long", 1)),
        warnings=("the target has no versioning: deletes cannot be undone",),
        hash="9f3a21c7",
        needs_confirmation=True,
    )


def recorded_jobs() -> tuple[JobView, ...]:
    return (
        a_job(
            7,
            JobState.RUNNING,
            "prod:logs-app, logs-edge → dr:",
            plan=a_plan(),
            counts=Counts(
                listing=True,
                listed=1_300_000,
                files_total=1_216_339,
                files_done=41_022,
                files_failed=5,
                files_skipped=733_020,
                bytes_total=int(2.04 * TIB),
                bytes_done=int(0.9 * TIB),
                retries=3,
            ),
            proofs=(("etag-md5", 41_019), ("size only", 3)),
        ),
        a_job(
            6,
            JobState.PAUSED,
            "lake:corpus → /data/corpus",
            counts=Counts(
                files_total=5040, files_done=312, bytes_total=int(2.1 * TIB), bytes_done=int(0.4 * TIB)
            ),
            reason="Paused by you at 21:50.",
        ),
        a_job(
            5,
            JobState.BLOCKED,
            "prod:imagenet → /data/imagenet",
            counts=Counts(
                files_total=1000, files_done=998, files_failed=2, bytes_total=142 * GIB, bytes_done=141 * GIB
            ),
            reason="No space left on /data: 9.8 GiB free, 10 GiB are kept in reserve.",
            hint="Free some space, then p goes on.",
        ),
        a_job(
            4,
            JobState.COMPLETED,
            "/srv/export → prod:export/2026",
            finished=NOW - 600,
            counts=Counts(
                files_total=52_114, files_done=52_114, bytes_total=int(2.2 * TIB), bytes_done=int(2.2 * TIB)
            ),
            proofs=(("crc64nvme", 52_114),),
            plan=a_plan(),
        ),
        a_job(
            3,
            JobState.PARTIAL,
            "prod:models → /data/models",
            finished=NOW - 86_400,
            counts=Counts(
                files_total=731, files_done=729, files_failed=2, bytes_total=604 * GIB, bytes_done=600 * GIB
            ),
            proofs=(("etag-md5", 729),),
            plan=a_plan(),
        ),
        a_job(
            2,
            JobState.CANCELLED,
            "prod:scratch → /tmp/scratch",
            finished=NOW - 90_000,
            counts=Counts(files_total=12, files_done=4, bytes_total=GIB, bytes_done=GIB // 3),
        ),
    )


def recorded_notices() -> tuple[Notice, ...]:
    return (
        Notice(at=NOW - 300, level=Level.INFO, text="Engine started."),
        Notice(at=NOW - 90, level=Level.WARNING, text="n02124075.tar: 404 Not Found, not tried again", job=5),
        Notice(at=NOW - 60, level=Level.INFO, text="Parts of 64 MiB, 24 workers.", job=7),
        Notice(
            at=NOW - 30,
            level=Level.WARNING,
            text="host s3.eu-central-1.amazonaws.com slow: 3 of 24 connections above 2 s to first byte",
            job=7,
        ),
    )


def recorded_connections() -> tuple[Connection, ...]:
    return (
        Connection(
            name="dr",
            endpoint="https://minio.example:9000",
            credentials=ProfileCredentials(profile="dr"),
            tested_at=NOW - 5000,
        ),
        Connection(
            name="prod",
            region="eu-central-1",
            credentials=ProfileCredentials(profile="prod"),
            tested_at=NOW - 5000,
        ),
    )


def recorded_workers(count: int = 24, job: int = 7) -> tuple[WorkerView, ...]:
    rows = []
    for index in range(1, count + 1):
        key = f"logs-app/2026/11/20/app-{400 + index:04}.json.zst"
        worker = WorkerView(
            index=index,
            job=job,
            item=index,
            key=key,
            phase="moving",
            part=1 + index % 12,
            parts=12,
            done=(index * 7 % 64) * MIB,
            size=64 * MIB,
            rate=(15 + index) * MIB,
            seconds=index / 3,
        )
        match index % 8:
            case 2:
                worker = msgspec.structs.replace(worker, phase="hashing", rate=0.0, done=64 * MIB)
            case 3:
                worker = msgspec.structs.replace(worker, attempt=2)
            case 4:
                worker = msgspec.structs.replace(
                    worker, phase="waiting", rate=0.0, note="503 SlowDown, again in 3 s"
                )
            case 7 if index > 20:
                worker = WorkerView(index=index, job=job)
        rows.append(worker)
    return tuple(rows)


def recorded_progress(workers: int = 24) -> Progress:
    jobs = recorded_jobs()
    return Progress(
        at=NOW,
        jobs=(
            JobProgress(
                job=7,
                state=JobState.RUNNING,
                counts=jobs[0].counts,
                rate=412.0 * MIB,
                eta_low=4800.0,
                eta_high=6600.0,
                workers_wanted=24,
                connections_wanted=4,
            ),
        ),
        workers=recorded_workers(workers),
        rate=412.0 * MIB,
        disks=(DiskView(path="/data", free=int(6.2 * TIB), total=10 * TIB),),
    )


def recorded_items(count: int = 30) -> tuple[ItemView, ...]:
    items = []
    for index in range(1, count + 1):
        name = f"2026/11/20/app-{400 + index:04}.json.zst"
        item = ItemView(
            id=index,
            filename=name,
            url=f"prod:logs-app/{name}",
            target=f"dr:logs-app/{name}",
            action=Action.COPY,
            expected_size=index * 37 * MIB,
        )
        match index % 6:
            case 0:
                item = msgspec.structs.replace(item, status=Status.FAILED, attempts=3, error="403 AccessDenied")
            case 1 | 2:
                item = msgspec.structs.replace(
                    item,
                    status=Status.COMPLETED,
                    attempts=1,
                    actual_size=index * 37 * MIB,
                    completed_at=NOW - index,
                    proof="etag-md5",
                )
            case 3:
                item = msgspec.structs.replace(item, status=Status.DOWNLOADING, attempts=1)
        items.append(item)
    return tuple(items)


def recorded_attempts() -> tuple[AttemptView, ...]:
    return (
        AttemptView(
            item=6,
            filename="2026/11/20/app-0406.json.zst",
            at=NOW - 20,
            error_class="file",
            message="403 AccessDenied for GET logs-app/2026/11/20/app-0406.json.zst",
        ),
        AttemptView(
            item=4,
            filename="2026/11/20/app-0404.json.zst",
            at=NOW - 25,
            error_class="throttled",
            message="503 SlowDown",
            retry_in=3.0,
        ),
    )


def a_snapshot(jobs: tuple[JobView, ...] | None = None, **changes: Any) -> Snapshot:
    status = EngineStatus(
        pid=4121,
        version="0.1.0",
        protocol=1,
        started=NOW - 3 * 86_400,
        state_dir="/state",
        jobs_active=2,
        memory=212 * MIB,
    )
    snapshot = Snapshot(
        seq=10,
        status=status,
        jobs=recorded_jobs() if jobs is None else jobs,
        connections=recorded_connections(),
        notices=recorded_notices(),
    )
    return msgspec.structs.replace(snapshot, **changes)


Answer = Callable[[Any], Any]


class RecordedClient:
    """An EngineClient. `answers` maps a command's type to what makes its reply; `asked` keeps what came."""

    def __init__(self, snapshot: Snapshot | None = None, boot_id: str = "boot-1") -> None:
        self.state = snapshot if snapshot is not None else a_snapshot()
        self.asked: list[Command[Any]] = []
        self.subscriptions: list[int] = []
        self._events: asyncio.Queue[AnyEvent | None] = asyncio.Queue()
        self._hello = Hello(protocol=1, build=BUILD, pid=4121, boot_id=boot_id)
        self.answers: dict[type[Any], Answer] = {
            ListConnections: lambda _: ConnectionList(
                connections=self.state.connections,
                profiles=("beijing", "oregon"),
                keeps_secrets_in="memory only: no keyring service",
            ),
            ListItems: lambda ask: ItemPage(
                items=tuple(i for i in recorded_items() if _fits(ask, i)), matching=-1
            ),
            ViewItems: lambda ask: window_of(ask, [i for i in recorded_items() if _fits(ask, i)]),
            ListAttempts: lambda ask: AttemptPage(
                attempts=tuple(a for a in recorded_attempts() if ask.item in (0, a.item))
            ),
            ListJobs: lambda _: JobList(jobs=()),
            ReadLog: self._log,
            GetJob: lambda ask: next(job for job in self.state.jobs if job.id == ask.job),
            GetLimit: lambda _: Limit(bandwidth=20 * MIB, now=20 * MIB),
            SetLimit: lambda ask: Limit(bandwidth=ask.bandwidth, now=ask.bandwidth),
            TuneJob: lambda ask: next(job for job in self.state.jobs if job.id == ask.job),
        }

    @property
    def hello(self) -> Hello:
        return self._hello

    async def call(self, command: Command[R]) -> R:
        self.asked.append(command)
        answer = self.answers.get(type(command))
        if answer is not None:
            told = answer(command)
            return cast("R", await told if isawaitable(told) else told)
        job = next((job for job in self.state.jobs if job.id == getattr(command, "job", 0)), None)
        return cast("R", job if job is not None else Done())

    async def subscribe(self, rate: float = 2.0, workers_of: int = 0) -> Snapshot:
        self.subscriptions.append(workers_of)
        return self.state

    async def events(self) -> AsyncIterator[AnyEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    def say(self, event: AnyEvent) -> None:
        """Let the engine tell something."""
        self._events.put_nowait(event)

    def break_line(self) -> None:
        """The engine is gone."""
        self._events.put_nowait(None)

    async def close(self) -> None:
        self._events.put_nowait(None)

    def _log(self, ask: ReadLog) -> LogPage:
        order = (Level.DEBUG, Level.INFO, Level.WARNING)
        lines = [
            notice
            for number, notice in enumerate(self.state.notices, start=1)
            if number > ask.after
            and order.index(notice.level) >= order.index(ask.level)
            and ask.job in (0, notice.job)
        ]
        return LogPage(notices=tuple(lines[: ask.limit]), last=len(self.state.notices))


def _fits(ask: ListItems | ViewItems, item: ItemView) -> bool:
    return (ask.status is None or item.status is ask.status) and ask.contains in item.filename


def window_of(ask: ViewItems, items: Sequence[ItemView]) -> ItemWindow:
    """What an engine that has these items replies. Of the orders it knows the plan's and that by size."""
    found = sorted(items, key=lambda item: -item.expected_size) if ask.order is ItemOrder.SIZE else list(items)
    found = found[::-1] if ask.reverse else found
    at = next((at for at, item in enumerate(found) if item.id == ask.locate), -1)
    window = tuple(found[ask.first : ask.first + ask.limit])
    return ItemWindow(items=window, first=ask.first, total=len(found), version=1, position=at)


class RecordedEngine:
    """A Connector that gives recorded clients, one for each line that is made."""

    def __init__(self, *clients: RecordedClient) -> None:
        self._clients = list(clients)
        self.started = 0

    def serve(self, client: RecordedClient) -> None:
        """From now on there is an engine again."""
        self._clients.append(client)

    async def attach(self) -> RecordedClient:
        if not self._clients:
            raise HaulierError(Code.UNAVAILABLE, "No engine runs here.", "r starts one.")
        return self._clients.pop(0)

    async def start(self) -> RecordedClient:
        self.started += 1
        return await self.attach()
