"""Where in a JSON text a value stands, so that a complaint about it can name line and column."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character offset."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


def steps_of(path: str) -> tuple[str | int, ...]:
    """The steps of a path as msgspec writes it in its errors: "$.connections[1].name"."""
    return tuple(
        match.group(1) if match.group(1) is not None else int(match.group(2))
        for match in _STEP.finditer(path)
        if match.group(1) is not None or match.group(2) is not None
    )


def offset_of(text: str, steps: Sequence[str | int]) -> int:
    """The offset of the value at `steps` in a valid JSON text, or of the nearest value around it."""
    at = _skip(text, 0)
    for step in steps:
        inside = _member(text, at, step) if isinstance(step, str) else _element(text, at, step)
        if inside < 0:
            break
        at = inside
    return at


def _member(text: str, at: int, name: str) -> int:
    if text[at] != "{":
        return -1
    at = _skip(text, at + 1)
    while text[at] == '"':
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)  # past the colon
        if key == name:
            return at
        at = _past_value(text, at)
    return -1


def _element(text: str, at: int, index: int) -> int:
    if text[at] != "[":
        return -1
    at = _skip(text, at + 1)
    for _ in range(index):
        if text[at] == "]":
            return -1
        at = _past_value(text, at)
    return -1 if text[at] == "]" else at


def _past_value(text: str, at: int) -> int:
    """Past the value at `at` and the comma behind it, if there is one."""
    at = _skip(text, _DECODER.raw_decode(text, at)[1])
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
