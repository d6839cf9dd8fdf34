"""Looking inside a bucket, a repository or a folder: level by level, a million entries as easily as ten.

Marks belong to the whole tree: the folder one is in shows its own, the heading counts all of them. The engine
reads and keeps the folders (`core.listings`); here are only the rows in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.timer import Timer

from core.errors import HaulierError
from core.filters import filters_for
from core.listings import (
    ListingRow,
    RowOrder,
    Sort,
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
from tui.level_asking import LevelAsking, Outdated, Window
from tui.level_tree import LevelTree
from tui.marked_amount import amount_words, folders_to_count
from tui.marks import Marks
from tui.screens.marking import MarkingScreen
from tui.soon import instead, soon
from tui.state import Link, ViewState
from tui.taking import Patterns, above_of, take
from tui.widgets.entry_list import EntryList
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.spans import Line, Span

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
        self._then = chosen
        self._path = ""
        self._sort, self._descending = ORDERS[0]
        self._patterns = Patterns()
        self._counter = Counter[Question, Measured | Analysis](self._question)
        self._drawn = -1
        self._tick: Timer | None = None
        self._at_end = False  # the cursor stays at the last row while the list grows
        self._tree = LevelTree(place, other, self.marks_changed)
        self._tree.enter("")
        self._asking = LevelAsking(
            lambda: self.haulier, self._tree, self._in_sight, self._level_changed, lambda: self._patterns
        )
        self._marks_shown: Marks | None = None

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
        return self._tree.levels[self._path]

    def _in_sight(self) -> Window:
        table = self.table
        return Window(self._level, int(table.scroll_offset.y), max(1, table.size.height), table.cursor)

    @property
    def marks(self) -> Marks:  # type: ignore[override]
        return self._level.marks

    def on_mount(self) -> None:
        self.table.focus()
        self._enter()
        soon(self, self._asking.follow, "follow")
        self._tick = self.set_interval(0.4, self._count_more)

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "count")
        if self._tick is not None:
            self._tick.pause()

    def on_screen_resume(self) -> None:
        self._asking.wake()
        if self._tick is not None:
            self._tick.resume()

    def on_unmount(self) -> None:
        self._asking.close_all()

    def view_changed(self, view: ViewState) -> None:
        if view.link is Link.UP:
            self._asking.wake()

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
        self._asking.wake()

    def _row_order(self) -> RowOrder:
        return RowOrder(sort=self._sort, descending=self._descending, wanted=self._wanted_name)

    @property
    def _wanted_name(self) -> str:
        return self.filter_text[:1000]

    def show_rows(self) -> None:
        """The filter or the order changed."""
        level = self._level
        order = self._row_order()
        if order != level.rows.order:
            level.show_in(order)
            self._at_end = False
            self.table.attach(level.rows)
        self.show_level()
        self._asking.wake()

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

    def _message(self, level: Level) -> Sequence[Line]:
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
            return nothing_fits()
        return [(), (("  Nothing is in here.", "quiet"),)]

    def say_state(self) -> None:
        level = self._level
        room = max(16, self.size.width - 46)
        title: list[Span] = [(safe_text(self.where(level), room), "lead")]
        if any(self._tree.is_marked(above) for above in above_of(level.path)):
            title.append(("  within a marked folder", "warn"))
        state: list[Span] = [*self.count_words(level)]
        if self.in_range:
            state = [("range", "warn"), (" · ", "rule"), *state]
        if marked := amount_words(self._tree, self._counter.measured):
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
        if level.rows.order.leaves_out:
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

    def _pattern_lines(self) -> list[Line]:
        line: list[Span] = []
        for word, globs in (("only ", self._patterns.include), ("without ", self._patterns.exclude)):
            if globs:
                line += [(f" {word}", "quiet"), (safe_text(" ".join(globs), self.size.width // 2 - 10), "lead")]
        return [(*line, (f"   {key_of('set_patterns')}", "key"), (" changes", "quiet"))] if line else []

    def _level_changed(self, level: Level) -> None:
        """The engine told something else of a level."""
        if level is self._level:
            self.show_level()
            if level.marks is not self._marks_shown:  # it was forgotten, with its marks
                self.marks_changed()
        else:
            self.say_state()

    def on_line_table_moved(self) -> None:
        level = self._level
        level.row = self.table.cursor
        if self.table.cursor < len(level.rows) - 1:
            self._at_end = False
        self._asking.wake()

    def on_entry_list_went_last(self) -> None:
        level = self._level
        if not level.complete:
            level.to_end, self._at_end = True, True
        self._asking.wake()

    def marks_changed(self) -> None:
        self._marks_shown = self.marks
        self._asking.wake()
        super().marks_changed()

    def between(self, first: int, last: int, then: Callable[[Positions], None]) -> None:
        low, high = sorted((first, last))
        level = self._level
        if level.rows.order.is_listed:
            then(Positions.span(low, high))
            return
        if not level.rows.settled and (level.rows.order.sort != "name" or level.rows.order.descending):
            self.end_range()  # rows still change their places: what was seen may be elsewhere by now
            self._when_settled(lambda: None)
            return
        rows = level.rows[low : high + 1] if high - low < 50 else []
        numbers = [row.number for row in rows if row is not None]
        if len(numbers) == high - low + 1:
            then(Positions(numbers))
            return
        instead(self, partial(self._find_range, level, low, high, then), "range")

    async def _find_range(self, level: Level, low: int, high: int, then: Callable[[Positions], None]) -> None:
        try:
            found = await self._asking.range(level, low, high)
        except HaulierError as error:
            self.haulier.complain(error)
        except Outdated:
            self.end_range()
        else:
            if level is self._level:
                then(found)

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
        folders = folders_to_count(self._tree)
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
        self._path += row.name
        self._tree.enter(self._path, row.number)
        self._enter()

    def on_line_table_opened(self) -> None:
        self.action_look_inside()

    def action_look_outside(self) -> None:
        if not self._path:
            self.dismiss()
            return
        head, slash, _ = self._path.removesuffix("/").rpartition("/")
        self._path = head + slash
        self._tree.enter(self._path)
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
            self._asking.wake()
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
            levels = await self._asking.gather()
            taken = take(self._root, self._path, levels, self._patterns, as_folder=self.AS_FOLDER)
        except HaulierError as error:
            self.haulier.complain(error)
            return
        then(taken)

    def label_of(self, action: str) -> str:
        if action == "next_step":
            marked = self._tree.count
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
                for level in self._tree.levels.values():
                    level.sum = level.summed = None
                self.show_rows()

        self.app.push_screen(PatternsScreen(self._patterns), chosen)

    def action_reload(self) -> None:
        level = self._level
        if level.trouble is not None:  # what was read is kept: the listing goes on where it stopped
            level.retry = True
            self._asking.wake()
            return
        instead(self, partial(self._read_anew, level), "reload")

    async def _read_anew(self, level: Level) -> None:
        try:
            is_anew = await self._asking.read_anew(level)
        except HaulierError as error:
            self.haulier.complain(error)
            return
        self._counter.forget()
        if is_anew and level is self._level:
            self._enter()

    def _drop_filter(self) -> None:
        bar = self.query_one(FilterBar)
        if bar.text:
            bar.action_drop()


OF_THE_LIST = frozenset({"set_patterns", "analyse_place", "next_order", "show_object", "compare_with"})
