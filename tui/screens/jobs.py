"""Home: all jobs, the throughput, the newest lines of the log."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from core.messages import ListConnections, ListJobs
from core.model import JobView
from tui import clock
from tui.actions import bindings
from tui.found import can_be_taken
from tui.job_words import why
from tui.screens.filtered import Filtered
from tui.screens.job_actions import JobActions
from tui.soon import instead
from tui.state import Link, ViewState
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.first_steps import FirstSteps
from tui.widgets.job_table import JobTable, rows_of
from tui.widgets.notices import Notices
from tui.widgets.rule import Rule
from tui.widgets.saying import Saying
from tui.widgets.table import ROOMY
from tui.widgets.totals import Totals


class JobsScreen(JobActions, Filtered):
    NAME: ClassVar[str] = "jobs"
    CRUMB: ClassVar[str] = ""
    BINDINGS = bindings("jobs")
    AUTO_FOCUS = "JobTable"

    def body(self) -> ComposeResult:
        yield FirstSteps()
        yield JobTable()
        yield Saying(id="why")
        yield FilterBar()
        yield Rule()
        yield Totals()
        yield Notices()

    @property
    def table(self) -> JobTable:
        return self.query_one(JobTable)

    @property
    def job(self) -> JobView | None:
        row = self.table.current if self.is_mounted else None
        return self.view.job(row.id) if row is not None else None

    def view_changed(self, view: ViewState) -> None:
        nothing = view.link is Link.UP and not view.jobs
        steps, table = self.query_one(FirstSteps), self.table
        steps.display, table.display = nothing, not nothing
        if not nothing and self.focused is None and self.is_current:
            table.focus()  # it could not have the focus while there were no jobs
        if nothing:
            steps.show(view)
            if not self._looked:
                self._looked = True
                instead(self, self._look_around, "look")
        wanted = self.filter_text
        table.say_instead(nothing_fits() if wanted else ())
        table.show(rows_of(view, clock.now(), wanted, roomy=self.size.width >= ROOMY + 3))
        self.query_one(Totals).show(view)
        self.query_one(Notices).show(view.notices)
        self._say_why()

    def show_rows(self) -> None:
        self.view_changed(self.view)

    _looked = False  # whether it was looked what there is to begin with, since this screen came to the top

    def on_screen_resume(self) -> None:
        self._looked = False

    async def _look_around(self) -> None:
        steps = self.query_one(FirstSteps)
        steps.around = await self.haulier.look_around()
        if (known := await self.haulier.ask(ListConnections())) is not None:
            steps.known = known
        steps.show(self.view)
        self.refresh_bindings()

    def _say_why(self) -> None:
        job = self.job
        saying = self.query_one("#why", Saying)
        saying.say(why(self.view, job, self.size.width - 6) if job is not None else ())

    def on_line_table_moved(self) -> None:
        self._say_why()
        self.refresh_bindings()
        table = self.table
        if table.rows and table.cursor == len(table.rows) - 1:
            instead(self, self._older, "older")

    async def _older(self) -> None:
        """At the end of the list, look for jobs that are older than those the engine told of."""
        jobs = self.view.jobs
        if not jobs or min(job.id for job in jobs) <= 1 or self.haulier.client is None:
            return
        page = await self.haulier.ask(ListJobs(before=min(job.id for job in jobs), limit=100))
        if page is not None and page.jobs:
            self.haulier.older_jobs(page.jobs)

    def on_line_table_opened(self) -> None:
        self.action_open_job()

    # -- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open_job" and not self.view.jobs:
            return True if self.view.link is not Link.UP or self._something_found else None
        if action == "show_details" and not self.view.jobs:
            return self._offers_demo
        if action == "add_connection":
            return self.view.link is Link.UP and not self.view.jobs and not self.view.connections
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        if action == "open_job" and self.view.link is Link.AWAY:
            return "start engine"
        if action == "open_job" and not self.view.jobs and self._something_found:
            return "found here"
        return super().label_of(action)

    @property
    def _something_found(self) -> bool:
        if not self.is_mounted or self.view.connections:
            return False
        steps = self.query_one(FirstSteps)
        return can_be_taken(steps.known, steps.around)

    @property
    def _offers_demo(self) -> bool:
        return self.view.link is Link.UP and not self.view.jobs and not self.view.connections

    def action_open_job(self) -> None:
        job = self.job
        if self.view.link is Link.AWAY:
            self.haulier.action_restart_engine()
        elif job is not None:
            self.haulier.open_job(job.id)
        elif self._something_found:
            self.haulier.show_found()

    def action_show_details(self) -> None:
        """While there is no job to be shown, the same key leads to the demo."""
        if self._offers_demo:
            self.haulier.leave_for_demo()
        else:
            super().action_show_details()

    def action_add_connection(self) -> None:
        self.haulier.add_connection()

    def action_new_job(self) -> None:
        self.haulier.start_new_job()

    def action_show_presets(self) -> None:
        self.haulier.show_presets()

    def action_check_system(self) -> None:
        self.haulier.check_system()

    def action_show_disks(self) -> None:
        self.haulier.open_disks()

    def action_show_connections(self) -> None:
        self.haulier.action_show_connections()
