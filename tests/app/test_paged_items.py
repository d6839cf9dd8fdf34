"""Items by pages: only pages that are looked at are fetched, and few are kept."""

from __future__ import annotations

from core.messages import ItemPage, ItemWindow
from core.model import Action, ItemView
from tui.paged_items import KEPT_PAGES, PAGE, ItemRows, PagedItems


class Server:
    """Pages of 10 out of `total` items, with the cursor the client must give back."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.fetched: list[int] = []
        self.items = PagedItems(self.fetch)

    def fetch(self, number: int) -> None:
        self.fetched.append(number)
        start = int(self.items.cursor_of(number) or 0)
        end = min(self.total, start + 10)
        page = tuple(
            ItemView(id=i, filename=f"f{i}", url="u", target="t", action=Action.COPY, expected_size=1)
            for i in range(start, end)
        )
        self.items.put(number, ItemPage(items=page, cursor=str(end) if end < self.total else ""))


def test_pages_come_as_they_are_looked_at() -> None:
    """Looking at an item fetches its page; the list grows by one page at a time and then is complete."""
    server = Server(35)
    items = server.items
    assert len(items) == 1
    assert items[0] is None
    first = items[0]
    assert first is not None
    assert first.id == 0
    assert len(items) == 11
    position = 0
    while position < len(items):
        item = items[position] or items[position]
        if item is not None:
            assert item.id == position
        position += 1
    assert items.complete
    assert len(items) == 35
    assert server.fetched == [0, 1, 2, 3]


def test_memory_is_bounded_and_dropped_pages_come_back() -> None:
    """However far one scrolls, few pages are kept; going back fetches a dropped one by its cursor."""
    server = Server(10 * (KEPT_PAGES + 20))
    items = server.items
    position = 0
    while position < len(items):
        if items[position] is not None:
            position += 10
    assert len(items._pages) <= KEPT_PAGES
    before = len(server.fetched)
    assert items[3] is None
    assert len(server.fetched) == before + 1
    item = items[3]
    assert item is not None
    assert item.id == 3


def test_an_empty_list_is_complete() -> None:
    """No items: one fetch, then nothing to show."""
    server = Server(0)
    assert server.items[0] is None
    assert len(server.items) == 0
    assert server.items.complete


def test_pages_in_sight() -> None:
    """Only pages between the first and the last line in sight are fetched again while a job moves."""
    server = Server(100)
    for position in range(0, 60, 10):
        _ = server.items[position], server.items[position]
    assert server.items.pages_between(15, 34) == [1, 2, 3]
    assert server.items.pages_between(0, 9) == [0]


class Windows:
    """Windows of `total` items, given when they are wanted."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.version = 1
        self.fetched: list[int] = []
        self.rows = ItemRows(self.fetch)
        self.rows.put([self.window(0)])

    def window(self, number: int) -> ItemWindow:
        first = number * PAGE
        items = tuple(
            ItemView(id=i, filename=f"f{i}", url="u", target="t", action=Action.COPY, expected_size=1)
            for i in range(first, min(self.total, first + PAGE))
        )
        return ItemWindow(items=items, first=first, total=self.total, version=self.version)

    def fetch(self, number: int) -> None:
        self.fetched.append(number)
        self.rows.put([self.window(number)])


def test_any_place_is_one_window_away() -> None:
    """Of a million items the last, the middle and the first cost a window each, and few are kept."""
    windows = Windows(1_000_000)
    rows = windows.rows
    assert len(rows) == 1_000_000
    for place in (999_999, 500_000, 0):
        item = rows[place] or rows[place]
        assert item is not None
        assert item.id == place
    assert windows.fetched == [4999, 2500]
    for place in range(0, 1_000_000, 10_000):
        _ = rows[place]
    assert len(rows._pages) <= KEPT_PAGES


def test_rows_of_another_order_are_forgotten() -> None:
    """When the order was made anew, no row of the old one is shown at a place of the new one."""
    windows = Windows(1000)
    _ = windows.rows[500]
    windows.version = 2
    windows.rows.put([windows.window(0)])
    assert windows.rows.known(range(499, 501)) == [None, None]
    assert windows.rows.known(range(2)) == list(windows.window(0).items[:2])


def test_what_is_around_is_had_beforehand() -> None:
    """Only pages that are not here are asked for."""
    windows = Windows(1000)
    windows.rows.have(range(150, 450))
    assert windows.fetched == [1, 2]
    windows.rows.have(range(150, 450))
    assert windows.fetched == [1, 2]
