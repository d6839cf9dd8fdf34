"""The screens under a keyboard, over a recorded engine."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.strip import Strip
from textual.widgets import Input

from core.errors import Code, HaulierError
from core.messages import (
    AttemptPage,
    CancelJob,
    Command,
    ForgetJob,
    ImportProfiles,
    ItemWindow,
    JobChanged,
    JobForgotten,
    JobList,
    ListAttempts,
    ListJobs,
    Noticed,
    PauseJob,
    ReadLog,
    ResumeJob,
    RetryJob,
    SaveConnection,
    SetLimit,
    Shutdown,
    TuneJob,
    ViewItems,
)
from core.model import Action, ItemOrder, ItemView, JobState, Level, Notice, Priority, Status
from tests.app.driving import running, say_yes, tell_progress, text_of, until
from tests.app.recorded import (
    MIB,
    NOW,
    RecordedClient,
    a_job,
    a_snapshot,
    recorded_attempts,
    recorded_items,
    recorded_jobs,
    recorded_progress,
    recorded_workers,
    window_of,
)
from tui import clock
from tui.paged_items import PAGE
from tui.screens.ask import QuestionScreen, ValueScreen
from tui.screens.board import BoardScreen
from tui.screens.found import FoundScreen
from tui.screens.help import HelpScreen
from tui.screens.job import JobScreen
from tui.screens.jobs import JobsScreen
from tui.screens.log import LogScreen
from tui.screens.too_small import TooSmallScreen
from tui.state import Link
from tui.widgets.item_table import ItemTable
from tui.widgets.job_table import JobTable
from tui.widgets.log_table import LogTable
from tui.widgets.worker_table import WorkerTable


def asked(client: RecordedClient, kind: type[Command[Any]]) -> list[Any]:
    return [command for command in client.asked if isinstance(command, kind)]


async def test_home_shows_jobs_and_the_engine() -> None:
    """Every job has its sign, its numbers and a word for its state; the engine's pid is in sight."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        tell_progress(client)
        await until(pilot, lambda: "412 MiB/s" in text_of(app) or "MiB/s" in text_of(app))
        text = text_of(app)
        for words in (
            "engine ● pid 4121",
            "▶   7",
            "‖   6",
            "!   5",
            "✓   4",
            "paused",
            "blocked",
            "verified",
        ):
            assert words in text
        assert "disk /data 6.2 TiB free" in text


async def test_the_line_below_says_why() -> None:
    """With the cursor on a blocked job its reason and the way out are written in full words."""
    async with running(size=(120, 40)) as (app, pilot):
        await pilot.press("down", "down")
        await until(pilot, lambda: "No space left on /data" in text_of(app))
        assert "Free some space, then p goes on." in text_of(app)


async def test_the_board_opens_and_asks_for_its_own_workers() -> None:
    """Enter opens the running job's board, which asks for that job's worker rows; Esc asks for all again."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: client.subscriptions[-1] == 7)
        tell_progress(client)
        await until(pilot, lambda: "app-0401.json.zst" in text_of(app))
        assert isinstance(app.screen, BoardScreen)
        text = text_of(app)
        assert "waiting: 503 SlowDown, again in 3 s" in text
        assert "verifying" in text
        assert "2 ⟳" in text
        assert "workers 24" in text
        await until(pilot, lambda: "5 failed: 5 × 403 AccessDenied" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: client.subscriptions[-1] == 0)
        assert isinstance(app.screen, JobsScreen)


async def test_pause_and_resume() -> None:
    """`p` pauses what runs and takes up what is paused or blocked, and the footer says which."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: asked(client, PauseJob) == [PauseJob(job=7)])
        assert "p pause" in text_of(app)
        await pilot.press("down")
        await until(pilot, lambda: "p resume" in text_of(app).splitlines()[-1])
        await pilot.press("p")
        await until(pilot, lambda: asked(client, ResumeJob) == [ResumeJob(job=6)])


