"""Keys as file names and back, without a list that could get lost: an escaped name holds its key.

    %XX        the character with that code, where it cannot stand as it is: NUL, control characters,
               `" * : < > ? \\ |`, a dot that begins `.` or `..`, a dot or space at the end of a name
    %2F        alone: an empty segment (`a//b` becomes `a/%2F/b`; `a/` with bytes becomes `a/%2F`)
    %+         at the end: the name goes on in the next folder (it is longer than one name may be)
    %~1a2b3c4d at the end: a mark that keeps two names apart, and no part of either
    %25        a `%` that would otherwise be read as one of these

Only what cannot stand as it is changes; which that is, says the file system (FolderRules). Reading takes back
whatever any file system may have made necessary, so a folder may move from disk to disk in between.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Collection
from typing import NamedTuple

from core.stores.local.names import STAGING
from core.stores.local.rules import FolderRules

_CODES = "[01][0-9A-F]|7F|2[25A]|3[ACEF]|5C|7C"
_READ_AS_CODE = re.compile(f"%(?={_CODES})|^%(?=2E|2F$)|%(?=(?:2E|20)$)|%(?=\\+$)|%(?=~[0-9a-f]{{8}}$)")
_CODE = re.compile(f"%({_CODES})|^%(2E)|%(2E|20)$")
_MARK = re.compile("%~[0-9a-f]{8}$")
_EMPTY = "%2F"
_GOES_ON = "%+"


class Written(NamedTuple):
    """A key as a path: its names, and which segment of the key each of them belongs to."""

    names: tuple[str, ...]
    segments: tuple[int, ...]


def segments_of(key: str, *, folder: bool) -> list[str]:
    """The segments of a key; of a folder marker (`x/` without bytes) without the empty one at its end."""
    return (key[:-1] if folder else key).split("/")


def written(key: str, rules: FolderRules, *, folder: bool = False, marked: Collection[int] = ()) -> Written:
    """The names that stand for a key under these rules. The segments in `marked` get a mark."""
    segments = segments_of(key, folder=folder)
    names: list[str] = []
    owners: list[int] = []
    for at, segment in enumerate(segments):
        name = _escaped(segment, rules, top=at == 0)
        if at in marked:
            above = "/".join(segments[: at + 1])
            kind = "/" if folder or at < len(segments) - 1 else ""
            name += f"%~{hashlib.sha256((above + kind).encode()).hexdigest()[:8]}"
        pieces = _pieces(name, rules.name_max)
        names += pieces
        owners += [at] * len(pieces)
    return Written(tuple(names), tuple(owners))


def original(path: str) -> str:
    """The key that a path stands for. Of a path that was never escaped nearly always the path itself."""
    if "%" not in path:
        return path
    folder = path.endswith("/")
    segments: list[str] = []
    begun = ""
    for name in (path[:-1] if folder else path).split("/"):
        if name.endswith(_GOES_ON):
            begun += name[: -len(_GOES_ON)]
            continue
        segments.append(_read(begun + name))
        begun = ""
    key = "/".join(segments) + ("/" if folder else "")
    return path if begun or not key else key  # else it is not of our making: no key is empty


def _escaped(segment: str, rules: FolderRules, *, top: bool) -> str:
    if not segment:
        return _EMPTY
    name = _READ_AS_CODE.sub("%25", segment) if "%" in segment else segment
    if "\0" in name or rules.refused:
        name = "".join(f"%{ord(c):02X}" if c == "\0" or c in rules.refused else c for c in name)
    taken = top and (name == STAGING or (rules.folds_case and name.casefold() == STAGING))
    if taken or name in (".", ".."):
        name = "%2E" + name[1:]
    if rules.trimmed and name[-1] in rules.trimmed:
        name = f"{name[:-1]}%{ord(name[-1]):02X}"
    return name


def _read(name: str) -> str:
    name = _MARK.sub("", name)
    if name == _EMPTY:
        return ""
    return _CODE.sub(lambda found: chr(int(found[1] or found[2] or found[3], 16)), name)


def _pieces(name: str, most: int) -> list[str]:
    """The name, or pieces of about equal length that end in `%+`, the last one without; cut between
    characters."""
    size = len(name.encode())
    if size <= most:
        return [name]
    room = most - len(_GOES_ON)
    count = -(-size // room)
    while True:
        cuts = [len(name) * at // count for at in range(count + 1)]
        pieces = [name[start:end] for start, end in itertools.pairwise(cuts)]
        if all(len(piece.encode()) <= room for piece in pieces):
            return [piece + _GOES_ON for piece in pieces[:-1]] + pieces[-1:]
        count += 1
