"""The repository picker: the kept repositories of one Hub, whether they may be read, and how much they hold."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.timer import Timer

from core.errors import HaulierError
from core.messages import DropRepo, ListRepos, LookAtRepo, Measure, Measured, RepoList
from core.model import ADHOC_HUB, Connection, KeptRepo
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.actions import bindings
from tui.counting import Counter
from tui.draft import Taken
from tui.keys import key_of
from tui.marks import NamedMarks
from tui.own_hub import hub_words, token_words
from tui.repo_ids import KIND_WORDS
from tui.repo_words import Looked, access_words, name_of, of_hub
from tui.screens.ask import QuestionScreen
from tui.screens.marking import MARKING, MarkingScreen, passing
from tui.state import Link, ViewState
from tui.widgets import repo_tables
from tui.widgets.filter_bar import FilterBar, nothing_fits
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule
from tui.widgets.spans import Line, Span

LOOKS_AT_ONCE = 2  # requests about access under way at the same time
NEEDS_ROW = frozenset({"edit_repo", "remove_repo", "count_repo", "analyse_place", "next_step"})
NEEDS_ENGINE = NEEDS_ROW | {"add_repo", "search_hub"}


class RepoPicker(MarkingScreen):
    """Choose among the repositories that are kept for a Hub. `chosen` gets the places."""

    NAME = "repos"
    CRUMB = "new job  ›  source"
    marks: NamedMarks
    BINDINGS = bindings("repos")
    DEFAULT_CSS = """
    RepoPicker #about { max-height: 4; }
    """

    def __init__(self, connection: str, chosen: Callable[[Taken], None]) -> None:
        super().__init__()
        self._hub = connection
        self._then = chosen
        self._repos: tuple[KeptRepo, ...] = ()
        self._elsewhere = 0  # kept for other Hubs
        self._loaded = False
        self._loading = False
        self.marks = NamedMarks((), self.marks_changed)
        self._looked: dict[str, Looked] = {}
        self._looking: set[str] = set()
        self._looks_done = 0  # how often `_looked` has changed
        self._drawn = (-1, -1)  # what the list was drawn with: version of the counter, changes of `_looked`
        self._asked: set[str] = set()  # names whose counting was asked for by its key
        self._counter = Counter[Measure, Measured](self._question)
        self._tick: Timer | None = None

    def body(self) -> ComposeResult:
        yield Heading()
        yield from self.selection_line()
        yield repo_tables.RepoList(id="repos")
        yield FilterBar()
        yield Rule()
        yield Words(id="about")

    @property
    def table(self) -> repo_tables.RepoList:
        return self.query_one(repo_tables.RepoList)

    @property
    def connection(self) -> Connection:
        if self._hub == ADHOC_HUB:
            return self.haulier.own_hub.connection
        known = next((one for one in self.view.connections if one.name == self._hub), None)
        return known or Connection(name=self._hub, kind="hub")

    @property
    def current(self) -> KeptRepo | None:
        row = self.table.current if self.is_mounted else None
        return self._repos[row] if row is not None and row < len(self._repos) else None

    def on_mount(self) -> None:
        self.table.focus()
        self.say_state()
        self._load()
        self._tick = self.set_interval(0.4, self._know_more)

    def view_changed(self, view: ViewState) -> None:
        if not self._loaded and view.link is Link.UP:
            self._load()

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "count")
        if self._tick is not None:
            self._tick.pause()

    def on_screen_resume(self) -> None:
        if self._tick is not None:
            self._tick.resume()
        if self._loaded:
            self._load()

    # ------------------------------------------------------------ the list

    def _load(self) -> None:
        if self.haulier.client is not None and not self._loading:
            self._loading = True
            self.run_worker(self._read(), group="load", exit_on_error=False)

    async def _read(self) -> None:
        client = self.haulier.client
        try:
            if client is None:
                return
            if self._hub == ADHOC_HUB:
                await self.haulier.own_hub.introduce(client)
            known = await client.call(ListRepos())
        except HaulierError as error:
            self._loaded = True
            self.table.message = (
                (),
                (("  The kept repositories cannot be read.", "bad"),),
                *wrapped(safe_text(error.message), self.size.width),
                *wrapped(safe_text(error.hint), self.size.width, "quiet"),
            )
            self.table.refresh()
            return
        finally:
            self._loading = False
        self._loaded = True
        self.take(known)

    def take(self, known: RepoList) -> None:
        """Show what is kept now; marks stay with their repositories."""
        if not self.is_mounted:
            return
        self._repos = of_hub(known, self._hub)
        self._elsewhere = len(known.repos) - len(self._repos)
        self._asked &= {name_of(repo) for repo in self._repos}
        self.show_rows()
        self.marks.rename([name_of(repo) for repo in self._repos])
        self._say_about()
        self._know_more()

    def _nothing(self) -> list[Line]:
        lines: list[Line] = [
            (),
            (("  No repositories kept yet.", "lead"),),
            (),
            (
                (f"  {key_of('add_repo')}", "key"),
                ("  add one by its name", ""),
                ("   gpt2, org/name, or the address of its page", "quiet"),
            ),
            ((f"  {key_of('search_hub')}", "key"), ("  search on the Hub", "")),
        ]
        if self._elsewhere:
            lines += [(), ((f"  {self._elsewhere} are kept for other Hubs.", "quiet"),)]
        return lines

    def show_rows(self) -> None:
        if self._loaded:
            self.table.message = nothing_fits() if self.wanted and self._repos else self._nothing()
        names = [f"{name_of(repo)} {repo.description}" for repo in self._repos]
        self.table.show_repos(self._repos, passing(names, self.wanted))

    def say_state(self) -> None:
        hub = self.connection
        title: list[Span] = [
            (f"{safe_text(self._hub, 24)}{'://' if self._hub == ADHOC_HUB else ''}", "lead"),
            (f"  {hub_words(hub)}", ""),
            (f" · {token_words(hub)}", "quiet"),
        ]
        state: list[Span] = [(f"{format_count(len(self._repos))} kept", "quiet")] if self._repos else []
        if self.in_range:
            state = [("range  ", "warn"), *state]
        if chosen := self.marks.chosen_names:
            state = [(f"{len(chosen)} marked{self._total_of(chosen)}", "lead"), (" · ", "rule"), *state]
        self.query_one(Heading).say(title, state)
        self.refresh_bindings()

    def _total_of(self, names: tuple[str, ...]) -> str:
        known = [self._counter.measured.get(name) for name in names]
        told = [one for one in known if one is not None and not one.trouble]
        if not told:
            return ""
        whole = len(told) == len(names) and all(one.complete for one in told)
        count, size = sum(one.total.count for one in told), sum(one.total.bytes for one in told)
        more = "" if whole else "≥ "
        return f": {more}{format_count(count)} files, {more}{format_bytes(size)}"

    def _say_about(self) -> None:
        """Below the list, the repository under the cursor in full."""
        repo = self.current
        words = self.query_one("#about", Words)
        if repo is None:
            words.say()
            return
        revision = f" @ {safe_text(repo.revision, 30)}" if repo.revision else ""
        text, look = access_words(self._looked.get(name_of(repo)))
        lines: list[Line] = [
            (
                (f" {KIND_WORDS[repo.kind]} ", "quiet"),
                (safe_text(repo.id, 50), "lead"),
                (revision, ""),
                (f"   {safe_text(repo.description)}" if repo.description else "", "quiet"),
            ),
            *wrapped(safe_text(text), self.size.width, look, " "),
        ]
        words.say(*lines[:4])

    def on_line_table_moved(self) -> None:
        self._say_about()

    # ------------------------------------------------------------ access and size

    def _know_more(self) -> None:
        """Look at those in sight, and count the marked and the asked for. Called often."""
        if self.haulier.client is None or not self.is_current or not self._repos:
            return
        rows = self.table.rows
        for row in self.table.visible_rows:
            name = name_of(self._repos[rows[row]])
            if len(self._looking) >= LOOKS_AT_ONCE:
                break
            if name not in self._looked and name not in self._looking:
                self._looking.add(name)
                self.run_worker(self._look(self._repos[rows[row]]), group="count", exit_on_error=False)
        wanted = [*self.marks.chosen_names, *self._asked]
        while (name_ := self._counter.next_up(wanted, ())) is not None:
            self.run_worker(self._count(name_), group="count", exit_on_error=False)
        now = (self._counter.version, self._looks_done)
        if self._drawn != now:
            self._drawn = now
            self.table.show_known(self._looked, self._counter.measured, self._counter.running)

    async def _look(self, repo: KeptRepo) -> None:
        client, name = self.haulier.client, name_of(repo)
        try:
            if client is not None:
                ask = LookAtRepo(place=repo.place, adhoc=self.haulier.adhoc_for(repo.place))
                info = await client.call(ask)
                self._looked[name] = info
        except HaulierError as error:
            self._looked[name] = error
        finally:
            self._looking.discard(name)
            self._looks_done += 1
        if self.is_mounted:
            self._say_about()
            self._know_more()

    def _question(self, name: str, seconds: float) -> Measure:
        place = next(repo.place for repo in self._repos if name_of(repo) == name)
        return Measure(place=place, seconds=seconds, adhoc=self.haulier.adhoc_for(place))

    async def _count(self, name: str) -> None:
        client = self.haulier.client
        if client is None:
            return
        await self._counter.count(name, client.call)
        if self.is_mounted:
            self._know_more()
            self.say_state()

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        typing = self.is_mounted and self.box.has_focus
        if action in NEEDS_ENGINE and typing and action != "next_step":
            return False
        if action in MARKING | NEEDS_ROW and not self._repos:
            return False
        return super().check_action(action, parameters)

    def action_type_words(self) -> None:
        self.action_type_selection()

    def action_add_repo(self) -> None:
        self._edit(KeptRepo(id="", kind="datasets", connection=self._hub), is_new=True)

    def action_edit_repo(self) -> None:
        if (repo := self.current) is not None:
            self._edit(repo, is_new=False)

    def _edit(self, repo: KeptRepo, is_new: bool) -> None:
        from tui.screens.repo_edit import RepoEditScreen

        self.app.push_screen(RepoEditScreen(repo, None if is_new else repo, self._repos, self._kept))

    def _kept(self, known: RepoList, repo: KeptRepo) -> None:
        """One was added or changed: what is known of it is looked at anew, and the cursor goes there."""
        self._looked.pop(name_of(repo), None)
        self._looks_done += 1
        self._counter.forget()
        self.take(known)
        self._go_to(repo)

    def _go_to(self, repo: KeptRepo) -> None:
        rows = self.table.rows
        self.table.cursor = next(
            (at for at, row in enumerate(rows) if name_of(self._repos[row]) == name_of(repo)), self.table.cursor
        )

    def action_search_hub(self) -> None:
        from tui.screens.repo_search import RepoSearchScreen

        self.app.push_screen(RepoSearchScreen(self._hub, self._repos, self._then))

    def action_remove_repo(self) -> None:
        if (repo := self.current) is not None:
            self.run_worker(self._remove(repo), group="remove", exclusive=True, exit_on_error=False)

    async def _remove(self, repo: KeptRepo) -> None:
        sure = await self.app.push_screen_wait(
            QuestionScreen(
                f"Keep the {KIND_WORDS[repo.kind]} {repo.id} no longer?",
                "It leaves this list. Nothing on the Hub and nothing that was fetched is touched.",
                "remove it from the list",
                "keep it",
            )
        )
        if not sure:
            return
        known = await self.haulier.ask(DropRepo(id=repo.id, kind=repo.kind, connection=repo.connection))
        if known is not None:
            self.take(known)

    def action_count_repo(self) -> None:
        if (repo := self.current) is not None:
            self._asked.add(name_of(repo))
            self._know_more()

    def action_reload(self) -> None:
        self._looked.clear()
        self._looks_done += 1
        self._counter.forget()
        self._load()

    def action_look_inside(self) -> None:
        if (repo := self.current) is None:
            return
        from tui.screens.browse import BrowseScreen

        self.app.push_screen(BrowseScreen(repo.place, self._then))

    def on_line_table_opened(self) -> None:
        self.action_look_inside()

    def action_analyse_place(self) -> None:
        if (repo := self.current) is None:
            return
        from tui.screens.analysis import AnalysisScreen

        self.app.push_screen(AnalysisScreen(Taken((repo.place,)), self._then))

    def label_of(self, action: str) -> str:
        if action == "next_step":
            marked = len(self.marks.chosen)
            return f"take the {marked} marked" if marked else "take it"
        return "inside" if action == "look_inside" else ""

    def action_next_step(self) -> None:
        """The marked ones, or the one under the cursor."""
        chosen = [self._repos[at] for at in sorted(self.marks.chosen)]
        if not chosen and self.focused is not self.box and (repo := self.current) is not None:
            chosen = [repo]
        if not chosen:
            self.haulier.tell("Mark at least one repository: space marks, or type its number.")
            return
        self._then(Taken(tuple(repo.place for repo in chosen)))
