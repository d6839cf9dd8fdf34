"""A dialog for what a system check is about: a place as the command line writes it, and a size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.errors import HaulierError
from core.model import Place
from core.places import parse_place
from core.safe_text import safe_text
from core.units import format_bytes, parse_size
from tui.widgets.form import Ask, Form

MEANS = "A folder, NAME:bucket/prefix, hf://org/name or a URL; and how much is still to be moved there."


@dataclass(frozen=True)
class Asked:
    place: Place
    size: int


class CheckAskScreen(ModalScreen[Asked | None]):
    """Gives what was asked for, or None when left. `known` are the connections' names with their kinds."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave_it", "leave it", show=False)]
    DEFAULT_CSS = """
    CheckAskScreen Form { height: 2; }
    CheckAskScreen Field > FormInput { width: 40; }
    """

    def __init__(self, place: Place | None, size: int, known: Mapping[str, str]) -> None:
        super().__init__()
        self._place = place
        self._wanted = size
        self._known = known

    def compose(self) -> ComposeResult:
        size = format_bytes(self._wanted).replace(" ", "") if self._wanted else ""
        with Vertical(classes="dialog"):
            yield Static(Content("Check what?"), classes="dialog-title")
            yield Form(
                [
                    Ask("place", "place", "", str(self._place) if self._place else "", placeholder="/data/"),
                    Ask("size", "to be moved", "", size, placeholder="2TiB"),
                ]
            )
            yield Static(Content(MEANS), classes="dialog-text", id="explanation")
            yield Static(
                Content.assemble(("⏎", "$key"), " check     ", ("esc", "$key"), " leave it"),
                classes="dialog-keys",
            )

    def on_mount(self) -> None:
        self.query_one(Form).focus_first()

    def on_form_submitted(self) -> None:
        form = self.query_one(Form)
        try:
            written = form["place"].strip()
            if self._place is not None and written == str(self._place):
                place = self._place  # as it stood: a URL keeps the query that is not shown
            else:
                place = parse_place(written, cwd=Path.home(), known=self._known)
            size = parse_size(form["size"].strip()) if form["size"].strip() else 0
        except HaulierError as error:
            self._refuse(f"{error.message} {error.hint}")
        except ValueError:
            self._refuse("The size is written like 2TiB, 500GB or 1048576.")
        else:
            self.dismiss(Asked(place, size))

    def _refuse(self, text: str) -> None:
        explanation = self.query_one("#explanation", Static)
        explanation.set_class(True, "-refused")
        explanation.update(Content(safe_text(text, 300)))

    def action_leave_it(self) -> None:
        self.dismiss(None)
