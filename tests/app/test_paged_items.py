"""Items by pages: only pages that are looked at are fetched, and few are kept."""

from __future__ import annotations

from core.messages import ItemPage
from core.model import Action, ItemView
from tui.paged_items import KEPT_PAGES, PagedItems


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
