"""Looking inside a target's bucket for the folder that things go into."""

from __future__ import annotations

from collections.abc import Callable

from core.model import Place
from tui.actions import bindings
from tui.draft import Taken
from tui.screens.browse import BrowseScreen

MARKING_KEYS = frozenset({"toggle_mark", "mark_up", "mark_down", "sticky_range", "mark_all", "invert_marks",
                          "type_selection", "analyse_place", "compare_with"})  # fmt: skip


class TargetFolderScreen(BrowseScreen):
    """Enter takes the folder one is in: `chosen` gets it."""

    CRUMB = "new job  ›  target  ›  folder"
    BINDINGS = bindings("browse")

    def __init__(self, bucket: Place, chosen: Callable[[Place], None]) -> None:
        super().__init__(bucket, self._folder_taken)
        self._chosen = chosen

    def _folder_taken(self, taken: Taken) -> None:
        self.dismiss()
        self._chosen(taken.places[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is marked here: one folder is wanted."""
        return False if action in MARKING_KEYS else super().check_action(action, parameters)

    def label_of(self, action: str) -> str:
        return "into this folder" if action == "next_step" else super().label_of(action)
