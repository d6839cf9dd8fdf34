"""Include and exclude agree with the official client's own function."""

from __future__ import annotations

import pytest
from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

from core.stores.hub.patterns import Patterns

PATHS = ["a.bin", "x/a.bin", "x/y/a.bin.json", "x/README.md", "A.BIN", "[1].bin", "x\\z.bin", "data/é.csv"]


@pytest.mark.parametrize(
    ("include", "exclude"),
    [
        ([], []),
        (["*.bin"], []),
        (["x/"], ["*.json"]),
        (["x/*"], ["x/y/"]),
        ([], ["*"]),
        (["[[]1].bin", "data/?.csv"], []),
        (["x\\*"], []),
        (["a.bin"], ["a.bin"]),
        (["*.BIN"], []),
    ],
)
def test_agreement(include: list[str], exclude: list[str]) -> None:
    """The same paths are let in, whatever the pattern."""
    theirs = list(filter_repo_objects(PATHS, allow_patterns=include or None, ignore_patterns=exclude))
    patterns = Patterns(include, exclude)
    assert [path for path in PATHS if patterns.lets_in(path)] == theirs
