"""A dialog for include and exclude patterns."""

from __future__ import annotations

import shlex
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.option_fields import written_globs
from tui.taking import Patterns
from tui.widgets.form import Ask, Form

MEANS = (
    "As the Hub's own tools read them, from the top: *.json at any depth, README only there, data/ a folder. "
    "What is left out wins. Several with spaces between; quotes keep spaces."
)


class PatternsScreen(ModalScreen[Patterns | None]):
    """Gives the patterns typed, or None when left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave_it", "leave it", show=False)]
    DEFAULT_CSS = """
    PatternsScreen Form { height: 2; }
    """

    def __init__(self, now: Patterns) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content("Which files are meant"), classes="dialog-title")
            yield Form(
                [
                    Ask("include", "only", "empty: all", written_globs(self._now.include),
                        placeholder="*.json"),
                    Ask("exclude", "leave out", "empty: nothing", written_globs(self._now.exclude),
                        placeholder="*.bin"),
                ]
            )  # fmt: skip
            yield Static(Content(MEANS), classes="dialog-text", id="explanation")
            yield Static(
                Content.assemble(("⏎", "$key"), " take them     ", ("esc", "$key"), " leave it"),
                classes="dialog-keys",
            )

    def on_mount(self) -> None:
        self.query_one(Form).focus_first()

    def on_form_submitted(self) -> None:
        form = self.query_one(Form)
        try:
            include, exclude = (tuple(shlex.split(form[name])) for name in ("include", "exclude"))
        except ValueError:
            text = self.query_one("#explanation", Static)
            text.set_class(True, "-refused")
            text.update(Content("A quote is not closed."))
            return
        self.dismiss(Patterns(include, exclude))

    def action_leave_it(self) -> None:
        self.dismiss(None)
