"""Line and column of a value in a JSON text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.json_position import line_and_column, offset_of, steps_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=20,
)


@given(value=VALUES, indent=st.sampled_from([None, 1, 2]), data=st.data())
def test_every_value_is_found_where_it_stands(value: Any, indent: int | None, data: st.DataObject) -> None:
    """From the offset of a randomly chosen inner value, a JSON decoder reads that value."""
    text = json.dumps(value, indent=indent)
    steps: list[str | int] = []
    inner = value
    while isinstance(inner, list | dict) and inner and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
        steps.append(step)
        inner = inner[step]
    found, _ = json.JSONDecoder().raw_decode(text, offset_of(text, steps))
    assert found == inner


def test_a_missing_step_ends_at_the_value_around_it() -> None:
    """A path that leads nowhere gives the nearest value that is there."""
    text = '{"a": [1, 2]}'
    assert offset_of(text, ("a", 7)) == text.index("[")
    assert offset_of(text, ("b",)) == 0
    assert offset_of(text, ("a", 0, "x")) == text.index("1")


def test_paths_as_msgspec_writes_them() -> None:
    """The `$.a[1].b` of a ValidationError is taken apart; `[...]` (any key) is left out."""
    assert steps_of("`$.connections[12].credentials`") == ("connections", 12, "credentials")
    assert steps_of("`$[...].a`") == ("a",)


def test_lines_and_columns_count_from_one() -> None:
    """As editors do."""
    assert line_and_column("ab\ncd", 0) == (1, 1)
    assert line_and_column("ab\ncd", 4) == (2, 2)
