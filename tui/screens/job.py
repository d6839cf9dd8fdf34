"""One job in full: summary, files with a filter, failed tries."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import ContentSwitcher

from core.messages import ListAttempts, ListItems, RetryJob
from core.model import ItemView, JobView, Status
from core.units import format_count
from tui import clock
from tui.actions import bindings
from tui.keys import key_of
from tui.paged_items import PAGE, PagedItems
from tui.screens.job_actions import JobActions
from tui.soon import instead, soon
from tui.state import MOVING, ViewState
from tui.widgets.filter_bar import FilterBar
from tui.widgets.item_table import AttemptTable, ItemTable
from tui.widgets.job_head import JobHead
from tui.widgets.job_summary import JobSummary
from tui.widgets.saying import Whole
from tui.widgets.spans import Span
from tui.widgets.tabs import TabLine

LOOK_AGAIN = 2.0  # seconds between looks at pages in sight while the job moves
STATUSES: tuple[Status | None, ...] = (
    None,
    Status.FAILED,
    Status.DOWNLOADING,
    Status.PENDING,
    Status.COMPLETED,
)
TABS = {"summary": "s summary", "items": "i items", "errors": "e errors"}


class JobScreen(JobActions):
    NAME: ClassVar[str] = "job"
    BINDINGS = bindings("job")

    def __init__(self, job_id: int, tab: str = "summary") -> None:
        super().__init__()
        self.job_id = job_id
        self._tab = tab
        self._status: Status | None = None
        self._items = PagedItems(self._want_page)
        self._wanted: set[int] = set()
        self._looked_at = 0.0

    def body(self) -> ComposeResult:
        yield JobHead(self.job_id)
        yield TabLine(TABS)
        with ContentSwitcher(initial=self._tab):
            with VerticalScroll(id="summary"):
                yield JobSummary(self.job_id)
            yield ItemTable(id="items")
            yield AttemptTable(id="errors")
        yield FilterBar()
        yield Whole(id="about")

    @property
    def job(self) -> JobView | None:
        return self.view.job(self.job_id)

    def on_mount(self) -> None:
        self.say_where("job")
        self._open_items()
        self._open_tab(self._tab)

    def view_changed(self, view: ViewState) -> None:
        self.query_one(JobHead).show(view)
        self.query_one(JobSummary).show(view)
        job = self.job
        if job is None:
            return
        self._say_tabs(job)
        if job.state in MOVING and clock.monotonic() - self._looked_at > LOOK_AGAIN and self.haulier.client:
            self._look_again()

    def _say_tabs(self, job: JobView) -> None:
        counts = self.view.counts(job)
        status = str(self._status) if self._status is not None else "all"
        notes: list[Span] = []
        if self._tab == "items":
            known = self._items.matching if self._items.matching >= 0 else self._items.seen
            more = "" if self._items.complete or self._items.matching >= 0 else "≥ "
            notes = [
                (key_of("next_status"), "key"),
                (" status ", "quiet"),
                (status, ""),
                (f"   {more}{format_count(known)} files ", "quiet"),
            ]
        self.query_one(TabLine).show(self._tab, {"errors": counts.files_failed}, notes)

    # -- tabs

    def _open_tab(self, tab: str) -> None:
        self._tab = tab
        self.query_one(ContentSwitcher).current = tab
        self.query_one(f"#{tab}").focus()
        if tab == "errors":
            instead(self, self._fetch_attempts, "attempts")
        if (job := self.job) is not None:
            self._say_tabs(job)
        self._say_about()

    def action_show_summary(self) -> None:
        self._open_tab("summary")

    def action_show_items(self) -> None:
        self._open_tab("items")

    def action_show_errors(self) -> None:
        self._open_tab("errors")

    # -- items by pages

    def _open_items(self) -> None:
        """Begin the list anew, under the filter as it is now."""
        self._items = PagedItems(self._want_page)
        self._wanted.clear()
        self.query_one(ItemTable).attach(self._items)

    def _want_page(self, number: int) -> None:
        if number not in self._wanted and self.haulier.client is not None:
            self._wanted.add(number)
            soon(self, partial(self._fetch_page, self._items, number), "items")

    async def _fetch_page(self, items: PagedItems, number: int) -> None:
        text = self.query_one(FilterBar).text
        page = await self.haulier.ask(
            ListItems(
                job=self.job_id, status=self._status, contains=text, cursor=items.cursor_of(number), limit=PAGE
            )
        )
        if items is not self._items:
            return  # the filter changed meanwhile
        self._wanted.discard(number)
        if page is None or not self.is_mounted:
            return
        before = len(items)
        items.put(number, page)
        table = self.query_one(ItemTable)
        table.rows_grew() if len(items) != before else table.refresh()
        if (job := self.job) is not None:
            self._say_tabs(job)
        self._say_about()

    def _look_again(self) -> None:
        """What is in sight may have changed: fetch those pages again."""
        self._looked_at = clock.monotonic()
        if self._tab == "items":
            table = self.query_one(ItemTable)
            top = int(table.scroll_offset.y)
            for number in self._items.pages_between(top, top + table.size.height):
                self._want_page(number)
        elif self._tab == "errors":
            instead(self, self._fetch_attempts, "attempts")

    async def _fetch_attempts(self) -> None:
        page = await self.haulier.ask(ListAttempts(job=self.job_id, limit=500))
        if page is not None and self.is_mounted:
            self.query_one(AttemptTable).show(page.attempts)
            self._say_about()

    # -- the line about the row under the cursor

    def on_line_table_moved(self) -> None:
        self._say_about()
        self.refresh_bindings()

    def _say_about(self) -> None:
        about = self.query_one("#about", Whole)
        item = self._item
        if self._tab == "items" and item is not None:
            about.say(item.error or f"{item.url} → {item.target}")
        elif self._tab == "errors" and (attempt := self.query_one(AttemptTable).current) is not None:
            about.say(f"{attempt.filename}: {attempt.message}")
        else:
            about.say("")

    @property
    def _item(self) -> ItemView | None:
        return self.query_one(ItemTable).current if self.is_mounted else None

    # -- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "restart_engine":
            return False
        if action == "retry_item":
            item = self._item
            if self._tab != "items" or item is None or item.status is not Status.FAILED:
                return None
        if action in ("filter", "next_status") and self._tab != "items":
            return None
        return super().check_action(action, parameters)

    def action_retry_item(self) -> None:
        if (item := self._item) is not None:
            self.send(RetryJob(job=self.job_id, items=(item.id,)), f"{item.filename} is tried again.")
            self._looked_at = 0.0

    def action_next_status(self) -> None:
        self._status = STATUSES[(STATUSES.index(self._status) + 1) % len(STATUSES)]
        self._open_items()

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    def on_filter_bar_changed(self) -> None:
        self._open_items()

    def on_filter_bar_closed(self) -> None:
        self.query_one(f"#{self._tab}").focus()

    def forgotten(self) -> None:
        self.dismiss()
