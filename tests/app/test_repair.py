"""From a verify job that found something to the plan that mends it, with one key."""

from __future__ import annotations

import msgspec

from core.messages import PlanJob, StartJob
from core.model import Counts, JobKind, JobSpec, JobState, JobView, Pair
from tests.app.driving import running, text_of, until
from tests.app.recorded import RecordedClient, a_job, s3
from tests.app.recorded_path import PLANNED_JOB, path_client
from tui.screens.job import JobScreen
from tui.screens.plan import PlanScreen

SPEC = JobSpec(kind=JobKind.VERIFY, pairs=(Pair(source=s3("prod", "logs-app"), target=s3("dr", "logs-app")),))


def verified(state: JobState, failed: int) -> JobView:
    counts = Counts(files_total=100, files_done=100 - failed, files_failed=failed)
    return a_job(5, state, "prod:logs-app → dr:", spec=SPEC, counts=counts)


def plans(client: RecordedClient) -> list[PlanJob]:
    return [asked for asked in client.asked if isinstance(asked, PlanJob)]


async def test_a_verify_job_that_found_something_is_repaired() -> None:
    """The key plans a copy of what was broken, of the same pairs, and shows that plan; nothing starts yet."""
    client = path_client(jobs=(verified(JobState.PARTIAL, 3),))
    async with running(client) as (app, pilot):
        app.open_details(5)
        await until(pilot, lambda: isinstance(app.screen, JobScreen) and "repair" in text_of(app))
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        assert [asked.spec for asked in plans(client)] == [
            msgspec.structs.replace(SPEC, kind=JobKind.COPY, broken_of=5)
        ]
        assert not plans(client)[0].start
        assert not [asked for asked in client.asked if isinstance(asked, StartJob)]
        screen = app.screen
        assert isinstance(screen, PlanScreen)
        assert screen.job_id == PLANNED_JOB


async def test_where_there_is_nothing_to_repair_there_is_no_key() -> None:
    """A verify job in which everything was equal, and jobs of other kinds."""
    copied = msgspec.structs.replace(
        verified(JobState.PARTIAL, 3), spec=msgspec.structs.replace(SPEC, kind=JobKind.COPY)
    )
    for job in (verified(JobState.COMPLETED, 0), copied):
        client = path_client(jobs=(job,))
        async with running(client) as (app, pilot):
            app.open_details(5)
            await until(pilot, lambda: isinstance(app.screen, JobScreen))
            assert "repair" not in text_of(app)
            await pilot.press("m")
            await pilot.pause()
            assert not plans(client)
