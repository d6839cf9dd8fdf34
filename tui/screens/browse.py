"""Looking inside a bucket, a repository or a folder: level by level, a million entries as easily as ten.

Marks belong to the whole tree: the folder one is in shows its own, the heading counts all of them. The engine
reads and keeps the folders (`core.listings`); here are only the rows in sight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.timer import Timer

from core.client import EngineClient
from core.errors import Code, HaulierError
from core.filters import filters_for
from core.listings import (
    CloseListing,
    FindInListing,
    ListingRow,
    OpenListing,
    RangeOfListing,
    RowOrder,
    RowsSummed,
    Sort,
    SumOfListing,
)
from core.messages import Analyse, Measure, Measured
from core.model import Analysis, Place
from core.positions import Positions
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.counting import Counter, Question
from tui.draft import Taken
from tui.folder_level import Level
from tui.keys import key_of
from tui.marks import Marks
from tui.screens.marking import MarkingScreen
from tui.soon import instead
from tui.state import Link, ViewState
from tui.taking import MOST_MARKS, MarkedLevel, Patterns, above_of, take
from tui.widgets.amounts import bytes_words
from tui.widgets.entry_list import EntryList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.spans import Line, Span

POLL = 0.15  # seconds between looks at a listing that is still being read
ORDERS: tuple[tuple[Sort, bool], ...] = (("name", False), ("size", True), ("modified", True))
ORDER_WORDS: dict[tuple[Sort, bool], str] = {
    ("name", False): "by name",
    ("name", True): "by name, from the end",
    ("size", True): "largest first",
    ("size", False): "smallest first",
    ("modified", True): "newest first",
    ("modified", False): "oldest first",
}


class BrowseScreen(MarkingScreen):
    """Enter takes what is marked, or the folder one is in, as the source of a job."""

    NAME = "browse"
    CRUMB = "look inside"
    BINDINGS = bindings("browse")
    AS_FOLDER: ClassVar[bool] = False  # whether a single mark is taken as a folder and a pattern, too

    def __init__(self, place: Place, chosen: Callable[[Taken], None], other: Place | None = None) -> None:
        super().__init__()
        self._root = place
        self._other = other
        self._then = chosen
        self._levels: dict[str, Level] = {}  # all that were looked at
        self._path = ""
        self._sort, self._descending = ORDERS[0]
        self._patterns = Patterns()
        self._counter = Counter[Question, Measured | Analysis](self._question)
        self._drawn = -1
        self._tick: Timer | None = None
        self._wake = asyncio.Event()
        self._at_end = False  # the cursor stays at the last row while the list grows

    def body(self) -> ComposeResult:
        yield Heading()
        yield from self.selection_line()
        yield Words(id="patterns")
        yield self.make_table()
        yield FilterBar()

    def make_table(self) -> EntryList:
        return EntryList(id="entries")

    @property
    def table(self) -> EntryList:
        return self.query_one(EntryList)

    @property
    def _level(self) -> Level:
        return self._levels.get(self._path) or self._new_level(self._path, -1)

    def _new_level(self, path: str, number: int) -> Level:
        place = replace(self._root, path=self._root.path + path)
        other = replace(self._other, path=self._other.path + path) if self._other is not None else None
        level = Level(path, place, other, number, self.marks_changed)
        self._levels[path] = level
        return level

    @property
    def marks(self) -> Marks:  # type: ignore[override]
        return self._level.marks

    def on_mount(self) -> None:
        self.table.focus()
        self._enter()
        self.run_worker(self._follow(), group="follow", exit_on_error=False)
        self._tick = self.set_interval(0.4, self._count_more)

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "count")
        if self._tick is not None:
            self._tick.pause()

    def on_screen_resume(self) -> None:
        self._wake.set()
        if self._tick is not None:
            self._tick.resume()

    def on_unmount(self) -> None:
        if (client := self.haulier.client) is not None:
            ids = [level.id for level in self._levels.values() if level.id]
            self.app.run_worker(_close(client, ids), group="close", exit_on_error=False)

    def view_changed(self, view: ViewState) -> None:
        if view.link is Link.UP:
            self._wake.set()

    # ------------------------------------------------------------ levels

    def _enter(self) -> None:
        """Show the level one is in now."""
        level = self._level
        row = level.row
        self._at_end = False
        self.end_range()
        level.show_in(self._row_order())
        self.table.attach(level.rows)
        self.table.cursor = max(0, min(row, len(level.rows) - 1))
        self.show_level()
        self.marks_changed()
        self._wake.set()

    def _row_order(self) -> RowOrder:
        return RowOrder(sort=self._sort, descending=self._descending, wanted=self._wanted_name)

    @property
    def _wanted_name(self) -> str:
        return self.query_one(FilterBar).text[:1000]

    def show_rows(self) -> None:
        """The filter or the order changed."""
        level = self._level
        order = self._row_order()
        if order != level.rows.order:
            level.show_in(order)
            self._at_end = False
            self.table.attach(level.rows)
        self.show_level()
        self._wake.set()

    def show_level(self) -> None:
        """Draw what is known of the level now."""
        level = self._level
        self.table.message = self._message(level)
        filters = filters_for(self._root, self._patterns.include, self._patterns.exclude)
        self.table.leaves_out = (
            (lambda entry: not filters.wants(level.path + entry.key)) if self._patterns else None
        )
        if self.table.rows is not level.rows:
            self.table.attach(level.rows)
        else:
            self.table.rows_grew()
        if self._at_end:
            self.table.cursor = max(0, len(level.rows) - 1)
        self._draw_measured()
        self.say_state()

    def _message(self, level: Level) -> list[Line]:
        if level.trouble is not None:
            return [
                (),
                (("  This cannot be listed.", "bad"),),
                *wrapped(level.trouble.message, self.size.width),
                *wrapped(level.trouble.hint, self.size.width, "quiet"),
                (),
                ((f"  {key_of('reload')}", "key"), ("  try again", "")),
            ]
        if self.haulier.client is None and not level.begun:
            way_out = (f"  {key_of('restart_engine')}", "key"), ("  starts it", "")
            return [(), (("  The engine is away: nothing can be listed.", "bad"),), way_out]
        if not level.begun or not level.rows.settled:
            return [(), (("  Listing …" if not level.complete else "  Looking …", "quiet"),)]
        if level.listed:
            return [(), (("  Nothing here passes the filter.", "quiet"),)]
        return [(), (("  Nothing is in here.", "quiet"),)]

    def say_state(self) -> None:
        level = self._level
        room = max(16, self.size.width - 46)
        title: list[Span] = [(safe_text(self.where(level), room), "lead")]
        if any(self._is_marked(above) for above in above_of(level.path)):
            title.append(("  within a marked folder", "warn"))
        state: list[Span] = [*self.count_words(level)]
        if self.in_range:
            state = [("range", "warn"), (" · ", "rule"), *state]
        if marked := self._marked_words():
            state = [(marked, "lead"), (" · ", "rule"), *state]
        self.query_one(Heading).say(title, state)
        self.query_one("#patterns", Words).say(*self._lines(level))
        self.refresh_bindings()

    def where(self, level: Level) -> str:
        """The place that is shown."""
        return str(level.place)

    def count_words(self, level: Level) -> list[Span]:
        """How many are here, how they stand, and whether that is all."""
        words: list[Span] = []
        if not level.rows.order.is_listed:
            passing = f"{format_count(len(level.rows))}{'' if level.rows.settled else ' so far'} of "
            words.append((passing, "lead"))
        listed = f"{format_count(level.listed)}{'' if level.complete else ' so far'} here"
        if level.trouble is not None and level.listed:
            return [*words, (listed, "quiet"), (" · ", "rule"), ("listing stopped", "bad")]
        words.append((listed, "quiet"))
        if (order := (self._sort, self._descending)) != ORDERS[0]:
            words += [(" · ", "rule"), (ORDER_WORDS[order], "quiet")]
        return words

    def _lines(self, level: Level) -> list[Line]:
        lines = self._pattern_lines()
        if level.trouble is not None and len(level.rows):
            said = safe_text(level.trouble.message, max(20, self.size.width - 20))
            lines.append(((f" {said}  ", "bad"), (key_of("reload"), "key"), (" goes on", "quiet")))
        elif level.notes:
            more = f" (+{len(level.notes) - 1} more)" if len(level.notes) > 1 else ""
            lines.append(((f" {safe_text(level.notes[0], max(20, self.size.width - 14))}{more}", "warn"),))
        return lines

    def _is_marked(self, folder: str) -> bool:
        level = self._levels.get(folder)
        if level is None or level.number < 0:
            return False
        head, _, _ = folder.removesuffix("/").rpartition("/")
        above = self._levels.get(f"{head}/" if head else "")
        return above is not None and level.number in above.marks.chosen

    def _marked_levels(self) -> Iterator[Level]:
        """Levels with marks that count: what lies below a marked folder is in it already."""
        for level in self._levels.values():
            if level.marks.chosen and not any(self._is_marked(above) for above in above_of(level.path)):
                yield level

    def _marked_words(self) -> str:
        """ "3 marked: 1 204 files, 2.1 GiB": files by their size, folders as far as they were counted."""
        marked = list(self._marked_levels())
        if not marked:
            return ""
        count = format_count(sum(len(level.marks.chosen) for level in marked))
        sums = [level.sum for level in marked]
        if any(one is None for one in sums):
            return f"{count} marked"
        known_sums = [one for one in sums if one is not None]
        whole = all(level.fresh_sum is not None for level in marked)
        names = [
            level.path + name for level in marked for name in (level.sum.folder_names if level.sum else ())
        ]
        whole = whole and len(names) == sum(one.folders for one in known_sums)
        measured = [self._counter.measured.get(name) for name in names]
        whole = whole and all(one is not None and one.complete for one in measured)
        files = sum(one.files for one in known_sums)
        files += sum(one.total.count for one in measured if one is not None)
        size = sum(one.bytes for one in known_sums)
        size += sum(one.total.bytes for one in measured if one is not None)
        unsized = sum(one.unsized for one in known_sums)
        at_least = "" if whole else "≥ "
        files_word = "file" if files == 1 and whole else "files"
        return (
            f"{count} marked: {at_least}{format_count(files)} {files_word}, "
            f"{bytes_words(size, unsized, complete=whole)}"
        )

    def _pattern_lines(self) -> list[Line]:
        line: list[Span] = []
        for word, globs in (("only ", self._patterns.include), ("without ", self._patterns.exclude)):
            if globs:
                line += [(f" {word}", "quiet"), (safe_text(" ".join(globs), self.size.width // 2 - 10), "lead")]
        return [(*line, (f"   {key_of('set_patterns')}", "key"), (" changes", "quiet"))] if line else []

    # ------------------------------------------------------------ asking the engine

    async def _follow(self) -> None:
        """Ask for what is wanted, one question at a time, as long as the screen is there."""
        while True:
            self._wake.clear()
            client = self.haulier.client
            level = self._level
            asked = False
            if client is not None and self.is_attached:
                try:
                    asked = await self._ask_one(client, level)
                except HaulierError as error:
                    self._refused(level, error)
            if not asked:
                await self._wake.wait()

    async def _ask_one(self, client: EngineClient, level: Level) -> bool:
        """Ask what the level needs next; False when it needs nothing."""
        if not level.id:
            if level.trouble is not None and not level.retry:
                return False
            level.trouble, level.retry = None, False
            adhoc = self.haulier.adhoc_for(level.place)
            opened = await client.call(OpenListing(place=level.place, other=level.other, adhoc=adhoc))
            level.id = opened.id
            return True
        table = self.table
        top = int(table.scroll_offset.y)
        ask = level.question(top, max(1, table.size.height), table.cursor)
        if ask is not None:
            page = await client.call(ask)
            if level.take(ask, page):
                level.marks.read_again()
                if level is self._level:
                    self.show_level()
            if level.complete and level.again:
                await self._mark_again(client, level)
            if not level.rows.settled and ask.first // ask.count not in level.rows.missing:
                await self._nap()
            return True
        if await self._look_up_words(client, level):
            return True
        for one in list(self._levels.values()):
            if one.id and one.marks.chosen and one.fresh_sum is None:
                await self._sum(one)
                return True
        return False

    async def _nap(self) -> None:
        """Until something is wanted, or it is time to look again."""
        try:
            await asyncio.wait_for(self._wake.wait(), POLL)
        except TimeoutError:
            return

    async def _look_up_words(self, client: EngineClient, level: Level) -> bool:
        missing = level.names.missing(level.marks.box) if level.marks.is_typed and level.id else []
        if not missing:
            return False
        for (text, is_glob), after in missing:
            ask = FindInListing(id=level.id, words=(text,), is_glob=is_glob, after=after)
            found = await client.call(ask)
            level.names.put((text, is_glob), Positions.from_bytes(found.rows), found.listed)
        level.marks.read_again()
        return True

    async def _sum(self, level: Level, names: int = 0) -> RowsSummed:
        chosen = level.marks.chosen
        summed = await self.haulier.call(
            SumOfListing(
                id=level.id, rows=chosen.to_bytes(), include=self._patterns.include,
                exclude=self._patterns.exclude, below=level.path, names=names,
            )
        )  # fmt: skip
        level.sum, level.summed = summed, chosen
        self.say_state()
        return summed

    async def _mark_again(self, client: EngineClient, level: Level) -> None:
        """The list was read anew: marks stay with their names."""
        names, level.again = level.again, ()
        found = Positions.from_bytes(
            (await client.call(FindInListing(id=level.id, words=names, is_glob=False))).rows
        )
        level.marks.set(found)
        if (lost := len(names) - len(found)) > 0:
            self.haulier.tell(f"{format_count(lost)} of the marked entries are not there any more.")

    def _refused(self, level: Level, error: HaulierError) -> None:
        if error.code is Code.UNAVAILABLE:
            return  # the line broke: the view says so, and wakes us when it is back
        if error.code is Code.NOT_FOUND and level.id:
            if level.marks.chosen:
                self.haulier.tell("The engine has begun anew: this list is read again, without its marks.")
            level.forget()
            self._wake.set()
            if level is self._level:
                self.table.attach(level.rows)
        else:
            level.trouble = HaulierError(error.code, safe_text(error.message), safe_text(error.hint))
        if level is self._level:
            self.show_level()
            self.marks_changed()

    def on_line_table_moved(self) -> None:
        level = self._level
        level.row = self.table.cursor
        if self.table.cursor < len(level.rows) - 1:
            self._at_end = False
        self._wake.set()

    def on_entry_list_went_last(self) -> None:
        level = self._level
        if not level.complete:
            level.to_end, self._at_end = True, True
        self._wake.set()

    def marks_changed(self) -> None:
        self._wake.set()
        super().marks_changed()

    def between(self, first: int, last: int, then: Callable[[Positions], None]) -> None:
        low, high = sorted((first, last))
        level = self._level
        if level.rows.order.is_listed:
            then(Positions.span(low, high))
            return
        rows = level.rows[low : high + 1] if high - low < 50 else []
        numbers = [row.number for row in rows if row is not None]
        if len(numbers) == high - low + 1:
            then(Positions(numbers))
            return
        instead(self, partial(self._find_range, level, low, high, then), "range")

    async def _find_range(self, level: Level, low: int, high: int, then: Callable[[Positions], None]) -> None:
        ask = RangeOfListing(id=level.id, order=level.rows.order, first=low, last=high)
        if (found := await self.haulier.ask(ask)) is not None and level is self._level:
            then(Positions.from_bytes(found.rows))

    # ------------------------------------------------------------ counting marked folders

    def _question(self, name: str, seconds: float) -> Question:
        place = replace(self._root, path=self._root.path + name)
        adhoc = self.haulier.adhoc_for(place)
        if not self._patterns:
            return Measure(place=place, seconds=seconds, adhoc=adhoc)
        include, exclude = self._patterns.include, self._patterns.exclude
        return Analyse(place=place, include=include, exclude=exclude, seconds=seconds, adhoc=adhoc)

    def _count_more(self) -> None:
        """Count marked folders, two at a time. Called often; costs nothing when all is known."""
        if self.haulier.client is None or not self.is_current:
            return
        folders = [
            level.path + name
            for level in self._marked_levels()
            for name in (level.sum.folder_names if level.sum is not None else ())
        ]
        while (name := self._counter.next_up(folders, ())) is not None:
            self.run_worker(self._count(name), group="count", exit_on_error=False)
        self._draw_measured()

    async def _count(self, name: str) -> None:
        client = self.haulier.client
        if client is None:
            return

        async def call(ask: Question) -> Measured | Analysis:
            if isinstance(ask, Measure):
                return await client.call(ask)
            return await client.call(ask)

        await self._counter.count(name, call)
        self._count_more()
        self.say_state()

    def _draw_measured(self) -> None:
        version = hash((self._counter.version, self._path))
        if version == self._drawn:
            return
        self._drawn = version
        here = self._path
        known = {name.removeprefix(here): one for name, one in self._counter.measured.items()
                 if name.startswith(here)}  # fmt: skip
        running = frozenset(name.removeprefix(here) for name in self._counter.running)
        self.table.show_measured(known, running)

    # ------------------------------------------------------------ actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "set_patterns" and self._root.kind != "hub":
            return False
        if action in OF_THE_LIST and self.is_mounted and self.box.has_focus:
            return False
        return super().check_action(action, parameters)

    @property
    def current(self) -> ListingRow | None:
        return self.table.current

    def action_look_inside(self) -> None:
        row = self.current
        if row is None:
            return
        if not row.is_folder:
            self.action_show_object()
            return
        self._drop_filter()
        path = self._path + row.name
        if path not in self._levels:
            self._new_level(path, row.number)
        self._path = path
        self._enter()

    def on_line_table_opened(self) -> None:
        self.action_look_inside()

    def action_look_outside(self) -> None:
        if not self._path:
            self.dismiss()
            return
        head, slash, _ = self._path.removesuffix("/").rpartition("/")
        self._path = head + slash
        self._drop_filter()
        self._enter()

    def action_show_object(self) -> None:
        from tui.screens.object_details import ObjectScreen

        row = self.current
        if row is None or row.is_folder:
            return
        places = [
            replace(place, path=place.path + row.name)
            for place, entry in ((self._level.place, row.entry), (self._level.other, row.other))
            if place is not None and entry is not None
        ]
        self.app.push_screen(ObjectScreen(tuple(places)))

    def action_compare_with(self) -> None:
        from tui.screens.new_job import compare_with

        compare_with(self.haulier, self._level.place)

    def action_next_order(self) -> None:
        sorts = [sort for sort, _ in ORDERS]
        self._sort, self._descending = ORDERS[(sorts.index(self._sort) + 1) % len(ORDERS)]
        self.end_range()
        self.show_rows()

    def action_reverse_order(self) -> None:
        self._descending = not self._descending
        self.end_range()
        self.show_rows()

    def action_mark_all(self) -> None:
        level = self._level
        if level.complete or not level.rows.order.is_listed:
            self._when_settled(super().action_mark_all)
            return
        # Not all of the folder is known: `all` is written, and means what is still to come.
        self.end_range()
        self.marks.type("" if self.marks.box == "all" else "all")

    def action_invert_marks(self) -> None:
        self._level.to_end = True
        self._when_settled(super().action_invert_marks)

    def _when_settled(self, mark: Callable[[], None]) -> None:
        """Marks that mean every row need every row."""
        level = self._level
        if level.rows.settled:
            mark()
        else:
            self._wake.set()
            self.haulier.tell(
                f"Still reading this folder: {format_count(level.listed)} so far. Then once more."
            )

    def action_next_step(self) -> None:
        instead(self, partial(self._take, self._then), "take")

    def action_analyse_place(self) -> None:
        from tui.screens.analysis import AnalysisScreen

        def analyse(taken: Taken) -> None:
            self.app.push_screen(AnalysisScreen(taken, self._then))

        instead(self, partial(self._take, analyse), "take")

    async def _take(self, then: Callable[[Taken], None]) -> None:
        """Hand on what is marked."""
        try:
            levels = await self._gather()
            if levels is None:
                self.haulier.tell(f"Still listing this folder: {format_count(self._level.listed)} so far.")
                return
            taken = take(self._root, self._path, levels, self._patterns, as_folder=self.AS_FOLDER)
        except HaulierError as error:
            self.haulier.complain(error)
            return
        then(taken)

    async def _gather(self) -> dict[str, MarkedLevel] | None:
        """The marks with their names; None while it is not known what is marked."""
        marked = list(self._marked_levels())
        levels: dict[str, MarkedLevel] = {}
        for level in marked:
            if level.needs_names and (not level.complete or level.names.missing(level.marks.box)):
                return None
            summed = await self._sum(level, MOST_MARKS)
            box = level.marks.box if level.marks.is_typed else ""
            count = len(level.marks.chosen) if summed.names is None else len(summed.names)
            if count:
                levels[level.path] = MarkedLevel(count, summed.folders, summed.names, summed.others, box)
        return levels

    def label_of(self, action: str) -> str:
        if action == "next_step":
            marked = sum(len(level.marks.chosen) for level in self._marked_levels())
            return f"take the {format_count(marked)} marked" if marked else "take this folder"
        if action == "look_inside":
            row = self.current
            return "in" if row is None or row.is_folder else "details"
        return ""

    def action_set_patterns(self) -> None:
        from tui.screens.patterns import PatternsScreen

        def chosen(patterns: Patterns | None) -> None:
            if patterns is not None and patterns != self._patterns:
                self._patterns = patterns
                self._counter.forget()
                for level in self._levels.values():
                    level.sum = level.summed = None
                self.show_rows()

        self.app.push_screen(PatternsScreen(self._patterns), chosen)

    def action_reload(self) -> None:
        level = self._level
        if level.trouble is not None:  # what was read is kept: the listing goes on where it stopped
            level.retry = True
            self._wake.set()
            return
        instead(self, partial(self._read_anew, level), "reload")

    async def _read_anew(self, level: Level) -> None:
        box = level.marks.box if level.marks.is_typed else ""
        names: tuple[str, ...] = ()
        client = self.haulier.client
        if client is not None and level.id:
            try:
                if level.marks.chosen and not box:
                    summed = await self._sum(level, MOST_MARKS)
                    if summed.names is None:
                        self.haulier.tell("So many single marks cannot be kept when the list is read again.")
                    names = summed.names or ()
                await client.call(CloseListing(id=level.id))
            except HaulierError as error:
                self.haulier.complain(error)
                return
        level.forget()
        level.again = names
        self._counter.forget()
        if box:
            level.marks.type(box)
        if level is self._level:
            self._enter()

    def _drop_filter(self) -> None:
        bar = self.query_one(FilterBar)
        if bar.text:
            bar.action_drop()


OF_THE_LIST = frozenset({"set_patterns", "analyse_place", "next_order", "show_object", "compare_with"})


async def _close(client: EngineClient, ids: list[str]) -> None:
    """Nobody looks at these listings any more. An engine that is away has closed them with itself."""
    for one in ids:
        try:
            await client.call(CloseListing(id=one))
        except HaulierError:
            return
