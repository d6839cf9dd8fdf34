"""Source and target side by side, level by level, with what differs; a job for what is marked starts here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from core.errors import Code, HaulierError
from core.listings import RowOrder
from core.model import Place
from core.safe_text import safe_text
from core.units import format_count
from tui.actions import bindings
from tui.draft import Taken
from tui.folder_level import Level
from tui.keys import key_of
from tui.screens.browse import BrowseScreen
from tui.widgets.entry_list import EntryList
from tui.widgets.pair_list import PairList
from tui.widgets.spans import Line, Span

Chosen = Callable[[Taken, Place], None]
WRITABLE = ("s3", "local")


class PairScreen(BrowseScreen):
    """`chosen` gets what is marked, or the folder one is in, and the folder of the target that it goes to."""

    NAME = "pair"
    CRUMB = "side by side"
    BINDINGS = bindings("pair")
    AS_FOLDER = True

    def __init__(self, source: Place, target: Place, chosen: Chosen) -> None:
        source, target = _as_folder(source), _as_folder(target)
        super().__init__(source, self._with_target, target)
        self._source, self._target, self._chosen = source, target, chosen
        self._different = False

    def make_table(self) -> EntryList:
        return PairList(id="entries")

    def _with_target(self, taken: Taken) -> None:
        below = taken.places[0].path.removeprefix(self._source.path)
        self._chosen(taken, replace(self._target, path=self._target.path + below))

    def _row_order(self) -> RowOrder:
        return replace(super()._row_order(), different=self._different)

    def where(self, level: Level) -> str:
        return level.path or "top"

    def _lines(self, level: Level) -> list[Line]:
        room = max(16, self.size.width // 2 - 6)
        sides: Line = (
            (f" {safe_text(str(level.place), room)}", "lead"),
            ("  |  ", "rule"),
            (safe_text(str(level.other), room), "lead"),
        )
        return [sides, *super()._lines(level)]

    def count_words(self, level: Level) -> list[Span]:
        words = super().count_words(level)
        return [("only what differs", "warn"), (" · ", "rule"), *words] if self._different else words

    def _message(self, level: Level) -> Sequence[Line]:
        if (
            level.trouble is None
            and level.rows.settled
            and level.listed
            and self._different
            and not self.wanted
        ):
            return [
                (),
                (
                    (
                        f"  All {format_count(level.listed)} entries look the same here, by size and time.",
                        "good",
                    ),
                ),
                (("  Folders are listed where they are on one side alone; → looks into the others.", "quiet"),),
                (),
                ((f"  {key_of('toggle_difference')}", "key"), ("  shows all", "")),
            ]
        return super()._message(level)

    def action_toggle_difference(self) -> None:
        self._different = not self._different
        self.end_range()
        self.show_rows()

    def action_swap_sides(self) -> None:
        if self._source.kind not in WRITABLE:
            self.haulier.complain(
                HaulierError(
                    Code.USAGE,
                    f"Nothing can be written to {safe_text(str(self._source), 60)}.",
                    "It can only be the source.",
                )
            )
            return
        self.app.switch_screen(PairScreen(self._target, self._source, self._chosen))

    def label_of(self, action: str) -> str:
        if action == "toggle_difference":
            return "all" if self._different else "differences"
        if action == "next_step":
            marked = self._tree.count
            return f"job for the {format_count(marked)} marked" if marked else "job for this folder"
        return super().label_of(action)


def _as_folder(place: Place) -> Place:
    path = place.path
    return replace(place, path=f"{path}/") if path and not path.endswith("/") else place
