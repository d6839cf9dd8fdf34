"""What was found on this machine: looked at, tested by reading only, and kept if the person says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs
from textual.app import ComposeResult

from core.errors import Code, HaulierError
from core.messages import ConnectionList, ListConnections, SaveConnection, TestConnection, TestReport
from core.model import SecretStore
from core.safe_text import safe_text
from tui.actions import bindings
from tui.found import Candidate, candidates, names_of, old_connections
from tui.keys import key_of
from tui.screens.ask import QuestionScreen
from tui.screens.connections import report_lines
from tui.screens.frame import HaulierScreen
from tui.screens.passphrase import open_secrets
from tui.widgets.connection_table import endpoint_words
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable

TESTS_AT_ONCE = 4
NEEDS_ROWS = frozenset({"toggle_mark", "mark_all", "test_found", "take_over"})


@dataclass(frozen=True)
class Row:
    """`report` is what the last test said; `trouble` why there is none; neither: not tested."""

    candidate: Candidate
    marked: bool = True
    testing: bool = False
    report: TestReport | None = None
    trouble: str = ""

    @property
    def name(self) -> str:
        return self.candidate.connection.name

    @property
    def works(self) -> bool:
        return self.report is not None and self.report.ok

    def verdict(self) -> Span:
        if self.testing:
            return ("testing …", "key")
        if self.works:
            return ("works", "good")
        if self.report is not None or self.trouble:
            return ("does not work", "bad")
        return ("not tested", "quiet")


class FoundTable(LineTable[Row]):
    COLUMNS = (
        Column("dot", "", 1),
        Column("name", "as", 12, grow=2),
        Column("source", "found as", 18, grow=2),
        Column("where", "goes to", 12, grow=3),
        Column("test", "test", 13),
    )

    def key_of(self, row: Row) -> Hashable:
        return row.name

    def cells(self, row: Row, widths: Mapping[str, int]) -> Mapping[str, Line]:
        connection = row.candidate.connection
        where = f"{endpoint_words(connection)} {safe_text(connection.region)}".strip()
        return {
            "dot": (("●", "key"),) if row.marked else (),
            "name": ((safe_text(row.name, widths["name"]), "lead" if row.marked else ""),),
            "source": ((safe_text(row.candidate.source, widths["source"]), ""),),
            "where": ((safe_text(where, widths["where"]), "quiet"),),
            "test": (row.verdict(),),
        }


class FoundScreen(HaulierScreen):
    """Nothing is stored before `take_over`, and nothing that is only referred to is copied then."""

    NAME = "found"
    CRUMB = "connections  ›  found here"
    BINDINGS = bindings("found")
    DEFAULT_CSS = """
    FoundScreen #about { max-height: 9; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._known = ConnectionList()

    def body(self) -> ComposeResult:
        yield Heading(("Found on this machine", "lead"), ("   nothing of it is stored yet", "quiet"))
        yield FoundTable()
        yield Rule("test: reach, sign, list, read; nothing is written")
        yield Words(id="about")

    @property
    def table(self) -> FoundTable:
        return self.query_one(FoundTable)

    @property
    def _rows(self) -> Sequence[Row]:
        return self.table.rows

    @property
    def _marked(self) -> list[Row]:
        return [row for row in self._rows if row.marked]

    def on_mount(self) -> None:
        self.table.focus()
        self.table.message = ((), (("  Looking around …", "quiet"),))
        self.run_worker(self._look(), group="look", exclusive=True, exit_on_error=False)

    async def _look(self) -> None:
        known = await self.haulier.ask(ListConnections())
        if known is None:
            self.dismiss()
            return
        self._known = known
        around = await self.haulier.look_around()
        try:
            old = await old_connections(self.haulier.environ)
        except HaulierError as error:
            self.haulier.complain(error)
            old = ()
        rows = tuple(Row(candidate) for candidate in candidates(known, around, old))
        self.table.message = (
            (),
            (("  Nothing is here that a connection could refer to.", "lead"),),
            (),
            ((f"  {key_of('back')}", "key"), ("  back", "")),
        )
        self._show(rows)

    def _show(self, rows: Sequence[Row]) -> None:
        self.table.show(tuple(rows))
        self.table.refresh()
        self._say()
        self.refresh_bindings()

    def _put(self, name: str, change: Callable[[Row], Row]) -> None:
        """Show the row of this name changed."""
        if self.is_mounted:
            self._show([change(row) if row.name == name else row for row in self._rows])

    # ------------------------------------------------------------ words

    def on_line_table_moved(self) -> None:
        self._say()

    def _say(self) -> None:
        """Below the list: the test of the row under the cursor, and what a key would do."""
        row = self.table.current
        if row is None:
            self.query_one("#about", Words).say()
            return
        lines: list[Line] = []
        if row.report is not None:
            *checks, last = report_lines(safe_text(row.name, 40), row.report)
            lines += [*checks[:6], last]
            if row.report.advice:
                lines[-1:] = wrapped(safe_text(row.report.advice), self.size.width, "warn")[:2]
        elif row.trouble:
            lines.append(((f" {safe_text(row.trouble, 300)}", "bad"),))
        else:
            lines.append(((" ", ""), *self._what_is_kept(row)))
        works = [each for each in self._marked if each.works]
        if works and len(works) == len(self._marked):
            lines.append(((f" {key_of('take_over')}", "key"), (f" keeps the {len(works)} marked.", "")))
        self.query_one("#about", Words).say(*lines)

    def _what_is_kept(self, row: Row) -> Line:
        if row.candidate.keys is not None:
            where = safe_text(self._known.keeps_secrets_in, 60)
            return (("Its keys would go to: ", "quiet"), (where, ""), (". The old file stays.", "quiet"))
        return (("It is only referred to: no secret is copied.", "quiet"),)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in NEEDS_ROWS and self.is_mounted:
            if not self._rows:
                return False
            if action in ("test_found", "take_over"):
                return True if self._marked and not any(row.testing for row in self._rows) else None
        return super().check_action(action, parameters)

    # ------------------------------------------------------------ marking

    def action_toggle_mark(self) -> None:
        if (row := self.table.current) is not None:
            self._put(row.name, lambda now: replace(now, marked=not now.marked))
            self.table.action_move(1)

    def action_mark_all(self) -> None:
        wanted = not all(row.marked for row in self._rows)
        self._show([replace(row, marked=wanted) for row in self._rows])

    # ------------------------------------------------------------ testing

    def on_line_table_opened(self) -> None:
        self.action_toggle_mark()

    def action_test_found(self) -> None:
        self.run_worker(self._test_all(), group="test", exclusive=True, exit_on_error=False)

    async def _test_all(self) -> None:
        places = asyncio.Semaphore(TESTS_AT_ONCE)
        begun = {row.name: replace(row, testing=True, report=None, trouble="") for row in self._marked}
        self._show([begun.get(row.name, row) for row in self._rows])

        async def one(row: Row) -> None:
            async with places:
                await self._test(row)

        try:
            await asyncio.gather(*(one(row) for row in self._marked))
        finally:
            if self.is_mounted:
                self._show([replace(row, testing=False) for row in self._rows])

    async def _test(self, row: Row) -> None:
        """What fails loses its mark: it is kept only when it is marked once more."""
        client, candidate = self.haulier.client, row.candidate
        try:
            if client is None:
                raise HaulierError(Code.UNAVAILABLE, "The engine is away.")
            report = await client.call(TestConnection(connection=candidate.connection, keys=candidate.keys))
        except HaulierError as error:
            trouble = f"{error.message} {error.hint}".strip()
            self._put(row.name, lambda now: replace(now, testing=False, marked=False, trouble=trouble))
            return
        self._put(row.name, lambda now: replace(now, testing=False, marked=report.ok, report=report))

    # ------------------------------------------------------------ keeping

    def action_take_over(self) -> None:
        self.run_worker(self._take_over(), group="keep", exclusive=True, exit_on_error=False)

    async def _take_over(self) -> None:
        rows = self._marked
        if not await self._is_sure([row for row in rows if not row.works]):
            return
        store: SecretStore | None = None
        if any(row.candidate.keys is not None for row in rows):
            store = await self._store()
            if store is None:
                return
        kept: list[str] = []
        for row in rows:
            if not await self._keep(row, store):
                break
            kept.append(row.name)
        if not kept:
            return
        self.haulier.tell(f"Kept: {names_of(kept)}.")
        if any(row.candidate.keys is not None for row in rows):
            self.haulier.tell("The old file still holds its keys: haulier connections import opskit --scrub")
        if len(kept) == len(rows):
            self.dismiss()
            self.haulier.action_show_connections()
        else:
            self._show([row for row in self._rows if row.name not in kept])

    async def _is_sure(self, untested: Sequence[Row]) -> bool:
        if not untested:
            return True
        return await self.app.push_screen_wait(
            QuestionScreen(
                f"Keep {names_of(row.name for row in untested)} untested?",
                f"No test of these has passed. {key_of('test_found')} tests what is marked.",
                "keep untested",
                "go back",
            )
        )

    async def _store(self) -> SecretStore | None:
        """Where typed keys go: the first place that lasts, opened if need be; memory only with a word."""
        usable = [place for place in self._known.secret_places if place.state != "unusable"]
        for place in usable:
            if place.store == "keyring":
                return "keyring"
            if place.store == "file":
                return "file" if await open_secrets(self.haulier) else None
        sure = await self.app.push_screen_wait(
            QuestionScreen(
                "Keep the keys in memory only?",
                f"{self._known.keeps_secrets_in}. They are asked for again when the engine was restarted.",
                "keep them in memory",
                "go back",
            )
        )
        return "memory" if sure else None

    async def _keep(self, row: Row, store: SecretStore | None) -> bool:
        keys = row.candidate.keys
        command = SaveConnection(
            connection=structs.replace(row.candidate.connection, tested_at=0.0),
            keys=keys,
            untested_ok=not row.works,
            keys_in_memory=store == "memory",
            store=store if keys is not None else None,
        )
        return await self.haulier.ask(command) is not None