async def test_enter_does_not_cancel_a_job() -> None:
    """The question about cancelling is answered by `y` alone; Enter, space and Esc cancel nothing."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, QuestionScreen) and app.screen.listens)
        await pilot.press("enter", "space", "enter")
        assert isinstance(app.screen, QuestionScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        assert not asked(client, CancelJob)
        await pilot.press("x")
        await say_yes(pilot)
        await until(pilot, lambda: asked(client, CancelJob) == [CancelJob(job=7)])


@pytest.mark.parametrize(
    ("typed", "limit", "timetable"),
    [
        ("50MiB", 50 * MIB, None),
        ("", 0, None),
        ("1.5 GiB", 1536 * MIB, None),
        ("08:00,10MiB 19:00,off", 0, "08:00,10MiB 19:00,off"),
    ],
)
async def test_a_bandwidth_limit_is_typed(typed: str, limit: int, timetable: str | None) -> None:
    """`c` takes a size a second, a timetable, or nothing for no limit."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ValueScreen))
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await until(
            pilot, lambda: asked(client, TuneJob) == [TuneJob(job=7, bandwidth=limit, timetable=timetable)]
        )


async def test_a_limit_for_all_jobs_is_typed() -> None:
    """`L` shows the limit that holds for all jobs together and takes another one."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ValueScreen))
        assert app.screen.query_one(Input).value == "20.0MiB"
        app.screen.query_one(Input).value = "30MiB"
        await pilot.press("enter")
        await until(pilot, lambda: asked(client, SetLimit) == [SetLimit(bandwidth=30 * MIB)])


async def test_a_job_goes_first_last_and_along() -> None:
    """`P` goes round the three; the first press lets the job go first."""
    client = RecordedClient()
    async with running(client) as (_, pilot):
        await pilot.press("P")
        await until(pilot, lambda: asked(client, TuneJob) == [TuneJob(job=7, priority=Priority.FIRST)])


async def test_a_bad_limit_stays_in_the_dialog() -> None:
    """What is no size is refused in words while typing, and Enter sends nothing."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ValueScreen))
        await pilot.press(*"lots", "enter")
        assert isinstance(app.screen, ValueScreen)
        assert not asked(client, TuneJob)


async def test_keys_on_the_board_tune_the_job() -> None:
    """Each press of + counts, also those the engine has not answered yet."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        tell_progress(client)
        await until(pilot, lambda: "workers 24" in text_of(app))
        await pilot.press("plus", "plus", "minus", "greater_than_sign")
        await until(pilot, lambda: len(asked(client, TuneJob)) == 4)
        assert [command.workers for command in asked(client, TuneJob)] == [25, 26, 25, -1]
        assert asked(client, TuneJob)[-1].connections == 5


async def test_workers_before_their_number_is_told() -> None:
    """Right after a pause no sample has come: one fewer than wanted is counted from the job's own number, and
    where it has none nothing is changed, least of all to one worker."""
    client = RecordedClient()
    job = recorded_jobs()[0]
    fixed = msgspec.structs.replace(
        job,
        spec=msgspec.structs.replace(job.spec, options=msgspec.structs.replace(job.spec.options, workers=30)),
    )
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        await pilot.press("minus", "greater_than_sign")
        await until(pilot, lambda: bool(app._notifications))
        assert not asked(client, TuneJob)
        client.say(JobChanged(seq=11, job=fixed))
        await until(pilot, lambda: app.view.job(7) == fixed)
        await pilot.press("minus")
        await until(pilot, lambda: [command.workers for command in asked(client, TuneJob)] == [29])


async def test_a_job_forgotten_elsewhere_leaves_nothing_behind() -> None:
    """Forgotten in another face while its board and its files are open: they say so and are empty, and Esc
    leads back to the list."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        tell_progress(client)
        await until(pilot, lambda: "app-0401.json.zst" in text_of(app))
        await pilot.press("i")
        await until(pilot, lambda: "as planned" in text_of(app))
        client.say(JobForgotten(seq=11, job=7))
        await until(pilot, lambda: "is not in the journal" in text_of(app))
        assert "app-04" not in text_of(app)
        await pilot.press("t", "f", "r", "R", "p", "l", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))


