"""Data larger than a disk: planned in batches, moved to disk after disk, each checked, catalogued."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.messages import (
    CancelJob,
    DropDisk,
    FindOnDisks,
    ForgetJob,
    GetCampaign,
    ListDisks,
    PauseJob,
    PlanJob,
    RemoveConnection,
    ResumeJob,
    RetryJob,
    StartJob,
    TuneJob,
)
from core.model import BatchAsk, BatchState, JobKind, JobOptions, JobSpec, JobState, Pair
from core.stores.disk import read_marker
from tests.paths.campaigns import (
    batch_of,
    begin,
    campaign,
    data,
    moved,
    over_four_disks,
    refusal,
    rests,
    rot,
    shelf,
    verified_alone,
)
from tests.paths.driving import MIB, Haulier, at, connection_of, here, noise, put_all
from tests.servers import S3Server


def parcels(total: int, seed: int = 0) -> dict[str, bytes]:
    """Names and contents of so many bytes in all, small files and large ones, in folders."""
    chance = random.Random(seed)
    found: dict[str, bytes] = {}
    while total > 0:
        size = min(total, chance.choice((0, 1, 4096, 50_000, 400_000, 7 * MIB)))
        total -= max(1, size)
        found[f"part{len(found) % 9}/{len(found):04} é.bin"] = noise(size, seed=len(found))
    return found


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


async def test_objects_over_four_disks(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Four disks swapped at one mount point, one wrong disk, one repeated batch, one unmounted target, a kill
    in the middle: every file is on one disk, whole, and the catalogue says on which."""
    files = parcels(46 * MIB)
    put_all(moto_server, bucket, files.items())
    await haulier.save(connection_of(moto_server))
    sizes = dict.fromkeys(("one", "two", "three", "four"), "16m")
    with shelf(tmp_path / "disks", **sizes) as disks:
        ask = BatchAsk(space=16 * MIB)
        await over_four_disks(haulier, disks, at(moto_server, bucket), ask, bandwidth=8 * MIB)
        assert {name: c for disk in sizes for name, c in data(disks.disk(disk)).items()} == files


async def test_files_over_four_disks(haulier: Haulier, tmp_path: Path) -> None:
    """The same from a folder, with sizes that disks of 64 MiB have."""
    files = parcels(180 * MIB, seed=1)
    source = written(tmp_path / "source", files)
    sizes = dict.fromkeys(("one", "two", "three", "four"), "64m")
    with shelf(tmp_path / "disks", **sizes) as disks:
        ask = BatchAsk(space=64 * MIB)
        await over_four_disks(haulier, disks, here(source), ask, bandwidth=64 * MIB)
        assert {name: c for disk in sizes for name, c in data(disks.disk(disk)).items()} == files


async def test_damage_is_found_and_mended(haulier: Haulier, tmp_path: Path) -> None:
    """A flipped bit on a safe disk: verifying the disk alone finds it, without the source; continuing the batch
    finds it too, names it, and the next time fetches that file and no other."""
    files = parcels(20 * MIB, seed=2)
    source = written(tmp_path / "source", files)
    with shelf(tmp_path / "disks", one="64m") as disks:
        view = await campaign(haulier, here(source), disks.folder, BatchAsk(space=64 * MIB))
        job = view.job.id
        disks.plug_in("one")
        await moved(haulier, job, 1, disks.folder)
        name = next(name for name, content in files.items() if len(content) > 4096)
        rot(disks.folder / name)
        alone = await verified_alone(haulier, disks.folder)
        assert alone.state is JobState.PARTIAL
        assert await haulier.errors(alone.id) == [(name, "content differs")]
        await begin(haulier, job, 1, disks.folder)
        batch = await rests(haulier, job, 1)
        assert batch.state is BatchState.MOVING
        assert name in batch.trouble
        assert name in (await haulier.view(job)).reason
        mended = await begin(haulier, job, 1, disks.folder)
        assert (await rests(haulier, job, 1)).state is BatchState.SAFE
        assert [item.filename for item in await haulier.items(mended.id)] == [name]
        assert data(disks.folder) == files
        assert (await haulier.view(job)).state is JobState.COMPLETED
        assert (await verified_alone(haulier, disks.folder)).state is JobState.COMPLETED


