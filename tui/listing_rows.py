"""The rows of an open listing as a sequence: only the pages that somebody looks at are here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import overload

from core.listings import ListingPage, ListingRow, RowOrder

PAGE = 200
KEPT_PAGES = 30


class ListingRows(Sequence["ListingRow | None"]):
    """A row whose page is not here reads as None, and its page is noted in `missing`."""

    def __init__(self, order: RowOrder | None = None) -> None:
        self.order = order or RowOrder()
        self.missing: set[int] = set()
        self.passing = 0
        self.settled = False
        self._pages: OrderedDict[int, tuple[ListingRow, ...]] = OrderedDict()

    def __len__(self) -> int:
        return self.passing

    @overload
    def __getitem__(self, index: int) -> ListingRow | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ListingRow | None]: ...
    def __getitem__(self, index: int | slice) -> ListingRow | Sequence[ListingRow | None] | None:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, offset = divmod(index, PAGE)
        rows = self._pages.get(number, ())
        if offset < len(rows):
            self._pages.move_to_end(number)
            return rows[offset]
        self.missing.add(number)
        return None

    def put(self, number: int, page: ListingPage) -> None:
        """Take page `number`."""
        self.missing.discard(number)
        grew = page.passing != self.passing
        if grew and (self.order.sort != "name" or self.order.descending):
            self._pages.clear()  # a row may stand elsewhere now
        self.passing, self.settled = page.passing, page.settled
        self._pages[number] = page.rows
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)

    def here(self) -> list[ListingRow]:
        """The rows that are here."""
        return [row for rows in self._pages.values() for row in rows]
