"""The growing CSV file: whole rows whoever writes, whoever was killed, and whatever stood there before."""

from __future__ import annotations

import csv
import fcntl
import io
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.records.appended import AppendedCsv, InUse
from core.engine.records.csv_text import csv_row, iso_utc

HEADER = csv_row(("key", "status"))


def is_row(text: bytes) -> bool:
    return text.endswith(b",done")


def opened(path: Path, *, anew: bool = False) -> AppendedCsv:
    file = AppendedCsv(path, HEADER, is_row)
    file.open(anew=anew)
    return file


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def ignore(_offset: int) -> None:
    pass


def row(key: str) -> bytes:
    return csv_row((key, "done"))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=5))
def test_any_text_comes_back_from_a_csv_reader(fields: list[str]) -> None:
    """Quotes, commas, line breaks of every kind and formulas are read back as they were."""
    text = csv_row(fields).decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [fields]


def test_hostile_keys_stand_in_the_file_as_they_are(tmp_path: Path) -> None:
    """A formula is not altered, an odd file name that is no Unicode does not break the file's UTF-8."""
    keys = [
        "=cmd|' /C calc'!A0",
        'say "no"',
        "two\nlines",
        "cr\rhere",
        " blank ",
        "k[@click=x]\x1b[2J",
        "naïve,é",
    ]
    file = opened(tmp_path / "log.csv")
    file.append([row(key) for key in keys], ignore)
    file.append([row("odd \udcff")], ignore)
    assert [key for key, _ in rows_of(tmp_path / "log.csv")] == ["key", *keys, "odd \\udcff"]


def test_times_are_utc_with_milliseconds() -> None:
    assert iso_utc(1700000000.1234) == "2023-11-14T22:13:20.123Z"
    assert iso_utc(0) == ""


def test_a_left_over_log_becomes_a_backup_and_none_is_lost(tmp_path: Path) -> None:
    """A new job keeps the old file as FILE.bak, the next one as FILE.bak2; the same job goes on in its own."""
    path = tmp_path / "log.csv"
    for turn in range(3):
        file = AppendedCsv(path, HEADER, is_row)
        backup = file.open(anew=True)
        assert backup == ("", f"{path}.bak", f"{path}.bak2")[turn]
        file.append([row(str(turn))], ignore)
        file.close()
    again = opened(path)
    again.append([row("more")], ignore)
    again.close()
    assert rows_of(path) == [["key", "status"], ["2", "done"], ["more", "done"]]
    assert rows_of(tmp_path / "log.csv.bak")[1] == ["0", "done"]
    assert rows_of(tmp_path / "log.csv.bak2")[1] == ["1", "done"]


def test_a_log_in_use_is_joined_not_moved_away(tmp_path: Path) -> None:
    """A second job that begins while the first one writes appends to the same file, under one header."""
    path = tmp_path / "log.csv"
    first = opened(path, anew=True)
    first.append([row("a")], ignore)
    second = opened(path, anew=True)
    second.append([row("b")], ignore)
    first.append([row("c")], ignore)
    assert [key for key, _ in rows_of(path)] == ["key", "a", "b", "c"]
    assert os.listdir(tmp_path) == ["log.csv"]


def test_a_file_of_another_kind_is_kept_and_never_written_into(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("precious,columns\n1,2\n")
    opened(path).append([row("a")], ignore)
    assert (tmp_path / "log.csv.bak").read_text() == "precious,columns\n1,2\n"
    other = tmp_path / "other.csv"
    other.write_text("precious\n")
    with other.open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with pytest.raises(InUse):
            AppendedCsv(other, HEADER, is_row).open(anew=False)
    assert other.read_text() == "precious\n"


@pytest.mark.parametrize("torn", [b'"two\nlines', b"half", b'"a ""b', b'"x\n"'])
def test_a_torn_row_is_cut_off_before_the_next(tmp_path: Path, torn: bytes) -> None:
    """What a killed writer left behind its last whole row goes; a line break within quotes ends no row."""
    path = tmp_path / "log.csv"
    opened(path).append([row('first\n"one"')], ignore)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    opened(path).append([row("next")], ignore)
    assert path.read_bytes() == whole + row("next")


def test_a_row_that_only_lacks_its_end_is_kept(tmp_path: Path) -> None:
    """An editor that strips the last line break costs no row."""
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + row("a").rstrip(b"\n"))
    opened(path).append([row("b")], ignore)
    assert path.read_bytes() == HEADER + row("a") + row("b")


def test_a_file_moved_away_meanwhile_is_made_anew(tmp_path: Path) -> None:
    """As log rotation does it."""
    path = tmp_path / "log.csv"
    file = opened(path)
    file.append([row("a")], ignore)
    path.rename(tmp_path / "rotated")
    file.append([row("b")], ignore)
    assert path.read_bytes() == HEADER + row("b")


def test_the_file_tells_which_rows_of_a_group_were_written(tmp_path: Path) -> None:
    """After a kill between the write and its record: two of three stand there, so only the third is missing."""
    offsets: list[int] = []
    file = opened(tmp_path / "log.csv")
    file.append([row("before")], ignore)
    file.append([row("1"), row("2")], offsets.append)
    assert file.standing([row("1"), row("2"), row("3")], offsets[0]) == 2
    assert file.standing([row("x")], offsets[0]) == 0


def _write_many(path: Path, name: str) -> None:
    file = opened(path, anew=True)
    for number in range(60):
        file.append([row(f"{name}\n{number}-{part}") for part in range(20)], ignore)


def test_writers_in_several_processes_lose_and_tear_nothing(tmp_path: Path) -> None:
    """Three processes at once: one header, every row once, the rows of a group side by side."""
    path = tmp_path / "log.csv"
    writers = [
        multiprocessing.get_context("spawn").Process(target=_write_many, args=(path, name)) for name in "abc"
    ]
    keeper = opened(path, anew=True)  # so that none of them finds it left over by another that was quicker
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    keeper.close()
    found = rows_of(path)
    assert found[0] == ["key", "status"]
    assert len(found) == 1 + 3 * 60 * 20
    assert len({key for key, _ in found}) == len(found)
    for name in "abc":
        mine = [key for key, _ in found if key.startswith(f"{name}\n")]
        assert mine == [f"{name}\n{number}-{part}" for number in range(60) for part in range(20)]
