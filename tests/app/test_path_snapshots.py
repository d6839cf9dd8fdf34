"""Pictures of the screens from connections to YES: what changes here is looked at by a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import (
    ConnectionList,
    JobChanged,
    ListBuckets,
    ListConnections,
    ListPresets,
    PlanJob,
    PresetList,
    Progress,
)
from core.messages import TestConnection as TryConnection  # pytest would collect the name
from core.model import (
    Connection,
    Counts,
    JobKind,
    JobOptions,
    JobProgress,
    JobSpec,
    JobState,
    Pair,
    Place,
    Preset,
    ProfileCredentials,
)
from tests.app.driving import an_app, text_of, until
from tests.app.recorded import NOW, TIB, RecordedClient, s3
from tests.app.recorded_path import PLANNED_JOB, bad_report, path_client, planned
from tui.draft import BucketPerBucket, Draft
from tui.screens.buckets import BucketPicker
from tui.screens.folder import FolderScreen
from tui.screens.new_job import NewJob
from tui.screens.object_details import ObjectScreen
from tui.screens.options import OptionsScreen
from tui.screens.pair import PairScreen
from tui.state import Link

Compare = Callable[..., bool]
Step = Callable[[Any, Pilot[None], RecordedClient], Awaitable[None]]


@pytest.fixture(autouse=True)
def still(fixed_clock: None) -> None:
    """All pictures are of one moment."""


async def connections(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    client.answers[TryConnection] = bad_report
    app.action_show_connections()
    await until(pilot, lambda: "prod" in text_of(app))
    await pilot.press("t")
    await until(pilot, lambda: "does not work" in text_of(app))


async def no_connections(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    client.answers[ListConnections] = lambda _: ConnectionList(
        profiles=("beijing", "oregon"), keeps_secrets_in="memory only: no keyring service"
    )
    app.action_show_connections()
    await until(pilot, lambda: "oregon" in text_of(app))


async def found(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    profiles = ("beijing", "oregon")
    client.answers[ListConnections] = lambda _: ConnectionList(
        profiles=profiles,
        offered=tuple(Connection(name=name, credentials=ProfileCredentials(profile=name)) for name in profiles),
    )
    client.answers[TryConnection] = bad_report
    app.show_found()
    await until(pilot, lambda: "oregon" in text_of(app))
    await pilot.press("down", "enter")
    await until(pilot, lambda: text_of(app).count("does not work") > 1)


async def presets(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    nightly = JobSpec(
        kind=JobKind.SYNC,
        pairs=tuple(Pair(source=s3("prod", name), target=s3("dr", name)) for name in ("logs-app", "logs-edge")),
        options=JobOptions(delete=True, exclude=("*.tmp",), workers=12),
    )
    home = JobSpec(
        kind=JobKind.COPY,
        pairs=(Pair(source=s3("prod", "models"), target=Place(kind="local", path="/data/models/")),),
        options=JobOptions(include=("*.safetensors", "*.json"), timetable="08:00,10MiB 19:00,off"),
    )
    client.answers[ListPresets] = lambda _: PresetList(
        presets=(
            Preset(name="mirror-nightly", spec=nightly, description="each night, from cron", made=NOW),
            Preset(name="models-here", spec=home, made=NOW),
        )
    )
    app.show_presets()
    await until(pilot, lambda: "models-here" in text_of(app))


async def connection_edit(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.add_connection()
    await until(pilot, lambda: "A new connection" in text_of(app))
    await pilot.press(*"dr", "down", *"minio", "down", "down", "down", "right", "down", "down", "right", "down")
    await pilot.press(*"AKIAEXAMPLE", "down", *"secret")


async def places(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    NewJob(app).sources_chosen((s3("prod", "logs-app"), s3("prod", "logs-edge")))
    await until(pilot, lambda: "this machine" in text_of(app))


async def buckets(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    picker = BucketPicker("prod", lambda _: None)
    app.push_screen(picker)
    await until(pilot, lambda: "www" in text_of(app))
    await pilot.press("s", *"1-4", "space", "circumflex_accent", *"3, logs-", "asterisk", *" 17")
    await until(pilot, lambda: "counting" not in text_of(app) and "·  " not in text_of(app))


async def buckets_refused(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    def refuse(_: ListBuckets) -> None:
        raise HaulierError(
            Code.BLOCKED,
            "ListBuckets: 403 AccessDenied, user arn:aws:iam::123456789012:user/reader is not authorized",
            "The credentials work, but may not list all buckets.",
        )

    client.answers[ListBuckets] = refuse
    app.push_screen(BucketPicker("prod"))
    await until(pilot, lambda: "cannot be listed" in text_of(app))


async def browse(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await buckets(app, pilot, client)
    await pilot.press("tab", "home", "right")
    await until(pilot, lambda: "3 013 so far" in text_of(app))
    await pilot.press("space", "down", "space", "down")
    await until(pilot, lambda: app.screen._counter.measured.keys() >= {"2026-01/", "2026-02/"})
    await until(pilot, lambda: "2 marked: " in text_of(app))


async def pair(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(PairScreen(s3("prod", "logs-app", "2026/"), s3("dr", "logs-app", "2026/"), lambda *_: None))
    await until(pilot, lambda: "so far here" in text_of(app))
    await pilot.press("f", "end")
    await until(pilot, lambda: "so far" not in text_of(app))
    await pilot.press("home", "down", "space", *["down"] * 3, "space")
    await until(pilot, lambda: "2 marked: " in text_of(app))


async def details(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    app.push_screen(ObjectScreen((s3("prod", "logs-app", "2026/app-000001.json.zst"),)))
    await until(pilot, lambda: "team" in text_of(app))


async def folder(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    def chosen(_: Place) -> None: ...

    app.push_screen(
        FolderScreen("new job  ›  target", "Into which folder of this machine?", "/data/", False, chosen)
    )
    await until(pilot, lambda: "corpus" in text_of(app))


async def target(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await places(app, pilot, client)
    await pilot.press("home", "enter")
    await until(pilot, lambda: "archive" in text_of(app) or "→ dr:" in text_of(app))


async def target_in_one(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await target(app, pilot, client)
    await pilot.press("right", "down", *"2026", "down", "down")


async def options(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    draft = Draft(sources=(s3("prod", "logs-app"), s3("prod", "logs-edge")), destination=BucketPerBucket("dr"))
    app.push_screen(OptionsScreen("new job  ›  options", draft, lambda *_: None))
    await until(pilot, lambda: "same when" in text_of(app))
    await pilot.press("right", "down", "right", "down", "down", "down", "down", *"12x")


async def planning(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await target(app, pilot, client)
    await pilot.press("enter")
    await until(pilot, lambda: "same when" in text_of(app))
    await pilot.press("right", "down", "right", "enter")
    await until(pilot, lambda: "listing and comparing" in text_of(app))
    spec = next(ask.spec for ask in client.asked if isinstance(ask, PlanJob))
    job = client.answers[PlanJob](PlanJob(spec=spec, key="k"))
    client.say(JobChanged(seq=11, job=job))
    counts = Counts(
        listing=True,
        listed=1_204_331,
        files_total=800_123,
        files_skipped=404_208,
        bytes_total=2 * TIB,
        to_delete=12,
    )
    client.say(Progress(at=NOW, jobs=(JobProgress(job=PLANNED_JOB, state=JobState.PLANNING, counts=counts),)))
    await until(pilot, lambda: "1 204 331" in text_of(app))


async def plan(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await planning(app, pilot, client)
    spec = next(ask.spec for ask in client.asked if isinstance(ask, PlanJob))
    client.say(JobChanged(seq=12, job=planned(client.answers[PlanJob](PlanJob(spec=spec, key="k")))))
    await until(pilot, lambda: "asks for YES" in text_of(app))


async def deletions(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await plan(app, pilot, client)
    await pilot.press("d")
    await until(pilot, lambda: "app-0401" in text_of(app))


async def yes(app: Any, pilot: Pilot[None], client: RecordedClient) -> None:
    await plan(app, pilot, client)
    await pilot.press("s")
    await until(pilot, lambda: app.screen.is_modal and app.screen.listens)
    await pilot.press(*"yes", "enter")


STEPS: dict[str, Step] = {
    step.__name__: step
    for step in (connections, no_connections, found, presets, connection_edit, places, buckets, buckets_refused,
                 browse, pair, details, folder, target, target_in_one, options, planning, plan, deletions, yes)
}  # fmt: skip


def driven(client: RecordedClient, step: Step) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def drive(pilot: Pilot[None]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.view.link is Link.UP)
        await step(app, pilot, client)
        for one in app.screen.query("Input"):
            one.cursor_blink = False
        await pilot.pause(0.2)

    return drive


@pytest.mark.parametrize("name", STEPS)
def test_screen(name: str, snap_compare: Compare) -> None:
    """Each screen at 80×24."""
    client = path_client()
    assert snap_compare(an_app(client), terminal_size=(80, 24), run_before=driven(client, STEPS[name]))


@pytest.mark.parametrize("name", ["buckets", "pair", "plan", "options"])
def test_wide_screen(name: str, snap_compare: Compare) -> None:
    """More room brings more columns and longer names."""
    client = path_client()
    assert snap_compare(an_app(client), terminal_size=(140, 40), run_before=driven(client, STEPS[name]))


@pytest.mark.parametrize("theme", ["haulier-light", "haulier-16"])
@pytest.mark.parametrize("name", ["plan", "buckets"])
def test_other_themes(name: str, theme: str, snap_compare: Compare) -> None:
    """Light, and sixteen colours."""
    client = path_client()
    app = an_app(client)
    app.theme = theme
    assert snap_compare(app, terminal_size=(80, 24), run_before=driven(client, STEPS[name]))
