"""Names that try to be markup, buttons, escape sequences or other text are shown as what they are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.errors import Code, HaulierError
from core.messages import (
    AttemptPage,
    ConnectionList,
    ItemPage,
    ItemWindow,
    ListAttempts,
    ListConnections,
    ListItems,
    PauseJob,
    ViewItems,
)
from core.model import Action, AttemptView, Connection, ItemView, JobState, Level, Notice, Status, WorkerView
from tests.app.driving import running, text_of, until
from tests.app.recorded import HOSTILE, RecordedClient, a_job, a_plan, a_snapshot, recorded_progress

NAME_IDS = [ascii(name)[:24] for name in HOSTILE]


def hostile_client(name: str) -> RecordedClient:
    """An engine whose every text from outside is `name`."""
    plan = msgspec.structs.replace(a_plan(), warnings=(name,), skip_reasons=((name, 1),))
    jobs = (
        a_job(7, JobState.RUNNING, f"{name} → {name}", plan=plan, reason=name, hint=name, proofs=((name, 3),)),
        a_job(6, JobState.BLOCKED, name, reason=name, hint=name),
    )
    notices = tuple(Notice(at=1.0, level=Level.WARNING, text=name, job=7) for _ in range(3))
    client = RecordedClient(
        a_snapshot(jobs=jobs, notices=notices, connections=(Connection(name=name, endpoint=name),))
    )
    items = tuple(
        ItemView(id=i, filename=name, url=name, target=name, action=Action.COPY, expected_size=1, error=error,
                 proof=name, status=Status.FAILED if error else Status.PENDING)
        for i, error in enumerate((name, ""))
    )  # fmt: skip
    attempts = (AttemptView(item=1, filename=name, at=1.0, error_class=name, message=name),)
    client.answers |= {
        ListItems: lambda _: ItemPage(items=items),
        ViewItems: lambda _: ItemWindow(items=items, total=len(items)),
        ListAttempts: lambda _: AttemptPage(attempts=attempts),
        ListConnections: lambda _: ConnectionList(connections=(), profiles=(name,)),
    }
    return client


def tell_hostile_workers(client: RecordedClient, name: str) -> None:
    workers = (
        WorkerView(index=0, job=7, key=name, phase="moving", size=5, note=name),
        WorkerView(index=1, job=7, key=name, phase="waiting", note=name),
    )
    sample = recorded_progress()
    jobs = tuple(msgspec.structs.replace(job, waiting=name) for job in sample.jobs)
    disks = tuple(msgspec.structs.replace(disk, path=name) for disk in sample.disks)
    client.say(msgspec.structs.replace(sample, workers=workers, jobs=jobs, disks=disks))


def assert_harmless(app: Any) -> None:
    """Nothing on the screen is a control character, and nothing carries an action that a click would run."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.text.isprintable(), ascii(segment.text)
            meta = segment.style.meta if segment.style is not None else {}
            assert not any(key.startswith("@") for key in meta), meta
            assert segment.style is None or not segment.style.link


@pytest.mark.parametrize("name", HOSTILE, ids=NAME_IDS)
async def test_hostile_names_are_harmless_on_every_screen(name: str) -> None:
    """Every screen of a job, every dialog and the palette show the name without obeying it."""
    client = hostile_client(name)
    async with running(client, size=(100, 30)) as (app, pilot):
        tell_hostile_workers(client, name)
        await until(pilot, lambda: app.view.samples > 0)
        assert_harmless(app)
        for keys in ("enter", "escape d", "i", "e", "l", "escape escape x", "escape colon"):
            await pilot.press(*keys.split())
            await pilot.pause(0.15)
            assert_harmless(app)
            assert app.is_running


@pytest.mark.parametrize("name", HOSTILE[:5], ids=NAME_IDS[:5])
async def test_hostile_errors_are_harmless(name: str) -> None:
    """A server's words in a refusal become a plain toast."""
    client = hostile_client(name)

    def refuse(_: object) -> None:
        raise HaulierError(Code.FAILED, name, name)

    client.answers[PauseJob] = refuse
    async with running(client) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: bool(app._notifications))
        await pilot.pause(0.2)
        assert_harmless(app)


@pytest.mark.parametrize("name", HOSTILE[:5], ids=NAME_IDS[:5])
async def test_a_hostile_profile_on_the_empty_home(name: str) -> None:
    """The first screen shows names of AWS profiles; those are text too."""
    client = hostile_client(name)
    client.state = msgspec.structs.replace(client.state, jobs=(), connections=())
    async with running(client) as (app, pilot):
        await until(pilot, lambda: "Found here" in text_of(app))
        assert_harmless(app)


async def test_a_name_that_is_a_button_runs_nothing_when_clicked() -> None:
    """Every cell of the screen is clicked; the action planted in the name is never carried out."""
    client = hostile_client("k[@click=app.quit]z.bin")
    async with running(client) as (app, pilot):
        assert "k[@click=app.quit]z" in text_of(app)
        for y in range(0, 23):
            for x in range(4, 80, 5):
                await pilot.click(offset=(x, y))
        assert app.is_running
