"""Short ways to ask an engine in this process for jobs."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.inprocess import InProcessClient
from core.messages import GetJob, ListItems, PlanJob, SaveConnection, StartJob
from core.model import ItemView, JobKind, JobOptions, JobSpec, JobState, JobView, Pair, Place
from tests.servers import S3Server

SECONDS = 30.0


def here(path: Path) -> Place:
    return Place(kind="local", path=str(path))


def at(server: S3Server, bucket: str, path: str = "") -> Place:
    return Place(kind="s3", connection=server.name, bucket=bucket, path=path)


def spec_of(*pairs: tuple[Place, Place], kind: JobKind = JobKind.COPY, **options: Any) -> JobSpec:
    return JobSpec(
        kind=kind,
        pairs=tuple(Pair(source=source, target=target) for source, target in pairs),
        options=JobOptions(**{"retry": "0.01x3", **options}),
    )


async def save(client: InProcessClient, server: S3Server) -> None:
    await client.call(
        SaveConnection(
            connection=server.connection(server.name), keys=server.keys, keys_in_memory=True, untested_ok=True
        )
    )


async def submit(client: InProcessClient, spec: JobSpec, *, start: bool = True) -> JobView:
    return await client.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=start))


async def reaches(
    client: InProcessClient, job: int, when: Callable[[JobView], bool], seconds: float = SECONDS
) -> JobView:
    deadline = time.monotonic() + seconds
    while not when(view := await client.call(GetJob(job=job))):
        assert time.monotonic() < deadline, f"{view.state}: {view.reason} {view.counts}"
        await asyncio.sleep(0.005)
    return view


async def ends(client: InProcessClient, job: int) -> JobView:
    stops = (JobState.BLOCKED, JobState.PLANNED, JobState.PAUSED)
    return await reaches(client, job, lambda view: view.state.is_final or view.state in stops)


async def run(client: InProcessClient, spec: JobSpec) -> JobView:
    return await ends(client, (await submit(client, spec)).id)


async def plan(client: InProcessClient, spec: JobSpec) -> JobView:
    return await ends(client, (await submit(client, spec, start=False)).id)


def yes_to(view: JobView) -> StartJob:
    """All that its plan asks for: YES, and the second word where it has one."""
    assert view.plan is not None
    return StartJob(job=view.id, plan_hash=view.plan.hash, confirm="YES", confirm_delete=view.plan.delete_word)


async def items(client: InProcessClient, job: int) -> dict[str, ItemView]:
    page = await client.call(ListItems(job=job, limit=2000))
    return {item.filename: item for item in page.items}


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def read(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
