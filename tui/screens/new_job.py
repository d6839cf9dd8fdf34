"""The way to a new job: source, target, options, plan. Each step is a screen on the stack; Esc is one back."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import HaulierError
from core.messages import PlanJob
from core.model import JobKind, JobOptions, JobSpec, JobView, Place
from core.safe_text import safe_text
from tui.draft import Destination, Draft, IntoPlace, summary
from tui.screens.buckets import BucketPicker
from tui.screens.folder import FolderScreen, home
from tui.screens.options import OptionsScreen
from tui.screens.places import PlacesScreen
from tui.screens.plan import PlanScreen
from tui.screens.target import TargetScreen
from tui.widgets.spans import Line

if TYPE_CHECKING:
    from tui.app import HaulierApp


def start_new_job(app: HaulierApp) -> None:
    """Begin at the first question."""
    NewJob(app).begin()


async def plan(app: HaulierApp, spec: JobSpec) -> JobView | None:
    """A planning job for the spec, or None after the refusal was shown."""
    return await app.ask(PlanJob(spec=spec, key=uuid.uuid4().hex))


class NewJob:
    """What is known so far, and which screen comes next."""

    def __init__(self, app: HaulierApp) -> None:
        self._app = app
        self._draft = Draft()
        self._marked: dict[str, tuple[str, ...]] = {}

    def begin(self) -> None:
        self._app.push_screen(PlacesScreen("new job  ›  source", "From where?", self._source_side))

    def _source_side(self, connection: str) -> None:
        if connection:
            self._app.push_screen(BucketPicker(connection, self.sources_chosen, self._marked))
        else:
            self._app.push_screen(
                FolderScreen(
                    "new job  ›  source", "Which folder of this machine is to be moved?", home(),
                    must_exist=True, chosen=lambda place: self.sources_chosen((place,)),
                )
            )  # fmt: skip

    def sources_chosen(self, sources: Sequence[Place]) -> None:
        self._draft = replace(self._draft, sources=tuple(sources))
        so_far: Line = ((" from  ", "quiet"), (safe_text(summary(sources), 200), ""))
        self._app.push_screen(PlacesScreen("new job  ›  target", "To where?", self._target_side, (so_far,)))

    def _target_side(self, connection: str) -> None:
        if connection:
            self._app.push_screen(
                TargetScreen("new job  ›  target", connection, self._draft.sources, self._target_chosen)
            )
        else:
            self._app.push_screen(
                FolderScreen(
                    "new job  ›  target", "Into which folder of this machine?", home(),
                    must_exist=False, chosen=lambda place: self._target_chosen(IntoPlace(place)),
                )
            )  # fmt: skip

    def _target_chosen(self, destination: Destination) -> None:
        self._draft = replace(self._draft, destination=destination)
        try:
            self._draft.spec()
        except HaulierError as error:
            self._app.complain(error)
            return
        self._app.push_screen(OptionsScreen("new job  ›  options", self._draft, self._options_chosen))

    def _options_chosen(self, kind: JobKind, options: JobOptions) -> None:
        self._draft = replace(self._draft, kind=kind, options=options)
        self._app.run_worker(self._plan(), group="plan", exclusive=True, exit_on_error=False)

    async def _plan(self) -> None:
        job = await plan(self._app, self._draft.spec())
        if job is not None:
            self._app.push_screen(PlanScreen(job.id, self, job))
