"""Where in an S3 connection things go: a bucket and a prefix, or a bucket for every source bucket."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from core.errors import HaulierError
from core.messages import ListBuckets
from core.model import BucketInfo, Place
from core.safe_text import safe_text
from tui.actions import bindings
from tui.draft import (
    ANY_BUCKET,
    BucketPerBucket,
    Destination,
    IntoPlace,
    as_prefix,
    check_bucket_name,
    pairs_of,
    place_words,
)
from tui.keys import key_of
from tui.screens.filtered import Filtered
from tui.state import Link, ViewState
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.form import Ask, Form
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable

ONE, EACH = "one", "each"
PREVIEWED = 3


@dataclass(frozen=True)
class _Row:
    name: str
    region: str = ""
    is_new: bool = False


class _Buckets(LineTable[_Row]):
    COLUMNS = (Column("name", "bucket", 20, grow=1), Column("note", "", 24))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("right", "screen.look_inside", "inside", key_display="→")]

    def key_of(self, row: _Row) -> Hashable:
        return row.name

    def cells(self, row: _Row, widths: Mapping[str, int]) -> Mapping[str, Line]:
        note = ("will be created", "warn") if row.is_new else (safe_text(row.region, 24), "quiet")
        return {"name": ((safe_text(row.name, widths["name"]), ""),), "note": (note,)}

    def action_move(self, by: int) -> None:
        """Above the first row lies the form."""
        if by < 0 and self.cursor == 0:
            self.screen.focus_previous()
        else:
            super().action_move(by)


class TargetScreen(Filtered):
    """`chosen` gets the destination."""

    NAME = "target"
    BINDINGS = bindings("target")
    DEFAULT_CSS = """
    TargetScreen Form { height: auto; max-height: 3; }
    TargetScreen Form { margin: 1 0; }
    """

    def __init__(
        self, crumb: str, connection: str, sources: Sequence[Place], chosen: Callable[[Destination], None]
    ) -> None:
        super().__init__()
        self._crumb = crumb
        self._connection = connection
        self._sources = tuple(sources)
        self._then = chosen
        self._buckets: tuple[BucketInfo, ...] = ()
        self._new: list[str] = []
        self._loaded = False
        self._asked_at_all = False

    def body(self) -> ComposeResult:
        yield Heading((f"Where in {safe_text(self._connection, 30)}?", "lead"))
        yield Form(self._asks())
        yield _Buckets()
        yield FilterBar()
        yield Rule("what goes where")
        yield Words(id="preview")

    def _asks(self) -> list[Ask]:
        buckets = {source.bucket for source in self._sources if source.kind == "s3" and source.bucket}
        several = len(self._sources) > 1
        asks: list[Ask] = []
        if buckets:
            each = (EACH, "one bucket per bucket")
            one = (ONE, "into one bucket")
            choices = (each, one) if several and len(buckets) == len(self._sources) else (one, each)
            asks.append(Ask("mode", "layout", "← → changes", choices=choices))
            asks.append(Ask("pattern", "their names", "{bucket}: the source's name", ANY_BUCKET))
        asks.append(Ask("prefix", "prefix", "folder; empty: the bucket's top", placeholder="backup/2026/"))
        return asks

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def table(self) -> _Buckets:
        return self.query_one(_Buckets)

    @property
    def _each(self) -> bool:
        return any(field.ask.name == "mode" for field in self.form.fields) and self.form["mode"] == EACH

    def on_mount(self) -> None:
        self.say_where(self._crumb)
        self._mode_changed()
        if self._each:
            self.form.focus_first()
        else:
            self.table.focus()
        if not self._asked_at_all:
            self._load()

    def view_changed(self, view: ViewState) -> None:
        if not self._asked_at_all and view.link is Link.UP:
            self._load()

    # ------------------------------------------------------------ the buckets

    def _load(self) -> None:
        if self.haulier.client is not None:
            self._asked_at_all = True
            self.table.message = ((), (("  Listing buckets …", "quiet"),))
            self.run_worker(self._read(), group="load", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        client = self.haulier.client
        if client is None:
            return
        try:
            self._buckets = (await client.call(ListBuckets(connection=self._connection))).buckets
            self.table.message = (
                (),
                (("  No bucket yet. ", ""), (key_of("type_bucket"), "key"), ("  names a new one", "")),
            )
            self._loaded = True
        except HaulierError as error:
            self.table.message = (
                (),
                (("  The buckets cannot be listed.", "warn"),),
                *wrapped(safe_text(error.message), self.size.width, "quiet"),
                ((f"  {key_of('type_bucket')}", "key"), ("  type a bucket's name", "")),
            )
        self.show_rows()

    def show_rows(self) -> None:
        wanted = self.wanted
        listed = {bucket.name for bucket in self._buckets}
        # Where nothing could be listed, a typed name may well exist: only then it is not called new.
        rows = [_Row(name, is_new=self._loaded) for name in self._new if name not in listed]
        rows += [_Row(bucket.name, bucket.region) for bucket in self._buckets]
        if wanted and rows:
            self.table.message = nothing_fits()
        self.table.show(tuple(row for row in rows if wanted in row.name.casefold()))
        self.table.refresh()
        self._preview()

    # ------------------------------------------------------------ layout and preview

    def on_form_changed(self, event: Form.Changed) -> None:
        if event.name == "mode":
            self._mode_changed()
        self._preview()

    def _mode_changed(self) -> None:
        names = [field.ask.name for field in self.form.fields]
        each = self._each
        self.form.show_only(name for name in names if name == "mode" or (name == "pattern") == each)
        self.table.display = not each
        self.refresh_bindings()
        self._preview()

    def on_line_table_moved(self) -> None:
        self._preview()

    def _destination(self) -> Destination | None:
        if self._each:
            return BucketPerBucket(self._connection, self.form["pattern"].strip())
        row = self.table.current
        if row is None:
            return None
        prefix = as_prefix(self.form["prefix"].strip())
        return IntoPlace(Place(kind="s3", connection=self._connection, bucket=row.name, path=prefix))

    def _preview(self) -> None:
        words = self.query_one("#preview", Words)
        destination = self._destination()
        if destination is None:
            words.say()
            return
        try:
            pairs = pairs_of(self._sources, destination)
        except HaulierError as error:
            words.say(((f" {safe_text(error.message)} ", "warn"), (safe_text(error.hint), "quiet")))
            return
        half = max(10, (self.size.width - 6) // 2)
        known = {bucket.name for bucket in self._buckets}
        lines: list[Line] = []
        for pair in pairs[:PREVIEWED]:
            new = self._loaded and pair.target.bucket not in known
            lines.append(
                (
                    (f" {safe_text(place_words(pair.source), half)}", "quiet"),
                    (" → ", "rule"),
                    (safe_text(place_words(pair.target), half - 6), ""),
                    (" new" if new else "", "warn"),
                )
            )
        if len(pairs) > PREVIEWED:
            lines.append(((f" … and {len(pairs) - PREVIEWED} more the same way", "quiet"),))
        words.say(*lines)

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("filter", "type_bucket", "look_inside") and self.is_mounted and self._each:
            return False
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        return "new bucket" if action == "type_bucket" else ""

    def action_reload(self) -> None:
        self._load()

    def action_look_inside(self) -> None:
        """Look for the folder in the bucket under the cursor."""
        from tui.screens.target_folder import TargetFolderScreen

        row = self.table.current
        if row is None or row.is_new or self._each:
            return
        bucket = Place(kind="s3", connection=self._connection, bucket=row.name)

        def chosen(place: Place) -> None:
            self.form.field("prefix").value = place.path
            self.table.focus()
            self._preview()

        self.app.push_screen(TargetFolderScreen(bucket, chosen))

    def action_type_bucket(self) -> None:
        from tui.screens.name import NameScreen

        def typed(name: str | None) -> None:
            if name is not None:
                if name not in self._new:
                    self._new.insert(0, name)
                self.show_rows()
                rows = self.table.rows
                self.table.cursor = next((at for at, row in enumerate(rows) if row.name == name), 0)
                self._preview()

        self.app.push_screen(
            NameScreen("Bucket", "A bucket that does not exist is created after the plan was confirmed.",
                       check_bucket_name),
            typed,
        )  # fmt: skip

    def on_form_submitted(self) -> None:
        self.action_next_step()

    def on_line_table_opened(self) -> None:
        self.action_next_step()

    def action_next_step(self) -> None:
        destination = self._destination()
        if destination is None:
            self.haulier.tell(f"Choose a bucket first, or name a new one with {key_of('type_bucket')}.")
            return
        try:
            pairs_of(self._sources, destination)
        except HaulierError as error:
            self.haulier.complain(error)
            return
        self._then(destination)
