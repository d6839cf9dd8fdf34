"""States of jobs: what may lead from one to the next, and that nothing moves before it may."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.engine.engine import Engine
from core.engine.journal.journal import Journal
from core.errors import Code, HaulierError
from core.inprocess import InProcessClient
from core.messages import (
    CancelJob,
    Command,
    ForgetJob,
    GetJob,
    ListItems,
    ListJobs,
    PauseJob,
    PlanJob,
    ResumeJob,
    RetryJob,
    StartJob,
    TuneJob,
)
from core.model import Action, Entry, JobKind, JobState, JobView, Status
from core.paths import Paths
from core.settings import Settings
from tests.engine.asking import (
    at,
    ends,
    here,
    items,
    plan,
    reaches,
    read,
    run,
    save,
    spec_of,
    submit,
    write,
    yes_to,
)
from tests.servers import S3Server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "src", {"a": "new", "b/c": "c"})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return write(tmp_path / "dst", {"a": "old content", "extra": "only here"})


@pytest.mark.parametrize("command", [RetryJob, ResumeJob, PauseJob])
async def test_only_a_start_starts_a_plan(
    client: InProcessClient, source: Path, target: Path, command: type[RetryJob | ResumeJob | PauseJob]
) -> None:
    """Retry, resume and pause of a job that waits for YES move and delete nothing."""
    before = read(target)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.state is JobState.PLANNED
    with suppress(HaulierError):
        await client.call(command(job=view.id))
    view = await ends(client, view.id)
    assert view.state is JobState.PLANNED
    assert read(target) == before


async def test_a_plan_recorded_before_a_crash_is_not_started(
    paths: Paths, settings: Settings, source: Path, target: Path
) -> None:
    """Killed after the plan was written and before the state was: the next engine shows the plan and waits."""
    before = read(target)
    engine = Engine(paths, settings)
    await engine.open()
    client = InProcessClient(engine)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    await engine.close(drain=True)
    journal = Journal(paths.journal)
    journal.update_job(view.id, state=JobState.PLANNING)
    journal.close()
    engine = Engine(paths, settings)
    await engine.open()
    client = InProcessClient(engine)
    again = await ends(client, view.id)
    await engine.close(drain=True)
    assert again.state is JobState.PLANNED
    assert again.plan == view.plan
    assert read(target) == before


async def test_cancelling_a_plan_touches_nothing(
    client: InProcessClient, moto_server: S3Server, source: Path, tmp_path: Path
) -> None:
    """A planned job that is cancelled has made neither bucket nor folder."""
    await save(client, moto_server)
    for place in (at(moto_server, "never-made"), here(tmp_path / "never-made")):
        view = await plan(client, spec_of((here(source), place)))
        assert view.state is JobState.PLANNED
        assert (await client.call(CancelJob(job=view.id))).state is JobState.CANCELLED
    assert not (tmp_path / "never-made").exists()
    buckets = [bucket["Name"] for bucket in moto_server.boto3().list_buckets()["Buckets"]]
    assert "never-made" not in buckets


async def test_an_item_that_cannot_take_its_name_fails(
    client: InProcessClient, source: Path, tmp_path: Path
) -> None:
    """A folder stands where a file has to go: the job says which file failed, and the others are there."""
    target = write(tmp_path / "dst", {"a/in the way": "x"})
    view = await run(client, spec_of((here(source), here(target))))
    assert view.state is JobState.PARTIAL
    assert view.counts.files_failed == 1
    found = await items(client, view.id)
    assert (found["a"].status, found["b/c"].status) == (Status.FAILED, Status.COMPLETED)
    assert found["a"].error
    assert read(target) == {"a/in the way": b"x", "b/c": b"c"}


async def test_a_failed_item_is_retried(client: InProcessClient, source: Path, tmp_path: Path) -> None:
    """After the cause is mended, retry moves exactly what had failed."""
    view = await plan(client, spec_of((here(source), here(tmp_path / "dst"))))
    target = write(tmp_path / "dst", {"a/in the way": "x"})  # found by the plan, it would be impossible
    await client.call(yes_to(view))
    assert (await ends(client, view.id)).state is JobState.PARTIAL
    (target / "a/in the way").unlink()
    (target / "a").rmdir()
    await client.call(RetryJob(job=view.id))
    view = await ends(client, view.id)
    assert (view.state, view.counts.files_done, view.counts.files_failed) == (JobState.COMPLETED, 2, 0)
    assert read(target) == read(source)
    with pytest.raises(HaulierError, match="no failed files"):
        await client.call(RetryJob(job=view.id))


async def test_a_hundred_quick_jobs_all_end(client: InProcessClient, tmp_path: Path) -> None:
    """Jobs that end before their start was told stay ended: no state is written over a later one."""
    source = write(tmp_path / "src", {"one": "1"})
    made = [await submit(client, spec_of((here(source), here(tmp_path / f"out{n}")))) for n in range(100)]
    for view in made:
        assert (await ends(client, view.id)).state is JobState.COMPLETED
    await asyncio.sleep(0)
    for view in made:
        assert (await client.call(GetJob(job=view.id))).state is JobState.COMPLETED


async def test_one_key_is_one_job(client: InProcessClient, source: Path, tmp_path: Path) -> None:
    """A client that did not hear the answer asks again under its key and gets the same job."""
    spec = spec_of((here(source), here(tmp_path / "out")))
    first = await client.call(PlanJob(spec=spec, key="k", start=True))
    again = await client.call(PlanJob(spec=spec, key="k", start=True))
    assert again.id == first.id
    await ends(client, first.id)
    assert (await client.call(PlanJob(spec=spec, key="k", start=True))).id == first.id


async def test_start_asked_twice_is_one_start(client: InProcessClient, source: Path, tmp_path: Path) -> None:
    """A repeated start of the same plan answers with the job as it is."""
    view = await plan(client, spec_of((here(source), here(tmp_path / "out"))))
    assert view.plan is not None
    start = yes_to(view)
    await asyncio.gather(client.call(start), client.call(start))
    assert (await ends(client, view.id)).state is JobState.COMPLETED
    assert (await client.call(start)).state is JobState.COMPLETED


@pytest.mark.parametrize("confirm", ["", "yes", "Yes", "YES ", " YES", "Y", "YES\n"])
async def test_only_yes_confirms(client: InProcessClient, source: Path, target: Path, confirm: str) -> None:
    """Anything but YES is refused and changes nothing."""
    before = read(target)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.plan is not None
    assert view.plan.needs_confirmation
    with pytest.raises(HaulierError) as refused:
        await client.call(StartJob(job=view.id, plan_hash=view.plan.hash, confirm=confirm))
    assert refused.value.code is Code.REFUSED
    assert (await client.call(GetJob(job=view.id))).state is JobState.PLANNED
    assert read(target) == before


async def test_another_hash_is_refused(client: InProcessClient, source: Path, target: Path) -> None:
    """A start that names another plan than the frozen one is refused and changes nothing."""
    before = read(target)
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.plan is not None
    for wrong in ("", view.plan.hash[:-1], view.plan.hash.upper() + "0", "0" * 64):
        with pytest.raises(HaulierError) as refused:
            await client.call(StartJob(job=view.id, plan_hash=wrong, confirm="YES"))
        assert refused.value.code is Code.REFUSED
    assert read(target) == before


async def test_deletes_only_what_the_plan_named(client: InProcessClient, source: Path, target: Path) -> None:
    """A file that came, or changed, after the plan was made survives its deletions."""
    write(target, {"changed": "1", "goes": "x", "deep/er/goes": "x"})
    view = await plan(client, spec_of((here(source), here(target)), kind=JobKind.SYNC, delete=True))
    assert view.plan is not None
    assert view.plan.delete.count == 4
    write(target, {"came later": "2", "changed": "12345"})
    await client.call(yes_to(view))
    view = await ends(client, view.id)
    assert view.state is JobState.PARTIAL
    assert view.counts.deleted == 3
    assert read(target) == {"a": b"new", "b/c": b"c", "came later": b"2", "changed": b"12345"}
    assert not (target / "deep").exists()
    assert "changed since the plan" in (await items(client, view.id))["changed"].error


async def test_forget(client: InProcessClient, source: Path, tmp_path: Path) -> None:
    """A finished job is forgotten with its items; its data stays. An unfinished one is not forgotten."""
    waiting = await plan(client, spec_of((here(source), here(tmp_path / "other"))))
    with pytest.raises(HaulierError, match="not finished"):
        await client.call(ForgetJob(job=waiting.id))
    view = await run(client, spec_of((here(source), here(tmp_path / "out"))))
    await client.call(ForgetJob(job=view.id))
    for ask in (client.call(GetJob(job=view.id)), client.call(ListItems(job=view.id))):
        with pytest.raises(HaulierError) as gone:
            await ask
        assert gone.value.code is Code.NOT_FOUND
    assert read(tmp_path / "out") == read(source)


async def test_a_listing_interrupted_while_moving_goes_on(
    paths: Paths, settings: Settings, tmp_path: Path
) -> None:
    """Killed while it listed and moved: items of the first run are kept, none is twice, all are done."""
    source = write(tmp_path / "src", {f"{n:04}": str(n) for n in range(300)})
    journal = Journal(paths.journal)
    row, _ = journal.add_job("k", spec_of((here(source), here(tmp_path / "out"))), "t", moving=True)
    known = [
        (0, Action.COPY, Entry(key=path.name, size=path.stat().st_size, modified=path.stat().st_mtime), "")
        for path in sorted(source.iterdir())[:120]
    ]
    journal.add_items(row.id, known, 1)
    journal.close()
    engine = Engine(paths, settings)
    await engine.open()
    client = InProcessClient(engine)
    view = await ends(client, row.id)
    names = [item.filename for item in (await client.call(ListItems(job=row.id, limit=2000))).items]
    await engine.close(drain=True)
    assert view.state is JobState.COMPLETED
    assert (view.counts.files_done, view.counts.files_total) == (300, 300)
    assert sorted(names) == sorted(path.name for path in source.iterdir())
    assert read(tmp_path / "out") == read(source)


async def test_two_jobs_into_one_folder(client: InProcessClient, tmp_path: Path) -> None:
    """Jobs that write the same names into one folder at once: each name holds one of the contents, whole."""
    big = 12 << 20
    sources = [
        write(
            tmp_path / f"src{n}",
            {f"f{i:03}": bytes([65 + n]) * (i * 100) for i in range(200)} | {"big": bytes([65 + n]) * big},
        )
        for n in range(3)
    ]
    out = tmp_path / "out"
    jobs = [await submit(client, spec_of((here(source), here(out)))) for source in sources]
    for job in jobs:
        assert (await ends(client, job.id)).state is JobState.COMPLETED
    found = read(out)
    assert set(found) == set(read(sources[0]))
    for name, data in found.items():
        assert len(set(data)) <= 1, f"{name} is mixed of two sources"
        assert len(data) == (sources[0] / name).stat().st_size


async def test_two_sources_of_one_job_with_the_same_names(client: InProcessClient, tmp_path: Path) -> None:
    """Two sources into one folder in one job: a name both have holds one of the contents, whole."""
    big = 12 << 20
    first = write(tmp_path / "one", {"x": b"1" * 1000, "big": b"1" * big})
    second = write(tmp_path / "two", {"x": b"2" * 1000, "big": b"2" * big})
    out = tmp_path / "out"
    view = await run(client, spec_of((here(first), here(out)), (here(second), here(out))))
    assert view.state in (JobState.COMPLETED, JobState.PARTIAL)
    for name, data in read(out).items():
        assert len(set(data)) == 1, f"{name} is mixed of two sources"


async def test_hasty_commands(client: InProcessClient, tmp_path: Path) -> None:
    """Pause, resume, tune, retry in any order and at any moment: no command hangs, the job ends whole."""
    source = write(tmp_path / "src", {f"{n:04}": str(n) * 50 for n in range(600)} | {"big": b"b" * (12 << 20)})
    view = await submit(client, spec_of((here(source), here(tmp_path / "out")), bandwidth=3_000_000))
    dice = random.Random(7)
    for _ in range(60):
        command: Command[JobView] = dice.choice(
            [
                PauseJob(job=view.id),
                ResumeJob(job=view.id),
                TuneJob(job=view.id, workers=dice.randrange(1, 9)),
                TuneJob(job=view.id, bandwidth=dice.choice([1_000_000, 3_000_000, 5_000_000])),
                RetryJob(job=view.id),
            ]
        )
        with suppress(HaulierError):
            await asyncio.wait_for(client.call(command), 20)
    await client.call(TuneJob(job=view.id, bandwidth=0, workers=16))
    with suppress(HaulierError):  # it may have ended already
        await client.call(ResumeJob(job=view.id))
    view = await reaches(client, view.id, lambda v: v.state.is_final)
    assert (view.state, view.counts.files_done) == (JobState.COMPLETED, 601)
    assert read(tmp_path / "out") == read(source)


@pytest.mark.parametrize("commands", [1, 2])
async def test_cancel_at_any_moment(client: InProcessClient, tmp_path: Path, commands: int) -> None:
    """Cancelled while it plans, moves or has just ended, once or twice at once: final, nothing half left."""
    source = write(tmp_path / "src", {f"{n:03}": "x" * 200 for n in range(100)} | {"big": b"b" * (6 << 20)})
    for turn in range(12):
        out = tmp_path / f"out{turn}"
        view = await submit(client, spec_of((here(source), here(out))), start=turn % 3 > 0)
        for _ in range(turn * 2):
            await client.call(GetJob(job=view.id))
        ended = await asyncio.gather(*(client.call(CancelJob(job=view.id)) for _ in range(commands)))
        assert all(one.state.is_final for one in ended)
        if out.exists():
            assert not (out / ".haulier").exists()
            for name, data in read(out).items():
                assert data == (source / name).read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"part_size": 1},
        {"part_size": 6 << 30},
        {"workers": 161},
        {"workers": -1},
        {"connections": 65},
        {"connections": -1},
        {"retry": "never"},
        {"delete": True},
    ],
)
async def test_nonsense_is_refused_at_once(
    client: InProcessClient, source: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Options that cannot be carried out make no job."""
    with pytest.raises(HaulierError) as refused:
        await submit(client, spec_of((here(source), here(tmp_path / "out")), **options))
    assert refused.value.code is Code.USAGE
    assert (await client.call(ListJobs())).jobs == ()
