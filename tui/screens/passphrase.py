"""The dialog that opens the encrypted file of secrets, or makes it: the passphrase is typed hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.errors import Code, HaulierError
from core.messages import ListConnections, UnlockSecrets
from core.model import Passphrase
from core.safe_text import safe_text
from tui.store_form import file_state

if TYPE_CHECKING:
    from tui.app import HaulierApp

_OPEN = (
    "Keys that were typed are in an encrypted file. It stays open until the engine stops; jobs that wait go on."
)
_MAKE = "An encrypted file is made for typed keys. Nobody can bring the passphrase back when it is forgotten."


class PassphraseScreen(ModalScreen[bool]):
    """Gives whether the file is open. With `make` there is none yet, and the new passphrase is typed twice."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "leave_it", "leave it", show=False, priority=True)
    ]

    def __init__(self, *, make: bool) -> None:
        super().__init__()
        self._make = make
        self._asking = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(
                Content("A passphrase for the secrets" if self._make else "The passphrase of the secrets"),
                classes="dialog-title",
            )
            yield Input(compact=True, password=True, id="passphrase", placeholder="not shown")
            if self._make:
                yield Input(compact=True, password=True, id="again", placeholder="the same again")
            yield Static(Content(_MAKE if self._make else _OPEN), classes="dialog-text", id="explanation")
            yield Static(
                Content.assemble(
                    ("⏎", "$key"),
                    " make it     " if self._make else " open it     ",
                    ("esc", "$key"),
                    " leave it",
                ),
                classes="dialog-keys",
            )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        fields = list(self.query(Input))
        if event.input is not fields[-1]:
            fields[-1].focus()
        elif len({field.value for field in fields}) > 1:
            self._say("The two are not the same.")
        elif fields[0].value and not self._asking:
            self._asking = True
            self._say("Opening …", refused=False)
            self.run_worker(self._open(fields[0].value), exit_on_error=False)

    async def _open(self, typed: str) -> None:
        app = cast("HaulierApp", self.app)
        try:
            await app.call(UnlockSecrets(passphrase=Passphrase(text=typed), create=self._make))
        except HaulierError as error:
            self._say(f"{error.message} {error.hint}")
            for field in self.query(Input):
                field.value = ""
            self.query(Input).first().focus()
        else:
            self.dismiss(True)
        finally:
            self._asking = False

    def action_leave_it(self) -> None:
        self.dismiss(False)

    def _say(self, text: str, *, refused: bool = True) -> None:
        explanation = self.query_one("#explanation", Static)
        explanation.set_class(refused, "-refused")
        explanation.update(Content(safe_text(text, 300)))


async def open_secrets(app: HaulierApp) -> bool:
    """Whether the encrypted file is open, after the person was asked for its passphrase if need be. Called from
    a worker."""
    known = await app.ask(ListConnections())
    state = file_state(known) if known is not None else ""
    if state == "ready":
        return True
    if state in ("locked", "none"):
        return await app.push_screen_wait(PassphraseScreen(make=state == "none"))
    if known is not None:
        words = next((place.words for place in known.secret_places if place.store == "file"), "")
        app.complain(
            HaulierError(Code.BLOCKED, words or "This engine keeps no encrypted file.", "Nothing was changed.")
        )
    return False
