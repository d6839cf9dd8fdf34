"""The form of one connection: what it is, where its secret comes from, and a test before it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from core.errors import Code, HaulierError
from core.messages import ConnectionList, ListConnections, SaveConnection, TestConnection, TestReport
from core.model import Connection, SecretKeys
from core.safe_text import safe_text
from tui import connection_form, hub_form, store_form
from tui.actions import bindings
from tui.screens.ask import QuestionScreen
from tui.screens.connections import report_lines
from tui.screens.frame import HaulierScreen
from tui.screens.passphrase import open_secrets
from tui.widgets.card_lines import missing_lines
from tui.widgets.form import Field, Form, FormInput
from tui.widgets.heading import Heading, Words, two_lines
from tui.widgets.rule import Rule

if TYPE_CHECKING:
    from tui.app import HaulierApp

Tested = tuple[Connection, SecretKeys | None]


async def add_connection(app: HaulierApp) -> None:
    """Open the form for a new connection on top of whatever is shown."""
    known = await app.ask(ListConnections())
    if known is not None:
        app.push_screen(ConnectionEditScreen(Connection(name=""), "", known))


class ConnectionEditScreen(HaulierScreen):
    """`replaces` is the name of the connection that is changed, empty for a new one."""

    NAME = "connection_edit"
    CRUMB = "connections  ›  edit"
    BINDINGS = bindings("connection_edit")
    DEFAULT_CSS = """
    ConnectionEditScreen Form { height: auto; max-height: 1fr; }
    ConnectionEditScreen #report { max-height: 12; }
    """

    def __init__(self, connection: Connection, replaces: str, known: ConnectionList) -> None:
        super().__init__()
        self._old = connection
        self._replaces = replaces
        self._known = known
        self._tested: Tested | None = None  # what the last successful test was about
        self._touched: set[str] = set()

    def body(self) -> ComposeResult:
        title = f"Change {safe_text(self._replaces, 40)}" if self._replaces else "A new connection"
        yield Heading((title, "lead"))
        yield Form(connection_form.asks(self._old, self._known))
        yield Rule()
        yield Words((), (), id="more")
        yield Words(id="report")

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def _values(self) -> dict[str, str]:
        return {field.ask.name: field.value for field in self.form.fields}

    def on_mount(self) -> None:
        self._show_fields()
        self._say_meaning("verify_tls")
        self.form.field("name").control.focus()  # what most change the service for is S3: it stands above

    def _show_fields(self) -> None:
        self.form.show_only(connection_form.fields_for(self._values, self._known))
        self.refresh_bindings()
        for name, words in hub_form.MEANS.items():
            field = self.form.field(name)
            if not field.error:
                field.say(words if self._is_hub else "")
            if isinstance(field.control, FormInput):
                placeholder = hub_form.PLACEHOLDERS[name] if self._is_hub else field.ask.placeholder
                field.control.placeholder = placeholder

    @property
    def _is_hub(self) -> bool:
        return self.form["service"] == hub_form.HUB

    def label_of(self, action: str) -> str:
        return "next field" if action == "next_step" else ""

    # ------------------------------------------------------------ while typing

    def on_form_changed(self, event: Form.Changed) -> None:
        field = self.form.field(event.name)
        if field.value == field.ask.value and event.name not in self._touched:
            return  # a field tells its first value too
        self._touched.add(event.name)
        if event.name in ("service", "kind", "token_kind", "endpoint", "bucket"):
            self._show_fields()
        self._say_meaning(event.name)
        self._say_problems(self._touched)
        self._say_more(field)
        self.query_one("#report", Words).say()

    def on_form_entered(self, event: Form.Entered) -> None:
        self._say_more(event.field)

    def _say_more(self, field: Field) -> None:
        """Below the form, what the field with the focus means, or in full what is wrong with it."""
        more = hub_form.more(field.ask.name, field.ask.more) if self._is_hub else field.ask.more
        words, look = (field.error, "bad") if field.error else (more, "quiet")
        self.query_one("#more", Words).say(*two_lines(words, self.size.width, look))

    def on_form_submitted(self) -> None:
        self.form.action_step(1)

    def _say_meaning(self, name: str) -> None:
        field = self.form.field(name)
        if field.ask.choices:
            words, look = connection_form.meaning(name, field.value)
            if name == store_form.FIELD:
                words, look = store_form.meaning(field.value, self._known)
            field.say(words, look)

    def _say_problems(self, names: set[str]) -> bool:
        """Say what is wrong beside these fields; whether all is well with the whole form."""
        wrong = connection_form.problems(self._values, self._known, self._old, self._replaces)
        for field in self.form.fields:
            name = field.ask.name
            if name in wrong and name in names:
                field.complain(wrong[name])
            elif field.error and name not in wrong:
                field.say("")
                self._say_meaning(name)
        return not wrong

    # ------------------------------------------------------------ the mirror

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "use_mirror":
            return self.is_mounted and self._is_hub
        return super().check_action(action, parameters)

    def action_use_mirror(self) -> None:
        """The Hub's mirror as the endpoint; pressed again, the official Hub."""
        field = self.form.field("endpoint")
        field.value = "" if field.value.strip() == hub_form.MIRROR else hub_form.MIRROR
        field.control.focus()

    # ------------------------------------------------------------ test and save

    def action_test_draft(self) -> None:
        if self._check():
            self.run_worker(self._test(), group="work", exclusive=True, exit_on_error=False)

    def action_save_connection(self) -> None:
        if self._check():
            self.run_worker(self._save(), group="work", exclusive=True, exit_on_error=False)

    def _check(self) -> bool:
        good = self._say_problems({field.ask.name for field in self.form.fields})
        if not good:
            self.form.focus_error()
        return good

    @property
    def _draft(self) -> Tested:
        return connection_form.connection_of(self._values, self._old), connection_form.keys_of(self._values)

    async def _test(self) -> TestReport | None:
        """Try the connection as it stands in the form, and show what came of it."""
        connection, keys = self._draft
        values = self._values
        words = self.query_one("#report", Words)
        words.say((), ((" Testing …", "key"), ("  reach, sign, list, read", "quiet")))
        report = await self.haulier.ask(
            TestConnection(
                connection=connection,
                keys=keys,
                bucket=values["bucket"].strip(),
                write=values["write"] == "yes",
            )
        )
        if report is None:
            words.say()
            return None
        if report.ok:
            self._tested = (connection, keys)
        missing = missing_lines(report.card, self.size.width) if report.card is not None else []
        words.say((), *report_lines(safe_text(connection.name, 40), report), *missing)
        return report

    async def _save(self) -> None:
        """Save what was tested; an untested one only when the person says so again."""
        untested = False
        if self._tested != self._draft:
            report = await self._test()
            if report is None or not report.ok:
                untested = await self._save_anyway()
                if not untested:
                    return
        connection, keys = self._draft
        store = store_form.chosen(self._values, self._known, self._old.credentials, typed=keys is not None)
        if store == "file" and not await open_secrets(self.haulier):
            return
        command = SaveConnection(
            connection=connection,
            keys=keys,
            replaces=self._replaces,
            untested_ok=untested,
            keys_in_memory=self._values[store_form.FIELD] == "memory",
            store=store,
        )
        try:
            saved = await self.haulier.call(command)
        except HaulierError as error:
            self._refused(error)
            return
        self.haulier.tell(f"Saved {saved.name}.")
        self.dismiss()

    async def _save_anyway(self) -> bool:
        return await self.app.push_screen_wait(
            QuestionScreen(
                "The test did not succeed. Save the connection untested?",
                "It is marked as never tested. Jobs that use it may fail.",
                "save it untested",
                "go back to the form",
            )
        )

    def _refused(self, error: HaulierError) -> None:
        """Put the refusal beside the field it is about, when that is plain."""
        words = error.message.lower()
        for text, name in (
            ("ca file", "ca_file"),
            ("region", "region"),
            ("endpoint", "endpoint"),
            ("name", "name"),
        ):
            if text in words and error.code is Code.USAGE:
                field = self.form.field(name)
                field.complain(safe_text(error.message))
                field.control.focus()
                return
        self.haulier.complain(error)

    # ------------------------------------------------------------ back

    def action_back(self) -> None:
        if all(field.value == field.ask.value for field in self.form.fields):
            self.dismiss()
            return
        self.run_worker(self._leave(), group="leave", exclusive=True, exit_on_error=False)

    async def _leave(self) -> None:
        sure = await self.app.push_screen_wait(
            QuestionScreen("Leave without saving?", "What was typed here is lost.", "leave", "stay here")
        )
        if sure:
            self.dismiss()
