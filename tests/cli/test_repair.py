"""verify --repair of the real program: what is broken or missing at the target is copied again. And the
second word before much is deleted, and undelete after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.program import Program, on_terminal
from tests.cli.test_transfers import fill, keys, tree
from tests.servers import S3Server

FILES = {"a.bin": 5000, "docs/b.txt": 2000, "docs/c.json": 10, "logs/d.log": 300_000}


def rot(path: Path) -> None:
    """Flip one byte in the middle; size and time stay."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_bit_rot_and_missing_files_are_mended(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """A flipped byte under the same size and time, and a file that is gone: verify says so (1), --repair mends
    both and nothing else (0), and a last look agrees (0). What else lies at the target is no difference."""
    source = fill(tmp_path / "source", FILES)
    bucket = with_s3.new_bucket()
    haulier.ok("copy", "source", f"s3://{bucket}")
    haulier.ok("copy", f"s3://{bucket}", "back")
    (tmp_path / "back/other").write_text("not of this job")
    haulier.ok("verify", "2")
    untouched = (tmp_path / "back/logs/d.log").stat()
    rot(tmp_path / "back/a.bin")
    (tmp_path / "back/docs/b.txt").unlink()
    broken = haulier("verify", "2")
    assert broken.code == 1, broken
    assert "a.bin: content differs" in broken.err
    assert "docs/b.txt: missing at the target" in broken.err
    mended = haulier("verify", "2", "--repair", "--json")
    assert mended.code == 0, mended
    first, repaired, checked = [record for record in mended.records if record["type"] == "summary"]
    assert (first["success"], first["failed"]) == (2, 2)
    assert (repaired["success"], repaired["failed"]) == (2, 0)
    assert (checked["success"], checked["failed"]) == (2, 0)
    assert {k: v for k, v in tree(tmp_path / "back").items() if k != "other"} == tree(source)
    assert (tmp_path / "back/other").read_text() == "not of this job"
    after = (tmp_path / "back/logs/d.log").stat()
    assert (after.st_ino, after.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)
    haulier.ok("verify", "2")
    assert haulier.ok("verify", "2", "--repair", "--json").last["failed"] == 0


def test_a_repair_in_s3_asks_first(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """Without YES nothing is written (3); with it, broken and missing objects are as at the source (0)."""
    source = fill(tmp_path / "source", FILES)
    bucket = with_s3.new_bucket()
    s3 = with_s3.boto3()
    haulier.ok("copy", "source", f"s3://{bucket}")
    s3.put_object(Bucket=bucket, Key="a.bin", Body=b"x" * FILES["a.bin"])
    s3.delete_object(Bucket=bucket, Key="docs/c.json")
    for words in ([], ["--confirm", "yes"]):
        refused = haulier("verify", "source", f"s3://{bucket}", "--repair", *words, stdin="YES\n")
        assert refused.code == 3, refused
    assert keys(with_s3, bucket) == {key: size for key, size in FILES.items() if key != "docs/c.json"}
    done = haulier("verify", "source", f"s3://{bucket}", "--repair", "--confirm", "YES")
    assert done.code == 0, done
    for key, data in tree(source).items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == data


def test_what_cannot_be_mended_stays_an_error(haulier: Program, tmp_path: Path) -> None:
    """A file that only the target has is a difference between two places; a repair does not delete it."""
    fill(tmp_path / "source", {"a": 3, "b": 3})
    haulier.ok("copy", "source", "target")
    (tmp_path / "target/extra").write_text("1")
    (tmp_path / "target/b").write_text("other size")
    done = haulier("verify", "source", "target", "--repair")
    assert done.code == 1, done
    assert "extra: missing at the source" in done.err
    assert tree(tmp_path / "target") == {**tree(tmp_path / "source"), "extra": b"1"}
    only = haulier("verify", "source", "target", "--repair")
    assert only.code == 1
    assert "Nothing of this can be copied again" in only.err


def test_verify_takes_the_filters_of_the_job(haulier: Program, tmp_path: Path) -> None:
    """What a job left out, because of its name or its size, is not missing."""
    fill(tmp_path / "source", {"a.bin": 50, "b.txt": 50, "small.bin": 2})
    haulier.ok("copy", "source", "target", "--include", "*.bin", "--skip-smaller-than", "10")
    assert set(tree(tmp_path / "target")) == {"a.bin"}
    haulier.ok("verify", "1")


def test_wrong_use(haulier: Program, tmp_path: Path) -> None:
    """A repair waits for what is found, so it cannot be detached."""
    fill(tmp_path / "source", {"a": 1})
    assert haulier("verify", "source", "source2", "--repair", "--detach").code == 2


# ---------------------------------------------------------------- the second word and undelete


def test_much_is_deleted_only_with_the_number(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """An empty source: --confirm YES alone is refused and says what is missing; with the wrong number too; with
    the right one it is done, and the undo file is named."""
    (tmp_path / "source").mkdir()
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="a", Body=b"1")
    with_s3.boto3().put_object(Bucket=bucket, Key="b", Body=b"1")
    words = ["sync", "source", f"s3://{bucket}", "--delete", "--confirm", "YES"]
    refused = haulier(*words)
    assert refused.code == 3, refused
    assert "the source is empty" in refused.err
    assert "--confirm YES --confirm-delete 2" in refused.err
    assert "everything the target has" in refused.err
    assert haulier(*words, "--confirm-delete", "3").code == 3
    assert haulier(*words, "--confirm-delete", "two").code == 2
    assert keys(with_s3, bucket) == {"a": 1, "b": 1}
    planned = haulier.ok("plan", "source", f"s3://{bucket}", "--delete", "--json").records
    told = next(record for record in planned if record["type"] == "deletions")
    assert (told["second_word"], told["share_objects"], told["count"]) == ("DELETE 2", 1.0, 2)
    done = haulier.ok(*words, "--confirm-delete", "2")
    assert keys(with_s3, bucket) == {}
    assert ".jsonl" in done.err
    job = haulier.ok("jobs", "--json").records[0]["job"]
    assert f"undo/job-{job}.jsonl" in haulier.ok("show", str(job)).out
    lost = haulier("undelete", str(job))
    assert lost.code == 1
    assert "cannot be brought back" in lost.out


@pytest.mark.parametrize(("second", "code"), [("DELETE 1\n", 0), ("\n", 3), ("YES\n", 3), ("DELETE 2\n", 3)])
def test_the_second_word_is_typed_after_yes(
    haulier: Program, with_s3: S3Server, tmp_path: Path, second: str, code: int
) -> None:
    """On a terminal it is asked for once YES was typed, and nothing that was typed before it counts."""
    (tmp_path / "source").mkdir()
    bucket = with_s3.new_bucket()
    s3 = with_s3.boto3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    with on_terminal(haulier, "sync", "source", f"s3://{bucket}", "--delete") as terminal:
        terminal.wait_for("Type YES to go on, anything else to leave: ")
        terminal.type("YES\n")
        terminal.wait_for("Type DELETE 1 to delete them, anything else to leave: ")
        terminal.type(second)
        assert terminal.finish() == code
    assert keys(with_s3, bucket) == ({} if code == 0 else {"a": 1})
    if code == 0:
        assert "would be brought back" in haulier.ok("undelete", "1", "--dry-run").out
        assert keys(with_s3, bucket) == {}
        assert haulier.ok("undelete", "1", "--json").last["restored"] == 1
        assert keys(with_s3, bucket) == {"a": 1}
