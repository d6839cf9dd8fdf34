"""What is deleted is written down before it goes, looked at again before it goes, and taken back where that is
possible."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.engine.journal.rows import ItemRow
from core.engine.upkeep.undo import DeletedLine, DeleteLine, UndoFile, UndoHead, head_of, read_undo
from core.errors import Code, DiskTrouble, HaulierError
from core.inprocess import InProcessClient
from core.messages import ForgetJob, UndeleteJob, UndeleteReport
from core.model import Action, Entry, JobKind, JobState, JobView, Status
from core.paths import Paths
from core.stores.base import ObjectInfo, Removal
from tests.engine.asking import at, ends, here, items, plan, read, save, spec_of, write, yes_to
from tests.servers import S3Server


def versioned(server: S3Server) -> tuple[str, Any]:
    """A bucket that keeps versions, and a client on it."""
    bucket, s3 = server.new_bucket(), server.boto3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket, s3


def keys(s3: Any, bucket: str) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


async def synced(client: InProcessClient, server: S3Server, bucket: str, source: Path) -> JobView:
    """sync --delete of the folder into the bucket, carried out."""
    view = await plan(client, spec_of((here(source), at(server, bucket)), kind=JobKind.SYNC, delete=True))
    await client.call(yes_to(view))
    return await ends(client, view.id)


async def test_deletions_are_written_down_and_taken_back(
    client: InProcessClient, paths: Paths, moto_server: S3Server, tmp_path: Path
) -> None:
    """Key, size, ETag, version and delete marker of each; undelete removes exactly those markers, leaves alone
    what came since and what others deleted, and works again and after the job was forgotten."""
    await save(client, moto_server)
    bucket, s3 = versioned(moto_server)
    s3.put_object(Bucket=bucket, Key="theirs", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="theirs")  # a delete marker of somebody else
    ours = ("a", "b", "c", "dots/../d", "keep")
    versions = {key: s3.put_object(Bucket=bucket, Key=key, Body=key.encode())["VersionId"] for key in ours}
    view = await synced(client, moto_server, bucket, write(tmp_path / "src", {"keep": "keep"}))
    assert (view.state, view.counts.deleted) == (JobState.COMPLETED, 4)
    assert view.plan is not None
    assert view.plan.pairs[0].versioning == "enabled"

    path = paths.metadata_dir / "undo" / f"job-{view.id}.jsonl"
    assert view.plan.undo_file == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = list(read_undo(path))
    assert isinstance(lines[0], UndoHead)
    assert (lines[0].job, lines[0].plan) == (view.id, view.plan.hash)
    planned = {line.key: line for line in lines if isinstance(line, DeleteLine)}
    assert {key: line.version_id for key, line in planned.items()} == {
        key: version for key, version in versions.items() if key != "keep"
    }
    assert planned["b"].size == 1
    assert planned["b"].etag == "92eb5ffee6ae2fec3ad71c777531578f"
    gone = {line.item: line.marker_id for line in lines if isinstance(line, DeletedLine)}
    markers = s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]
    assert {m["VersionId"] for m in markers if m["Key"] != "theirs"} == set(gone.values())
    at_line = {id(line): number for number, line in enumerate(lines)}
    for line in lines:
        if isinstance(line, DeletedLine):
            planned_at = next(
                at_line[id(p)] for p in lines if isinstance(p, DeleteLine) and p.item == line.item
            )
            assert planned_at < at_line[id(line)]

    s3.put_object(Bucket=bucket, Key="b", Body=b"new since")
    s3.put_object(Bucket=bucket, Key="c", Body=b"new since")
    s3.delete_object(Bucket=bucket, Key="c")
    await client.call(ForgetJob(job=view.id))
    before = s3.list_object_versions(Bucket=bucket)
    report = await client.call(UndeleteJob(job=view.id, dry_run=True))
    assert counts(report) == (2, 1, 0, 1, 0)
    assert s3.list_object_versions(Bucket=bucket)["DeleteMarkers"] == before["DeleteMarkers"]
    report = await client.call(UndeleteJob(job=view.id))
    assert counts(report) == (2, 1, 0, 1, 0)
    assert keys(s3, bucket) == {"a", "b", "dots/../d", "keep"}
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"new since"
    assert {m["Key"] for m in s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]} == {"b", "c", "theirs"}
    assert counts(await client.call(UndeleteJob(job=view.id))) == (0, 3, 0, 1, 0)


def counts(report: UndeleteReport) -> tuple[int, int, int, int, int]:
    return report.restored, report.there_already, report.lost, report.unsure, report.failed


async def test_what_no_version_was_kept_of_is_said_to_be_lost(
    client: InProcessClient, moto_server: S3Server, tmp_path: Path
) -> None:
    """A bucket without versioning, one where it is suspended, and a folder: nothing is promised."""
    await save(client, moto_server)
    source = write(tmp_path / "src", {"keep": "keep"})
    bucket, s3 = moto_server.new_bucket(), moto_server.boto3()
    for key in ("a", "keep"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    view = await synced(client, moto_server, bucket, source)
    assert view.plan is not None
    assert view.plan.pairs[0].versioning == "off"
    report = await client.call(UndeleteJob(job=view.id))
    assert counts(report) == (0, 0, 1, 0, 0)
    assert report.notes == (f"{bucket}/a: the bucket kept no version of it",)

    target = write(tmp_path / "dst", {"a": "1", "keep": "keep"})
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    await client.call(yes_to(view))
    view = await ends(client, view.id)
    report = await client.call(UndeleteJob(job=view.id))
    assert (counts(report), read(target)) == ((0, 0, 1, 0, 0), {"keep": b"keep"})

    with pytest.raises(HaulierError) as refused:
        await client.call(UndeleteJob(job=4711))
    assert refused.value.code is Code.NOT_FOUND


async def test_an_object_that_changed_since_the_plan_is_kept(
    client: InProcessClient, moto_server: S3Server, tmp_path: Path
) -> None:
    """In a bucket and in a folder: reported as failed, the others go; what is gone already is no failure."""
    await save(client, moto_server)
    bucket, s3 = moto_server.new_bucket(), moto_server.boto3()
    for key in ("changed", "gone", "keep", "same"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"old")
    source = write(tmp_path / "src", {"keep": "old"})
    target = write(tmp_path / "dst", {"changed": "old", "gone": "old", "keep": "old", "same": "old"})
    for place in (at(moto_server, bucket), here(target)):
        view = await plan(client, spec_of((here(source), place), kind=JobKind.SYNC, delete=True))
        assert view.plan is not None
        assert view.plan.delete.count == 3
        s3.put_object(Bucket=bucket, Key="changed", Body=b"new")
        s3.delete_object(Bucket=bucket, Key="gone")
        write(target, {"changed": "other size"})
        (target / "gone").unlink(missing_ok=True)
        await client.call(yes_to(view))
        view = await ends(client, view.id)
        assert (view.state, view.counts.deleted, view.counts.files_failed) == (JobState.PARTIAL, 2, 1)
        failed = (await items(client, view.id))["changed"]
        assert (failed.action, failed.status) == (Action.DELETE, Status.FAILED)
        assert "changed since the plan: kept" in failed.error
        write(target, {"gone": "old"})
    assert keys(s3, bucket) == {"changed", "keep"}
    assert set(read(target)) == {"changed", "gone", "keep"}


async def test_without_room_for_the_undo_file_nothing_goes(
    client: InProcessClient, paths: Paths, tmp_path: Path
) -> None:
    """A folder where the file should be: the job is blocked with the file's name, and every object is there."""
    source = write(tmp_path / "src", {"keep": "1"})
    target = write(tmp_path / "dst", {"keep": "1", "old": "1"})
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.plan is not None
    Path(view.plan.undo_file).mkdir(parents=True)
    await client.call(yes_to(view))
    view = await ends(client, view.id)
    assert view.state is JobState.BLOCKED
    assert f"job-{view.id}.jsonl cannot be written" in view.reason
    assert set(read(target)) == {"keep", "old"}


