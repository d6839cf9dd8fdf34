"""tune and limit: what is changed from outside while jobs run."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import Program


def test_the_limit_of_all_jobs_is_set_shown_and_given_up(haulier: Program) -> None:
    """A rate, a timetable, back to the settings; what is neither is refused by name."""
    haulier.extra["HAULIER_BANDWIDTH"] = "7MiB"
    assert haulier.ok("limit", "--json").last["now"] == 7 << 20
    assert haulier.ok("limit", "50MiB", "--json").last == {
        "type": "limit",
        "bandwidth": 50 << 20,
        "timetable": "",
        "now": 50 << 20,
        "origin": "set while running",
    }
    shown = haulier.ok("limit", "00:00,10MiB", "12:00,10MiB")
    assert "10.0 MiB/s" in shown.out
    assert "00:00,10MiB 12:00,10MiB" in shown.out
    refused = haulier("limit", "25:00,10MiB")
    assert (refused.code, "25:00" in refused.err) == (2, True), refused
    assert "as the settings say" in haulier.ok("limit", "default").out
    assert haulier.ok("limit", "--json").last["now"] == 7 << 20


def test_jobs_are_tuned_by_number(haulier: Program, tmp_path: Path) -> None:
    """Each value is taken over; a job that is not there and a wrong value are told."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/file").write_bytes(bytes(4 << 20))
    haulier.ok("copy", "src/", "out/", "--detach", "--bandwidth", "200KiB", "--priority", "last")
    tuned = haulier.ok("tune", "1", "--workers", "3", "--connections", "auto", "--priority", "first", "--json")
    assert tuned.last["job"] == 1
    assert haulier("tune", "1").code == 2
    assert haulier("tune", "1", "--workers", "many").code == 2
    assert haulier("tune", "1", "--workers", "161").code == 2
    assert haulier("tune", "9", "--workers", "2").code == 2
    haulier.ok("tune", "1", "--bandwidth", "off")
    assert haulier.ok("watch", "1", "--json").last["success"] == 1
