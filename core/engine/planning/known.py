"""Names that an interrupted run of the same plan has written already: they are not written again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class KnownNames(Protocol):
    def has(self, route: int, name: str) -> bool:
        """Whether the journal has this item."""
        ...


class Known:
    """Items that the journal has already, asked for in the order of the plan."""

    def __init__(self, items: Iterator[tuple[int, str]]) -> None:
        self._items = items
        self._next = next(items, None)

    def has(self, route: int, name: str) -> bool:
        """Names must be asked for in rising order within a route."""
        while self._next is not None and self._next < (route, name):
            self._next = next(self._items, None)
        return self._next == (route, name)
