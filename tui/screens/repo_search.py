"""Searching a Hub: words and a type, what was found, and Enter keeps one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from textual.app import ComposeResult

from core.errors import HaulierError
from core.messages import KeepRepo, SearchRepos
from core.model import FoundRepo, KeptRepo, Place, RepoKind
from core.safe_text import safe_text
from tui.actions import bindings
from tui.draft import Taken
from tui.repo_ids import KINDS
from tui.screens.frame import HaulierScreen
from tui.widgets.form import Ask, Form
from tui.widgets.heading import Heading, wrapped
from tui.widgets.repo_tables import FoundTable


class RepoSearchScreen(HaulierScreen):
    """`kept` are those of the list already; `chosen` gets what is taken after a look inside."""

    NAME = "repo_search"
    CRUMB = "repositories  ›  search"
    BINDINGS = bindings("repo_search")
    DEFAULT_CSS = """
    RepoSearchScreen Form { height: 2; margin-bottom: 1; }
    """

    def __init__(self, connection: str, kept: Sequence[KeptRepo], chosen: Callable[[Taken], None]) -> None:
        super().__init__()
        self._connection = connection
        self._kept = {(repo.kind, repo.id) for repo in kept}
        self._then = chosen
        self._kind: RepoKind = "datasets"  # of what is shown

    def body(self) -> ComposeResult:
        yield Heading((f"Search {safe_text(self._connection, 30)}", "lead"))
        yield Form(
            [
                Ask("words", "words", "⏎ searches", placeholder="imagenet"),
                Ask("kind", "type", "← → changes", "datasets", KINDS),
            ]
        )
        yield FoundTable()

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def table(self) -> FoundTable:
        return self.query_one(FoundTable)

    def on_mount(self) -> None:
        self.form.focus_first()

    def on_form_submitted(self) -> None:
        self._search()

    def on_form_changed(self, event: Form.Changed) -> None:
        if event.name == "kind" and self.form["words"].strip():
            self._search()

    def _search(self) -> None:
        if not self.form["words"].strip():
            self.haulier.tell("Type what to search for.")
            return
        self.table.message = ((), (("  Searching …", "key"),))
        self.table.attach(())
        self.run_worker(self._ask(), group="search", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        kind = cast("RepoKind", self.form["kind"])
        place = Place(kind="hub", connection=self._connection)
        try:
            found = await self.haulier.call(
                SearchRepos(
                    words=self.form["words"].strip(),
                    kind=kind,
                    connection=self._connection,
                    adhoc=self.haulier.adhoc_for(place),
                )
            )
        except HaulierError as error:
            self.table.message = (
                (),
                (("  Nothing could be searched for.", "bad"),),
                *wrapped(safe_text(error.message), self.size.width),
                *wrapped(safe_text(error.hint), self.size.width, "quiet"),
            )
            self.table.refresh()
            return
        self._kind = kind
        self.table.message = ((), (("  Nothing was found.", ""), ("  Fewer words find more.", "quiet")))
        self._mark_kept()
        self.table.attach(found.repos)
        if found.repos:
            self.table.focus()
        self.query_one(Heading).say(state=[(f"{len(found.repos)} found", "quiet")])
        self.refresh_bindings()

    def _mark_kept(self) -> None:
        self.table.kept = frozenset(id_ for kind, id_ in self._kept if kind == self._kind)

    # ------------------------------------------------------------ keys

    @property
    def current(self) -> FoundRepo | None:
        return self.table.current if self.is_mounted else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("keep_found", "look_inside") and (self.current is None or not self.table.has_focus):
            return False
        return super().check_action(action, parameters)

    def action_keep_found(self) -> None:
        if (found := self.current) is not None:
            self.run_worker(self._keep(found), group="keep", exit_on_error=False)

    async def _keep(self, found: FoundRepo) -> None:
        repo = KeptRepo(id=found.id, kind=found.kind, connection=self._connection)
        if (found.kind, found.id) in self._kept:
            self.haulier.tell(f"{found.id} is in the list already.")
            return
        if await self.haulier.ask(KeepRepo(repo=repo)) is not None:
            self._kept.add((found.kind, found.id))
            self._mark_kept()
            self.table.refresh()
            self.haulier.tell(f"Kept {found.id}.")

    def on_line_table_opened(self) -> None:
        self.action_keep_found()

    def action_look_inside(self) -> None:
        if (found := self.current) is None:
            return
        from tui.screens.browse import BrowseScreen

        repo = KeptRepo(id=found.id, kind=found.kind, connection=self._connection)
        self.app.push_screen(BrowseScreen(repo.place, self._then))

    def label_of(self, action: str) -> str:
        return "search" if action == "next_step" else ""
