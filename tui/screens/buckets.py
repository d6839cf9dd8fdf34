"""The bucket picker: numbered buckets, dots and the selection box, which always say the same."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.timer import Timer

from core.errors import HaulierError
from core.messages import ListBuckets, Measure, Measured
from core.model import BucketInfo, Connection, Place
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.actions import bindings
from tui.counting import Counter
from tui.draft import Taken, check_bucket_name
from tui.keys import key_of
from tui.marks import NamedMarks
from tui.screens.marking import MARKING, MarkingScreen, passing
from tui.state import Link, ViewState
from tui.widgets.bucket_list import BucketList
from tui.widgets.connection_table import endpoint_words
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, wrapped
from tui.widgets.spans import Line, Span

Chosen = Callable[[Taken], None]


class BucketPicker(MarkingScreen):
    """Choose buckets of a connection. `chosen` gets the places; without it a new job starts with them."""

    NAME = "buckets"
    CRUMB = "buckets"
    marks: NamedMarks
    BINDINGS = bindings("buckets")

    def __init__(
        self,
        connection_name: str,
        chosen: Chosen | None = None,
        remembered: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`remembered` holds the marked names by connection: read when the screen opens, written when it goes
        back, so that a person who went one step too far back finds the marks again."""
        super().__init__()
        self._connection = connection_name
        self._then = chosen
        self._remembered = {} if remembered is None else remembered
        self._buckets: tuple[BucketInfo, ...] = ()
        self._loaded = False
        self._named: list[str] = []  # buckets that a person typed because they are not listed
        self.marks = NamedMarks((), self.marks_changed)
        self._counter = Counter[Measure, Measured](self._question)
        self._drawn = -1  # the counter's version that is on the screen
        self._tick: Timer | None = None

    # ------------------------------------------------------------ what is on the screen

    def body(self) -> ComposeResult:
        yield Heading()
        yield from self.selection_line()
        yield BucketList(id="buckets")
        yield FilterBar()

    @property
    def table(self) -> BucketList:
        return self.query_one(BucketList)

    @property
    def connection(self) -> Connection | None:
        return next((one for one in self.view.connections if one.name == self._connection), None)

    def on_mount(self) -> None:
        self.table.focus()
        self.say_state()
        if not self._is_loading:
            self._load()
        self._tick = self.set_interval(0.4, self._count_more)

    def view_changed(self, view: ViewState) -> None:
        if not self._loaded and view.link is Link.UP and not self._is_loading:
            self._load()

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "count")
        if self._tick is not None:
            self._tick.pause()

    def on_screen_resume(self) -> None:
        if self._tick is not None:
            self._tick.resume()

    def say_state(self) -> None:
        title: list[Span] = [(safe_text(self._connection, 30), "lead")]
        if self.connection is not None:
            title.append((f"  {safe_text(endpoint_words(self.connection), 40)}", "quiet"))
        self.query_one(Heading).say(title, self._state())

    def _state(self) -> list[Span]:
        if not self._buckets:
            return []
        chosen = self.marks.chosen_names
        state: list[Span] = []
        if self.in_range:
            state.append(("range  ", "warn"))
        state.append(
            (f"{len(chosen)} of {format_count(len(self._buckets))} marked", "lead" if chosen else "quiet")
        )
        if chosen:
            known = [self._counter.measured.get(name) for name in chosen]
            whole = all(one is not None and one.complete for one in known)
            total = sum(one.total.bytes for one in known if one is not None)
            state.append((f" · {'' if whole else '≥ '}{format_bytes(total)}", "lead"))
        return state

    # ------------------------------------------------------------ reading the list

    _is_loading = False

    def _load(self) -> None:
        if self.haulier.client is not None:
            self._is_loading = True
            self._say_message((("  Listing buckets …", "quiet"),))
            self.run_worker(self._read(), group="load", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        client = self.haulier.client
        try:
            if client is None:
                return
            answer = await client.call(ListBuckets(connection=self._connection))
        except HaulierError as error:
            self._loaded = True
            self._refused(error)
            return
        finally:
            self._is_loading = False
        self._loaded = True
        listed = {bucket.name for bucket in answer.buckets}
        self._take((*answer.buckets, *(BucketInfo(name=name) for name in self._named if name not in listed)))
        if not self._buckets:
            self._say_message(
                (("  There is no bucket here.", "lead"),),
                (),
                (("  A job can make one: choose this connection as a target. ", "quiet"),),
                (
                    ("  Or the credentials may not see it: ", "quiet"),
                    (key_of("type_bucket"), "key"),
                    (" types a bucket's name.", ""),
                ),
            )

    def _refused(self, error: HaulierError) -> None:
        self._say_message(
            (("  The buckets cannot be listed.", "bad"),),
            *wrapped(safe_text(error.message), self.size.width),
            *wrapped(safe_text(error.hint), self.size.width, "quiet"),
            (),
            (("  Many credentials may use a bucket without listing all of them:", "quiet"),),
            (
                (f"  {key_of('type_bucket')}", "key"),
                ("  type a bucket's name", ""),
                (f"     {key_of('reload')}", "key"),
                ("  try again", ""),
            ),
        )

    def _take(self, buckets: tuple[BucketInfo, ...]) -> None:
        self._buckets = buckets
        self.show_rows()
        self.marks.rename([bucket.name for bucket in buckets])
        if again := set(self._remembered.pop(self._connection, ())):
            self.marks.add({at for at, bucket in enumerate(buckets) if bucket.name in again})
        self.refresh_bindings()
        self._count_more()

    def _say_message(self, *lines: Line) -> None:
        self.table.message = ((), *lines)
        self.table.refresh()

    def show_rows(self) -> None:
        if self.wanted and self._buckets:
            self.table.message = nothing_fits()
        self.table.show_buckets(self._buckets, passing([bucket.name for bucket in self._buckets], self.wanted))

    # ------------------------------------------------------------ counting

    def _count_more(self) -> None:
        """Count marked and visible buckets, two at a time. Called often; costs nothing when all is known."""
        client = self.haulier.client
        if client is None or not self.is_current or not self._buckets:
            return
        rows = self.table.rows
        visible = [self._buckets[rows[row]].name for row in self.table.visible_rows]
        while (name := self._counter.next_up(self.marks.chosen_names, visible)) is not None:
            self.run_worker(self._count(name), group="count", exit_on_error=False)
        if self._drawn != self._counter.version:
            self._drawn = self._counter.version
            self.table.show_measured(self._counter.measured, self._counter.running)

    def _question(self, name: str, seconds: float) -> Measure:
        return Measure(place=Place(kind="s3", connection=self._connection, bucket=name), seconds=seconds)

    async def _count(self, name: str) -> None:
        client = self.haulier.client
        if client is None:
            return
        await self._counter.count(name, client.call)
        self._count_more()
        self.say_state()

    # ------------------------------------------------------------ reload, typing a name

    def action_reload(self) -> None:
        self._counter.forget()
        self._load()

    def action_type_bucket(self) -> None:
        from tui.screens.name import NameScreen

        def typed(name: str | None) -> None:
            if name is None:
                return
            if name not in self._named:
                self._named.append(name)
            if name not in self.marks.listed:
                self._take((*self._buckets, BucketInfo(name=name)))
            self.marks.add({self.marks.listed.index(name)})

        self.app.push_screen(
            NameScreen(
                "Bucket's name", "Added to the list and marked. It need not be listable.", check_bucket_name
            ),
            typed,
        )

    # ------------------------------------------------------------ on and back

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in MARKING and not self._buckets:
            return False
        if action == "next_step" and not self._buckets:
            return False
        return super().check_action(action, parameters)

    def action_look_inside(self) -> None:
        position = self.table.current
        if position is None:
            return
        from tui.screens.browse import BrowseScreen

        place = Place(kind="s3", connection=self._connection, bucket=self._buckets[position].name)
        self.app.push_screen(BrowseScreen(place, self._then or self._start_job))

    def on_line_table_opened(self) -> None:
        self.action_look_inside()

    def action_next_step(self) -> None:
        names = self.marks.chosen_names
        if not names:
            self.haulier.tell("Mark at least one bucket: space marks, or type its number.")
            return
        if self.marks.bad:
            self.haulier.tell(
                f"Not understood, and left out: {', '.join(token.text for token in self.marks.bad)}"
            )
        places = tuple(Place(kind="s3", connection=self._connection, bucket=name) for name in names)
        (self._then or self._start_job)(Taken(places))

    def _start_job(self, taken: Taken) -> None:
        from tui.screens.new_job import NewJob

        NewJob(self.haulier).taken(taken)

    def leave(self) -> None:
        self._remembered[self._connection] = self.marks.chosen_names
        self.dismiss()
