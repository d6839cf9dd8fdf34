"""A listing that is sorted on disk, over several tries."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.engine.planning.sorting import SortedListing
from core.errors import DiskTrouble
from core.model import Entry


class Lister:
    """Gives its pages, and what cannot be along with the first one; fails behind the `fails`-th."""

    def __init__(self, pages: list[list[str]], fails: int = -1) -> None:
        self._pages, self._fails = pages, fails
        self._told: list[tuple[str, str]] = []
        self.began_at: list[str] = []
        self.state = ""

    def pages_after(self, key: str) -> Iterator[list[Entry]]:
        self.began_at.append(key)
        rest = self._pages[int(self.state or 0) :] if key else self._pages
        for at, page in enumerate(rest, len(self._pages) - len(rest)):
            if at == self._fails:
                raise ConnectionError
            if at == 0:
                self._told.append(("a//b", "is no path"))
            self.state = str(at + 1)
            yield [Entry(key=key) for key in page]

    def take_unlistable(self) -> list[tuple[str, str]]:
        taken, self._told = self._told, []
        return taken


class Resumable(Lister):
    def going_on(self) -> str:
        return self.state

    def go_on(self, state: str) -> None:
        self.state = state


class Noting(Lister):
    """With something to say at its end, once."""

    notes: Sequence[str] = ("3 blank lines", "1 id is named twice: b")

    def take_notes(self) -> Sequence[str]:
        said, self.notes = self.notes, []
        return said


def test_what_is_to_be_said_outlives_a_restart(tmp_path: Path) -> None:
    """The listing is complete and the plan is not: the next engine lists nothing again, and still says it."""
    path = tmp_path / "listing.sqlite3"
    source: Any = Noting([["b", "a"], ["c"]])
    with closing(SortedListing(path, "x")) as listing:
        listing.fill(source, source.pages_after)
        assert listing.notes == ["3 blank lines", "1 id is named twice: b"]
    with closing(SortedListing(path, "x")) as listing:
        assert listing.complete
        assert listing.notes == ["3 blank lines", "1 id is named twice: b"]
    with closing(SortedListing(path, "another list")) as listing:
        assert listing.notes == []


@pytest.mark.parametrize("kind", [Lister, Resumable])
def test_what_cannot_be_is_told_by_every_try(tmp_path: Path, kind: type[Lister]) -> None:
    """Broken off behind the page that named it, gone on with, and read once more when it is complete."""
    path, pages = tmp_path / "listing.sqlite3", [["b", "a"], ["c"]]
    source: Any = kind(pages, fails=1)
    with closing(SortedListing(path, "x")) as listing, pytest.raises(ConnectionError):
        listing.fill(source, source.pages_after)
    source = kind(pages)
    with closing(SortedListing(path, "x")) as listing:
        listing.fill(source, source.pages_after)
        assert source.began_at == (["a"] if kind is Resumable else [""])
        assert listing.told == [("a//b", "is no path")]
    with closing(SortedListing(path, "x")) as listing:
        assert listing.complete
        assert listing.told == [("a//b", "is no path")]
        assert [entry.key for page in listing.pages() for entry in page] == ["a", "b", "c"]
    with closing(SortedListing(path, "y")) as listing:
        assert not listing.told


def test_no_room_for_it_is_trouble_of_the_disk(tmp_path: Path) -> None:
    """The job waits for room instead of failing for good."""
    pages = [[f"{page:04}/{number:08}" * 20 for number in range(1000)] for page in range(20)]
    source: Any = Lister(pages)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(SortedListing(tmp_path / "listing.sqlite3", "x")) as listing:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            with pytest.raises(DiskTrouble, match="listing"):
                listing.fill(source, source.pages_after)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
