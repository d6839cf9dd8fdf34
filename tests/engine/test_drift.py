"""At the end of a job the source is looked at again, and what came, changed or went meanwhile is said."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.engine.engine import Engine
from core.engine.planning.drift import MOST, SeenListing, drift_words, seen_listing, seen_path
from core.inprocess import InProcessClient
from core.messages import ReadLog
from core.model import Drift, Entry, JobKind, JobState, JobView
from core.paths import Paths
from core.settings import load_settings
from tests.engine.asking import at, ends, here, plan, run, save, spec_of, write, yes_to
from tests.servers import S3Server


@pytest_asyncio.fixture
async def always(paths: Paths, isolated_home: Path) -> AsyncIterator[InProcessClient]:
    """A line to an engine that always lists sources again."""
    settings = load_settings({}, {**os.environ, "HAULIER_DRIFT_CHECK": "always"}, isolated_home)
    engine = Engine(paths, settings)
    await engine.open()
    line = InProcessClient(engine)
    yield line
    await line.close()
    await engine.close(drain=False)


async def started(client: InProcessClient, view: JobView) -> JobView:
    await client.call(yes_to(view))
    return await ends(client, view.id)


async def said(client: InProcessClient, job: int) -> str:
    log = await client.call(ReadLog(job=job))
    return "\n".join(notice.text for notice in log.notices)


@pytest.mark.parametrize("side", ["folder", "bucket"])
async def test_what_changed_since_the_plan_is_told(
    always: InProcessClient, paths: Paths, moto_server: S3Server, tmp_path: Path, side: str
) -> None:
    """New, changed and gone objects after the plan was made, of what the filters let in: counted and said; the
    job is completed all the same. An object that the job itself took in its new state does not count."""
    await save(always, moto_server)
    bucket, s3 = moto_server.new_bucket(), moto_server.boto3()
    names = [f"{n:02}" for n in range(20)] + ["x.tmp"]
    if side == "folder":
        folder = write(tmp_path / "src", dict.fromkeys(names, "old"))
        source, target = here(folder), at(moto_server, bucket)

        def put(name: str, text: str) -> None:
            write(folder, {name: text})

        def drop(name: str) -> None:
            (folder / name).unlink()
    else:
        source, target = at(moto_server, bucket), here(tmp_path / "dst")

        def put(name: str, text: str) -> None:
            s3.put_object(Bucket=bucket, Key=name, Body=text.encode())

        def drop(name: str) -> None:
            s3.delete_object(Bucket=bucket, Key=name)

        for name in names:
            put(name, "old")
    first = await run(always, spec_of((source, target), exclude=("*.tmp",)))
    assert (first.state, first.counts.drift, first.reason) == (JobState.COMPLETED, Drift(), "")
    put("30", "moved by the second job")
    view = await plan(always, spec_of((source, target), exclude=("*.tmp",)))
    put("05", "newer")
    put("30", "another text, taken as it is now")
    put("40", "new")
    put("41", "new")
    put("y.tmp", "new, but not wanted")
    drop("07")
    drop("x.tmp")
    view = await started(always, view)
    assert view.state is JobState.COMPLETED
    assert view.counts.drift == Drift(added=2, changed=1, gone=1)
    words = "the source changed while the job ran: 2 new, 1 changed, 1 gone; run it again to take them"
    assert view.reason == words
    assert words in await said(always, view.id)
    assert not seen_path(paths.journal, view.id).exists()


async def test_one_object(always: InProcessClient, tmp_path: Path) -> None:
    """A job of one object looks at that alone."""
    source = write(tmp_path / "src", {"a": "1", "b": "1"}) / "a"
    assert (await run(always, spec_of((here(source), here(tmp_path / "one"))))).counts.drift == Drift()
    view = await plan(always, spec_of((here(source), here(tmp_path / "two"))))
    write(tmp_path / "src", {"b": "other", "c": "new"})
    view = await started(always, view)
    assert view.counts.drift == Drift()


async def test_a_source_that_cannot_be_listed_again_fails_nothing(
    always: InProcessClient, moto_server: S3Server, tmp_path: Path
) -> None:
    """The bucket vanished after everything was skipped or moved: completed, and said to be not known."""
    await save(always, moto_server)
    bucket, s3 = moto_server.new_bucket(), moto_server.boto3()
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    source, target = at(moto_server, bucket), here(tmp_path / "dst")
    await run(always, spec_of((source, target)))
    view = await plan(always, spec_of((source, target)))
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    view = await started(always, view)
    assert (view.state, view.counts.drift) == (JobState.COMPLETED, None)
    assert "whether the source changed meanwhile is not known" in await said(always, view.id)


async def test_small_and_quick_jobs_are_left_alone(
    client: InProcessClient, paths: Paths, tmp_path: Path
) -> None:
    """By itself a job of a moment lists nothing twice, and leaves no file behind."""
    view = await run(client, spec_of((here(write(tmp_path / "src", {"a": "1"})), here(tmp_path / "dst"))))
    assert (view.state, view.counts.drift) == (JobState.COMPLETED, None)
    assert not seen_path(paths.journal, view.id).exists()
    verify = spec_of((here(tmp_path / "src"), here(tmp_path / "dst")), kind=JobKind.VERIFY)
    assert seen_listing(seen_path(paths.journal, 9), verify, "always") is None
    assert seen_listing(seen_path(paths.journal, 9), verify, "never") is None


def test_a_large_listing_is_not_remembered(tmp_path: Path) -> None:
    """Beyond the limit the file goes; no more is written, however long the listing."""
    path = tmp_path / "seen"
    seen = SeenListing(path, 10)
    for number in range(10):
        seen.note(0, [Entry(key=f"{number}")])
    seen.note(0, [Entry(key="one too many")])
    assert not path.exists()
    seen.note(0, [Entry(key="more")])
    seen.complete()
    assert not path.exists()
    assert MOST == 100_000


@pytest.mark.parametrize(
    ("drift", "words"),
    [
        (Drift(), ""),
        (Drift(gone=2), "the source changed while the job ran: 2 gone"),
        (Drift(added=1), "the source changed while the job ran: 1 new; run it again to take them"),
    ],
)
def test_the_words(drift: Drift, words: str) -> None:
    """Nothing is said of nothing, and nobody is told to run a job again for what is gone."""
    assert drift_words(drift) == words