async def test_deletions_that_are_not_those_confirmed_are_refused(
    client: InProcessClient, paths: Paths, tmp_path: Path
) -> None:
    """A record that was changed behind the engine's back after YES: nothing is deleted."""
    import sqlite3

    source = write(tmp_path / "src", {"keep": "1"})
    target = write(tmp_path / "dst", {"keep": "1", "old": "1", "other": "1"})
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    with sqlite3.connect(paths.journal) as db:
        db.execute("UPDATE items SET name = 'keep' WHERE name = 'other'")
    await client.call(yes_to(view))
    view = await ends(client, view.id)
    assert view.state is JobState.FAILED
    assert "not those that were confirmed: nothing was deleted" in view.reason
    assert set(read(target)) == {"keep", "old", "other"}


# ---------------------------------------------------------------- the file itself


def row(number: int) -> ItemRow:
    return ItemRow(number, 0, Action.DELETE, f"k{number}", Entry(key=f"k{number}"))


def seen(number: int) -> ObjectInfo:
    return ObjectInfo(entry=Entry(key=f"k{number}", size=1))


def test_many_threads_share_the_file(tmp_path: Path) -> None:
    """Every line is whole and there once, and on the disk when the call returns."""
    undo = UndoFile(tmp_path / "undo" / "job-1.jsonl", head_of(1, "t", "h", (), None))

    def work(first: int) -> None:
        for number in range(first, first + 50):
            undo.about_to_go(row(number), seen(number))
            assert f'"k{number}"'.encode() in undo.path.read_bytes()
            undo.gone(row(number), Removal(marker_id=f"m{number}" if number % 2 else ""))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    undo.close()
    lines = list(read_undo(undo.path))
    assert sorted(line.item for line in lines if isinstance(line, DeleteLine)) == list(range(400))
    assert sorted(line.item for line in lines if isinstance(line, DeletedLine)) == list(range(400))


