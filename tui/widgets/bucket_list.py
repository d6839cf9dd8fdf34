"""The numbered rows of the bucket picker: a dot, a number, a name, and what is known of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.model import BucketInfo
from core.safe_text import safe_text
from tui.widgets.amounts import BYTES_WIDTH, COUNT_WIDTH, amount_cells
from tui.widgets.dates import date_words
from tui.widgets.numbered_list import DOT_WIDTH, NumberedList
from tui.widgets.spans import Line
from tui.widgets.table import Column


class BucketList(NumberedList):
    """Rows are positions in the whole list of buckets."""

    COLUMNS = (
        Column("dot", "", DOT_WIDTH),
        Column("number", "#", 4, right=True),
        Column("name", "bucket", 14, grow=1),
        Column("bytes", "bytes", BYTES_WIDTH, right=True),
        Column("count", "objects", COUNT_WIDTH, right=True),
        Column("created", "created", 10, from_width=66),
        Column("region", "region", 14, from_width=76),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._buckets: Sequence[BucketInfo] = ()

    def show_buckets(self, buckets: Sequence[BucketInfo], shown: Sequence[int]) -> None:
        """These buckets from now on, of which `shown` pass the filter."""
        self._buckets = buckets
        self.show(shown)
        self.refresh()

    def cells(self, row: int, widths: Mapping[str, int]) -> Mapping[str, Line]:
        bucket = self._buckets[row]
        cells: dict[str, Line] = {
            **self.mark_cells(row),
            "name": ((safe_text(bucket.name, widths["name"]), "lead" if self.is_marked(row) else ""),),
            "created": ((date_words(bucket.created), "quiet"),),
            "region": ((safe_text(bucket.region, widths.get("region", 1)), "quiet"),),
        }
        return cells | amount_cells(self._measured.get(bucket.name), bucket.name in self._counting)
