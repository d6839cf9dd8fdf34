"""Settings come from flag, environment, config.toml, default, in this order, and say which."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Code, HaulierError
from core.setting_words import SETTING_WORDS
from core.settings import GIB, SETTING_NAMES, load_settings, read_command


def config(home: Path, text: str | bytes) -> Path:
    file = home / ".config/haulier/config.toml"
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_defaults(tmp_path: Path) -> None:
    """Without anything said: XDG folders under home, and the promised numbers."""
    settings = load_settings({}, {}, tmp_path)
    assert settings.metadata_dir == tmp_path / ".local/state/haulier"
    assert settings.logs_dir == tmp_path / ".local/state/haulier/logs"
    assert settings.downloads_dir == tmp_path / "Downloads"
    assert settings.config_dir == tmp_path / ".config/haulier"
    assert (settings.reserve, settings.retry, settings.stall_timeout) == (10 * GIB, "patient", 60.0)
    assert {origin for _, _, origin in settings.rows()} == {"default"}
    assert [name for name, _, _ in settings.rows()] == ["config_dir", *SETTING_NAMES]


def test_order_and_origin(tmp_path: Path) -> None:
    """Flag beats environment beats file beats default, per setting, and rows() tells it."""
    file = config(tmp_path, 'metadata_dir = "/file"\nlogs_dir = "/file"\nreserve = "1GiB"\nworkers = 7\n')
    environ = {"METADATA_DIR": "/env", "LOGS_DIR": "/env", "HAULIER_RESERVE": ""}
    settings = load_settings({"metadata_dir": "/flag", "logs_dir": None}, environ, tmp_path)
    assert (str(settings.metadata_dir), str(settings.logs_dir)) == ("/flag", "/env")
    assert (settings.reserve, settings.workers) == (GIB, 7)
    origins = {name: origin for name, _, origin in settings.rows()}
    assert origins["metadata_dir"] == "flag --metadata-dir"
    assert origins["logs_dir"] == "environment LOGS_DIR"
    assert origins["reserve"] == f"{file}, line 3"
    assert origins["workers"] == f"{file}, line 4"
    assert origins["retry"] == "default"


def test_xdg_folders(tmp_path: Path) -> None:
    """XDG variables move the defaults; a relative one is invalid and ignored."""
    environ = {"XDG_STATE_HOME": "/state", "XDG_CONFIG_HOME": "relative"}
    settings = load_settings({}, environ, tmp_path)
    assert settings.metadata_dir == Path("/state/haulier")
    assert settings.config_dir == tmp_path / ".config/haulier"


def test_home_in_the_file(tmp_path: Path) -> None:
    """`~/` in a folder setting is the home folder, as no shell replaces it there."""
    config(tmp_path, 'downloads_dir = "~/data"')
    assert load_settings({}, {}, tmp_path).downloads_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reserve = \nworkers = 3", "line 1, column 11"),
        ('workers = 3\nretry = "pat', "line 2, column 13"),
        (b'retry = "\xff"', "line 1, column 10"),
        ("wokers = 3\nspeed = 2", "unknown setting: speed, wokers"),
        ("workers = true", "workers must be text or a number"),
        ("workers = 51", "workers: 51 is too many"),
        ("\n# many\nworkers = 51", "config.toml, line 3: workers: 51"),
        ("retry = ['quick']", "retry must be text or a number"),
        ("on_end = ['notify-send', 3]", "on_end must be text or a number"),
        ("on_end = 'say \"done'", "on_end: 'say \"done' cannot be split into words: no closing quotation"),
        ("notify = 'bell, email'", "notify: 'email' is not one of app, bell, osc, osc9, osc777; or off alone"),
        ("theme = 'pink'", "theme: 'pink' is not one of auto, dark, light, ansi"),
        ('retry = "often"', "retry: 'often'"),
        ('part_size = "1MiB"', "part_size: '1MiB' is too small"),
        ('reserve = "much"', "reserve: 'much' is not a size"),
        ('on_unfinished = "ask"', "on_unfinished: 'ask' is not one of resume, clean"),
    ],
)
def test_bad_file(tmp_path: Path, text: str | bytes, says: str) -> None:
    """A file at fault is a usage error with the file's name and the place or the setting in it."""
    file = config(tmp_path, text)
    with pytest.raises(HaulierError) as caught:
        load_settings({}, {}, tmp_path)
    assert caught.value.code is Code.USAGE
    assert str(file) in caught.value.message
    assert says in caught.value.message


def test_bad_variable_and_flag(tmp_path: Path) -> None:
    """The variable or the flag at fault is named."""
    with pytest.raises(HaulierError, match="environment HAULIER_STALL_TIMEOUT: stall_timeout: '-1'"):
        load_settings({}, {"HAULIER_STALL_TIMEOUT": "-1"}, tmp_path)
    with pytest.raises(HaulierError, match="flag --bandwidth: bandwidth: 'fast'"):
        load_settings({"bandwidth": "fast"}, {}, tmp_path)


@pytest.mark.parametrize("text", ["patient", "quick", "steady", "0.1,0.2,0.5x5", "3x1", "1, 2"])
def test_retry_forms(tmp_path: Path, text: str) -> None:
    """Presets and written-out delays are kept as text."""
    assert load_settings({"retry": text}, {}, tmp_path).retry == text


def test_values_as_people_read_them(tmp_path: Path) -> None:
    """rows() shows sizes, rates and zeros in words."""
    flags = {"bandwidth": "50MiB/s", "part_size": "50MiB", "stall_timeout": "30"}
    shown = {name: value for name, value, _ in load_settings(flags, {}, tmp_path).rows()}
    assert shown["bandwidth"] == "50.0 MiB/s"
    assert shown["part_size"] == "50.0 MiB"
    assert shown["stall_timeout"] == "30 s"
    assert shown["workers"] == "by measuring"
    assert shown["reserve"] == "10.0 GiB"


def test_a_command_may_be_a_list(tmp_path: Path) -> None:
    """Words with blanks need no quoting twice: a list in the file is the same as its words in quotes."""
    config(tmp_path, "on_end = ['~/bin/tell me', 'it is', '$HOME; done']")
    settings = load_settings({}, {}, tmp_path)
    assert read_command(settings.on_end) == ("~/bin/tell me", "it is", "$HOME; done")


@pytest.mark.parametrize(
    ("text", "value"),
    [("", "off"), ("off", "off"), ("osc bell", "bell,osc"), ("osc777,app,bell", "app,bell,osc777")],
)
def test_ways_of_telling(tmp_path: Path, text: str, value: str) -> None:
    """The ways are a set: written in any order, kept in one."""
    assert load_settings({"notify": text}, {}, tmp_path).notify == value


def test_every_setting_is_explained() -> None:
    """The settings screen has words for each setting, and for none that does not exist."""
    assert set(SETTING_WORDS) == {"config_dir", *SETTING_NAMES}
    for words in SETTING_WORDS.values():
        assert words.means.endswith(".")
        assert words.may_be
