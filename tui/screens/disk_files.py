"""Files with the disk that holds each: of a batch, of a campaign, or of all disks. Read page by page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial

from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import Command, DiskFiles
from core.model import BatchState, DiskFile
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.actions import bindings
from tui.names import short_name
from tui.paged_items import PAGE, PagedRows
from tui.screens.filtered import Filtered
from tui.soon import soon
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, wrapped
from tui.widgets.saying import Whole
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable

Question = Callable[[str, str, int], Command[DiskFiles]]  # text in the name, cursor, limit

_WORDS: dict[BatchState, Span] = {
    BatchState.WAITING: ("waiting", "quiet"),
    BatchState.MOVING: ("moving", "key"),
    BatchState.CHECKING: ("checking", "key"),
    BatchState.SAFE: ("safe", "good"),
}


class _Files(LineTable["DiskFile | None"]):
    COLUMNS = (
        Column("name", "file", 20, grow=1),
        Column("size", "bytes", 9, right=True),
        Column("batch", "batch", 5, right=True),
        Column("state", "state", 8),
        Column("disk", "disk", 10),
        Column("digest", "sha256", 14, from_width=100),
    )

    def key_of(self, row: DiskFile | None) -> Hashable:
        return None if row is None else (row.job, row.batch, row.name)

    def cells(self, row: DiskFile | None, widths: Mapping[str, int]) -> Mapping[str, Line]:
        if row is None:
            return {}
        return {
            "name": ((short_name(row.name, widths["name"]), ""),),
            "size": ((format_bytes(row.size), ""),),
            "batch": ((str(row.batch), "quiet"),),
            "state": (_WORDS[row.state],),
            "disk": ((safe_text(row.disk, widths["disk"]) or "–", "lead" if row.disk else "quiet"),),
            "digest": ((safe_text(row.digest.partition(":")[2], 14), "quiet"),),
        }


class DiskFilesScreen(Filtered):
    NAME = "batch_files"
    BINDINGS = bindings("batch_files")

    def __init__(self, title: str, question: Question, *, ask_first: bool = False) -> None:
        """`ask_first`: begin with what to look for, as for files of all disks."""
        super().__init__()
        self._title = title
        self._question = question
        self._ask_first = ask_first
        self._rows = PagedRows[DiskFile](self._want)
        self._wanted: set[int] = set()

    def body(self) -> ComposeResult:
        yield Heading((safe_text(self._title, 60), "lead"))
        yield _Files()
        yield FilterBar()
        yield Whole(id="about")

    @property
    def table(self) -> _Files:
        return self.query_one(_Files)

    def on_mount(self) -> None:
        self.say_where("files and disks")
        self.table.focus()
        self.show_rows()
        if self._ask_first:
            self.action_filter()

    def show_rows(self) -> None:
        """The list anew, for what stands in the filter."""
        self._rows = PagedRows[DiskFile](self._want)
        self._wanted.clear()
        self.table.message = ((), (("  Looking …", "quiet"),))
        self.table.attach(self._rows)

    def _want(self, number: int) -> None:
        if number not in self._wanted:
            self._wanted.add(number)
            soon(self, partial(self._fetch, self._rows, number), "files")

    async def _fetch(self, rows: PagedRows[DiskFile], number: int) -> None:
        text = self.filter_text
        try:
            page = await self.haulier.call(self._question(text, rows.cursor_of(number), PAGE))
        except HaulierError as error:
            if rows is self._rows and self.is_mounted:
                self._say_trouble(error)
            return
        if rows is not self._rows or not self.is_mounted:
            return  # the filter changed meanwhile
        self._wanted.discard(number)
        before = len(rows)
        rows.put_rows(number, page.files, page.cursor, page.matching)
        self.table.message = nothing_fits() if text else ((), (("  No file.", "quiet"),))
        self.table.rows_grew() if len(rows) != before else self.table.refresh()
        self._say_state()
        self._say_about()

    def engine_is_back(self) -> None:
        if not self._rows.seen:
            self.show_rows()

    def _say_trouble(self, error: HaulierError) -> None:
        width = self.size.width
        self.table.message = (
            (),
            *wrapped(safe_text(error.message), width, "bad"),
            *wrapped(safe_text(error.hint), width, "quiet"),
        )
        self.table.attach(())

    def _say_state(self) -> None:
        rows = self._rows
        known = rows.matching if rows.matching >= 0 else rows.seen
        more = "" if rows.complete or rows.matching >= 0 else "≥ "
        word = "file" if known == 1 and not more else "files"
        self.query_one(Heading).say(state=[(f"{more}{format_count(known)} {word}", "quiet")])

    def _say_about(self) -> None:
        row = self.table.current if self.is_mounted and len(self.table.rows) else None
        if row is None:
            self.query_one("#about", Whole).say("")
            return
        where = f"disk {row.disk}" if row.disk else "on no disk yet"
        digest = f" · {row.digest}" if row.digest else ""
        self.query_one("#about", Whole).say(f"{row.name} · job {row.job}, batch {row.batch} · {where}{digest}")

    def on_line_table_moved(self) -> None:
        self._say_about()
