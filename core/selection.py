"""The selection box: `3`, `1,3,5`, `1-5`, `all`, `none`, `invert`, `logs-*`, names, and `^` to take out.

1. Tokens are separated by spaces or commas. Numbers are positions in the list, from 1; `5-1` is `1-5`.
2. Tokens add up; those with `^` take away, wherever they stand: `^3-5 1-9` is `1-9 ^3-5`. A box that begins
   with nothing but `^` tokens takes away from all.
3. `none` drops everything to its left; `invert` turns everything to its left round. What follows goes on
   from there.
4. `*`, `?` and `[…]` make a glob over the names. Any other word is a name, exactly.
5. A name that looks like a number, a range or a word of the grammar (`"all"`, `"7"`), or that holds spaces or
   commas, is written in quotes; `\\` keeps a quote within them.
6. A token that means nothing is named with its position; all others count. One whose meaning is still being
   looked for means nothing yet, and is not named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Protocol

import msgspec

from core.positions import NOWHERE, Positions

_SEPARATORS = re.compile(r"[\s,]*")
_PLAIN = re.compile(r"[^\s,]+")
_QUOTED = re.compile(r"""\^?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", re.DOTALL)
_NUMBERS = re.compile(r"([0-9]+)(?:-([0-9]+))?")
_WORDS = frozenset({"all", "none", "invert"})


class BadToken(msgspec.Struct, frozen=True):
    """A token that means nothing, where it stands in the box (0-based), and why."""

    text: str
    position: int
    reason: str


@dataclass(frozen=True)
class Selection:
    """`chosen`: 0-based positions. `bad`: what was not understood, left to right."""

    chosen: Positions = NOWHERE
    bad: tuple[BadToken, ...] = ()


class Names(Protocol):
    """The names of a list, which need not be here."""

    def __len__(self) -> int: ...

    def matching(self, glob: str) -> Positions | None:
        """Those that a glob means; None: not known yet."""
        ...

    def called(self, name: str) -> Positions | None:
        """Those that are called so; None: not known yet."""
        ...


