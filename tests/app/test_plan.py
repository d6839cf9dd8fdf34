"""The plan's screen: what it says, what starts it, and what does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from core.errors import Code, HaulierError
from core.messages import CancelJob, ForgetJob, ItemPage, JobChanged, ListItems, PlanJob, Progress, StartJob
from core.model import (
    Action,
    Counts,
    JobKind,
    JobOptions,
    JobProgress,
    JobSpec,
    JobState,
    JobView,
    Pair,
    PairPlan,
    PlanSummary,
    Tally,
)
from tests.app.driving import running, text_of, until
from tests.app.recorded import GIB, HOSTILE, MIB, NOW, TIB, RecordedClient, a_job, a_plan, recorded_items, s3
from tests.app.recorded_path import PLANNED_JOB, path_client, planned, planning
from tui import plan_words
from tui.app import HaulierApp
from tui.deletion_words import share_of_target
from tui.screens.board import BoardScreen
from tui.screens.confirm import YesDialog
from tui.screens.new_job import NewJob
from tui.screens.plan import PlanScreen
from tui.screens.plan_items import PlanItemsScreen

SPEC = JobSpec(
    kind=JobKind.SYNC,
    pairs=(
        Pair(source=s3("prod", "archive-2023"), target=s3("dr", "archive-2023")),
        Pair(source=s3("prod", "archive-2024"), target=s3("dr", "archive-2024")),
    ),
    options=JobOptions(delete=True),
)
PLANNING = planning(PlanJob(spec=SPEC, key="k"))


@asynccontextmanager
async def shown(
    job: JobView, *, on_the_way: bool = False, client: RecordedClient | None = None
) -> AsyncIterator[tuple[HaulierApp, Pilot[None], RecordedClient]]:
    """The plan of a job; with `on_the_way`, as the last step of making a new one."""
    client = client or path_client(jobs=(job,))
    async with running(client) as (app, pilot):
        app.push_screen(PlanScreen(job.id, NewJob(app) if on_the_way else None))
        await until(pilot, lambda: isinstance(app.screen, PlanScreen) and "prod:" in text_of(app))
        yield app, pilot, client


async def to_yes(app: HaulierApp, pilot: Pilot[None]) -> None:
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, YesDialog) and app.screen.listens)


def starts(client: RecordedClient) -> list[StartJob]:
    return [ask for ask in client.asked if isinstance(ask, StartJob)]


async def test_while_planning_it_counts_live_and_cannot_be_started() -> None:
    """Lower bounds grow with the engine's samples; `s` and Enter do nothing; then the table is there."""
    async with shown(PLANNING) as (app, pilot, client):
        counts = Counts(listing=True, listed=1_204_331, files_total=800_123, files_skipped=404_208,
                        bytes_total=2 * TIB, to_delete=12)  # fmt: skip
        client.say(
            Progress(at=NOW, jobs=(JobProgress(job=PLANNED_JOB, state=JobState.PLANNING, counts=counts),))
        )
        await until(pilot, lambda: "1 204 331" in text_of(app))
        for part in ("still listing", "≥ 800 123", "≥ 2.0 TiB", "≥ 404 208", "≥ 12"):
            assert part in text_of(app)
        await pilot.press("s", "enter")
        assert starts(client) == []
        client.say(JobChanged(seq=11, job=planned(PLANNING)))
        await until(pilot, lambda: "asks for YES" in text_of(app))
        for part in (
            "copy",
            "overwrite",
            "skip",
            "DELETE",
            "cannot",
            "0.04 % of the target",
            "2 in Glacier",
            "dr:archive-2024 does not exist and will be created",
            "no versioning",
            "9f3a·21c7",
        ):
            assert part in text_of(app)


