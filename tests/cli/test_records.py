"""Records, folders and reasons on the command line of the real program."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.cli.program import Program
from tests.cli.test_transfers import FILES, fill


def test_records_lie_where_the_person_is(haulier: Program, tmp_path: Path) -> None:
    """Relative paths mean the folder the command was given in; all three are complete when it returns; the
    summary names each of several sources."""
    fill(tmp_path / "one")
    fill(tmp_path / "two", {"x": 5})
    (tmp_path / "log.csv").write_text("old\n")
    files = ("--csv", "log.csv", "--progress-csv", "folders.csv", "--failed-log", "no.log")
    done = haulier.ok("copy", "one", "two", "to/", *files, "--json")
    with (tmp_path / "log.csv").open(newline="") as file:
        assert {row["status"] for row in csv.DictReader(file)} == {"completed"}
    assert (tmp_path / "log.csv").read_text().count("\n") == 1 + len(FILES) + 1
    assert (tmp_path / "log.csv.bak").read_text() == "old\n"
    assert (tmp_path / "folders.csv").read_text().count("100.0%") == 4
    assert (tmp_path / "no.log").read_bytes() == b""
    pairs = done.last["pairs"]
    assert [(pair["success"], pair["total"]) for pair in pairs] == [(4, 4), (1, 1)]
    assert pairs[1]["source"].rstrip("/").endswith("/two")
    assert list(done.last)[:8] == [
        "type",
        "job",
        "success",
        "skipped",
        "failed",
        "total",
        "bytes",
        "seconds",
    ]
    people = haulier.ok("copy", "one", "two", "to/")
    lines = people.err.splitlines()
    assert "/two/ → " in lines[-2]
    assert "✓ Success 0 / ⊘ Skipped 1 / ✗ Failed 0 / Total 1" in lines[-2]
    assert lines[-1].startswith("✓ Success 0 / ⊘ Skipped 5 / ✗ Failed 0 / Total 5 — 0 B in 00:00:0")


def test_a_record_inside_the_source_is_refused(haulier: Program, tmp_path: Path) -> None:
    """Exit code 2, with the option's name and the way out; nothing is written."""
    fill(tmp_path / "from")
    refused = haulier("copy", "from", "to", "--csv", "from/log.csv")
    assert refused.code == 2
    assert "--csv" in refused.err
    assert "another folder" in refused.err
    assert not (tmp_path / "from/log.csv").exists()
    assert not (tmp_path / "to").exists()


def test_folders_and_reasons_of_a_job(haulier: Program, tmp_path: Path) -> None:
    """`show --folders` lists one level, `--under` the next; a job that is over has no bottleneck to show."""
    fill(tmp_path / "from")
    haulier.ok("copy", "from", "to")
    top = haulier.ok("show", "1", "--folders").out
    assert "docs/" in top
    assert "(files here)" in top
    found = [
        each
        for each in haulier.ok("show", "1", "--under", "logs", "--json").records
        if each["type"] == "folder"
    ]
    assert [(each["prefix"], each["done_files"], each["total_bytes"]) for each in found] == [
        ("logs/2024/", 1, 300_000)
    ]
    assert "Nothing of it moves" in haulier.ok("show", "1", "--why").err
