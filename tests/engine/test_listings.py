"""Open listings: lazily read, seen in any order, marked by the million, and gone without a trace."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from core.engine.browsing.listings import MOST_OPEN, Listings
from core.engine.storebook import SourceStore
from core.errors import Code, HaulierError, NetworkTrouble, NotFound
from core.listings import (
    CloseListing,
    FindInListing,
    ListingPage,
    OpenListing,
    RangeOfListing,
    ReadListing,
    RowOrder,
    SumOfListing,
)
from core.model import Adhoc, Entry, Place
from core.positions import Positions
from core.stores.local import LocalFolder

BUCKET = Place(kind="s3", connection="c", bucket="b", path="p/")
OTHER = Place(kind="s3", connection="d", bucket="t")


@dataclass
class Store:
    """A level of entries (keys with the prefix), by pages of 1 000; `fails` raises before a page is given."""

    entries: list[Entry]
    in_order: bool = True
    fails: Callable[[int], None] = lambda _: None
    asked: list[str] = field(default_factory=list)

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        self.asked.append(cursor)
        start = int(cursor or 0)
        self.fails(start)
        end = start + limit
        return self.entries[start:end], str(end) if end < len(self.entries) else ""

    def take_unlistable(self) -> list[tuple[str, str]]:
        return []


def files(count: int, prefix: str = "p/") -> list[Entry]:
    return [
        Entry(
            key=f"{prefix}f{n:06}.{'json' if n % 4 == 0 else 'bin'}",
            size=(n * 7919) % 10_007,
            modified=1e9 + n % 97,
        )
        for n in range(count)
    ]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., tuple[Listings, str]]]:
    """Opens listings over stores by connection."""
    made: list[Listings] = []

    def open_them(mine: Any, theirs: Any = None) -> tuple[Listings, str]:
        stores = {BUCKET.connection: mine, OTHER.connection: theirs}

        def place(place: Place, _: Adhoc) -> tuple[SourceStore, str]:
            return cast("SourceStore", stores[place.connection]), place.path

        listings = Listings(tmp_path / "listings", place)
        made.append(listings)
        other = OTHER if theirs is not None else None
        return listings, listings.open(OpenListing(place=BUCKET, other=other)).id

    yield open_them
    for one in made:
        one.close_all()


def settled(listings: Listings, ask: ReadListing) -> ListingPage:
    """Ask until the answer is final."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        page = listings.read(ask)
        if page.settled or page.trouble:
            return page
    raise AssertionError("never settled")


def names(page: ListingPage) -> list[str]:
    return [row.name for row in page.rows]


def test_no_further_is_read_than_somebody_looks(opened: Any) -> None:
    """The first page costs a few requests, a page far below some more, the end all; none is asked twice."""
    store = Store(files(50_000))
    listings, name = opened(store)
    assert store.asked == []
    page = listings.read(ReadListing(id=name))
    assert names(page)[:2] == ["f000000.json", "f000001.bin"]
    assert len(page.rows) == 200
    time.sleep(0.3)
    assert len(store.asked) == 3
    assert not listings.read(ReadListing(id=name)).complete
    page = settled(listings, ReadListing(id=name, first=49_999, to_end=True))
    assert names(listings.read(ReadListing(id=name, first=49_999))) == ["f049999.bin"]
    assert sorted(store.asked, key=lambda one: int(one or 0)) == ["", *(str(n * 1000) for n in range(1, 50))]


def test_every_order_is_right(opened: Any) -> None:
    """Sorted and filtered rows are what Python's own sorting and filtering give, from any place in them."""
    entries = files(5_000)
    listings, name = opened(Store([Entry(key="p/a-folder/", is_folder=True), *entries]))
    folder = ["a-folder/"]
    plain = [entry.key.removeprefix("p/") for entry in entries]
    by_size = [e.key.removeprefix("p/") for e in sorted(entries, key=lambda entry: entry.size)]
    newest = [e.key.removeprefix("p/") for e in sorted(entries, key=lambda entry: -entry.modified)]
    for order, expected in (
        (RowOrder(), folder + plain),
        (RowOrder(sort="size"), folder + by_size),
        (RowOrder(sort="modified", descending=True), folder + newest),
        (RowOrder(descending=True), [*reversed(plain), *folder]),
        (RowOrder(wanted="9.JSON"), [one for one in plain if "9.json" in one]),
        (RowOrder(wanted="7", sort="size"), [one for one in by_size if "7" in one]),
        (RowOrder(wanted="%"), []),
        (RowOrder(wanted="_"), []),
    ):
        page = settled(listings, ReadListing(id=name, order=order, to_end=True))
        assert page.passing == len(expected)
        assert names(page) == expected[:200]
        for first in (3, 777, len(expected) - 2):
            assert (
                names(listings.read(ReadListing(id=name, order=order, first=first, count=9)))
                == (expected[max(0, first) : max(0, first) + 9])
            )
        found = listings.range(RangeOfListing(id=name, order=order, first=10, last=300))
        everything = folder + plain
        assert {everything[at] for at in Positions.from_bytes(found.rows)} == set(expected[10:301])


