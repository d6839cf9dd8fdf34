"""The program as OpsKit starts it: in a folder of its own, with five variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program


@pytest.fixture
def launched(haulier: Program, tmp_path: Path) -> Program:
    """Started in OpsKit's folder by a person who is elsewhere."""
    for folder in ("opskit/cache/tools/haulier", "person"):
        (tmp_path / folder).mkdir(parents=True)
    haulier.cwd = tmp_path / "opskit"
    haulier.extra |= {
        "OPSKIT_TOOL_TEMP_DIR": str(tmp_path / "opskit/cache/tools/haulier"),
        "OPSKIT_BASE_PATH": str(tmp_path / "opskit"),
        "OPSKIT_WORKING_DIR": str(tmp_path / "person"),
        "TOOL_NAME": "Mover\x1b[31m",
        "TOOL_VERSION": "2.0",
    }
    return haulier


def test_files_are_where_opskit_wants_them(launched: Program, tmp_path: Path) -> None:
    """A copy of relative paths happens where the person is; journal, socket and log are in the tool's folder,
    closed to others; nothing is written where it was started."""
    (tmp_path / "person/a.txt").write_text("abc")
    launched.ok("copy", "a.txt", "out/", "--csv", "rows.csv")
    assert (tmp_path / "person/out/a.txt").read_text() == "abc"
    assert (tmp_path / "person/rows.csv").exists()
    temp = tmp_path / "opskit/cache/tools/haulier"
    assert (temp / "metadata/journal.sqlite3").exists()
    assert (temp / "logs/engine.log").exists()
    assert (temp / "metadata").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "opskit").iterdir()) == ["cache"]
    assert [path.name for path in temp.parent.iterdir()] == ["haulier"]


def test_config_says_who_started_it(launched: Program, tmp_path: Path) -> None:
    """Name and version with their origin; a hostile name cannot speak to the terminal."""
    told = launched.ok("config")
    assert "environment OPSKIT_TOOL_TEMP_DIR" in told.out
    assert "environment TOOL_NAME" in told.out
    assert "\x1b" not in told.out
    rows = {each["name"]: each for each in launched.ok("config", "--json").records}
    assert rows["tool_version"]["value"] == "2.0"
    assert rows["downloads_dir"]["value"] == str(tmp_path / "person")
    assert rows["working_dir"]["origin"] == "environment OPSKIT_WORKING_DIR"


def test_a_working_folder_that_is_gone(launched: Program) -> None:
    """It is named, with its variable, instead of moving something somewhere else."""
    launched.extra["OPSKIT_WORKING_DIR"] = "/nowhere/at/all"
    done = launched("copy", "a.txt", "out/")
    assert done.code == 2
    assert "OPSKIT_WORKING_DIR: the folder /nowhere/at/all" in done.err
    launched.extra["OPSKIT_WORKING_DIR"] = "/"