async def test_failed_files_are_tried_again() -> None:
    """`R` tries all failed files of the job again, `r` the one under the cursor, and only a failed one."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: "app-0406.json.zst" in text_of(app))
        await pilot.press("r")
        assert not asked(client, RetryJob)
        await pilot.press("down", "down", "down", "down", "down", "r", "R")
        await until(pilot, lambda: len(asked(client, RetryJob)) == 2)
        assert asked(client, RetryJob) == [RetryJob(job=7, items=(6,)), RetryJob(job=7)]


async def test_items_are_filtered_by_the_engine() -> None:
    """Status and text narrow the list down in the engine, not in the face."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: "30 files" in text_of(app))
        await pilot.press("f")
        await until(pilot, lambda: "f failed" in text_of(app) and "5 files" in text_of(app))
        assert asked(client, ViewItems)[-1].status is Status.FAILED
        await pilot.press("slash", *"0412")
        await until(pilot, lambda: "1 file " in text_of(app))
        assert asked(client, ViewItems)[-1].contains == "0412"
        await pilot.press("escape")
        await until(pilot, lambda: "5 files" in text_of(app))
        assert app.screen.query_one(ItemTable).has_focus


async def test_items_are_sorted_by_the_engine() -> None:
    """`t` goes through the orders, `T` turns one round; the words say which holds."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: "as planned" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "A to Z" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: "largest first" in text_of(app))
        await until(pilot, lambda: asked(client, ViewItems)[-1].order is ItemOrder.SIZE)
        table = app.screen.query_one(ItemTable)
        await until(pilot, lambda: table.current is not None and table.current.expected_size == 30 * 37 * MIB)
        await pilot.press("T")
        await until(pilot, lambda: "smallest first" in text_of(app))
        await until(pilot, lambda: table.current is not None and table.current.expected_size == 37 * MIB)
        assert asked(client, ViewItems)[-1].reverse


async def test_tries_and_log_of_one_file() -> None:
    """⏎ shows the tries of the file under the cursor alone, `e` those of all; `l` opens the log at it."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: "app-0406.json.zst" in text_of(app))
        await pilot.press(*["down"] * 5, "enter")
        await until(pilot, lambda: "of all files" in text_of(app))
        assert asked(client, ListAttempts)[-1].item == 6
        await pilot.press("e")
        await until(pilot, lambda: "of all files" not in text_of(app))
        assert asked(client, ListAttempts)[-1].item == 0
        line = Notice(
            at=NOW - 50, level=Level.WARNING, job=7, text="2026/11/20/app-0406.json.zst: 403, not tried again"
        )
        later = [Notice(at=NOW - 50 + n, level=Level.INFO, job=7, text=f"later {n}") for n in range(90)]
        client.state = msgspec.structs.replace(client.state, notices=(*client.state.notices, line, *later))
        await pilot.press("i", "l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        table = app.screen.query_one(LogTable)
        await until(pilot, lambda: table.current is not None and "not tried again" in table.current.text)
        assert "follows again" in text_of(app)


async def test_a_million_items_cost_what_is_in_sight() -> None:
    """In a list of a million files any place is one question away, and only what is looked at is asked for."""
    client = RecordedClient()
    total = 1_000_000

    def window(ask: ViewItems) -> ItemWindow:
        items = tuple(
            ItemView(id=i, filename=f"f{i:07}", url="u", target="t", action=Action.COPY, expected_size=1)
            for i in range(ask.first, min(total, ask.first + ask.limit))
        )
        return ItemWindow(items=items, first=ask.first, total=total, version=1)

    client.answers[ViewItems] = window
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: "1 000 000 files" in text_of(app))
        table = app.screen.query_one(ItemTable)

        def pages() -> list[int]:
            """Besides the questions that are prepared."""
            return [ask.first for ask in asked(client, ViewItems) if ask.limit == PAGE]

        assert pages() == [0]
        await pilot.press(*["pagedown"] * 5)
        await until(pilot, lambda: table.cursor > 50)
        assert pages() == [0]
        await pilot.press("end")
        await until(pilot, lambda: "f0999999" in text_of(app))
        await pilot.press("home")
        await until(pilot, lambda: "f0000000" in text_of(app))
        assert pages() == [0, total - PAGE]
        table.scroll_to(y=500_000, animate=False)
        await until(pilot, lambda: "f0500001" in text_of(app))
        assert pages()[2:] in ([500_000], [500_000, 499_800])


