"""The engine will not move a batch to this disk: why, and the ways on. Enter takes none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.errors import HaulierError
from core.messages import ContinueCampaign
from core.safe_text import safe_text

WAYS = {
    "share": ("h", "put it beside what this disk holds"),
    "other": ("o", "go on with this other disk"),
    "folder": ("f", "choose another folder"),
}


def ways_on(command: ContinueCampaign, error: HaulierError) -> tuple[str, ...]:
    """What may be meant all the same: the engine's hint names the option of the command line that says so. One
    that was given already did not help and is not offered again."""
    words = error.hint
    ways: list[str] = []
    if not command.share_disk and "--share-disk" in words:
        ways.append("share")
    if not command.other_disk and "--other-disk" in words:
        ways.append("other")
    return tuple(ways)


class DiskRefusedScreen(ModalScreen[str]):
    """Gives "share", "other", "folder", or "" when left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "take('')", "leave it", show=False),
        *(Binding(key, f"take('{way}')", words, show=False) for way, (key, words) in WAYS.items()),
    ]

    def __init__(self, batch: int, error: HaulierError, ways: Sequence[str]) -> None:
        super().__init__()
        self._batch = batch
        self._error = error
        self._ways = (*ways, "folder")

    def compose(self) -> ComposeResult:
        keys: list[Content | tuple[str, str] | str] = []
        for way in self._ways:
            key, words = WAYS[way]
            keys += [(key, "$key"), f"  {words}\n"]
        keys += [("esc", "$key"), "  leave it as it is"]
        with Vertical(classes="dialog"):
            yield Static(Content(f"Batch {self._batch} does not go there"), classes="dialog-title")
            yield Static(Content(safe_text(self._error.message, 500)))
            yield Static(Content(safe_text(self._error.hint, 400)), classes="dialog-text")
            yield Static(Content.assemble(*keys), classes="dialog-keys")

    def action_take(self, way: str) -> None:
        if not way or way in self._ways:
            self.dismiss(way)
