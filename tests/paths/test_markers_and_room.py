"""Folder markers on the way to a file system and back, and what the plan says of a disk that is too small."""

from __future__ import annotations

from pathlib import Path

from core.model import JobKind, JobState
from tests.paths.driving import Haulier, at, connection_of, fill, here, keys, put_all
from tests.servers import S3Server


async def test_folder_markers_are_folders(
    haulier: Haulier, moto_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    """`x/` becomes a folder once, is then skipped and counts as equal; a sync back does not delete it."""
    await haulier.save(connection_of(moto_server))
    put_all(moto_server, bucket, [("x/", b""), ("x/a", b"1"), ("empty/", b"")])
    out = tmp_path / "out"
    await haulier.copied(at(moto_server, bucket), here(out))
    assert (out / "x" / "a").read_bytes() == b"1"
    assert (out / "empty").is_dir()
    again = await haulier.copied(at(moto_server, bucket), here(out))
    assert (again.counts.files_total, again.counts.files_skipped) == (0, 3)
    verified = await haulier.submit(at(moto_server, bucket), here(out), JobKind.VERIFY)
    await haulier.ends(verified.id)
    back = await haulier.planned(here(out), at(moto_server, bucket), JobKind.SYNC, delete=True)
    assert back.plan is not None
    assert back.plan.delete.count == 0
    await haulier.confirmed(back)
    assert set(keys(moto_server, bucket)) == {"x/", "x/a", "empty/"}


async def test_the_plan_says_when_the_disk_will_not_do(haulier: Haulier, tmp_path: Path) -> None:
    """More to copy, with what should stay free, than the target's file system has: named before the start."""
    fill(tmp_path / "src" / "file", 1000)
    vast = 1 << 60
    plan = (
        await haulier.planned(here(tmp_path / "src"), here(tmp_path / "a/b"), JobKind.COPY, reserve=vast)
    ).plan
    assert plan is not None
    assert "should stay free" in " ".join(plan.warnings)
    view = await haulier.planned(here(tmp_path / "src"), here(tmp_path / "a/b"), JobKind.COPY, reserve=0)
    assert view.state is JobState.PLANNED
    assert view.plan is not None
    assert view.plan.warnings == ()
