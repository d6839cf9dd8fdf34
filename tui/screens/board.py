"""The live board of one job: every worker, the totals, the curve, the last trouble."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from core.messages import ListItems, TuneJob
from core.model import MOST_CONNECTIONS, MOST_WORKERS, JobState, JobView, Status
from tui import clock
from tui.actions import bindings
from tui.failures import failure_line
from tui.job_words import hosts_line, why
from tui.screens.job_actions import JobActions
from tui.soon import instead
from tui.state import ViewState
from tui.widgets.job_head import JobHead, settings_line
from tui.widgets.job_summary import JobSummary
from tui.widgets.notices import Notices
from tui.widgets.rule import Rule
from tui.widgets.saying import Saying
from tui.widgets.worker_table import Crew, WorkerTable

LOOK_EVERY = 2.0  # seconds between looks at why files failed


class BoardScreen(JobActions):
    NAME: ClassVar[str] = "board"
    BINDINGS = bindings("board")
    AUTO_FOCUS = "WorkerTable"

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self.job_id = job_id
        self._errors: tuple[str, ...] = ()
        self._errors_of = -1  # the number of failed files that `_errors` is about
        self._looked_at = 0.0
        self._tuned: dict[str, int] = {}
        self._crew = Crew()

    def body(self) -> ComposeResult:
        yield JobHead(self.job_id)
        yield Saying(id="why")
        yield Saying(id="hosts")
        yield Rule()
        yield WorkerTable()
        with VerticalScroll(id="results"):
            yield JobSummary(self.job_id)
        yield Rule(id="below")
        yield Saying(id="failures")
        yield Notices()
        yield Saying(id="settings")

    @property
    def job(self) -> JobView | None:
        return self.view.job(self.job_id)

    def on_mount(self) -> None:
        self.say_where("board")
        self.haulier.watch_workers_of(self.job_id)

    def on_unmount(self) -> None:
        self.haulier.watch_workers_of(0)

    def view_changed(self, view: ViewState) -> None:
        self.query_one(JobHead).show(view)
        job = self.job
        if job is None:
            self._show_nothing()
            return
        ended = job.state.is_final
        self.set_class(ended, "-ended")
        table, results = self.query_one(WorkerTable), self.query_one("#results")
        table.display, results.display = not ended, ended
        if ended:
            self.query_one(JobSummary).show(view)
        else:
            table.show(self._crew.rows(view.workers, self.job_id, clock.monotonic()))
        width = self.size.width
        self.query_one("#why", Saying).say(why(view, job, width - 6))
        self.query_one("#hosts", Saying).say(hosts_line(view, job, width - 2))
        self.query_one("#settings", Saying).say(() if ended else tuple(settings_line(view, job)))
        self.query_one(Notices).show(tuple(n for n in view.notices if n.job in (0, self.job_id)))
        self._forget_tuned(view)
        failed = view.counts(job).files_failed
        if (
            failed != self._errors_of
            and clock.monotonic() - self._looked_at > LOOK_EVERY
            and self.haulier.client
        ):
            self._looked_at = clock.monotonic()
            instead(self, partial(self._look_at_failures, failed), "failures")
        self.query_one("#failures", Saying).say(failure_line(self._errors, failed, width))

    def _show_nothing(self) -> None:
        """The job was forgotten, perhaps in another face: what stood here is no more."""
        self.query_one(WorkerTable).show(())
        self.query_one("#results").display = False
        for saying in ("#why", "#hosts", "#failures", "#settings"):
            self.query_one(saying, Saying).say(())

    async def _look_at_failures(self, failed: int) -> None:
        if not failed:
            self._errors, self._errors_of = (), 0
            return
        page = await self.haulier.ask(ListItems(job=self.job_id, status=Status.FAILED, limit=200))
        if page is not None:
            self._errors, self._errors_of = tuple(item.error for item in page.items), failed
            self.query_one("#failures", Saying).say(failure_line(self._errors, failed, self.size.width))

    # -- workers and connections

    def action_more_workers(self) -> None:
        self._tune("workers", 1, MOST_WORKERS)

    def action_fewer_workers(self) -> None:
        self._tune("workers", -1, MOST_WORKERS)

    def action_more_connections(self) -> None:
        self._tune("connections", 1, MOST_CONNECTIONS)

    def action_fewer_connections(self) -> None:
        self._tune("connections", -1, MOST_CONNECTIONS)

    def _tune(self, what: str, by: int, most: int) -> None:
        """One more or fewer than wanted now, counting presses that the engine has not told of yet."""
        before = self._tuned.get(what, self._wanted(what))
        if not before:
            self.haulier.tell("How many there are is not known yet: wait a moment.")
            return
        wanted = max(1, min(most, before + by))
        self._tuned[what] = wanted
        if what == "workers":
            self.send(TuneJob(job=self.job_id, workers=wanted), "")
        else:
            self.send(TuneJob(job=self.job_id, connections=wanted), "")

    def _wanted(self, what: str) -> int:
        """How many are wanted now; 0 while nobody knows, as of a job that has not found its number yet."""
        job, progress = self.job, self.view.progress.get(self.job_id)
        if job is None:
            return 0
        if what == "connections":
            told = progress.connections_wanted if progress is not None else 0
            return told or job.spec.options.connections or (1 if progress is not None else 0)
        told = progress.workers_wanted if progress is not None else 0
        at_work = sum(worker.phase != "idle" and worker.job == job.id for worker in self.view.workers)
        return told or job.spec.options.workers or at_work

    def _forget_tuned(self, view: ViewState) -> None:
        for what, wanted in tuple(self._tuned.items()):
            if self._wanted(what) == wanted or self.job is None or self.job.state is not JobState.RUNNING:
                del self._tuned[what]

    def forgotten(self) -> None:
        self.dismiss()
