"""Sets of row numbers say what Python's own sets say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.positions import Positions

numbers = st.sets(st.integers(0, 300))


@given(numbers, numbers)
def test_operations_are_those_of_sets(one: set[int], other: set[int]) -> None:
    a, b = Positions(one), Positions(other)
    for mixed in (b, other, frozenset(other)):
        assert a | mixed == one | other
        assert a & mixed == one & other
        assert a - mixed == one - other
        assert a ^ mixed == one ^ other
        assert (a <= mixed) == (one <= other)
        assert (a == mixed) == (one == other)
    assert list(a) == sorted(one)
    assert len(a) == len(one)
    assert bool(a) == bool(one)
    assert all((n in a) == (n in one) for n in range(-1, 302))
    assert a.last == max(one, default=-1)
    assert Positions.from_bytes(a.to_bytes()) == a
    assert {n for first, last in a.runs() for n in range(first, last + 1)} == one
    assert hash(a) == hash(Positions(sorted(one, reverse=True)))


@given(st.integers(0, 100), st.integers(-1, 100))
def test_spans(first: int, last: int) -> None:
    assert Positions.span(first, last) == set(range(first, last + 1))
    assert Positions.below(first) == set(range(first))


def test_what_is_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="-3"):
        Positions((1, -3))
    assert not Positions((1,)).__contains__("1")


def test_millions_cost_little() -> None:
    """Every other of two million rows: made, inverted, counted and walked; a bit for each."""
    every_other = Positions(range(0, 2_000_000, 2))
    others = Positions.below(2_000_000) - every_other
    assert len(others) == len(every_other) == 1_000_000
    assert sum(1 for _ in others.runs()) == 1_000_000
    assert len(others.to_bytes()) == 250_000
