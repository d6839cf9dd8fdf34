"""The command palette: every action that is possible now, and every job, found by a few letters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.style import Style

from core.safe_text import safe_text
from tui.actions import ACTIONS, EVERYWHERE, Action
from tui.job_words import WORDS

if TYPE_CHECKING:
    from tui.app import HaulierApp


class _Plain(Provider):
    """Hits are shown as plain text: Textual's own highlighter would read names as markup."""

    @property
    def haulier(self) -> HaulierApp:
        return cast("HaulierApp", self.app)

    def marked(self, text: str, query: str) -> tuple[float, Content]:
        matcher = self.matcher(query)
        score, offsets = matcher.fuzzy_search.match(query, text)
        content = Content(text)
        for offset in offsets:
            content = content.stylize(self.match_style or Style(bold=True), offset, offset + 1)
        return score, content


class ActionProvider(_Plain):
    def _possible(self) -> Iterator[Action]:
        name = getattr(self.screen, "NAME", "")
        for action in ACTIONS:
            if not action.in_palette or not (name in action.screens or EVERYWHERE in action.screens):
                continue
            owner = self.haulier if EVERYWHERE in action.screens else self.screen
            if hasattr(owner, f"action_{action.id}") and owner.check_action(action.id, ()):
                yield action

    async def discover(self) -> Hits:
        for action in self._possible():
            text = _line(action)
            yield DiscoveryHit(Content(text), lambda action=action: self._do(action), text=text)

    async def search(self, query: str) -> Hits:
        for action in self._possible():
            score, content = self.marked(_line(action), query)
            if score > 0:
                yield Hit(score, content, lambda action=action: self._do(action), text=_line(action))

    async def _do(self, action: Action) -> None:
        owner = self.haulier if EVERYWHERE in action.screens else self.screen
        await owner.run_action(action.id)


class JobProvider(_Plain):
    async def discover(self) -> Hits:
        for job_id, text in self._jobs():
            yield DiscoveryHit(Content(text), lambda job_id=job_id: self.haulier.open_job(job_id), text=text)

    async def search(self, query: str) -> Hits:
        for job_id, text in self._jobs():
            score, content = self.marked(text, query)
            if score > 0:
                yield Hit(score, content, lambda job_id=job_id: self.haulier.open_job(job_id), text=text)

    def _jobs(self) -> Iterator[tuple[int, str]]:
        for job in self.haulier.view.jobs:
            yield job.id, f"Job {job.id}  {safe_text(job.title, 60)}  {WORDS[job.state]}"


def _line(action: Action) -> str:
    key = f"  ({action.shown})" if action.keys else ""
    return f"{action.help.rstrip('.')}{key}"
