"""The keys of the screen one comes from, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tui.actions import ACTIONS, BY_ID, EVERYWHERE, Action, grouped, of_screen
from tui.keys import keys_in_force

NOTES: dict[str, str] = {
    "jobs": "▶ running  ‖ paused  ! needs you  ? waits for YES  ▤ batches  ✓ done  ✗ failed  – cancelled",
    "board": "One line is one worker: what it moves, which part, how much, how fast, which try, how long.",
    "job": "Status is one of pending, downloading, completed, failed. Proof says how a file was verified.",
    "log": "The same lines are in the engine's log file.",
}


def help_text(screen: str) -> Content:
    """All keys of a screen, by group, with one sentence each."""
    pieces: list[Content | tuple[str, str] | str] = []
    for group, actions in grouped(_keys_of(screen)):
        pieces.append((f"{group}\n", "$quiet"))
        for action in map(keys_in_force().of, actions):
            pieces += ["  ", (f"{action.shown:<5}", "$key"), f"{action.help}\n"]
        pieces.append("\n")
    pieces.append(("In lists\n", "$quiet"))
    pieces += ["  ", (f"{'↑ ↓':<5}", "$key"), "Move; also j k, page up, page down, g and G for the ends.\n"]
    if screen in NOTES:
        pieces += ["\n", (NOTES[screen], "$quiet"), "\n"]
    return Content.assemble(*pieces)


def _keys_of(screen: str) -> Iterator[Action]:
    yield from (action for action in of_screen(screen) if action.keys)
    yield from (action for action in ACTIONS if EVERYWHERE in action.screens and action.keys)


class HelpScreen(ModalScreen[None]):
    NAME: ClassVar[str] = "help"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(BY_ID[name].binding() for name in ("back", "show_help")),
    ]

    def __init__(self, about: Screen[object]) -> None:
        super().__init__()
        self._about = str(getattr(about, "NAME", ""))

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="help"):
            yield Static(Content(f"Keys of this screen: {self._about}"), classes="dialog-title")
            yield Static(help_text(self._about))

    def action_back(self) -> None:
        self.dismiss()

    def action_show_help(self) -> None:
        self.dismiss()
