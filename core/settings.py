"""Settings, each from the first of: flag, environment, OpsKit, config.toml, default; and where each came from.

`METADATA_DIR`, `DOWNLOADS_DIR` and `LOGS_DIR` have names of their own in the environment; every other
setting is `HAULIER_` and its name in capitals. An empty variable counts as not set. Started by OpsKit, folders
are where that wants them (core/opskit.py), unless a flag or a variable of ours says otherwise.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.errors import Code, HaulierError
from core.opskit import Launcher
from core.safe_text import safe_text
from core.timetable import parse_limit
from core.units import format_bytes, parse_size

GIB = 1024**3
RETRY_PRESETS = ("patient", "quick", "steady")
_DELAY = r"\s*\d+(\.\d+)?(x\d{1,4})?\s*"
_RETRY_WRITTEN = re.compile(f"{_DELAY}(,{_DELAY})*", re.ASCII)
_UNFINISHED = ("resume", "clean")
_LEVELS = ("DEBUG", "INFO", "WARNING")
_DRIFT_CHECKS = ("auto", "always", "never")
_SIGNS = ("auto", "unicode", "ascii")
_THEMES = ("auto", "dark", "light", "ansi")
_NOTIFY = ("app", "bell", "osc", "osc9", "osc777")
_LONGEST_COMMAND = 4096  # characters of `on_end`


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, checked. Sizes in bytes, times in seconds; zero means "by measuring" or "no limit"."""

    metadata_dir: Path  # journal, engine's socket and lock
    downloads_dir: Path  # what the app offers as a target first
    logs_dir: Path
    config_dir: Path  # connections.json, config.toml
    reserve: int = 10 * GIB  # kept free on a target's file system
    retry: str = "patient"  # a preset's name or written out, "5,10,30x4"
    workers: int = 0
    connections: int = 0
    part_size: int = 0
    bandwidth: str = "off"  # a rate or a timetable, all jobs together; read by core/timetable.py
    stall_timeout: float = 60.0  # a connection without progress for so long is a network error
    on_unfinished: str = "resume"
    delete_word_count: int = 1000  # a plan that deletes more objects asks for a second word after YES
    delete_word_share: int = 25  # likewise for more than so many percent of a target's objects or bytes
    drift_check: str = "auto"  # list the source again at the end of a job
    log_level: str = "INFO"
    on_end: str = ""  # a command the engine runs when a job has ended or stopped; words as a shell splits them
    notify: str = "app,bell"  # what a screen does then; read by tui/notifying.py
    theme: str = "auto"
    signs: str = "auto"  # what a screen is drawn with; read by tui/ascii_signs.py
    origins: Mapping[str, str] = {}

    def rows(self) -> list[tuple[str, str, str]]:
        """(name, value as text, origin) of every setting, in a fixed order."""
        return [
            (name, _SPECS[name].show(getattr(self, name)), self.origins.get(name, "default"))
            for name in ("config_dir", *SETTING_NAMES)
        ]


def check_setting(name: str, text: str) -> str:
    """A setting's value as people read it, from what was typed. Raises ValueError with a sentence."""
    spec = _SPECS[name]
    return spec.show(spec.read(text))


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return _SPECS[name].environment


class _Spec(msgspec.Struct, frozen=True):
    read: Callable[[str], Any]  # raises ValueError with a sentence
    show: Callable[[Any], str]
    environment: str


