"""Looking inside a bucket or a repository: folders and files, level by level, page by page.

Marks belong to the whole tree: the folder one is in shows its own, the heading counts all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace
from textual.app import ComposeResult
from textual.timer import Timer

from core.errors import HaulierError
from core.filters import filters_for
from core.messages import Analyse, ListEntries, Measure, Measured
from core.model import UNSIZED, Analysis, Entry, Place
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.counting import Counter, Question
from tui.draft import Taken
from tui.keys import key_of
from tui.marks import Marks
from tui.screens.marking import MarkingScreen, passing
from tui.taking import MarkedLevel, Patterns, above_of, marked_entries, take
from tui.widgets.amounts import bytes_words
from tui.widgets.entry_list import EntryList
from tui.widgets.filter_bar import FilterBar
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.spans import Line, Span

PAGE = 1000
AHEAD = 300  # rows before the end at which the next page is fetched


@dataclass
class _Level:
    """One folder as far as it was read."""

    path: str  # below the root
    place: Place
    marks: Marks
    entries: list[Entry] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    next: str = ""
    begun: bool = False
    row: int = 0
    trouble: HaulierError | None = None
    again: frozenset[str] = frozenset()  # names that were marked before the list was read anew

    @property
    def complete(self) -> bool:
        return self.begun and not self.next


class BrowseScreen(MarkingScreen):
    """Enter takes what is marked, or the folder one is in, as the source of a job."""

    NAME = "browse"
    CRUMB = "look inside"
    BINDINGS = bindings("browse")

    def __init__(self, place: Place, chosen: Callable[[Taken], None]) -> None:
        super().__init__()
        self._root = place
        self._then = chosen
        self._levels: dict[str, _Level] = {}  # all that were looked at
        self._path = ""
        self._patterns = Patterns()
        self._counter = Counter[Question, Measured | Analysis](self._question)
        self._marked: list[tuple[str, Entry]] | None = None  # made from the marks when it is asked for
        self._drawn = -1
        self._tick: Timer | None = None

    def body(self) -> ComposeResult:
        yield Heading()
        yield from self.selection_line()
        yield Words(id="patterns")
        yield EntryList(id="entries")
        yield FilterBar()

    @property
    def table(self) -> EntryList:
        return self.query_one(EntryList)

    @property
    def _level(self) -> _Level:
        if self._path not in self._levels:
            place = replace(self._root, path=self._root.path + self._path)
            self._levels[self._path] = _Level(self._path, place, Marks((), self.marks_changed))
        return self._levels[self._path]

    @property
    def marks(self) -> Marks:  # type: ignore[override]
        return self._level.marks

    def on_mount(self) -> None:
        self.table.focus()
        self._enter()
        self._tick = self.set_interval(0.4, self._count_more)

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "count")
        if self._tick is not None:
            self._tick.pause()

    def on_screen_resume(self) -> None:
        if self._tick is not None:
            self._tick.resume()

    # ------------------------------------------------------------ levels

    def _enter(self) -> None:
        """Show the level one is in now."""
        level = self._level
        row = level.row
        self.end_range()
        self.show_rows()
        self.table.cursor = row
        self.marks_changed()
        if not level.begun:
            self._read_on()

    def show_rows(self) -> None:
        level = self._level
        self.table.message = self._message(level)
        self.table.left_out = self._left_out(level)
        self.table.show_entries(level.entries, passing(level.names, self.wanted))
        self._draw_measured()
        self.say_state()

    def _message(self, level: _Level) -> list[Line]:
        if level.trouble is not None:
            return [
                (),
                (("  This cannot be listed.", "bad"),),
                *wrapped(safe_text(level.trouble.message), self.size.width),
                *wrapped(safe_text(level.trouble.hint), self.size.width, "quiet"),
                (),
                ((f"  {key_of('reload')}", "key"), ("  try again", "")),
            ]
        if not level.complete:
            return [(), (("  Listing …", "quiet"),)]
        return [(), (("  Nothing is in here.", "quiet"),)]

    def _left_out(self, level: _Level) -> frozenset[int]:
        """Files that the patterns do not let in; of folders nobody knows before they were looked into."""
        if not self._patterns:
            return frozenset()
        filters = filters_for(self._root, self._patterns.include, self._patterns.exclude)
        return frozenset(
            at
            for at, entry in enumerate(level.entries)
            if not entry.is_folder and not filters.wants(level.path + entry.key)
        )

    def say_state(self) -> None:
        level = self._level
        count = f"{format_count(len(level.entries))}{'' if level.complete else ' so far'}"
        room = max(16, self.size.width - 40)
        title: list[Span] = [(safe_text(str(level.place), room), "lead")]
        if any(self._is_marked(above) for above in above_of(level.path)):
            title.append(("  within a marked folder", "warn"))
        state: list[Span] = [(f"{count} here", "quiet")]
        if self.in_range:
            state = [("range", "warn"), (" · ", "rule"), *state]
        if marked := self._marked_words():
            state = [(marked, "lead"), (" · ", "rule"), *state]
        self.query_one(Heading).say(title, state)
        self.query_one("#patterns", Words).say(*self._pattern_lines())
        self.refresh_bindings()

    def _is_marked(self, folder: str) -> bool:
        head, _, name = folder.removesuffix("/").rpartition("/")
        level = self._levels.get(f"{head}/" if head else "")
        return level is not None and f"{name}/" in level.marks.chosen_names

    def _marked_levels(self) -> dict[str, MarkedLevel]:
        return {
            path: MarkedLevel(level.entries, level.marks.chosen, level.complete)
            for path, level in self._levels.items()
        }

    @property
    def _marks_of_all(self) -> list[tuple[str, Entry]]:
        """Every mark of the tree with its folder; made once for each change, it may be long."""
        if self._marked is None:
            self._marked = marked_entries(self._marked_levels())
        return self._marked

    def _marked_words(self) -> str:
        """ "3 marked: 1 204 files, 2.1 GiB": files by their size, folders as far as they were counted."""
        marks = self._marks_of_all
        if not marks:
            return ""
        filters = filters_for(self._root, self._patterns.include, self._patterns.exclude)
        files = [(path, entry) for path, entry in marks if not entry.is_folder]
        inside = [entry for path, entry in files if not filters or filters.wants(path + entry.key)]
        known = [self._counter.measured.get(path + entry.key) for path, entry in marks if entry.is_folder]
        whole = all(one is not None and one.complete for one in known)
        count = len(inside) + sum(one.total.count for one in known if one is not None)
        total = sum(entry.size for entry in inside if entry.size != UNSIZED)
        total += sum(one.total.bytes for one in known if one is not None)
        unsized = sum(entry.size == UNSIZED for entry in inside)
        at_least = "" if whole else "≥ "
        files_word = "file" if count == 1 and whole else "files"
        return (
            f"{format_count(len(marks))} marked: {at_least}{format_count(count)} {files_word}, "
            f"{bytes_words(total, unsized, complete=whole)}"
        )

    def _pattern_lines(self) -> list[Line]:
        line: list[Span] = []
        for word, globs in (("only ", self._patterns.include), ("without ", self._patterns.exclude)):
            if globs:
                line += [(f" {word}", "quiet"), (safe_text(" ".join(globs), self.size.width // 2 - 10), "lead")]
        return [(*line, (f"   {key_of('set_patterns')}", "key"), (" changes", "quiet"))] if line else []

    # ------------------------------------------------------------ reading

    def _read_on(self) -> None:
        if self.haulier.client is not None and not self._level.complete:
            self.run_worker(self._read(self._level), group="read", exclusive=True, exit_on_error=False)

    async def _read(self, level: _Level) -> None:
        client = self.haulier.client
        if client is None:
            return
        adhoc = self.haulier.adhoc_for(level.place)
        ask = ListEntries(place=level.place, cursor=level.next, limit=PAGE, adhoc=adhoc)
        try:
            page = await client.call(ask)
        except HaulierError as error:
            level.trouble = error
            if level is self._level:
                self.show_rows()
            return
        level.begun, level.trouble, level.next = True, None, page.cursor
        at = len(level.entries)
        level.entries.extend(page.entries)
        level.names.extend(entry.key for entry in page.entries)
        level.marks.grow(level.names)
        if level.again:
            level.marks.add({at + i for i, one in enumerate(page.entries) if one.key in level.again})
        if level is not self._level:
            return
        self.show_rows()
        # A typed selection means the folder whole, so the rest of it is read; else only what is in sight.
        if not level.complete and (level.marks.is_typed or len(self.table.rows) < self.size.height):
            self._read_on()

    @property
    def _is_reading(self) -> bool:
        return any(worker.group == "read" and worker.is_running for worker in self.workers)

    def on_line_table_moved(self) -> None:
        level = self._level
        level.row = self.table.cursor
        if level.begun and not self._is_reading and level.row >= len(self.table.rows) - AHEAD:
            self._read_on()

    def marks_changed(self) -> None:
        self._marked = None
        super().marks_changed()
        level = self._level
        if level.begun and level.marks.is_typed and not level.complete and not self._is_reading:
            self._read_on()

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
        folders = [path + entry.key for path, entry in self._marks_of_all if entry.is_folder]
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
        if action in ("set_patterns", "analyse_place") and self.is_mounted and self.box.has_focus:
            return False
        return super().check_action(action, parameters)

    def action_look_inside(self) -> None:
        row = self.table.current
        if row is None or not self._level.entries[row].is_folder:
            return
        key = self._level.entries[row].key
        self._drop_filter()
        self._path += key
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

    def action_mark_all(self) -> None:
        self.end_range()
        if self.wanted or self._level.complete:
            self.marks.toggle_all(self.table.rows)
            return
        # Not all of the folder is known: `all` is written, and means what is still to come.
        self.marks.type("" if self.marks.box == "all" else "all")
        if not self._is_reading:
            self._read_on()

    def action_next_step(self) -> None:
        if self.marks.is_typed and not self._level.complete:
            self.haulier.tell(f"Still listing this folder: {format_count(len(self._level.entries))} so far.")
            return
        try:
            taken = take(self._root, self._path, self._marked_levels(), self._patterns)
        except HaulierError as error:
            self.haulier.complain(error)
            return
        self._then(taken)

    def label_of(self, action: str) -> str:
        if action == "next_step":
            marked = len(self._marks_of_all)
            return f"take the {marked} marked" if marked else "take this folder"
        return "in" if action == "look_inside" else ""

    def action_analyse_place(self) -> None:
        from tui.screens.analysis import AnalysisScreen

        try:
            taken = take(self._root, self._path, self._marked_levels(), self._patterns)
        except HaulierError as error:
            self.haulier.complain(error)
            return
        self.app.push_screen(AnalysisScreen(taken, self._then))

    def action_set_patterns(self) -> None:
        from tui.screens.patterns import PatternsScreen

        def chosen(patterns: Patterns | None) -> None:
            if patterns is not None and patterns != self._patterns:
                self._patterns = patterns
                self._counter.forget()
                self.show_rows()

        self.app.push_screen(PatternsScreen(self._patterns), chosen)

    def action_reload(self) -> None:
        old = self._level
        self._marked = None
        self._counter.forget()
        del self._levels[self._path]
        self._level.again = frozenset(old.marks.chosen_names)
        self._enter()

    def _drop_filter(self) -> None:
        bar = self.query_one(FilterBar)
        if bar.text:
            bar.action_drop()
