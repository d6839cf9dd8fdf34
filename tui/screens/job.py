"""One job in full: summary, files with a filter, failed tries."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from core.messages import ListAttempts, RetryJob
from core.model import ItemView, JobView, Status
from core.units import format_count
from tui import clock
from tui.actions import bindings
from tui.item_look import LOOK_AGAIN, ItemLook
from tui.keys import key_of
from tui.names import short_name
from tui.screens.filtered import Filtered
from tui.screens.job_actions import JobActions
from tui.soon import instead
from tui.state import MOVING, ViewState
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.item_table import ORDER_WORDS, AttemptTable, ItemTable
from tui.widgets.job_head import JobHead
from tui.widgets.job_summary import JobSummary
from tui.widgets.saying import Whole
from tui.widgets.spans import Span
from tui.widgets.tabs import TabLine

TABS = {"summary": "s summary", "items": "i items", "errors": "e errors"}
MOST_TRIES = 500  # that are shown, the newest ones
_OF_ITEMS = ("filter", "next_status", "next_order", "reverse_order")


class JobScreen(JobActions, Filtered):
    NAME: ClassVar[str] = "job"
    BINDINGS = bindings("job")

    def __init__(self, job_id: int, tab: str = "summary") -> None:
        super().__init__()
        self.job_id = job_id
        self._tab = tab
        self._items = ItemTable(id="items")
        self._look = ItemLook(self, job_id, self._items, self._say_items)
        self._tries_of: ItemView | None = None  # the one file whose tries are shown; None: of all
        self._moved = False  # whether the job moved when it was shown last
        self._tries_at = 0.0  # when they were looked at, monotonic

    def body(self) -> ComposeResult:
        yield JobHead(self.job_id)
        yield TabLine(TABS)
        with ContentSwitcher(initial=self._tab):
            with VerticalScroll(id="summary"):
                yield JobSummary(self.job_id)
            yield self._items
            yield AttemptTable(id="errors")
        yield FilterBar()
        yield Whole(id="about")

    @property
    def table(self) -> Widget:
        """What stands in the tab that is open."""
        return self.query_one(f"#{self._tab}")

    @property
    def job(self) -> JobView | None:
        return self.view.job(self.job_id)

    def on_mount(self) -> None:
        self.say_where("job")
        self._open_tab(self._tab)

    def view_changed(self, view: ViewState) -> None:
        self.query_one(JobHead).show(view)
        self.query_one(JobSummary).show(view)
        job = self.job
        if job is None:
            self._show_nothing()
            return
        self._say_tabs(job)
        if self._tab == "items":
            self._say_table()
        moves = job.state in MOVING
        if self._moved and not moves:
            self._look.look_soon(at_once=True)
        if self._tab == "items" and (moves or self._moved):
            self._look.look_again()
        self._moved = moves
        if self._tab == "errors" and job.state in MOVING and clock.monotonic() - self._tries_at > LOOK_AGAIN:
            self._look_at_tries()

    def _show_nothing(self) -> None:
        """The job was forgotten, perhaps in another face: what stood here is no more."""
        self.query_one("#summary").display = False
        for table in (self._items, self.query_one(AttemptTable)):
            table.say_instead(())
            table.attach(())
        self._say_about()

    def engine_is_back(self) -> None:
        if self._tab == "items":
            self._look.ask(self._look.question)
        elif self._tab == "errors":
            self._look_at_tries()

    def _say_tabs(self, job: JobView) -> None:
        notes: list[Span] = []
        if self._tab == "items":
            notes = self._item_notes()
        elif self._tab == "errors" and self._tries_of is not None:
            notes = [
                (short_name(self._tries_of.filename, 24), ""),
                (f"  {key_of('show_errors')}", "key"),
                (" of all files ", "quiet"),
            ]
        elif self._tab == "errors" and len(self.query_one(AttemptTable).rows) == MOST_TRIES:
            notes = [(f"the newest {MOST_TRIES} ", "quiet")]
        self.query_one(TabLine).show(self._tab, {"errors": self.view.counts(job).files_failed}, notes)

    def _item_notes(self) -> list[Span]:
        look, question = self._look, self._look.question
        status = str(question.status) if question.status is not None else "all"
        files = "file" if look.total == 1 else "files"
        count = (
            f"{format_count(look.total)} {files}" if look.total >= 0 else f"≥ {format_count(look.seen)} files"
        )
        return [
            (f"{key_of('next_status')} ", "key"),
            (status, ""),
            (f"  {key_of('next_order')} ", "key"),
            (ORDER_WORDS[question.order][question.reverse], ""),
            ("  looking … " if look.is_looking else f"  {count} ", "quiet"),
        ]

    # -- tabs

    def _open_tab(self, tab: str) -> None:
        self._tab = tab
        self.query_one(ContentSwitcher).current = tab
        self.table.focus()
        if tab == "errors":
            self._look_at_tries()
        elif tab == "items" and self._look.total < 0:
            self._look.ask(self._look.question)
        elif tab == "items":
            self._look.look_soon(at_once=True)
            self._look.look_again()
        if (job := self.job) is not None:
            self._say_tabs(job)
        self._say_about()

    def action_show_summary(self) -> None:
        self._open_tab("summary")

    def action_show_items(self) -> None:
        self._open_tab("items")

    def action_show_errors(self) -> None:
        self._tries_of = None
        self._open_tab("errors")

    def action_show_tries(self) -> None:
        self._tries_of = self._item
        self._open_tab("errors")

    # -- failed tries

    def _look_at_tries(self) -> None:
        self._tries_at = clock.monotonic()
        self.query_one(AttemptTable).say_instead(self.waiting_words())
        if self.haulier.client is not None:
            instead(self, self._fetch_attempts, "attempts")

    async def _fetch_attempts(self) -> None:
        of = self._tries_of.id if self._tries_of is not None else 0
        page = await self.haulier.ask(ListAttempts(job=self.job_id, item=of, limit=MOST_TRIES))
        if page is not None and self.is_mounted:
            table = self.query_one(AttemptTable)
            table.show(page.attempts)
            if (job := self.job) is not None:
                self._say_tabs(job)
            table.say_instead(((), (("  No failed tries.", "quiet"),)))
            self._say_about()

    # -- the line about the row under the cursor

    def on_line_table_moved(self) -> None:
        if self._tab == "items":
            self._look.look_ahead()
        self._say_about()
        self.refresh_bindings()

    def on_line_table_opened(self) -> None:
        if self._tab == "items":
            self.action_show_tries()

    def _say_items(self) -> None:
        """What is asked of the items, or what is known of them, is another."""
        if not self.is_mounted:
            return
        self._say_table()
        if (job := self.job) is not None:
            self._say_tabs(job)
        self._say_about()

    def _say_table(self) -> None:
        is_filtered = bool(self._look.question.text)
        nothing = nothing_fits() if is_filtered else ((), (("  No file matches.", "quiet"),))
        self._items.say_instead(nothing if self._look.total == 0 else self.waiting_words())

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
        return self._items.current if self.is_mounted else None

    # -- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "retry_item":
            item = self._item
            if self._tab != "items" or item is None or item.status is not Status.FAILED:
                return None
        if action == "show_tries" and (self._tab != "items" or self._item is None):
            return None
        if action in _OF_ITEMS and self._tab != "items":
            return None
        return super().check_action(action, parameters)

    def action_retry_item(self) -> None:
        if (item := self._item) is not None:
            self.send(RetryJob(job=self.job_id, items=(item.id,)), f"{item.filename} is tried again.")
            self._look.look_soon(at_once=True)

    def action_next_status(self) -> None:
        self._look.ask(self._look.question.next_status())

    def action_next_order(self) -> None:
        self._look.ask(self._look.question.next_order())

    def action_reverse_order(self) -> None:
        question = self._look.question
        self._look.ask(replace(question, reverse=not question.reverse))

    def show_rows(self) -> None:
        self._look.ask(replace(self._look.question, text=self.filter_text))

    def action_show_log(self) -> None:
        item = self._item if self._tab == "items" else None
        self.haulier.open_log(self.job_id, item)

    def forgotten(self) -> None:
        self.dismiss()
