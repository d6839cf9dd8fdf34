"""Which keys are wanted: include and exclude globs.

A pattern is matched against the key relative to the source. `*` also crosses `/`, `?` is one character,
`[…]` a set, `**/` any folders or none. A pattern without `/` also matches the last name of the key alone
(`*.json` finds `a/b/c.json`, `README` finds `docs/README`). One that ends in `/` means a folder with
everything below it, at any depth unless it holds another `/`. A leading `/` ties it to the top.
No include pattern means everything; exclude wins.

At a Hub patterns mean what they mean to the Hub's own tools: see `HubFilters`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate

from core.model import Place

_FOLDERS = "(?:.*/)?"


class Filters:
    """Compiled once, asked per key. Safe to use from several threads."""

    __slots__ = ("_excluded", "_included", "exclude", "include")

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self.include = tuple(include)
        self.exclude = tuple(exclude)
        self._included = _compile(self.include, self.expression)
        self._excluded = _compile(self.exclude, self.expression)

    @staticmethod
    def expression(pattern: str) -> str:
        """The regular expression of one pattern."""
        return _expression(pattern)

    def wants(self, key: str) -> bool:
        """Whether the relative `key` is to be moved."""
        if self._included is not None and self._included.fullmatch(key) is None:
            return False
        return self._excluded is None or self._excluded.fullmatch(key) is None

    def __bool__(self) -> bool:
        """Whether anything could be left out."""
        return self._included is not None or self._excluded is not None


class HubFilters(Filters):
    """Patterns with the meaning that the Hub's own tools give them.

    Source: `filter_repo_objects` of the Hub's Python client: `fnmatchcase` over the whole path, so that `*`
    crosses `/` and `README` is the one at the top; a pattern that ends with `/` means everything below;
    backslashes in patterns and paths are slashes. A pattern that begins with `/`, which matches nothing there,
    is read as at every other source.
    """

    __slots__ = ()

    def wants(self, key: str) -> bool:
        return super().wants(key.replace("\\", "/"))

    @staticmethod
    def expression(pattern: str) -> str:
        pattern = pattern.replace("\\", "/")
        if pattern.startswith("/"):
            return _expression(pattern)
        return translate(f"{pattern}*" if pattern.endswith("/") else pattern)


def filters_for(source: Place, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Filters:
    """What the patterns let in of a source."""
    return HubFilters(include, exclude) if source.kind == "hub" else Filters(include, exclude)


def _compile(patterns: Sequence[str], expression: Callable[[str], str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{expression(pattern)})" for pattern in patterns), re.DOTALL)


def _expression(pattern: str) -> str:
    tied = pattern.startswith("/")  # then what follows is meant as it is, also `/` and `./`
    anywhere = not tied and "/" not in pattern.rstrip("/")
    text = pattern[1:] if tied else pattern if anywhere else pattern.removeprefix("./")
    if text.endswith("/"):
        text += "*"
    body = _FOLDERS.join(_glob(piece) for piece in text.split("**/"))
    return f"{_FOLDERS}{body}" if anywhere else body


def _glob(piece: str) -> str:
    # fnmatch wraps what it makes as (?s:…)\Z; the pieces are joined, so only the inside is wanted.
    return translate(piece).removeprefix("(?s:").removesuffix(r")\Z")
