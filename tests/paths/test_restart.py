"""An engine that ends in whatever state a job is: the next one goes on, or waits, as it should."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from core.messages import (
    PauseJob,
    ReadLog,
    ResumeJob,
    TuneJob,
)
from core.model import JobKind, JobState, JobView
from tests import servers
from tests.paths.driving import (
    Haulier,
    at,
    connection_of,
    digests,
    here,
    keys,
    many,
    serving,
    tree,
)
from tests.servers import S3Server


async def test_restart_while_planning(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Killed while it lists 4 000 files, again and again: in the end there is one whole plan, nothing moved."""
    await haulier.save(connection_of(moto_server))
    source = many(tmp_path / "src", 4000, size=1)
    job = (await haulier.submit(here(source), at(moto_server, bucket), JobKind.SYNC, start=False)).id
    for _ in range(3):
        await haulier.restart_after_kill()
    view = await haulier.ends(job, JobState.PLANNED)
    assert view.plan is not None
    assert (view.plan.copy.count, view.plan.copy.bytes) == (4000, 4000)
    assert len({item.filename for item in await haulier.items(job)}) == 4000
    assert keys(moto_server, bucket) == []


async def test_restart_while_it_lists_and_moves(haulier: Haulier, tmp_path: Path) -> None:
    """Killed three times while a job of 3 000 files lists and moves at once: all files, each once."""
    served, out = tmp_path / "served", tmp_path / "out"
    many(served / "bucket", 3000, size=20)
    with serving(served, servers.free_port()) as server:
        await haulier.save(connection_of(server))
        job = (await haulier.submit(at(server, "bucket"), here(out))).id
        for least in (1, 600, 1200):
            await haulier.reaches(job, partial(has_done, least), f"{least} files")
            await haulier.restart_after_kill()
        view = await haulier.ends(job)
    assert (view.counts.files_done, view.counts.files_total, view.counts.files_failed) == (3000, 3000, 0)
    items = await haulier.items(job)
    assert len(items) == len({item.filename for item in items}) == 3000
    assert tree(out) == tree(served / "bucket")


def has_done(least: int, view: JobView) -> bool:
    return view.counts.files_done >= least or view.state.is_final


async def test_restart_while_planned_paused_blocked(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Jobs that wait for a person wait after a kill as well, with their plan or reason, and then go on."""
    await haulier.save(connection_of(moto_server))
    source = many(tmp_path / "src", 300, size=4000)
    target = at(moto_server, bucket)
    planned = await haulier.planned(here(source), target, JobKind.SYNC, delete=True)
    paused = await haulier.submit(here(source), here(tmp_path / "paused"), bandwidth=200_000)
    await haulier.reaches(paused.id, lambda v: v.counts.files_done > 5, "some files")
    paused = await haulier.call(PauseJob(job=paused.id))
    nowhere = S3Server("nowhere", moto_server.endpoint, "x", "x")
    await haulier.save(connection_of(nowhere))
    profiles = Path.home() / ".aws/credentials"
    kept = profiles.read_text()
    profiles.write_text(kept.replace("[nowhere]", "[elsewhere]"))
    blocked = await haulier.submit(here(source), at(nowhere, bucket, "blocked/"))
    blocked = await haulier.ends(blocked.id, JobState.BLOCKED)
    await haulier.restart_after_kill()
    after = {job: await haulier.view(job) for job in (planned.id, paused.id, blocked.id)}
    assert after[planned.id].state is JobState.PLANNED
    assert after[planned.id].plan == planned.plan
    assert after[paused.id].state is JobState.PAUSED
    assert after[paused.id].counts.files_done == paused.counts.files_done
    assert (after[blocked.id].state, after[blocked.id].reason) == (JobState.BLOCKED, blocked.reason)
    assert keys(moto_server, bucket) == []
    profiles.write_text(kept)
    await haulier.call(TuneJob(job=paused.id, bandwidth=0))
    await haulier.call(ResumeJob(job=paused.id))
    await haulier.call(ResumeJob(job=blocked.id))
    await haulier.ends(paused.id)
    await haulier.ends(blocked.id)
    assert digests(moto_server, bucket, "blocked/") == tree(tmp_path / "paused") == tree(source)
    # The other job wrote below this plan's target meanwhile; the plan does not name that and leaves it.
    await haulier.confirmed(after[planned.id])
    assert len(keys(moto_server, bucket)) == 600


async def test_an_orderly_stop_and_start(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """Stopped with and without draining, a running job goes on with the next engine; the log tells of it."""
    await haulier.save(connection_of(moto_server))
    source = many(tmp_path / "src", 400, size=4000)
    job = (await haulier.submit(here(source), at(moto_server, bucket), bandwidth=1_000_000)).id
    for drain in (True, False):
        await haulier.reaches(job, lambda v: v.counts.files_done > 5, "some files")
        await haulier.stop(drain=drain)
        await haulier.start()
        assert (await haulier.view(job)).state is JobState.RUNNING
    await haulier.call(TuneJob(job=job, bandwidth=0))
    await haulier.ends(job)
    assert digests(moto_server, bucket) == tree(source)
    notices = (await haulier.call(ReadLog(job=job))).notices
    assert any("done" in notice.text for notice in notices)
