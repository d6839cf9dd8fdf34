"""Commands to jobs that run: pause, resume, cancel, retry, forget, tune; and several at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import Code, HaulierError
from core.messages import (
    CancelJob,
    ForgetJob,
    GetJob,
    ListJobs,
    PauseJob,
    Progress,
    ResumeJob,
    RetryJob,
    StartJob,
    TuneJob,
)
from core.model import JobKind, JobState, Status
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    fill,
    here,
    keys,
    many,
    noise,
    put_all,
    tree,
    unfinished_uploads,
)
from tests.servers import S3Server


async def test_pause_resume_cancel_retry_forget(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Paused nothing moves and everything is kept; resumed it goes on; cancelled it leaves no partial data."""
    await haulier.save(connection_of(moto_server))
    source = tmp_path / "src"
    fill(source / "big", 60 * MIB)
    limits: dict[str, Any] = {"workers": 1, "connections": 2, "part_size": 5 * MIB, "bandwidth": 25 * MIB}
    job = (await haulier.submit(here(source), at(moto_server, bucket), **limits)).id
    await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 2, "first parts")
    paused = await haulier.call(PauseJob(job=job))
    assert paused.state is JobState.PAUSED
    assert (await haulier.call(PauseJob(job=job))).state is JobState.PAUSED
    parts = haulier.recorded_parts()
    with pytest.raises(HaulierError, match="not finished"):
        await haulier.call(ForgetJob(job=job))
    resumed = await haulier.call(ResumeJob(job=job))
    assert resumed.state is JobState.RUNNING
    await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) > len(parts), "more parts")
    assert set(haulier.recorded_parts()) >= set(parts)
    assert unfinished_uploads(moto_server, bucket) == ["big"]
    cancelled = await haulier.call(CancelJob(job=job))
    assert cancelled.state is JobState.CANCELLED
    assert unfinished_uploads(moto_server, bucket) == []
    assert keys(moto_server, bucket) == []
    for refused in (ResumeJob(job=job), RetryJob(job=job), PauseJob(job=job)):
        with pytest.raises(HaulierError) as error:
            await haulier.call(refused)
        assert error.value.code is Code.REFUSED
    await haulier.call(ForgetJob(job=job))
    with pytest.raises(HaulierError):
        await haulier.call(GetJob(job=job))