def test_a_line_that_a_crash_cut_off_spoils_no_other(tmp_path: Path) -> None:
    """The file is taken up behind it; the torn line alone is lost."""
    path = tmp_path / "undo" / "job-1.jsonl"
    head = head_of(1, "t", "h", (), None)
    undo = UndoFile(path, head)
    undo.about_to_go(row(1), seen(1))
    undo.close()
    with path.open("ab") as file:
        file.write(b'{"type":"delete","item":2,"rou')
    undo = UndoFile(path, head)
    undo.about_to_go(row(3), seen(3))
    undo.close()
    assert [type(line).__name__ for line in read_undo(path)] == [
        "UndoHead", "DeleteLine", "UndoHead", "DeleteLine",
    ]  # fmt: skip


def test_a_write_that_fails_fails_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for the disk hears of it, then and from then on; nobody is let go on."""
    undo = UndoFile(tmp_path / "undo" / "job-1.jsonl", head_of(1, "t", "h", (), None))
    real = os.fdatasync
    refused: list[int] = []

    def full(descriptor: int) -> None:
        time.sleep(0.05)
        raise OSError(errno.ENOSPC, "No space left on device")

    def work(number: int) -> None:
        try:
            undo.about_to_go(row(number), seen(number))
        except DiskTrouble:
            refused.append(number)

    monkeypatch.setattr(os, "fdatasync", full)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == list(range(8))
    monkeypatch.setattr(os, "fdatasync", real)
    with pytest.raises(DiskTrouble, match="nothing is deleted without it"):
        undo.about_to_go(row(9), seen(9))


def test_the_format_is_what_the_documentation_says(tmp_path: Path) -> None:
    """People's scripts read it: the names of the fields."""
    undo = UndoFile(tmp_path / "undo" / "job-1.jsonl", head_of(1, "t", "h", (), None))
    entry = Entry(key="k1", size=3, etag="e", modified=5.5, storage_class="STANDARD")
    undo.about_to_go(row(1), ObjectInfo(entry=entry, version_id="v"))
    undo.gone(row(1), Removal(marker_id="m"))
    undo.close()
    found = [msgspec.json.decode(line) for line in undo.path.read_bytes().splitlines()]
    assert found[0]["type"] == "undo"
    at_, gone_at = found[1].pop("at"), found[2].pop("at")
    assert at_ <= gone_at
    assert found[1] == {
        "type": "delete", "item": 1, "route": 0, "key": "k1", "size": 3, "etag": "e", "modified": 5.5,
        "storage_class": "STANDARD", "version_id": "v",
    }  # fmt: skip
    assert found[2] == {"type": "deleted", "item": 1, "marker_id": "m"}
