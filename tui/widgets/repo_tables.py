"""The kept repositories as numbered rows, and what a search found."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from core.model import FoundRepo, KeptRepo
from core.safe_text import safe_text
from core.units import short_count
from tui.counting import Measurement
from tui.names import short_name
from tui.repo_ids import KIND_WORDS
from tui.repo_words import Looked, access_word, name_of
from tui.widgets.amounts import BYTES_WIDTH, amount_cells
from tui.widgets.dates import date_words
from tui.widgets.numbered_list import DOT_WIDTH, NumberedList
from tui.widgets.spans import Line
from tui.widgets.table import Column, LineTable


class RepoList(NumberedList):
    """Rows are positions in the kept repositories of one Hub."""

    COLUMNS = (
        Column("dot", "", DOT_WIDTH),
        Column("number", "#", 3, right=True),
        Column("id", "repository", 16, grow=3),
        Column("kind", "type", 7),
        Column("revision", "revision", 8, grow=1, wide=14),
        Column("count", "files", 8, right=True),
        Column("bytes", "bytes", BYTES_WIDTH, right=True),
        Column("access", "access", 9),
        Column("description", "description", 12, grow=3, from_width=104),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._repos: Sequence[KeptRepo] = ()
        self._looked: Mapping[str, Looked] = {}

    def show_repos(self, repos: Sequence[KeptRepo], shown: Sequence[int]) -> None:
        """These repositories from now on, of which `shown` pass the filter."""
        self._repos = repos
        self.show(shown)
        self.refresh()

    def show_known(
        self, looked: Mapping[str, Looked], measured: Mapping[str, Measurement], counting: frozenset[str]
    ) -> None:
        """What is known of them by now, by name."""
        self._looked = looked
        self.show_measured(measured, counting)

    def cells(self, row: int, widths: Mapping[str, int]) -> Mapping[str, Line]:
        repo = self._repos[row]
        name = name_of(repo)
        amounts = amount_cells(self._measured.get(name), name in self._counting)
        return {
            **self.mark_cells(row),
            "id": ((short_name(repo.id, widths["id"]), "lead" if self.is_marked(row) else ""),),
            "kind": ((KIND_WORDS[repo.kind], "quiet"),),
            "revision": ((short_name(repo.revision, widths["revision"]) or "default", "quiet"),),
            "access": (access_word(self._looked.get(name)),),
            "description": ((safe_text(repo.description, widths.get("description", 1)), "quiet"),),
            **amounts,
        }


class FoundTable(LineTable[FoundRepo]):
    """What a search found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "screen.look_inside", "look inside", key_display="→"),
    ]
    COLUMNS = (
        Column("id", "repository", 20, grow=1),
        Column("kept", "", 4),
        Column("access", "access", 7),
        Column("downloads", "downloads", 9, right=True),
        Column("likes", "likes", 6, right=True),
        Column("modified", "modified", 10, from_width=64),
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kept: frozenset[str] = frozenset()  # ids

    def key_of(self, row: FoundRepo) -> Hashable:
        return row.id

    def action_move(self, by: int) -> None:
        """Above the first row lies what is searched for."""
        if by < 0 and self.cursor == 0:
            self.screen.focus_previous()
        else:
            super().action_move(by)

    def cells(self, row: FoundRepo, widths: Mapping[str, int]) -> Mapping[str, Line]:
        word = "gated" if row.gated else "private" if row.private else "open"
        return {
            "id": ((short_name(row.id, widths["id"]), ""),),
            "kept": (("kept", "good"),) if row.id in self.kept else (),
            "access": ((word, "warn" if word != "open" else "quiet"),),
            "downloads": ((short_count(row.downloads), ""),) if row.downloads >= 0 else (("–", "quiet"),),
            "likes": ((short_count(row.likes), "quiet"),) if row.likes >= 0 else (("–", "quiet"),),
            "modified": ((date_words(row.modified), "quiet"),),
        }
