"""Comparing by time where the file's time travels with the object: nothing is copied twice, changes are
seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.inprocess import InProcessClient
from core.model import JobKind, JobState, PlanSummary
from tests.engine.asking import at, here, plan, read, run, save, spec_of, write
from tests.rclone import rclone
from tests.servers import S3Server

TIMES = {
    "now": 0.0,
    "whole": 1_500_000_000.0,
    "fraction": 1_500_000_000.123456,
    "milliseconds": 1_500_000_000.25,
    "long ago": 86_400.5,
    "far ahead": 4_000_000_000.75,
    "deep/in/a/folder": 1_600_000_000.9,
}


def tree(root: Path) -> Path:
    write(root, {name: f"content of {name}" for name in TIMES})
    for name, moment in TIMES.items():
        if moment:
            os.utime(root / name, (moment, moment))
    return root


def times(root: Path) -> dict[str, float]:
    return {name: (root / name).stat().st_mtime for name in TIMES}


async def to_do(client: InProcessClient, source: object, target: object, **options: object) -> int:
    """How many items a plan between two places would move."""
    view = await plan(client, spec_of((source, target), **options))  # type: ignore[arg-type]
    assert view.plan is not None, view.reason
    return _moves(view.plan)


def _moves(made: PlanSummary) -> int:
    return made.copy.count + made.overwrite.count + made.cannot.count


async def test_a_whole_cycle(client: InProcessClient, s3_server: S3Server, tmp_path: Path) -> None:
    """A folder, S3, another folder: the times arrive, and between all of them, both ways, nothing is to do; nor
    for a sync. A change of equal size and another time is seen in each direction."""
    await save(client, s3_server)
    source, out = tree(tmp_path / "src"), tmp_path / "out"
    remote = at(s3_server, s3_server.new_bucket(), "p/")
    assert (await run(client, spec_of((here(source), remote)))).state is JobState.COMPLETED
    assert (await run(client, spec_of((remote, here(out))))).state is JobState.COMPLETED
    assert read(out) == read(source)
    assert times(out) == pytest.approx(times(source), abs=0.001)
    folders = [here(source), here(out)]
    for one, other in [*((folder, remote) for folder in folders), *((remote, folder) for folder in folders)]:
        assert await to_do(client, one, other) == 0
        assert await to_do(client, one, other, kind=JobKind.SYNC, delete=True) == 0
    assert await to_do(client, *folders) == 0
    (source / "whole").write_text("CONTENT of whole")
    os.utime(source / "whole", (1_400_000_000, 1_400_000_000))  # older, and yet another one
    assert await to_do(client, remote, here(source)) == 1
    changed = tree(tmp_path / "changed")
    os.utime(changed / "now", (times(source)["now"],) * 2)
    (changed / "whole").write_text("CONTENT of whole")  # now: newer than the object
    os.utime(changed / "whole", (4_100_000_000, 4_100_000_000))
    assert await to_do(client, here(changed), remote) == 1


async def test_with_rclone_on_one_side(client: InProcessClient, s3_server: S3Server, tmp_path: Path) -> None:
    """What rclone uploaded or downloaded is not moved again, and rclone does not move again what we did."""
    await save(client, s3_server)
    source, mine, its = tree(tmp_path / "src"), tmp_path / "mine", tmp_path / "its"
    theirs, ours = s3_server.new_bucket(), s3_server.new_bucket()
    rclone(s3_server, "copy", str(source), f"s3:{theirs}")
    assert await to_do(client, here(source), at(s3_server, theirs)) == 0
    assert await to_do(client, at(s3_server, theirs), here(source)) == 0
    assert (await run(client, spec_of((at(s3_server, theirs), here(mine))))).counts.files_done == len(TIMES)
    assert times(mine) == pytest.approx(times(source), abs=0.001)
    await run(client, spec_of((here(source), at(s3_server, ours))))
    rclone(s3_server, "copy", f"s3:{ours}", str(its))
    assert await to_do(client, at(s3_server, ours), here(its)) == 0
    assert await to_do(client, here(its), at(s3_server, ours)) == 0
    before = times(its)
    for name in TIMES:
        (its / name).chmod(0o444)
    rclone(s3_server, "copy", "--error-on-no-transfer=false", f"s3:{ours}", str(mine))
    assert times(mine) == pytest.approx(before, abs=0.001)


async def test_objects_without_a_time_of_their_own(
    client: InProcessClient, s3_server: S3Server, tmp_path: Path
) -> None:
    """Made by other programs: the file gets the time of the upload, and then nothing is to do, both ways."""
    await save(client, s3_server)
    bucket = s3_server.new_bucket()
    for name in ("a", "b/c"):
        s3_server.boto3().put_object(Bucket=bucket, Key=name, Body=name.encode())
    await run(client, spec_of((at(s3_server, bucket), here(tmp_path / "out"))))
    assert await to_do(client, at(s3_server, bucket), here(tmp_path / "out")) == 0
    assert await to_do(client, here(tmp_path / "out"), at(s3_server, bucket)) == 0
    again = tmp_path / "again"
    await run(client, spec_of((here(tmp_path / "out"), here(again))))
    assert await to_do(client, at(s3_server, bucket), here(again)) == 0
    other = s3_server.new_bucket()
    for server_side in (True, False):
        where = at(s3_server, other, f"{server_side}/")
        await run(client, spec_of((at(s3_server, bucket), where), server_side=server_side))
        assert await to_do(client, at(s3_server, bucket), where, server_side=server_side) == 0


async def test_a_time_that_is_none(client: InProcessClient, moto_server: S3Server, tmp_path: Path) -> None:
    """What others wrote as `mtime` may be anything: the object is moved, and its upload's time counts."""
    await save(client, moto_server)
    bucket = moto_server.new_bucket()
    hostile = ["1e300", "-1", "nan", "soon", "99999999999999999999", "0", "1_000", ""]
    for n, text in enumerate(hostile):
        moto_server.boto3().put_object(
            Bucket=bucket, Key=f"{n}", Body=b"x", Metadata={"mtime": text} if text else {}
        )
    view = await run(client, spec_of((at(moto_server, bucket), here(tmp_path / "out"))))
    assert (view.state, view.counts.files_done) == (JobState.COMPLETED, len(hostile))
    assert await to_do(client, at(moto_server, bucket), here(tmp_path / "out")) == 0


