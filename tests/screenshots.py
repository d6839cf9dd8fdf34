"""`python -m tests.screenshots`: pictures of the screens during a real run, into screenshots/.

Two S3 servers and a Hub with sample data, a real engine, real jobs; the app is driven by its keys. Nothing is
drawn that the program did not do. Takes about two minutes; needs the extra `test`.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from core.client import EngineClient
from core.demo import Demo
from core.launch import connect
from core.messages import (
    GetJob,
    PauseJob,
    PlanJob,
    ProvideKeys,
    SaveConnection,
    Shutdown,
    StartJob,
    TestConnection,
    TuneJob,
)
from core.model import JobKind, JobOptions, JobSpec, JobState, JobView, Pair, Place
from tests.app.driving import text_of, until
from tests.fake_hub import fake_hub
from tests.screenshot_hub import HubPictures, fill
from tests.svg_spaces import with_tight_text
from tui.app import HaulierApp
from tui.screens.confirm import YesDialog
from tui.screens.connections import ConnectionsScreen
from tui.screens.pair import PairScreen
from tui.start import LocalEngine
from tui.state import Link

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZE = (104, 30)
MIB = 1024**2
PATIENCE = 60.0
FILES, FILE_SIZE = 30, 48 * MIB
RATE = 14 * MIB


def add_large_files(folder: Path) -> None:
    """A bucket of files large enough to be watched while they move in parts."""
    block = os.urandom(MIB)
    bucket = folder / "media"
    bucket.mkdir()
    for number in range(1, FILES + 1):
        with (bucket / f"2026-11-{number:02}-camera-{1 + number % 4}.mkv").open("wb") as file:
            for _ in range(FILE_SIZE // MIB):
                file.write(block)
            file.write(bytes([number]))


class Jobs:
    """Real jobs of the engine, in the states that the pictures need."""

    def __init__(self, client: EngineClient, demo: Demo) -> None:
        self._client = client
        self._eu, self._dr = (endpoint.name for endpoint in demo.endpoints)
        self._downloads = demo.downloads

    @property
    def sides(self) -> tuple[Place, Place]:
        """A bucket and an old copy of it."""
        return self._place(self._eu, "backups"), self._place(self._dr, "backups")

    async def make(self) -> None:
        await self._run(self._to_dr("archive-2023"))
        await self._run(self._to_disk("logs-app"))
        await self._run(self._compare("backups"))
        paused = await self._start(self._to_dr("models", JobOptions(bandwidth=MIB)))
        await self._client.call(PauseJob(job=paused.id))
        await self._plan(self._sync("backups"))
        self.watched = (
            await self._start(self._to_dr("media", JobOptions(bandwidth=RATE, workers=4, connections=3)))
        ).id

    async def vary(self) -> None:
        """A limit that is changed now and then, as a person would: a curve worth looking at."""
        for factor in (1.0, 1.3, 0.9, 0.7, 1.2, 1.0):
            await self._client.call(TuneJob(job=self.watched, bandwidth=int(RATE * factor)))
            await asyncio.sleep(6.0)

    def _place(self, connection: str, bucket: str) -> Place:
        return Place(kind="s3", connection=connection, bucket=bucket)

    def _to_dr(self, bucket: str, options: JobOptions | None = None) -> JobSpec:
        pair = Pair(source=self._place(self._eu, bucket), target=self._place(self._dr, bucket))
        return JobSpec(kind=JobKind.COPY, pairs=(pair,), options=options or JobOptions())

    def _to_disk(self, bucket: str) -> JobSpec:
        target = Place(kind="local", path=f"{self._downloads / bucket}/")
        pair = Pair(source=self._place(self._eu, bucket), target=target)
        return JobSpec(kind=JobKind.COPY, pairs=(pair,))

    def _sync(self, bucket: str) -> JobSpec:
        pair = Pair(source=self._place(self._eu, bucket), target=self._place(self._dr, bucket))
        return JobSpec(kind=JobKind.SYNC, pairs=(pair,), options=JobOptions(delete=True))

    def _compare(self, bucket: str) -> JobSpec:
        pair = Pair(source=self._place(self._eu, bucket), target=self._place(self._dr, bucket))
        return JobSpec(kind=JobKind.VERIFY, pairs=(pair,))

    async def _plan(self, spec: JobSpec) -> JobView:
        job = await self._client.call(PlanJob(spec=spec, key=uuid.uuid4().hex))
        return await self._until(job.id, lambda job: job.state is not JobState.PLANNING)

    async def _start(self, spec: JobSpec) -> JobView:
        job = await self._plan(spec)
        if job.state is not JobState.PLANNED or job.plan is None:
            return job
        return await self._client.call(StartJob(job=job.id, plan_hash=job.plan.hash, confirm="YES"))

    async def _run(self, spec: JobSpec) -> None:
        job = await self._start(spec)
        await self._until(job.id, lambda job: job.state.is_final)

    async def _until(self, job_id: int, holds: Callable[[JobView], bool]) -> JobView:
        async with asyncio.timeout(PATIENCE):
            while not holds(job := await self._client.call(GetJob(job=job_id))):
                await asyncio.sleep(0.05)
        return job


def save(app: HaulierApp, name: str) -> None:
    """The picture, readable without fonts from elsewhere."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", app.export_screenshot(title="haulier"), flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "Fira Code, DejaVu Sans Mono, monospace")
    (FOLDER / f"{name}.svg").write_text(with_tight_text(svg), encoding="utf-8")
    print(f"screenshots/{name}.svg")