@pytest.mark.parametrize("wanted", ["STRASSE", "straße", "ÄPFEL", "äp", "%", "_", "\\", "'", "漢", "a\0b"])
def test_a_filter_takes_every_text_as_it_is(opened: Any, wanted: str) -> None:
    """No character of the filter has a meaning of its own; letters of every script match in any case."""
    keys = ["Straße", "strasse", "äpfel", "100%", "a_b", "a\\b", "it's", "漢字", "a\0b", "plain"]
    listings, name = opened(Store([Entry(key=f"p/{key}") for key in sorted(keys)]))
    page = settled(listings, ReadListing(id=name, order=RowOrder(wanted=wanted)))
    if wanted.isascii():
        assert set(names(page)) == {key for key in keys if wanted.lower() in key.lower()}
    else:
        assert set(names(page)) == {key for key in keys if wanted.casefold() in key.casefold()}


def test_words_and_sums_of_many_marks(opened: Any) -> None:
    """Globs, names and what half a million alternating marks amount to."""
    entries = files(20_000)
    listings, name = opened(Store([*entries, Entry(key="p/z/", is_folder=True)]))
    settled(listings, ReadListing(id=name, to_end=True))

    def found(*words: str, is_glob: bool = True) -> Positions:
        return Positions.from_bytes(listings.find(FindInListing(id=name, words=words, is_glob=is_glob)).rows)

    jsons = found("*.json")
    assert jsons == set(range(0, 20_000, 4))
    assert found("f00000[13]*") == {1, 3}
    assert found("f00000[!13]*") == {0, 2, 4, 5, 6, 7, 8, 9}
    assert found("f000005.bin", "nothing", "z/", is_glob=False) == {5, 20_000}
    summed = listings.sum(SumOfListing(id=name, rows=jsons.to_bytes(), names=10))
    assert summed.files == 5_000
    assert summed.bytes == sum(entry.size for entry in entries[::4])
    assert summed.names is None
    assert summed.others is None
    most = Positions.below(20_001) - Positions((3, 9))
    summed = listings.sum(SumOfListing(id=name, rows=most.to_bytes(), names=10))
    assert summed.others == ("f000003.bin", "f000009.bin")
    assert summed.folder_names == ("z/",)
    few = listings.sum(SumOfListing(id=name, rows=Positions((1, 20_000)).to_bytes(), names=10))
    assert few.names == ("f000001.bin", "z/")
    assert (few.files, few.folders) == (1, 1)


def test_trouble_keeps_what_was_read_and_goes_on_there(opened: Any) -> None:
    """A server that breaks after 3 000 of 6 000: the rows stay, the reason is told, again means from there."""
    broken = threading.Event()
    broken.set()

    def fails(start: int) -> None:
        if start == 3000 and broken.is_set():
            raise NetworkTrouble("list b: connection reset\x1b[2J")

    store = Store(files(6_000), fails=fails)
    listings, name = opened(store)
    page = settled(listings, ReadListing(id=name, to_end=True))
    assert page.listed == 3000
    assert "connection reset" in page.trouble
    assert "\x1b" not in page.trouble
    assert names(listings.read(ReadListing(id=name, first=2990)))[-1] == "f002999.bin"
    broken.clear()
    page = settled(listings, ReadListing(id=name, to_end=True, again=True))
    while not page.settled:
        page = settled(listings, ReadListing(id=name, to_end=True))
    assert page.listed == 6000
    assert page.trouble == ""
    assert store.asked.count("2000") == 1


def test_two_sides(opened: Any) -> None:
    """Each kind of difference is named, and `different` shows nothing that is the same."""
    mine = [
        Entry(key="p/a", size=1, modified=100.0),
        Entry(key="p/b", size=2, modified=100.0),
        Entry(key="p/c", size=3, modified=100.0),
        Entry(key="p/d", size=4, modified=100.0),
        Entry(key="p/dir/", is_folder=True),
        Entry(key="p/only-here", size=5),
    ]
    theirs = [
        Entry(key="a", size=1, modified=200.0),
        Entry(key="b", size=9, modified=200.0),
        Entry(key="c", size=3, modified=50.0),
        Entry(key="dir/", is_folder=True),
        Entry(key="only-there", size=6),
    ]
    listings, name = opened(Store(mine), Store(theirs))
    page = settled(listings, ReadListing(id=name, to_end=True))
    assert [(row.name, row.difference) for row in page.rows] == [
        ("a", "same"), ("b", "size"), ("c", "older"), ("d", "source"), ("dir/", ""),
        ("only-here", "source"), ("only-there", "target"),
    ]  # fmt: skip
    page = settled(listings, ReadListing(id=name, order=RowOrder(different=True)))
    assert names(page) == ["b", "c", "d", "dir/", "only-here", "only-there"]
    everything = listings.sum(SumOfListing(id=name, rows=Positions.below(7).to_bytes(), names=10))
    assert everything.names == ("a", "b", "c", "d", "dir/", "only-here"), (
        "what only the target has is not moved"
    )
    assert everything.bytes == 15


