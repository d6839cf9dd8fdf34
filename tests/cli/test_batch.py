"""haulier batch and haulier disks, as the real program: plan, start, continue, status, find, verify a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.cli.test_transfers import fill, tree
from tests.paths.campaigns import rot, shelf
from tests.servers import S3Server

MIB = 1 << 20
FILES = {f"folder{n % 3}/file{n}": MIB for n in range(12)} | {"big": 9 * MIB, "note.txt": 10}


def data(root: Path) -> dict[str, bytes]:
    """Without the disk's records."""
    return {name: content for name, content in tree(root).items() if not name.startswith(".haulier-")}


def test_from_plan_to_the_last_disk(haulier: Program, tmp_path: Path) -> None:
    """The whole way of a person: plan, start, swap, a wrong disk refused (3), continue, status, find, verify;
    each file ends on one disk, and what fits none is named."""
    source = fill(tmp_path / "source", FILES)
    planned = haulier.ok("batch", "plan", "source", "--space", "8MiB", "--json")
    assert planned.last["type"] == "batches"
    assert (planned.last["count"], planned.last["oversized"]) == (2, {"count": 1, "bytes": 9 * MIB})
    assert planned.last["would_hold"] > 10 * MIB
    assert haulier.ok("jobs", "--json").out == ""  # a plan keeps nothing
    with shelf(tmp_path / "disks", one="8m", two="8m") as disks:
        mnt = str(disks.folder)
        disks.plug_in("one")
        started = haulier("batch", "start", "source", mnt, "--space", "8MiB")
        assert started.code == 0, started
        assert "is safe" in started.err
        assert "may be removed" in started.err
        assert f"haulier batch continue 2 2 {mnt}" in started.err
        assert "big" in started.out
        wrong = haulier("batch", "continue", "2", "2", mnt)
        assert wrong.code == 3, wrong
        assert "holds batch 1" in wrong.err
        assert "--share-disk" in wrong.err
        disks.plug_in("two")
        done = haulier("batch", "continue", "2", "2", mnt, "--json")
        assert done.code == 0, done
        assert [one["state"] for one in done.records if one["type"] == "batch"] == ["safe"]
        assert done.last["type"] == "summary"
        first, second = data(disks.disk("one")), data(disks.disk("two"))
        assert not set(first) & set(second)
        assert first | second == {name: c for name, c in tree(source).items() if name != "big"}
        status = haulier.ok("batch", "status", "2", "--json")
        assert [one["state"] for one in status.records if one["type"] == "batch"] == ["safe", "safe"]
        assert status.last["state"] == "partial"  # the big one is on no disk
        assert "left out" in status.last["reason"]
        [note] = haulier.ok("batch", "status", "2", "--find", "note", "--json").records
        [found] = haulier.ok("disks", "find", "note.txt", "--json").records
        assert (
            note["disk"]
            == found["disk"]
            == {
                one["disk"]
                for one in status.records
                if "disk" in one and (one["type"] == "batch" and one["number"] == found["batch"])
            }.pop()
        )
        assert note["digest"].startswith("sha256:")
        assert haulier("disks", "find", "nothing like it").code == 1
        assert len(haulier.ok("disks", "list", "--json").records) == 2
        assert haulier.ok("disks", "verify", mnt, "--json").last["failed"] == 0
        rot(disks.folder / next(name for name in second if len(second[name]) == MIB))
        broken = haulier("disks", "verify", mnt)
        assert broken.code == 1, broken
        assert "content differs" in broken.err


def test_a_disk_is_verified_without_any_catalogue(haulier: Program, tmp_path: Path) -> None:
    """Another machine, which never saw the campaign: the manifests on the disk are enough."""
    fill(tmp_path / "source", {"a": 1000, "b/c": 2000})
    haulier.ok("batch", "start", "source", "disk", "--space", "1GiB")
    haulier.ok("engine", "stop")
    elsewhere = Program(tmp_path)
    elsewhere.extra["METADATA_DIR"] = str(tmp_path / "elsewhere")
    try:
        assert elsewhere.ok("disks", "verify", "disk", "--json").last["success"] == 2
        assert elsewhere("disks", "verify", "source").code == 1
    finally:
        elsewhere("engine", "stop")


