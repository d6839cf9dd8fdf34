"""Which of the numbered names are marked: dots and the selection box are two writings of one set.

Nothing of the screen is here. Positions count from 0 in the order of `names`; the box counts from 1, as the
rows are numbered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from core.selection import BadToken, parse, write


class Marks:
    """The marked names. Whatever way a change comes in, `chosen` and `box` say the same afterwards."""

    def __init__(self, names: Sequence[str], changed: Callable[[], None]) -> None:
        self._names = tuple(names)
        self._chosen: frozenset[int] = frozenset()
        self._box = ""
        self._bad: tuple[BadToken, ...] = ()
        self._typed = False
        self._changed = changed

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    @property
    def chosen(self) -> frozenset[int]:
        return self._chosen

    @property
    def box(self) -> str:
        """What the selection box says: as typed, or as rewritten after a mark changed."""
        return self._box

    @property
    def bad(self) -> tuple[BadToken, ...]:
        """Words of the box that mean nothing here; the others hold."""
        return self._bad

    @property
    def is_typed(self) -> bool:
        """Whether the box says what a person typed: `all` or `*.json` then mean names that come later, too."""
        return self._typed and bool(self._box.strip())

    @property
    def chosen_names(self) -> tuple[str, ...]:
        return tuple(self._names[position] for position in sorted(self._chosen))

    def type(self, box: str) -> None:
        """The box was typed into: the marks follow, the text stays as it is."""
        selection = parse(box, self._names)
        self._box = box
        self._typed = True
        self._bad = selection.bad
        self._chosen = frozenset(selection.chosen)
        self._changed()

    def set(self, chosen: Iterable[int]) -> None:
        """The marks were changed: the box is rewritten."""
        wanted = frozenset(chosen)
        if wanted == self._chosen and not self._bad:
            return
        self._chosen = wanted
        self._typed = False
        self._bad = ()
        self._box = write(wanted, self._names) if wanted else ""
        self._changed()

    def toggle(self, position: int) -> None:
        self.set(self._chosen ^ {position})

    def add(self, positions: Collection[int]) -> None:
        self.set(self._chosen | frozenset(positions))

    def invert(self, positions: Collection[int]) -> None:
        """Exchange marked and unmarked among `positions` only."""
        self.set(self._chosen ^ frozenset(positions))

    def toggle_all(self, positions: Collection[int]) -> None:
        """Mark all `positions`, or unmark them when all are marked already."""
        among = frozenset(positions)
        self.set(self._chosen - among if among <= self._chosen else self._chosen | among)

    def rename(self, names: Sequence[str]) -> None:
        """The list was read again: marks stay with their names, whatever their number is now."""
        kept = set(self.chosen_names)
        self._names = tuple(names)
        self._typed = False
        self._bad = ()
        self._chosen = frozenset(at for at, name in enumerate(self._names) if name in kept)
        self._box = write(self._chosen, self._names) if self._chosen else ""
        self._changed()

    def grow(self, names: Sequence[str]) -> None:
        """The same list with more names at its end: dots stay where they are, a typed box means them too."""
        self._names = tuple(names)
        if self.is_typed:
            self.type(self._box)
        else:
            self._box = write(self._chosen, self._names) if self._chosen else ""
            self._changed()
