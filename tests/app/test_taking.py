"""What is marked and what a job takes are the same files, whichever way the marks were made."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import HaulierError
from core.filters import filters_for
from core.model import Place
from core.selection import parse
from tests.app.recorded import s3
from tui.draft import Taken
from tui.taking import MOST_MARKS, MarkedLevel, Patterns, take

ROOT = s3("prod", "logs", "2026/")
HUB = Place(kind="hub", connection="hf", bucket="datasets/org/name")
NAMES = (
    "a.json", "b.json", "old-1.json", "x[1].json", "*.txt", "data.bin", "sub/", "old-sub/", "a b", "all",
    "7", "q?z", "/", "./",
)  # fmt: skip
BELOW = ("a.json", "data.bin", "deep/a.json")  # in each folder


EVERY = [
    file for name in NAMES for file in ([f"{name}{below}" for below in BELOW] if name.endswith("/") else [name])
]


def wanted_by(taken: Taken, every: Sequence[str] = EVERY, root: Place = ROOT) -> set[str]:
    """The files below the root that a job would move."""
    assert taken.places[0].path.startswith(root.path)
    inside = taken.places[0].path.removeprefix(root.path)
    if inside and not inside.endswith("/"):
        return {inside}
    filters = filters_for(root, taken.include, taken.exclude)
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


@pytest.mark.parametrize("box", ["*.json", "*.json ^old-*", "all ^*.json ^*/", '"all" a?json', "[ab].json"])
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


HUB_NAMES = ("data/", "README", "a.json", "b.bin", "back\\slash.json", "x[1].json", "deep/")
HUB_BELOW = ("README", "a.json", "b.bin", "data/a.json")
HUB_EVERY = [
    file
    for name in HUB_NAMES
    for file in ([f"{name}{below}" for below in HUB_BELOW] if name.endswith("/") else [name])
]


def _is_in(file: str, name: str) -> bool:
    """Whether a file is this one, or in this folder; "" is the root."""
    return file == name or not name or (name.endswith("/") and file.startswith(name))


hub_patterns = st.lists(
    st.sampled_from(["*.json", "*.bin", "README", "da*", "data/*.json", "data/", "*a*", "*"]), max_size=2
).map(tuple)


@given(
    st.sets(st.integers(0, len(HUB_NAMES) - 1)),
    st.sampled_from(["", "data/", "deep/"]),
    hub_patterns,
    hub_patterns,
    st.booleans(),
)
def test_patterns_of_a_hub_mean_in_the_job_what_they_mean_on_the_screen(
    chosen: set[int], here: str, include: tuple[str, ...], exclude: tuple[str, ...], knows_others: bool
) -> None:
    """What the screen shows as wanted of what is marked, or of the folder one is in, is what the job moves;
    where no patterns could say that, it is refused."""
    marked = tuple(HUB_NAMES[at] for at in sorted(chosen))
    others = tuple(name for at, name in enumerate(HUB_NAMES) if at not in chosen) if knows_others else None
    folders = sum(name.endswith("/") for name in marked)
    levels = {"": MarkedLevel(len(marked), folders, marked, others)} if marked else {}
    shown = filters_for(HUB, include, exclude)
    within = marked or (here,)
    places = [file for file in HUB_EVERY if any(_is_in(file, name) for name in within)]
    expected = {file for file in places if shown.wants(file)}
    try:
        taken = take(HUB, here, levels, Patterns(include, exclude))
    except HaulierError:
        return
    if len(marked) == 1 and not folders:
        expected = set(places)  # a single file is meant itself
    assert wanted_by(taken, HUB_EVERY, HUB) == expected


def test_marks_that_the_patterns_leave_out_are_refused() -> None:
    """Nothing is not everything."""
    levels = {"": MarkedLevel(2, 0, ("b.bin", "c.bin"), None)}
    with pytest.raises(HaulierError, match="leave out everything"):
        take(HUB, "", levels, Patterns(("*.json",)))
