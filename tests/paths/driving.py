"""Driving a real engine: a process of its own, started as a face starts it, killed as a crash kills it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from core.launch import ENGINE_MODULE, connect
from core.messages import Command, GetJob, ListItems, PlanJob, SaveConnection, Shutdown, StartJob
from core.model import (
    Connection,
    ItemView,
    JobKind,
    JobOptions,
    JobSpec,
    JobState,
    JobView,
    Pair,
    Place,
    ProfileCredentials,
    Status,
)
from core.paths import Paths
from core.socket_client import SocketClient
from tests import servers
from tests.servers import S3Server

MIB = 1 << 20
SECONDS = 60.0
R = TypeVar("R")


class Haulier:
    """One metadata folder, and whichever engine serves it now."""

    def __init__(self, folder: Path, module: str = ENGINE_MODULE) -> None:
        self.paths = Paths.at(folder / "state", folder / "logs", folder / "config" / "haulier")
        self.paths.config_dir.mkdir(parents=True, exist_ok=True)
        self._module = module
        self._client: SocketClient | None = None

    @property
    def client(self) -> SocketClient:
        assert self._client is not None, "the engine was not started"
        return self._client

    async def start(self) -> Haulier:
        self._client = await connect(self.paths, timeout=30, module=self._module)
        return self

    async def __aenter__(self) -> Haulier:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self.kill()

    async def kill(self) -> None:
        """kill -9, and wait until the process is gone."""
        pid = self.client.hello.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await self.hang_up()
        await until(lambda: not _alive(pid), "the engine's end")

    async def hang_up(self) -> None:
        """Close the line, to whatever is at its other end."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def stop(self, *, drain: bool = True) -> None:
        """The orderly way."""
        pid = self.client.hello.pid
        await self.client.call(Shutdown(drain=drain))
        await self.client.wait_closed()
        await self.client.close()
        self._client = None
        await until(lambda: not _alive(pid), "the engine's end")

    async def restart_after_kill(self) -> None:
        await self.kill()
        await self.start()

    async def call(self, command: Command[R]) -> R:
        return await self.client.call(command)

    async def save(self, connection: Connection) -> None:
        await self.call(SaveConnection(connection=connection, untested_ok=True))

    # ------------------------------------------------------------ jobs

    async def submit(
        self,
        source: Place,
        target: Place,
        kind: JobKind = JobKind.COPY,
        *,
        start: bool = True,
        key: str = "",
        **options: Any,
    ) -> JobView:
        """A job of one pair; retried quickly, and without a reserve of space, unless told otherwise."""
        spec = JobSpec(
            kind=kind,
            pairs=(Pair(source=source, target=target),),
            options=JobOptions(**{"retry": "0.1x20", "reserve": 0, **options}),
        )
        return await self.call(PlanJob(spec=spec, key=key or uuid.uuid4().hex, start=start))

    async def view(self, job: int) -> JobView:
        return await self.call(GetJob(job=job))

    async def reaches(
        self, job: int, when: Callable[[JobView], bool], what: str, seconds: float = SECONDS
    ) -> JobView:
        """The job as it is once `when` holds. Fails when it ends otherwise or the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            view = await self.view(job)
            if when(view):
                return view
            words = f"job {job} is {view.state} ({view.reason}) with {view.counts}"
            assert not view.state.is_final, f"waited for {what}: {words}"
            assert time.monotonic() < deadline, f"no {what} within {seconds:g} s: {words}"
            await asyncio.sleep(0.02)

    async def ends(self, job: int, state: JobState = JobState.COMPLETED, seconds: float = SECONDS) -> JobView:
        """Wait for the end, which must be `state`."""
        view = await self.reaches(
            job, lambda v: v.state.is_final or v.state is state, f"end ({state})", seconds
        )
        assert view.state is state, f"{view.state}: {view.reason}; {await self.errors(job)}"
        return view

    async def copied(self, source: Place, target: Place, **options: Any) -> JobView:
        """A copy carried out from beginning to end."""
        return await self.ends((await self.submit(source, target, **options)).id)

    async def planned(self, source: Place, target: Place, kind: JobKind, **options: Any) -> JobView:
        made = await self.submit(source, target, kind, start=False, **options)
        return await self.ends(made.id, JobState.PLANNED)

    async def confirmed(self, view: JobView) -> JobView:
        """Start a planned job with YES and wait for its end."""
        assert view.plan is not None
        await self.call(yes_to(view))
        return await self.ends(view.id)

    async def items(self, job: int, status: Status | None = None) -> list[ItemView]:
        found: list[ItemView] = []
        cursor = ""
        while True:
            page = await self.call(ListItems(job=job, status=status, cursor=cursor, limit=1000))
            found += page.items
            cursor = page.cursor
            if not cursor:
                return found

    async def errors(self, job: int) -> list[tuple[str, str]]:
        return [(item.filename, item.error) for item in await self.items(job, Status.FAILED)]

    def recorded_parts(self) -> dict[int, int]:
        """Number → size of the parts that the journal holds, read from the file itself."""
        with contextlib.closing(sqlite3.connect(f"file:{self.paths.journal}?mode=ro", uri=True)) as db:
            return dict(db.execute("SELECT number, size FROM parts"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(when: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + seconds
    while not when():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        await asyncio.sleep(0.02)


def yes_to(view: JobView) -> StartJob:
    """All that its plan asks for: YES, and the second word where it has one."""
    assert view.plan is not None
    return StartJob(job=view.id, plan_hash=view.plan.hash, confirm="YES", confirm_delete=view.plan.delete_word)


# ---------------------------------------------------------------- places and connections


def here(path: Path) -> Place:
    return Place(kind="local", path=str(path))


def at(server: S3Server, bucket: str, path: str = "") -> Place:
    return Place(kind="s3", connection=server.name, bucket=bucket, path=path)


def connection_of(server: S3Server, endpoint: str = "", name: str = "") -> Connection:
    """A connection whose keys are a profile of the AWS files, so that an engine started anew has them too."""
    profiles = Path(os.environ["HOME"], ".aws", "credentials")
    profiles.parent.mkdir(exist_ok=True)
    with profiles.open("a", encoding="utf-8") as file:
        file.write(
            f"[{name or server.name}]\n"
            f"aws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
        )
    return Connection(
        name=name or server.name,
        endpoint=endpoint or server.endpoint,
        region="us-east-1",
        addressing="path",
        credentials=ProfileCredentials(profile=name or server.name),
    )


# ---------------------------------------------------------------- content


def fill(path: Path, size: int, seed: int = 0) -> Path:
    """A file of bytes without a period, the same for the same size and seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(noise(size, seed))
    return path


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(f"{size}/{seed}").randbytes(size)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree(root: Path) -> dict[str, str]:
    """Relative name → SHA-256 of every file, hidden ones too."""
    return {str(p.relative_to(root)): sha256(p) for p in sorted(root.rglob("*")) if p.is_file()}


