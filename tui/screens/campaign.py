"""A job in batches: which disk has what, what is under way, what comes next."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult

from core.errors import Code, HaulierError
from core.messages import ContinueCampaign, GetCampaign, ListBatchFiles
from core.model import BatchState, BatchView, CampaignView, JobState, JobView, Place
from core.safe_text import safe_text
from core.units import format_bytes, format_when
from tui import clock
from tui.actions import bindings
from tui.batch_words import oversized_line, progress_words, what_next
from tui.job_words import title_of
from tui.names import short_name
from tui.screens.ask import QuestionScreen
from tui.screens.frame import HaulierScreen
from tui.soon import instead, soon
from tui.state import Link, ViewState
from tui.widgets.batch_table import BatchTable, rows_of
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.job_head import listing_line
from tui.widgets.rule import Rule
from tui.widgets.spans import Line

LOOK_AGAIN = 2.0  # seconds
NEEDS_BATCH = frozenset({"open_batch", "continue_batch", "watch_batch"})


class CampaignScreen(HaulierScreen):
    NAME: ClassVar[str] = "campaign"
    BINDINGS = bindings("campaign")
    DEFAULT_CSS = """
    CampaignScreen #next { max-height: 3; }
    CampaignScreen #about { max-height: 4; }
    """

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self.job_id = job_id
        self._found: CampaignView | None = None
        self._error: HaulierError | None = None
        self._looked_at = -LOOK_AGAIN

    def body(self) -> ComposeResult:
        yield Heading()
        yield Words(id="listing")
        yield Words(id="next")
        yield BatchTable()
        yield Words(id="large")
        yield Rule()
        yield Words((("", ""),), id="about")

    @property
    def table(self) -> BatchTable:
        return self.query_one(BatchTable)

    @property
    def job(self) -> JobView | None:
        return self.view.job(self.job_id) or (self._found.job if self._found is not None else None)

    @property
    def current(self) -> BatchView | None:
        row = self.table.current if self.is_mounted else None
        return row.batch if row is not None else None

    def on_mount(self) -> None:
        self.say_where(f"job {self.job_id}  ›  batches")
        self.table.focus()

    # ------------------------------------------------------------ looking

    def view_changed(self, view: ViewState) -> None:
        now = clock.monotonic()
        if view.link is Link.UP and now - self._looked_at >= LOOK_AGAIN:
            self._look()
        self._show()

    def _look(self) -> None:
        self._looked_at = clock.monotonic()
        if self.haulier.client is not None:
            instead(self, self._fetch, "campaign")

    async def _fetch(self) -> None:
        client = self.haulier.client
        if client is None:
            return
        try:
            self._found = await client.call(GetCampaign(job=self.job_id))
            self._error = None
        except HaulierError as error:
            self._error = error
        if self.is_mounted:
            self._show()

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        found, view, job = self._found, self.view, self.job
        title = [(f"Job {self.job_id}  ", "lead")]
        if job is not None:
            title.append((title_of(job.title, max(20, self.size.width - 50)), ""))
        state = [(progress_words(found, view), "lead")] if found is not None and found.batches else []
        self.query_one(Heading).say(title, state)
        self._say_listing(job)
        self.query_one("#next", Words).say(*(self._next_lines(found) if found is not None else ()))
        self.table.message = self._message(job)
        self.table.show(rows_of(view, found) if found is not None else ())
        self.table.refresh()
        large = oversized_line(found) if found is not None else ()
        self.query_one("#large", Words).say(*([large] if large else []))
        self._say_about()
        self.refresh_bindings()

    def _say_listing(self, job: JobView | None) -> None:
        lines = []
        if job is not None and job.state is JobState.PLANNING:
            lines = [tuple(listing_line(self.view.counts(job), self.size.width))]
        self.query_one("#listing", Words).say(*lines)

    def _next_lines(self, found: CampaignView) -> list[Line]:
        lines = what_next(self.view, found)
        return [(), *lines, ()] if len(lines) == 1 and self.size.height >= 30 else lines

    def _message(self, job: JobView | None) -> list[Line]:
        width = self.size.width
        if job is not None and job.state in (JobState.FAILED, JobState.BLOCKED, JobState.CANCELLED):
            why = safe_text(job.reason) or f"The job is {job.state}."
            return [(), *wrapped(why, width, "bad"), *wrapped(safe_text(job.hint), width, "quiet")]
        if job is not None and job.state is JobState.PLANNING:
            return [(), (("  Listing, then packing into batches. Nothing moves before you say so.", "quiet"),)]
        if self._error is not None:
            return [
                (),
                *wrapped(safe_text(self._error.message), width, "bad"),
                *wrapped(safe_text(self._error.hint), width, "quiet"),
            ]
        if self._found is None:
            return [(), (("  Looking …", "quiet"),)]
        return [(), (("  There is nothing to move: the plan is empty, or nothing fits.", "warn"),)]

    def _say_about(self) -> None:
        """Below the table, the batch under the cursor in full."""
        batch = self.current
        words = self.query_one("#about", Words)
        if batch is None:
            words.say((("", ""),))
            return
        width = self.size.width
        half = (width - 20) // 2
        lines: list[Line] = [
            (
                (f" Batch {batch.number}  ", "lead"),
                (short_name(batch.first, half), ""),
                (" … ", "quiet"),
                (short_name(batch.last, half), ""),
            ),
            (
                (f" takes {format_bytes(batch.space)} of the disk, with whole blocks and folders", "quiet"),
                (f" · job {batch.job}" if batch.job else "", "quiet"),
            ),
        ]
        if batch.disk or batch.target:
            when = f", {format_when(batch.done_at, clock.now())}" if batch.done_at else ""
            verb = "verified on" if batch.state is BatchState.SAFE else "goes to"
            lines.append(
                (
                    (f" {verb} disk ", "quiet"),
                    (safe_text(batch.disk, 24) or "?", "lead"),
                    (f" at {safe_text(batch.target, max(10, width - 60))}{when}", "quiet"),
                )
            )
        if batch.trouble:
            lines += wrapped(safe_text(batch.trouble), width, "bad", " ")
        words.say(*lines[:4])

    def on_line_table_moved(self) -> None:
        self._say_about()
        self.refresh_bindings()

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        batch = self.current
        if action in NEEDS_BATCH and batch is None:
            return None
        if action == "watch_batch" and (batch is None or not batch.job):
            return None
        if action == "continue_batch" and batch is not None and batch.state is BatchState.CHECKING:
            return None
        if action == "show_too_large" and (self._found is None or not self._found.oversized):
            return False
        if action == "all_batch_files" and (self._found is None or not self._found.batches):
            return None
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        batch = self.current
        if action == "continue_batch" and batch is not None:
            return f"{'again' if batch.state is BatchState.SAFE else 'move'} batch {batch.number}"
        return ""

    def action_reload(self) -> None:
        self._look()

    def action_open_batch(self) -> None:
        if (batch := self.current) is not None:
            self._files(f"Batch {batch.number}", batch.number)

    def on_line_table_opened(self) -> None:
        self.action_open_batch()

    def action_all_batch_files(self) -> None:
        self._files("All files", 0)

    def _files(self, title: str, number: int) -> None:
        from tui.screens.disk_files import DiskFilesScreen

        def question(contains: str, cursor: str, limit: int) -> ListBatchFiles:
            return ListBatchFiles(job=self.job_id, batch=number, contains=contains, cursor=cursor, limit=limit)

        self.app.push_screen(DiskFilesScreen(f"{title} of job {self.job_id}", question))

    def action_show_too_large(self) -> None:
        from tui.screens.too_large import TooLargeScreen

        if self._found is not None:
            self.app.push_screen(TooLargeScreen(self._found))

    def action_watch_batch(self) -> None:
        if (batch := self.current) is not None and batch.job:
            self.haulier.open_job(batch.job)

    def action_show_plan(self) -> None:
        self.haulier.open_details(self.job_id)

    def action_show_disks(self) -> None:
        self.haulier.open_disks()

    def action_check_system(self) -> None:
        job, batch = self.job, self.current
        if job is None:
            return
        target = job.spec.pairs[0].target
        place = Place(kind="local", path=batch.target) if batch is not None and batch.target else target
        self.haulier.check_system((place, job.spec.pairs[0].source), batch.space if batch is not None else 0)

    # ------------------------------------------------------------ moving a batch

    def action_continue_batch(self) -> None:
        batch, job = self.current, self.job
        if batch is None or job is None:
            return
        if batch.state is BatchState.SAFE:
            self.app.push_screen(
                QuestionScreen(
                    f"Batch {batch.number} is on disk {batch.disk} and verified. Move it once more?",
                    "What is there already and right is not fetched again.",
                    "move it once more",
                    "leave it",
                ),
                lambda yes: self._ask_folder(batch, job) if yes else None,
            )
            return
        self._ask_folder(batch, job)

    def _ask_folder(self, batch: BatchView, job: JobView) -> None:
        from tui.screens.folder import FolderScreen

        start = batch.target or str(job.spec.pairs[0].target)
        start = start if start.startswith("/") else "/"
        screen = FolderScreen(
            f"job {self.job_id}  ›  batch {batch.number}",
            f"Where is the disk for batch {batch.number}? It needs {format_bytes(batch.space)}.",
            f"{start.rstrip('/')}/",
            must_exist=False,
            chosen=lambda place: self._folder_chosen(screen, batch, place),
        )
        self.app.push_screen(screen)

    def _folder_chosen(self, screen: HaulierScreen, batch: BatchView, place: Place) -> None:
        screen.dismiss()
        command = ContinueCampaign(job=self.job_id, batch=batch.number, target=place)
        soon(self, partial(self._continue, command), "continue")

    async def _continue(self, command: ContinueCampaign) -> None:
        try:
            moved = await self.haulier.call(command)
        except HaulierError as error:
            await self._refused(command, error)
            return
        self.haulier.tell(f"Batch {command.batch} is moved by job {moved.id}.")
        self._look()

    async def _refused(self, command: ContinueCampaign, error: HaulierError) -> None:
        """The engine's words; where it may be meant all the same, that is a choice of its own."""
        from tui.screens.disk_refused import DiskRefusedScreen, ways_on

        ways = ways_on(command, error) if error.code is Code.REFUSED else ()
        chosen = await self.app.push_screen_wait(DiskRefusedScreen(command.batch, error, ways))
        if chosen == "folder" and self._found is not None and self.job is not None:
            batch = next(one for one in self._found.batches if one.number == command.batch)
            self._ask_folder(batch, self.job)
        elif chosen == "share":
            await self._continue(replace(command, share_disk=True))
        elif chosen == "other":
            await self._continue(replace(command, other_disk=True))