async def test_a_damaged_manifest_is_told(haulier: Haulier, tmp_path: Path) -> None:
    """A manifest of which a bit has changed proves nothing: the verification names it and fails."""
    source = written(tmp_path / "source", {"a": b"1", "b": b"2"})
    job = (await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=64 * MIB))).job.id
    await moved(haulier, job, 1, tmp_path / "disk")
    manifest = next((tmp_path / "disk").glob(".haulier-manifest-*"))
    content = bytearray(manifest.read_bytes())
    content[content.rindex(b'"b"') + 1] ^= 1
    manifest.write_bytes(content)
    alone = await verified_alone(haulier, tmp_path / "disk")
    assert alone.state is JobState.FAILED
    assert manifest.name in alone.reason
    assert "damaged" in alone.reason


async def test_what_fits_no_disk_is_named(haulier: Haulier, tmp_path: Path) -> None:
    """A file larger than any such disk is set apart, with what would hold it; the rest is moved, and the end
    says that not everything was."""
    source = written(tmp_path / "source", {"big": noise(9 * MIB), "small/a": b"a", "small/b": b"b"})
    view = await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=8 * MIB))
    assert view.oversized == (("big", 9 * MIB),)
    assert 9 * MIB / 0.9 < view.would_hold < 9 * MIB / 0.9 + 64 * 1024
    assert [batch.files for batch in view.batches] == [2]
    await moved(haulier, view.job.id, 1, tmp_path / "disk")
    done = await haulier.view(view.job.id)
    assert (done.state, done.counts.files_failed) == (JobState.PARTIAL, 1)
    fits = await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=view.would_hold))
    assert fits.oversized == ()


async def test_a_campaign_is_not_moved_by_hand(haulier: Haulier, tmp_path: Path) -> None:
    """Start, resume, retry, and a start along with the plan are refused, each with what to do instead."""
    source = written(tmp_path / "source", {"a": b"1"})
    view = await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=8 * MIB))
    job, plan = view.job.id, view.job.plan
    assert plan is not None
    for command in (StartJob(job=job, plan_hash=plan.hash), ResumeJob(job=job), RetryJob(job=job)):
        with pytest.raises(HaulierError) as refused:
            await haulier.call(command)
        assert "haulier batch continue" in refusal(refused)
    with pytest.raises(HaulierError):
        await haulier.call(PlanJob(spec=view.job.spec, key="at once", start=True))
    assert (await haulier.view(job)).state is JobState.PLANNED


@pytest.mark.parametrize(
    ("ask", "target", "options", "words"),
    [
        (BatchAsk(space=100), "disk", JobOptions(), "no room for a single file"),
        (BatchAsk(space=1 << 30, margin=1.5), "disk", JobOptions(), "margin"),
        (BatchAsk(space=1 << 30), "source/in", JobOptions(), "inside"),
        (BatchAsk(space=1 << 30), "disk", JobOptions(extract=True), "not extracted in batches"),
    ],
)
async def test_bad_wishes_are_refused(
    haulier: Haulier, tmp_path: Path, ask: BatchAsk, target: str, options: JobOptions, words: str
) -> None:
    """What cannot be is told before anything is listed."""
    source = written(tmp_path / "source", {"a": b"1"})
    pair = Pair(source=here(source), target=here(tmp_path / target))
    with pytest.raises(HaulierError, match=words):
        await haulier.call(
            PlanJob(spec=JobSpec(kind=JobKind.COPY, pairs=(pair,), options=options, batches=ask), key="k")
        )


