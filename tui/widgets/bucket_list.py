"""The numbered rows of the bucket picker: a dot, a number, a name, and what is known of its size."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from core.model import BucketInfo, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count, short_count
from tui.widgets.spans import Line
from tui.widgets.table import GAP, Column, LineTable

DOT_WIDTH = 1
COUNT_WIDTH = 10


@dataclass(frozen=True)
class Measurement:
    """What is known of a bucket's content."""

    total: Tally = field(default_factory=Tally)
    complete: bool = False
    trouble: str = ""  # why it could not be counted, in a word or two

    @property
    def known(self) -> bool:
        """Whether there is a number to show, if only a lower bound."""
        return not self.trouble and (self.complete or self.total.count > 0)


class BucketList(LineTable[int]):
    """Rows are positions in the whole list of buckets; a filter leaves some of them out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "screen.look_inside", "look inside", key_display="→")
    ]

    COLUMNS = (
        Column("dot", "", DOT_WIDTH),
        Column("number", "#", 4, right=True),
        Column("name", "bucket", 14, grow=1),
        Column("bytes", "bytes", 10, right=True),
        Column("count", "objects", COUNT_WIDTH, right=True),
        Column("created", "created", 10, from_width=66),
        Column("region", "region", 14, from_width=76),
    )

    class DotClicked(Message):
        """A click on the dot: the mouse's way of marking."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._buckets: Sequence[BucketInfo] = ()
        self._chosen: frozenset[int] = frozenset()
        self._measured: Mapping[str, Measurement] = {}
        self._counting: frozenset[str] = frozenset()

    def show_buckets(self, buckets: Sequence[BucketInfo], shown: Sequence[int]) -> None:
        """These buckets from now on, of which `shown` pass the filter."""
        self._buckets = buckets
        self.show(shown)
        self.refresh()

    def show_chosen(self, chosen: frozenset[int]) -> None:
        before, self._chosen = self._chosen, chosen
        changed = before ^ chosen
        for row in self.visible_rows:
            if self.rows[row] in changed:
                self.refresh_row(row)

    def show_measured(self, measured: Mapping[str, Measurement], counting: frozenset[str]) -> None:
        self._measured, self._counting = measured, counting
        self.refresh()

    @property
    def visible_rows(self) -> range:
        """Rows in sight now."""
        top = int(self.scroll_offset.y)
        return range(top, min(len(self.rows), top + max(0, self.size.height - 1)))

    def between(self, first: int, last: int) -> frozenset[int]:
        """The positions of the rows between two rows, both included, in either order."""
        low, high = sorted((first, last))
        return frozenset(self.rows[low : high + 1])

    def cells(self, row: int, widths: Mapping[str, int]) -> Mapping[str, Line]:
        bucket = self._buckets[row]
        marked = row in self._chosen
        cells: dict[str, Line] = {
            "dot": (("●", "key"),) if marked else (),
            "number": ((str(row + 1), "quiet"),),
            "name": ((safe_text(bucket.name, widths["name"]), "lead" if marked else ""),),
            "created": ((_date(bucket.created), "quiet"),),
            "region": ((safe_text(bucket.region, widths.get("region", 1)), "quiet"),),
        }
        return cells | self._amount(bucket.name)

    def _amount(self, name: str) -> dict[str, Line]:
        measured = self._measured.get(name)
        if measured is not None and measured.trouble:
            return {"bytes": ((safe_text(measured.trouble, 11), "warn"),)}
        if measured is None or not measured.known:
            return {"bytes": (("counting…" if name in self._counting else "·", "quiet"),)}
        more = "" if measured.complete else "≥ "
        return {
            "bytes": ((more + format_bytes(measured.total.bytes), ""),),
            "count": ((_fitting(more, measured.total.count), "quiet"),),
        }

    def on_click(self, event: events.Click) -> None:
        row = int(self.scroll_offset.y) + event.y - 1
        if event.y >= 1 and row < len(self.rows) and event.x <= DOT_WIDTH + GAP:
            self.post_message(self.DotClicked(self.rows[row]))


def _fitting(more: str, count: int) -> str:
    whole = more + format_count(count)
    return whole if len(whole) <= COUNT_WIDTH else more + short_count(count)


def _date(created: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(created)) if created else ""
