"""What goes wrong outside: disks, permissions, keys, servers, journals. Jobs say so, wait, and go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import Code, HaulierError
from core.launch import connect
from core.messages import (
    CancelJob,
    ListAttempts,
    ListJobs,
    ReadLog,
    ResumeJob,
    TuneJob,
)
from core.model import JobKind, JobState
from tests import servers
from tests.paths.disks import tmpfs
from tests.paths.driving import (
    MIB,
    Haulier,
    at,
    connection_of,
    digests,
    fill,
    here,
    many,
    noise,
    put_all,
    serving,
    tree,
    unfinished_uploads,
    yes_to,
)
from tests.paths.wiretap import tapped
from tests.servers import S3Server

# ---------------------------------------------------------------- disks and permissions


async def test_full_disk(haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """No space left: the job waits with the reason and a way out; with space it goes on where it was."""
    objects = [("big", noise(12 * MIB)), *((f"small/{n}", noise(MIB, seed=n)) for n in range(10))]
    put_all(moto_server, bucket, objects)
    await haulier.save(connection_of(moto_server))
    with tmpfs(tmp_path / "disk", size=32 * MIB) as disk:
        ballast = fill(disk / "ballast", 18 * MIB)
        out = disk / "out"
        job = (await haulier.submit(at(moto_server, bucket), here(out), reserve=0)).id
        view = await haulier.ends(job, JobState.BLOCKED)
        assert "No space left" in view.reason
        assert "free space" in view.hint
        assert all(not path.name.startswith("big") for path in out.iterdir()) or view.counts.files_done
        for path in out.rglob("*"):
            if path.is_file() and ".haulier" not in path.parts:
                assert path.stat().st_size == len(dict(objects)[str(path.relative_to(out))])
        done_before = view.counts.files_done
        ballast.unlink()
        view = await haulier.ends(job)  # nobody resumed it
        assert view.counts.files_done == 11 >= done_before
        assert tree(out) == digests(moto_server, bucket)
        assert not (out / ".haulier").exists()


async def test_full_disk_under_the_journal(moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """The engine's own disk is full: the job stops with a reason instead of going on unrecorded, the engine
    lives, and with space the job ends whole."""
    source = many(tmp_path / "src", 400)
    with tmpfs(tmp_path / "disk", size=6 * MIB) as disk:
        async with Haulier(disk / "haulier") as haulier:
            await haulier.save(connection_of(moto_server))
            view = await haulier.planned(here(source), at(moto_server, bucket), JobKind.COPY)
            assert view.plan is not None
            start = yes_to(view)
            with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(b"\0" * 1024)
            with contextlib.suppress(HaulierError):  # refused, when not even the start could be recorded
                await haulier.call(start)
            stopped = await haulier.reaches(
                view.id, lambda v: v.state in (JobState.BLOCKED, JobState.PLANNED), "a stop"
            )
            assert stopped.state is JobState.PLANNED or "journal" in stopped.reason
            (disk / "ballast").unlink()
            if stopped.state is JobState.PLANNED:  # a blocked job goes on by itself
                await haulier.call(start)
            done = await haulier.ends(view.id)
            assert (done.counts.files_done, done.counts.files_failed) == (400, 0)
    assert digests(moto_server, bucket) == tree(source)


async def test_folder_that_may_not_be_written(moto_server: S3Server, bucket: str, tmp_path: Path) -> None:
    """No permission to write into the target: the job waits and says where; with permission it goes on."""
    put_all(moto_server, bucket, [("a", b"1"), ("b", noise(6 * MIB))])
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    async with Haulier(tmp_path / "haulier", module="tests.paths.plain_user") as haulier:
        await haulier.save(connection_of(moto_server))
        for target in (out, out / "below"):
            job = (await haulier.submit(at(moto_server, bucket), here(target))).id
            view = await haulier.ends(job, JobState.BLOCKED)
            assert str(out) in view.reason
            assert view.hint
            await haulier.call(CancelJob(job=job))
        job = (await haulier.submit(at(moto_server, bucket), here(out))).id
        await haulier.ends(job, JobState.BLOCKED)
        out.chmod(0o700)
        await haulier.call(ResumeJob(job=job))
        await haulier.ends(job)
    assert tree(out) == digests(moto_server, bucket)


# ---------------------------------------------------------------- names and keys


async def test_missing_bucket_as_source(haulier: Haulier, moto_server: S3Server, tmp_path: Path) -> None:
    """The job cannot be carried out and says which bucket; nothing is made at the target."""
    await haulier.save(connection_of(moto_server))
    made = await haulier.submit(at(moto_server, "no-such-bucket"), here(tmp_path / "out"))
    view = await haulier.reaches(
        made.id, lambda v: v.state is not JobState.PLANNING and v.reason != "", "an end"
    )
    assert view.state in (JobState.FAILED, JobState.BLOCKED)
    assert "no-such-bucket" in view.reason
    assert not (tmp_path / "out").exists()


async def test_wrong_keys(haulier: Haulier, rclone_server: S3Server, tmp_path: Path) -> None:
    """Refused credentials stop the job with the reason, without a word of the secret; with right ones it goes
    on."""
    bucket = rclone_server.new_bucket()
    source = many(tmp_path / "src", 3)
    wrong = S3Server("wrong", rclone_server.endpoint, rclone_server.access_key, "not-the-secret-at-all")
    await haulier.save(connection_of(wrong))
    job = (await haulier.submit(here(source), at(wrong, bucket))).id
    view = await haulier.ends(job, JobState.BLOCKED)
    assert view.reason
    assert "credentials" in view.hint
    log = haulier.paths.engine_log.read_text()
    assert "not-the-secret-at-all" not in log + view.reason + view.hint
    profiles = Path.home() / ".aws/credentials"
    profiles.write_text(profiles.read_text().replace("not-the-secret-at-all", rclone_server.secret_key))
    await haulier.restart_after_kill()
    assert (await haulier.view(job)).state is JobState.BLOCKED
    await haulier.call(ResumeJob(job=job))
    await haulier.ends(job)
    assert digests(rclone_server, bucket) == tree(source)


# ---------------------------------------------------------------- servers


async def says(haulier: Haulier, what: str) -> None:
    """Wait until the engine's newest word of the network is this one."""
    deadline = time.monotonic() + 60
    while True:
        notices = [n.text for n in (await haulier.call(ReadLog())).notices if n.text.startswith("network")]
        if notices and notices[-1].startswith(what):
            return
        assert time.monotonic() < deadline, f"never said {what!r}"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["download", "upload"])
