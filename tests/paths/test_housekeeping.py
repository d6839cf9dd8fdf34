"""clean, repair and check, of a real engine: what is forgotten, removed, mended, found, and what stays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.errors import Code, HaulierError
from core.messages import CheckSystem, CleanUp, ListJobs, PauseJob, RepairJob, ResumeJob
from core.model import JobKind, JobState, Place, Status
from tests.paths.disks import Disk, tmpfs
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
)
from tests.servers import S3Server, free_port

PART = "0123456789ab-0123456789abcdef0123456789abcdef.part"
HOUR = 3600
SLOWLY: dict[str, Any] = {"connections": 1, "part_size": 5 * MIB, "bandwidth": 3 * MIB}


# ---------------------------------------------------------------- repair


async def test_repair_finds_what_is_gone_and_what_is_there(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Of a finished job: a missing file and one of another size are to be moved again, and only they are. Of a
    waiting one: a file that somebody put there with the very content is taken over, another one is not."""
    objects = [(f"k/{n}", noise(2000, seed=n)) for n in range(6)]
    put_all(moto_server, bucket, objects)
    await haulier.save(connection_of(moto_server))
    out = tmp_path / "out"
    job = (await haulier.copied(at(moto_server, bucket), here(out))).id
    (out / "k/1").unlink()
    (out / "k/2").write_bytes(b"short")
    kept = (out / "k/3").stat().st_ino
    done = await haulier.call(RepairJob(job=job))
    assert (done.reopened.count, done.adopted.count, done.checked) == (2, 0, 8)
    assert set(done.examples) == {"k/1", "k/2"}
    assert done.job.state is JobState.PAUSED
    assert [item.filename for item in await haulier.items(job, Status.PENDING)] == ["k/1", "k/2"]
    (out / "k/1").write_bytes(objects[1][1])
    (out / "k/2").write_bytes(noise(2000, seed=99))
    done = await haulier.call(RepairJob(job=job))
    assert (done.reopened.count, done.adopted.count) == (0, 1)
    await haulier.call(ResumeJob(job=job))
    view = await haulier.ends(job)
    assert view.counts.files_done == 6
    assert tree(out) == digests(moto_server, bucket)
    assert (out / "k/3").stat().st_ino == kept
    again = await haulier.call(RepairJob(job=job))
    assert (again.reopened.count, again.adopted.count, again.job.state) == (0, 0, JobState.COMPLETED)


