"""What is taken up after a kill is looked at first: nothing recorded is believed without its bytes, nothing
there is believed without its record, and a source that changed begins anew."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest_asyncio

from core.messages import PauseJob, ReadLog, ResumeJob, TuneJob
from core.model import JobView
from tests.crash.tap import Tap, tapping
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    fill,
    here,
    noise,
    put_all,
    sha256,
    unfinished_uploads,
)
from tests.servers import S3Server

PART = 5 * MIB
SIZE = 5 * PART + 4321
LIMITS: dict[str, Any] = {"workers": 1, "connections": 2, "part_size": PART, "bandwidth": 24 * MIB}


@pytest_asyncio.fixture
async def haulier(tmp_path: Path) -> AsyncIterator[Haulier]:
    async with Haulier(tmp_path / "haulier") as running:
        yield running


def has_parts(haulier: Haulier, least: int, _view: JobView) -> bool:
    return len(haulier.recorded_parts()) >= least


async def killed_with_parts(haulier: Haulier, job: int, least: int = 2) -> dict[int, int]:
    """Kill the engine once so many parts are recorded; which they are, with their sizes."""
    await haulier.reaches(job, partial(has_parts, haulier, least), "recorded parts")
    await haulier.kill()
    return haulier.recorded_parts()


async def goes_on(haulier: Haulier, job: int) -> JobView:
    await haulier.start()
    await haulier.call(TuneJob(job=job, bandwidth=0))
    return await haulier.ends(job)


def partial_file(out: Path) -> Path:
    (found,) = (out / ".haulier").glob("*.part")
    return found


def zero(path: Path, offset: int, length: int) -> None:
    """What a power cut makes of bytes that were written and not synced."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(length))


def journal(haulier: Haulier, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(haulier.paths.journal)) as db, db:
        db.execute(sql)


def got(tap: Tap) -> set[int]:
    """The offsets of the parts that were asked for."""
    return {request.offset for request in tap.requests if request.method == "GET" and request.moves}


