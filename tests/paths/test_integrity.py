"""What another program sees of what we moved, what we keep of what it moved, files that change on the way."""

from __future__ import annotations

import os
import time
from pathlib import Path

import botocore.session
import pytest

from core.errors import Code, HaulierError
from core.storage_classes import STORAGE_CLASSES
from tests.paths.driving import MIB, Haulier, at, connection_of, fill, here, noise, sha256, tree, until
from tests.rclone import rclone
from tests.servers import S3Server

MOMENTS = {"small.txt": 1_700_000_000_123_456_789, "large.bin": 1_234_567_890_000_000_001}


def as_listed(nanoseconds: int) -> str:
    """A time as `rclone lsl` writes it."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{fraction:09d}"


def two_files(folder: Path) -> Path:
    """One that is moved whole and one that goes in parts, with times of their own."""
    fill(folder / "small.txt", 100)
    fill(folder / "large.bin", 17 * MIB)
    for name, moment in MOMENTS.items():
        os.utime(folder / name, ns=(moment, moment))
    return folder


async def test_times_are_those_that_rclone_reads(
    haulier: Haulier, moto_server: S3Server, tmp_path: Path
) -> None:
    """Up, looked at by rclone, down again: to the nanosecond; and a second copy finds nothing to do."""
    await haulier.save(connection_of(moto_server))
    bucket = moto_server.new_bucket()
    source = two_files(tmp_path / "source")
    await haulier.copied(here(source), at(moto_server, bucket))
    lines = rclone(moto_server, "lsl", f"s3:{bucket}").stdout
    for name, moment in MOMENTS.items():
        assert f"{as_listed(moment)} {name}" in lines
    back = tmp_path / "back"
    for skipped in (0, 2):
        view = await haulier.copied(at(moto_server, bucket), here(back))
        assert view.counts.files_skipped == skipped
    assert tree(back) == tree(source)
    assert {name: (back / name).stat().st_mtime_ns for name in MOMENTS} == MOMENTS


async def test_times_are_those_that_rclone_wrote(
    haulier: Haulier, moto_server: S3Server, tmp_path: Path
) -> None:
    """The other way round; and through a server-side copy."""
    await haulier.save(connection_of(moto_server))
    first, second = moto_server.new_bucket(), moto_server.new_bucket()
    source = two_files(tmp_path / "source")
    rclone(moto_server, "copy", "--s3-upload-cutoff", "5Mi", str(source), f"s3:{first}")
    await haulier.copied(at(moto_server, first), at(moto_server, second))
    await haulier.copied(at(moto_server, second), here(tmp_path / "back"))
    assert {name: (tmp_path / "back" / name).stat().st_mtime_ns for name in MOMENTS} == MOMENTS
    assert tree(tmp_path / "back") == tree(source)


@pytest.mark.parametrize("how", ["same size", "shorter", "longer"])
async def test_a_file_that_changes_while_it_is_sent(
    haulier: Haulier, moto_server: S3Server, tmp_path: Path, how: str
) -> None:
    """Begun again from its new state: the object is the new file, never a mixture."""
    await haulier.save(connection_of(moto_server))
    bucket = moto_server.new_bucket()
    file = fill(tmp_path / "source" / "f", 24 * MIB)
    changed = noise({"same size": 24, "shorter": 6, "longer": 30}[how] * MIB, 1)  # while there is time
    view = await haulier.submit(
        here(file.parent), at(moto_server, bucket), bandwidth=8 * MIB, part_size=5 * MIB
    )
    await until(lambda: bool(haulier.recorded_parts()), "a part that was sent")
    file.write_bytes(changed)
    view = await haulier.ends(view.id)
    body = moto_server.boto3().get_object(Bucket=bucket, Key="f")["Body"].read()
    (tmp_path / "got").write_bytes(body)
    assert sha256(tmp_path / "got") == sha256(file)
    assert not moto_server.boto3().list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert dict(view.proofs) == {"etag-md5": 1}


async def test_storage_classes(haulier: Haulier, moto_server: S3Server, tmp_path: Path) -> None:
    """Every class that S3 knows is taken, for a large file too; others are refused before anything moves."""
    known = botocore.session.get_session().get_service_model("s3").shape_for("StorageClass").enum
    assert set(known) <= set(STORAGE_CLASSES)
    await haulier.save(connection_of(moto_server))
    bucket = moto_server.new_bucket()
    source = fill(tmp_path / "source" / "f", 17 * MIB).parent
    with pytest.raises(HaulierError, match="COLD_AS_ICE") as caught:
        await haulier.submit(here(source), at(moto_server, bucket), storage_class="COLD_AS_ICE")
    assert caught.value.code is Code.USAGE
    assert "GLACIER_IR" in caught.value.hint
    await haulier.copied(here(source), at(moto_server, bucket), storage_class="GLACIER_IR")
    assert moto_server.boto3().head_object(Bucket=bucket, Key="f")["StorageClass"] == "GLACIER_IR"
