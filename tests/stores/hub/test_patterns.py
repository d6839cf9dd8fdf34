"""Include and exclude at a Hub agree with the official client's own function."""

from __future__ import annotations

import pytest
from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

from core.filters import Filters, HubFilters, filters_for
from core.model import Place

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
    patterns = HubFilters(include, exclude)
    assert [path for path in PATHS if patterns.wants(path)] == theirs


def test_tied_to_the_top() -> None:
    """What begins with a slash, as marks on the screen do, means the same as at every other source."""
    assert HubFilters(("/x/**/*.bin",)).wants("x/a.bin")
    assert not HubFilters(("/a.bin",)).wants("x/a.bin")


def test_chosen_by_the_source() -> None:
    """`README` is the one at the top of a repository, and any of a folder's."""
    hub = filters_for(Place(kind="hub", connection="hf", bucket="gpt2"), ("README",))
    local = filters_for(Place(kind="local", path="/x"), ("README",))
    assert isinstance(hub, HubFilters)
    assert type(local) is Filters
    assert [one.wants("docs/README") for one in (hub, local)] == [False, True]