def test_two_sides_meet_whatever_order_a_store_lists_in(opened: Any) -> None:
    """A Hub lists in its own order and is sorted first; a server that breaks its order is named."""
    mine = Store([Entry(key=f"p/{name}") for name in "cab"], in_order=False)
    listings, name = opened(mine, Store([Entry(key=name) for name in "abc"]))
    page = settled(listings, ReadListing(id=name, to_end=True))
    assert [(row.name, row.other is not None) for row in page.rows] == [("a", True), ("b", True), ("c", True)]
    listings, name = opened(Store([Entry(key=f"p/{name}") for name in "abdc"]), Store([Entry(key="a")]))
    page = settled(listings, ReadListing(id=name, to_end=True))
    assert "out of order" in page.trouble


def test_a_store_without_order_loses_no_page_to_trouble(opened: Any) -> None:
    """Its level is collected before it is compared: what came before the trouble counts."""
    broken = [True]

    def fails(start: int) -> None:
        if start == 1000 and broken:
            broken.clear()
            raise NetworkTrouble("reset")

    mine = Store(files(1_500), in_order=False, fails=fails)
    theirs = Store(files(1_500, ""))
    listings, name = opened(mine, theirs)
    assert "reset" in settled(listings, ReadListing(id=name, to_end=True)).trouble
    page = settled(listings, ReadListing(id=name, to_end=True, again=True))
    while not page.settled:
        page = settled(listings, ReadListing(id=name, to_end=True))
    assert page.listed == 1_500
    assert settled(listings, ReadListing(id=name, order=RowOrder(different=True))).passing == 0


def test_a_target_that_is_not_there_is_empty(opened: Any) -> None:
    def missing(_: int) -> None:
        raise NotFound("b: no such bucket")

    listings, name = opened(Store(files(3)), Store([], fails=missing))
    page = settled(listings, ReadListing(id=name, to_end=True))
    assert {row.difference for row in page.rows} == {"source"}
    assert "nothing is at the target yet" in page.notes[0]


def test_a_local_folder_is_read_once_and_its_oddities_are_told(tmp_path: Path) -> None:
    """Thousands of files, a pipe among them; the folder is scanned a single time."""
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    for number in range(2_500):
        (folder / f"{number:05}").write_bytes(b"x" * (number % 7))
    os.mkfifo(folder / "pipe")
    listings = Listings(tmp_path / "listings", lambda place, _: (LocalFolder(Path(place.path)), ""))
    name = listings.open(OpenListing(place=Place(kind="local", path=f"{folder}/"))).id
    page = settled(listings, ReadListing(id=name, first=2_499, to_end=True))
    while not page.settled:
        page = settled(listings, ReadListing(id=name, first=2_499, to_end=True))
    page = listings.read(ReadListing(id=name, first=2_499))
    assert names(page) == ["02499", "sub/"]
    assert any("pipe" in note for note in page.notes)
    listings.close_all()
    assert not (tmp_path / "listings").exists()


def test_listings_that_are_closed_or_unknown_are_refused_and_leave_no_file(opened: Any, tmp_path: Path) -> None:
    """Closing twice is nothing; too many open ones close the oldest; what a killed engine left is removed."""
    listings, name = opened(Store(files(10)))
    listings.close(CloseListing(id=name))
    listings.close(CloseListing(id=name))
    with pytest.raises(HaulierError) as refused:
        listings.read(ReadListing(id=name))
    assert refused.value.code is Code.NOT_FOUND
    first = listings.open(OpenListing(place=BUCKET)).id
    for _ in range(MOST_OPEN):
        listings.open(OpenListing(place=BUCKET))
    with pytest.raises(HaulierError, match="not open"):
        listings.read(ReadListing(id=first))
    assert len(list((tmp_path / "listings").glob("*.sqlite3"))) == MOST_OPEN
    Listings(tmp_path / "listings", lambda *_: None).begin()  # type: ignore[arg-type]
    assert not list((tmp_path / "listings").glob("*"))


def test_closing_in_the_middle_of_reading_ends_the_reading(opened: Any) -> None:
    """The thread ends and nothing is written any more."""
    slow = Store(files(100_000), fails=lambda _: time.sleep(0.01))
    listings, name = opened(slow)
    listings.read(ReadListing(id=name, to_end=True))
    listings.close(CloseListing(id=name))
    time.sleep(0.3)
    asked = len(slow.asked)
    time.sleep(0.2)
    assert len(slow.asked) == asked
    assert not [thread for thread in threading.enumerate() if thread.name == "listing"]
