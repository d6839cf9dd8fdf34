"""The way to a new job: source, target, options, plan. Each step is a screen on the stack; Esc is one back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from core.adhoc import adhoc_from_environment
from core.errors import HaulierError
from core.messages import PlanJob, ProvideKeys
from core.model import (
    ADHOC_HUB,
    ADHOC_S3,
    Adhoc,
    BatchAsk,
    Connection,
    JobKind,
    JobOptions,
    JobSpec,
    JobView,
    Place,
    SessionCredentials,
)
from core.safe_text import safe_text
from tui.draft import Destination, Draft, IntoPlace, Taken, draft_of, pairs_of, summary
from tui.job_defaults import origins, said_over
from tui.screens.browse import BrowseScreen
from tui.screens.buckets import BucketPicker
from tui.screens.folder import FolderScreen, home
from tui.screens.options import OptionsScreen
from tui.screens.pair import PairScreen
from tui.screens.places import LIST, URL, PlacesScreen
from tui.screens.plan import PlanScreen
from tui.screens.repos import RepoPicker
from tui.screens.target import TargetScreen
from tui.screens.urls import UrlsScreen
from tui.soon import instead
from tui.widgets.spans import Line

if TYPE_CHECKING:
    from tui.app import HaulierApp


def start_new_job(app: HaulierApp) -> None:
    """Begin at the first question."""
    NewJob(app).begin()


def look_into(app: HaulierApp, connection: Connection) -> None:
    """What is at a connection; a job can start there."""
    then = NewJob(app).taken
    app.push_screen(
        RepoPicker(connection.name, then) if connection.kind == "hub" else BucketPicker(connection.name, then)
    )


def make_again(app: HaulierApp, spec: JobSpec) -> None:
    """Begin with the options of a job that was made before."""
    try:
        draft = draft_of(spec)
    except HaulierError as error:
        app.complain(error)
        return
    NewJob(app).again(draft)


async def plan(app: HaulierApp, spec: JobSpec) -> JobView | None:
    """A planning job for the spec, or None after the refusal was shown."""
    return await app.ask(PlanJob(spec=spec, key=uuid.uuid4().hex))


def compare_with(app: HaulierApp, source: Place) -> None:
    """Ask for a target, and show a folder beside it."""

    def beside(destination: Destination) -> None:
        try:
            (pair,) = pairs_of((source,), destination)
        except HaulierError as error:
            app.complain(error)
            return
        app.push_screen(PairScreen(source, pair.target, NewJob(app).pair_chosen))

    def side_chosen(connection: str) -> None:
        crumb = "side by side  ›  target"
        if connection:
            app.push_screen(TargetScreen(crumb, connection, (source,), beside))
        else:
            app.push_screen(
                FolderScreen(
                    crumb, "Beside which folder of this machine?", home(),
                    must_exist=False, chosen=lambda place: beside(IntoPlace(place)),
                )
            )  # fmt: skip

    shown: Line = ((" source  ", "quiet"), (safe_text(summary((source,)), 200), ""))
    app.push_screen(PlacesScreen("side by side  ›  target", "Beside what?", side_chosen, (shown,)))


class NewJob:
    """What is known so far, and which screen comes next."""

    def __init__(self, app: HaulierApp) -> None:
        self._app = app
        self._draft = Draft()
        self._marked: dict[str, tuple[str, ...]] = {}
        self._meant: Mapping[str, str] = {}  # where the options' first values are from

    def again(self, draft: Draft) -> None:
        """From the options on, all of it as it was. A verify job moves nothing: its plan comes at once."""
        self._draft = draft
        if draft.kind is JobKind.VERIFY:
            instead(self._app, self._plan, "plan")
        else:
            self._ask_options()

    def begin(self) -> None:
        self._app.push_screen(
            PlacesScreen("new job  ›  source", "From where?", self._source_side, sources=True)
        )
        instead(self._app, self._app.read_settings, "settings")

    def _source_side(self, chosen: str) -> None:
        known = next((one for one in self._app.view.connections if one.name == chosen), None)
        if chosen == ADHOC_HUB or (known is not None and known.kind == "hub"):
            self._app.push_screen(RepoPicker(chosen, self.taken))
        elif chosen in (LIST, URL):
            self._app.push_screen(UrlsScreen("new job  ›  source", chosen == URL, self._urls_chosen))
        elif chosen:
            self._app.push_screen(BucketPicker(chosen, self.taken, self._marked))
        else:
            self._app.push_screen(
                FolderScreen(
                    "new job  ›  source", "Which folder of this machine is to be moved?", home(),
                    must_exist=True, chosen=lambda place: self.sources_chosen((place,)),
                    look_inside=self._look_inside,
                )
            )  # fmt: skip

    def _look_inside(self, place: Place) -> None:
        self._app.push_screen(BrowseScreen(place, self.taken))

    def taken(self, taken: Taken) -> None:
        """Sources, and which of their files are meant."""
        options = JobOptions(include=taken.include, exclude=taken.exclude)
        self.sources_chosen(taken.places, options, taken.batches)

    def pair_chosen(self, taken: Taken, target: Place) -> None:
        """Sources and target at once, seen side by side."""
        self._meant_so_far(
            taken.places, JobOptions(include=taken.include, exclude=taken.exclude), taken.batches
        )
        self._target_chosen(IntoPlace(target))

    def _urls_chosen(self, place: Place, options: JobOptions) -> None:
        """A list or a URL, with the options that were chosen beside it."""
        self.sources_chosen((place,), options)

    def sources_chosen(
        self, sources: Sequence[Place], options: JobOptions | None = None, batches: BatchAsk | None = None
    ) -> None:
        """Sources, and what was said beside them."""
        self._meant_so_far(sources, options or JobOptions(), batches)
        so_far: Line = ((" from  ", "quiet"), (safe_text(summary(sources), 200), ""))
        self._app.push_screen(PlacesScreen("new job  ›  target", "To where?", self._target_side, (so_far,)))

    def _meant_so_far(self, sources: Sequence[Place], options: JobOptions, batches: BatchAsk | None) -> None:
        """Begin with these sources. What other sources brought before is gone: a filter or "delete the archive"
        is never carried over to something that it was not said of."""
        settings = self._app.preferences.settings
        self._draft = Draft(sources=tuple(sources), options=said_over(settings, options), batches=batches)
        self._meant = origins(settings)

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
        self._ask_options()

    def _ask_options(self) -> None:
        self._app.push_screen(
            OptionsScreen("new job  ›  options", self._draft, self._options_chosen, self._meant)
        )

    def _options_chosen(self, kind: JobKind, options: JobOptions, batches: BatchAsk | None) -> None:
        self._draft = replace(self._draft, kind=kind, options=options, batches=batches)
        instead(self._app, self._plan, "plan")

    async def _plan(self) -> None:
        spec = self._draft.spec()
        try:
            spec = structs.replace(spec, adhoc=await self._meaning(spec))
        except HaulierError as error:
            self._app.complain(error)
            return
        job = await plan(self._app, spec)
        if job is not None and spec.batches is not None:
            while len(self._app.screen_stack) > 1:  # it is kept already: back is home, not these steps
                self._app.pop_screen()
            self._app.open_campaign(job.id)
        elif job is not None:
            self._app.push_screen(PlanScreen(job.id, self, job))

    async def _meaning(self, spec: JobSpec) -> Adhoc:
        """What `hf://` means at this screen, and `s3://` in a job that a command made before: what the
        environment says, whose keys go to the engine's memory. Raises HaulierError."""
        named = {place.connection for pair in spec.pairs for place in (pair.source, pair.target)}
        meant: list[Connection] = []
        if ADHOC_S3 in named:
            connection, keys = adhoc_from_environment(self._app.environ)
            if keys is not None and isinstance(connection.credentials, SessionCredentials) and self._app.client:
                await self._app.client.call(ProvideKeys(ref=connection.credentials.ref, keys=keys))
            meant.append(connection)
        if ADHOC_HUB in named:
            meant.append(self._app.own_hub.connection)
        return tuple(meant) if len(meant) > 1 else meant[0] if meant else None