class ListedNames:
    """Names that are all here."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def matching(self, glob: str) -> Positions:
        return matching(glob, self._names)

    def called(self, name: str) -> Positions:
        return Positions(at for at, one in enumerate(self._names) if one == name)


def matching(glob: str, names: Sequence[str]) -> Positions:
    """The positions of the names that a glob means."""
    matches = re.compile(translate(glob)).match
    return Positions(at for at, name in enumerate(names) if matches(name))


def parse(box: str, names: Names | Sequence[str]) -> Selection:
    """What `box` selects of `names`. Never raises."""
    names = names if not isinstance(names, Sequence) else ListedNames(names)
    base, added, removed = NOWHERE, NOWHERE, NOWHERE
    nothing_yet = True  # only `^` tokens so far: they take away from all
    bad: list[BadToken] = []
    for position, token in _tokens(box):
        word = token.casefold()
        if word in ("none", "invert"):
            standing = _standing(base, added, removed, nothing_yet, len(names))
            base = NOWHERE if word == "none" else Positions.below(len(names)) - standing
            added, removed, nothing_yet = NOWHERE, NOWHERE, False
            continue
        excluded = token.startswith("^")
        meant = _meant(token.removeprefix("^"), names)
        if isinstance(meant, str):
            bad.append(BadToken(token, position, meant))
        elif excluded:
            removed |= meant
        else:
            added |= meant
            nothing_yet = False
    chosen = _standing(base, added, removed, nothing_yet, len(names))
    return Selection(chosen, tuple(bad))


def words_of(box: str) -> Iterator[tuple[bool, str, bool]]:
    """What of the box has a meaning by itself, in whatever list: for each token whether it takes away, its text
    without `^` and quotes, and whether that is a glob. Raises ValueError for a box that holds anything else
    (numbers, `none`, `invert`, an open quote)."""
    for _, token in _tokens(box):
        body = token.removeprefix("^")
        quoted = body[:1] in ("'", '"')
        if not body or _NUMBERS.fullmatch(body) or (body.casefold() in _WORDS - {"all"}):
            raise ValueError(token)
        if quoted and _QUOTED.fullmatch(body) is None:
            raise ValueError(token)
        is_glob = not quoted and (body.casefold() == "all" or _is_glob(body))
        text = "*" if is_glob and body.casefold() == "all" else _unquoted(body) if quoted else body
        yield token.startswith("^"), text, is_glob


def write(chosen: Collection[int], names: Names | Sequence[str]) -> str:
    """The shortest box of numbers for these marks: parse(write(chosen, names), names).chosen == chosen.

    Raises ValueError for a position that is not in `names`."""
    marks = Positions(chosen)
    if not marks:
        return ""
    if marks.last >= len(names):
        raise ValueError(f"position outside the list of {len(names)}")
    runs = [(first + 1, last + 1) for first, last in marks.runs()]
    edges = [0, *(edge for run in runs for edge in run), len(names) + 1]
    outside = [(edges[at] + 1, edges[at + 1] - 1) for at in range(0, len(edges), 2)]
    gaps = ["^" + _number(*gap) for gap in outside if gap[0] <= gap[1]]
    from_all = " ".join(["all", *gaps])
    from_runs = _shortest(runs)
    return from_runs if len(from_runs) < len(from_all) else from_all


def _standing(base: Positions, added: Positions, removed: Positions, from_all: bool, count: int) -> Positions:
    start = Positions.below(count) if from_all and removed else base | added
    return start - removed


def _tokens(box: str) -> list[tuple[int, str]]:
    tokens: list[tuple[int, str]] = []
    at = _end(_SEPARATORS, box, 0)
    while at < len(box):
        match = _QUOTED.match(box, at) or _PLAIN.match(box, at)
        if match is None:  # cannot be: what is no separator is a token
            break
        end = match.end()
        # `"a"b` is one token, and a bad one, not two.
        end = _end(_PLAIN, box, end) if match.re is _QUOTED else end
        tokens.append((at, box[at:end]))
        at = _end(_SEPARATORS, box, end)
    return tokens


def _end(pattern: re.Pattern[str], box: str, at: int) -> int:
    match = pattern.match(box, at)
    return match.end() if match else at


def _meant(body: str, names: Names) -> Positions | str:
    """Positions that one token without its `^` means, or why it means nothing."""
    if not body:
        return "nothing after ^"
    if body[0] in "\"'":
        if _QUOTED.fullmatch(body) is None:
            return "the quote is not closed, or something follows it"
        return _found(names.called, _unquoted(body), "no such name in the list")
    if numbers := _NUMBERS.fullmatch(body):
        return _positions(body, numbers, len(names))
    word = body.casefold()
    if word == "all":
        return Positions.below(len(names))
    if word in _WORDS:
        return f"{word} cannot be taken out"
    if _is_glob(body):
        return _found(names.matching, body, "matches no name")
    return _found(names.called, body, "no number, range, word or name of the list")


def _found(look: Callable[[str], Positions | None], text: str, nothing: str) -> Positions | str:
    found = look(text)
    return NOWHERE if found is None else found or nothing


def _is_glob(body: str) -> bool:
    return any(char in body for char in "*?[")


def _unquoted(body: str) -> str:
    return re.sub(r"\\(.)", r"\1", body[1:-1], flags=re.DOTALL)


def _positions(body: str, numbers: re.Match[str], count: int) -> Positions | str:
    first, last = sorted(map(_position, numbers.groups(numbers[1])))
    if first == 0:
        return "numbers start at 1"
    if last > count:
        ends = f"the list ends at {count}" if count else "the list is empty"
        return f'{ends} (a name is written in quotes: "{body}")'
    return Positions.span(first - 1, last - 1)


def _position(digits: str) -> int:
    """The number, or one beyond any list: int() refuses thousands of digits."""
    return int(digits) if len(digits) < 19 else sys.maxsize


def _number(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _shortest(runs: list[tuple[int, int]]) -> str:
    """The shortest text for these runs, where neighbours may share a range with the gap taken out ("1-4 ^3").

    Dynamic programming over the runs with two states, a range that is closed and one that is still open; the
    costs are lengths of text, and the way back gives the tokens."""
    never = sys.maxsize // 2
    closed, opened = 0, never
    ways: list[tuple[bool, bool]] = []  # per run: closed came from an open range; open goes on from one
    for at, (first, last) in enumerate(runs):
        alone = closed + 1 + len(_number(first, last))
        begin = closed + 2 + len(str(first))
        onward = opened + 2 + len(_gap(runs, at)) if at else never
        opened_next = min(begin, onward)
        end = onward + len(str(last))
        ways.append((end < alone, onward < begin))
        closed, opened = min(alone, end), opened_next
    tokens: list[str] = []
    at = len(runs) - 1
    while at >= 0:
        if not ways[at][0]:
            tokens.append(_number(*runs[at]))
            at -= 1
            continue
        last, gaps = runs[at][1], ["^" + _gap(runs, at)]
        at -= 1
        while ways[at][1]:
            gaps.append("^" + _gap(runs, at))
            at -= 1
        tokens.extend([*gaps, f"{runs[at][0]}-{last}"])
        at -= 1
    return " ".join(reversed(tokens))


def _gap(runs: list[tuple[int, int]], at: int) -> str:
    return _number(runs[at - 1][1] + 1, runs[at][0] - 1)