async def test_repair_of_an_upload(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """The same of an S3 target, from its listing."""
    source = many(tmp_path / "src", 5)
    await haulier.save(connection_of(moto_server))
    job = (await haulier.copied(here(source), at(moto_server, bucket, "p/"))).id
    gone = keys(moto_server, bucket)[2]
    moto_server.boto3().delete_object(Bucket=bucket, Key=gone)
    done = await haulier.call(RepairJob(job=job))
    assert (done.reopened.count, done.examples) == (1, (gone.removeprefix("p/"),))
    await haulier.call(ResumeJob(job=job))
    await haulier.ends(job)
    assert digests(moto_server, bucket, "p/") == tree(source)


async def test_what_cannot_be_repaired(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """A job that runs, that only compares, or that was never started: refused with a way out."""
    put_all(moto_server, bucket, [("big", noise(15 * MIB))])
    await haulier.save(connection_of(moto_server))
    running = await haulier.submit(at(moto_server, bucket), here(tmp_path / "a"), **SLOWLY)
    planned = await haulier.planned(at(moto_server, bucket), here(tmp_path / "b"), JobKind.COPY)
    compared = await haulier.submit(at(moto_server, bucket), here(tmp_path / "c"), JobKind.VERIFY)
    await haulier.reaches(
        compared.id, lambda v: v.state is JobState.PARTIAL or v.state is JobState.FAILED, "end"
    )
    for job, word in ((running, "pause"), (planned, "start"), (compared, "")):
        with pytest.raises(HaulierError) as refused:
            await haulier.call(RepairJob(job=job.id))
        assert refused.value.code is Code.REFUSED
        assert word in refused.value.hint


# ---------------------------------------------------------------- clean


async def test_clean_forgets_jobs_and_touches_nothing_else(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Finished jobs go, unless they are too young for what was asked, or had failures; a paused one stays with
    its partial file, and so do all moved files. A dry run changes nothing and says the same."""
    put_all(moto_server, bucket, [("big", noise(15 * MIB)), ("small", b"1")])
    await haulier.save(connection_of(moto_server))
    done = await haulier.copied(at(moto_server, bucket, "small"), here(tmp_path / "out/"))
    paused = (await haulier.submit(at(moto_server, bucket, "big"), here(tmp_path / "out/"), **SLOWLY)).id
    await haulier.reaches(paused, lambda _: len(haulier.recorded_parts()) >= 1, "a part")
    await haulier.call(PauseJob(job=paused))
    before = tree(tmp_path / "out")
    assert (await haulier.call(CleanUp(older=3600))).jobs == ()
    for dry_run in (True, False):
        cleaned = await haulier.call(CleanUp(dry_run=dry_run))
        assert cleaned.jobs == (done.id,)
        assert (cleaned.removed.count, cleaned.kept.count) == (0, 1)
        assert cleaned.kept.bytes >= 5 * MIB
        left = [view.id for view in (await haulier.call(ListJobs())).jobs]
        assert left == ([paused, done.id] if dry_run else [paused])
        assert tree(tmp_path / "out") == before
    await haulier.call(ResumeJob(job=paused))
    await haulier.ends(paused)


async def test_clean_removes_stale_partial_files(haulier: Haulier, tmp_path: Path) -> None:
    """Those older than 48 hours that no job needs, in the folder that is named and on what is mounted inside
    it; young ones, links, and files with other names stay, and so does everything outside."""
    with (
        Disk(tmp_path / "image", tmp_path / "disk", 24 * MIB) as disk,
        Disk(tmp_path / "inner", tmp_path / "disk/out/mounted", 24 * MIB) as inner,
    ):
        root = disk.folder / "out"
        stale = [root / ".haulier" / PART, inner.folder / "deep" / f".{PART}"]
        theirs = [root / ".haulier/notes.part", root / PART, inner.folder / PART, disk.folder / PART]
        link = root / ".haulier" / PART.replace("1", "e")
        for path in (*stale, *theirs):
            fill(path, MIB)
        link.symlink_to(disk.folder / PART)
        inner.age(*[path for path in (*stale, *theirs) if inner.folder in path.parents])
        disk.age(*[path for path in (*stale, *theirs, link) if inner.folder not in path.parents], under=[inner])
        young = fill(root / ".haulier" / PART.replace("0", "f"), 1000)
        places = (here(root),)
        dry = await haulier.call(CleanUp(places=places, dry_run=True))
        assert {part.path for part in dry.parts} == {str(path) for path in stale}
        assert all(70 * HOUR < part.age < 74 * HOUR for part in dry.parts)
        assert all(path.exists() for path in stale)
        cleaned = await haulier.call(CleanUp(places=places))
        assert (cleaned.removed.count, cleaned.kept.count) == (2, 1)
        assert 2 * MIB <= cleaned.removed.bytes < 3 * MIB
        assert not any(path.exists() for path in stale)
        assert all(path.exists() for path in (*theirs, link, young))


async def test_clean_is_for_folders(haulier: Haulier) -> None:
    """A place in S3 is refused, with the command that is meant for it."""
    with pytest.raises(HaulierError) as refused:
        await haulier.call(CleanUp(places=(Place(kind="s3", connection="x", bucket="b"),)))
    assert refused.value.code is Code.USAGE
    assert "uploads" in refused.value.hint


# ---------------------------------------------------------------- check


async def test_check_of_a_folder(haulier: Haulier, tmp_path: Path) -> None:
    """Room, inodes and writing are told truly, and nothing stays behind; what does not fit fails, and says what
    to do."""
    with tmpfs(tmp_path / "disk", size=32 * MIB, nr_inodes=120) as disk:
        place = here(disk / "not/yet/there")
        levels = await _levels(haulier, place, size=8 * MIB, reserve=4 * MIB)
        assert (levels["space"], levels["inodes"], levels["write"]) == ("warn", "ok", "ok")  # under 1 GiB
        assert levels["file system"] == "warn"  # in memory
        assert {"journal", "cpu", "memory", "open files"} <= levels.keys()
        assert (await _levels(haulier, place, size=30 * MIB, reserve=4 * MIB))["space"] == "fail"
        assert (await _levels(haulier, place, size=40 * MIB, reserve=0))["space"] == "fail"
        assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        report = await haulier.call(CheckSystem(place=place, reserve=0))
        written = next(line for line in report.checks if line.name == "write")
        assert not report.ok
        assert (written.level, "Read-only" in written.detail, written.hint != "") == ("fail", True, True)


async def test_check_of_a_service(haulier: Haulier, moto_server: S3Server, bucket: str) -> None:
    """Reach, clock and listing of the place, with the latency; one that is away fails."""
    await haulier.save(connection_of(moto_server))
    report = await haulier.call(CheckSystem(place=at(moto_server, bucket)))
    lines = {line.name: line for line in report.checks}
    assert report.ok
    assert " ms" in lines["reach"].detail
    assert lines["clock"].level == "ok"
    assert lines["list"].level == "ok"
    await haulier.save(connection_of(moto_server, f"http://127.0.0.1:{free_port()}", name="away"))
    away = Place(kind="s3", connection="away", bucket=bucket)
    assert not (await haulier.call(CheckSystem(place=away))).ok


async def _levels(haulier: Haulier, place: Place, **asked: Any) -> dict[str, str]:
    report = await haulier.call(CheckSystem(place=place, **asked))
    return {line.name: line.level for line in report.checks}
