"""Sources over HTTP: a list of URLs or ids with a preview of what it gives, or one URL."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.timer import Timer

from core.errors import Code, HaulierError
from core.messages import ListPreview, ReadList
from core.model import Entry, JobOptions, Place, shown_url
from core.places import check_url
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.keys import key_of
from tui.names import short_name
from tui.screens.frame import HaulierScreen
from tui.soon import instead
from tui.widgets.form import Ask, Field, Form
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable

WAIT = 0.4  # seconds without a key before the list is read
PREVIEWED = 20
BAD_SHOWN = 3

Chosen = Callable[[Place, JobOptions], None]


class _Preview(LineTable[Entry]):
    COLUMNS = (Column("name", "name", 18, grow=2), Column("url", "comes from", 24, grow=5))

    def key_of(self, row: Entry) -> Hashable:
        return row.url

    def cells(self, row: Entry, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return {
            "name": ((short_name(row.key, widths["name"]), ""),),
            "url": ((short_name(shown_url(row.url), widths["url"]), "quiet"),),
        }


class UrlsScreen(HaulierScreen):
    """`chosen` gets the place, and the options that were chosen beside it."""

    NAME = "urls"
    BINDINGS = bindings("urls")
    DEFAULT_CSS = """
    UrlsScreen Form { height: auto; }
    UrlsScreen Field > FormInput { width: 42; }
    UrlsScreen #bad { max-height: 4; }
    """

    def __init__(self, crumb: str, one: bool, chosen: Chosen) -> None:
        """`one`: a single URL, else a list."""
        super().__init__()
        self._crumb = crumb
        self._one = one
        self._then = chosen
        self._found: ListPreview | None = None
        self._read_as: Place | None = None  # what `_found` is of
        self._timer: Timer | None = None

    def body(self) -> ComposeResult:
        title = "Which URL?" if self._one else "Which list of URLs or ids?"
        yield Heading((title, "lead"))
        yield Form(self._asks())
        yield Words((("", ""),), id="more")
        yield Rule("first names and where they come from" if not self._one else "")
        yield _Preview()
        yield Words(id="bad")

    def _asks(self) -> list[Ask]:
        source = (
            [Ask("url", "URL", "one file", placeholder="https://host/path/file.tar",
                 more="A path that ends in / is not listed. Many files need a list of their URLs.")]
            if self._one
            else [
                Ask("path", "file", f"{key_of('browse_file')} looks for it", placeholder="~/classes.csv",
                    more="Lines with one URL each, or a CSV with the column wnid; other columns are ignored."),
                Ask("base", "base URL", "only for ids", placeholder="https://host/folder/ or …/{id}.tar",
                    more="With {id} a template; else id and .tar are put behind it. URLs need none."),
            ]
        )  # fmt: skip
        return [
            *source,
            Ask("extract", "archives", "kept as they come", "no", (("no", "leave packed"), ("yes", "extract")),
                more="Each tar or zip becomes a folder of its name, once it is whole and safe."),
            Ask("delete_tar", "the archive", "stays beside its folder", "no",
                (("no", "keep"), ("yes", "delete it")),
                more="Deleted only when its folder is complete and on the disk for good."),
        ]  # fmt: skip

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def table(self) -> _Preview:
        return self.query_one(_Preview)

    def on_mount(self) -> None:
        self.say_where(self._crumb)
        self._show_fields()
        self.form.focus_first()
        self._show()

    def _show_fields(self) -> None:
        names = [field.ask.name for field in self.form.fields]
        extracting = self.form["extract"] == "yes"
        self.form.show_only(name for name in names if name != "delete_tar" or extracting)

    # ------------------------------------------------------------ while typing

    def on_form_changed(self, event: Form.Changed) -> None:
        field = self.form.field(event.name)
        if event.name == "extract":
            self._show_fields()
            field.say("into a folder of their name" if field.value == "yes" else "")
        elif event.name == "delete_tar":
            field.say("once its folder is complete" if field.value == "yes" else "", "warn")
        elif field.error:
            field.say("")
        self._say_more(field)
        if event.name in ("path", "base", "url"):
            self._look_soon()

    def on_form_entered(self, event: Form.Entered) -> None:
        self._say_more(event.field)

    def _say_more(self, field: Field) -> None:
        words = (f" {field.error}", "bad") if field.error else (f" {field.ask.more}", "quiet")
        self.query_one("#more", Words).say((words,))

    def _look_soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(WAIT, self._look)

    def _look(self) -> None:
        place = self._place()
        if place is None or self._one or self.haulier.client is None:
            self._found, self._read_as = None, None
            self._show()
        elif place != self._read_as:
            instead(self, partial(self._read, place), "read")

    def _place(self) -> Place | None:
        """What is typed, as far as it can be one."""
        if self._one:
            try:
                return Place(kind="web", url=check_url(self.form["url"].strip()))
            except HaulierError:
                return None
        path = Path(self.form["path"].strip()).expanduser()
        if not path.is_absolute():
            return None
        return Place(kind="list", path=str(path), url=self.form["base"].strip())

    async def _read(self, place: Place) -> None:
        client = self.haulier.client
        if client is None:
            return
        self.table.message = ((), (("  Reading the list …", "key"),))
        self.table.show(())
        self.table.refresh()
        try:
            found = await client.call(ReadList(place=place, limit=PREVIEWED))
        except HaulierError as error:
            self._found, self._read_as = None, place
            self._show(error)
            return
        self._found, self._read_as = found, place
        self._show()

    # ------------------------------------------------------------ the preview

    def _show(self, error: HaulierError | None = None) -> None:
        found = self._found
        self.table.message = self._message(error)
        self.table.show(found.first if found is not None else self._only())
        self.table.refresh()
        self.query_one(Heading).say(state=_numbers(found) if found is not None else [])
        self.query_one("#bad", Words).say(*self._bad_lines())
        self.refresh_bindings()

    def _only(self) -> tuple[Entry, ...]:
        place = self._place()
        if not self._one or place is None:
            return ()
        name = place.url.partition("?")[0].rstrip("/").rpartition("/")[2]
        return (Entry(key=name, url=place.url),)

    def _message(self, error: HaulierError | None) -> list[Line]:
        if error is not None:
            width = self.size.width
            return [
                (),
                *wrapped(safe_text(error.message), width, "bad"),
                *wrapped(safe_text(error.hint), width, "quiet"),
            ]
        if self._one:
            return []
        return [
            (),
            (
                ("  Type the file's path, or ", "quiet"),
                (key_of("browse_file"), "key"),
                (" looks for it.", "quiet"),
            ),
            (("  Nothing is asked of a server before the plan is made.", "quiet"),),
        ]

    def _bad_lines(self) -> list[Line]:
        found = self._found
        if found is None:
            return []
        width = self.size.width
        lines: list[Line] = []
        for line, why in found.bad_examples[:BAD_SHOWN]:
            lines.append(((f" line {format_count(line)}: ", "bad"), (safe_text(why, width - 16), "")))
        if found.duplicates and found.duplicate_examples:
            names = ", ".join(safe_text(name, 30) for name in found.duplicate_examples[:4])
            lines.append(((" more than once, taken once: ", "warn"), (safe_text(names, width - 32), "")))
        return lines

    # ------------------------------------------------------------ keys

    def label_of(self, action: str) -> str:
        return "take it" if action == "next_step" else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "browse_file" and self._one:
            return False
        return super().check_action(action, parameters)

    def action_browse_file(self) -> None:
        from tui.screens.file import FileScreen
        from tui.screens.folder import home

        typed = self.form["path"].strip()
        start = typed if typed.startswith("/") else home()
        screen = FileScreen(
            self._crumb, "Which file?", start, True, lambda place: self._file_chosen(screen, place)
        )
        self.app.push_screen(screen)

    def _file_chosen(self, screen: HaulierScreen, place: Place) -> None:
        screen.dismiss()
        self.form.field("path").value = place.path
        self.form.field("base").control.focus()

    def on_form_submitted(self) -> None:
        self.action_next_step()

    def on_line_table_opened(self) -> None:
        self.action_next_step()

    def action_next_step(self) -> None:
        options = JobOptions(
            extract=self.form["extract"] == "yes",
            delete_tar=self.form["extract"] == "yes" and self.form["delete_tar"] == "yes",
        )
        try:
            self._then(self._checked(), options)
        except HaulierError as error:
            field = self.form.field("url" if self._one else "path")
            field.complain(safe_text(error.message))
            field.control.focus()
            self._say_more(field)

    def _checked(self) -> Place:
        """What is typed, when a job can be made of it. Raises HaulierError with why not."""
        if self._one:
            return Place(kind="web", url=check_url(self.form["url"].strip()))
        place = self._place()
        if place is None:
            raise HaulierError(Code.USAGE, "Name the file: its path begins with / or ~/.")
        if place != self._read_as:
            raise HaulierError(Code.USAGE, "The list is still being read.")
        if self._found is None or not self._found.rows:
            raise HaulierError(Code.USAGE, "This list gives no URL; below stands why.")
        return place


def _numbers(found: ListPreview) -> list[Span]:
    """ "1 000 URLs · 3 blank · 2 twice · 1 bad"."""
    spans: list[Span] = [(f"{format_count(found.rows)} {'URL' if found.rows == 1 else 'URLs'}", "lead")]
    for count, word, look in (
        (found.blanks, "blank", "quiet"),
        (found.duplicates, "more than once", "warn"),
        (found.bad, "bad", "bad"),
    ):
        if count:
            spans += [(" · ", "rule"), (f"{format_count(count)} {word}", look)]
    return spans
