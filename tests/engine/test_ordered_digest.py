from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.moving.large import PartSpan, spans_in_segments
from core.engine.proving.ordered_digest import OrderedDigest, PassingDigest


def digests_of(data: bytes, segment: int, kind: str = "md5") -> list[bytes]:
    return [hashlib.new(kind, data[at : at + segment]).digest() for at in range(0, len(data), segment)]


Made = tuple[bytes, int, str, list[PartSpan]]


@st.composite
def objects(draw: st.DrawFn) -> Made:
    """Content, segment size, the kind of hash, and the parts in the order they will arrive."""
    data = draw(st.binary(min_size=1, max_size=200))
    whole = draw(st.booleans())
    segment = len(data) if whole else draw(st.integers(1, len(data)))
    spans = spans_in_segments(len(data), segment, draw(st.integers(1, len(data))))
    kind = draw(st.sampled_from(["md5", "sha1", "sha256"]))
    return data, segment, kind, draw(st.permutations(spans))


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
def test_any_order_gives_the_digests(made: Made, step: int) -> None:
    """Parts in any order, cut anyhow within the segments: the digests are the object's."""
    data, segment, kind, spans = made
    digest = OrderedDigest(kind, len(data), segment, reader(data))
    for span in spans:
        assert not digest.complete
        send(digest, data, span, step)
    assert digest.complete
    assert digest.digests() == digests_of(data, segment, kind)


@given(objects(), st.integers(1, 50), st.data())
def test_failed_parts_do_not_count(made: Made, step: int, draw: st.DataObject) -> None:
    """A part that breaks off after some wrong bytes, and is moved again later, leaves no trace."""
    data, segment, kind, spans = made
    digest = OrderedDigest(kind, len(data), segment, reader(data))
    for span in spans:
        if draw.draw(st.booleans()):
            inline = digest.begin(span.offset)
            if inline is not None:
                inline.update(b"broken off")
                inline.give_up()
        send(digest, data, span, step)
    assert digest.complete
    assert digest.digests() == digests_of(data, segment, kind)


@given(objects(), st.data())
def test_parts_overlap_in_time(made: Made, draw: st.DataObject) -> None:
    """Several parts on their way at once, ending in another order than they began."""
    data, segment, kind, spans = made
    digest = OrderedDigest(kind, len(data), segment, reader(data))
    begun = [(span, digest.begin(span.offset)) for span in spans]
    for span, inline in draw.draw(st.permutations(begun)):
        if inline is not None:
            inline.update(data[span.offset : span.offset + span.length])
            inline.finish()
        digest.part_done(span.offset, span.length)
    assert digest.complete
    assert digest.digests() == digests_of(data, segment, kind)


def test_a_failed_read_back_is_repeated() -> None:
    """When reading back an early part fails, its worker sees the error, and a later try completes."""
    data = bytes(range(100))
    reads: list[int] = []

    def read_back(offset: int, length: int) -> bytes:
        reads.append(offset)
        if len(reads) == 1:
            raise OSError("the disk hiccups")
        return data[offset : offset + length]

    digest = OrderedDigest("md5", 100, 100, read_back)
    digest.part_done(50, 50)
    with pytest.raises(OSError, match="hiccups"):
        send(digest, data, PartSpan(1, 0, 50), 7)
    assert not digest.complete
    send(digest, data, PartSpan(1, 0, 50), 7)
    assert digest.complete
    assert digest.digests() == digests_of(data, 100)


def test_many_threads() -> None:
    """Eight workers on one object of 4 segments with 256 parts: the digests come out right."""
    data = bytes(range(256)) * 1024
    segment = len(data) // 4
    spans = spans_in_segments(len(data), segment, len(data) // 256)
    waiting = list(reversed(spans))
    digest = OrderedDigest("md5", len(data), segment, reader(data))

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
    assert digest.digests() == digests_of(data, segment)


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
    assert digest.digest(len(whole)) == hashlib.md5(whole).digest()
    wrong = draw.draw(st.integers(0, len(pieces) - 1))
    offset, part = pieces[wrong]
    pieces[wrong] = (offset, bytes([part[0] ^ 1]) + part[1:])
    digest = PassingDigest(patience=60.0)
    pass_through(digest, pieces)
    assert digest.digest(len(whole)) not in (b"", hashlib.md5(whole).digest())


def test_a_part_that_does_not_come_ends_the_passing_digest() -> None:
    """A gap: those who wait behind it go on, nothing is proven, also when the part comes after all."""
    digest = PassingDigest(patience=0.05)
    pass_through(digest, [(0, b"01"), (4, b"45"), (6, b"67")])
    assert digest.digest(8) == b""
    pass_through(digest, [(2, b"23")])
    assert digest.digest(8) == digest.digest(2) == b""


def test_a_passing_digest_of_less_than_all_proves_nothing() -> None:
    """The last part is not there yet: no hash rather than one of the beginning."""
    digest = PassingDigest(patience=60.0)
    digest.absorb(0, memoryview(b"01"))
    assert digest.digest(4) == b""
    digest.absorb(2, b"23")
    assert digest.digest(4) == hashlib.md5(b"0123").digest()
