"""The disk under a target is pulled out or exchanged while a job writes to it: nothing goes anywhere else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.errors import Code, HaulierError
from core.messages import RepairJob, ResumeJob, TuneJob
from core.model import JobState
from tests.paths.disks import Disk
from tests.paths.driving import MIB, Haulier, at, connection_of, digests, here, noise, put_all, tree
from tests.servers import S3Server

SLOWLY: dict[str, Any] = {"connections": 2, "part_size": 5 * MIB, "bandwidth": 4 * MIB}


@pytest.fixture
def objects(moto_server: S3Server, bucket: str) -> str:
    put_all(moto_server, bucket, [("big", noise(20 * MIB)), *((f"s/{n}", noise(9, seed=n)) for n in range(20))])
    return bucket


async def test_a_disk_that_is_pulled_and_plugged_in_again(
    haulier: Haulier, moto_server: S3Server, objects: str, tmp_path: Path
) -> None:
    """The job stops and says which folder; nothing is written where the disk was mounted, also not by a resume
    or an engine that is started anew; with the disk back it goes on by itself and ends whole."""
    await haulier.save(connection_of(moto_server))
    with Disk(tmp_path / "image", tmp_path / "disk", 128 * MIB) as disk:
        out = disk.folder / "out"
        job = (await haulier.submit(at(moto_server, objects), here(out), **SLOWLY)).id
        await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 1, "a part")
        disk.pull()
        view = await haulier.ends(job, JobState.BLOCKED)
        await haulier.call(TuneJob(job=job, bandwidth=0))
        assert str(out) in view.reason
        await haulier.restart_after_kill()
        await haulier.call(ResumeJob(job=job))
        view = await haulier.ends(job, JobState.BLOCKED)
        assert f"the disk under {out} is not the one" in view.reason
        assert list(disk.folder.iterdir()) == []
        disk.plug_in()
        await haulier.ends(job)
        assert tree(out) == digests(moto_server, objects)


async def test_another_disk_in_its_place(
    haulier: Haulier, moto_server: S3Server, objects: str, tmp_path: Path
) -> None:
    """It is refused, by the job and by a repair, until a person says that it is meant: then everything that
    is not on it is moved to it."""
    await haulier.save(connection_of(moto_server))
    with Disk(tmp_path / "first", tmp_path / "disk", 128 * MIB) as first:
        out = first.folder / "out"
        job = (await haulier.submit(at(moto_server, objects), here(out), **SLOWLY)).id
        await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 1, "a part")
        await haulier.reaches(job, lambda v: v.counts.files_done >= 1, "a file")
        first.pull()
        await haulier.ends(job, JobState.BLOCKED)
        await haulier.call(TuneJob(job=job, bandwidth=0))
        second = Disk(tmp_path / "second", tmp_path / "disk", 128 * MIB)
        second.plug_in()
        await asyncio.sleep(4)
        assert (await haulier.view(job)).state is JobState.BLOCKED
        assert not out.exists()
        with pytest.raises(HaulierError) as refused:
            await haulier.call(RepairJob(job=job))
        assert refused.value.code is Code.REFUSED
        assert "--other-disk" in refused.value.hint
        done = await haulier.call(RepairJob(job=job, other_disk=True))
        assert done.reopened.count >= 1
        await haulier.call(ResumeJob(job=job))
        await haulier.ends(job)
        assert tree(out) == digests(moto_server, objects)
