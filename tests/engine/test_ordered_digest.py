from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.large import PartSpan, spans_in_segments
from core.engine.ordered_digest import OrderedDigest, PassingDigest
from core.engine.proof import composite


def etag_of(data: bytes, segment: int, whole: bool) -> str:
    if whole:
        return hashlib.md5(data).hexdigest()
    return composite([hashlib.md5(data[at : at + segment]).digest() for at in range(0, len(data), segment)])


@st.composite
def objects(draw: st.DrawFn) -> tuple[bytes, int, bool, list[PartSpan]]:
    """Content, segment size, whether the ETag is plain, and the parts in the order they will arrive."""
    data = draw(st.binary(min_size=1, max_size=200))
    whole = draw(st.booleans())
    segment = len(data) if whole else draw(st.integers(1, len(data)))
    spans = spans_in_segments(len(data), segment, draw(st.integers(1, len(data))))
    return data, segment, whole, draw(st.permutations(spans))


def send(digest: OrderedDigest, data: bytes, span: PartSpan, step: int) -> None:
    """One part, the way a worker moves it."""
    piece = data[span.offset : span.offset + span.length]
    inline = digest.begin(span.offset)
    if inline is not None:
        for at in range(0, len(piece), step):
            inline.update(piece[at : at + step])
        inline.finish()
    digest.part_done(span.offset, span.length)


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]


@given(objects(), st.integers(1, 50))
def test_any_order_gives_the_etag(made: tuple[bytes, int, bool, list[PartSpan]], step: int) -> None:
    """Parts in any order, cut anyhow within the segments: the ETag is the object's."""
    data, segment, whole, spans = made
    etag = etag_of(data, segment, whole)
    digest = OrderedDigest(etag, len(data), segment, reader(data))
    for span in spans:
        assert not digest.complete
        send(digest, data, span, step)
    assert digest.complete
    assert digest.etag() == etag


@given(objects(), st.integers(1, 50), st.data())
def test_failed_parts_do_not_count(
    made: tuple[bytes, int, bool, list[PartSpan]], step: int, draw: st.DataObject
) -> None:
    """A part that breaks off after some wrong bytes, and is moved again later, leaves no trace."""
    data, segment, whole, spans = made
    etag = etag_of(data, segment, whole)
    digest = OrderedDigest(etag, len(data), segment, reader(data))
    for span in spans:
        if draw.draw(st.booleans()):
            inline = digest.begin(span.offset)
            if inline is not None:
                inline.update(b"broken off")
                inline.give_up()
        send(digest, data, span, step)
    assert digest.complete
    assert digest.etag() == etag


@given(objects(), st.data())
def test_parts_overlap_in_time(made: tuple[bytes, int, bool, list[PartSpan]], draw: st.DataObject) -> None:
    """Several parts on their way at once, ending in another order than they began."""
    data, segment, whole, spans = made
    etag = etag_of(data, segment, whole)
    digest = OrderedDigest(etag, len(data), segment, reader(data))
    begun = [(span, digest.begin(span.offset)) for span in spans]
    for span, inline in draw.draw(st.permutations(begun)):
        if inline is not None:
            inline.update(data[span.offset : span.offset + span.length])
            inline.finish()
        digest.part_done(span.offset, span.length)
    assert digest.complete
    assert digest.etag() == etag


def test_a_failed_read_back_is_repeated() -> None:
    """When reading back an early part fails, its worker sees the error, and a later try completes."""
    data = bytes(range(100))
    reads: list[int] = []

    def read_back(offset: int, length: int) -> bytes:
        reads.append(offset)
        if len(reads) == 1:
            raise OSError("the disk hiccups")
        return data[offset : offset + length]

    digest = OrderedDigest(hashlib.md5(data).hexdigest(), 100, 100, read_back)
    digest.part_done(50, 50)
    with pytest.raises(OSError, match="hiccups"):
        send(digest, data, PartSpan(1, 0, 50), 7)
    assert not digest.complete
    send(digest, data, PartSpan(1, 0, 50), 7)
    assert digest.complete
    assert digest.etag() == hashlib.md5(data).hexdigest()


def test_many_threads() -> None:
    """Eight workers on one object of 4 segments with 256 parts: the ETag comes out right."""
    data = bytes(range(256)) * 1024
    segment = len(data) // 4
    spans = spans_in_segments(len(data), segment, len(data) // 256)
    waiting = list(reversed(spans))
    digest = OrderedDigest(etag_of(data, segment, False), len(data), segment, reader(data))

    def work() -> None:
        while waiting:
            try:
                span = waiting.pop()
            except IndexError:
                return
            send(digest, data, span, 100)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digest.complete
    assert digest.etag() == etag_of(data, segment, False)


def pass_through(digest: PassingDigest, pieces: list[tuple[int, bytes]]) -> None:
    """Each part by a thread of its own, begun in this order."""
    threads = [threading.Thread(target=digest.absorb, args=piece) for piece in pieces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=8), st.data())
def test_passing_parts_in_any_order_give_the_md5(parts: list[bytes], draw: st.DataObject) -> None:
    """Parts that threads hand in, in any order: the MD5 is that of the whole, and of no other content."""
    pieces = list(zip(accumulate(map(len, parts), initial=0), parts, strict=False))
    whole = b"".join(parts)
    digest = PassingDigest(patience=60.0)
    pass_through(digest, draw.draw(st.permutations(pieces)))
    assert digest.etag(len(whole)) == hashlib.md5(whole).hexdigest()
    wrong = draw.draw(st.integers(0, len(pieces) - 1))
    offset, part = pieces[wrong]
    pieces[wrong] = (offset, bytes([part[0] ^ 1]) + part[1:])
    digest = PassingDigest(patience=60.0)
    pass_through(digest, pieces)
    assert digest.etag(len(whole)) not in ("", hashlib.md5(whole).hexdigest())


def test_a_part_that_does_not_come_ends_the_passing_digest() -> None:
    """A gap: those who wait behind it go on, nothing is proven, also when the part comes after all."""
    digest = PassingDigest(patience=0.05)
    pass_through(digest, [(0, b"01"), (4, b"45"), (6, b"67")])
    assert digest.etag(8) == ""
    pass_through(digest, [(2, b"23")])
    assert digest.etag(8) == digest.etag(2) == ""


def test_a_passing_digest_of_less_than_all_proves_nothing() -> None:
    """The last part is not there yet: no ETag rather than one of the beginning."""
    digest = PassingDigest(patience=60.0)
    digest.absorb(0, memoryview(b"01"))
    assert digest.etag(4) == ""
    digest.absorb(2, b"23")
    assert digest.etag(4) == hashlib.md5(b"0123").hexdigest()
