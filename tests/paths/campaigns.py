"""Driving a campaign: batches over disks that are tmpfs, swapped at one mount point."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.errors import Code, HaulierError
from core.messages import ContinueCampaign, FindOnDisks, GetCampaign, ListBatchFiles, ListDisks, PlanJob
from core.model import (
    BatchAsk,
    BatchState,
    BatchView,
    CampaignView,
    JobKind,
    JobOptions,
    JobSpec,
    JobState,
    JobView,
    Pair,
    Place,
)
from core.stores.disk import read_marker
from tests.paths.disks import mount
from tests.paths.driving import SECONDS, Haulier, here

RECORDS = ".haulier-"


class Shelf:
    """Disks that keep what is on them while they are not plugged in, and one folder to plug them in at."""

    def __init__(self, folder: Path, sizes: dict[str, str]) -> None:
        self.folder = folder / "mnt"
        self.folder.mkdir(parents=True)
        self._shelf = folder / "shelf"
        self._in = ""
        for name, size in sizes.items():
            at = self._shelf / name
            at.mkdir(parents=True)
            mount("-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(at))

    def disk(self, name: str) -> Path:
        """A disk as it lies on the shelf; its content is the same whether it is plugged in or not."""
        return self._shelf / name

    def plug_in(self, name: str) -> Path:
        self.pull()
        mount("--bind", str(self.disk(name)), str(self.folder))
        self._in = name
        return self.folder

    def pull(self) -> None:
        if self._in:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
            self._in = ""

    def close(self) -> None:
        self.pull()
        for each in self._shelf.iterdir():
            subprocess.run(["umount", "-l", str(each)], capture_output=True, check=False)


@contextmanager
def shelf(folder: Path, **sizes: str) -> Iterator[Shelf]:
    """One tmpfs for each name, of the size that is given as mount(8) takes it; needs root."""
    made = Shelf(folder, sizes)
    try:
        yield made
    finally:
        made.close()


async def campaign(
    haulier: Haulier, source: Place, target: Path, ask: BatchAsk, **options: Any
) -> CampaignView:
    """A campaign of one pair, planned and packed."""
    spec = JobSpec(
        kind=JobKind.COPY,
        pairs=(Pair(source=source, target=here(target)),),
        options=JobOptions(**{"retry": "0.1x20", "reserve": 0, **options}),
        batches=ask,
    )
    job = await haulier.call(PlanJob(spec=spec, key=uuid.uuid4().hex))
    await haulier.reaches(job.id, lambda view: view.state is not JobState.PLANNING, "plan")
    return await haulier.call(GetCampaign(job=job.id))


async def batch_of(haulier: Haulier, job: int, number: int) -> BatchView:
    return (await haulier.call(GetCampaign(job=job))).batches[number - 1]


async def begin(haulier: Haulier, job: int, number: int, target: Path | None, **words: bool) -> JobView:
    place = here(target) if target is not None else None
    return await haulier.call(ContinueCampaign(job=job, batch=number, target=place, **words))


async def rests(haulier: Haulier, job: int, number: int, seconds: float = SECONDS) -> BatchView:
    """The batch once nothing happens with it any more: safe, or in trouble."""
    ends = time.monotonic() + seconds
    while True:
        batch = await batch_of(haulier, job, number)
        if batch.state is BatchState.SAFE or batch.trouble:
            return batch
        assert time.monotonic() < ends, f"batch {number} is {batch}"
        await asyncio.sleep(0.02)


async def moved(haulier: Haulier, job: int, number: int, target: Path, **words: bool) -> BatchView:
    """A batch moved to a disk, and safe there."""
    await begin(haulier, job, number, target, **words)
    batch = await rests(haulier, job, number, 600)
    assert batch.state is BatchState.SAFE, batch
    return batch


def data(root: Path) -> dict[str, bytes]:
    """Relative name → content of what is data on a disk."""
    return {name: (root / name).read_bytes() for name in data_names(root)}


def refusal(error: pytest.ExceptionInfo[HaulierError]) -> str:
    """What was refused, and how to go on."""
    assert error.value.code is Code.REFUSED, error.value
    assert error.value.hint
    return f"{error.value.message} ({error.value.hint})"


def rot(path: Path) -> None:
    """Flip one bit in the middle; size and time stay."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(status.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


async def verified_alone(haulier: Haulier, folder: Path) -> JobView:
    """A disk held against its own manifests, to the end."""
    spec = JobSpec(
        kind=JobKind.VERIFY,
        pairs=(Pair(source=Place(kind="disk", path=str(folder)), target=here(folder)),),
        options=JobOptions(retry="0.1x20"),
        extras_ok=True,
    )
    job = await haulier.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=True))
    return await haulier.reaches(job.id, lambda view: view.state.is_final, "end", 600)


