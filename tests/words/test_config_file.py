"""One setting of config.toml is changed, and not a byte besides."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from core.config_file import changed_text, line_of, write_setting
from core.errors import Code, HaulierError
from core.setting_desk import SettingDesk

FILE = Path("config.toml")


def changed(text: str, name: str, value: str | int | None) -> str:
    return changed_text(text, name, value, FILE)


@pytest.mark.parametrize(
    ("before", "name", "value", "after"),
    [
        ("", "workers", 8, "workers = 8\n"),
        ("# me\n\nworkers=7 # few\nretry='x'\n", "workers", 8, "# me\n\nworkers = 8 # few\nretry='x'\n"),
        ("retry = 'quick'", "workers", 8, "retry = 'quick'\nworkers = 8\n"),
        ("workers = 7\nretry = 'quick'\n", "workers", None, "retry = 'quick'\n"),
        ("workers = 7", "workers", 8, "workers = 8"),
        ("a = 1\r\nworkers = 7 # x\r\n", "workers", 8, "a = 1\r\nworkers = 8 # x\r\n"),
        ("a = 1\r\n", "workers", 8, "a = 1\r\nworkers = 8\r\n"),
        ('on_end = "say #1" # "loud"\n', "on_end", "x", 'on_end = "x" # "loud"\n'),
        ("on_end = ['a', # 1\n 'b', # 2\n] # 3\nz = 1\n", "on_end", "x", 'on_end = "x" # 3\nz = 1\n'),
        ('on_end = """\nworkers = 7\n"""\n', "workers", 8, 'on_end = """\nworkers = 7\n"""\nworkers = 8\n'),
        ('a = """\nworkers = 7\n"""\nworkers = 7\n', "workers", 8, 'a = """\nworkers = 7\n"""\nworkers = 8\n'),
        ('"workers" = 7\n', "workers", 8, "workers = 8\n"),
        ("a = 1\n\n[keys]\nworkers = 7\n", "workers", 8, "a = 1\n\nworkers = 8\n[keys]\nworkers = 7\n"),
        ("a = [\n[1],\n]\nb = 2\n", "workers", 8, "a = [\n[1],\n]\nb = 2\nworkers = 8\n"),
        ("retry_x = 1\n", "retry", "quick", 'retry_x = 1\nretry = "quick"\n'),
        ("a = 1\n", "workers", None, "a = 1\n"),
    ],
)  # fmt: skip
def test_one_line_changes(before: str, name: str, value: str | int | None, after: str) -> None:
    """Comments, order, line ends, tables and other values stay as they were, also in awkward files."""
    assert changed(before, name, value) == after
    assert tomllib.loads(after).get(name) == value


@pytest.mark.parametrize("value", ['say "hi" \\ there', "tab\there\x7f\x01", "ünï → ", "line\nbreak", "'''"])
def test_any_text_is_read_back(value: str) -> None:
    """Whatever is written reads as what was meant."""
    assert tomllib.loads(changed("", "on_end", value)) == {"on_end": value}


def test_what_is_too_odd_is_left_alone() -> None:
    """A way of writing that no line can carry is named, and nothing is written."""
    with pytest.raises(HaulierError, match="cannot be changed safely") as caught:
        changed("a.b = 1\n", "a", 2)
    assert caught.value.code is Code.REFUSED
    with pytest.raises(HaulierError, match="is damaged"):
        changed("a = \n", "a", 2)


def test_lines_are_named() -> None:
    """The line of a setting, also behind values of several lines."""
    text = "# x\na = '''\nb = 1\n'''\nb = 2\n[t]\nc = 1\n"
    assert (line_of(text, "a"), line_of(text, "b"), line_of(text, "c")) == (2, 5, 0)


def test_the_file_itself(tmp_path: Path) -> None:
    """A new file is for its owner only; an old one keeps its mode; a link stays a link to the file changed."""
    new = tmp_path / "new/config.toml"
    write_setting(new, "workers", 8)
    assert new.read_text() == "workers = 8\n"
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("workers = 7\n")
    kept.chmod(0o644)
    link = tmp_path / "config.toml"
    link.symlink_to(kept)
    write_setting(link, "workers", 8)
    assert link.is_symlink()
    assert kept.read_text() == "workers = 8\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o644


def test_the_desk_changes_and_takes_back(tmp_path: Path) -> None:
    """A value is written and in force, an empty one takes it out; a bad one is named and changes nothing."""
    desk = SettingDesk({}, {}, tmp_path)
    desk.change("reserve", " 5GiB ")
    row = next(row for row in desk.rows() if row.name == "reserve")
    assert (row.value, row.written, row.origin) == ("5.0 GiB", "5GiB", f"{desk.file}, line 1")
    desk.change("workers", "8")
    assert desk.file.read_text() == 'reserve = "5GiB"\nworkers = 8\n'
    with pytest.raises(HaulierError, match="workers: 51 is too many") as caught:
        desk.change("workers", "51")
    assert "1 to 50" in caught.value.hint
    desk.change("reserve", "")
    assert desk.file.read_text() == "workers = 8\n"
    assert desk.settings.workers == 8


def test_what_a_flag_or_a_variable_decides(tmp_path: Path) -> None:
    """Such a setting is not written: the file's value would not count. The way out is named."""
    desk = SettingDesk({"logs_dir": "/logs"}, {"HAULIER_WORKERS": "3"}, tmp_path)
    for name, way_out in (
        ("logs_dir", "--logs-dir"),
        ("workers", "HAULIER_WORKERS"),
        ("config_dir", "config.toml"),
    ):
        with pytest.raises(HaulierError) as caught:
            desk.change(name, "4")
        assert caught.value.code is Code.REFUSED
        assert way_out in caught.value.hint
    assert not desk.file.exists()
