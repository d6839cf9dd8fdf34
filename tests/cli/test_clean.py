"""clean, repair and check on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tui.cli.clean import read_age


def test_clean_and_repair(haulier: Program, tmp_path: Path) -> None:
    """A dry run says what would go and forgets nothing; a missing file is found, named, and moved again."""
    (tmp_path / "src").mkdir()
    for name in ("a", "b"):
        (tmp_path / "src" / name).write_text(name)
    haulier.ok("copy", "src", "out")
    (tmp_path / "out/b").unlink()
    repaired = haulier.ok("repair", "1")
    assert "1 file recorded as done" in repaired.err
    assert "(b)" in repaired.err
    assert "haulier resume 1" in repaired.err
    haulier.ok("resume", "1")
    haulier.ok("watch", "1")
    assert (tmp_path / "out/b").read_text() == "b"
    assert haulier.ok("clean", "--older", "1h", "--json").last["jobs"] == 0
    assert "1 finished job would be forgotten (1)" in haulier.ok("clean", "--dry-run").err
    assert haulier.ok("clean", "out", "--json").records[0] == {"type": "forgotten", "job": 1, "dry_run": False}
    assert haulier.ok("jobs", "--json").out == ""
    assert (tmp_path / "out/a").read_text() == "a"


def test_check(haulier: Program, tmp_path: Path) -> None:
    """0 when nothing failed, 3 with the way out when something did, 2 for what is no size."""
    fine = haulier.ok("check", "new/folder", "--size", "1MiB")
    assert " space " in fine.out
    assert not (tmp_path / "new").exists()
    full = haulier("check", "--path", ".", "--size", "900PiB", "--json")
    assert full.code == 3
    assert full.last["ok"] is False
    space = next(record for record in full.records if record.get("name") == "space")
    assert space["level"] == "fail"
    assert "choose another disk" in space["hint"]
    assert haulier("check", ".", "--size", "much").code == 2
    assert haulier("check", "nowhere:bucket").code == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("48h", 172800), ("1.5d", 129600), ("2w", 1209600)]
)
def test_ages(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert read_age(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "5 years", "٣h", "1e9h"])
def test_what_is_no_age(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is not an age"):
        read_age(text)
