"""The first question of both ends: which connection, or this machine's files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult

from core.messages import ListConnections
from core.model import ADHOC_HUB, Connection
from core.safe_text import safe_text
from tui.actions import bindings
from tui.own_hub import OFFICIAL, hub_words, token_words
from tui.screens.frame import HaulierScreen
from tui.state import ViewState
from tui.widgets.connection_table import credentials_words, endpoint_words
from tui.widgets.heading import Heading, Words
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable

HERE = ""  # what `chosen` gets for this machine; the others cannot be names of connections
LIST, URL = "list", "http"


@dataclass(frozen=True)
class _Row:
    connection: Connection | None  # None: no connection of the list
    locked: bool = False  # its keys were in an engine's memory that is gone
    kind: str = HERE
    name: str = "this machine"
    what: str = "a folder here"
    note: str = ""

    @property
    def key(self) -> str:
        return self.connection.name if self.connection is not None else self.kind


def _web_rows(own: Connection) -> tuple[_Row, ...]:
    """Where else things can come from; `own` is what `hf://` means here."""
    where = hub_words(own)
    hub = "Hugging Face" if where == OFFICIAL else where
    return (
        _Row(
            None,
            kind=ADHOC_HUB,
            name="hf://",
            what=f"{hub}: models, datasets",
            note=token_words(own),
        ),
        _Row(None, kind=LIST, name="a list", what="a file of URLs, or a CSV of ids"),
        _Row(None, kind=URL, name="one URL", what="one file at https://…"),
    )


class _Table(LineTable[_Row]):
    COLUMNS = (
        Column("name", "", 14, grow=2),
        Column("what", "", 20, grow=4),
        Column("credentials", "", 18, grow=1, from_width=64),
    )
    HAS_HEAD = False

    def key_of(self, row: _Row) -> Hashable:
        return row.key

    def cells(self, row: _Row, widths: Mapping[str, int]) -> Mapping[str, Line]:
        if row.connection is None:
            return {
                "name": ((row.name, "lead"),),
                "what": ((safe_text(row.what, widths["what"]), "quiet"),),
                "credentials": ((row.note, "quiet"),),
            }
        one = row.connection
        return {
            "name": ((safe_text(one.name, widths["name"]), "lead"),),
            "what": ((safe_text(f"{endpoint_words(one)} {one.region}".strip(), widths["what"]), "quiet"),),
            "credentials": (_state(row),),
        }


def _state(row: _Row) -> Span:
    """What to know of a connection before using it."""
    if row.connection is None:
        return ("", "")
    if row.locked:
        return ("keys needed again", "warn")
    if not row.connection.tested_at:
        return ("never tested", "warn")
    if row.connection.kind == "hub":
        return (token_words(row.connection), "quiet")
    return (credentials_words(row.connection.credentials), "quiet")


class PlacesScreen(HaulierScreen):
    """`chosen` gets the connection's name, empty for this machine. As a source also Hubs, lists and URLs can be
    chosen: then `chosen` may get "hf", "list" or "http"."""

    NAME = "places"
    BINDINGS = bindings("places")

    def __init__(
        self,
        crumb: str,
        question: str,
        chosen: Callable[[str], None],
        so_far: Sequence[Line] = (),
        sources: bool = False,
    ) -> None:
        super().__init__()
        self._crumb = crumb
        self._question = question
        self._then = chosen
        self._so_far = so_far
        self._sources = sources
        self._locked: frozenset[str] = frozenset()

    def body(self) -> ComposeResult:
        yield Heading((self._question, "lead"))
        yield Words(*self._so_far, ())
        yield _Table()

    def on_mount(self) -> None:
        self.say_where(self._crumb)
        self.query_one(_Table).focus()
        self.run_worker(self._look_for_locked(), group="locked", exit_on_error=False)

    async def _look_for_locked(self) -> None:
        if self.haulier.client is None:
            return
        known = await self.haulier.ask(ListConnections())
        if known is not None:
            self._locked = frozenset(known.locked)
            self.view_changed(self.view)

    def view_changed(self, view: ViewState) -> None:
        table = self.query_one(_Table)
        first = not table.rows
        shown = [one for one in view.connections if self._sources or one.kind == "s3"]
        more = _web_rows(self.haulier.own_hub.connection) if self._sources else ()
        table.show((*(_Row(one, one.name in self._locked) for one in shown), _Row(None), *more))
        if first:
            table.cursor = 0

    def action_next_step(self) -> None:
        row = self.query_one(_Table).current
        if row is not None:
            self._then(row.key)

    def on_line_table_opened(self) -> None:
        self.action_next_step()

    def action_show_presets(self) -> None:
        self.haulier.show_presets()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "show_presets" and not self._sources:
            return False
        return super().check_action(action, parameters)

    def action_add_connection(self) -> None:
        self.haulier.add_connection()