async def test_a_server_that_goes_and_comes_back(haulier: Haulier, tmp_path: Path, kind: str) -> None:
    """The server is killed in the middle of a job and started again: the job waits and ends whole."""
    port, folder, big = servers.free_port(), tmp_path / "served", noise(40 * MIB)
    bucket = "bucket"
    (folder / bucket).mkdir(parents=True)
    local = tmp_path / "local"
    local.mkdir()
    origin = folder / bucket if kind == "download" else local
    (origin / "big").write_bytes(big)
    many(origin, 30)
    limits: dict[str, Any] = {"workers": 3, "connections": 2, "part_size": 5 * MIB, "bandwidth": 15 * MIB}
    with serving(folder, port) as server:
        await haulier.save(connection_of(server))
        sides = (at(server, bucket), here(local))
        source, target = sides if kind == "download" else sides[::-1]
        job = (await haulier.submit(source, target, retry="0.1x1000", **limits)).id
        await haulier.reaches(job, lambda _: len(haulier.recorded_parts()) >= 2, "first parts")
    await says(haulier, "network away")
    assert (await haulier.view(job)).state is JobState.RUNNING
    with serving(folder, port) as server:
        await haulier.call(TuneJob(job=job, bandwidth=0))
        view = await haulier.ends(job)
        assert view.counts.files_failed == 0
        assert tree(local) == digests(server, bucket)
        assert len(tree(local)) == 31
        failed = (await haulier.call(ListAttempts(job=job))).attempts
        assert failed
        assert all(attempt.error_class in ("network", "changed") for attempt in failed)


async def test_a_wire_that_is_cut_while_listing(haulier: Haulier, tmp_path: Path) -> None:
    """The network goes away for a moment between two pages of a listing: the job goes on, complete."""
    served = tmp_path / "served"
    many(served / "bucket", 2500, size=1)
    with serving(served, servers.free_port()) as server, tapped(server.endpoint) as tap:
        await haulier.save(connection_of(server, tap.endpoint))
        source, target = at(server, "bucket"), here(tmp_path / "out")
        job = (await haulier.submit(source, target, retry="0.05x1000")).id
        await haulier.reaches(job, lambda v: v.counts.listed > 0 or v.state.is_final, "a page")
        tap.cut()
        await says(haulier, "network away")
        tap.mend()
        view = await haulier.ends(job)
    assert (view.counts.files_done, view.counts.files_failed) == (2500, 0)
    assert tree(tmp_path / "out") == tree(served / "bucket")


