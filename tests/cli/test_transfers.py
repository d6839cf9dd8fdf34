"""copy, sync, plan, verify and ls of the real program against a real S3 server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program, on_terminal
from tests.servers import S3Server

FILES = {"a.bin": 10, "docs/b.txt": 2000, "docs/c.json": 0, "logs/2024/d.log": 300_000}
ODD = "odd/k[@click=app.quit]\x1b[31m\u202e z.txt"


def fill(folder: Path, files: dict[str, int] = FILES) -> Path:
    for name, size in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def keys(server: S3Server, bucket: str) -> dict[str, int]:
    found: Any = server.boto3().list_objects_v2(Bucket=bucket)
    return {each["Key"]: each["Size"] for each in found.get("Contents", [])}


def summary(job: int, success: int, skipped: int, failed: int, size: int) -> dict[str, Any]:
    total = success + skipped + failed
    return {
        "type": "summary",
        "job": job,
        "success": success,
        "skipped": skipped,
        "failed": failed,
        "total": total,
        "bytes": size,
    }


def test_up_and_down_again(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """A folder goes to S3 and comes back the same; a second copy skips everything."""
    source = fill(tmp_path / "source", {**FILES, ODD: 5})
    bucket = with_s3.new_bucket()
    size = sum(FILES.values()) + 5
    up = haulier.ok("copy", "source", f"s3://{bucket}/in", "--json")
    seconds = up.last.pop("seconds")
    assert isinstance(seconds, float)
    assert list(up.records[-1])[:1] == ["type"]
    assert {k: v for k, v in up.last.items() if k != "seconds"} == summary(1, 5, 0, 0, size)
    haulier.ok("copy", f"s3://{bucket}/in/", "back")
    assert tree(tmp_path / "back") == tree(source)
    again = haulier.ok("copy", f"s3://{bucket}/in/", "back", "--json")
    assert {k: v for k, v in again.last.items() if k != "seconds"} == summary(3, 0, 5, 0, 0)


def test_summary_has_exactly_the_promised_keys(haulier: Program, tmp_path: Path) -> None:
    """The last JSON object has the promised keys in their order and no other."""
    fill(tmp_path / "source")
    last = haulier.ok("copy", "source", "target", "--json").out.splitlines()[-1]
    assert last.startswith('{"type":"summary","job":1,"success":4,"skipped":0,"failed":0,"total":4,"bytes":')
    assert last.count(":") == 8


def test_summary_for_people(haulier: Program, tmp_path: Path) -> None:
    """People get one line on stderr; stdout stays empty. Quiet says nothing."""
    fill(tmp_path / "source")
    done = haulier.ok("copy", "source", "target")
    assert "✓ Success 4 / ⊘ Skipped 0 / ✗ Failed 0 / Total 4 — 295 KiB in 00:00:0" in done.err
    assert "verified: " in done.err
    assert done.out == ""
    quiet = haulier.ok("copy", "source", "other", "-q")
    assert quiet.err + quiet.out == ""


def test_one_file_into_a_folder_and_under_another_name(
    haulier: Program, with_s3: S3Server, tmp_path: Path
) -> None:
    """`copy s3://b/x.bin out/` puts x.bin into out; without the slash it becomes `out`."""
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="d/x.bin", Body=b"hello")
    haulier.ok("copy", f"s3://{bucket}/d/x.bin", "out/")
    haulier.ok("copy", f"s3://{bucket}/d/x.bin", "renamed.bin")
    haulier.ok("copy", f"s3://{bucket}/d", "folder")
    assert tree(tmp_path) == {"folder/x.bin": b"hello", "out/x.bin": b"hello", "renamed.bin": b"hello"}


def test_several_sources_go_under_their_names(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """A folder, a file and a bucket of several sources lie side by side in the target."""
    fill(tmp_path / "docs", {"a.txt": 3})
    (tmp_path / "single.bin").write_bytes(b"12345")
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="p/k", Body=b"k")
    haulier.ok("copy", "docs", "single.bin", f"s3://{bucket}/p", f"s3://{bucket}/to/")
    assert keys(with_s3, bucket) == {"p/k": 1, "to/docs/a.txt": 3, "to/p/k": 1, "to/single.bin": 5}


def test_include_and_exclude(haulier: Program, tmp_path: Path) -> None:
    """Only what is wanted is copied, with several words after one option."""
    fill(tmp_path / "source")
    haulier.ok("copy", "source", "target", "--include", "*.json", "*.txt", "--exclude", "docs/b*")
    assert set(tree(tmp_path / "target")) == {"docs/c.json"}


def test_plan_moves_nothing_and_leaves_no_job(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """`plan --json` ends with the promised object; afterwards target and job list are as before."""
    fill(tmp_path / "source")
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="extra", Body=b"xx")
    plan = haulier.ok("plan", "source", f"s3://{bucket}", "--delete", "--json").last
    assert plan.pop("hash")
    assert plan == {
        "type": "plan",
        "copy": {"count": 4, "bytes": sum(FILES.values())},
        "overwrite": {"count": 0, "bytes": 0},
        "skip": {"count": 0, "bytes": 0},
        "delete": {"count": 1, "bytes": 2},
    }
    text = haulier.ok("copy", "source", f"s3://{bucket}", "--dry-run").out
    assert "copy      4 (295 KiB)" in text
    assert keys(with_s3, bucket) == {"extra": 2}
    assert haulier.ok("jobs", "--json").out == ""


def test_sync_needs_the_word(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """Without YES nothing changes and the exit code is 3; with it, the target becomes like the source."""
    fill(tmp_path / "source")
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="extra", Body=b"xx")
    target = f"s3://{bucket}"
    for words in ([], ["--confirm", "yes"], ["--confirm", "YES "], ["--confirm", ""]):
        done = haulier("sync", "source", target, "--delete", *words, stdin="YES\n")
        assert done.code == 3, done
        assert keys(with_s3, bucket) == {"extra": 2}
    assert haulier.ok("jobs", "--json").out == ""
    done = haulier.ok("sync", "source", target, "--delete", "--confirm", "YES", "--json")
    assert done.last["success"] == 4
    assert keys(with_s3, bucket) == FILES


def test_sync_to_disk_without_deletion_needs_no_word(haulier: Program, tmp_path: Path) -> None:
    """A sync that neither writes to S3 nor deletes starts by itself."""
    source = fill(tmp_path / "source")
    haulier.ok("sync", "source", "target")
    assert tree(tmp_path / "target") == tree(source)


@pytest.mark.parametrize(("typed", "code"), [("YES\n", 0), ("\n", 3), ("yes\n", 3), (" YES\n", 3), ("\x03", 3)])
def test_typed_confirmation(haulier: Program, with_s3: S3Server, tmp_path: Path, typed: str, code: int) -> None:
    """On a terminal YES is typed; Enter, another word, or Ctrl+C changes nothing."""
    fill(tmp_path / "source", {"a": 3})
    bucket = with_s3.new_bucket()
    with on_terminal(haulier, "sync", "source", f"s3://{bucket}") as terminal:
        terminal.type("YES\n")  # before the question: does not count
        terminal.wait_for("Type YES to go on, anything else to leave: ")
        terminal.type(typed)
        assert terminal.finish() == code
    assert keys(with_s3, bucket) == ({"a": 3} if code == 0 else {})


def test_verify_places_and_job(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """Equal places and a job's places give 0; changed content of the same size gives 1 and names the file."""
    fill(tmp_path / "source")
    bucket = with_s3.new_bucket()
    haulier.ok("copy", "source", f"s3://{bucket}")
    haulier.ok("verify", "source", f"s3://{bucket}")
    haulier.ok("verify", "1")
    with_s3.boto3().put_object(Bucket=bucket, Key="a.bin", Body=b"0123456789")
    differs = haulier("verify", "1")
    assert differs.code == 1
    assert "✗ a.bin: " in differs.err
    records = haulier("verify", "source", f"s3://{bucket}", "--json").records
    assert [each["filename"] for each in records if each["type"] == "item"] == ["a.bin"]
    assert records[-1]["type"] == "summary"
    assert (records[-1]["success"], records[-1]["failed"]) == (3, 1)


