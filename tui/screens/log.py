"""The engine's log: by level, by job, by text, following the newest line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import ReadLog
from core.model import ItemView, Level, Notice
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.keys import key_of
from tui.names import short_name
from tui.screens.filtered import Filtered
from tui.soon import soon
from tui.state import Link, ViewState
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.log_table import LogTable
from tui.widgets.saying import Saying, Whole
from tui.widgets.spans import Line, Span

PAGE = 2000
KEPT = 5000
LEVELS = (Level.INFO, Level.DEBUG, Level.WARNING)


class LogScreen(Filtered):
    NAME: ClassVar[str] = "log"
    CRUMB: ClassVar[str] = "log"
    BINDINGS = bindings("log")
    AUTO_FOCUS = "LogTable"

    def __init__(self, job_id: int = 0, item: ItemView | None = None) -> None:
        """With an item the log opens at the newest line about it, or at the moment at which it ended."""
        super().__init__()
        self._item = item
        self._about_job = job_id
        self._job = job_id
        self._level = Level.INFO
        self._notices: list[Notice] = []
        self._after = 0
        self._following = item is None
        self._empty: Sequence[Line] = ()  # what the empty list says
        self._reading = False

    def body(self) -> ComposeResult:
        yield Saying(id="shown")
        yield LogTable()
        yield FilterBar()
        yield Whole(id="whole")

    @property
    def table(self) -> LogTable:
        return self.query_one(LogTable)

    def on_mount(self) -> None:
        self._read_anew()

    def view_changed(self, view: ViewState) -> None:
        if view.link is Link.UP and self.haulier.client is not None:
            soon(self, self._read_on, "log")

    def _read_anew(self) -> None:
        self._notices.clear()
        self._after = 0
        self._empty = self.waiting_words()
        self.show_rows()
        self.view_changed(self.view)

    async def _read_on(self) -> None:
        """All that is newer than what is here. One reader at a time; others leave at once."""
        if self._reading:
            return
        self._reading = True
        level, job, grew = self._level, self._job, False
        try:
            while (client := self.haulier.client) is not None and (level, job) == (self._level, self._job):
                page = await client.call(ReadLog(after=self._after, limit=PAGE, level=level, job=job))
                if (level, job) != (self._level, self._job):
                    return
                self._after = max(self._after, page.last)
                self._notices += page.notices
                grew = grew or bool(page.notices)
                if len(page.notices) < PAGE:
                    break
        except HaulierError:
            return  # the line broke; the banner says so, and the next view reads on
        finally:
            self._reading = False
        del self._notices[:-KEPT]
        if not self.is_mounted:
            return
        self._empty = ((), (("  Nothing was written at this level.", "quiet"),))
        self._say_instead()
        if grew:
            self.show_rows()
        if self._item is not None:
            self._go_to(self._item)

    def _go_to(self, item: ItemView) -> None:
        """Put the cursor on what the log has about an item."""
        self._item = None
        table = self.table
        named = safe_text(item.filename, 80).removesuffix("…")
        lines = [at for at, notice in enumerate(table.rows) if named in notice.text]
        if not lines and item.completed_at:
            lines = [at for at, notice in enumerate(table.rows) if notice.at <= item.completed_at]
            self.haulier.tell(f"No line names {short_name(item.filename, 60)}: this is when it ended.")
        elif not lines:
            self.haulier.tell(f"No line names {short_name(item.filename, 60)}.")
        if lines:
            table.cursor = lines[-1]
        self._say_whole()

    def _say_instead(self) -> None:
        self.table.say_instead(nothing_fits() if self.wanted and self._notices else self._empty)

    def show_rows(self) -> None:
        wanted = self.wanted
        shown = tuple(n for n in self._notices if not wanted or wanted in n.text.casefold())
        self._say_instead()
        self.table.show(shown)
        if self._following:
            self.table.action_go_last()
        line: list[Span] = [
            ("level ", "quiet"),
            (f"{self._level}", "lead"),
            (" and graver" if self._level is not Level.WARNING else "", "quiet"),
        ]
        line += [("   of ", "quiet"), (f"job {self._job}" if self._job else "everything", "lead")]
        line += [(f"   {format_count(len(shown))} lines", "quiet")]
        line.append(("   following" if self._following else f"   {key_of('follow')} follows again", "quiet"))
        self.query_one("#shown", Saying).say(tuple(line))

    def on_line_table_moved(self) -> None:
        table = self.table
        at_end = table.cursor >= len(table.rows) - 1
        if at_end != self._following:
            self._following = at_end
            self.show_rows()
        self._say_whole()

    def _say_whole(self) -> None:
        notice = self.table.current
        too_long = notice is not None and len(notice.text) > self.size.width - 28
        self.query_one("#whole", Whole).say(notice.text if notice is not None and too_long else "")

    # -- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "toggle_job_only" and not self._about_job:
            return None
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        return "all jobs" if action == "toggle_job_only" and self._job else ""

    def action_next_level(self) -> None:
        self._level = LEVELS[(LEVELS.index(self._level) + 1) % len(LEVELS)]
        self._read_anew()

    def action_toggle_job_only(self) -> None:
        self._job = 0 if self._job else self._about_job
        self._read_anew()

    def action_follow(self) -> None:
        self._following = True
        self.show_rows()
