"""How the job is done: every option with its meaning beside it; the plan comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.app import ComposeResult

from core.errors import HaulierError
from core.model import BatchAsk, JobKind, JobOptions
from core.safe_text import safe_text
from tui import batch_fields, option_fields
from tui.actions import bindings
from tui.draft import Draft, pairs_of, place_words, summary
from tui.screens.frame import HaulierScreen
from tui.widgets.form import Field, Form
from tui.widgets.heading import Heading, Words, two_lines
from tui.widgets.rule import Rule


class OptionsScreen(HaulierScreen):
    """`chosen` gets the kind, the options, and how they are spread over several disks, if so. Enter, in any
    field, makes the plan. `origins` says by field which setting its first value is from."""

    NAME = "options"
    BINDINGS = bindings("options")
    DEFAULT_CSS = """
    OptionsScreen Form { margin-top: 1; }
    """

    def __init__(
        self,
        crumb: str,
        draft: Draft,
        chosen: Callable[[JobKind, JobOptions, BatchAsk | None], None],
        origins: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._origins = origins or {}
        self._crumb = crumb
        self._draft = draft
        self._then = chosen

    def body(self) -> ComposeResult:
        yield Heading()
        draft = self._draft
        yield Form([*option_fields.asks(draft.kind, draft.options), *batch_fields.asks(draft.batches)])
        yield Rule()
        yield Words((), (), id="more")

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    def on_mount(self) -> None:
        self.say_where(self._crumb)
        try:
            pairs = pairs_of(self._draft.sources, self._draft.destination)
        except HaulierError:  # said where it was chosen
            pairs = ()
        self._from_s3 = any(pair.source.kind == "s3" for pair in pairs)
        self._from_web = any(pair.source.kind in ("hub", "web", "list") for pair in pairs)
        self._to_s3 = any(pair.target.kind == "s3" for pair in pairs)
        self._to_disk = any(pair.target.kind == "local" for pair in pairs)
        target = place_words(pairs[0].target) if len(pairs) == 1 else summary(pair.target for pair in pairs)
        room = max(16, (self.size.width - 8) // 2)
        self.query_one(Heading).say(
            [
                (safe_text(summary(self._draft.sources), room), "lead"),
                ("  →  ", "rule"),
                (safe_text(target, room), "lead"),
            ]
        )
        self._show_fields()
        for name in self._origins:
            self._say_meaning(name)
        self.form.focus_first()

    def _show_fields(self) -> None:
        kind = JobKind(self.form["kind"])
        names = option_fields.fields_for(
            kind,
            from_s3=self._from_s3,
            to_s3=self._to_s3,
            to_disk=self._to_disk,
            from_web=self._from_web,
            extract=self.form["extract"] == "yes",
        )
        if self._to_disk and kind is JobKind.COPY:
            names += batch_fields.fields_for({"disks": self.form["disks"]})
        self.form.show_only(names)

    def on_form_changed(self, event: Form.Changed) -> None:
        name = event.name
        if name in ("kind", "extract", "disks"):
            self._show_fields()
        self._say_meaning(name)
        self._check()
        self._say_more(self.form.field(name))

    def _say_meaning(self, name: str) -> None:
        """Beside the field: what its value means, or which setting it is from while it is as that says."""
        field, value = self.form.field(name), self.form[name]
        words = option_fields.meaning(name, value) or batch_fields.meaning(name, value)
        if name in self._origins and value == field.ask.value:
            words = f"set by {self._origins[name]}" if value else self._origins[name]
        look = {("delete", "yes"): "bad", ("delete_tar", "yes"): "warn"}.get((name, value), "quiet")
        field.say(safe_text(words, 60), look)

    def on_form_entered(self, event: Form.Entered) -> None:
        self._say_more(event.field)

    def _say_more(self, field: Field) -> None:
        """Below the form, what the field with the focus means, or in full what is wrong with it."""
        words, look = (field.error, "bad") if field.error else (field.ask.more, "quiet")
        self.query_one("#more", Words).say(*two_lines(words, self.size.width, look))

    def _values(self) -> dict[str, str]:
        return {field.ask.name: field.value for field in self.form.fields if field.display}

    def _check(self) -> tuple[JobKind, JobOptions, BatchAsk | None] | None:
        """Say what is wrong beside the fields; the options when nothing is."""
        values = self._values()
        kind, options, wrong = option_fields.read(values)
        batches, wrong_too = batch_fields.read(values, self._draft.batches)
        wrong |= wrong_too
        for field in self.form.fields:
            if field.ask.name in wrong:
                field.complain(wrong[field.ask.name])
            elif field.error and not field.ask.choices:
                self._say_meaning(field.ask.name)
        return None if wrong else (kind, option_fields.with_the_rest(options, self._draft.options), batches)

    def label_of(self, action: str) -> str:
        return "make the plan" if action == "next_step" else ""

    def on_form_submitted(self) -> None:
        self.action_next_step()

    def action_next_step(self) -> None:
        good = self._check()
        if good is None:
            self.form.focus_error()
            return
        self._then(*good)
