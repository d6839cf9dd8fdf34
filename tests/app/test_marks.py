"""Dots and box say the same, whatever way a change comes in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.selection import parse
from tui.marks import NamedMarks

NAMES = (
    "archive-2023",
    "archive-2024",
    "backups",
    "exports",
    "all",
    "7",
    "logs-app",
    "logs-edge",
    "a b",
    'q"t',
)

box = st.one_of(
    st.sampled_from(
        ["1-4 ^3", "all ^4", "logs-*", "none", "invert", "17", "^", "1,3,5", "9-3", '"7"', "nope", ""]
    ),
    st.text(alphabet="0123456789-^,* alinvertgsno\"'", max_size=20),
)
positions = st.sets(st.integers(0, len(NAMES) - 1))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("type"), box),
        st.tuples(st.just("toggle"), st.integers(0, len(NAMES) - 1)),
        st.tuples(st.just("add"), positions),
        st.tuples(st.just("invert"), positions),
        st.tuples(st.just("toggle_all"), positions),
        st.tuples(st.just("set"), positions),
        st.tuples(st.just("rename"), st.permutations(NAMES)),
    ),
    max_size=12,
)


@given(steps)
def test_after_any_operations_the_box_reads_as_the_marks(operations: list[tuple[str, object]]) -> None:
    """Typing, toggling, ranges, all, invert and reloads in any order: the box, read again, gives exactly the
    marks that are shown, and everybody was told of each change."""
    told: list[int] = []
    marks = NamedMarks(NAMES, lambda: told.append(1))
    for name, argument in operations:
        getattr(marks, name)(argument)
        assert set(parse(marks.box, marks.listed).chosen) == marks.chosen
        assert parse(marks.box, marks.listed).bad == marks.bad


@given(positions, st.permutations(NAMES))
def test_marks_stay_with_their_names_when_the_list_is_read_again(chosen: set[int], order: list[str]) -> None:
    """Numbers are bound to names: another order of the list moves the numbers, never the marks."""
    marks = NamedMarks(NAMES, lambda: None)
    marks.set(chosen)
    before = set(marks.chosen_names)
    marks.rename([*order, "new-one"])
    assert set(marks.chosen_names) == before


def test_typed_text_is_left_as_it_was_typed_and_rewritten_once_a_dot_changes() -> None:
    """`1,3` stays `1,3` while typed, bad word and all; a toggled dot rewrites the box without the bad word."""
    marks = NamedMarks(NAMES, lambda: None)
    marks.type("1,3 17")
    assert marks.box == "1,3 17"
    assert marks.chosen == {0, 2}
    assert [token.text for token in marks.bad] == ["17"]
    marks.toggle(1)
    assert marks.box == "1-3"
    assert marks.bad == ()