async def test_disks_that_are_refused(haulier: Haulier, tmp_path: Path) -> None:
    """Too small, without inodes, a file instead of a folder, inside the source, a number that is none: nothing
    is written there."""
    source = written(tmp_path / "source", {f"{n}": noise(MIB, seed=n) for n in range(6)})
    with shelf(tmp_path / "disks", small="4m", good="64m") as disks:
        job = (await campaign(haulier, here(source), disks.folder, BatchAsk(space=32 * MIB))).job.id
        disks.plug_in("small")
        (tmp_path / "file").write_text("")
        for number, folder, words in (
            (1, disks.folder, "too little room"),
            (1, tmp_path / "file", "is a file"),
            (1, source / "below", "inside"),
            (2, disks.folder, "batches 1 to 1"),
        ):
            with pytest.raises(HaulierError) as refused:
                await begin(haulier, job, number, folder)
            assert words in refusal(refused)
        assert list(disks.folder.iterdir()) == []
        assert not (source / "below").exists()
        disks.plug_in("good")
        await moved(haulier, job, 1, disks.folder)


async def test_two_batches_share_a_disk(haulier: Haulier, tmp_path: Path) -> None:
    """With --share-disk a second batch goes onto a disk that holds one; both manifests are there, and the disk
    verifies as a whole."""
    files = parcels(12 * MIB, seed=3)
    source = written(tmp_path / "source", files)
    with shelf(tmp_path / "disks", one="64m") as disks:
        view = await campaign(haulier, here(source), disks.folder, BatchAsk(space=9 * MIB))
        disks.plug_in("one")
        for batch in view.batches:
            await moved(haulier, view.job.id, batch.number, disks.folder, share_disk=True)
        assert data(disks.folder) == files
        alone = await verified_alone(haulier, disks.folder)
        assert (alone.state, alone.counts.files_done) == (JobState.COMPLETED, len(files))
        [disk] = (await haulier.call(ListDisks())).disks
        assert [batch for _, batch in disk.holds] == [batch.number for batch in view.batches]
        assert disk.files == len(files)


async def test_a_batch_begun_anew_on_another_disk(haulier: Haulier, tmp_path: Path) -> None:
    """The disk of a batch is lost: with --other-disk the whole batch goes to another one, and the catalogue
    knows it there alone."""
    files = parcels(5 * MIB, seed=4)
    source = written(tmp_path / "source", files)
    with shelf(tmp_path / "disks", lost="32m", new="32m") as disks:
        job = (await campaign(haulier, here(source), disks.folder, BatchAsk(space=32 * MIB))).job.id
        disks.plug_in("lost")
        first = await moved(haulier, job, 1, disks.folder)
        disks.plug_in("new")
        second = await moved(haulier, job, 1, disks.folder, other_disk=True)
        assert second.disk != first.disk
        assert data(disks.folder) == files
        found = await haulier.call(FindOnDisks(contains="", limit=2000))
        assert {file.disk for file in found.files} == {second.disk}
        assert found.matching == len(files)


