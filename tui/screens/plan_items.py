"""The objects behind one row of a plan, all of them, by pages."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from core.messages import ListItems
from core.model import Action
from core.units import format_count
from tui.actions import bindings
from tui.paged_items import PAGE, PagedItems
from tui.screens.filtered import Filtered
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading
from tui.widgets.plan_tables import PlanItemTable
from tui.widgets.spans import Line

TITLES = {
    Action.COPY: ("To be copied", "lead"),
    Action.OVERWRITE: ("To be overwritten", "warn"),
    Action.DELETE: ("To be DELETED at the target", "bad"),
    Action.CANNOT: ("Cannot be moved", "warn"),
    Action.VERIFY: ("To be compared", "lead"),
}


class PlanItemsScreen(Filtered):
    NAME = "plan_items"
    BINDINGS = bindings("plan_items")

    def __init__(self, job_id: int, action: Action, count: int) -> None:
        super().__init__()
        self._job = job_id
        self._action = action
        self._count = count
        self._items = PagedItems(self._want_page)
        self._wanted: set[int] = set()

    def body(self) -> ComposeResult:
        yield Heading(TITLES[self._action])
        yield PlanItemTable()
        yield FilterBar()

    @property
    def table(self) -> PlanItemTable:
        return self.query_one(PlanItemTable)

    def on_mount(self) -> None:
        self.say_where(f"job {self._job}  ›  plan  ›  {self._action}")
        self.query_one(Heading).say(state=[(f"{format_count(self._count)} objects", "quiet")])
        self.table.focus()
        self.show_rows()

    def show_rows(self) -> None:
        self._items = PagedItems(self._want_page)
        self._wanted.clear()
        none: Sequence[Line] = ((), (("  Nothing matches.", "quiet"),))
        self.table.message = nothing_fits() if self.filter_text and self._count else none
        self.table.show(self._items)
        self.table.refresh()

    def _want_page(self, number: int) -> None:
        if number not in self._wanted and self.haulier.client is not None:
            self._wanted.add(number)
            self.run_worker(self._fetch(self._items, number), group="items", exit_on_error=False)

    async def _fetch(self, items: PagedItems, number: int) -> None:
        text = self.filter_text
        page = await self.haulier.ask(
            ListItems(
                job=self._job, action=self._action, contains=text, cursor=items.cursor_of(number), limit=PAGE
            )
        )
        if items is not self._items or page is None or not self.is_mounted:
            return
        self._wanted.discard(number)
        items.put(number, page)
        self.table.rows_grew()
