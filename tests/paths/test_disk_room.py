"""Disks that fill up, run out of inodes, or become read-only under a running job: it waits, then goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

from core.messages import CancelJob, ListAttempts, TuneJob
from core.model import JobKind, JobState
from tests.paths.disks import Disk, tmpfs
from tests.paths.driving import MIB, Haulier, at, connection_of, digests, fill, here, many, noise, put_all, tree
from tests.servers import S3Server

SLOWLY: dict[str, Any] = {"connections": 2, "part_size": 5 * MIB, "bandwidth": 4 * MIB}


def final_files(out: Path) -> list[str]:
    return [str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and ".haulier" not in p.parts]


async def test_the_reserve_stops_a_running_job(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """What is kept in reserve stays free while many small and large files are written at once; the reason
    names folder, free space and reserve, and the job goes on by itself when there is room."""
    objects = [*((f"big{n}", noise(6 * MIB, seed=n)) for n in range(3))]
    objects += [(f"small/{n}", noise(MIB, seed=n)) for n in range(20)]
    put_all(moto_server, bucket, objects)
    await haulier.save(connection_of(moto_server))
    with tmpfs(tmp_path / "disk", size=64 * MIB) as disk:
        ballast = fill(disk / "ballast", 20 * MIB)
        out = disk / "out"
        job = (await haulier.submit(at(moto_server, bucket), here(out), reserve=16 * MIB)).id
        view = await haulier.ends(job, JobState.BLOCKED)
        free = _free(disk)
        assert free >= 16 * MIB
        assert str(out) in view.reason
        assert "16.0 MiB are kept in reserve" in view.reason
        assert "--reserve" in view.hint
        assert len(final_files(out)) == view.counts.files_done > 0
        ballast.unlink()
        view = await haulier.ends(job)  # nobody resumed it
        assert tree(out) == digests(moto_server, bucket)
        assert not (out / ".haulier").exists()


async def test_a_file_that_does_not_fit_is_refused_before_it_is_begun(haulier: Haulier, tmp_path: Path) -> None:
    """Its whole size is asked for at once, not part by part; what was taken of the disk is given back, and no
    try is counted again and again."""
    fill(tmp_path / "src/big", 24 * MIB)
    with tmpfs(tmp_path / "disk", size=16 * MIB) as disk:
        for reserve in (MIB, 0):
            out = disk / f"out{reserve}"
            job = (await haulier.submit(here(tmp_path / "src"), here(out), reserve=reserve)).id
            view = await haulier.ends(job, JobState.BLOCKED)
            assert "No space left" in view.reason
            assert str(out) in view.reason
            assert view.counts.bytes_done == 0
            assert _free(disk) > 15 * MIB
            await asyncio.sleep(3)  # long enough for a first look at the disk
            assert (await haulier.view(job)).state is JobState.BLOCKED
            assert len((await haulier.call(ListAttempts(job=job))).attempts) == 1
            await haulier.call(CancelJob(job=job))
            assert not (out / ".haulier").exists()


async def test_no_inodes_left(haulier: Haulier, tmp_path: Path) -> None:
    """The plan warns, the job stops with inodes as the reason, and goes on by itself when there are some."""
    source = many(tmp_path / "src", 60)
    with tmpfs(tmp_path / "disk", size=64 * MIB, nr_inodes=50) as disk:
        spare = [disk / f"spare{n}" for n in range(5)]
        for file in spare:
            file.touch()
        view = await haulier.planned(here(source), here(disk / "out"), JobKind.COPY)
        assert view.plan is not None
        assert "inodes" in " ".join(view.plan.warnings)
        job = (await haulier.submit(here(source), here(disk / "out"))).id
        view = await haulier.ends(job, JobState.BLOCKED)
        assert "inodes" in view.reason
        assert 0 < view.counts.files_done < 60
        subprocess.run(["mount", "-o", "remount,nr_inodes=500", str(disk)], check=True)
        await haulier.ends(job)
        assert tree(disk / "out") == tree(source)


async def test_read_only_in_the_middle(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """The file system becomes read-only: the job waits, is not tried again while it stays so, and ends whole
    by itself once it can be written."""
    objects = [("big", noise(20 * MIB)), *((f"s/{n}", noise(1000, seed=n)) for n in range(20))]
    put_all(moto_server, bucket, objects)
    await haulier.save(connection_of(moto_server))
    with Disk(tmp_path / "image", tmp_path / "disk", 128 * MIB) as disk:
        out = disk.folder / "out"
        job = (await haulier.submit(at(moto_server, bucket), here(out), **SLOWLY)).id
        await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 1, "a part")
        disk.break_off()
        view = await haulier.ends(job, JobState.BLOCKED)
        assert str(out) in view.reason
        tried = len((await haulier.call(ListAttempts(job=job))).attempts)
        await asyncio.sleep(4)  # long enough for a first look at the disk
        assert (await haulier.view(job)).state is JobState.BLOCKED
        assert len((await haulier.call(ListAttempts(job=job))).attempts) == tried
        await haulier.call(TuneJob(job=job, bandwidth=0))
        disk.mend()
        await haulier.ends(job)
        assert tree(out) == digests(moto_server, bucket)


async def test_a_disk_that_fails_when_it_is_flushed(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """A thin disk runs out behind its file system: what was written into the cache is refused at the flush
    (ENOSPC or EIO of fsync). Nothing of it is called completed, and the job ends whole when that is mended."""
    objects = [(f"o/{n}", noise(2 * MIB, seed=n)) for n in range(14)]
    put_all(moto_server, bucket, objects)
    await haulier.save(connection_of(moto_server))
    with (
        tmpfs(tmp_path / "thin", size=16 * MIB) as thin,
        Disk(thin / "image", tmp_path / "disk", 96 * MIB) as disk,
    ):
        out = disk.folder / "out"
        job = (await haulier.submit(at(moto_server, bucket), here(out))).id
        view = await haulier.ends(job, JobState.BLOCKED)
        assert str(out) in view.reason
        assert view.counts.files_done < 14
        subprocess.run(["mount", "-o", f"remount,size={96 * MIB}", str(thin)], check=True)
        disk.mend()
        await haulier.ends(job)
        assert tree(out) == digests(moto_server, bucket)


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
