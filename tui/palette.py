"""The command palette: every action that is possible now, and every job, found by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.style import Style

from tui.actions import ACTIONS, EVERYWHERE, Action
from tui.job_words import WORDS, title_of
from tui.keys import keys_in_force

if TYPE_CHECKING:
    from tui.app import HaulierApp


class Everything(Provider):
    """First what can be done here, then the jobs. Hits are plain text: Textual's own highlighter would read
    names as markup."""

    async def discover(self) -> Hits:
        for text, do in self._entries():
            yield DiscoveryHit(Content(text), do, text=text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        look = self.match_style or Style(bold=True)
        for text, do in self._entries():
            score, offsets = matcher.fuzzy_search.match(query, text)
            if score > 0:
                content = Content(text)
                for offset in offsets:
                    content = content.stylize(look, offset, offset + 1)
                yield Hit(score, content, do, text=text)

    @property
    def haulier(self) -> HaulierApp:
        return cast("HaulierApp", self.app)

    def _entries(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for action in self._possible():
            key = f"  ({keys_in_force().of(action).shown})" if action.keys else ""
            yield f"{action.help.rstrip('.')}{key}", partial(self._do, action)
        for job in self.haulier.view.jobs:
            text = f"Job {job.id}  {title_of(job.title, 60)}  {WORDS[job.state]}"
            yield text, partial(self.haulier.open_job, job.id)

    def _possible(self) -> Iterator[Action]:
        name = getattr(self.screen, "NAME", "")
        for action in ACTIONS:
            if action.in_palette and (name in action.screens or EVERYWHERE in action.screens):
                owner = self._owner(action)
                if hasattr(owner, f"action_{action.id}") and owner.check_action(action.id, ()):
                    yield action

    def _owner(self, action: Action) -> DOMNode:
        return self.haulier if EVERYWHERE in action.screens else self.screen

    async def _do(self, action: Action) -> None:
        await self.haulier.run_action(action.id, default_namespace=self._owner(action))
