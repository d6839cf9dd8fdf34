"""Deletions by a real engine that is killed in the middle of them."""

from __future__ import annotations

from pathlib import Path

from core.messages import UndeleteJob
from core.model import JobKind, JobState
from tests.paths.driving import Haulier, at, connection_of, fill, here, keys, put_all, yes_to
from tests.servers import S3Server

WORKERS = 4
OBJECTS = 100


async def test_a_kill_between_deletions(haulier: Haulier, moto_server: S3Server, tmp_path: Path) -> None:
    """kill -9 while objects go: the next engine deletes the rest of the confirmed plan and nothing else,
    and the undo file brings everything back but, at most, what was on its way at that instant; of that it says
    so and touches nothing."""
    bucket, s3 = moto_server.new_bucket(), moto_server.boto3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    names = {f"{number:03}" for number in range(OBJECTS)}
    put_all(moto_server, bucket, [(name, name.encode()) for name in sorted(names)])
    fill(tmp_path / "src" / "keep", 10)
    await haulier.save(connection_of(moto_server))
    view = await haulier.planned(
        here(tmp_path / "src"), at(moto_server, bucket), JobKind.SYNC, delete=True, workers=WORKERS
    )
    await haulier.call(yes_to(view))
    await haulier.reaches(view.id, lambda now: now.counts.deleted >= 10, "some deletions")
    await haulier.restart_after_kill()
    put_all(moto_server, bucket, [("came later", b"not in the plan")])
    done = await haulier.ends(view.id, JobState.COMPLETED)
    assert done.counts.deleted == OBJECTS
    assert set(keys(moto_server, bucket)) == {"keep", "came later"}
    report = await haulier.call(UndeleteJob(job=view.id))
    back = set(keys(moto_server, bucket)) - {"keep", "came later"}
    assert report.restored == len(back) >= OBJECTS - WORKERS
    assert report.unsure == OBJECTS - len(back)
    assert (report.lost, report.failed, report.there_already) == (0, 0, 0)
    assert back <= names
