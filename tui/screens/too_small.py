"""What is shown instead of a broken layout when the terminal is too small."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import BY_ID

MIN_WIDTH = 60
MIN_HEIGHT = 16


def is_too_small(width: int, height: int) -> bool:
    return width < MIN_WIDTH or height < MIN_HEIGHT


class TooSmallScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [BY_ID["leave"].binding()]

    def compose(self) -> ComposeResult:
        yield Static(id="too-small")

    def on_mount(self) -> None:
        self.say()

    def on_resize(self) -> None:
        self.say()

    def say(self) -> None:
        width, height = self.app.size
        self.query_one(Static).update(
            Content(
                f"{width}×{height} is too small.\nhaulier needs {MIN_WIDTH}×{MIN_HEIGHT}.\n"
                "The engine keeps working.\nq leaves"
            )
        )

    def action_leave(self) -> None:
        self.app.exit()
