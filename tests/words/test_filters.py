"""Include and exclude globs on relative keys."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.filters import Filters


@pytest.mark.parametrize(
    ("pattern", "wanted", "unwanted"),
    [
        ("*.json", ["a.json", "d/a.json"], ["a.jsonl", "json"]),
        ("README", ["README", "docs/README"], ["README.md", "README/x"]),
        ("data/*.bin", ["data/a.bin", "data/x/y.bin"], ["a.bin", "x/data/a.bin"]),
        ("/*.txt", ["a.txt", "x/a.txt"], ["a.bin"]),
        ("/top", ["top"], ["x/top"]),
        ("logs/", ["logs/a", "x/logs/b/c", "logs/"], ["logs", "xlogs/a"]),
        ("a/logs/", ["a/logs/b"], ["x/a/logs/b", "logs/b"]),
        ("**/x.bin", ["x.bin", "a/b/x.bin"], ["ax.bin"]),
        ("a/**/x.bin", ["a/x.bin", "a/b/c/x.bin"], ["a/bx.bin", "x.bin"]),
        ("file?.[ab]", ["file1.a", "d/file2.b"], ["file.a", "file1.c"]),
        ("[!x]*", ["y", "d/xy"], ["x", "xyz"]),
        ("a\nb*", ["a\nbc"], ["ab"]),
        ("*[", ["x["], ["x"]),
    ],
)
def test_include(pattern: str, wanted: list[str], unwanted: list[str]) -> None:
    """Each form of pattern takes what it says and no more."""
    filters = Filters([pattern], [])
    assert [key for key in wanted + unwanted if filters.wants(key)] == wanted


def test_exclude_wins_and_nothing_means_everything() -> None:
    """Without include all are wanted; what is both included and excluded is not."""
    assert Filters([], []).wants("anything")
    assert not Filters([], [])
    filters = Filters(["*.json", "*.txt"], ["secret*"])
    assert filters
    assert filters.wants("a/b.txt")
    assert not filters.wants("a/secret.txt")
    assert not filters.wants("a/b.bin")


@given(st.text(alphabet="ab/*?[!]-.", max_size=8), st.text(alphabet="ab/.-!", max_size=8))
def test_agrees_with_fnmatch(pattern: str, key: str) -> None:
    """A pattern with a slash and no special form means what fnmatch means; no pattern raises."""
    wanted = Filters([pattern], []).wants(key)
    special = "**/" in pattern or pattern.startswith(("/", "./")) or pattern.endswith("/")
    if "/" in pattern and not special:
        assert wanted == fnmatchcase(key, pattern)