def test_a_damaged_batch_is_mended_by_continuing(haulier: Program, tmp_path: Path) -> None:
    """A flipped bit on a safe disk: continue finds it (1), and once more fetches it (0)."""
    source = fill(tmp_path / "source", {"a": 50_000, "b": 60_000})
    haulier.ok("batch", "start", "source", "disk", "--space", "1GiB")
    rot(tmp_path / "disk/b")
    found = haulier("batch", "continue", "1", "1")
    assert found.code == 1, found
    assert "b: " in found.err
    mended = haulier.ok("batch", "continue", "1", "1", "--json")
    assert mended.last["success"] == 1
    assert data(tmp_path / "disk") == tree(source)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("batch", "plan", "source", "--space", "much"), "--space"),
        (("batch", "plan", "source", "--space", "100"), "no room for a single file"),
        (("batch", "plan", "source", "--space", "1GB", "--margin", "2"), "margin"),
        (("batch", "start", "source", "s3://b/x", "--space", "1GB"), "batches go to disks"),
        (("batch", "status", "99"), "there is no job 99"),
        (("batch", "plan", "nowhere", "--space", "1GB"), "no such file or folder"),
    ],
)
def test_wrong_words(
    haulier: Program, with_s3: S3Server, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and what is wrong."""
    fill(tmp_path / "source", {"a": 1})
    done = haulier(*words)
    assert done.code == 2, done
    assert said in done.err


def test_objects_with_patterns(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """From a bucket, with patterns between the places; without --space, what is free at DST counts."""
    bucket = with_s3.new_bucket()
    for name in ("a.bin", "b.bin", "c.txt"):
        with_s3.boto3().put_object(Bucket=bucket, Key=name, Body=name.encode())
    haulier.ok("batch", "start", "--include", "*.bin", f"s3://{bucket}", "disk")
    assert data(tmp_path / "disk") == {"a.bin": b"a.bin", "b.bin": b"b.bin"}
    listed = haulier.ok("batch", "status", "1", "--files").out
    assert "a.bin" in listed
    assert "c.txt" not in listed


def test_analyze(haulier: Program, tmp_path: Path) -> None:
    """Count, sizes, folders and the largest, of the files that are wanted."""
    fill(tmp_path / "source", {"a/x.bin": 100, "a/y.bin": 5000, "b/z.bin": 20, "skip.txt": 7})
    found = haulier.ok("batch", "analyze", "source", "--include", "*.bin", "--json").last
    assert (found["count"], found["bytes"], found["complete"]) == (3, 5120, True)
    assert found["largest"][0] == {"key": "a/y.bin", "size": 5000}
    shown = haulier.ok("batch", "analyze", "source").out
    assert "4 files" in shown
    assert "a/" in shown


def test_the_catalogue_of_disks(haulier: Program, tmp_path: Path) -> None:
    """Empty it says how it is filled; a disk leaves it after YES alone, and stays as it is; names that are none
    are told one by one."""
    empty = haulier.ok("disks")
    assert empty.out == ""
    assert "haulier batch start" in empty.err
    assert haulier.ok("disks", "--json").out == ""
    fill(tmp_path / "source", {"a": 1000, "b": 2000})
    haulier.ok("batch", "start", "source", "disk", "--space", "8MiB")
    [disk] = haulier.ok("disks", "--json").records
    there = tree(tmp_path / "disk")
    unsure = haulier("disks", "drop", disk["id"])
    assert unsure.code == 3
    assert "nothing was forgotten" in unsure.err
    assert haulier("disks", "drop", disk["id"], "--confirm", "yes").code == 3
    assert len(haulier.ok("disks", "--json").records) == 1
    dropped = haulier("disks", "drop", "no-such", disk["id"], "--confirm", "YES")
    assert dropped.code == 2
    assert "no disk no-such is known" in dropped.err
    assert haulier.ok("disks", "--json").out == ""
    assert haulier("disks", "find", "a").code == 1
    assert tree(tmp_path / "disk") == there
    haulier.ok("disks", "verify", "disk")


@pytest.mark.parametrize("top", ["batch", "uploads"])
def test_a_command_of_commands_says_which(haulier: Program, top: str) -> None:
    """Alone it is wrong usage, and the usage names what can follow."""
    alone = haulier(top)
    assert alone.code == 2
    assert "COMMAND" in alone.err
