"""One folder of the tree that somebody looks around in: its listing in the engine, its rows here, its marks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import Code, HaulierError
from core.listings import ListingPage, ReadListing, RowOrder, RowsSummed
from core.model import Place
from core.positions import Positions
from tui.folder_names import FolderNames
from tui.listing_rows import PAGE, ListingRows
from tui.marks import Marks

_NUMBERS = re.compile(r"[\d\s,-]*")
NEAR = 300  # rows before the end of what is listed at which more is read


@dataclass
class Level:
    """`path` is below the root and ends in "/", or is empty. `number` is its row in the folder above."""

    path: str
    place: Place
    other: Place | None
    number: int
    marks_changed: Callable[[], None]
    id: str = ""  # of the open listing
    names: FolderNames = field(default_factory=FolderNames)
    rows: ListingRows = field(default_factory=ListingRows)
    begun: bool = False
    complete: bool = False
    reading: bool = True  # the engine goes on by itself
    to_end: bool = False  # the whole folder was asked for
    row: int = 0  # where the cursor was
    trouble: HaulierError | None = None
    notes: tuple[str, ...] = ()
    again: tuple[str, ...] = ()  # names that were marked before the list was read anew
    sum: RowsSummed | None = None  # of the marks in `summed`
    summed: Positions | None = None
    retry: bool = False  # after trouble: go on where it struck
    turn: int = 0  # rises when the listing is forgotten: answers of before mean other rows

    def __post_init__(self) -> None:
        self.marks = Marks(self.names, self.marks_changed)

    @property
    def listed(self) -> int:
        return self.names.listed

    @property
    def fresh_sum(self) -> RowsSummed | None:
        """What the marks amount to, None while that is not known."""
        return self.sum if self.summed == self.marks.chosen else None

    def question(self, top: int, height: int, cursor: int) -> ReadListing | None:
        """What to ask next for rows from `top` on in sight, or None when all that is wanted is here."""
        in_sight = range(top // PAGE, (top + height) // PAGE + 1)
        number = next((page for page in in_sight if page in self.rows.missing), None)
        if number is None and self.rows.missing:
            self.rows.missing.clear()  # pages that were passed by
        if number is None and not self.rows.settled:
            if self.wants_all or self.reading or self.retry or not self.begun:
                number = in_sight[0]
            elif cursor + NEAR >= len(self.rows) or top + height >= len(self.rows):
                number = len(self.rows) // PAGE
        if number is None:
            return None
        return ReadListing(
            id=self.id, order=self.rows.order, first=number * PAGE, count=PAGE, to_end=self.wants_all,
            again=self.retry,
        )  # fmt: skip

    @property
    def wants_all(self) -> bool:
        """Whether the folder is to be read to its end."""
        return self.to_end or bool(self.again) or self.needs_names or not self.rows.order.is_listed

    @property
    def needs_names(self) -> bool:
        """Whether what was typed may mean what is not listed yet."""
        marks = self.marks
        return marks.is_typed and bool(marks.bad or _NUMBERS.fullmatch(marks.box) is None)

    def take(self, asked: ReadListing, page: ListingPage) -> bool:
        """Take an answer in; whether it changes what is shown."""
        self.retry = False
        if asked.order != self.rows.order or asked.id != self.id:
            return False
        before = (self.listed, self.complete, len(self.rows), self.trouble, self.rows.settled, self.begun)
        number = asked.first // PAGE
        had = [self.rows[at] for at in self._of(number)] if number not in self.rows.missing else []
        self.names.listed, self.complete, self.reading = page.listed, page.complete, page.reading
        self.rows.put(number, page)
        self.begun = self.begun or bool(page.listed) or page.complete
        self.trouble = HaulierError(Code.BLOCKED, page.trouble, page.hint) if page.trouble else None
        self.notes = page.notes
        now = (self.listed, self.complete, len(self.rows), self.trouble, self.rows.settled, self.begun)
        return before != now or had != [self.rows[at] for at in self._of(number)]

    def _of(self, number: int) -> range:
        return range(number * PAGE, min(len(self.rows), (number + 1) * PAGE))

    def show_in(self, order: RowOrder) -> None:
        """Another order from now on."""
        if order != self.rows.order:
            self.rows = ListingRows(order)

    @property
    def is_pending(self) -> bool:
        """Whether it is not known yet what is marked: names to be marked again, or words to be looked up."""
        if self.again:
            return True
        return self.needs_names and (not self.complete or bool(self.names.missing(self.marks.box)))

    def forget(self) -> str:
        """The listing is gone, or is to be read anew. Its id, "" for none."""
        order, old = self.rows.order, self.id
        self.turn += 1
        self.id, self.begun, self.complete, self.trouble = "", False, False, None
        self.reading = True
        self.names = FolderNames()
        self.rows = ListingRows(order)
        self.marks = Marks(self.names, self.marks_changed)
        self.sum = self.summed = None
        self.notes = ()
        return old
