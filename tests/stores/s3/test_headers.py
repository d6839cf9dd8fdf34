"""Metadata as headers and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FileTrouble
from core.stores.base import Metadata
from core.stores.s3.headers import (
    decimal_nanoseconds,
    decimal_seconds,
    header_text,
    nanoseconds_from_decimal,
    object_info,
    seconds_from_decimal,
    user_metadata,
    whole_number,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5"),
        (1_700_000_000.0, "1700000000"),
        (1_700_000_000.123456, "1700000000.123456"),
        (1e-7, "0.0000001"),
    ],
)
def test_times_in_rclones_form(seconds: float, text: str) -> None:
    """Plain decimals, never an exponent."""
    assert decimal_seconds(seconds) == text
    assert seconds_from_decimal(text) == seconds


@given(st.floats(min_value=0, max_value=4e9))
def test_times_come_back_exactly(seconds: float) -> None:
    """Every float survives."""
    assert seconds_from_decimal(decimal_seconds(seconds)) == seconds


def test_a_hostile_mtime_is_no_time() -> None:
    """Words, infinities and nothing."""
    assert [seconds_from_decimal(text) for text in ("", "soon", "inf", "nan", "1e999")] == [0.0] * 5


def test_an_mtime_that_came_with_the_object_is_kept() -> None:
    """A copy does not replace the time that another program recorded."""
    assert user_metadata(Metadata(user={"Mtime": "12.5"}, modified=99.0)) == {"mtime": "12.5"}


@given(st.text())
def test_any_text_becomes_a_header(value: str) -> None:
    """Printable ASCII in one line, whatever came in."""
    text = header_text(value)
    assert text.isascii()
    assert text.isprintable() or text == ""


def test_versions_and_sizes() -> None:
    """`null` is no version; a size that is not digits is refused."""
    info = object_info("k", {"content-length": "5", "x-amz-version-id": "null", "etag": '"e"'})
    assert (info.version_id, info.entry.size, info.entry.etag) == ("", 5, "e")
    assert object_info("k", {"content-length": "5", "x-amz-version-id": "nullable"}).version_id == "nullable"
    for size in ("", "-1", "1_0", "٣", "1" * 30):
        with pytest.raises(FileTrouble):
            object_info("k", {"content-length": size})
        assert whole_number(size) == -1


def test_composite_checksums_are_not_of_the_whole() -> None:
    """By their suffix or by the type that the server names."""
    whole = {"content-length": "1", "x-amz-checksum-crc64nvme": "AAAA="}
    assert object_info("k", whole).metadata.checksums == {"crc64nvme": "AAAA="}
    assert object_info("k", {**whole, "x-amz-checksum-type": "COMPOSITE"}).metadata.checksums == {}
    assert (
        object_info("k", {"content-length": "1", "x-amz-checksum-sha256": "AAAA=-2"}).metadata.checksums == {}
    )


@given(st.integers(-(10**18), 4 * 10**18))
def test_nanoseconds_come_back_exactly(nanoseconds: int) -> None:
    """Times of file systems, also before 1970, in the form that rclone reads."""
    text = decimal_nanoseconds(nanoseconds)
    assert nanoseconds_from_decimal(text) == nanoseconds
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1700000000", 1_700_000_000_000_000_000),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("1700000000.1234567891", 1_700_000_000_123_456_789),
        ("1.7e9", 1_700_000_000_000_000_000),
        ("-1.5", -1_500_000_000),
        *((text, 0) for text in ("", ".", "soon", "nan", "inf", "1e999", "9" * 30)),
    ],
)
def test_nanoseconds_of_what_others_wrote(text: str, nanoseconds: int) -> None:
    """Whatever it is, it is a time or none, and never an error."""
    assert nanoseconds_from_decimal(text) == nanoseconds