async def test_first_rows_while_the_order_is_made() -> None:
    """The first rows are there before the number of all is known; what the engine still does is said."""
    client = RecordedClient()
    items = recorded_items()
    made: list[ViewItems] = []

    def window(ask: ViewItems) -> ItemWindow:
        if ask.hurry:
            return ItemWindow(items=items[:3], total=-1)
        made.append(ask)
        return window_of(ask, items)

    client.answers[ViewItems] = window
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: f"{len(items)} files" in text_of(app))
        await pilot.press("slash", "a")
        await until(pilot, lambda: "looking" in text_of(app) and len(app.screen.query_one(ItemTable).rows) == 3)
        await pilot.press("p", "p")
        await until(pilot, lambda: "looking" not in text_of(app))
        assert made[-1].contains == "app"
        assert "app-0401" in text_of(app)


async def test_the_cursor_stays_on_its_file_when_the_order_changes() -> None:
    """When the order was made anew, the cursor goes where its file went, on the same line of the screen."""
    client = RecordedClient()
    items = list(recorded_items())
    version = 1

    def window(ask: ViewItems) -> ItemWindow:
        return msgspec.structs.replace(window_of(ask, items), version=version)

    client.answers[ViewItems] = window
    async with running(client) as (app, pilot):
        await pilot.press("i")
        await until(pilot, lambda: f"{len(items)} files" in text_of(app))
        await pilot.press("down", "down", "down")
        table = app.screen.query_one(ItemTable)
        here = table.current
        assert here is not None
        del items[0]
        version = 2
        assert isinstance(app.screen, JobScreen)
        app.screen._look.look_soon(at_once=True)
        tell_progress(client)
        await until(pilot, lambda: table.cursor == 2)
        assert table.current == here
        assert f"{len(items)} files" in text_of(app)


async def test_job_details_tell_plan_and_proofs() -> None:
    """The summary names the plan's numbers, the reasons, the warnings, and how files were verified."""
    async with running() as (app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        await until(pilot, lambda: "verified" in text_of(app))
        text = text_of(app)
        for words in (
            "1 204 331",
            "733 020 same size and time",
            "DELETE",
            "2 in Glacier, 1 key too long",
            "deletes cannot be undone",
            "etag-md5 41 019 · size only 3",
        ):
            assert words in text


async def test_failed_tries_are_listed() -> None:
    """The errors of a job: when, what kind, which file, what happened, whether it is tried again."""
    async with running() as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: "503 SlowDown" in text_of(app))
        assert "not again" in text_of(app)
        assert "403 AccessDenied for GET logs-app/2026/11/20/app-0406.json.zst" in " ".join(
            text_of(app).split()
        )


async def test_more_tries_than_are_shown() -> None:
    """That the list has an end where the tries have none is said."""
    client = RecordedClient()
    client.answers[ListAttempts] = lambda ask: AttemptPage(attempts=recorded_attempts()[:1] * ask.limit)
    async with running(client) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: "the newest 500" in text_of(app))


async def test_a_job_that_ends_shows_its_summary_on_the_board() -> None:
    """The board of a job that just ended shows what came of it in place of the workers."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        done = msgspec.structs.replace(recorded_jobs()[0], state=JobState.PARTIAL)
        client.say(JobChanged(seq=11, job=done))
        await until(pilot, lambda: "partly failed" in text_of(app))
        assert not app.screen.query_one(WorkerTable).display
        await until(pilot, lambda: "etag-md5 41 019" in text_of(app))


async def test_the_engine_goes_away_and_comes_back() -> None:
    """A banner says so and counts down; nothing looks live; Enter starts it again."""
    first, second = RecordedClient(), RecordedClient(boot_id="boot-2")
    async with running(first) as (app, pilot):
        tell_progress(first)
        await until(pilot, lambda: app.view.rate > 0)
        first.break_line()
        await until(pilot, lambda: "Engine gone. Jobs are safe in the journal." in text_of(app))
        text = text_of(app)
        assert "engine ○ away" in text
        assert "no engine" in text
        assert "▶" not in text
        assert app.screen.check_action("toggle_pause", ()) is None
        assert app.screen.check_action("restart_engine", ()) is True
        app.line._connector.serve(second)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: app.view.link is Link.UP)
        await until(pilot, lambda: "Engine gone" not in text_of(app))
        assert not asked(second, ResumeJob)


async def test_silence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a running job and no message for more than three seconds, the banner says how old the news are."""
    moment = clock.monotonic()
    client = RecordedClient()
    async with running(client) as (app, pilot):
        assert "No news" not in text_of(app)
        monkeypatch.setattr(clock, "monotonic", lambda: moment + 60.0)
        app.screen.take_view(app.view)  # type: ignore[attr-defined]
        await until(pilot, lambda: "No news for" in text_of(app))
        assert "Engine gone" not in text_of(app)


