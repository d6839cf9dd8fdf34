"""A limit by the clock: which rate holds when, what is refused."""

from __future__ import annotations

import time

import pytest

from core.timetable import limit_words, parse_limit, parse_timetable

MIB = 1 << 20


def at(day: int, hour: int, minute: int = 0) -> time.struct_time:
    """A moment of a week that began on Monday 2024-01-01; `day` 0 is that Monday."""
    return time.strptime(f"2024-01-{1 + day:02} {hour:02}:{minute:02}", "%Y-%m-%d %H:%M")


def test_an_entry_holds_until_the_next_one_and_over_midnight() -> None:
    table = parse_timetable("08:00,10MiB 19:00,off")
    assert table.rate_at(at(0, 7, 59)) == 0, "the evening's entry holds through the night, also over Sunday"
    assert table.rate_at(at(0, 8)) == 10 * MIB
    assert table.rate_at(at(3, 18, 59)) == 10 * MIB
    assert table.rate_at(at(6, 19)) == 0


def test_an_entry_with_a_day_goes_before_one_without() -> None:
    table = parse_timetable("08:00,1MiB Sat-08:00,off")
    assert table.rate_at(at(4, 12)) == MIB
    assert table.rate_at(at(5, 12)) == 0
    assert table.rate_at(at(6, 7)) == 0
    assert table.rate_at(at(6, 8)) == MIB


def test_the_next_change_is_one_of_the_rate() -> None:
    table = parse_timetable("08:00,1MiB 12:00,1MiB 19:00,off")
    assert table.next_change(at(0, 9)) == ("19:00", 0)
    assert table.next_change(at(0, 20)) == ("08:00", MIB)
    assert parse_timetable("Mon-08:00,1MiB Fri-19:00,off").next_change(at(0, 9)) == ("Fri-19:00", 0)
    assert parse_timetable("08:00,1MiB").next_change(at(0, 9)) == ("", MIB)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("08:00", "08:00"),
        ("8,10MiB", "8,10MiB"),
        ("25:00,10MiB", "25:00"),
        ("08:60,10MiB", "08:60"),
        ("08:00,much", "much"),
        ("Fry-08:00,1MiB", "Fry"),
        ("08:00,1MiB 08:00,2MiB", "twice"),
        (",", ","),
        ("08:00,1MiB\x1b[31m", "rate"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse_limit(text)


def test_a_limit_is_a_rate_or_a_timetable() -> None:
    assert parse_limit("10MiB/s") == (10 * MIB, "")
    assert parse_limit("off") == (0, "")
    assert parse_limit(" 08:00,1MiB   19:00,off ") == (0, "08:00,1MiB 19:00,off")


def test_limits_in_words() -> None:
    assert limit_words(0, "", at(0, 9)) == "no limit"
    assert limit_words(10 * MIB, "", at(0, 9)) == "10.0 MiB/s"
    assert limit_words(0, "08:00,1MiB 19:00,off", at(0, 9)) == "1.0 MiB/s until 19:00, then no limit"
