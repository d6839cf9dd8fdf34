from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.planning.compare import FilesAbove, OutOfOrder, Sameness, merge, not_older, ordered, same_time
from core.model import Compare, Entry

# Few letters, so that names meet; "-", "." and "0" sort around "/".
NAMES = st.text(alphabet="ab-./0é\U0001f40b", min_size=1, max_size=6)


def entries(names: list[str]) -> list[Entry]:
    return [Entry(key=name) for name in names]


@given(st.sets(NAMES), st.sets(NAMES))
def test_merge_is_the_comparison_of_sets(left: set[str], right: set[str]) -> None:
    """Whatever the names, merging two ordered listings says what comparing two sets says, in order."""
    pairs = list(merge(entries(sorted(left)), entries(sorted(right))))
    names = [(a or b).key for a, b in pairs if (a or b) is not None]  # type: ignore[union-attr]
    assert names == sorted(left | right)
    assert {a.key for a, b in pairs if a is not None and b is None} == left - right
    assert {b.key for a, b in pairs if b is not None and a is None} == right - left
    both = [(a.key, b.key) for a, b in pairs if a is not None and b is not None]
    assert both == [(name, name) for name in sorted(left & right)]


@given(st.lists(NAMES, max_size=8), st.integers(1, 8))
def test_ordered_lets_pass_exactly_what_rises(names: list[str], size: int) -> None:
    """A listing passes whole when its names strictly rise, within pages and from one to the next; else it stops
    before the first that does not."""
    pages = [list(entries(names[at : at + size])) for at in range(0, len(names), size)]
    pages.insert(len(pages) // 2, [])
    passed: list[str] = []
    disorder: OutOfOrder | None = None
    try:
        for entry in ordered("source", pages):
            passed.append(entry.key)
    except OutOfOrder as found:
        disorder = found
    rising = names == sorted(set(names))
    assert (disorder is None) == rising
    assert passed == names[: len(passed)] == sorted(set(passed))
    if disorder is not None:
        assert names[len(passed)] <= passed[-1]
        assert disorder.side == "source"


@given(st.sets(NAMES))
def test_str_order_is_the_order_of_utf8(names: set[str]) -> None:
    """S3 orders by UTF-8 bytes, Python by code points: the comparison relies on these being the same."""
    assert sorted(names) == sorted(names, key=str.encode)


@given(st.sets(NAMES, max_size=12))
def test_files_above_a_name(names: set[str]) -> None:
    """In an ordered pass exactly those files are told that a name lies below, and that were let through."""
    files = FilesAbove()
    let_through: list[str] = []
    for name in sorted(names):
        above = [file for file in let_through if name.startswith(file + "/")]
        assert files.of(name) == above
        if not above:
            let_through.append(name)
            files.add(name)


SIZES = st.integers(0, 2)
TIMES = st.floats(0, 3)


@given(SIZES, SIZES, TIMES, TIMES, st.sampled_from(Compare))
def test_sameness_at_sight(a: int, b: int, older: float, newer: float, how: Compare) -> None:
    """Other sizes are never the same; equal ones are by size, by a time that is not older, or not known yet, as
    where the source tells no time."""
    source, target = Entry(key="x", size=a, modified=older), Entry(key="x", size=b, modified=newer)
    same = Sameness(how).at_sight(source, target)
    if a != b:
        assert same == ""
        return
    assert same != ""
    if how is Compare.TIME and 0 < older - newer < 1:
        return  # the fraction of a second that servers cut off is another test's
    assert (same is not None) == {
        Compare.SIZE: True,
        Compare.TIME: newer >= older > 0,
        Compare.CHECKSUM: False,
    }[how]


@pytest.mark.parametrize(
    ("target", "source", "step", "same"),
    [
        (100.0, 100.9, 0.0, True),  # cut to seconds
        (100.0, 101.0, 0.0, False),
        (100.123, 100.1234, 0.0, True),  # cut to milliseconds
        (100.123, 100.125, 0.0, False),
        (100.5, 100.4, 0.0, True),
        (100.0, 101.9, 2.0, True),  # FAT keeps every other second
        (100.0, 102.0, 2.0, False),
    ],
)
def test_cut_times_are_not_older(target: float, source: float, step: float, same: bool) -> None:
    """What a server or a file system cuts off a time does not make a file look changed; anything more does."""
    assert not_older(target, source, step) == same
    assert same_time(target, source, step) == (same and target <= source) or target > source


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e", True),
        ("d41d8cd98f00b204e9800998ecf8427e-2", "d41d8cd98f00b204e9800998ecf8427e-2", True),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427f", False),
        ("opaque", "opaque", False),
        ("", "", False),
    ],
)
@pytest.mark.parametrize("how", [Compare.TIME, Compare.CHECKSUM])
def test_equal_digests_are_the_same_whatever_the_time(one: str, other: str, same: bool, how: Compare) -> None:
    """A target that shows an older time, but the very digest of the source, is not copied again."""
    a, b = Entry(key="x", etag=one, modified=9.0), Entry(key="x", etag=other, modified=1.0)
    assert bool(Sameness(how).at_sight(a, b)) == same


def test_disorder_names_both_names() -> None:
    """The message says which names were in disorder, for the log."""
    with pytest.raises(OutOfOrder, match="'b' came before 'a'"):
        list(ordered("target", [list(entries(["b", "a"]))]))