async def test_an_engine_of_another_build_is_named() -> None:
    """The banner names both builds and how to get out of it."""
    client = RecordedClient()
    client._hello = msgspec.structs.replace(client.hello, build="0.0.9+old")
    async with running(client) as (app, pilot):
        await until(pilot, lambda: "of another build: 0.0.9+old" in text_of(app))


async def test_too_small_a_terminal() -> None:
    """Below the least size a message stands in place of a broken layout, and goes when there is room again."""
    async with running() as (app, pilot):
        await pilot.resize_terminal(50, 12)
        await until(pilot, lambda: isinstance(app.screen, TooSmallScreen))
        await until(pilot, lambda: "50×12 is too small" in text_of(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("key", ["", "enter", "d", "i", "e", "l", "question_mark", "x", "c", "colon"])
async def test_every_screen_at_every_size(size: tuple[int, int], key: str) -> None:
    """Each screen draws at the least size, the usual one and large ones, with the keys in sight."""
    client = RecordedClient()
    async with running(client, size=size) as (app, pilot):
        tell_progress(client, 20)
        if key:
            await pilot.press(key)
        await pilot.pause(0.1)
        assert text_of(app).strip()
        if not app.screen.is_modal:
            assert "? help" in text_of(app).splitlines()[-1]


async def test_leaving_never_stops_the_engine() -> None:
    """`q` ends the face, asks the engine for nothing, and says what goes on."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("q")
        await pilot.pause()
    assert not asked(client, Shutdown)
    assert app.farewell == "The engine keeps working (job 7). `haulier` brings you back."


async def test_without_jobs_there_is_a_way_on() -> None:
    """The empty home names the AWS profiles found here, and Enter leads to where they are tested and kept;
    nothing is stored on the way."""
    client = RecordedClient(a_snapshot(jobs=(), connections=()))
    async with running(client) as (app, pilot):
        await until(pilot, lambda: "beijing, oregon" in text_of(app))
        assert "No jobs yet." in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FoundScreen))
    assert not asked(client, ImportProfiles)
    assert not asked(client, SaveConnection)


async def test_help_says_every_key_of_the_screen_below() -> None:
    """`?` opens the keys of the screen one is on, `?` or Esc closes them."""
    async with running(size=(120, 60)) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert "Move one more file at once." in text_of(app)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, BoardScreen))


async def test_a_refusal_is_shown_in_plain_words() -> None:
    """The engine's no is shown with its hint; the program goes on."""
    client = RecordedClient()

    def refuse(_: object) -> None:
        raise HaulierError(Code.REFUSED, "Job 7 cannot be paused now.", "Wait until the listing is done.")

    client.answers[PauseJob] = refuse
    async with running(client) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: bool(app._notifications))
        toast = next(iter(app._notifications))
        assert toast.message == "Job 7 cannot be paused now.\nWait until the listing is done."
        assert not toast.markup
        assert app.is_running


async def test_the_palette_finds_actions_and_jobs() -> None:
    """`:` finds an action by a few letters and carries it out; a job's title opens the job."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("colon")
        await pilot.pause(0.2)
        await pilot.press(*"pause the")
        await pilot.pause(0.4)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: asked(client, PauseJob) == [PauseJob(job=7)])
        await pilot.press("colon")
        await pilot.pause(0.2)
        await pilot.press(*"job 4")
        await pilot.pause(0.4)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))


async def test_the_cursor_stays_on_its_job() -> None:
    """A new job on top of the list does not move the cursor to another job."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("down", "down")
        client.say(JobChanged(seq=11, job=a_job(8, JobState.RUNNING, "new")))
        await until(pilot, lambda: app.view.job(8) is not None)
        row = app.screen.query_one(JobTable).current
        assert row is not None
        assert row.id == 5


async def test_older_jobs_are_fetched_at_the_end_of_the_list() -> None:
    """The engine tells of the newest jobs only; the end of the list brings those before."""
    client = RecordedClient()
    client.answers[ListJobs] = lambda ask: JobList(
        jobs=(a_job(1, JobState.COMPLETED, "the very first"),) if ask.before == 2 else ()
    )
    async with running(client) as (app, pilot):
        await pilot.press("end")
        await until(pilot, lambda: "the very first" in text_of(app))


async def test_a_finished_job_can_be_forgotten() -> None:
    """`X` forgets a finished job after a question; an unfinished one cannot be forgotten."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("X")
        assert isinstance(app.screen, JobsScreen)
        await pilot.press("down", "down", "down", "X")
        await say_yes(pilot)
        await until(pilot, lambda: asked(client, ForgetJob) == [ForgetJob(job=4)])


async def test_the_log_reads_on_by_level_and_job() -> None:
    """The log opens on the job one came from, follows new lines, and asks the engine for levels."""
    client = RecordedClient()
    async with running(client) as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: "Parts of 64 MiB" in text_of(app))
        assert isinstance(app.screen, LogScreen)
        assert "404 Not Found" not in text_of(app)
        await pilot.press("o")
        await until(pilot, lambda: "404 Not Found" in text_of(app))
        await pilot.press("v", "v")
        await until(pilot, lambda: "level WARNING" in text_of(app) and "Parts of 64" not in text_of(app))
        assert asked(client, ReadLog)[-1].level is Level.WARNING
        news = Notice(at=1.0, level=Level.WARNING, text="something new", job=7)
        client.state = msgspec.structs.replace(client.state, notices=(*client.state.notices, news))
        client.say(Noticed(seq=11, notice=news))
        await until(pilot, lambda: "something new" in text_of(app))
        table = app.screen.query_one(LogTable)
        assert table.cursor == len(table.rows) - 1


async def test_only_changed_worker_lines_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With fifty workers, a tick in which one worker moved draws one line of the table, not fifty."""
    client = RecordedClient()
    async with running(client, size=(120, 60)) as (app, pilot):
        await pilot.press("enter")
        still = msgspec.structs.replace(recorded_progress(50), workers=recorded_workers(50))
        client.say(still)
        await until(pilot, lambda: "app-0440" in text_of(app))
        await pilot.pause(0.2)
        table = app.screen.query_one(WorkerTable)
        drawn: list[int] = []
        render_line = table.render_line

        def counted(y: int) -> Strip:
            drawn.append(y)
            return render_line(y)

        monkeypatch.setattr(table, "render_line", counted)
        moved = list(still.workers)
        moved[4] = msgspec.structs.replace(moved[4], done=moved[4].done + MIB)
        client.say(msgspec.structs.replace(still, workers=tuple(moved)))
        await until(pilot, lambda: bool(drawn))
        await pilot.pause(0.1)
        assert len(drawn) <= 2, drawn


async def test_screens_do_not_pile_up() -> None:
    """Going back and forth between a job's screens keeps one of each, and Esc leads home."""
    async with running() as (app, pilot):
        for _ in range(3):
            await pilot.press("enter" if isinstance(app.screen, JobsScreen) else "b")
            await until(pilot, lambda: isinstance(app.screen, BoardScreen))
            await pilot.press("i")
            await until(pilot, lambda: isinstance(app.screen, JobScreen))
            await pilot.press("l")
            await until(pilot, lambda: isinstance(app.screen, LogScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, JobScreen))
            assert len(app.screen_stack) <= 3
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, JobScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        assert len(app.screen_stack) == 1