# ---------------------------------------------------------------- size, checksum


@pytest.mark.parametrize("way", ["up", "down", "across", "local"])
async def test_every_way_of_comparing(
    client: InProcessClient, moto_server: S3Server, tmp_path: Path, way: str
) -> None:
    """In every direction, of plain and multipart objects: the same content is the same by checksum whatever its
    time; other content of equal size is seen by checksum, not by size; another size is seen by all."""
    await save(client, moto_server)
    s3 = moto_server.boto3()
    first, second = moto_server.new_bucket(), moto_server.new_bucket()
    part = 5 << 20
    content = {"plain": b"plain", "multi": b"m" * (part + 7), "changed": b"before", "longer": b"1"}
    target = {**content, "changed": b"after!", "longer": b"12"}

    def folder(name: str, files: dict[str, bytes], moment: float) -> object:
        write(tmp_path / name, files)
        for file in files:
            os.utime(tmp_path / name / file, (moment, moment))
        return here(tmp_path / name)

    def bucket(name: str, files: dict[str, bytes], parts: list[int]) -> object:
        for key, data in files.items():
            if key != "multi":
                s3.put_object(Bucket=name, Key=key, Body=data)
                continue
            upload = s3.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
            made, start = [], 0
            for number, size in enumerate([*parts, len(data)], 1):
                piece = data[start : start + size]
                start += size
                if piece:
                    told = s3.upload_part(Bucket=name, Key=key, UploadId=upload, PartNumber=number, Body=piece)
                    made.append({"ETag": told["ETag"], "PartNumber": number})
            s3.complete_multipart_upload(Bucket=name, Key=key, UploadId=upload, MultipartUpload={"Parts": made})
        return at(moto_server, name)

    old, new = 1_000_000_000.0, 4_000_000_000.0
    match way:
        case "up":
            ends = folder("src", content, new), bucket(second, target, [part])
        case "down":
            ends = bucket(first, content, [part]), folder("dst", target, old)
        case "across":  # cut in another way: the ETags differ although the bytes do not
            ends = bucket(first, content, [part]), bucket(second, target, [part + 3])
        case _:
            ends = folder("src", content, new), folder("dst", target, old)
    assert await to_do(client, *ends, compare="size") == 1
    assert await to_do(client, *ends, compare="checksum") == 2
    by_time = await to_do(client, *ends, compare="time")
    assert by_time == (1 if way == "across" else 4)  # across: all were made just now, the target later
    again = await run(client, spec_of(ends, compare="checksum"))  # type: ignore[arg-type]
    assert (again.state, again.counts.files_done) == (JobState.COMPLETED, 2)
    assert await to_do(client, *ends, compare="checksum") == 0
