"""Names that an interrupted run of the same plan has written already: they are not written again."""

from __future__ import annotations

from collections.abc import Iterator


class Known:
    """Items that the journal has already, asked for in the order of the plan."""

    def __init__(self, items: Iterator[tuple[int, str]]) -> None:
        self._items = items
        self._next = next(items, None)

    def has(self, route: int, name: str) -> bool:
        """Whether the journal has this item. Names must be asked for in rising order within a route."""
        while self._next is not None and self._next < (route, name):
            self._next = next(self._items, None)
        return self._next == (route, name)


class KnownByName:
    """The same, asked for in any order."""

    def __init__(self, items: set[tuple[int, str]]) -> None:
        self._items = items

    def has(self, route: int, name: str) -> bool:
        return (route, name) in self._items
