"""Changing one setting in config.toml as a careful person would: one line, and nothing else.

Comments, order, blank lines and line ends stay. There is no writer for TOML here: TOML's own reader is the
judge. A statement is found as the lines that, read alone, say just this setting; and a changed text is only
written when it reads as the old one with this one value changed. Where that cannot be reached, nothing is
written and the person is told to do it by hand.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import Code, HaulierError
from core.kept_file import locked, make_folder, replace, stamp_of

_NEW_FILE_MODE = 0o600
_LONGEST_STATEMENT = 50  # lines of one value


@dataclass(frozen=True)
class _Statement:
    """`name = value  # comment` over the lines `first` to `last`, counted from 0."""

    first: int
    last: int
    comment: str  # with the blanks before it and without the line's end


def line_of(text: str, name: str) -> int:
    """The line, from 1, on which the setting stands in a text that TOML can read; 0 when it is not in it."""
    statement = _find(_lines(text), name)
    return 0 if statement is None else statement.first + 1


def write_setting(file: Path, name: str, value: str | int | None) -> None:
    """Set one value of the file, which is made when there is none; None takes the setting out of it.

    HaulierError: usage when the file cannot be read, refused when it cannot be changed without harm or was
    changed by another program meanwhile, blocked when it cannot be written.
    """
    file = file.resolve()  # a link to a file kept elsewhere stays a link
    make_folder(file.parent)
    with locked(file):
        stamp = stamp_of(file)
        raw = b"" if stamp is None else file.read_bytes()
        mode = _NEW_FILE_MODE if stamp is None else file.stat().st_mode & 0o777
        changed = changed_text(_decoded(file, raw), name, value, file).encode()
        if changed != raw:
            replace(file, changed, lambda: stamp_of(file) == stamp, mode)


def changed_text(text: str, name: str, value: str | int | None, file: Path) -> str:
    """`text` with this one setting changed. HaulierError as of `write_setting`."""
    before = _read(file, text)
    wanted = {key: each for key, each in before.items() if key != name}
    if value is not None:
        wanted[name] = value
    if wanted == before:
        return text
    lines = _lines(text)
    statement = _find(lines, name) if name in before else None
    if statement is None and name in before:
        raise _by_hand(file, name)
    changed = _without(lines, statement) if value is None else _with(lines, statement, name, value)
    if _read(file, changed) != wanted:
        raise _by_hand(file, name)
    return changed


def _with(lines: list[str], statement: _Statement | None, name: str, value: str | int) -> str:
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    written = f"{name} = {_toml(value)}"
    if statement is not None:
        last_ending = lines[statement.last][len(lines[statement.last].rstrip("\r\n")) :]
        line = written + statement.comment + last_ending
        return "".join([*lines[: statement.first], line, *lines[statement.last + 1 :]])
    at = _end_of_top(lines)
    head = lines[:at]
    if head and not head[-1].endswith("\n"):
        head[-1] += ending
    return "".join([*head, written + ending, *lines[at:]])


def _without(lines: list[str], statement: _Statement | None) -> str:
    if statement is None:
        return "".join(lines)
    return "".join([*lines[: statement.first], *lines[statement.last + 1 :]])


def _find(lines: list[str], name: str) -> _Statement | None:
    """The statement of a setting before the first table."""
    start = re.compile(rf"\s*(\"{re.escape(name)}\"|'{re.escape(name)}'|{re.escape(name)})\s*=")
    whole = _parsed("".join(lines))
    for first in range(_end_of_top(lines)):
        if not start.match(lines[first]) or _parsed("".join(lines[:first])) is None:
            continue  # the second: within a value of several lines
        for last in range(first, min(len(lines), first + _LONGEST_STATEMENT)):
            alone = _parsed("".join(lines[first : last + 1]))
            if alone is None or whole is None or alone != {name: whole.get(name)}:
                continue
            return _Statement(first, last, _comment(lines[first : last + 1]))
    return None


def _comment(lines: list[str]) -> str:
    """What stands behind the value: the longest part of the last line, from a "#" on, that says nothing."""
    statement, last = "".join(lines[:-1]), lines[-1].rstrip("\r\n")
    whole = _parsed(statement + last)
    for place in (found.start() for found in re.finditer("#", last)):
        if _parsed(statement + last[:place]) == whole:
            return last[len(last[:place].rstrip()) :]
    return ""


def _end_of_top(lines: list[str]) -> int:
    """Where the first table begins. A "[" within a value is none: the text before it would not read."""
    for at, line in enumerate(lines):
        if line.lstrip().startswith("[") and _parsed("".join(lines[:at])) is not None:
            return at
    return len(lines)


def _lines(text: str) -> list[str]:
    """With their ends. TOML ends lines with LF or CRLF only; str.splitlines knows more."""
    return list(_split(text))


def _split(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start : end + 1]
        start = end + 1
    if start < len(text):
        yield text[start:]


def _toml(value: str | int) -> str:
    """A number, or a basic string (toml.io/en/v1.0.0#string)."""
    if isinstance(value, int):
        return str(value)
    escaped = "".join(_escaped(char) for char in value)
    return f'"{escaped}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return f"\\u{ord(char):04X}" if char < " " or char == "\x7f" else char


def _parsed(text: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _decoded(file: Path, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise HaulierError(Code.USAGE, f"{file} is not UTF-8.", "Save it as UTF-8, then try again.") from None


def _read(file: Path, text: str) -> dict[str, object]:
    parsed = _parsed(text)
    if parsed is None:
        raise HaulierError(
            Code.USAGE, f"{file} is damaged; nothing was written.", "`haulier config` says in which line."
        )
    return parsed


def _by_hand(file: Path, name: str) -> HaulierError:
    return HaulierError(
        Code.REFUSED,
        f"{file} writes {name} in a way that cannot be changed safely from here; nothing was written.",
        "Change it there with an editor.",
    )