async def over_four_disks(haulier: Haulier, disks: Shelf, source: Place, ask: BatchAsk, **options: Any) -> int:
    """A campaign from its plan to its last disk, with everything that a person can do wrong. Asserts all but
    the content, which the caller knows. The disks are "one" to "four". Returns the campaign's number."""
    view = await campaign(haulier, source, disks.folder, ask, **options)
    job, count = view.job.id, len(view.batches)
    assert (view.job.state, count) == (JobState.PLANNED, 4), view
    names = ["one", "two", "three", "four"]

    disks.plug_in("one")
    first = await moved(haulier, job, 1, disks.folder)
    assert f"disk {first.disk} may be removed" in (await haulier.view(job)).reason

    # The disk of batch 1 is still there.
    with pytest.raises(HaulierError) as wrong:
        await begin(haulier, job, 2, disks.folder)
    assert f"disk {first.disk}, which holds batch 1" in refusal(wrong)

    # Batch 1 once more, on its own disk: it is read again, nothing is moved.
    before = {path: path.stat().st_ino for path in disks.folder.rglob("*") if path.is_file()}
    again = await begin(haulier, job, 1, disks.folder)
    assert again.spec.kind is JobKind.VERIFY
    assert (await rests(haulier, job, 1)).job == first.job
    after = {path: path.stat().st_ino for path in disks.folder.rglob("*") if path.is_file()}
    kept = {path for path in before if not path.name.startswith(RECORDS)}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}

    # Nothing is mounted where the first disk was.
    disks.pull()
    with pytest.raises(HaulierError) as unmounted:
        await begin(haulier, job, 2, disks.folder)
    assert "nothing is mounted" in refusal(unmounted)
    assert list(disks.folder.iterdir()) == []

    # The engine is killed in the middle of batch 2, and goes on by itself.
    disks.plug_in("two")
    mover = await begin(haulier, job, 2, disks.folder)
    await haulier.reaches(mover.id, lambda v: v.counts.bytes_done > 0, "bytes")
    await haulier.restart_after_kill()
    assert (await batch_of(haulier, job, 2)).state is BatchState.MOVING
    second = await rests(haulier, job, 2, 600)
    assert second.state is BatchState.SAFE, second

    # Another disk than the one that batch 2 is on.
    disks.plug_in("three")
    with pytest.raises(HaulierError) as other:
        await begin(haulier, job, 2, disks.folder)
    assert f"begun on disk {second.disk}" in refusal(other)

    for number in (3, 4):
        disks.plug_in(names[number - 1])
        await moved(haulier, job, number, disks.folder)
    done = await haulier.view(job)
    assert (done.state, done.counts.files_done) == (JobState.COMPLETED, done.counts.files_total), done

    for number, name in enumerate(names, 1):
        disks.plug_in(name)
        checked = await verified_alone(haulier, disks.folder)
        there = (await batch_of(haulier, job, number)).files
        assert (checked.state, checked.counts.files_done) == (JobState.COMPLETED, there), checked
    known = await haulier.call(ListDisks())
    for _ in range(100):  # the last one is noted just after its job has ended
        if all(disk.verified_at for disk in known.disks):
            break
        await asyncio.sleep(0.02)
        known = await haulier.call(ListDisks())
    assert sorted(disk.holds for disk in known.disks) == [((job, n),) for n in range(1, count + 1)]
    assert all(disk.verified_at for disk in known.disks)
    await _as_the_catalogue_says(haulier, job, disks, names)
    return job


async def _as_the_catalogue_says(haulier: Haulier, job: int, disks: Shelf, names: list[str]) -> None:
    """Every file is on the disk, and on that one alone, that the catalogue and the campaign name."""
    on: dict[str, str] = {}
    for name in names:
        marker = read_marker(disks.disk(name))
        assert marker is not None
        for file in data_names(disks.disk(name)):
            assert file not in on, f"{file} is on two disks"
            on[file] = marker.id
    for command in (FindOnDisks(contains="", limit=2000), ListBatchFiles(job=job, limit=2000)):
        found: dict[str, str] = {}
        cursor = ""
        while True:
            page = await haulier.call(msgspec.structs.replace(command, cursor=cursor))
            found |= {file.name: file.disk for file in page.files}
            cursor = page.cursor
            if not cursor:
                break
        assert found == on


def data_names(root: Path) -> list[str]:
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return [str(name) for name in names if not name.parts[0].startswith(RECORDS)]