def digests(server: S3Server, bucket: str, prefix: str = "") -> dict[str, str]:
    """Key under the prefix → SHA-256, read by boto3."""
    client = server.boto3()
    return {
        key.removeprefix(prefix): hashlib.sha256(
            client.get_object(Bucket=bucket, Key=key)["Body"].read()
        ).hexdigest()
        for key in keys(server, bucket, prefix)
    }


def keys(server: S3Server, bucket: str, prefix: str = "") -> list[str]:
    pages = server.boto3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def unfinished_uploads(server: S3Server, bucket: str) -> list[str]:
    answer = server.boto3().list_multipart_uploads(Bucket=bucket)
    return [upload["Key"] for upload in answer.get("Uploads", [])]


def put_all(server: S3Server, bucket: str, objects: Iterable[tuple[str, bytes]]) -> None:
    client = server.boto3()
    for key, data in objects:
        client.put_object(Bucket=bucket, Key=key, Body=data)


def many(folder: Path, count: int, size: int = 100) -> Path:
    for number in range(count):
        fill(folder / f"{number % 7}" / f"{number:05}", size, seed=number)
    return folder


# ---------------------------------------------------------------- servers


@contextlib.contextmanager
def serving(folder: Path, port: int) -> Iterator[S3Server]:
    """`rclone serve s3` on a port of our choice, so that it can come back where it was."""
    program = Path(sys.executable).with_name("rclone")
    command = [str(program), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--no-cleanup"]
    home = folder.parent / f"home-{uuid.uuid4().hex}"
    home.mkdir()
    with servers.running(command, port, home, {"RCLONE_AUTH_KEY": '"KEY,the-secret"'}):
        yield S3Server("rclone", f"http://127.0.0.1:{port}", "KEY", "the-secret")
