"""How far a job is by folder: one level at a time, deeper with Enter, up with Backspace."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult

from core.messages import FolderPage, ListFolders
from core.model import FolderView
from core.units import format_count
from tui import clock
from tui.actions import bindings
from tui.screens.frame import HaulierScreen
from tui.soon import instead
from tui.state import MOVING, ViewState
from tui.widgets.folder_table import FolderTable, can_open, place_of
from tui.widgets.heading import Heading
from tui.widgets.job_head import JobHead

LOOK_AGAIN = 2.0  # seconds, while the job moves
MOST = 2000  # folders of one level that are shown


class FoldersScreen(HaulierScreen):
    NAME: ClassVar[str] = "folders"
    BINDINGS = bindings("folders")

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self.job_id = job_id
        self._pair = -1
        self._prefix = ""
        self._path: list[tuple[int, str]] = []  # the levels above
        self._looked_at = 0.0

    def body(self) -> ComposeResult:
        yield JobHead(self.job_id)
        yield Heading(("", "lead"))
        yield FolderTable()

    def on_mount(self) -> None:
        self.say_where(f"job {self.job_id}  ›  folders")
        self.query_one(FolderTable).focus()
        self._look()

    def view_changed(self, view: ViewState) -> None:
        self.query_one(JobHead).show(view)
        job = view.job(self.job_id)
        if job is None:
            return
        table = self.query_one(FolderTable)
        table.listing = view.counts(job).listing
        if job.state in MOVING and clock.monotonic() - self._looked_at > LOOK_AGAIN:
            self._look()

    def engine_is_back(self) -> None:
        self._look()

    def _look(self) -> None:
        self._looked_at = clock.monotonic()
        self.query_one(FolderTable).say_instead(self.waiting_words())
        if self.haulier.client is not None:
            instead(self, partial(self._fetch, self._pair, self._prefix), "folders")

    async def _fetch(self, pair: int, prefix: str) -> None:
        found = await self.haulier.ask(ListFolders(job=self.job_id, pair=pair, prefix=prefix, limit=MOST))
        if found is None or not self.is_mounted or (pair, prefix) != (self._pair, self._prefix):
            return
        table = self.query_one(FolderTable)
        table.show(found.folders)
        table.say_instead(((), (("  No files of this job are here.", "quiet"),)))
        self._say_place(found)
        self.refresh_bindings()

    def _say_place(self, found: FolderPage) -> None:
        job = self.view.job(self.job_id)
        if job is None:
            return
        if found.pair < 0:
            where = f"{len(job.spec.pairs)} sources"
        else:
            where = place_of(str(job.spec.pairs[found.pair].source), self._prefix)
        shown = format_count(sum(bool(each.name) for each in found.folders))
        count = f"the first {shown} folders" if found.cursor else f"{shown} folders"
        self.query_one(Heading).say(title=[(where, "lead")], state=[(count, "quiet")])

    def _go(self, pair: int, prefix: str) -> None:
        self._pair, self._prefix = pair, prefix
        self.query_one(FolderTable).attach(())
        self._look()

    @property
    def _current(self) -> FolderView | None:
        return self.query_one(FolderTable).current if self.is_mounted else None

    def action_open_folder(self) -> None:
        row = self._current
        if row is not None and can_open(row):
            self._path.append((self._pair, self._prefix))
            self._go(row.pair, row.prefix)

    def action_leave_folder(self) -> None:
        if self._path:
            self._go(*self._path.pop())

    def on_line_table_opened(self) -> None:
        self.action_open_folder()

    def on_line_table_moved(self) -> None:
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open_folder" and not can_open(self._current):
            return None
        if action == "leave_folder" and not self._path:
            return None
        return super().check_action(action, parameters)
