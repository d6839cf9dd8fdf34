"""repeat and presets, with a real engine: kept, run, renamed, removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.servers import S3Server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "from"
    folder.mkdir()
    (folder / "a.json").write_text("1")
    (folder / "b.txt").write_text("2")
    return folder


def copied(haulier: Program, source: Path, *more: str) -> str:
    """A finished copy's number."""
    return str(haulier.ok("copy", f"{source}/", "to/", "--json", *more).last["job"])


def test_a_job_is_made_again(haulier: Program, source: Path, tmp_path: Path) -> None:
    """With its filters, planned anew: what came since is moved, and a dry run moves nothing."""
    job = copied(haulier, source, "--include", "*.json")
    (source / "c.json").write_text("3")
    plan = haulier.ok("repeat", job, "--dry-run", "--json").last
    assert plan["copy"]["count"] == 1
    assert not (tmp_path / "to/c.json").exists()
    again = haulier.ok("repeat", job, "--json").last
    assert (again["success"], again["failed"]) == (1, 0)
    assert sorted(path.name for path in (tmp_path / "to").glob("*.*")) == ["a.json", "c.json"]
    assert haulier("repeat", "999").code == 2


def test_presets_from_save_to_remove(haulier: Program, source: Path, tmp_path: Path) -> None:
    """Kept from a job that may be forgotten afterwards; names taken, wrong and missing are told."""
    assert "No preset is kept yet" in haulier.ok("presets").err
    job = copied(haulier, source, "--include", "*.json")
    kept = haulier.ok("presets", "save", "nightly", job, "--description", "each night", "--json").last
    assert (kept["name"], kept["kind"], kept["description"]) == ("nightly", "copy", "each night")
    haulier.ok("forget", job)
    listed = haulier.ok("presets").out
    assert "nightly" in listed
    assert "each night" in listed
    assert "only *.json" in haulier.ok("presets", "show", "nightly").out

    (source / "c.json").write_text("3")
    assert haulier.ok("presets", "run", "nightly", "--dry-run", "--json").last["copy"]["count"] == 1
    assert haulier.ok("presets", "run", "nightly", "--json").last["success"] == 1
    assert (tmp_path / "to/c.json").read_text() == "3"

    other = copied(haulier, source)
    refused = haulier("presets", "save", "nightly", other)
    assert refused.code == 3
    assert "--replace" in refused.err
    haulier.ok("presets", "save", "nightly", other, "--replace")
    assert "*.json" not in haulier.ok("presets", "show", "nightly").out
    assert haulier("presets", "save", "7", other).code == 2

    haulier.ok("presets", "rename", "nightly", "daily")
    missing = haulier("presets", "run", "nightly")
    assert missing.code == 2
    assert "Known: daily" in missing.err
    assert haulier("presets", "remove", "daily", "nobody").code == 2
    assert haulier.ok("presets", "list", "--json").records == []


def test_a_sync_of_a_preset_asks_again(haulier: Program, source: Path, tmp_path: Path) -> None:
    """The word that was given once is not kept: a sync that deletes is refused without it."""
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "extra").write_text("x")
    job = haulier.ok("sync", f"{source}/", "to/", "--delete", "--confirm", "YES", "--json").last["job"]
    haulier.ok("presets", "save", "mirror", str(job))
    (tmp_path / "to" / "extra").write_text("x")
    assert haulier("presets", "run", "mirror").code == 3
    assert (tmp_path / "to" / "extra").exists()
    assert haulier("presets", "run", "mirror", "--confirm", "yes").code == 3
    haulier.ok("presets", "run", "mirror", "--confirm", "YES")
    assert not (tmp_path / "to" / "extra").exists()


def test_keys_of_the_environment_go_along(haulier: Program, with_s3: S3Server, tmp_path: Path) -> None:
    """A new engine knows no keys: a job that is made again, or a preset, of `s3://` brings them."""
    bucket = with_s3.new_bucket()
    with_s3.boto3().put_object(Bucket=bucket, Key="a", Body=b"1")
    job = str(haulier.ok("copy", f"s3://{bucket}/", "to/", "--json").last["job"])
    haulier.ok("presets", "save", "nightly", job)
    for words in (("repeat", job), ("presets", "run", "nightly")):
        haulier.ok("engine", "stop")
        with_s3.boto3().put_object(Bucket=bucket, Key=f"by {words[0]}", Body=b"2")
        assert haulier.ok(*words, "--json").last["success"] == 1
        assert (tmp_path / "to" / f"by {words[0]}").read_bytes() == b"2"
