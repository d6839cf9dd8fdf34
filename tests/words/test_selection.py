"""The selection box: what it takes, what it names as wrong, and that box and marks always agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.selection import parse, write

NAMES = ["archive-2023", "backups", "logs-app", "logs-edge", "models", "all", "7", "my folder", 'qu"ote']


@pytest.mark.parametrize(
    ("box", "numbers"),
    [
        ("", []),
        ("   ,, ", []),
        ("3", [3]),
        ("1,3,5", [1, 3, 5]),
        ("1 3 5", [1, 3, 5]),
        ("1, 3 ,5", [1, 3, 5]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("5-1", [1, 2, 3, 4, 5]),
        ("all", list(range(1, 10))),
        ("All", list(range(1, 10))),
        ("none", []),
        ("1-3 none", []),
        ("none 2", [2]),
        ("invert", list(range(1, 10))),
        ("1-3 invert", [4, 5, 6, 7, 8, 9]),
        ("1-3 invert ^7", [4, 5, 6, 8, 9]),
        ("1-3 ^2 invert 3", [2, 3, 4, 5, 6, 7, 8, 9]),
        ("all ^4", [1, 2, 3, 5, 6, 7, 8, 9]),
        ("^4", [1, 2, 3, 5, 6, 7, 8, 9]),
        ("^4 invert", [4]),
        ("1-9 ^3-5", [1, 2, 6, 7, 8, 9]),
        ("^3-5 1-9", [1, 2, 6, 7, 8, 9]),
        ("^all", []),
        ("logs-*", [3, 4]),
        ("^logs-*", [1, 2, 5, 6, 7, 8, 9]),
        ("*-* ^logs-edge", [1, 3]),
        ("models", [5]),
        ("models ^models", []),
        ("007", [7]),
        ('"all"', [6]),
        ("'all' 1", [1, 6]),
        ('"7"', [7]),
        ("[7]", [7]),
        ('all ^"7"', [1, 2, 3, 4, 5, 6, 8, 9]),
        ('"my folder"', [8]),
        (r'"qu\"ote"', [9]),
    ],
)
def test_box_selects(box: str, numbers: list[int]) -> None:
    """Every form of the grammar selects what it says, and nothing of it is called bad."""
    selection = parse(box, NAMES)
    assert [at + 1 for at in selection.chosen] == numbers
    assert selection.bad == ()


@pytest.mark.parametrize(
    ("box", "bad", "position"),
    [
        ("1 0 2", "0", 2),
        ("1, 12 2", "12", 3),
        ("1 8-12 2", "8-12", 2),
        ("1 zebra 2", "zebra", 2),
        ("1 zebra-* 2", "zebra-*", 2),
        ("1 ^ 2", "^", 2),
        ("1 2 ^invert", "^invert", 4),
        ("1 2 3-", "3-", 4),
        ("1 2 -3", "-3", 4),
        ("1 2 1-2-3", "1-2-3", 4),
        ('1 2 "open', '"open', 4),
        ('1 2 "all"x', '"all"x', 4),
        ("1 2 ²", "²", 4),
        ("1 2 " + "9" * 5000, "9" * 5000, 4),
    ],
)
def test_bad_token_is_named_and_the_rest_kept(box: str, bad: str, position: int) -> None:
    """A token that means nothing is reported with its position and a reason; 1 and 2 stay chosen."""
    selection = parse(box, NAMES)
    assert selection.chosen == {0, 1}
    assert [(token.text, token.position) for token in selection.bad] == [(bad, position)]
    assert selection.bad[0].reason


def test_bad_exclusion_alone_selects_nothing() -> None:
    """`^typo` must not turn into "everything"."""
    assert parse("^typo", NAMES).chosen == set()
    assert parse("^typo ^1", NAMES).chosen == set(range(1, 9))


def test_number_outside_the_list_tells_how_to_name_it() -> None:
    """A bucket called "2023-2024" is reached by quotes, and the message for the bare word says so."""
    names = ["2023-2024", "x"]
    assert '"2023-2024"' in parse("2023-2024", names).bad[0].reason
    assert parse('"2023-2024"', names).chosen == {0}


def test_empty_list() -> None:
    """With nothing to choose from, words select nothing and numbers are bad."""
    assert parse("all invert", []).chosen == set()
    assert "empty" in parse("1", []).bad[0].reason


@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ([], ""),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], "all"),
        ([1, 2, 3, 5, 6, 7, 8, 9], "all ^4"),
        ([1, 2, 4, 5, 6, 7], "1-7 ^3"),
        ([3], "3"),
    ],
)
def test_shortest_box(numbers: list[int], box: str) -> None:
    """Marks are written in the short way a person would."""
    assert write([number - 1 for number in numbers], NAMES) == box


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_write_then_parse_gives_the_same_marks(case: tuple[int, set[int]]) -> None:
    """parse(write(x)) == x for every set of marks, whatever the names look like."""
    count, chosen = case
    names = [("all", "7", "1-5", "none", "^1", "logs-*")[at % 6] for at in range(count)]
    selection = parse(write(chosen, names), names)
    assert set(selection.chosen) == chosen
    assert selection.bad == ()


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1))))
def test_written_box_is_no_longer_than_plain_ranges(case: tuple[int, set[int]]) -> None:
    """Sharing a range with gaps taken out is used only where it is shorter."""
    count, chosen = case
    plain: list[str] = []
    marks = sorted(chosen)
    start = 0
    for at in range(len(marks)):
        if at + 1 == len(marks) or marks[at + 1] != marks[at] + 1:
            first, last = marks[start] + 1, marks[at] + 1
            plain.append(str(first) if first == last else f"{first}-{last}")
            start = at + 1
    assert len(write(chosen, ["x"] * count)) <= len(" ".join(plain))


@given(st.text(alphabet=" ,^-*?[]\"'\\0123456789alnoinverthzß\n\x1b"), st.lists(st.text(), max_size=12))
def test_any_text_is_taken(box: str, names: list[str]) -> None:
    """No box raises, positions stay inside the list, and a bad token stands where it says."""
    selection = parse(box, names)
    assert all(0 <= at < len(names) for at in selection.chosen)
    assert list(selection.chosen) == sorted(set(selection.chosen))
    for token in selection.bad:
        assert box[token.position : token.position + len(token.text)] == token.text


@given(st.lists(st.text(min_size=1), min_size=1, max_size=12), st.data())
def test_every_name_is_reachable_by_quotes(names: list[str], data: st.DataObject) -> None:
    """A name in quotes means the name, whatever it looks like."""
    name = data.draw(st.sampled_from(names))
    box = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    selection = parse(box, names)
    assert selection.bad == ()
    assert selection.chosen == {at for at, one in enumerate(names) if one == name}


def test_write_refuses_a_position_outside() -> None:
    """A mark that is not in the list is a mistake of the caller, said as ValueError."""
    with pytest.raises(ValueError, match="outside"):
        write([3], ["a"])
