"""What is at a place, counted: sizes, folders, the largest files; and how many disks that needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import Analyse
from core.model import Analysis
from core.safe_text import safe_text
from core.units import format_count
from tui import batch_fields
from tui.actions import bindings
from tui.analysis_lines import lines_of
from tui.draft import Taken, summary
from tui.keys import key_of
from tui.screens.frame import HaulierScreen
from tui.widgets.amounts import bytes_words
from tui.widgets.form import Form
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.lines_list import LinesList
from tui.widgets.rule import Rule
from tui.widgets.spans import Line, Span

SECONDS = 120.0


class AnalysisScreen(HaulierScreen):
    """`chosen` gets what was analysed, with the wish for several disks when one was typed."""

    NAME = "analysis"
    CRUMB = "analyse"
    BINDINGS = bindings("analysis")
    DEFAULT_CSS = """
    AnalysisScreen Form { height: auto; max-height: 4; }
    """

    def __init__(self, taken: Taken, chosen: Callable[[Taken], None]) -> None:
        super().__init__()
        self._taken = taken
        self._then = chosen
        self._found: Analysis | None = None
        self._error: HaulierError | None = None

    def body(self) -> ComposeResult:
        yield Heading()
        yield Form(batch_fields.asks(self._taken.batches))
        yield Words((("", ""),), id="guess")
        yield Rule()
        yield LinesList()

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    def on_mount(self) -> None:
        self._show_fields()
        self.query_one(LinesList).focus()
        self._run()

    def _run(self) -> None:
        self._found, self._error = None, None
        self._show()
        self.run_worker(self._ask(), group="analyse", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        taken = self._taken
        place = taken.places[0]
        try:
            self._found = await self.haulier.call(
                Analyse(
                    place=place,
                    include=taken.include,
                    exclude=taken.exclude,
                    seconds=SECONDS,
                    adhoc=self.haulier.adhoc_for(place),
                )
            )
        except HaulierError as error:
            self._error = error
        if self.is_mounted:
            self._show()

    def engine_is_back(self) -> None:
        if self._found is None:
            self._run()

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        place = safe_text(summary(self._taken.places), max(20, self.size.width - 44))
        self.query_one(Heading).say([(place, "lead")], self._total())
        table = self.query_one(LinesList)
        table.message = self._message()
        ask, _ = batch_fields.read(self._values())
        table.show(tuple(lines_of(self._found, self.size.width, ask)) if self._found is not None else ())
        table.refresh()
        self._say_guess()
        self.refresh_bindings()

    def _total(self) -> list[Span]:
        found = self._found
        if found is None:
            return []
        more = "" if found.complete else "≥ "
        words = bytes_words(found.total.bytes, found.unsized, complete=found.complete)
        return [(f"{more}{format_count(found.total.count)} files · {words}", "lead")]

    def _message(self) -> list[Line]:
        if self._error is not None:
            width = self.size.width
            return [
                (),
                (("  This cannot be counted.", "bad"),),
                *wrapped(safe_text(self._error.message), width),
                *wrapped(safe_text(self._error.hint), width, "quiet"),
                (),
                ((f"  {key_of('reload')}", "key"), ("  try again", "")),
            ]
        return [(), (("  Counting …", "key"), (f"   at most {SECONDS / 60:.0f} min, then it says ≥", "quiet"))]

    def _say_guess(self) -> None:
        words = self.query_one("#guess", Words)
        ask, wrong = batch_fields.read(self._values())
        for field in self.form.fields:
            if field.ask.name in wrong and field.value.strip():
                field.complain(wrong[field.ask.name])
            elif field.error:
                field.say("")
        if ask is None or self._found is None:
            words.say((("", ""),))
            return
        words.say(
            (
                (f" {batch_fields.guess(self._found, ask)}", "lead"),
                ("   the plan packs them and tells exactly", "quiet"),
            )
        )

    def _values(self) -> dict[str, str]:
        return {field.ask.name: field.value for field in self.form.fields}

    def _show_fields(self) -> None:
        self.form.show_only(batch_fields.fields_for(self._values()))

    # ------------------------------------------------------------ keys

    def on_form_changed(self, event: Form.Changed) -> None:
        if event.name == "disks":
            self._show_fields()
            self.form.field("disks").say(batch_fields.meaning("disks", event.form["disks"]))
        self._show()

    def on_form_submitted(self) -> None:
        self.action_next_step()

    def action_reload(self) -> None:
        self._run()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_step" and self._found is None:
            return None
        return super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        return "take it" if action == "next_step" else ""

    def action_next_step(self) -> None:
        ask, wrong = batch_fields.read(self._values())
        if wrong:
            for name, words in wrong.items():
                self.form.field(name).complain(words)
            self.form.focus_error()
            return
        self._then(replace(self._taken, batches=ask))