async def test_a_disk_that_was_only_begun_is_not_called_safe(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """A safe batch is begun anew on another disk, and its job cannot be made: what was found on the first disk
    does not count for the second one, which holds nothing, and the batch goes there once it can."""
    put_all(moto_server, bucket, [("a", b"1"), ("b/c", b"22")])
    connection = connection_of(moto_server)
    await haulier.save(connection)
    with shelf(tmp_path / "disks", first="32m", second="32m") as disks:
        job = (await campaign(haulier, at(moto_server, bucket), disks.folder, BatchAsk(space=32 * MIB))).job.id
        disks.plug_in("first")
        first = await moved(haulier, job, 1, disks.folder)
        await haulier.call(RemoveConnection(name=connection.name))
        disks.plug_in("second")
        with pytest.raises(HaulierError):
            await begin(haulier, job, 1, disks.folder, other_disk=True)
        batch = await batch_of(haulier, job, 1)
        assert batch.disk != first.disk
        assert batch.state is BatchState.MOVING
        assert (await haulier.call(FindOnDisks(contains="", limit=20))).files == ()
        await haulier.save(connection)
        await moved(haulier, job, 1, disks.folder)
        assert data(disks.folder) == {"a": b"1", "b/c": b"22"}


async def test_a_disk_that_is_pulled_before_it_was_read_back(haulier: Haulier, tmp_path: Path) -> None:
    """Nothing is called safe; the batch says which disk it wants, and goes on with it."""
    files = parcels(30 * MIB, seed=5)
    source = written(tmp_path / "source", files)
    with shelf(tmp_path / "disks", one="64m") as disks:
        job = (
            await campaign(haulier, here(source), disks.folder, BatchAsk(space=64 * MIB), bandwidth=15 * MIB)
        ).job.id
        disks.plug_in("one")
        mover = await begin(haulier, job, 1, disks.folder)
        await haulier.reaches(mover.id, lambda v: v.counts.files_done > 0, "a file")
        disks.pull()
        batch = await rests(haulier, job, 1)
        assert batch.state is BatchState.MOVING
        assert list(disks.folder.iterdir()) == []
        disks.plug_in("one")
        await begin(haulier, job, 1, disks.folder)
        while (batch := await rests(haulier, job, 1)).state is not BatchState.SAFE:
            pass
        assert data(disks.folder) == files


async def test_a_batch_waits_for_its_own_disk(haulier: Haulier, tmp_path: Path) -> None:
    """Killed, and started again with another disk in the place of the one that the batch goes to: its job stops
    and writes nothing there; with its own disk it goes on by itself and ends whole."""
    files = {f"{n}": noise(MIB, seed=n) for n in range(20)}
    source = written(tmp_path / "source", files)
    with shelf(tmp_path / "disks", own="64m", other="64m") as disks:
        ask = BatchAsk(space=64 * MIB)
        job = (await campaign(haulier, here(source), disks.folder, ask, bandwidth=8 * MIB)).job.id
        disks.plug_in("own")
        mover = await begin(haulier, job, 1, disks.folder)
        await haulier.reaches(mover.id, lambda v: v.counts.files_done > 0, "a file")
        await haulier.kill()
        disks.plug_in("other")
        await haulier.start()
        view = await haulier.ends(mover.id, JobState.BLOCKED)
        assert list(disks.folder.iterdir()) == [], view.reason
        assert "is blocked" in (await rests(haulier, job, 1)).trouble
        disks.plug_in("own")
        await haulier.ends(mover.id)
        while (await batch_of(haulier, job, 1)).state is not BatchState.SAFE:
            await asyncio.sleep(0.05)
        assert data(disks.folder) == files


async def test_killed_while_it_is_read_back(haulier: Haulier, tmp_path: Path) -> None:
    """The engine dies after the last file was copied and before the batch is called safe: the next one draws
    the conclusions, and nothing is copied twice."""
    files = parcels(60 * MIB, seed=8)
    source = written(tmp_path / "source", files)
    job = (await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=128 * MIB))).job.id
    mover = await begin(haulier, job, 1, tmp_path / "disk")
    while (await batch_of(haulier, job, 1)).state is BatchState.MOVING:
        pass
    await haulier.restart_after_kill()
    batch = await rests(haulier, job, 1)
    assert (batch.state, batch.job) == (BatchState.SAFE, mover.id)
    assert data(tmp_path / "disk") == files
    assert (await verified_alone(haulier, tmp_path / "disk")).counts.files_done == len(files)


async def test_killed_before_the_numbers_of_its_jobs_were_noted(haulier: Haulier, tmp_path: Path) -> None:
    """Both jobs of a batch were made, and ended, and the engine died before it had noted either: continuing it
    finds them by their keys, and ends with a safe batch, without anybody asking once more."""
    files = parcels(3 * MIB, seed=9)
    source = written(tmp_path / "source", files)
    job = (await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=128 * MIB))).job.id
    mover = await begin(haulier, job, 1, tmp_path / "disk")
    assert (await rests(haulier, job, 1)).state is BatchState.SAFE
    await haulier.stop()
    with closing(sqlite3.connect(haulier.paths.journal, isolation_level=None)) as db:
        db.execute("UPDATE batches SET state = 'waiting', mover = 0, checker = 0, tries = 0, done = 0")
        db.execute("UPDATE jobs SET state = 'paused', finished = 0 WHERE id = ?", (job,))
    await haulier.start()
    assert (await begin(haulier, job, 1, tmp_path / "disk")).id == mover.id
    batch = await rests(haulier, job, 1)
    assert (batch.state, batch.job) == (BatchState.SAFE, mover.id)
    assert (await haulier.view(job)).state is JobState.COMPLETED


