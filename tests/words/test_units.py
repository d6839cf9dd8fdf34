"""Sizes, rates, times and counts as people read and write them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import units

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (812 * GIB, "812 GiB"),
        (2 * TIB, "2.0 TiB"),
        (MIB - 1, "1.0 MiB"),
        (int(99.97 * MIB), "100 MiB"),
        (41 * MIB + 300 * KIB, "41.3 MiB"),
    ],
)
def test_format_bytes(size: int, text: str) -> None:
    """Three digits, one decimal below 100, the next unit instead of 1024."""
    assert units.format_bytes(size) == text


@given(st.integers(0, 2**62))
def test_format_bytes_is_short_and_near(size: int) -> None:
    """At most eight characters, and read back within 6 % (two digits)."""
    text = units.format_bytes(size)
    assert len(text) <= 8
    assert abs(units.parse_size(text) - size) <= size * 0.06


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1024", 1024),
        ("50MiB", 50 * MIB),
        ("50 mib", 50 * MIB),
        ("5GB", 5 * 10**9),
        ("1.5 GiB", GIB * 3 // 2),
        ("10M", 10 * MIB),
        (".5k", 512),
        ("0", 0),
        ("7b", 7),
    ],
)
def test_parse_size(text: str, size: int) -> None:
    """KiB and K are 1024, KB is 1000, a bare number is bytes."""
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "-1", "MiB", "5 parsecs", "1e9", "5 MiB/s", "٣", "1.2.3", "99999999999 EiB"]
)
def test_parse_size_refuses(text: str) -> None:
    """What is no size is refused in words that quote it."""
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        units.parse_size(text)


def test_parse_rate() -> None:
    """Rates are sizes with or without /s; off and 0 are no limit."""
    assert units.parse_rate("50MiB/s") == units.parse_rate("50MiB") == 50 * MIB
    assert units.parse_rate("off") == units.parse_rate("0") == 0
    with pytest.raises(ValueError, match="rate"):
        units.parse_rate("fast")


@given(st.integers(0, 2**62))
def test_plain_bytes_read_back(size: int) -> None:
    """A number of bytes is read exactly, with every binary unit too."""
    assert units.parse_size(str(size)) == size
    assert units.parse_size(f"{size % 1000}KiB") == size % 1000 * KIB


@pytest.mark.parametrize(
    ("seconds", "clock", "eta"),
    [
        (-1, "00:00:00", "—"),
        (0, "00:00:00", "0 s"),
        (40, "00:00:40", "40 s"),
        (59.7, "00:00:59", "1 min"),
        (250, "00:04:10", "4 min 10 s"),
        (1680, "00:28:00", "28 min"),
        (2472, "00:41:12", "41 min"),
        (3599, "00:59:59", "1 h"),
        (5280, "01:28:00", "1 h 28 min"),
        (86399, "23:59:59", "1 d"),
        (273600, "3 d 04:00:00", "3 d 4 h"),
    ],
)
def test_times(seconds: float, clock: str, eta: str) -> None:
    """A running clock counts; what is left is rounded to the units that matter."""
    assert units.format_duration(seconds) == clock
    assert units.format_eta(seconds) == eta


def test_counts_and_rates() -> None:
    """Groups of three, short forms of at most four characters, rates per second."""
    assert units.format_count(1204331) == "1 204 331"
    assert [units.short_count(n) for n in (0, 999, 1000, 1234, 9960, 41022, 999_600, 1_204_331)] == [
        *("0", "999", "1.0k", "1.2k", "10k", "41k", "1.0M", "1.2M")
    ]
    assert units.format_rate(412 * MIB) == "412 MiB/s"
    assert units.format_rate(-0.4) == "0 B/s"


def test_when() -> None:
    """Today is a clock, another day has its date, 0 is never."""
    now = time.mktime((2026, 3, 5, 14, 3, 0, 0, 0, -1))
    assert units.format_when(now, now) == "14:03"
    assert units.format_when(now - 86400, now) == "2026-03-04 14:03"
    assert units.format_when(0, now) == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5s", 0.5), ("15m", 900), ("2h", 7200), ("1h 30m", 5400), ("1h2m3s", 3723)],
)
def test_durations_are_read_and_written(text: str, seconds: float) -> None:
    """What is written for people reads back as the same number of seconds."""
    assert units.parse_duration(text) == seconds
    assert units.parse_duration(units.duration_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "long", "-5", "1d", "5x", "h", "1m2h", "٣"])
def test_other_lengths_of_time_are_refused(text: str) -> None:
    """With a sentence that shows how to write one."""
    with pytest.raises(ValueError, match="like 90s, 15m or 1h30m"):
        units.parse_duration(text)
