"""Two writers of the same files, of one engine and of two over one folder: one at a time, never mixed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.messages import PauseJob, ReadLog, TuneJob
from core.model import JobState, Status
from tests.paths.driving import MIB, Haulier, at, connection_of, digests, fill, here, noise, put_all, tree
from tests.servers import S3Server

SLOWLY: dict[str, Any] = {"connections": 1, "part_size": 5 * MIB, "bandwidth": 3 * MIB}


def objects(version: int) -> list[tuple[str, bytes]]:
    return [("big", noise(15 * MIB, seed=version)), *((f"s/{n}", noise(900, version)) for n in range(30))]


@pytest.fixture
def buckets(moto_server: S3Server) -> tuple[str, str]:
    """Two with the same keys and sizes, and different content."""
    first, second = moto_server.new_bucket(), moto_server.new_bucket()
    put_all(moto_server, first, objects(1))
    put_all(moto_server, second, objects(2))
    return first, second


async def test_two_jobs_of_one_engine(
    haulier: Haulier, moto_server: S3Server, buckets: tuple[str, str], tmp_path: Path
) -> None:
    """The second waits for each file that the first is writing, says for which job, and does the others
    meanwhile; it goes on when the first is paused. Every file holds one version, whole."""
    await haulier.save(connection_of(moto_server))
    out = here(tmp_path / "out")
    first = (await haulier.submit(at(moto_server, buckets[0]), out, **SLOWLY)).id
    await haulier.reaches(
        first, lambda v: v.counts.bytes_done > MIB and v.counts.files_done == 30, "small files"
    )
    # The deeper folder is another root with locks of its own: the engine's table knows that it is one file.
    link = tmp_path / "also-out"
    link.symlink_to(tmp_path / "out")
    second = (await haulier.submit(at(moto_server, buckets[1]), here(link), compare="checksum")).id
    view = await haulier.reaches(second, lambda v: v.counts.files_done == 30, "the other files")
    assert view.state is JobState.RUNNING
    assert [i.filename for i in await haulier.items(second, Status.PENDING)] == ["big"]
    notices = [notice.text for notice in (await haulier.call(ReadLog(job=second))).notices]
    assert any(f"job {first} is writing" in text for text in notices)
    await haulier.call(PauseJob(job=first))
    await haulier.ends(second)
    assert tree(tmp_path / "out") == digests(moto_server, buckets[1]) | _partial(tmp_path / "out")


async def test_the_same_content_is_not_moved_twice(
    haulier: Haulier, moto_server: S3Server, buckets: tuple[str, str], tmp_path: Path
) -> None:
    """Two jobs of the same source and target: what the second had to wait for it takes over as it is there."""
    await haulier.save(connection_of(moto_server))
    (tmp_path / "out").mkdir()
    out = here(tmp_path / "out")
    first = (await haulier.submit(at(moto_server, buckets[0], "big"), out, **SLOWLY)).id
    await haulier.reaches(first, lambda v: v.counts.bytes_done > MIB, "first bytes")
    second = (await haulier.submit(at(moto_server, buckets[0], "big"), out)).id
    await haulier.reaches(second, lambda v: v.counts.files_total == 1, "the plan")
    await asyncio.sleep(1)
    assert (await haulier.view(second)).counts.bytes_done == 0
    await haulier.call(TuneJob(job=first, bandwidth=0))
    await haulier.ends(first)
    inode = (tmp_path / "out/big").stat().st_ino
    await haulier.ends(second)
    assert (tmp_path / "out/big").stat().st_ino == inode


async def test_two_engines_and_one_that_dies(
    haulier: Haulier, moto_server: S3Server, buckets: tuple[str, str], tmp_path: Path
) -> None:
    """Another engine waits for the file that this one writes; killed, it lets go of it at once. Alive again, it
    ends its own job whole."""
    await haulier.save(connection_of(moto_server))
    out = here(tmp_path / "out")
    first = (await haulier.submit(at(moto_server, buckets[0]), out, **SLOWLY)).id
    await haulier.reaches(
        first, lambda v: v.counts.bytes_done > MIB and v.counts.files_done == 30, "small files"
    )
    async with Haulier(tmp_path / "other") as other:
        await other.save(connection_of(moto_server, name="again"))
        source = msgspec.structs.replace(at(moto_server, buckets[1]), connection="again")
        job = (await other.submit(source, out, compare="checksum")).id
        await other.reaches(job, lambda v: v.counts.files_done == 30, "the other files")
        notices = [notice.text for notice in (await other.call(ReadLog(job=job))).notices]
        assert any("another haulier is writing" in text for text in notices)
        await asyncio.sleep(1)
        assert (await other.view(job)).state is JobState.RUNNING
        await haulier.kill()
        killed = time.monotonic()
        await other.ends(job)
        assert time.monotonic() - killed < 10
        assert tree(tmp_path / "out") == digests(moto_server, buckets[1]) | _partial(tmp_path / "out")
    await haulier.start()
    await haulier.call(TuneJob(job=first, bandwidth=0))
    await haulier.ends(first)
    whole = {**digests(moto_server, buckets[1]), "big": digests(moto_server, buckets[0])["big"]}
    assert tree(tmp_path / "out") == whole


async def test_two_jobs_that_write_one_key(haulier: Haulier, moto_server: S3Server, tmp_path: Path) -> None:
    """The same of an S3 target: the second upload of a key begins when the first has ended."""
    bucket = moto_server.new_bucket()
    await haulier.save(connection_of(moto_server))
    one, two = fill(tmp_path / "1/big", 20 * MIB, seed=1), fill(tmp_path / "2/big", 20 * MIB, seed=2)
    first = (await haulier.submit(here(one), at(moto_server, bucket, "big"), **SLOWLY)).id
    await haulier.reaches(first, lambda v: v.counts.bytes_done > MIB, "first bytes")
    second = (await haulier.submit(here(two), at(moto_server, bucket, "big"))).id
    await haulier.reaches(second, lambda v: v.counts.files_total == 1, "the plan")
    await asyncio.sleep(1)
    assert (await haulier.view(second)).counts.bytes_done == 0
    await haulier.call(TuneJob(job=first, bandwidth=0))
    await haulier.ends(first)
    await haulier.ends(second)
    assert digests(moto_server, bucket) == {"big": tree(two.parent)["big"]}


def _partial(out: Path) -> dict[str, str]:
    """What the job that did not end keeps."""
    return {name: digest for name, digest in tree(out).items() if name.startswith(".haulier/")}