async def test_pausing_a_campaign_pauses_its_batch(haulier: Haulier, tmp_path: Path) -> None:
    """The job that moves the batch stops; continuing the batch goes on with that very job."""
    files = {f"{n}": noise(MIB, seed=n) for n in range(12)}
    source = written(tmp_path / "source", files)
    view = await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=64 * MIB), bandwidth=4 * MIB)
    job = view.job.id
    mover = await begin(haulier, job, 1, tmp_path / "disk")
    await haulier.reaches(mover.id, lambda v: v.counts.files_done >= 1, "files")
    await haulier.call(PauseJob(job=job))
    assert (await haulier.view(mover.id)).state is JobState.PAUSED
    await haulier.reaches(job, lambda v: "paused" in v.reason, "words")
    assert (await begin(haulier, job, 1, None)).id == mover.id
    await haulier.call(TuneJob(job=mover.id, bandwidth=0))
    while (await batch_of(haulier, job, 1)).state is not BatchState.SAFE:
        await asyncio.sleep(0.05)
    with pytest.raises(HaulierError, match="completed already"):
        await haulier.call(PauseJob(job=job))


async def test_a_disk_is_taken_out_of_the_catalogue(haulier: Haulier, tmp_path: Path) -> None:
    """Refused while a campaign counts on it; then nothing of it is found any more, what lies on it stays and
    verifies alone, and no other disk loses anything."""
    files = {f"{n}": noise(100_000, seed=n) for n in range(8)}
    source = written(tmp_path / "source", files)
    view = await campaign(haulier, here(source), tmp_path / "one", BatchAsk(space=500_000, margin=1.0))
    job = view.job.id
    assert len(view.batches) == 2
    first = await moved(haulier, job, 1, tmp_path / "one")
    with pytest.raises(HaulierError, match=f"job {job} is not finished") as refused:
        await haulier.call(DropDisk(disk=first.disk))
    assert refused.value.code is Code.REFUSED
    second = await moved(haulier, job, 2, tmp_path / "two")
    left = await haulier.call(DropDisk(disk=first.disk))
    assert [disk.id for disk in left.disks] == [second.disk]
    found = (await haulier.call(FindOnDisks(contains=""))).files
    assert {each.disk for each in found} == {second.disk}
    with pytest.raises(HaulierError) as missing:
        await haulier.call(DropDisk(disk=first.disk))
    assert missing.value.code is Code.NOT_FOUND
    assert (await verified_alone(haulier, tmp_path / "one")).state is JobState.COMPLETED


async def test_a_batch_whose_job_was_cancelled(haulier: Haulier, tmp_path: Path) -> None:
    """Cancelling the job of a batch leaves it begun; continuing it on its disk copies the rest, and leaves what
    is there as it is."""
    files = {f"{n}": noise(MIB, seed=n) for n in range(12)}
    source = written(tmp_path / "source", files)
    view = await campaign(haulier, here(source), tmp_path / "disk", BatchAsk(space=64 * MIB), bandwidth=4 * MIB)
    job = view.job.id
    mover = await begin(haulier, job, 1, tmp_path / "disk")
    await haulier.reaches(mover.id, lambda v: v.counts.files_done >= 2, "files")
    await haulier.call(CancelJob(job=mover.id))
    batch = await rests(haulier, job, 1)
    assert (batch.state, "cancelled" in batch.trouble) == (BatchState.MOVING, True)
    there = {path.name: path.stat().st_ino for path in (tmp_path / "disk").iterdir() if path.name in files}
    again = await begin(haulier, job, 1, None)
    assert again.id != mover.id
    assert (await rests(haulier, job, 1)).state is BatchState.SAFE
    assert data(tmp_path / "disk") == files
    assert {name: (tmp_path / "disk" / name).stat().st_ino for name in there} == there
    assert len(await haulier.items(again.id)) == len(files) - len(there)