async def test_yes_starts_exactly_the_plan_that_was_shown_and_opens_the_board() -> None:
    """The start names the plan's hash and the word; nothing is sent before; the way back leads home."""
    async with shown(planned(PLANNING), on_the_way=True) as (app, pilot, client):
        await to_yes(app, pilot)
        assert starts(client) == []
        await pilot.press("Y", "E", "S", "enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        assert starts(client) == [StartJob(job=PLANNED_JOB, plan_hash="9f3a21c7", confirm="YES")]
        assert len(app.screen_stack) == 2


@pytest.mark.parametrize(
    "keys", [("escape",), ("ctrl+c",), ("y", "e", "s", "enter", "escape"), ("enter", "escape")]
)
async def test_whatever_else_is_answered_nothing_starts(keys: tuple[str, ...]) -> None:
    """Back on the plan, with no start sent and the job as it was."""
    async with shown(planned(PLANNING)) as (app, pilot, client):
        await to_yes(app, pilot)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        assert starts(client) == []
        await to_yes(app, pilot)


async def test_without_danger_s_starts_and_enter_does_not() -> None:
    """A download asks for no YES; still it takes a key that is not Enter."""
    job = planned(PLANNING, needs_confirmation=False, delete=Tally())
    async with shown(job) as (app, pilot, client):
        await pilot.press("down", "down", "enter", "enter")
        assert starts(client) == []
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        assert starts(client)[0].confirm == ""


async def test_when_nothing_is_to_be_done_there_is_nothing_to_start() -> None:
    """A plan of zeros says so and offers no start."""
    same = PairPlan(source=s3("prod", "a"), target=s3("dr", "a"), method="relay", skip=Tally(count=5, bytes=5))
    plan = PlanSummary(pairs=(same,), skip=same.skip, hash="00", needs_confirmation=True)
    async with shown(a_job(PLANNED_JOB, JobState.PLANNED, "prod:a → dr:a", plan=plan)) as (app, pilot, client):
        await until(pilot, lambda: "Nothing to do" in text_of(app))
        await pilot.press("s")
        assert isinstance(app.screen, PlanScreen)
        assert starts(client) == []


async def test_a_plan_that_changed_meanwhile_is_refused_and_can_be_made_again() -> None:
    """The engine's refusal stands on the screen; `r` plans anew, drops the old job, and shows the new one."""

    def refuse(_: Any) -> Any:
        raise HaulierError(Code.REFUSED, "The target changed since the plan was made.", "Plan again.")

    client = path_client(jobs=(planned(PLANNING),))
    client.answers[StartJob] = refuse
    client.answers[PlanJob] = lambda ask: msgspec.structs.replace(planning(ask), id=10)
    async with shown(planned(PLANNING), client=client) as (app, pilot, _):
        await to_yes(app, pilot)
        await pilot.press("Y", "E", "S", "enter")
        await until(pilot, lambda: "The target changed" in text_of(app))
        assert isinstance(app.screen, PlanScreen)
        await pilot.press("s")
        assert isinstance(app.screen, PlanScreen)
        await pilot.press("r")
        await until(pilot, lambda: ForgetJob(job=PLANNED_JOB) in client.asked)
        assert CancelJob(job=PLANNED_JOB) in client.asked
        assert [ask.spec for ask in client.asked if isinstance(ask, PlanJob)] == [SPEC]
        assert app.screen.job_id == 10


async def test_esc_drops_the_plan_of_a_new_job_and_leaves_an_old_one_alone() -> None:
    """On the way to a new job the planned one is cancelled and forgotten; from the list of jobs it stays."""
    async with shown(planned(PLANNING), on_the_way=True) as (app, pilot, client):
        await pilot.press("escape")
        await until(pilot, lambda: ForgetJob(job=PLANNED_JOB) in client.asked)
        assert CancelJob(job=PLANNED_JOB) in client.asked
    async with shown(planned(PLANNING)) as (app, pilot, client):
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PlanScreen))
        assert not [ask for ask in client.asked if isinstance(ask, CancelJob | ForgetJob)]


async def test_a_plan_can_be_kept_for_later() -> None:
    """`w` goes home and leaves the planned job in the list."""
    async with shown(planned(PLANNING), on_the_way=True) as (app, pilot, client):
        await pilot.press("w")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert not [ask for ask in client.asked if isinstance(ask, CancelJob | ForgetJob | StartJob)]


async def test_examples_and_deletions_are_a_key_away() -> None:
    """Enter on a row and `d` list the items behind it; a row without items says why it is what it is."""
    async with shown(planned(PLANNING)) as (app, pilot, client):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PlanItemsScreen) and "app-0401" in text_of(app))
        await pilot.press("slash", *"0407", "enter")
        await until(pilot, lambda: "app-0401" not in text_of(app) and "app-0407" in text_of(app))
        await pilot.press("escape", "d")
        await until(pilot, lambda: "To be DELETED" in text_of(app))
        asked = [ask.action for ask in client.asked if isinstance(ask, ListItems) and ask.limit > 10]
        assert asked[0] is Action.COPY
        assert asked[-1] is Action.DELETE
        await pilot.press("escape", "down", "down", "enter")
        assert [note.message for note in app._notifications] == ["skip: same size and time"]


