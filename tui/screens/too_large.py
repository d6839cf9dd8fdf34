"""Files that no disk of a campaign holds, and what would hold them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from core.model import CampaignView
from core.units import format_bytes, format_count
from tui.names import short_name
from tui.widgets.lines_list import LinesList
from tui.widgets.spans import Line, fitted

WIDTH = 70


class TooLargeScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,o", "leave_it", "back", show=False)]
    DEFAULT_CSS = """
    TooLargeScreen LinesList { height: auto; max-height: 12; background: $surface; }
    """

    def __init__(self, found: CampaignView) -> None:
        super().__init__()
        self._found = found

    def compose(self) -> ComposeResult:
        found, ask = self._found, self._found.ask
        total = found.oversized_total
        words = (
            f"A disk with {format_bytes(found.would_hold)} free would hold the largest of them; "
            f"these batches are made for {format_bytes(ask.space)}, of which {ask.margin:.0%} is filled. "
            "Plan again with more space, or copy these files by a job of their own."
        )
        with Vertical(classes="dialog"):
            yield Static(
                Content(f"{format_count(total.count)} too large, {format_bytes(total.bytes)}"),
                classes="dialog-title",
            )
            yield LinesList()
            yield Static(Content(words), classes="dialog-text")
            yield Static(Content.assemble(("esc", "$key"), " back"), classes="dialog-keys")

    def on_mount(self) -> None:
        found = self._found
        lines: list[Line] = [
            (*fitted([(short_name(name, WIDTH - 14), "")], WIDTH - 13), (f"{format_bytes(size):>11}", "bad"))
            for name, size in found.oversized
        ]
        left = found.oversized_total.count - len(found.oversized)
        if left > 0:
            lines.append(((f"and {format_count(left)} more", "quiet"),))
        table = self.query_one(LinesList)
        table.show(tuple(lines))
        table.styles.height = min(12, len(lines))
        table.focus()

    def action_leave_it(self) -> None:
        self.dismiss()