async def test_forgetting_keeps_the_catalogue(haulier: Haulier, tmp_path: Path) -> None:
    """Cancelling a campaign cancels what it has under way; forgetting it forgets its jobs, and not what is on
    which disk."""
    files = {f"{n}": noise(MIB, seed=n) for n in range(8)}
    source = written(tmp_path / "source", files)
    view = await campaign(haulier, here(source), tmp_path / "a", BatchAsk(space=5 * MIB), bandwidth=4 * MIB)
    job = view.job.id
    assert len(view.batches) == 2
    await moved(haulier, job, 1, tmp_path / "a")
    mover = await begin(haulier, job, 2, tmp_path / "b")
    await haulier.call(CancelJob(job=job))
    assert (await haulier.view(mover.id)).state is JobState.CANCELLED
    assert (await haulier.view(job)).state is JobState.CANCELLED
    with pytest.raises(HaulierError):
        await begin(haulier, job, 2, tmp_path / "b")
    await haulier.call(ForgetJob(job=job))
    for gone in (job, mover.id):
        with pytest.raises(HaulierError) as missing:
            await haulier.call(GetCampaign(job=gone))
        assert missing.value.code is Code.NOT_FOUND
    marker = read_marker(tmp_path / "a")
    assert marker is not None
    found = await haulier.call(FindOnDisks(contains="", limit=2000))
    assert {file.name for file in found.files} == set(data(tmp_path / "a"))
    assert {file.disk for file in found.files} == {marker.id}


async def test_several_sources_and_names_of_records(haulier: Haulier, tmp_path: Path) -> None:
    """Two sources go below one disk's folder, each under its own; the records of a disk are no data to
    another job; a file that is there already with the right content is left as it is."""
    one = written(tmp_path / "one", {"a": b"first", "same": b"equal"})
    two = written(tmp_path / "two", {"a": b"second", "deep/b": noise(3 * MIB)})
    disk = tmp_path / "disk"
    pairs = tuple(Pair(source=here(each), target=here(disk / each.name)) for each in (one, two))
    written(disk / "one", {"same": b"equal"})
    inode = (disk / "one/same").stat().st_ino
    job = await haulier.call(
        PlanJob(
            spec=JobSpec(
                kind=JobKind.COPY,
                pairs=pairs,
                options=JobOptions(reserve=0, retry="0.1x20"),
                batches=BatchAsk(space=64 * MIB),
            ),
            key="two",
        )
    )
    await haulier.reaches(job.id, lambda v: v.state is JobState.PLANNED, "plan")
    await moved(haulier, job.id, 1, disk)
    assert data(disk) == {
        "one/a": b"first",
        "one/same": b"equal",
        "two/a": b"second",
        "two/deep/b": noise(3 * MIB),
    }
    assert (disk / "one/same").stat().st_ino == inode
    assert (await verified_alone(haulier, disk)).counts.files_done == 4
    back = await campaign(haulier, here(disk), tmp_path / "again", BatchAsk(space=64 * MIB))
    assert back.batches[0].files == 4  # the records of the first disk are no data


async def test_a_file_that_cannot_be_fetched_is_left_out(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """An object that is gone by the time its batch is moved: the disk is safe without it, the batch and the
    campaign say so, and when it is back, continuing the batch fetches it alone."""
    put_all(moto_server, bucket, [("a", b"1" * 1000), ("b", b"2" * 1000)])
    await haulier.save(connection_of(moto_server))
    view = await campaign(haulier, at(moto_server, bucket), tmp_path / "disk", BatchAsk(space=64 * MIB))
    job = view.job.id
    moto_server.boto3().delete_object(Bucket=bucket, Key="b")
    batch = await moved(haulier, job, 1, tmp_path / "disk")
    assert "b: " in batch.trouble
    done = await haulier.view(job)
    assert (done.state, done.counts.files_failed) == (JobState.PARTIAL, 1)
    put_all(moto_server, bucket, [("b", b"2" * 1000)])
    await begin(haulier, job, 1, None)
    while (batch := await batch_of(haulier, job, 1)).state is not BatchState.SAFE:
        pass
    assert batch.trouble == ""
    assert (await haulier.view(job)).state is JobState.COMPLETED
    assert data(tmp_path / "disk") == {"a": b"1" * 1000, "b": b"2" * 1000}
