"""What all screens share whose list can be filtered."""

from __future__ import annotations

from textual.widget import Widget

from tui.screens.frame import HaulierScreen
from tui.widgets.filter_bar import FilterBar


class Filtered(HaulierScreen):
    """A subclass yields its `table` and a `FilterBar`, and shows the rows that pass in `show_rows`."""

    @property
    def table(self) -> Widget:
        """The list. It gets the focus back from the filter."""
        raise NotImplementedError

    def show_rows(self) -> None:
        """The filter changed: show the rows that pass it."""
        raise NotImplementedError

    @property
    def filter_text(self) -> str:
        """What stands in the filter."""
        return self.query_one(FilterBar).text

    @property
    def wanted(self) -> str:
        """The same, for a comparison without case."""
        return self.filter_text.casefold()

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    def on_filter_bar_changed(self) -> None:
        self.show_rows()

    def on_filter_bar_closed(self) -> None:
        self.table.focus()