async def take(
    app: HaulierApp, pilot: Pilot[None], pictures: HubPictures, campaign: int, sides: tuple[Place, Place]
) -> None:
    """Walk through the screens by their keys."""

    async def shows(words: str) -> None:
        await until(pilot, lambda: words in text_of(app), PATIENCE)
        await pilot.pause(0.6)

    await until(pilot, lambda: app.view.link is Link.UP and len(app.view.rates) > 64, PATIENCE)
    save(app, "jobs")
    await pilot.press("question_mark")
    await shows("Keys of this screen")
    save(app, "help")
    await pilot.press("escape", "enter")
    await shows("per file")
    await pilot.pause(1.0)
    save(app, "board")
    await pilot.press("escape", "down", "enter")
    await shows("DELETE")
    save(app, "plan")
    await pilot.press("s")
    await until(pilot, lambda: isinstance(app.screen, YesDialog), PATIENCE)
    await pilot.pause(0.5)
    save(app, "confirm")
    await pilot.press("escape", "escape")
    await pilot.press("home", "i")
    await shows("downloading")
    save(app, "job")
    await pilot.press("escape", "home", "C")
    await until(pilot, lambda: isinstance(app.screen, ConnectionsScreen), PATIENCE)
    await shows("demo-eu")
    save(app, "connections")
    await pilot.press("down", "enter")
    await shows("models")
    await pilot.press("s", *"1-4", "space", "circumflex_accent", "2")
    await pilot.pause(3.0)
    save(app, "buckets")
    await pilot.press("escape", "escape", "escape", "escape")
    app.push_screen(PairScreen(*sides, lambda *_: None))
    await shows("only at the source")
    await pilot.press("f", "down", "space", "down", "space")
    await pilot.pause(1.0)
    save(app, "pair")
    await pilot.press("end", "d")
    await shows("ETag")
    save(app, "details")
    await pilot.press("escape", "escape")
    app.open_log()
    await shows("lines")
    save(app, "log")
    await pilot.press("escape", "S")
    await shows("open files")
    save(app, "check")
    await pilot.press("escape", "n")
    await shows("From where?")
    await pilot.press("down", "down", "down", "enter")
    await shows("acme/terms")
    await pilot.pause(2.0)
    save(app, "repos")
    await pilot.press("home", "right")
    await shows("dataset_infos.json")
    await pilot.press("right")
    await shows("2023/")
    await pilot.press("s", *"1-3", "space", "circumflex_accent", "2")
    await pilot.pause(3.0)
    save(app, "tree")
    for _ in range(5):
        await pilot.press("escape")
    await pictures.go_on(campaign)
    app.open_campaign(campaign)
    await shows("moving")
    await pilot.pause(1.5)
    save(app, "batches")


@asynccontextmanager
async def engine_of(demo: Demo) -> AsyncIterator[EngineClient]:
    """The demo's engine with its two connections, stopped at the end."""
    client = await connect(demo.paths)
    try:
        for endpoint in demo.endpoints:
            await client.call(ProvideKeys(ref=endpoint.ref, keys=endpoint.keys))
            await client.call(TestConnection(connection=endpoint.connection))
            await client.call(SaveConnection(connection=endpoint.connection, untested_ok=True))
        yield client
        await client.call(Shutdown(drain=False))
        await client.wait_closed()
    finally:
        await client.close()


async def photograph() -> None:
    FOLDER.mkdir(exist_ok=True)
    with Demo.start() as demo:
        os.environ.update(demo.environment)
        add_large_files(demo.endpoints[0].folder)
        async with engine_of(demo) as client:
            with fake_hub() as hub:
                os.environ["HF_ENDPOINT"] = hub.endpoint
                fill(hub)
                pictures = HubPictures(client, hub, demo.downloads.parent / "disks")
                campaign = await pictures.make()
                jobs = Jobs(client, demo)
                await jobs.make()
                waves = asyncio.create_task(jobs.vary())
                app = HaulierApp(LocalEngine(demo.paths))
                app.theme = "haulier-dark"
                async with app.run_test(size=SIZE) as pilot:
                    await take(app, pilot, pictures, campaign, jobs.sides)
                waves.cancel()


if __name__ == "__main__":
    sys.exit(asyncio.run(photograph()))
