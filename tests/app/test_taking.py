"""What is marked and what a job takes are the same files, whichever way the marks were made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HaulierError
from core.filters import Filters
from core.selection import parse
from tests.app.recorded import s3
from tui.draft import Taken
from tui.taking import MOST_MARKS, MarkedLevel, take

ROOT = s3("prod", "logs", "2026/")
NAMES = (
    "a.json", "b.json", "old-1.json", "x[1].json", "*.txt", "data.bin", "sub/", "old-sub/", "a b", "all",
    "7", "q?z",
)  # fmt: skip
BELOW = ("a.json", "data.bin", "deep/a.json")  # in each folder


def wanted_by(taken: Taken) -> set[str]:
    """The files below the root that a job would move."""
    assert taken.places[0].path.startswith(ROOT.path)
    every = [f"{name}{file}" for name in NAMES if name.endswith("/") for file in BELOW]
    every += [name for name in NAMES if not name.endswith("/")]
    inside = taken.places[0].path.removeprefix(ROOT.path)
    if inside and not inside.endswith("/"):
        return {inside}
    filters = Filters(taken.include, taken.exclude)
    return {name for name in every if name.startswith(inside) and filters.wants(name.removeprefix(inside))}


def meant(chosen: set[int]) -> set[str]:
    """The files that these marks mean."""
    names = {NAMES[at] for at in chosen}
    files = {name for name in names if not name.endswith("/")}
    return files | {f"{name}{file}" for name in names if name.endswith("/") for file in BELOW}


def level_of(chosen: set[int], *, named: bool = True, others: bool = True, box: str = "") -> MarkedLevel:
    marked = tuple(NAMES[at] for at in sorted(chosen))
    left = tuple(name for at, name in enumerate(NAMES) if at not in chosen)
    return MarkedLevel(
        len(marked) if named else MOST_MARKS + 1,
        sum(name.endswith("/") for name in marked),
        marked if named else None,
        left if others else None,
        box,
    )


@given(st.sets(st.integers(0, len(NAMES) - 1), min_size=1), st.booleans(), st.booleans())
def test_marks_are_taken_exactly(chosen: set[int], others: bool, as_folder: bool) -> None:
    """By names or by what is left out, as a place of its own or as a folder: the same files."""
    taken = take(ROOT, "", {"": level_of(chosen, others=others)}, as_folder=as_folder)
    assert wanted_by(taken) == meant(chosen)
    if as_folder:
        assert taken.places[0].is_folder


@pytest.mark.parametrize(
    "box", ["*.json", "*.json ^old-*", "all ^*.json ^sub/ ^old-sub/", '"all" a?json', "[ab].json"]
)
def test_globs_of_very_many_are_taken_as_globs(box: str) -> None:
    """A glob of the box stays in its folder: files of the same name further down are not meant."""
    chosen = set(parse(box, NAMES).chosen)
    taken = take(ROOT, "", {"": level_of(chosen, named=False, others=False, box=box)})
    assert wanted_by(taken) == meant(chosen)


@pytest.mark.parametrize("box", ["1-4", "*.json 7", "invert", '"open', "", "sub/ *.json"])
def test_what_cannot_be_said_by_patterns_is_refused(box: str) -> None:
    """Numbers, and globs that mean folders too: no job is made of a guess."""
    chosen = set(parse(box, NAMES).chosen) or {0}
    with pytest.raises(HaulierError, match="too many"):
        take(ROOT, "", {"": level_of(chosen, named=False, others=False, box=box)})


def test_marks_on_several_levels_become_one_source() -> None:
    """The deepest folder that holds them all."""
    levels = {
        "sub/deep/": MarkedLevel(1, 0, ("a.json",), ("b",)),
        "sub/": MarkedLevel(1, 0, ("data.bin",), None),
    }
    taken = take(ROOT, "elsewhere/", levels)
    assert taken.places[0].path == "2026/sub/"
    assert set(taken.include) == {"/deep/a.json", "/data.bin"}
    assert take(ROOT, "elsewhere/", {}).places[0].path == "2026/elsewhere/"