def test_partly_failed_copy(haulier: Program, tmp_path: Path) -> None:
    """A name that is a folder at the target fails alone: exit code 1, told by name, the rest is there."""
    fill(tmp_path / "source", {"a": 3, "b": 4})
    fill(tmp_path / "target", {"a/inside": 1})
    done = haulier("copy", "source", "target")
    assert done.code == 1, done
    assert "✗ a: " in done.err
    assert (tmp_path / "target/b").is_file()
    assert (tmp_path / "target/a/inside").is_file()
    shown = haulier.ok("show", "1", "--status", "failed", "--json").records
    assert [each["filename"] for each in shown if each["type"] == "item"] == ["a"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["copy", "missing", "out"], "no such file or folder"),
        (["copy", "s3://no-such-bucket-here/x", "out"], "no-such-bucket-here"),
        (["copy", "nowhere:bucket", "out"], "no connection called 'nowhere'"),
        (["copy", "hf://a..b", "out"], "no repository name"),
        (["copy", ".", "out", "--part-size", "1MiB"], "too small"),
        (["copy", ".", "out", "--bandwidth", "fast"], "--bandwidth"),
        (["copy", ".", "out", "--retry", "often"], "often"),
        (["ls", "s3://no-such-bucket-here/"], "no-such-bucket-here"),
        (["ls", "missing"], "no such file or folder"),
        (["show", "99"], "99"),
        (["verify", "a", "b", "c"], "two places"),
    ],
)
def test_wrong_usage_and_unknown_places(
    haulier: Program, with_s3: S3Server, words: list[str], says: str
) -> None:
    """What cannot be meant ends with 2 and a sentence; no job is left behind."""
    done = haulier(*words)
    assert done.code == 2, done
    assert says in done.err
    assert "Traceback" not in done.err
    assert haulier.ok("jobs", "--json").out == ""


