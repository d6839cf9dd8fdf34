"""Unfinished uploads: those found at a target are continued or removed, those left behind are not forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import messages
from core.errors import Code, HaulierError
from core.messages import CancelJob, ForgetJob, ListUploads, PauseJob, ReadLog, TuneJob
from core.model import JobKind, JobState
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    fill,
    here,
    noise,
    tree,
    unfinished_uploads,
    until,
)
from tests.paths.wiretap import tapped
from tests.servers import S3Server

SIZE = 22 * MIB
PART = 5 * MIB


def begin(server: S3Server, bucket: str, key: str, content: bytes, numbers: list[int], part: int = PART) -> str:
    """An upload as another machine would have left it: these parts of `content` are there."""
    client = server.boto3()
    upload: str = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    for number in numbers:
        piece = content[(number - 1) * part : number * part]
        client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=piece)
    return upload


async def log_of(haulier: Haulier) -> str:
    page = await haulier.call(ReadLog(limit=500))
    return "\n".join(notice.text for notice in page.notices)


async def test_an_unknown_upload_goes_on(haulier: Haulier, s3_server: S3Server, tmp_path: Path) -> None:
    """Parts that hold the file's bytes are kept, the rest is sent, whatever part size the other machine chose;
    the newest upload belongs to older content and is left alone. The plan says how many were found."""
    bucket = s3_server.new_bucket()
    fill(tmp_path / "src" / "big", SIZE)
    content = (tmp_path / "src" / "big").read_bytes()
    begin(s3_server, bucket, "big", content, [1, 2, 3])
    begin(s3_server, bucket, "big", noise(SIZE, seed=9), [1, 2, 3, 4])
    begin(s3_server, bucket, "elsewhere", b"x", [1])
    with tapped(s3_server.endpoint) as wire:
        await haulier.save(connection_of(s3_server, wire.endpoint))
        view = await haulier.planned(here(tmp_path / "src"), at(s3_server, bucket), JobKind.COPY)
        assert view.plan is not None
        assert "2 unfinished uploads of this job's files" in "\n".join(view.plan.warnings)
        before = wire.to_server
        await haulier.confirmed(view)
        assert wire.to_server - before < SIZE - 3 * PART + MIB, "parts that were there were sent again"
    assert digests(s3_server, bucket) == tree(tmp_path / "src")
    assert sorted(unfinished_uploads(s3_server, bucket)) == ["big", "elsewhere"]
    said = await log_of(haulier)
    assert "3 of 5 parts are there" in said
    assert "1 unfinished upload of other content left alone" in said
    assert "metadata are those that the unfinished upload was begun with" in said


async def test_a_wrong_part_is_sent_again(haulier: Haulier, s3_server: S3Server, tmp_path: Path) -> None:
    """One part of the unfinished upload holds other bytes: it is not believed, the object comes out right."""
    bucket = s3_server.new_bucket()
    fill(tmp_path / "src" / "big", SIZE)
    content = (tmp_path / "src" / "big").read_bytes()
    wrong = content[: 2 * PART] + noise(PART, seed=5) + content[3 * PART :]
    begin(s3_server, bucket, "big", wrong, [1, 2, 3, 4])
    await haulier.save(connection_of(s3_server))
    await haulier.copied(here(tmp_path / "src"), at(s3_server, bucket))
    assert digests(s3_server, bucket) == tree(tmp_path / "src")
    assert unfinished_uploads(s3_server, bucket) == []


async def test_small_parts_of_a_small_file(haulier: Haulier, moto_server: S3Server, tmp_path: Path) -> None:
    """A file that would go whole is continued too, when its unfinished upload is there."""
    bucket = moto_server.new_bucket()
    fill(tmp_path / "src" / "f", 12 * MIB)
    begin(moto_server, bucket, "f", (tmp_path / "src" / "f").read_bytes(), [1, 2])
    await haulier.save(connection_of(moto_server))
    await haulier.copied(here(tmp_path / "src"), at(moto_server, bucket))
    assert digests(moto_server, bucket) == tree(tmp_path / "src")
    assert unfinished_uploads(moto_server, bucket) == []
    assert moto_server.boto3().head_object(Bucket=bucket, Key="f")["ETag"].endswith('-3"')


@pytest.mark.parametrize(("options", "why"), [
    ({"on_unfinished": "clean"}, "begun anew"),
    ({"part_size": 6 * MIB}, "its parts have another size"),
])  # fmt: skip
async def test_begun_anew(
    haulier: Haulier, moto_server: S3Server, tmp_path: Path, options: dict[str, object], why: str
) -> None:
    """`clean`, and a part size that was asked for and is another: what is there goes, the file starts anew."""
    bucket = moto_server.new_bucket()
    fill(tmp_path / "src" / "big", SIZE)
    begin(moto_server, bucket, "big", (tmp_path / "src" / "big").read_bytes(), [1, 2])
    await haulier.save(connection_of(moto_server))
    await haulier.copied(here(tmp_path / "src"), at(moto_server, bucket), **options)
    assert digests(moto_server, bucket) == tree(tmp_path / "src")
    assert unfinished_uploads(moto_server, bucket) == []
    assert why in await log_of(haulier)


async def test_after_the_journal_was_lost(moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """An upload is under way, the engine and its journal are gone; a new engine continues it, and what it had
    taken over it knows again after a restart of its own."""
    fill(tmp_path / "src" / "big", 48 * MIB)
    source = here(tmp_path / "src")
    with tapped(moto_server.endpoint) as wire:
        connection = connection_of(moto_server, wire.endpoint)
        async with Haulier(tmp_path / "lost") as lost:
            await lost.save(connection)
            slow = await lost.submit(source, at(moto_server, bucket), bandwidth=24 * MIB, connections=2)
            await lost.reaches(slow.id, lambda v: v.counts.bytes_done > 20 * MIB, "some parts")
        async with Haulier(tmp_path / "found") as found:
            await found.save(connection)
            job = await found.submit(source, at(moto_server, bucket), bandwidth=24 * MIB, connections=2)
            await found.reaches(job.id, lambda v: v.counts.bytes_done > 20 * MIB, "parts taken over")
            await found.restart_after_kill()
            await found.call(TuneJob(job=job.id, bandwidth=0))
            await found.ends(job.id)
            assert "goes on with an unfinished upload" in await log_of(found)
        assert wire.to_server < 100 * MIB
    assert digests(moto_server, bucket) == tree(tmp_path / "src")
    assert unfinished_uploads(moto_server, bucket) == []


async def test_uploads_of_a_live_job_are_safe(haulier: Haulier, moto_server: S3Server, bucket: str,
                                              tmp_path: Path) -> None:  # fmt: skip
    """A paused job's upload is listed as its own and not removed, even when it is named; YES is needed too."""
    fill(tmp_path / "src" / "big", 48 * MIB)
    await haulier.save(connection_of(moto_server))
    place = at(moto_server, bucket)
    job = await haulier.submit(here(tmp_path / "src"), place, bandwidth=8 * MIB)
    await until(lambda: bool(haulier.recorded_parts()), "a recorded part")
    await haulier.call(PauseJob(job=job.id))
    (one,) = (await haulier.call(ListUploads(place=place, measure=10))).uploads
    assert (one.id.key, one.job, one.in_use) == ("big", job.id, True)
    assert one.parts >= 1
    assert one.bytes >= 8 * MIB
    with pytest.raises(HaulierError) as refused:
        await haulier.call(messages.CleanUploads(place=place, uploads=(one.id,)))
    assert refused.value.code is Code.REFUSED
    done = await haulier.call(messages.CleanUploads(place=place, uploads=(one.id,), confirm="YES"))
    assert (done.aborted, done.kept) == (0, 1)
    assert unfinished_uploads(moto_server, bucket) == ["big"]
    await haulier.call(CancelJob(job=job.id))
    assert unfinished_uploads(moto_server, bucket) == []


