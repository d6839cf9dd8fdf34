"""Why is it slow: real jobs that are held up by one thing name that thing."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.messages import CancelJob, GetTiming, Timing
from core.model import JobState
from tests.paths.driving import MIB, Haulier, at, connection_of, here, noise, put_all
from tests.paths.wiretap import Wiretap
from tests.servers import S3Server
from tests.stores.s3.scripted import Request, error_xml, serving
from tests.stores.s3.scripted import http as answer

LATENCY = 0.2  # seconds


@pytest.fixture(scope="module")
def full_bucket(moto_server: S3Server) -> str:
    bucket = moto_server.new_bucket()
    put_all(moto_server, bucket, [(f"small/{n:04}", noise(2000, n)) for n in range(120)])
    put_all(moto_server, bucket, [("large", noise(16 * MIB))])
    return bucket


class FarAway(Wiretap):
    """Every request is a while on its way."""

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        super()._pump(_Late(source) if up else source, target, up)  # type: ignore[arg-type]


class _Late:
    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def recv(self, size: int) -> bytes:
        data = self._line.recv(size)
        time.sleep(LATENCY)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def __hash__(self) -> int:
        return hash(self._line)

    def __eq__(self, other: object) -> bool:
        return self._line == other


@contextlib.contextmanager
def throttling(server: S3Server) -> Iterator[str]:
    """The endpoint of a server that lists, and asks for less whenever an object is wanted."""
    address = urlsplit(server.endpoint)

    def reply(request: Request) -> bytes:
        if "/small/" in request.target:
            return answer(503, error_xml("SlowDown"))
        line = http.client.HTTPConnection(str(address.hostname), address.port)
        with contextlib.closing(line):
            line.request(request.method, request.target, headers=request.headers)
            found = line.getresponse()
            return answer(found.status, found.read().decode())

    with serving(reply) as script:
        yield script.endpoint


async def named(haulier: Haulier, job: int) -> Timing:
    """What the engine says once it says anything."""
    deadline = time.monotonic() + 20
    while True:
        found = await haulier.call(GetTiming(job=job))
        if found.bottleneck:
            return found
        view = await haulier.view(job)
        assert not view.state.is_final, f"it ended unnamed: {view.state} {found}"
        assert time.monotonic() < deadline, f"nothing was named: {found}"
        await asyncio.sleep(0.1)


async def test_a_bandwidth_limit_is_named(
    haulier: Haulier, tmp_path: Path, moto_server: S3Server, full_bucket: str
) -> None:
    """A job that waits for its own limit says so, with the limit, and a probe of the server stands beside."""
    await haulier.save(connection_of(moto_server))
    job = await haulier.submit(at(moto_server, full_bucket, "large"), here(tmp_path / "out"), bandwidth=2 * MIB)
    found = await named(haulier, job.id)
    assert re.match(r"your bandwidth limit \(2\.0 MiB/s\): \d+ % of the time", found.bottleneck)
    assert found.shares[0][0] == "bandwidth limit"
    assert found.workers
    probe = (await haulier.call(GetTiming(job=job.id))).probes[0]
    assert probe.host == urlsplit(moto_server.endpoint).netloc
    assert probe.lookup >= 0
    assert probe.connect >= 0
    assert probe.tls == -1.0  # plain HTTP
    await haulier.call(CancelJob(job=job.id))


async def test_a_server_far_away_is_named(
    haulier: Haulier, tmp_path: Path, moto_server: S3Server, full_bucket: str
) -> None:
    """Small objects over a line of 200 ms: the server's first byte, not the disk, not the network's width."""
    tap = FarAway(moto_server.endpoint)
    try:
        await haulier.save(connection_of(moto_server, tap.endpoint, name="far"))
        source = at(moto_server, full_bucket, "small/")
        far = type(source)(kind="s3", connection="far", bucket=source.bucket, path=source.path)
        job = await haulier.submit(far, here(tmp_path / "out"), workers=4)
        found = await named(haulier, job.id)
        assert "the server: " in found.bottleneck
        assert "first byte" in found.bottleneck
        await haulier.call(CancelJob(job=job.id))
    finally:
        tap.close()


async def test_a_request_limit_is_named(
    haulier: Haulier, tmp_path: Path, moto_server: S3Server, full_bucket: str
) -> None:
    """503 SlowDown again and again: the source's request limit."""
    with throttling(moto_server) as endpoint:
        await haulier.save(connection_of(moto_server, endpoint, name="busy"))
        source = at(moto_server, full_bucket, "small/")
        busy = type(source)(kind="s3", connection="busy", bucket=source.bucket, path=source.path)
        job = await haulier.submit(busy, here(tmp_path / "out"), retry="1x50")
        found = await named(haulier, job.id)
        assert found.bottleneck.startswith("the source's request limit: ")
        await haulier.call(CancelJob(job=job.id))


async def test_a_job_that_is_over_has_no_bottleneck(haulier: Haulier, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/a").write_bytes(b"a")
    done = await haulier.copied(here(tmp_path / "from"), here(tmp_path / "to"))
    assert done.state is JobState.COMPLETED
    assert await haulier.call(GetTiming(job=done.id)) == Timing()
