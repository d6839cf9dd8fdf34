"""Looking inside a target's bucket for the folder that things go into."""

from __future__ import annotations

from collections.abc import Callable

from textual.events import Key

from core.model import Place
from tui.actions import bindings
from tui.screens.browse import BrowseScreen
from tui.widgets.numbered_list import MarkedTable

MARKING_KEYS = frozenset({"toggle_mark", "mark_up", "mark_down", "sticky_range", "mark_all", "invert_marks",
                          "type_selection", "analyse_place", "compare_with"})  # fmt: skip


class TargetFolderScreen(BrowseScreen):
    """Enter takes the folder one is in: `chosen` gets it. Nothing can be marked: one folder is wanted."""

    CRUMB = "new job  ›  target  ›  folder"
    BINDINGS = bindings("browse")
    DEFAULT_CSS = """
    TargetFolderScreen #select { display: none; }
    """

    def __init__(self, bucket: Place, chosen: Callable[[Place], None]) -> None:
        super().__init__(bucket, lambda _: None)
        self._chosen = chosen

    def on_key(self, event: Key) -> None:
        event.prevent_default()  # a digit begins no selection

    def on_marked_table_dot_clicked(self, event: MarkedTable.DotClicked) -> None:
        event.prevent_default()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action in MARKING_KEYS else super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        return "into this folder" if action == "next_step" else super().label_of(action)

    def action_next_step(self) -> None:
        self.dismiss()
        self._chosen(self._level.place)