async def test_what_could_not_be_removed_is_removed_later(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Cancelled while the network is away, forgotten, the engine killed: the next engine removes the upload,
    and both times it is told."""
    fill(tmp_path / "src" / "big", 48 * MIB)
    with tapped(moto_server.endpoint) as wire:
        await haulier.save(connection_of(moto_server, wire.endpoint))
        job = await haulier.submit(here(tmp_path / "src"), at(moto_server, bucket), bandwidth=8 * MIB)
        await until(lambda: bool(haulier.recorded_parts()), "a recorded part")
        wire.cut()
        view = await haulier.call(CancelJob(job=job.id))
        assert view.state is JobState.CANCELLED
        assert "could not be removed now" in await log_of(haulier)
        await haulier.call(ForgetJob(job=job.id))
        assert unfinished_uploads(moto_server, bucket) == ["big"]
        wire.mend()
        (one,) = (await haulier.call(ListUploads(place=at(moto_server, bucket)))).uploads
        assert (one.leaving, one.in_use) == (True, False)
        await haulier.restart_after_kill()
        await until(lambda: unfinished_uploads(moto_server, bucket) == [], "the upload's removal")
        for _ in range(100):
            if "unfinished upload removed by now" in (said := await log_of(haulier)):
                break
        assert f"moto:{bucket}/big" in said


async def test_many_uploads_come_in_pages(haulier: Haulier, moto_server: S3Server, bucket: str) -> None:
    """Pages are as long as asked for, lead through all, and hold each once; a wrong cursor is refused."""
    client = moto_server.boto3()
    for number in range(7):
        client.create_multipart_upload(Bucket=bucket, Key=f"many/{number // 2}")
    await haulier.save(connection_of(moto_server))
    seen: list[tuple[str, str]] = []
    cursor = ""
    while True:
        page = await haulier.call(ListUploads(place=at(moto_server, bucket, "many/"), cursor=cursor, limit=2))
        seen += [(each.id.key, each.id.token) for each in page.uploads]
        cursor = page.cursor
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 7
    with pytest.raises(HaulierError):
        await haulier.call(ListUploads(place=at(moto_server, bucket), cursor="{"))
