"""A long table as a sequence that fetches its pages only when somebody looks at them."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

from core.messages import ItemPage, ItemWindow
from core.model import ItemView

T = TypeVar("T")

KEPT_PAGES = 24  # of PAGE rows each
PAGE = 200


class PagedRows(Sequence["T | None"], Generic[T]):
    """Knows where each page starts and the cursor that fetches it; keeps the pages last looked at.

    `want` is called with the number of a page that is missing; whoever fetches it gives it to `put`.
    A row whose page is not here reads as None.
    """

    def __init__(self, want: Callable[[int], None]) -> None:
        self._want = want
        self._cursors: list[str] = [""]  # of page 0, 1, …
        self._starts: list[int] = [0]  # the same, and one more entry for each page that was seen
        self._pages: OrderedDict[int, tuple[T, ...]] = OrderedDict()
        self.matching = -1
        self.complete = False

    def __len__(self) -> int:
        return self._starts[-1] + (0 if self.complete else 1)

    @property
    def seen(self) -> int:
        """How many items are known for certain."""
        return self._starts[-1]

    def cursor_of(self, page: int) -> str:
        return self._cursors[page]

    @overload
    def __getitem__(self, index: int) -> T | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T | None]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T | None] | None:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        page = min(bisect_right(self._starts, index) - 1, len(self._cursors) - 1)
        items = self._pages.get(page)
        if items is None:
            self._want(page)
            return None
        self._pages.move_to_end(page)
        offset = index - self._starts[page]
        return items[offset] if offset < len(items) else None

    def put_rows(self, number: int, rows: Sequence[T], cursor: str, matching: int) -> None:
        """Take a fetched page. A page fetched again may be shorter or longer only if it is the last."""
        self._pages[number] = tuple(rows)
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        if matching >= 0:
            self.matching = matching
        is_last = number == len(self._cursors) - 1
        if is_last:
            end = self._starts[number] + len(rows)
            self._starts[number + 1 :] = [end]
            if cursor:
                self._cursors.append(cursor)
                self.complete = False
            else:
                self.complete = True

    def pages_between(self, first: int, last: int) -> list[int]:
        """The pages that hold the items from `first` to `last`."""
        most = len(self._cursors) - 1
        low = min(most, max(0, bisect_right(self._starts, max(0, first)) - 1))
        high = min(most, max(0, bisect_right(self._starts, max(0, last)) - 1))
        return list(range(low, high + 1))


class PagedItems(PagedRows[ItemView]):
    """A job's items."""

    def put(self, number: int, page: ItemPage) -> None:
        """Take a fetched page."""
        self.put_rows(number, page.items, page.cursor, page.matching)


class ItemRows(Sequence["ItemView | None"]):
    """A job's items in one order, by position: any place can be looked at, few pages are kept.

    `want` is called with the number of a page that is missing; whoever fetches the window of its `PAGE` rows
    gives it to `put`. A row whose page is not here reads as None.
    """

    def __init__(self, want: Callable[[int], None]) -> None:
        self._want = want
        self._pages: OrderedDict[int, tuple[ItemView, ...]] = OrderedDict()
        self.total = -1  # -1: only the first rows are known yet
        self.version = 0

    def __len__(self) -> int:
        return self.total if self.total >= 0 else len(self._pages.get(0, ()))

    @overload
    def __getitem__(self, index: int) -> ItemView | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ItemView | None]: ...
    def __getitem__(self, index: int | slice) -> ItemView | Sequence[ItemView | None] | None:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, offset = divmod(index, PAGE)
        page = self._pages.get(number)
        if page is None:
            self._want(number)
            return None
        self._pages.move_to_end(number)
        return page[offset] if offset < len(page) else None

    def have(self, positions: range) -> None:
        """Ask for what is missing of these positions."""
        for number in self.pages_between(positions.start, positions.stop - 1):
            if number not in self._pages:
                self._want(number)

    def known(self, positions: range) -> list[ItemView | None]:
        """The rows at these positions as far as they are here; asks for nothing."""
        found: list[ItemView | None] = []
        for index in positions:
            page = self._pages.get(index // PAGE, ())
            found.append(page[index % PAGE] if index % PAGE < len(page) else None)
        return found

    def put(self, windows: Sequence[ItemWindow]) -> None:
        """Take fetched windows, all of one version. Pages of another version are forgotten."""
        newest = windows[-1]
        if newest.version != self.version:
            self._pages.clear()
        self.version, self.total = newest.version, newest.total
        for window in windows:
            number = window.first // PAGE
            self._pages[number] = window.items
            self._pages.move_to_end(number)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)

    def pages_between(self, first: int, last: int) -> list[int]:
        """The pages that hold the rows from `first` to `last`, as far as there are rows."""
        most = max(0, len(self) - 1)
        return list(range(min(most, max(0, first)) // PAGE, min(most, max(0, last)) // PAGE + 1))
