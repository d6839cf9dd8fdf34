"""Which of the numbered names are marked: dots and the selection box are two writings of one set.

Nothing of the screen is here. Positions count from 0 in the order of `names`; the box counts from 1, as the
rows are numbered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from core.positions import NOWHERE, Positions
from core.selection import BadToken, ListedNames, Names, parse, write

MOST_RUNS = 1000  # ranges that are written into the box
FEW = 16  # rows that are written behind what a person typed, instead of writing everything anew


class Marks:
    """The marked rows. Whatever way a change comes in, `chosen` and `box` say the same afterwards; only marks
    in too many ranges to write leave the box empty (`is_unwritten`)."""

    def __init__(self, names: Names | Sequence[str], changed: Callable[[], None]) -> None:
        self._names: Names = _names(names)
        self._chosen = NOWHERE
        self._box = ""
        self._bad: tuple[BadToken, ...] = ()
        self._typed = False
        self._changed = changed

    @property
    def names(self) -> Names:
        return self._names

    @property
    def chosen(self) -> Positions:
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
    def is_unwritten(self) -> bool:
        """Whether there are marks of which the box says nothing."""
        return bool(self._chosen) and not self._box

    def type(self, box: str) -> None:
        """The box was typed into: the marks follow, the text stays as it is."""
        selection = parse(box, self._names)
        self._box = box
        self._typed = True
        self._bad = selection.bad
        self._chosen = selection.chosen
        self._changed()

    def read_again(self) -> None:
        """More names are there, or more is known of them: a typed box means them too."""
        if self.is_typed:
            self.type(self._box)

    def set(self, chosen: Iterable[int]) -> None:
        """The marks were changed: the box is rewritten."""
        wanted = Positions(chosen)
        if wanted == self._chosen and not self._bad:
            return
        self._box = self._written(wanted)
        self._chosen = wanted
        self._typed = False
        self._bad = ()
        self._changed()

    def toggle(self, position: int) -> None:
        self.set(self._chosen ^ Positions((position,)))

    def add(self, positions: AbstractSet[int]) -> None:
        self.set(self._chosen | positions)

    def invert(self, positions: Iterable[int]) -> None:
        """Exchange marked and unmarked among `positions` only."""
        self.set(self._chosen ^ Positions(positions))

    def toggle_all(self, positions: Iterable[int]) -> None:
        """Mark all `positions`, or unmark them when all are marked already."""
        among = Positions(positions)
        self.set(self._chosen - among if among <= self._chosen else self._chosen | among)

    def _written(self, wanted: Positions) -> str:
        if not wanted:
            return ""
        if sum(1 for _ in zip(range(MOST_RUNS + 1), wanted.runs(), strict=False)) <= MOST_RUNS:
            return write(wanted, self._names)
        # What was typed stays, with the rows that changed behind it: `*.json ^17` is better read than numbers.
        changed = wanted ^ self._chosen
        if self._box and not self._bad and len(changed) <= FEW:
            box = " ".join([self._box, *(f"{'' if at in wanted else '^'}{at + 1}" for at in changed)])
            if parse(box, self._names).chosen == wanted:
                return box
        return ""


class NamedMarks(Marks):
    """Marks of names that are all here; they stay with their names when the list is read again."""

    def __init__(self, names: Sequence[str], changed: Callable[[], None]) -> None:
        super().__init__(names, changed)
        self.listed = tuple(names)

    @property
    def chosen_names(self) -> tuple[str, ...]:
        return tuple(self.listed[position] for position in self._chosen)

    def rename(self, names: Sequence[str]) -> None:
        """The list was read again: marks stay with their names, whatever their number is now."""
        kept = set(self.chosen_names)
        self.listed = tuple(names)
        self._names = ListedNames(self.listed)
        self._typed = False
        self._bad = ()
        self._chosen = Positions(at for at, name in enumerate(self.listed) if name in kept)
        self._box = write(self._chosen, self._names) if self._chosen else ""
        self._changed()


def _names(names: Names | Sequence[str]) -> Names:
    return ListedNames(names) if isinstance(names, Sequence) else names