async def test_a_cancelled_download_leaves_nothing(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Cancelled in the middle: whole files stay, the folder for partial data goes, also after a kill."""
    put_all(moto_server, bucket, [("a", b"1"), ("big", noise(60 * MIB))])
    await haulier.save(connection_of(moto_server))
    out = tmp_path / "out"
    limits: dict[str, Any] = {"workers": 2, "connections": 2, "part_size": 5 * MIB, "bandwidth": 25 * MIB}
    job = (await haulier.submit(at(moto_server, bucket), here(out), **limits)).id
    await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 2, "first parts")
    await haulier.restart_after_kill()
    assert (out / ".haulier").exists()
    await haulier.call(CancelJob(job=job))
    assert tree(out) == {"a": digests(moto_server, bucket)["a"]}
    assert not (out / ".haulier").exists()


async def test_retry_of_what_failed(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """An object that vanished fails alone; put back, `retry` moves it and the job is complete."""
    await haulier.save(connection_of(moto_server))
    put_all(moto_server, bucket, [("a", b"1"), ("b", b"2"), ("c", b"3")])
    out = tmp_path / "out"
    planned = await haulier.planned(at(moto_server, bucket), here(out), JobKind.COPY)
    assert planned.plan is not None
    moto_server.boto3().delete_object(Bucket=bucket, Key="b")
    await haulier.call(StartJob(job=planned.id, plan_hash=planned.plan.hash))
    view = await haulier.ends(planned.id, JobState.PARTIAL)
    assert await haulier.errors(view.id)
    assert set(tree(out)) == {"a", "c"}
    put_all(moto_server, bucket, [("b", b"2")])
    (item,) = await haulier.items(view.id, Status.FAILED)
    await haulier.call(RetryJob(job=view.id, items=(item.id,)))
    view = await haulier.ends(view.id)
    assert (view.counts.files_done, view.counts.files_failed) == (3, 0)
    assert tree(out) == digests(moto_server, bucket)


async def test_tuning_takes_effect(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """A bandwidth limit set on a running job is kept; lifted, the job hurries; a number of workers is seen."""
    put_all(moto_server, bucket, ((f"f{n:03}", noise(MIB, seed=n)) for n in range(48)))
    await haulier.save(connection_of(moto_server))
    slow = 2 * MIB
    made = await haulier.submit(at(moto_server, bucket), here(tmp_path / "out"), bandwidth=slow, workers=2)
    job = made.id
    await haulier.client.subscribe(rate=10)
    began, start = time.monotonic(), (await haulier.view(job)).counts.bytes_done
    most = 0
    async for event in haulier.client.events():
        if isinstance(event, Progress):
            most = max(most, sum(1 for worker in event.workers if worker.phase == "moving"))
            if time.monotonic() - began > 3:
                break
    moved = (await haulier.view(job)).counts.bytes_done - start
    seconds = time.monotonic() - began
    assert moved <= slow * (seconds + 0.2) + 2 * MIB
    assert 1 <= most <= 2
    view = await haulier.call(TuneJob(job=job, bandwidth=0, workers=6))
    assert (view.spec.options.bandwidth, view.spec.options.workers) == (0, 6)
    began = time.monotonic()
    await haulier.ends(job)
    assert time.monotonic() - began < (48 * MIB - moved) / slow / 2
    assert tree(tmp_path / "out") == digests(moto_server, bucket)
    with pytest.raises(HaulierError) as refused:
        await haulier.call(TuneJob(job=job, workers=10_000))
    assert refused.value.code is Code.USAGE


async def test_two_jobs_at_once(
    haulier: Haulier, moto_server: S3Server, rclone_server: S3Server, tmp_path: Path
) -> None:
    """An upload and a download at the same time, from and to different servers, both end whole."""
    await haulier.save(connection_of(moto_server))
    await haulier.save(connection_of(rclone_server))
    up, down = moto_server.new_bucket(), rclone_server.new_bucket()
    source = many(tmp_path / "src", 200)
    fill(source / "big", 20 * MIB)
    put_all(
        rclone_server,
        down,
        [("big", noise(20 * MIB, seed=5)), *((f"{n}", noise(50, seed=n)) for n in range(100))],
    )
    jobs = await asyncio.gather(
        haulier.submit(here(source), at(moto_server, up)),
        haulier.submit(at(rclone_server, down), here(tmp_path / "out")),
    )
    for job in jobs:
        await haulier.ends(job.id)
    assert digests(moto_server, up) == tree(source)
    assert tree(tmp_path / "out") == digests(rclone_server, down)


async def test_one_key_is_one_job_also_after_a_kill(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """A client that lost its answer with the engine asks the next engine under the same key: one job."""
    await haulier.save(connection_of(moto_server))
    source = many(tmp_path / "src", 50)
    first = await haulier.submit(here(source), at(moto_server, bucket), key="the key")
    await haulier.restart_after_kill()
    again = await haulier.submit(here(source), at(moto_server, bucket), key="the key")
    assert again.id == first.id
    await haulier.ends(first.id)
    assert len((await haulier.call(ListJobs())).jobs) == 1
    assert digests(moto_server, bucket) == tree(source)


async def test_partial_data_of_a_failed_file(moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """A file that fails in the middle keeps its parts: a retry goes on there, and forgetting removes them."""
    big = fill(tmp_path / "src/big", 30 * MIB)
    limits: dict[str, Any] = {"workers": 1, "connections": 1, "part_size": 5 * MIB, "retry": "0.01x2"}
    async with Haulier(tmp_path / "haulier", module="tests.paths.plain_user") as haulier:
        await haulier.save(connection_of(moto_server))
        for ends_by_retry in (True, False):
            target = at(moto_server, bucket, f"{ends_by_retry}/")
            job = (await haulier.submit(here(big.parent), target, bandwidth=20 * MIB, **limits)).id
            await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 2, "first parts")
            big.chmod(0)
            view = await haulier.ends(job, JobState.PARTIAL)
            kept = set(haulier.recorded_parts())
            assert unfinished_uploads(moto_server, bucket) == [f"{ends_by_retry}/big"]
            big.chmod(0o600)
            if ends_by_retry:
                await haulier.call(TuneJob(job=job, bandwidth=0))
                await haulier.call(RetryJob(job=job))
                view = await haulier.ends(job)
                assert dict(view.proofs) == {"etag-md5": 1}
                assert kept
            else:
                await haulier.call(ForgetJob(job=job))
                assert haulier.recorded_parts() == {}
            assert unfinished_uploads(moto_server, bucket) == []
    assert digests(moto_server, bucket) == {"True/big": tree(big.parent)["big"]}
