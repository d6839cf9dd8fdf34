"""What the engine is busy with while the face is measured: one job of fifty workers over many small objects."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from core.messages import PlanJob
from core.model import JobKind, JobOptions, JobSpec, JobState, JobView, Pair
from tests import servers
from tests.paths.driving import Haulier, at, connection_of, here
from tests.servers import S3Server

WORKERS = 50
OBJECTS = 150_000
OBJECT_SIZE = 16 << 10
FOLDERS = 40
FINISHED_JOBS = 20


class Load:
    """The engine, the jobs that are over, and the one that is started when it is wanted."""

    def __init__(self, folder: Path, haulier: Haulier, server: S3Server) -> None:
        self._folder = folder
        self.haulier = haulier
        self._server = server
        self._job = 0
        self._engine = psutil.Process(haulier.client.hello.pid)

    async def finish_some_jobs(self) -> None:
        """So that the list of jobs is as long as people's are."""
        source = self._folder / "few"
        for number in range(3):
            (source / f"{number}").parent.mkdir(parents=True, exist_ok=True)
            (source / f"{number}").write_bytes(b"x" * 1000)
        for number in range(FINISHED_JOBS):
            await self.haulier.copied(here(source), here(self._folder / f"few-{number}"))

    async def start(self) -> int:
        """Start the job of fifty workers; returns when all of them are at work."""
        spec = JobSpec(
            kind=JobKind.COPY,
            pairs=(Pair(source=at(self._server, "many"), target=here(self._folder / "got")),),
            options=JobOptions(workers=WORKERS, reserve=0),
        )
        self._job = (await self.haulier.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=True))).id
        await self.haulier.reaches(self._job, lambda view: view.counts.files_done > 2 * WORKERS, "first files")
        return self._job

    async def view(self) -> JobView:
        return await self.haulier.view(self._job)

    async def files_done(self) -> int:
        """Raises AssertionError when the job has ended: what was measured then had no load."""
        view = await self.view()
        assert view.state is JobState.RUNNING, f"the load ended ({view.state}): more objects are needed"
        return view.counts.files_done

    def engine_cpu(self) -> float:
        used = self._engine.cpu_times()
        return float(used.user + used.system)


@asynccontextmanager
async def load(folder: Path) -> AsyncIterator[Load]:
    """An S3 server with the objects and an engine that knows it. The engine is killed at the end."""
    buckets = folder / "buckets"
    await asyncio.to_thread(_make_objects, buckets / "many")
    with servers.rclone(buckets) as server:
        _give_way()
        async with Haulier(folder) as haulier:
            await haulier.save(connection_of(server))
            yield Load(folder, haulier, server)


def _give_way() -> None:
    """The server stands for another machine: it has only what the engine and the face leave."""
    for process in psutil.Process().children():
        if "rclone" in process.name():
            process.nice(19)


def _make_objects(bucket: Path) -> None:
    """Files of zeros that take no room; their bytes are as many on the wire as any others."""
    for folder in range(FOLDERS):
        (bucket / f"part={folder:02}").mkdir(parents=True)
    for number in range(OBJECTS):
        with (bucket / f"part={number % FOLDERS:02}" / f"{number:06}.bin").open("wb") as file:
            file.truncate(OBJECT_SIZE)