async def test_what_clashes_and_what_is_replaced_is_seen_before_the_start() -> None:
    """With the plan come names: of what cannot be moved, with why, of what is replaced, deleted and new."""
    clash = msgspec.structs.replace(
        recorded_items()[0],
        filename="Readme.MD\x1b[2J",
        action=Action.CANNOT,
        error="the same as readme.md there",
    )
    pair = msgspec.structs.replace(SPEC, pairs=SPEC.pairs[:1])
    client = path_client(jobs=(planned(planning(PlanJob(spec=pair, key="k"))),))
    usual = client.answers[ListItems]
    client.answers[ListItems] = lambda ask: (
        ItemPage(items=(clash,)) if ask.action is Action.CANNOT else usual(ask)
    )
    async with running(client, size=(100, 40)) as (app, pilot):
        app.push_screen(PlanScreen(PLANNED_JOB))
        await until(pilot, lambda: "for example" in text_of(app))
        text = text_of(app)
        assert "the same as readme.md" in text
        assert "\x1b" not in text
        told = text[text.index("for example") :]
        order = [told.index(word) for word in ("cannot", "DELETE", "copy") if word in told]
        assert order == sorted(order)
        before = len(client.asked)
        for _ in range(3):
            app._show_view()
            await pilot.pause(0.05)
        assert len(client.asked) == before, "asked once for each plan"


async def test_a_plan_that_failed_says_why_and_can_be_tried_again() -> None:
    """A source that cannot be listed is a sentence, not an empty table."""
    job = a_job(
        PLANNED_JOB, JobState.FAILED, "prod:a → dr:a", reason="prod:a does not exist", hint="Look at its name."
    )
    async with shown(job) as (app, pilot, client):
        await until(pilot, lambda: "prod:a does not exist" in text_of(app))
        assert "plans again" in text_of(app)
        assert starts(client) == []


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:16])
async def test_hostile_names_in_a_plan_are_only_text(name: str) -> None:
    """Title, places, warnings and reasons made of an attacker's text are drawn, not obeyed."""
    pair = PairPlan(
        source=s3(name, name, name),
        target=s3(name, name, name),
        method="relay",
        copy=Tally(count=1, bytes=1),
        delete=Tally(count=1, bytes=1),
        creates_bucket=True,
    )
    plan = msgspec.structs.replace(
        a_plan(), pairs=(pair, pair), warnings=(name,), skip_reasons=((name, 2), ("b", 1))
    )
    async with shown(a_job(PLANNED_JOB, JobState.PLANNED, f"prod: {name}", plan=plan)) as (app, pilot, _):
        await to_yes(app, pilot)
        text = text_of(app)
        assert all(char == "\n" or char.isprintable() for char in text)
        await pilot.press("escape")


def test_the_rows_say_zero_where_it_is_good_to_know() -> None:
    """A sync without deletions says that they are off, one with them that none was found."""
    plan = PlanSummary(copy=Tally(count=1, bytes=1))
    assert [row.label for row in plan_words.rows(plan, JobKind.COPY, False)] == ["copy", "overwrite", "skip"]
    assert "off" in plan_words.rows(plan, JobKind.SYNC, False)[3].how
    assert "nothing extra" in plan_words.rows(plan, JobKind.SYNC, True)[3].how


@pytest.mark.parametrize(
    ("deleted", "total", "says"),
    [(1, 1_000_000, "under 0.01 %"), (412, 1_900_000, "0.02 %"), (50, 100, "50.0 %"), (9_999, 10_000, "99.9 %"),
     (7, 7, "everything")],
)  # fmt: skip
def test_the_share_of_a_deletion_is_never_rounded_away(deleted: int, total: int, says: str) -> None:
    """A little is not nothing, nearly all is not all, and all is said as such."""
    pair = PairPlan(source=s3("a", "a"), target=s3("b", "b"), method="relay", target_total=Tally(count=total))
    plan = PlanSummary(pairs=(pair,), delete=Tally(count=deleted, bytes=1))
    assert says in share_of_target(plan)


def test_a_time_is_estimated_only_from_a_job_between_the_same_ends() -> None:
    """The newest finished job of the same connections and method gives the rate; others do not."""
    job = planned(PLANNING)
    done = msgspec.structs.replace(job, id=4, state=JobState.COMPLETED, active_seconds=100.0,
                                   counts=Counts(bytes_done=10 * GIB))  # fmt: skip
    small = msgspec.structs.replace(done, id=5, counts=Counts(bytes_done=MIB))
    other = a_job(6, JobState.COMPLETED, "x", plan=a_plan(), counts=Counts(bytes_done=10 * GIB))
    assert plan_words.earlier_rate(job, (other, small, done)) == (10 * GIB / 100, 4)
    assert plan_words.earlier_rate(job, (other, small)) is None
    assert job.plan is not None
    assert "as in job 4" in str(plan_words.notes(job.plan, (10 * GIB / 100, 4)))
