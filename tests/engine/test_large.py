from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.journal.rows import ItemRow
from core.engine.moving.large import (
    LARGE_UPLOAD,
    LargeItem,
    LargeServerSide,
    LargeUpload,
    PartSpan,
    default_part_size,
    part_size_for,
    spans_in_segments,
    spans_of,
)
from core.engine.proving.proof import MIB, composite, guess_part_size, part_count, segment_size
from core.model import Action, Connection, Entry, SecretKeys
from core.stores.base import PartLimits
from core.stores.s3 import S3Service
from core.stores.s3.multipart import MAX_PART, MAX_PARTS, MIN_PART

S3 = PartLimits(min_part=MIN_PART, max_part=MAX_PART, max_parts=MAX_PARTS)
TIB = 1 << 40


def covers(spans: list[PartSpan], size: int) -> None:
    """Numbered from 1, one after the other, without a gap, up to the end."""
    position = 0
    for number, span in enumerate(spans, 1):
        assert span.number == number
        assert span.offset == position
        assert span.length > 0
        position += span.length
    assert position == size


@given(st.integers(1, 3000), st.integers(1, 4000))
def test_spans_cover_the_object(size: int, part: int) -> None:
    """Equal parts but the last, nothing left out, nothing twice."""
    spans = spans_of(size, part)
    covers(spans, size)
    assert all(span.length == part for span in spans[:-1])


@given(st.integers(1, 3000), st.integers(1, 4000), st.integers(1, 4000))
def test_spans_never_cross_a_segment(size: int, segment: int, wanted: int) -> None:
    """Parts of a download stay within the segments that the ETag is made of, and near the wanted size."""
    spans = spans_in_segments(size, segment, wanted)
    covers(spans, size)
    for span in spans:
        assert span.offset // segment == (span.offset + span.length - 1) // segment
        assert span.length <= max(1, min(segment, 2 * wanted))


@given(st.integers(1, 5 * TIB), st.integers(0, 6 << 30))
def test_part_size_keeps_the_limits_of_s3(size: int, wanted: int) -> None:
    """Up to the largest object S3 has, never more than 10 000 parts, none outside 5 MiB … 5 GiB."""
    part = part_size_for(size, wanted or default_part_size(size), S3)
    assert MIN_PART <= part <= MAX_PART
    assert -(-size // part) <= MAX_PARTS
    if wanted >= MIN_PART and -(-size // wanted) <= MAX_PARTS:
        assert part == min(wanted, MAX_PART)


@given(st.integers(1, 40 * MIB), st.integers(1, 10 * MIB))
def test_segment_size_fits_the_etag(size: int, part: int) -> None:
    """A segment size that is found gives as many segments as the ETag has; only a told one is called sure."""
    count = -(-size // part)
    if count > 99_999:
        return
    etag = composite([b"\0" * 16] * count)
    assert part_count(etag) == count
    assert segment_size(etag, size, part) == (part, True)
    guessed, sure = segment_size(etag, size, 0)
    assert not sure
    assert guessed == guess_part_size(etag, size)
    if guessed:
        assert -(-size // guessed) == count


def test_opaque_etags_have_no_segments() -> None:
    """An ETag that is no digest proves nothing."""
    for etag in ("", "opaque", "abc-1", "A" * 32, "0" * 31):
        assert segment_size(etag, 100, 10) == (0, False)


GIB = 1 << 30
EDGES = [
    LARGE_UPLOAD,
    5 * GIB,
    5 * GIB + 1,
    10_000 * 8 * MIB,
    10_000 * 16 * MIB,
    10_000 * 16 * MIB + 1,
    5 * TIB - 1,
    5 * TIB,
]


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("wanted", [0, 5 * MIB, 5 * GIB])
@pytest.mark.parametrize("way", [LargeUpload, LargeServerSide])
def test_the_largest_objects_have_a_layout(way: type[LargeItem], size: int, wanted: int) -> None:
    """At the edges of what S3 takes, up to 5 TiB: no more than 10 000 parts, each within its limits."""
    bucket = S3Service(
        Connection(name="x"), lambda _ref: SecretKeys(access_key_id="a", secret_access_key="b")
    ).bucket("b")
    entry = Entry(key="k", size=size)
    large = way(ItemRow(1, 0, Action.COPY, "k", entry), entry, bucket, bucket, "k", 1)
    large.layout(wanted)
    covers(large.spans, size)
    assert len(large.spans) <= MAX_PARTS
    assert all(MIN_PART <= span.length <= MAX_PART for span in large.spans[:-1])
    assert (bucket.limits.max_whole, bucket.limits.max_size) == (5 * GIB, 5 * TIB)
