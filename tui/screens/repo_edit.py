"""The form of one kept repository; the Hub is asked whether it is there before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from msgspec.structs import replace
from textual.app import ComposeResult

from core.errors import Code, HaulierError
from core.messages import DropRepo, KeepRepo, LookAtRepo, RepoList
from core.model import KeptRepo, RepoInfo, RepoKind
from core.safe_text import safe_text
from tui.actions import bindings
from tui.keys import key_of
from tui.repo_ids import KINDS
from tui.repo_words import access_words, read_id, same_place
from tui.screens.ask import QuestionScreen
from tui.screens.frame import HaulierScreen
from tui.widgets.form import Ask, Field, Form
from tui.widgets.heading import Heading, Words, wrapped
from tui.widgets.rule import Rule

Kept = Callable[[RepoList, KeptRepo], None]


class RepoEditScreen(HaulierScreen):
    """`old` is the repository that is changed, None for a new one. `kept` gets the new list."""

    NAME = "repo_edit"
    CRUMB = "repositories  ›  edit"
    BINDINGS = bindings("repo_edit")
    DEFAULT_CSS = """
    RepoEditScreen Form { height: auto; }
    RepoEditScreen #report { max-height: 8; }
    """

    def __init__(self, repo: KeptRepo, old: KeptRepo | None, known: Sequence[KeptRepo], kept: Kept) -> None:
        super().__init__()
        self._start = repo
        self._old = old
        self._known = known
        self._kept = kept

    def body(self) -> ComposeResult:
        title = f"Change {safe_text(self._old.id, 50)}" if self._old else "Keep a repository"
        yield Heading((title, "lead"), (f"  for {safe_text(self._start.connection, 30)}", "quiet"))
        yield Form(self._asks())
        yield Rule()
        yield Words((("", ""),), id="more")
        yield Words(id="report")

    def _asks(self) -> list[Ask]:
        repo = self._start
        return [
            Ask("id", "repository", "gpt2, org/name, hf://… or its page", repo.id, placeholder="org/name",
                more="An address such as https://huggingface.co/datasets/org/name is understood, too."),
            Ask("kind", "type", "← → changes", repo.kind, KINDS,
                more="What stands in an address (datasets/…, spaces/…) goes before this choice."),
            Ask("revision", "revision", "branch, tag or commit; empty: default", repo.revision,
                placeholder="main",
                more="A job takes the commit that this names when its plan is made, and keeps to it."),
            Ask("description", "description", "for yourself", repo.description, placeholder="what it is for",
                more="Shown in the list, and found by its filter."),
        ]  # fmt: skip

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    def on_mount(self) -> None:
        self.form.focus_first()

    def label_of(self, action: str) -> str:
        return "check and keep" if action == "next_step" else ""

    def on_form_changed(self, event: Form.Changed) -> None:
        field = self.form.field(event.name)
        if field.error:
            field.say("")
        self._say_more(field)

    def on_form_entered(self, event: Form.Entered) -> None:
        self._say_more(event.field)

    def _say_more(self, field: Field) -> None:
        words = (f" {field.error}", "bad") if field.error else (f" {field.ask.more}", "quiet")
        self.query_one("#more", Words).say((words,))

    # ------------------------------------------------------------ keeping

    def on_form_submitted(self) -> None:
        self.action_keep_repo()

    def action_keep_repo(self) -> None:
        try:
            repo = self._typed()
        except HaulierError as error:
            self._refuse("id", error)
            return
        self.run_worker(self._check_and_keep(repo), group="keep", exclusive=True, exit_on_error=False)

    def _typed(self) -> KeptRepo:
        """What the form says. Raises HaulierError (usage)."""
        read = read_id(self.form["id"], cast("RepoKind", self.form["kind"]), self._start.connection)
        revision = self.form["revision"].strip()
        repo = replace(
            read,
            revision=revision or read.revision,
            description=self.form["description"].strip(),
            added=self._start.added,
        )
        if self._old is None and any(same_place(repo, one) for one in self._known):
            raise HaulierError(
                Code.USAGE,
                f"{safe_text(repo.id, 50)} is in the list already.",
                f"{key_of('edit_repo')} changes it there.",
            )
        return repo

    async def _check_and_keep(self, repo: KeptRepo) -> None:
        report = self.query_one("#report", Words)
        report.say((), ((" Looking at it on the Hub …", "key"),))
        try:
            look = LookAtRepo(place=repo.place, adhoc=self.haulier.adhoc_for(repo.place))
            found = await self.haulier.call(look)
        except HaulierError as error:
            if error.code in (Code.NOT_FOUND, Code.USAGE):
                self._refuse("revision" if "revision" in error.message.lower() else "id", error)
                return
            self._say_trouble(error)
            if not await self._keep_anyway():
                return
        else:
            self._say_found(found)
        await self._keep(repo)

    async def _keep(self, repo: KeptRepo) -> None:
        known = await self.haulier.ask(KeepRepo(repo=repo))
        if known is None:
            return
        if self._old is not None and not same_place(self._old, repo):
            known = await self._drop_old(known)
        self.haulier.tell(f"Kept {repo.id}.")
        self._kept(known, repo)
        self.dismiss()

    async def _drop_old(self, known: RepoList) -> RepoList:
        """Under another name it is another repository: the one it replaces leaves the list."""
        old = self._old
        if old is None:
            return known
        return await self.haulier.ask(DropRepo(id=old.id, kind=old.kind, connection=old.connection)) or known

    async def _keep_anyway(self) -> bool:
        return await self.app.push_screen_wait(
            QuestionScreen(
                "The Hub could not be asked. Keep the repository all the same?",
                "Whether it is there shows when it is looked at the next time.",
                "keep it unchecked",
                "go back to the form",
            )
        )

    def _refuse(self, name: str, error: HaulierError) -> None:
        field = self.form.field(name)
        field.complain(safe_text(error.message))
        field.control.focus()
        self._say_more(field)
        self.query_one("#report", Words).say((), *wrapped(safe_text(error.hint), self.size.width, "", " "))

    def _say_trouble(self, error: HaulierError) -> None:
        width = self.size.width
        self.query_one("#report", Words).say(
            (),
            *wrapped(safe_text(error.message), width, "bad", " "),
            *wrapped(safe_text(error.hint), width, "", " "),
        )

    def _say_found(self, found: RepoInfo) -> None:
        text, look = access_words(found)
        self.query_one("#report", Words).say((), *wrapped(safe_text(text), self.size.width, look, " "))