async def test_a_restart_while_the_network_is_away(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """An engine that starts without network goes on waiting with its jobs instead of failing them."""
    source = many(tmp_path / "src", 300, size=5000)
    with tapped(moto_server.endpoint) as tap:
        await haulier.save(connection_of(moto_server, tap.endpoint))
        made = await haulier.submit(
            here(source), at(moto_server, bucket), bandwidth=300_000, workers=2, retry="0.05x1000"
        )
        await haulier.reaches(made.id, lambda v: v.counts.files_done > 10, "first files")
        tap.cut()
        await haulier.restart_after_kill()
        await says(haulier, "network away")
        assert (await haulier.view(made.id)).state in (JobState.RUNNING, JobState.PLANNING)
        tap.mend()
        await haulier.call(TuneJob(job=made.id, bandwidth=0, workers=16))
        view = await haulier.ends(made.id)
    assert view.counts.files_failed == 0
    assert digests(moto_server, bucket) == tree(source)


async def test_two_troubles_at_once(
    haulier: Haulier, moto_server: S3Server, rclone_server: S3Server, bucket: str
) -> None:
    """The source object is replaced while the target cannot be reached: the relay neither hangs nor mixes, and
    an upload that could not be removed is told."""
    source = rclone_server.new_bucket()
    put_all(rclone_server, source, [("big", noise(30 * MIB))])
    limits: dict[str, Any] = {"workers": 1, "connections": 2, "part_size": 5 * MIB, "bandwidth": 10 * MIB}
    with tapped(moto_server.endpoint) as tap:
        await haulier.save(connection_of(rclone_server))
        await haulier.save(connection_of(moto_server, tap.endpoint))
        made = await haulier.submit(
            at(rclone_server, source), at(moto_server, bucket), retry="0.05x1000", **limits
        )
        await haulier.reaches(made.id, lambda _: len(haulier.recorded_parts()) >= 2, "first parts")
        tap.cut()
        put_all(rclone_server, source, [("big", noise(30 * MIB, seed=1))])
        await says(haulier, "network away")
        tap.mend()
        await haulier.call(TuneJob(job=made.id, bandwidth=0))
        await haulier.ends(made.id)
    assert digests(moto_server, bucket) == digests(rclone_server, source)
    if unfinished_uploads(moto_server, bucket):
        notices = (await haulier.call(ReadLog(job=made.id))).notices
        assert any("partial data left behind" in notice.text for notice in notices)


# ---------------------------------------------------------------- the journal


async def test_damaged_journal(tmp_path: Path) -> None:
    """The engine does not start on a damaged journal, says which file and what to do, and leaves it as it is,
    with a copy beside it; with the file moved away it starts."""
    haulier = Haulier(tmp_path / "haulier")
    async with haulier:
        await haulier.copied(here(fill(tmp_path / "src/a", 10).parent), here(tmp_path / "out"))
        await haulier.stop()
        journal = haulier.paths.journal
        broken = journal.read_bytes()[:5000] + b"damage" * 3000
        journal.write_bytes(broken)
        with pytest.raises(HaulierError) as refused:
            await connect(haulier.paths)
        assert refused.value.code is Code.UNAVAILABLE
        assert str(journal) in refused.value.message
        assert journal.read_bytes() == broken
        (copy,) = journal.parent.glob("journal-damaged-*/journal.sqlite3")
        assert copy.read_bytes() == broken
        assert "a copy is kept" in haulier.paths.engine_log.read_text() + refused.value.message
        journal.rename(tmp_path / "aside")
        await haulier.start()
        assert (await haulier.call(ListJobs())).jobs == ()


# ---------------------------------------------------------------- verify


@pytest.mark.parametrize("side", ["local", "remote"])
async def test_verify_finds_what_is_broken(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path, side: str
) -> None:
    """One flipped byte at the same size and time, one missing file, one of another size: all three are named,
    nothing is moved."""
    await haulier.save(connection_of(moto_server))
    source = many(tmp_path / "src", 20)
    big = fill(source / "big", 20 * MIB)
    await haulier.copied(here(source), at(moto_server, bucket))
    other = tmp_path / "other"
    await haulier.copied(at(moto_server, bucket), here(other))
    pairs = {
        "remote": (here(other), at(moto_server, bucket)),
        "local": (here(source), here(other)),
    }
    clean = await haulier.copied(*pairs[side], kind=JobKind.VERIFY)
    assert clean.counts.files_done == 21
    times = (other / "big").stat()
    with (other / "big").open("r+b") as file:
        file.seek(7 * MIB)
        file.write(bytes([noise(20 * MIB)[7 * MIB] ^ 1]))
    os.utime(other / "big", ns=(times.st_atime_ns, times.st_mtime_ns))
    (other / "0/00000").unlink()
    (other / "1/00001").write_bytes(b"longer" * 100)
    before = tree(other)
    job = (await haulier.submit(*pairs[side], kind=JobKind.VERIFY)).id
    view = await haulier.ends(job, JobState.PARTIAL)
    assert view.counts.files_failed == 3
    assert "differ or are missing" in view.reason
    assert {name for name, _ in await haulier.errors(job)} == {"big", "0/00000", "1/00001"}
    assert tree(other) == before
    assert big.stat().st_size == 20 * MIB
