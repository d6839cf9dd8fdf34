"""What a person changes on a running job takes effect within two seconds, as seen on the wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.messages import (
    CancelJob,
    GetLimit,
    PauseJob,
    Ping,
    Progress,
    ResumeJob,
    SetLimit,
    TuneJob,
)
from core.model import JobState, Priority
from tests.paths.driving import MIB, Haulier, at, connection_of, digests, fill, here, noise, put_all, tree
from tests.paths.wiretap import Wiretap
from tests.servers import S3Server

AT_ONCE = 2.0  # seconds within which a change must be seen
SLOW = 3 * MIB


@pytest.fixture(scope="module")
def wire(moto_server: S3Server) -> Iterator[Wiretap]:
    tap = Wiretap(moto_server.endpoint)
    yield tap
    tap.close()


@pytest.fixture(scope="module")
def bucket(moto_server: S3Server) -> str:
    """Small objects and large ones, 66 MiB."""
    name = moto_server.new_bucket()
    put_all(moto_server, name, ((f"small/{n:03}", noise(MIB, seed=n)) for n in range(26)))
    put_all(moto_server, name, ((f"large/{n}", noise(20 * MIB, seed=100 + n)) for n in range(2)))
    return name


@pytest.fixture
async def haulier(tmp_path: Path, moto_server: S3Server, wire: Wiretap) -> AsyncIterator[Haulier]:
    async with Haulier(tmp_path / "haulier") as engine:
        await engine.save(connection_of(moto_server, wire.endpoint))
        yield engine


async def comes(wire: Wiretap, holds: Callable[[float], bool], what: str) -> None:
    """Within two seconds of now the wire is as it should be for a second: what comes in chunks of a MiB and is
    held back by a limit has no rate over less."""
    marks: list[tuple[float, int]] = [(time.monotonic(), wire.to_client)]
    rates: list[float] = []
    while True:
        await asyncio.sleep(0.2)
        marks.append((time.monotonic(), wire.to_client))
        (since, first), (now, last) = marks[max(0, len(marks) - 6)], marks[-1]
        if now - since > 0.95:
            rates.append((last - first) / (now - since))
            if holds(rates[-1]):
                return
        said = f"{what}: {[f'{rate / MIB:.1f}' for rate in rates]} MiB/s"
        assert now < marks[0][0] + AT_ONCE + 1.0, said


async def moves(haulier: Haulier, job: int, seconds: float) -> float:
    """Bytes a second that the job brings from now on."""
    began, before = time.monotonic(), (await haulier.view(job)).counts.bytes_done
    await asyncio.sleep(seconds)
    after = (await haulier.view(job)).counts.bytes_done
    return (after - before) / (time.monotonic() - began)


@pytest.mark.parametrize("prefix", ["small/", "large/"])
async def test_pause_resume_limit_and_cancel(
    haulier: Haulier, moto_server: S3Server, wire: Wiretap, bucket: str, tmp_path: Path, prefix: str
) -> None:
    """Paused, the wire is silent; resumed, it moves; limits are felt and lifted; cancelled, nothing is left."""
    out = tmp_path / "out"
    job = (await haulier.submit(at(moto_server, bucket, prefix), here(out), bandwidth=SLOW, workers=2)).id
    await haulier.reaches(job, lambda view: view.counts.bytes_done > MIB, "first bytes")
    began = time.monotonic()
    view = await haulier.call(PauseJob(job=job))
    assert view.state is JobState.PAUSED
    assert time.monotonic() - began < AT_ONCE
    await comes(wire, lambda rate: rate < 10_000, "paused")
    await haulier.call(ResumeJob(job=job))
    await comes(wire, lambda rate: rate > SLOW / 4, "resumed")
    await haulier.call(TuneJob(job=job, bandwidth=MIB // 2))
    await comes(wire, lambda rate: rate < 1.3 * MIB, "limited")
    await haulier.call(TuneJob(job=job, bandwidth=SLOW))
    await comes(wire, lambda rate: rate > SLOW / 3, "lifted")
    began = time.monotonic()
    view = await haulier.call(CancelJob(job=job))
    assert view.state is JobState.CANCELLED
    assert time.monotonic() - began < AT_ONCE
    await comes(wire, lambda rate: rate < 10_000, "cancelled")
    assert not [path for path in out.rglob("*") if ".haulier" in path.parts]
    whole = digests(moto_server, bucket, prefix)
    assert all(whole[name] == digest for name, digest in tree(out).items())


async def test_workers_and_connections(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """From 1 to 64 files at once, and connections per file, as the progress shows the workers."""
    job = (await haulier.submit(at(moto_server, bucket), here(tmp_path / "out"), bandwidth=SLOW, workers=1)).id
    await haulier.client.subscribe(rate=10)

    async def busy(holds: Callable[[set[int], int], bool], what: str) -> None:
        seen: list[tuple[int, int]] = []
        until = time.monotonic() + AT_ONCE + 0.5
        async for event in haulier.client.events():
            if isinstance(event, Progress):
                at_work = [worker for worker in event.workers if worker.phase == "moving"]
                seen.append((len({worker.item for worker in at_work}), len(at_work)))
                if at_work and holds({worker.item for worker in at_work}, len(at_work)):
                    return
                assert time.monotonic() < until, f"{what}: (files, workers) were {seen}"

    await haulier.call(TuneJob(job=job, connections=1))
    await busy(lambda items, workers: workers == 1, "one worker")
    await haulier.call(TuneJob(job=job, workers=64))
    await busy(lambda items, workers: len(items) >= 20, "many files at once")
    await haulier.call(TuneJob(job=job, workers=1, connections=4, bandwidth=0))
    view = await haulier.ends(job)
    assert view.counts.files_done == 28
    assert tree(tmp_path / "out") == digests(moto_server, bucket)


async def test_connections_of_one_file(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """One large file moves over as many connections as wanted, from one to four while it runs."""
    place = at(moto_server, bucket, "large/0")
    job = (
        await haulier.submit(place, here(tmp_path / "one"), bandwidth=2 * MIB, connections=1, part_size=5 * MIB)
    ).id
    await haulier.client.subscribe(rate=10)
    most, wanted, until = 0, 1, time.monotonic() + 10
    async for event in haulier.client.events():
        if not isinstance(event, Progress):
            continue
        at_work = sum(1 for worker in event.workers if worker.phase == "moving" and worker.part)
        assert at_work <= wanted
        if at_work == wanted == 1:
            await haulier.call(TuneJob(job=job, connections=4))
            wanted, until = 4, time.monotonic() + AT_ONCE
        most = max(most, at_work)
        if most == 4:
            break
        assert time.monotonic() < until, f"{most} connections"
    await haulier.call(TuneJob(job=job, bandwidth=0))
    await haulier.ends(job)


async def test_a_limit_for_all_jobs_outlives_the_engine(
    haulier: Haulier, moto_server: S3Server, wire: Wiretap, bucket: str, tmp_path: Path
) -> None:
    """Set while two jobs run, felt by both together, kept by the next engine, and given up for the default."""
    jobs = [
        (await haulier.submit(at(moto_server, bucket), here(tmp_path / name), bandwidth=SLOW)).id
        for name in ("one", "two")
    ]
    await comes(wire, lambda rate: rate > SLOW, "both")
    limit = await haulier.call(SetLimit(bandwidth=MIB))
    assert (limit.now, limit.from_settings) == (MIB, False)
    await comes(wire, lambda rate: rate < 1.8 * MIB, "limited together")
    await haulier.restart_after_kill()
    assert (await haulier.call(GetLimit())).bandwidth == MIB
    assert (await haulier.call(Ping())).bandwidth == MIB
    for job in jobs:
        await haulier.call(TuneJob(job=job, bandwidth=0))
    limit = await haulier.call(SetLimit(default=True))
    assert (limit.now, limit.from_settings) == (0, True)
    for job in jobs:
        await haulier.ends(job)


async def test_a_timetable_holds_now(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """A job whose timetable names a rate for the whole day moves at that rate; a plain rate ends the timetable;
    what is no timetable is refused and changes nothing."""
    job = (
        await haulier.submit(at(moto_server, bucket, "large/"), here(tmp_path / "out"), timetable="00:00,1MiB")
    ).id
    await haulier.reaches(job, lambda view: view.counts.bytes_done > 0, "first bytes")
    # By what the job brings: the wire tells of the system's buffers too, which swallow megabytes at first.
    assert 0.4 * MIB < await moves(haulier, job, 4.0) < 1.8 * MIB
    with pytest.raises(HaulierError, match="25:00") as refused:
        await haulier.call(TuneJob(job=job, timetable="25:00,1MiB"))
    assert refused.value.code is Code.USAGE
    view = await haulier.call(TuneJob(job=job, bandwidth=0))
    assert view.spec.options.timetable == ""
    await haulier.ends(job)


async def test_a_job_that_goes_first_holds_the_others(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """While the first moves, the other waits and says for whom; when it ends, the other goes on by itself."""
    place = at(moto_server, bucket, "small/")
    low = (await haulier.submit(place, here(tmp_path / "low"), bandwidth=4 * MIB, workers=1)).id
    high = (await haulier.submit(place, here(tmp_path / "high"), bandwidth=8 * MIB, workers=1)).id
    await haulier.reaches(high, lambda view: view.counts.files_done > 0, "first file")
    await haulier.call(TuneJob(job=high, priority=Priority.FIRST))
    await asyncio.sleep(AT_ONCE)
    before = (await haulier.view(low)).counts.files_done
    await haulier.client.subscribe(rate=10)
    async for event in haulier.client.events():
        if isinstance(event, Progress):
            told = {progress.job: progress.waiting for progress in event.jobs}
            assert f"job {high}" in told[low]
            assert not told[high]
            break
    assert (await haulier.view(high)).state is JobState.RUNNING, "too quick to tell anything"
    await haulier.ends(high)
    assert (await haulier.view(low)).counts.files_done <= before + 1
    await haulier.call(TuneJob(job=low, bandwidth=0))
    await haulier.ends(low)
    assert tree(tmp_path / "low") == tree(tmp_path / "high")


async def test_a_paused_job_holds_nobody(haulier: Haulier, tmp_path: Path) -> None:
    """A job that goes first and is paused lets the others work."""
    source = fill(tmp_path / "src/big", 8 * MIB).parent
    high = (
        await haulier.submit(here(source), here(tmp_path / "high"), bandwidth=MIB, priority=Priority.FIRST)
    ).id
    await haulier.reaches(high, lambda view: view.counts.bytes_done > 0, "first bytes")
    await haulier.call(PauseJob(job=high))
    await haulier.copied(here(source), here(tmp_path / "low"))
    assert tree(tmp_path / "low") == tree(source)
    await haulier.call(CancelJob(job=high))
