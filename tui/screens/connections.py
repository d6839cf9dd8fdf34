"""Connections: how stores are reached. Add, edit, test, import, remove."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.worker import Worker

from core.found_here import Surroundings
from core.messages import (
    ConnectionList,
    ListConnections,
    RemoveConnection,
    TestConnection,
    TestReport,
)
from core.model import Connection, FileCredentials
from core.safe_text import safe_text
from tui import clock, store_form
from tui.actions import bindings
from tui.found import can_be_taken
from tui.keys import key_of
from tui.screens.ask import QuestionScreen
from tui.screens.filtered import Filtered
from tui.screens.passphrase import open_secrets
from tui.state import ViewState
from tui.widgets.card_lines import card_lines
from tui.widgets.connection_table import ConnectionRow, ConnectionTable, check_line
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.first_steps import without_connections
from tui.widgets.heading import Heading, Words
from tui.widgets.spans import Line

NEEDS_ROW = frozenset({"edit_connection", "duplicate_connection", "test_connection", "remove_connection"})


class _Table(ConnectionTable):
    """Says what to do when there is nothing in it."""

    known: ConnectionList | None = None
    around: Surroundings | None = None

    def nothing(self) -> Sequence[Line]:
        if self.known is None or self.known.connections:
            return nothing_fits() if self.known is not None else ()
        lines = without_connections(self.known, self.around, key_of("show_demo"))
        return ((), *((("  ", ""), *line) for line in lines))


class ConnectionsScreen(Filtered):
    """The list, with the result of the last test below it."""

    NAME = "connections"
    CRUMB = "connections"
    BINDINGS = bindings("connections")
    DEFAULT_CSS = """
    ConnectionsScreen #test { max-height: 14; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._list = ConnectionList()
        self._seen: tuple[Connection, ...] | None = None
        self._test: Worker[None] | None = None

    def body(self) -> ComposeResult:
        yield Heading(("Connections", "lead"))
        yield _Table(id="connections")
        yield FilterBar()
        yield Words(id="test")

    @property
    def table(self) -> _Table:
        return self.query_one(_Table)

    @property
    def current(self) -> Connection | None:
        row = self.table.current
        return row.connection if row is not None else None

    def on_mount(self) -> None:
        self.table.focus()

    def view_changed(self, view: ViewState) -> None:
        if self.haulier.client is not None and view.connections != self._seen:
            self._seen = view.connections
            self.run_worker(self._load(), group="load", exclusive=True)

    async def _load(self) -> None:
        answer = await self.haulier.ask(ListConnections())
        if answer is None:
            return
        self.table.around = await self.haulier.look_around()
        self._show(answer)

    def _show(self, answer: ConnectionList) -> None:
        self._list = answer
        table = self.table
        table.known = answer
        self.show_rows()
        count = len(answer.connections)
        state = (
            [(f"typed keys go to: {safe_text(answer.keeps_secrets_in, 44)}", "quiet")]
            if answer.keeps_secrets_in
            else []
        )
        self.query_one(Heading).say([("Connections", "lead"), (f"  {count}" if count else "", "quiet")], state)
        self.refresh_bindings()
        self._show_card()

    def _show_card(self) -> None:
        """Below the list, what the service under the cursor can do, unless a test is being told."""
        if self._test is not None and self._test.is_running:
            return
        current = self.current
        lines: list[Line] = []
        if current is not None:
            card = self._list.cards.get(current.name)
            lines = card_lines(safe_text(current.name, 40), card, clock.now(), self.size.width)
        self.query_one("#test", Words).say(*((), *lines) if lines else ())

    def show_rows(self) -> None:
        locked = set(self._list.locked)
        wanted = self.wanted
        self.table.show(
            tuple(
                ConnectionRow(one, one.name in locked)
                for one in self._list.connections
                if wanted in f"{one.name} {one.endpoint}".casefold()
            )
        )
        self.table.refresh()

    # ------------------------------------------------------------ actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in NEEDS_ROW and self.is_mounted and self.current is None:
            return False
        if action == "show_found" and not self._something_found:
            return None if self._list.connections else False
        if action == "show_demo":
            return not self._list.connections
        if action == "unlock_secrets":
            return store_form.file_state(self._list) in ("locked", "none")
        if action == "filter" and not self._list.connections:
            return False
        if action == "open_connection" and not (self._list.connections or self._something_found):
            return False
        return super().check_action(action, parameters)

    @property
    def _something_found(self) -> bool:
        return self.is_mounted and can_be_taken(self._list, self.table.around)

    @property
    def _waits_for_file(self) -> bool:
        """Whether the connection under the cursor has its keys in the encrypted file while that is locked."""
        current = self.current
        return (
            current is not None
            and current.name in self._list.locked
            and isinstance(current.credentials, FileCredentials)
        )

    def action_unlock_secrets(self) -> None:
        self.run_worker(self._unlock(), group="unlock", exclusive=True)

    async def _unlock(self) -> bool:
        if not await open_secrets(self.haulier):
            return False
        self.haulier.tell("The encrypted file is open until the engine stops.")
        await self._load()
        return True

    async def _unlock_then(self, go_on: Callable[[], None]) -> None:
        if await self._unlock():
            go_on()

    def label_of(self, action: str) -> str:
        return "found here" if action == "open_connection" and not self._list.connections else ""

    def action_open_connection(self) -> None:
        if self.current is None:
            self.action_show_found()
            return
        if self._waits_for_file:
            self.run_worker(self._unlock_then(self.action_open_connection), group="unlock", exclusive=True)
            return
        from tui.screens.new_job import look_into

        look_into(self.haulier, self.current)

    def on_line_table_opened(self) -> None:
        self.action_open_connection()

    def action_add_connection(self) -> None:
        self._edit(Connection(name=""), replaces="")

    def action_edit_connection(self) -> None:
        if (connection := self.current) is not None:
            self._edit(connection, replaces=connection.name)

    def action_duplicate_connection(self) -> None:
        from msgspec.structs import replace

        if (connection := self.current) is not None:
            taken = {one.name for one in self._list.connections}
            number = 2
            while f"{connection.name}-{number}" in taken:
                number += 1
            self._edit(replace(connection, name=f"{connection.name}-{number}", tested_at=0.0), replaces="")

    def _edit(self, connection: Connection, replaces: str) -> None:
        from tui.screens.connection_edit import ConnectionEditScreen

        self.app.push_screen(ConnectionEditScreen(connection, replaces, self._list))

    def action_show_found(self) -> None:
        self.haulier.show_found()

    def action_show_demo(self) -> None:
        self.haulier.leave_for_demo()

    def action_test_connection(self) -> None:
        if self._waits_for_file:
            self.run_worker(self._unlock_then(self.action_test_connection), group="unlock", exclusive=True)
        elif self.current is not None:
            self._test = self.run_worker(self._try(self.current), group="test", exclusive=True)

    async def _try(self, connection: Connection) -> None:
        words = self.query_one("#test", Words)
        name = safe_text(connection.name, 40)
        words.say((), ((f" Testing {name} …", "key"), ("  reach, sign, list, read", "quiet")))
        report = await self.haulier.ask(TestConnection(connection=connection))
        if report is None:
            words.say()
            return
        told = card_lines(name, report.card, clock.now(), self.size.width) if report.card is not None else []
        words.say((), *report_lines(name, report), *told)

    def on_line_table_moved(self) -> None:
        self._show_card()

    def action_remove_connection(self) -> None:
        if self.current is not None:
            self.run_worker(self._remove(self.current), group="remove", exclusive=True)

    async def _remove(self, connection: Connection) -> None:
        name = safe_text(connection.name, 40)
        sure = await self.app.push_screen_wait(
            QuestionScreen(
                f"Remove the connection {connection.name}?",
                "Its stored secret is removed too. Moved data and finished jobs stay.",
                "remove it",
                "keep it",
            )
        )
        if sure and await self.haulier.ask(RemoveConnection(name=connection.name)) is not None:
            self.haulier.tell(f"Removed {name}.")


def report_lines(name: str, report: TestReport) -> list[Line]:
    """A test in lines, the verdict first. `name` is safe to show."""
    verdict: Line = ((f" {name} works", "good"),) if report.ok else ((f" {name} does not work", "bad"),)
    lines: list[Line] = [verdict, *(check_line(check) for check in report.checks)]
    if report.advice:
        lines.append(((f"  {safe_text(report.advice)}", "" if report.ok else "warn"),))
    return lines