def load_settings(flags: Mapping[str, str | None], environ: Mapping[str, str], home: Path) -> Settings:
    """Settings for a process with these flags (by setting name, None when not given) and this environment.

    Raises HaulierError(Code.USAGE) that names the flag, variable, or file with line and column, at fault.
    """
    config_dir = _xdg(environ, "XDG_CONFIG_HOME", home / ".config") / "haulier"
    state_dir = _xdg(environ, "XDG_STATE_HOME", home / ".local/state") / "haulier"
    file = config_dir / "config.toml"
    written, lines = _read_config(file)
    values: dict[str, Any] = {
        "metadata_dir": state_dir,
        "downloads_dir": home / "Downloads",
        "logs_dir": state_dir / "logs",
    }
    launcher = Launcher.of(environ)
    origins = {"config_dir": "environment XDG_CONFIG_HOME" if environ.get("XDG_CONFIG_HOME") else "default"}
    for name in SETTING_NAMES:
        spec = _SPECS[name]
        flag = flags.get(name)
        if flag is not None:
            text, origin = flag, f"flag --{name.replace('_', '-')}"
        elif environ.get(spec.environment):
            text, origin = environ[spec.environment], f"environment {spec.environment}"
        elif (wanted := launcher.folder(name))[0]:
            text, origin = wanted[0], f"environment {wanted[1]}"
        elif name in written:
            text, origin = written[name], f"{file}, line {lines[name]}"
        else:
            continue
        if text.startswith("~/") and spec.read is _read_folder:
            text = f"{home}{text[1:]}"
        try:
            values[name] = spec.read(text)
        except ValueError as error:
            raise HaulierError(Code.USAGE, f"{origin}: {name}: {safe_text(str(error))}") from None
        origins[name] = origin
    return Settings(config_dir=config_dir, origins=origins, **values)


