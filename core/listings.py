"""Looking at folders of any size: a listing is opened, looked at from anywhere, and closed.

The engine reads a folder, or two side by side, page by page into a file of its own, no further than somebody
looks, filters, sorts or marks. Rows are numbered from 0 in the order in which they were listed; a number stays
with its row as long as the listing is open. Marks of a million rows travel as bits (`core.positions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from core.command import Command, Done
from core.model import Adhoc, Entry, Place, Value

Sort = Literal["name", "size", "modified"]
Difference = Literal["", "same", "size", "older", "content", "source", "target"]
"""How the two sides of a row compare, as far as listings tell: "" for one side alone and for folders on both;
another size; the target is older than the source; another digest; only at the source; only at the target."""


class RowOrder(Value, frozen=True, kw_only=True):
    """Which rows are shown, and in which order. The order "name" is that of the listing."""

    sort: Sort = "name"
    descending: bool = False
    wanted: str = ""  # a piece of the name, in any case of its letters
    different: bool = False  # of two sides: only rows that are not the same

    @property
    def is_listed(self) -> bool:
        """Whether it is the order of the listing itself, with every row."""
        return self == RowOrder()


class OpenListing(Command["Opened"], frozen=True, kw_only=True, tag="open_listing"):
    """List one folder, or with `other` two of them side by side. Nothing is read before rows are asked for."""

    place: Place
    other: Place | None = None
    adhoc: Adhoc = None


class ReadListing(Command["ListingPage"], frozen=True, kw_only=True, tag="read_listing"):
    """Rows `first` and on in that order. Answered soon with what is known, perhaps less: the listing goes on
    meanwhile as far as is needed, with `to_end` to its end. `again`: after trouble, go on where it struck."""

    id: str
    order: RowOrder = RowOrder()
    first: int = 0
    count: int = 200
    to_end: bool = False
    again: bool = False


class RangeOfListing(Command["RowsFound"], frozen=True, kw_only=True, tag="range_of_listing"):
    """Which rows stand from `first` to `last`, both included, in that order."""

    id: str
    order: RowOrder
    first: int
    last: int


class FindInListing(Command["RowsFound"], frozen=True, kw_only=True, tag="find_in_listing"):
    """Which rows from `after` on these words of a selection box mean: globs, or names."""

    id: str
    words: tuple[str, ...]
    is_glob: bool
    after: int = 0


class SumOfListing(Command["RowsSummed"], frozen=True, kw_only=True, tag="sum_of_listing"):
    """What these rows amount to. `include` and `exclude` leave files out, `below` is the path of the listed
    folder that they are read against. With `names`, at most so many names are told."""

    id: str
    rows: bytes
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    below: str = ""
    names: int = 0


class CloseListing(Command[Done], frozen=True, kw_only=True, tag="close_listing"):
    """It is not looked at any more. Unknown ones are closed already."""

    id: str


class LookAtObject(Command["ObjectDetails"], frozen=True, kw_only=True, tag="look_at_object"):
    """All that is told of one object or file."""

    place: Place
    adhoc: Adhoc = None


class Opened(Value, frozen=True, kw_only=True):
    id: str


class ListingRow(Value, frozen=True, kw_only=True):
    """A row. Of two sides `entry` is the source's, `other` the target's; either may be missing."""

    number: int
    name: str
    entry: Entry | None = None
    other: Entry | None = None
    difference: Difference = ""

    @property
    def is_folder(self) -> bool:
        return any(one is not None and one.is_folder for one in (self.entry, self.other))


class ListingPage(Value, frozen=True, kw_only=True):
    """`passing`: rows that are known to pass the order's filter. `complete`: the folder is read to its end.
    `settled`: `passing` and the order are final. `reading`: the engine is reading on. `trouble` and `hint`: why
    the listing stopped."""

    rows: tuple[ListingRow, ...]
    passing: int
    listed: int
    complete: bool
    settled: bool
    reading: bool = False
    trouble: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()  # what is there and could not be offered


class RowsFound(Value, frozen=True, kw_only=True):
    """`rows` as `Positions.to_bytes` writes them. `listed`: how many rows were looked through."""

    rows: bytes
    listed: int


class RowsSummed(Value, frozen=True, kw_only=True):
    """`bytes` of those `files` whose size is known. `folders` are counted, not looked into; `folder_names` are
    the first of them. `names` is None where there are more than were wanted; so is `others`, the rows that are
    not among them, and where the folder is not read to its end."""

    files: int
    bytes: int
    unsized: int
    folders: int
    folder_names: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    others: tuple[str, ...] | None = None


class ObjectVersion(Value, frozen=True, kw_only=True):
    """`is_marker`: a deletion."""

    version_id: str
    modified: float
    size: int = 0
    etag: str = ""
    storage_class: str = ""
    is_latest: bool = False
    is_marker: bool = False


class ObjectDetails(Value, frozen=True, kw_only=True):
    """Names are those of the service's own answers. `facts` are what only this kind of store tells (mode,
    commit). `untold` says what could not be learnt, and why."""

    place: Place
    size: int
    modified: float = 0.0
    etag: str = ""
    storage_class: str = ""
    version_id: str = ""
    part_size: int = 0
    headers: Mapping[str, str] = {}
    user: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    checksums: Mapping[str, str] = {}
    facts: Mapping[str, str] = {}
    versions: tuple[ObjectVersion, ...] = ()
    more_versions: bool = False
    untold: tuple[str, ...] = ()
