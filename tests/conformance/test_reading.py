"""What every source must do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from core.errors import NotFound, SourceChanged
from core.stores.base import Cancelled, Metadata
from tests.conformance.subject import MIB, Subject, pattern


def test_a_long_listing_is_complete_ordered_and_without_repeats(subject: Subject) -> None:
    """More keys than one page holds come all, once, in byte order, with their sizes."""
    keys = {f"many/{n % 7}/{n:05d}": n % 13 for n in range(1203)}
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda key: subject.store.put(key, b"x" * keys[key], Metadata()), keys))
    assert subject.store.settle(receipts) == {}
    listed = subject.listed("many/")
    assert [entry.key for entry in listed] == sorted(keys, key=lambda key: key.encode())
    assert {entry.key: entry.size for entry in listed} == keys


def test_a_listing_goes_on_after_a_key(subject: Subject) -> None:
    """`start_after` leaves out that key and everything before it."""
    for name in ("a", "b", "c/d", "e"):
        subject.write(name, b"1")
    assert [entry.key for entry in subject.listed(start_after="b")] == ["c/d", "e"]


def test_a_listing_keeps_to_its_prefix(subject: Subject) -> None:
    """Keys that share only a part of the prefix are not offered."""
    for name in ("in/side", "in/deep/er", "inside", "out"):
        subject.write(name, b"1")
    assert [entry.key for entry in subject.listed("in/")] == ["in/deep/er", "in/side"]


def test_an_empty_place_lists_nothing(subject: Subject) -> None:
    """No entries, no error."""
    assert subject.listed("nothing/") == []


def test_one_level_shows_folders(subject: Subject) -> None:
    """A level has the objects right there and one entry for each folder below."""
    for name in ("top", "f/one", "f/two", "g/h/deep"):
        subject.write(name, b"12")
    entries, cursor = subject.store.level("", cursor="", limit=100)
    assert [(entry.key, entry.is_folder) for entry in entries] == [("f/", True), ("g/", True), ("top", False)]
    assert cursor == ""


def test_levels_are_paged(subject: Subject) -> None:
    """Following the cursor gives everything once."""
    for n in range(7):
        subject.write(f"p/{n}", b"1")
    seen: list[str] = []
    cursor = ""
    while True:
        entries, cursor = subject.store.level("p/", cursor=cursor, limit=3)
        assert len(entries) <= 3
        seen += [entry.key for entry in entries]
        if not cursor:
            break
    assert seen == [f"p/{n}" for n in range(7)]


@pytest.mark.parametrize("size", [0, 1, 1000, MIB, MIB + 1, 3 * MIB + 7])
def test_a_whole_object_comes_back_as_it_was(subject: Subject, size: int) -> None:
    """Reading from 0 to the size gives the bytes that were put, around the border of the small path too."""
    data = pattern(size)
    subject.write("dir/object", data)
    entry = subject.entry("dir/object")
    assert entry.size == size
    assert subject.bytes_of(entry) == data


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (5, 10), (MIB - 3, 7), (2 * MIB, MIB), (100, 2 * MIB)])
def test_a_range_is_exactly_that_range(subject: Subject, offset: int, length: int) -> None:
    """Any range inside the object gives its bytes and no more."""
    data = pattern(3 * MIB)
    subject.write("object", data)
    assert subject.bytes_of(subject.entry("object"), offset, length) == data[offset : offset + length]


def test_a_body_describes_its_object(subject: Subject) -> None:
    """The answer's own description fits the entry."""
    subject.write("object", b"hello")
    entry = subject.entry("object")
    with subject.store.read(entry, 0, 5, cancelled=threading.Event()) as body:
        assert body.info.entry.key == "object"
        assert body.info.entry.size == 5
        assert body.info.entry.etag == entry.etag


@pytest.mark.parametrize("size", [10, 2 * MIB])
def test_another_version_is_noticed(subject: Subject, size: int) -> None:
    """An entry that was listed before the object was replaced cannot be read: SourceChanged, no bytes."""
    subject.write("object", pattern(size))
    old = subject.entry("object")
    subject.write("object", b"new" + pattern(size + 5))
    with pytest.raises(SourceChanged):
        subject.bytes_of(old)


def test_a_missing_object_is_not_found(subject: Subject) -> None:
    """Looking at it and reading it both say NotFound."""
    subject.write("object", b"x")
    entry = msgspec.structs.replace(subject.entry("object"), key="another")
    with pytest.raises(NotFound):
        subject.store.stat("another")
    with pytest.raises(NotFound):
        subject.bytes_of(entry)


def test_stat_agrees_with_the_listing(subject: Subject) -> None:
    """Size and ETag are the same either way."""
    subject.write("object", b"some bytes")
    entry, info = subject.entry("object"), subject.store.stat("object")
    assert (info.entry.key, info.entry.size, info.entry.etag) == ("object", 10, entry.etag)


def test_a_cancelled_read_stops(subject: Subject) -> None:
    """The flag is looked at between chunks."""
    subject.write("object", pattern(4 * MIB))
    flag = threading.Event()
    with subject.store.read(subject.entry("object"), 0, 4 * MIB, cancelled=flag) as body:
        chunks = iter(body)
        next(chunks)
        flag.set()
        with pytest.raises(Cancelled):
            next(chunks)