def _xdg(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    """The XDG base directory specification: a relative path is invalid and counts as not set."""
    path = Path(environ.get(variable) or default)
    return path if path.is_absolute() else default


def setting_in(file: Path, name: str) -> str:
    """The value of one setting in a config.toml as it is now, as a flag would give it; empty when it is not
    there. Raises HaulierError(Code.USAGE) as `load_settings`."""
    written, lines = _read_config(file)
    if name not in written:
        return ""
    try:
        _SPECS[name].read(written[name])
    except ValueError as error:
        where = f"{file}, line {lines[name]}"
        raise HaulierError(Code.USAGE, f"{where}: {name}: {safe_text(str(error))}") from None
    return written[name]


def _read_config(file: Path) -> tuple[dict[str, str], dict[str, int]]:
    """The file's settings as text, as a flag would give them, and their lines. Empty when there is no file."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return {}, {}
    except OSError as error:
        raise HaulierError(Code.USAGE, f"{file} cannot be read: {error.strerror}") from None
    # Only when there is something to read: the command line starts without these.
    import tomllib

    from core.config_file import line_of

    try:
        table = tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise HaulierError(
            Code.USAGE, f"{file} is not UTF-8 (at line {line}, column {column})", "Save it as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise HaulierError(Code.USAGE, f"{file} is damaged: {safe_text(with_place(error, raw))}") from None
    unknown = sorted(set(table) - set(SETTING_NAMES))
    if unknown:
        names = ", ".join(safe_text(name) for name in unknown)
        raise HaulierError(
            Code.USAGE, f"{file}: unknown setting: {names}", f"Known are {', '.join(SETTING_NAMES)}."
        )
    text = raw.decode()
    values = {name: _as_text(file, name, value) for name, value in table.items()}
    return values, {name: line_of(text, name) for name in values}


def with_place(error: Exception, raw: bytes) -> str:
    """tomllib says "(at end of document)" where a person wants the line and column of that end."""
    line, column = raw.count(b"\n") + 1, len(raw) - raw.rfind(b"\n")
    return str(error).replace("at end of document", f"at line {line}, column {column}")


def _as_text(file: Path, name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if name == "on_end" and isinstance(value, list) and all(isinstance(word, str) for word in value):
        return shlex.join(value)
    raise HaulierError(Code.USAGE, f"{file}: {name} must be text or a number")


def _read_folder(text: str) -> Path:
    if not text:
        raise ValueError("a folder's name is needed")
    return Path(text).absolute()


def _read_count(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _read_percent(text: str) -> int:
    share = _read_count(text.strip().removesuffix("%").strip())
    if share > 100:
        raise ValueError(f"{share} is more than 100 percent")
    return share


def _read_files_at_once(text: str) -> int:
    count = _read_count(text)
    if count > 50:
        raise ValueError(f"{count} is too many: 1 to 50, or 0 to find it by measuring")
    return count


def _read_part_size(text: str) -> int:
    size = parse_size(text)
    if 0 < size < 5 * 1024**2:
        raise ValueError(f"{text!r} is too small: S3 takes parts from 5 MiB")
    if size > 5 * GIB:
        raise ValueError(f"{text!r} is too large: S3 takes parts up to 5 GiB")
    return size


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text.strip().removesuffix("s"))
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not 0 < seconds < 86400:
        raise ValueError(f"{text!r} is not between 0 and 86400 seconds")
    return seconds


def read_retry(text: str) -> str:
    """A retry preset's name, or delays written out ("0.1,0.2,0.5x5": the last is used five times).

    Raises ValueError."""
    if text in RETRY_PRESETS or _RETRY_WRITTEN.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is neither {', '.join(RETRY_PRESETS)} nor delays such as 5,10,30x4")


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in choices:
            return text
        raise ValueError(f"{text!r} is not one of {', '.join(choices)}")

    return read


def _read_notify(text: str) -> str:
    words = [word for word in re.split(r"[,\s]+", text.strip()) if word]
    if words in ([], ["off"]):
        return "off"
    if unknown := [word for word in words if word not in _NOTIFY]:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(_NOTIFY)}; or off alone")
    return ",".join(word for word in _NOTIFY if word in words)


def read_command(text: str) -> tuple[str, ...]:
    """The words of a command, as a shell splits them; nothing else of a shell is there. Raises ValueError."""
    if len(text) > _LONGEST_COMMAND or "\0" in text:
        raise ValueError(f"a command has at most {_LONGEST_COMMAND} characters and no NUL")
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"{text!r} cannot be split into words: {str(error).lower()}") from None


def _read_on_end(text: str) -> str:
    read_command(text)
    return text.strip()


def _show_size(size: int) -> str:
    return format_bytes(size) if size else "by measuring"


def _show_count(count: int) -> str:
    return str(count) if count else "by measuring"


def _read_limit(text: str) -> str:
    parse_limit(text)
    return text


def _show_limit(text: str) -> str:
    rate, timetable = parse_limit(text)
    return timetable or (f"{format_bytes(rate)}/s" if rate else "no limit")


def _own(name: str) -> str:
    return f"HAULIER_{name.upper()}"


_SPECS: dict[str, _Spec] = {
    "config_dir": _Spec(_read_folder, str, "XDG_CONFIG_HOME"),
    "metadata_dir": _Spec(_read_folder, str, "METADATA_DIR"),
    "downloads_dir": _Spec(_read_folder, str, "DOWNLOADS_DIR"),
    "logs_dir": _Spec(_read_folder, str, "LOGS_DIR"),
    "reserve": _Spec(parse_size, format_bytes, _own("reserve")),
    "retry": _Spec(read_retry, str, _own("retry")),
    "workers": _Spec(_read_files_at_once, _show_count, _own("workers")),
    "connections": _Spec(_read_files_at_once, _show_count, _own("connections")),
    "part_size": _Spec(_read_part_size, _show_size, _own("part_size")),
    "bandwidth": _Spec(_read_limit, _show_limit, _own("bandwidth")),
    "stall_timeout": _Spec(_read_seconds, lambda seconds: f"{seconds:g} s", _own("stall_timeout")),
    "on_unfinished": _Spec(_one_of(_UNFINISHED), str, _own("on_unfinished")),
    "delete_word_count": _Spec(_read_count, str, _own("delete_word_count")),
    "delete_word_share": _Spec(_read_percent, lambda share: f"{share} %", _own("delete_word_share")),
    "drift_check": _Spec(_one_of(_DRIFT_CHECKS), str, _own("drift_check")),
    "log_level": _Spec(_one_of(_LEVELS), str, _own("log_level")),
    "on_end": _Spec(_read_on_end, lambda command: command or "nothing", _own("on_end")),
    "notify": _Spec(_read_notify, str, _own("notify")),
    "theme": _Spec(_one_of(_THEMES), str, _own("theme")),
    "signs": _Spec(_one_of(_SIGNS), str, _own("signs")),
}
SETTING_NAMES: tuple[str, ...] = tuple(name for name in _SPECS if name != "config_dir")
