"""What a plan amounts to, counted while it is made."""

from __future__ import annotations

from collections.abc import Sequence

from core.model import UNSIZED, Action, Entry, Tally

_MOVED = (Action.COPY, Action.OVERWRITE, Action.VERIFY)


class Counting:
    """Count and bytes, growing. `unsized` of the count have a size that nobody knows yet."""

    def __init__(self) -> None:
        self.count = self.bytes = self.unsized = 0

    def add(self, size: int) -> None:
        self.count += 1
        if size == UNSIZED:
            self.unsized += 1
        else:
            self.bytes += size

    def add_page(self, page: Sequence[Entry]) -> None:
        """As `add`, of every entry."""
        sizes = [entry.size for entry in page]
        unsized = sizes.count(UNSIZED)
        self.count += len(sizes)
        self.unsized += unsized
        self.bytes += sum(sizes) - unsized * UNSIZED

    def tally(self) -> Tally:
        return Tally(count=self.count, bytes=self.bytes)


class Running:
    """What the plan has found so far; read by the ticker while the planner writes."""

    def __init__(self) -> None:
        self.listed = 0
        self.by_action: dict[Action, Counting] = {action: Counting() for action in Action}
        self.skip = Counting()

    @property
    def to_move(self) -> tuple[int, int]:
        """Items and bytes that will have to be carried out, without deletions."""
        return sum(c.count for c in self._moving), sum(c.bytes for c in self._moving)

    @property
    def unsized(self) -> int:
        """Of the items to move, those of unknown size."""
        return sum(c.unsized for c in self._moving)

    @property
    def _moving(self) -> list[Counting]:
        return [self.by_action[a] for a in (Action.COPY, Action.OVERWRITE, Action.VERIFY, Action.CANNOT)]


class PairCount:
    """The same of one pair, and all that its target holds."""

    def __init__(self) -> None:
        self.actions: dict[Action, Counting] = {action: Counting() for action in Action}
        self.skip = Counting()
        self.target = Counting()
        self.reach = Counting()  # of the target, what the filters let in
        self.source = 0

    @property
    def unsized(self) -> int:
        """Of the items to move, those of unknown size."""
        return sum(self.actions[action].unsized for action in _MOVED)
