"""Looking inside a bucket: folders and objects, level by level, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace
from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import ListEntries
from core.model import Entry, Place
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.screens.frame import HaulierScreen
from tui.widgets.entry_list import EntryList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.heading import Heading, wrapped
from tui.widgets.spans import Span

PAGE = 1000
AHEAD = 300  # rows before the end at which the next page is fetched


@dataclass
class _Level:
    """One folder as far as it was read."""

    place: Place
    entries: list[Entry] = field(default_factory=list)
    next: str = ""
    begun: bool = False
    row: int = 0

    @property
    def complete(self) -> bool:
        return self.begun and not self.next


class BrowseScreen(HaulierScreen):
    """Enter takes what is marked, or the folder one is in, as the source of a job."""

    NAME = "browse"
    CRUMB = "look inside"
    BINDINGS = bindings("browse")

    def __init__(self, place: Place, chosen: Callable[[tuple[Place, ...]], None]) -> None:
        super().__init__()
        self._levels = [_Level(place)]
        self._then = chosen
        self._marked: dict[str, Place] = {}

    def body(self) -> ComposeResult:
        yield Heading()
        yield EntryList(id="entries")
        yield FilterBar()

    @property
    def table(self) -> EntryList:
        return self.query_one(EntryList)

    @property
    def _level(self) -> _Level:
        return self._levels[-1]

    def on_mount(self) -> None:
        self.table.focus()
        self._enter()

    # ------------------------------------------------------------ levels

    def _enter(self) -> None:
        """Show the level that is the last now."""
        level = self._level
        self.table.message = ((), (("  Listing …", "quiet"),))
        self._show()
        self.table.cursor = level.row
        if not level.begun:
            self._read_on()

    def _show(self) -> None:
        level = self._level
        wanted = self.query_one(FilterBar).text.casefold()
        rows = [one for one in level.entries if wanted in one.key.casefold()] if wanted else level.entries
        shown = self.table
        shown.marked = frozenset(key for key in self._marked_here())
        if shown.rows is rows:
            shown.rows_grew()
        else:
            shown.show(rows)
            shown.refresh()
        count = f"{format_count(len(level.entries))}{'' if level.complete else ' so far'}"
        state: list[Span] = [(count, "quiet")]
        if self._marked:
            state = [(f"{len(self._marked)} marked", "lead"), (" · ", "rule"), *state]
        self.query_one(Heading).say(
            [(safe_text(str(level.place), max(20, self.size.width - 36)), "lead")], state
        )

    def _marked_here(self) -> list[str]:
        prefix = str(self._level.place)
        return [place.removeprefix(prefix) for place in self._marked if place.startswith(prefix)]

    def _read_on(self) -> None:
        if self.haulier.client is not None and not self._level.complete:
            self.run_worker(self._read(self._level), group="read", exclusive=True, exit_on_error=False)

    async def _read(self, level: _Level) -> None:
        client = self.haulier.client
        if client is None:
            return
        try:
            page = await client.call(ListEntries(place=level.place, cursor=level.next, limit=PAGE))
        except HaulierError as error:
            self.table.message = (
                (),
                (("  This cannot be listed.", "bad"),),
                *wrapped(safe_text(error.message), self.size.width),
                *wrapped(safe_text(error.hint), self.size.width, "quiet"),
            )
            self.table.refresh()
            return
        level.begun = True
        level.next = page.cursor
        level.entries.extend(page.entries)
        if level is not self._level:
            return
        self.table.message = ((), (("  Nothing is in here.", "quiet"),))
        self._show()
        if len(self.table.rows) < self.size.height and not level.complete:
            self._read_on()

    def on_line_table_moved(self) -> None:
        level = self._level
        level.row = self.table.cursor
        reading = any(worker.group == "read" and worker.is_running for worker in self.workers)
        if level.begun and not reading and level.row >= len(self.table.rows) - AHEAD:
            self._read_on()

    # ------------------------------------------------------------ actions

    def action_look_inside(self) -> None:
        entry = self.table.current
        if entry is None or not entry.is_folder:
            return
        here = self._level.place
        self._drop_filter()
        self._levels.append(_Level(replace(here, path=here.path + entry.key)))
        self._enter()

    def on_line_table_opened(self) -> None:
        self.action_look_inside()

    def action_look_outside(self) -> None:
        if len(self._levels) == 1:
            self.dismiss()
            return
        self._levels.pop()
        self._drop_filter()
        self._enter()

    def action_toggle_mark(self) -> None:
        entry = self.table.current
        if entry is None:
            return
        here = self._level.place
        place = replace(here, path=here.path + entry.key)
        if self._marked.pop(str(place), None) is None:
            self._marked[str(place)] = place
        self._show()
        self.refresh_bindings()

    def action_mark_all(self) -> None:
        here = self._level.place
        places = {
            str(place): place
            for entry in self.table.rows
            for place in [replace(here, path=here.path + entry.key)]
        }
        if places.keys() <= self._marked.keys():
            for name in places:
                del self._marked[name]
        else:
            self._marked |= places
        self._show()
        self.refresh_bindings()

    def action_next_step(self) -> None:
        self._then(tuple(self._marked.values()) or (self._level.place,))

    def label_of(self, action: str) -> str:
        if action == "next_step":
            return f"take the {len(self._marked)} marked" if self._marked else "take this folder"
        return "in" if action == "look_inside" else ""

    def action_reload(self) -> None:
        self._levels[-1] = _Level(self._level.place)
        self._enter()

    def action_filter(self) -> None:
        self.query_one(FilterBar).open()

    def on_filter_bar_changed(self) -> None:
        self._show()

    def on_filter_bar_closed(self) -> None:
        self.table.focus()

    def _drop_filter(self) -> None:
        bar = self.query_one(FilterBar)
        if bar.text:
            bar.action_drop()
