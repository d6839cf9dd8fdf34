"""The catalogue of disks: what each holds, where it was seen last, when it was verified."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import DropDisk, FindOnDisks, ListBatchFiles, ListDisks
from core.model import JobKind, JobSpec, KnownDisk, Pair, Place
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_when
from tui import clock
from tui.actions import bindings
from tui.screens.ask import QuestionScreen
from tui.screens.filtered import Filtered
from tui.screens.frame import HaulierScreen
from tui.soon import soon
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable

NO_DISK: Sequence[Line] = (
    (),
    (("  No disk carries anything yet.", "lead"),),
    (),
    (("  A new job with “several disks” among its options packs data into batches,", "quiet"),),
    (("  and each disk then carries a list of what it holds.", "quiet"),),
)


@dataclass(frozen=True)
class _Row:
    """A disk, and one of the batches that it holds; (0, 0) when it holds none."""

    disk: KnownDisk
    job: int
    batch: int
    is_first: bool  # of the disk's rows


class _Disks(LineTable[_Row]):
    COLUMNS = (
        Column("id", "disk", 10),
        Column("label", "label", 8, grow=1, from_width=90),
        Column("holds", "holds", 18, grow=1),
        Column("files", "files", 9, right=True),
        Column("bytes", "bytes", 9, right=True),
        Column("seen", "seen", 11),
        Column("verified", "verified", 11),
    )

    def key_of(self, row: _Row) -> Hashable:
        return (row.disk.id, row.job, row.batch)

    def cells(self, row: _Row, widths: Mapping[str, int]) -> Mapping[str, Line]:
        disk = row.disk
        holds = f"job {row.job}, batch {row.batch}" if row.job else "nothing"
        cells: dict[str, Line] = {"holds": ((holds, "" if row.job else "quiet"),)}
        if not row.is_first:
            return {**cells, "id": (("   ″", "quiet"),)}
        now = clock.now()
        return {
            **cells,
            "id": ((safe_text(disk.id, widths["id"]), "lead"),),
            "label": ((safe_text(disk.label, widths.get("label", 1)), "quiet"),),
            "files": ((format_count(disk.files), ""),),
            "bytes": ((format_bytes(disk.bytes), ""),),
            "seen": ((_when(disk.last_seen, now), "quiet"),),
            "verified": ((_when(disk.verified_at, now), "good") if disk.verified_at else ("never", "warn"),),
        }


def _when(moment: float, now: float) -> str:
    return format_when(moment, now)[:10] if moment else "–"


class DisksScreen(Filtered):
    NAME: ClassVar[str] = "disks"
    CRUMB: ClassVar[str] = "disks"
    BINDINGS = bindings("disks")
    DEFAULT_CSS = """
    DisksScreen #about { max-height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._disks: tuple[KnownDisk, ...] = ()

    def body(self) -> ComposeResult:
        yield Heading(("Disks", "lead"))
        yield _Disks()
        yield FilterBar()
        yield Rule()
        yield Words((("", ""),), id="about")

    @property
    def table(self) -> _Disks:
        return self.query_one(_Disks)

    @property
    def current(self) -> _Row | None:
        return self.table.current if self.is_mounted and len(self.table.rows) else None

    def on_mount(self) -> None:
        self.table.focus()
        self._load()

    def engine_is_back(self) -> None:
        self._load()

    # ------------------------------------------------------------ the list

    def _load(self) -> None:
        soon(self, self._read, "disks")

    async def _read(self) -> None:
        try:
            self._disks = (await self.haulier.call(ListDisks())).disks
        except HaulierError as error:
            width = self.size.width
            self.table.message = (
                (),
                *wrapped(safe_text(error.message), width, "bad"),
                *wrapped(safe_text(error.hint), width, "quiet"),
            )
            self.table.refresh()
            return
        self.show_rows()

    def show_rows(self) -> None:
        wanted = self.wanted
        self.table.message = nothing_fits() if wanted and self._disks else NO_DISK
        rows: list[_Row] = []
        for disk in self._disks:
            if wanted in f"{disk.id} {disk.label} {disk.last_path}".casefold():
                held = disk.holds or ((0, 0),)
                rows += [_Row(disk, job, batch, not at) for at, (job, batch) in enumerate(held)]
        self.table.show(tuple(rows))
        self.table.refresh()
        count = len(self._disks)
        state = f"{format_count(count)} {'disk' if count == 1 else 'disks'}" if count else ""
        self.query_one(Heading).say(state=[(state, "quiet")])
        self._say_about()
        self.refresh_bindings()

    def _say_about(self) -> None:
        row = self.current
        if row is None:
            self.query_one("#about", Words).say((("", ""),))
            return
        disk = row.disk
        seen = f" · last at {safe_text(disk.last_path, self.size.width - 50)}" if disk.last_path else ""
        size = f" · {format_bytes(disk.total)} in all" if disk.total else ""
        self.query_one("#about", Words).say(
            (
                (f" Disk {safe_text(disk.id, 20)}", "lead"),
                (f"  {safe_text(disk.label, 30)}{size}{seen}", "quiet"),
            )
        )

    def on_line_table_moved(self) -> None:
        self._say_about()

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        row = self.current
        if action == "open_disk" and (row is None or not row.job):
            return None
        if action in ("verify_disk", "drop_disk") and row is None:
            return None
        if action == "find_file" and not self._disks:
            return None
        return super().check_action(action, parameters)

    def action_reload(self) -> None:
        self._load()

    def action_open_disk(self) -> None:
        row = self.current
        if row is None or not row.job:
            return
        from tui.screens.disk_files import DiskFilesScreen

        def question(contains: str, cursor: str, limit: int) -> ListBatchFiles:
            return ListBatchFiles(job=row.job, batch=row.batch, contains=contains, cursor=cursor, limit=limit)

        self.app.push_screen(DiskFilesScreen(f"Disk {row.disk.id}: job {row.job}, batch {row.batch}", question))

    def on_line_table_opened(self) -> None:
        self.action_open_disk()

    def action_find_file(self) -> None:
        from tui.screens.disk_files import DiskFilesScreen

        def question(contains: str, cursor: str, limit: int) -> FindOnDisks:
            return FindOnDisks(contains=contains, cursor=cursor, limit=limit)

        self.app.push_screen(DiskFilesScreen("Which disk holds it?", question, ask_first=True))

    def action_drop_disk(self) -> None:
        if (row := self.current) is not None:
            soon(self, partial(self._drop, row.disk), "drop")

    async def _drop(self, disk: KnownDisk) -> None:
        sure = await self.app.push_screen_wait(
            QuestionScreen(
                f"Take disk {disk.id} out of the catalogue?",
                f"{format_count(disk.files)} files on it are not found any more. "
                "Nothing on the disk is touched: its own list stays there.",
                "take it out",
                "keep it",
            )
        )
        if sure and (known := await self.haulier.ask(DropDisk(disk=disk.id))) is not None:
            self._disks = known.disks
            self.show_rows()

    def action_verify_disk(self) -> None:
        row = self.current
        if row is None:
            return
        from tui.screens.folder import FolderScreen

        screen = FolderScreen(
            f"disks  ›  verify {safe_text(row.disk.id, 20)}",
            f"Where is disk {safe_text(row.disk.id, 20)} now?",
            f"{row.disk.last_path.rstrip('/')}/" if row.disk.last_path else "/",
            must_exist=True,
            chosen=lambda place: self._verify(screen, place),
        )
        self.app.push_screen(screen)

    def _verify(self, screen: HaulierScreen, place: Place) -> None:
        """A job that reads the disk and compares it with its own manifest; its plan is looked at first."""
        screen.dismiss()
        pair = Pair(source=Place(kind="disk", path=place.path), target=place)
        spec = JobSpec(kind=JobKind.VERIFY, pairs=(pair,))

        async def begin() -> None:
            from tui.screens.new_job import plan
            from tui.screens.plan import PlanScreen

            if (job := await plan(self.haulier, spec)) is not None:
                self.app.push_screen(PlanScreen(job.id, job=job))

        soon(self, begin, "verify")