def test_wrong_keys_block(haulier: Program, rclone_server: S3Server) -> None:
    """Refused credentials end an attached copy with 4, and the job can be resumed once they are mended."""
    bucket = rclone_server.new_bucket()
    rclone_server.boto3().put_object(Bucket=bucket, Key="a", Body=b"abc")
    haulier.use_s3(rclone_server)
    haulier.extra["AWS_SECRET_ACCESS_KEY"] = "not-the-secret"
    done = haulier("copy", f"s3://{bucket}/", "out")
    assert done.code == 4, done
    assert "haulier resume 1" in done.err
    assert "not-the-secret" not in done.err


def test_ls(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """Buckets, one level, everything below, one object, and local folders; JSON entries as promised."""
    bucket = with_s3.new_bucket()
    client = with_s3.boto3()
    for key, body in {"a.bin": b"12345", "d/x": b"1", "d/e/y": b"22", "a.bin2": b""}.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
    assert f"{bucket}/" in haulier.ok("ls", "s3://").out
    listed = {each["key"]: each["size"] for each in haulier.ok("ls", f"s3://{bucket}", "--json").records}
    assert listed == {"a.bin": 5, "a.bin2": 0, "d/": 0}
    below = haulier.ok("ls", "-r", f"s3://{bucket}/d", "--json").records
    assert [each["key"] for each in below] == ["e/y", "x"]
    (entry,) = haulier.ok("ls", f"s3://{bucket}/a.bin", "--json").records
    assert list(entry) == ["type", "key", "size", "etag", "modified"]
    assert entry["etag"] == "827ccb0eea8a706c4c34a16891f84e7b"
    assert entry["modified"].endswith("Z")
    fill(tmp_path / "folder", {"n/a": 1, "b": 2})
    assert [each["key"] for each in haulier.ok("ls", "folder", "--json").records] == ["b", "n/"]


def test_hostile_names_reach_no_terminal(haulier: Program, with_s3: S3Server) -> None:
    """A key with ESC and bidi characters is shown with stand-ins, and JSON is plain ASCII."""
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="x\u202e\x9b31mz", Body=b"")
    text = haulier.ok("ls", f"s3://{bucket}").out
    assert "x⟨U+202E⟩⟨U+009B⟩31mz" in text
    json_text = haulier.ok("ls", f"s3://{bucket}", "--json")
    assert json_text.out.isascii()
    assert json_text.last["key"] == "x\u202e\x9b31mz"


def test_reader_that_goes_away(haulier: Program, tmp_path: Path) -> None:
    """A closed pipe ends the program quietly, as a shell expects."""
    fill(tmp_path / "folder", {"a": 1})
    haulier.ok("engine", "start")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        haulier.command("ls", "folder"),
        cwd=tmp_path,
        env=haulier.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_plan_names_what_clashes_and_what_is_replaced_first(haulier: Program, tmp_path: Path) -> None:
    """Among a hundred new files: the one that would be replaced, the one that cannot be, the one that goes."""
    fill(tmp_path / "from", {f"new{n:03}": 10 for n in range(100)} | {"zz-changed": 20})
    fill(tmp_path / "to", {"zz-changed": 5, "zz-extra": 7})
    (tmp_path / "to" / "new050").mkdir()
    (tmp_path / "to" / "new050" / "inside").write_text("x")
    said = haulier.ok("plan", "from/", "to/", "--delete", "--exclude", "new050/**").out
    told = said[said.index("for example") :]
    lines = [line.strip() for line in told.splitlines()[1:]]
    signs = [line[0] for line in lines]
    assert signs == sorted(signs, key="!~-+".index), told
    for name in ("zz-changed", "zz-extra"):
        assert any(name in line for line in lines), told
    assert len([sign for sign in signs if sign == "+"]) == 3
