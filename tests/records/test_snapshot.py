"""A file rewritten as a whole, killed at the moment that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.records.snapshot import replace_file


class Killed(BaseException):
    """As if the process ended here."""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_stood_there_is_kept_before_the_name_changes_hands(tmp_path: Path) -> None:
    """Killed once the name is noted as ours: the old file is under both names, and only then written over."""
    path = tmp_path / "folders.csv"
    path.write_bytes(b"somebody else's")

    def noted_and_killed() -> None:
        assert path.read_bytes() == b"somebody else's"
        assert (tmp_path / "folders.csv.bak").read_bytes() == b"somebody else's"
        raise Killed

    with pytest.raises(Killed):
        replace_file(path, [b"ours"], "m", first=noted_and_killed)
    assert path.read_bytes() == b"somebody else's"
    assert replace_file(path, [b"ours ", b"again"], "m") == ""
    assert path.read_bytes() == b"ours again"
    assert names(tmp_path) == {"folders.csv", "folders.csv.bak"}


def test_our_own_file_is_never_kept(tmp_path: Path) -> None:
    """Nothing stood there: noted once, written twice, with no backup."""
    path = tmp_path / "folders.csv"
    noted: list[int] = []
    assert replace_file(path, [b"one"], "m", first=lambda: noted.append(1)) == ""
    assert replace_file(path, [b"two"], "m") == ""
    assert (noted, path.read_bytes(), names(tmp_path)) == ([1], b"two", {"folders.csv"})
