"""Where faults are tried: an engine in this process, real servers, and a proxy before each side of a job."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from core.engine.engine import Engine
from core.engine.moving.run import JobRun
from core.inprocess import InProcessClient
from core.messages import CancelJob, GetJob, ListAttempts, ListItems, PlanJob, ReadLog, SaveConnection
from core.model import (
    AttemptView,
    Connection,
    JobKind,
    JobOptions,
    JobSpec,
    JobState,
    JobView,
    Pair,
    Place,
    Status,
)
from core.paths import Paths
from core.settings import load_settings
from tests import servers
from tests.faults.proxy import Proxy
from tests.paths.driving import MIB, fill, noise
from tests.servers import S3Server

STALL = 2.0  # seconds without progress that end a connection; a busy machine must not seem to be stalled
BIG, MIDDLING, SMALL = 11 * MIB, 200_000, 10_000  # a download in two parts, and files moved whole
SENT = 16 * MIB  # an upload in four parts
PAGES = 1100  # objects: two pages of a listing
PATIENCE = 30.0


@dataclass
class Lab:
    """`source` and `target` are proxies in front of moto. The bucket `given` holds "big", "middling" and
    "small"."""

    client: InProcessClient
    moto: S3Server
    rclone: S3Server
    source: Proxy
    target: Proxy
    many: Proxy  # in front of rclone, with the bucket `many` of PAGES objects
    folder: Path
    runs: Mapping[int, JobRun]  # the engine's, for what is shown of them
    given: str = ""
    local: Path = field(default_factory=Path)
    content_given: dict[str, str] = field(default_factory=dict)  # name → SHA-256
    content_here: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def new_folder(self) -> Path:
        path = self.folder / f"f{next(self.numbers)}"
        path.mkdir()
        return path

    async def save(self, connection: Connection, server: S3Server) -> None:
        typed = connection.credentials == server.connection().credentials
        await self.client.call(
            SaveConnection(
                connection=connection,
                keys=server.keys if typed else None,
                keys_in_memory=typed,
                untested_ok=True,
            )
        )

    async def connect(self, proxy: Proxy, server: S3Server, **changes: Any) -> str:
        """A new connection through the proxy; its name."""
        name = f"c{next(self.numbers)}"
        made = msgspec.structs.replace(server.connection(name), endpoint=proxy.endpoint, **changes)
        await self.save(made, server)
        return name

    async def submit(self, source: Place, target: Place, *, start: bool = True, **options: Any) -> int:
        """A job of one pair, retried quickly; its number."""
        return await self.submit_pairs([(source, target)], start=start, **options)

    async def submit_pairs(
        self, pairs: list[tuple[Place, Place]], *, start: bool = True, **options: Any
    ) -> int:
        options = {"retry": "0.05x20", "workers": 2, "connections": 2, "part_size": 5 * MIB, **options}
        kind = options.pop("kind", JobKind.COPY)
        made = tuple(Pair(source=source, target=target) for source, target in pairs)
        spec = JobSpec(kind=kind, pairs=made, options=JobOptions(**options))
        return (await self.client.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=start))).id

    async def reaches(
        self, job: int, when: Callable[[JobView], bool], what: str, seconds: float = PATIENCE
    ) -> JobView:
        deadline = time.monotonic() + seconds
        while not when(view := await self.client.call(GetJob(job=job))):
            assert time.monotonic() < deadline, f"no {what}: {view.state} {view.reason} {view.counts}"
            await asyncio.sleep(0.01)
        return view

    async def ends(self, job: int, seconds: float = PATIENCE) -> JobView:
        stops = (JobState.BLOCKED, JobState.PLANNED, JobState.PAUSED)
        return await self.reaches(job, lambda v: v.state.is_final or v.state in stops, "end", seconds)

    async def cancel(self, job: int) -> JobView:
        return await self.client.call(CancelJob(job=job))

    async def attempts(self, job: int) -> list[AttemptView]:
        """Failed tries, the oldest first."""
        page = await self.client.call(ListAttempts(job=job, limit=500))
        return sorted(page.attempts, key=lambda attempt: attempt.at)

    async def most_attempts(self, job: int) -> int:
        """How often the item was tried that was tried most often."""
        page = await self.client.call(ListItems(job=job, limit=2000))
        return max(item.attempts for item in page.items)

    async def errors(self, job: int) -> dict[str, str]:
        page = await self.client.call(ListItems(job=job, status=Status.FAILED, limit=100))
        return {item.filename: item.error for item in page.items}

    async def notices(self, job: int = 0) -> list[str]:
        page = await self.client.call(ReadLog(job=job, limit=2000))
        return [notice.text for notice in page.notices]


def digests(server: S3Server, bucket: str) -> dict[str, str]:
    client = server.boto3()
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        each["Key"]: hashlib.sha256(
            client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        ).hexdigest()
        for each in listed
    }


def tree(root: Path) -> dict[str, str]:
    """Every file below, hidden ones too."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def s3(connection: str, bucket: str, path: str = "") -> Place:
    return Place(kind="s3", connection=connection, bucket=bucket, path=path)


def here(path: Path) -> Place:
    return Place(kind="local", path=str(path))


@contextlib.asynccontextmanager
async def engine_at(
    home: Path, stall: float = STALL
) -> AsyncIterator[tuple[InProcessClient, Mapping[int, JobRun]]]:
    """A line to an engine in this process with folders of its own, and its running jobs."""
    environ = {**os.environ, "HOME": str(home), "HAULIER_STALL_TIMEOUT": str(stall)}
    for name in ("METADATA_DIR", "DOWNLOADS_DIR", "LOGS_DIR"):
        environ.pop(name, None)
    environ |= {"XDG_CONFIG_HOME": str(home / ".config"), "XDG_STATE_HOME": str(home / ".state")}
    settings = load_settings({}, environ, home)
    paths = Paths.of(settings)
    paths.create()
    engine = Engine(paths, settings)
    await engine.open()
    line = InProcessClient(engine)
    try:
        yield line, engine._jobs.runs
    finally:
        await line.close()
        await engine.close(drain=False)


@contextlib.asynccontextmanager
async def laboratory(folder: Path, moto: S3Server) -> AsyncIterator[Lab]:
    """Everything, in `folder`, with the data in place."""
    served, home = folder / "served", folder / "home"
    served.mkdir()
    home.mkdir()
    for number in range(PAGES):
        fill(served / "many" / f"k{number:05}", 1, seed=number)
    with contextlib.ExitStack() as stack:
        rclone = stack.enter_context(servers.rclone(served))
        proxies = [Proxy(server.endpoint) for server in (moto, moto, rclone)]
        for proxy in proxies:
            stack.callback(proxy.close)
        async with engine_at(home) as (client, runs):
            source, target, pages = proxies
            lab = Lab(client, moto, rclone, source, target, pages, folder, runs)
            lab.given = moto.new_bucket()
            boto = moto.boto3()
            boto.put_object(Bucket=lab.given, Key="big", Body=noise(BIG))
            boto.put_object(Bucket=lab.given, Key="middling", Body=noise(MIDDLING))
            boto.put_object(Bucket=lab.given, Key="small", Body=noise(SMALL))
            lab.local = lab.new_folder()
            for name, size in (("big", SENT), ("middling", MIDDLING), ("small", SMALL)):
                fill(lab.local / name, size)
            lab.content_given, lab.content_here = digests(moto, lab.given), tree(lab.local)
            yield lab