async def test_a_recorded_part_that_the_disk_lost_is_moved_again(
    haulier: Haulier, rclone_server: S3Server, tmp_path: Path
) -> None:
    """One recorded part of a partial file holds zeros, as after a power cut: that part is asked for again, the
    other recorded ones are not, and the content is right."""
    bucket = rclone_server.new_bucket()
    put_all(rclone_server, bucket, [("big", noise(SIZE))])
    out = tmp_path / "out"
    with tapping(rclone_server.endpoint) as tap:
        await haulier.save(connection_of(rclone_server, tap.endpoint))
        job = (await haulier.submit(at(rclone_server, bucket), here(out), **LIMITS)).id
        parts = sorted(await killed_with_parts(haulier, job))
        lost = parts[-1]
        offsets = dict(_offsets(haulier))
        zero(partial_file(out), offsets[lost] + PART // 2, 4096)
        tap.forget()
        await goes_on(haulier, job)
        assert offsets[lost] in got(tap)
        assert not {offsets[part] for part in parts if part != lost} & got(tap)
    assert sha256(out / "big") == sha256(fill(tmp_path / "same", SIZE))


def _offsets(haulier: Haulier) -> list[tuple[int, int]]:
    with contextlib.closing(sqlite3.connect(f"file:{haulier.paths.journal}?mode=ro", uri=True)) as db:
        return db.execute("SELECT number, offset FROM parts").fetchall()


async def test_a_full_length_without_records_is_no_progress(
    haulier: Haulier, rclone_server: S3Server, tmp_path: Path
) -> None:
    """The partial file has its full length from the beginning (sparse, or allocated). Without recorded parts
    everything is moved, whatever the file holds."""
    bucket = rclone_server.new_bucket()
    put_all(rclone_server, bucket, [("big", noise(SIZE))])
    out = tmp_path / "out"
    with tapping(rclone_server.endpoint) as tap:
        await haulier.save(connection_of(rclone_server, tap.endpoint))
        job = (await haulier.submit(at(rclone_server, bucket), here(out), **LIMITS)).id
        await killed_with_parts(haulier, job, 1)
        journal(haulier, "DELETE FROM parts")
        assert partial_file(out).stat().st_size == SIZE
        zero(partial_file(out), 0, SIZE)
        tap.forget()
        await goes_on(haulier, job)
        assert tap.to_client >= SIZE
    assert sha256(out / "big") == sha256(fill(tmp_path / "same", SIZE))


async def test_ten_days_later(moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """Partial files and parts of a job are kept however long the engine was away, and go on from there."""
    put_all(moto_server, bucket, [("big", noise(SIZE))])
    out = tmp_path / "out"
    with tapping(moto_server.endpoint) as tap:
        async with Haulier(tmp_path / "haulier") as haulier:
            await haulier.save(connection_of(moto_server, tap.endpoint))
            job = (await haulier.submit(at(moto_server, bucket), here(out), **LIMITS)).id
            parts = await killed_with_parts(haulier, job)
            offsets = dict(_offsets(haulier))
        tap.forget()
        async with Haulier(tmp_path / "haulier", "tests.crash.later") as haulier:
            await haulier.call(TuneJob(job=job, bandwidth=0))
            await haulier.ends(job)
        assert not {offsets[part] for part in parts} & got(tap)
    assert sha256(out / "big") == sha256(fill(tmp_path / "same", SIZE))


async def test_a_source_that_changed_meanwhile_begins_anew(
    haulier: Haulier, rclone_server: S3Server, moto_server: S3Server, tmp_path: Path
) -> None:
    """Replaced while no engine ran, of the same size: download, upload and relay begin anew and say so, and no
    byte of the old content is in the new one."""
    source, bucket = rclone_server.new_bucket(), moto_server.new_bucket()
    put_all(rclone_server, source, [("down/big", noise(SIZE)), ("relay/big", noise(SIZE))])
    local, out = fill(tmp_path / "src/big", SIZE), tmp_path / "out"
    await haulier.save(connection_of(rclone_server))
    await haulier.save(connection_of(moto_server))
    ways = [
        (at(rclone_server, source, "down/"), here(out)),
        (here(local.parent), at(moto_server, bucket, "up/")),
        (at(rclone_server, source, "relay/"), at(moto_server, bucket, "relay/")),
    ]
    jobs = []
    for way in ways:
        job = (await haulier.submit(*way, **LIMITS)).id
        await haulier.reaches(job, partial(has_begun, haulier), "a part")
        await haulier.call(PauseJob(job=job))
        jobs.append(job)
    await haulier.kill()
    new = noise(SIZE, seed=1)
    put_all(rclone_server, source, [("down/big", new), ("relay/big", new)])
    local.write_bytes(new)
    os.utime(local, (2_000_000_000, 2_000_000_000))
    await haulier.start()
    for number, job in enumerate(jobs):
        await haulier.call(ResumeJob(job=job))
        await haulier.call(TuneJob(job=job, bandwidth=0))
        await haulier.ends(job)
        notices = (await haulier.call(ReadLog(job=job))).notices
        assert any("changed at the source, started again" in notice.text for notice in notices), ways[number]
    wanted = sha256(local)
    assert sha256(out / "big") == wanted
    assert digests(moto_server, bucket) == {"up/big": wanted, "relay/big": wanted}
    assert unfinished_uploads(moto_server, bucket) == []
    assert not (out / ".haulier").exists()


def has_begun(haulier: Haulier, view: JobView) -> bool:
    job = view.id
    with contextlib.closing(sqlite3.connect(f"file:{haulier.paths.journal}?mode=ro", uri=True)) as db:
        return bool(db.execute("SELECT 1 FROM parts WHERE job = ?", (job,)).fetchall())


async def test_a_part_at_the_server_that_is_not_ours_is_sent_again(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Of an upload taken up again each part at the server is compared with the local bytes: one that somebody
    replaced is sent again, the others are kept, also one that the journal does not know of."""
    big = fill(tmp_path / "src/big", SIZE)
    with tapping(moto_server.endpoint) as tap:
        await haulier.save(connection_of(moto_server, tap.endpoint))
        job = (await haulier.submit(here(big.parent), at(moto_server, bucket), **LIMITS)).id
        parts = await killed_with_parts(haulier, job)
        replaced, unknown = sorted(parts)[:2]
        client = moto_server.boto3()
        (upload,) = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
        client.upload_part(
            Bucket=bucket, Key="big", UploadId=upload["UploadId"], PartNumber=replaced, Body=noise(PART, 9)
        )
        journal(haulier, f"DELETE FROM parts WHERE number = {unknown}")
        tap.forget()
        await goes_on(haulier, job)
        sent = {request.part for request in tap.requests if request.method == "PUT" and request.part}
    assert replaced in sent
    assert unknown not in sent
    assert digests(moto_server, bucket) == {"big": sha256(big)}


async def test_an_upload_that_nobody_was_told_of_is_removed(
    haulier: Haulier, rclone_server: S3Server, tmp_path: Path
) -> None:
    """Killed between the server's answer to the begin of an upload and its record: the next engine finds that
    upload by the moment it was announced, and leaves alone one of another key that begins the same."""
    bucket = rclone_server.new_bucket()
    big = fill(tmp_path / "src/big", SIZE)
    client = rclone_server.boto3()
    await haulier.save(connection_of(rclone_server))
    await haulier.kill()
    (haulier.paths.config_dir / "doom").write_text("after stage 1")
    async with Haulier(tmp_path / "haulier", "tests.crash.doomed") as doomed:
        job = (await doomed.submit(here(big.parent), at(rclone_server, bucket), **LIMITS)).id
        with contextlib.suppress(Exception):  # it dies of it
            await doomed.ends(job)
    assert unfinished_uploads(rclone_server, bucket) == ["big"]
    client.create_multipart_upload(Bucket=bucket, Key="big too")
    await goes_on(haulier, job)
    assert unfinished_uploads(rclone_server, bucket) == ["big too"]
    assert digests(rclone_server, bucket) == {"big": sha256(big)}


async def test_a_relay_in_place_of_a_copy_goes_on_as_a_relay(
    moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """The service turned out not to copy by itself, so the bytes go through this machine; killed midway the
    next engine goes on with that upload, and leaves none behind."""
    put_all(moto_server, bucket, [("from/big", noise(SIZE))])
    with tapping(moto_server.endpoint) as tap:
        async with Haulier(tmp_path / "haulier", "tests.crash.doomed") as haulier:
            (haulier.paths.config_dir / "no-copies").touch()
            await haulier.restart_after_kill()
            await haulier.save(connection_of(moto_server, tap.endpoint))
            source, target = at(moto_server, bucket, "from/"), at(moto_server, bucket, "to/")
            job = (await haulier.submit(source, target, **LIMITS)).id
            parts = await killed_with_parts(haulier, job)
            tap.forget()
            await goes_on(haulier, job)
        sent = {request.part for request in tap.requests if request.method == "PUT" and request.part}
    assert sent
    assert not set(parts) & sent
    assert unfinished_uploads(moto_server, bucket) == []
    assert len(set(digests(moto_server, bucket).values())) == 1
