"""One job, killed again and again until it is done, and what was found wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.connections import ConnectionRegistry
from core.errors import HaulierError
from core.launch import engine_command, engine_environment
from core.messages import GetJob, PlanJob, StartJob, TuneJob
from core.model import JobKind, JobOptions, JobSpec, JobState, JobView, Pair
from tests.crash.flows import CONNECTIONS, OPTIONS, PART, ROUNDS, SMALL, SMALLS, Round, World
from tests.crash.kills import Kill, draw
from tests.crash.tap import Request
from tests.paths.driving import Haulier

MODULE = "tests.crash.doomed"
SECONDS = 90.0
# What one kill may cost: the parts in flight, one that had arrived and was not yet recorded, and the small
# items that had arrived together with it. Besides: heads, listings and answers.
PER_KILL = (CONNECTIONS + 1) * PART + SMALLS * SMALL + 256 * 1024
TALK = 512 * 1024


@dataclass
class Findings:
    """Of one job. Empty lists are good."""

    flow: str
    seed: int
    kills: list[Kill] = field(default_factory=list)
    starts: int = 0
    again: float = 0.0  # parts moved again for each kill
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.wrong or self.lost or self.orphans or self.repeated)

    def __str__(self) -> str:
        kills = "; ".join(str(kill) for kill in self.kills)
        bad = {
            name: found[:6]
            for name in ("wrong", "lost", "orphans", "repeated")
            if (found := getattr(self, name))
        }
        return f"{self.flow}, seed {self.seed}, killed {kills}: {bad or 'nothing wrong'}"


class Died(Exception):
    """The engine is gone, as it should."""


@dataclass
class Recorded:
    """What a journal held when its engine died, read from a copy."""

    completed: set[str] = field(default_factory=set)
    parts: set[tuple[str, int, int]] = field(default_factory=set)  # name, number, offset
    rows: int = 0  # of transfers and parts

    @classmethod
    def of(cls, journal: Path) -> Recorded:
        if not journal.exists() or not journal.stat().st_size:
            return cls()
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(f"{journal}{ending}", Path(folder, f"j{ending}"))
            with contextlib.closing(sqlite3.connect(Path(folder, "j"))) as db:
                if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'parts'").fetchall():
                    return cls()
                done = "SELECT name FROM items WHERE state = 'completed' AND action != 'delete'"
                parts = (
                    "SELECT name, number, offset FROM parts p JOIN items i ON i.job = p.job AND i.id = p.item"
                )
                counts = "SELECT (SELECT count(*) FROM transfers) + (SELECT count(*) FROM parts)"
                return cls(
                    {name for (name,) in db.execute(done)},
                    set(db.execute(parts)),
                    db.execute(counts).fetchone()[0],
                )


class Killer:
    """Carries out the kills of one job."""

    def __init__(self, world: World, flow: str, seed: int, folder: Path) -> None:
        self.world, self.flow = world, flow
        self.chance = random.Random(f"{seed}/{flow}")
        self.round: Round = ROUNDS[flow](world, folder)
        self.findings = Findings(flow, seed)
        self.haulier = Haulier(folder / "haulier", MODULE)
        self.job = 0
        self.pid = 0
        self.recorded = Recorded()
        self._key = uuid.uuid4().hex
        self._taps = (world.source_tap, world.target_tap)

    async def run(self, kills: int) -> Findings:
        """Kill the job `kills` times if it lasts, let it end, judge."""
        config = self.haulier.paths.config_dir
        registry = ConnectionRegistry(self.haulier.paths.connections)
        for connection in self.world.connections:
            registry.put(connection)
        if self.round.small_parts:
            (config / "small-parts").touch()
        self.places = self.round.prepare()
        for tap in self._taps:
            tap.forget()
        try:
            while not await self._one_life(kills):
                pass
            self._judge_end()
        finally:
            for tap in self._taps:
                tap.on_request = None
            if self.pid:
                await self._bury()
            self.round.tidy()
        return self.findings

    async def _one_life(self, kills: int) -> bool:
        """From a start to a death, or to the end of the job; whether it was the end."""
        done = len(self.findings.kills)
        kill = draw(self.chance, self.flow, first=not done) if done < kills else None
        marks = [len(tap.requests) for tap in self._taps]
        self.findings.starts += 1
        try:
            if kill is not None and kill.how == "start":
                self._killed_while_starting(kill.seconds)
            else:
                await self._live(kill)
                return True
        except Died:
            await self.haulier.hang_up()
        assert kill is not None, "the engine died by itself"
        self.findings.kills.append(kill)
        self._judge_death(marks)
        return False

    def _killed_while_starting(self, seconds: float) -> None:
        paths = self.haulier.paths
        process = subprocess.Popen(
            engine_command(paths, MODULE),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=engine_environment(os.environ),
            start_new_session=True,
        )
        time.sleep(seconds)
        process.kill()
        process.wait()
        raise Died

    async def _live(self, kill: Kill | None) -> None:
        """Returns when the job has ended; raises Died when the engine has."""
        doom = self.haulier.paths.config_dir / "doom"
        doom.unlink(missing_ok=True)
        if kill is not None and kill.how == "moment":
            doom.write_text(f"{kill.when} {kill.moment} {kill.count}")
        with self._reporting_death(doomed=kill is not None and kill.how == "moment"):
            await self.haulier.start()
            self.pid = self.haulier.client.hello.pid
            if kill is not None:
                self._aim(kill)
            await self._to_the_end(unhurried=kill is not None)

    @contextlib.contextmanager
    def _reporting_death(self, *, doomed: bool) -> Iterator[None]:
        try:
            yield
        except (HaulierError, OSError, EOFError) as error:
            if self.pid and self._is_gone():
                self.pid = 0
                raise Died from error
            if not self.pid and doomed and not (self.haulier.paths.config_dir / "doom").exists():
                raise Died from error  # in its first moments
            raise

    def _is_gone(self) -> bool:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.01)
        return False

    def _aim(self, kill: Kill) -> None:
        pid = self.pid
        if kill.how == "time":
            asyncio.get_running_loop().call_later(kill.seconds, _kill, pid)
        elif kill.how == "request":
            left = kill.count

            def count(_request: Request) -> None:
                nonlocal left
                left -= 1
                if left == 0:
                    _kill(pid)

            for tap in self._taps:
                tap.on_request = count

    async def _to_the_end(self, *, unhurried: bool) -> None:
        if not self.job:
            self.job = (await self.haulier.call(self._order())).id
        if not unhurried:
            await self.haulier.call(TuneJob(job=self.job, bandwidth=0))
        deadline = time.monotonic() + SECONDS
        while True:
            view = await self.haulier.call(GetJob(job=self.job))
            if view.state is JobState.PLANNED and view.plan is not None:
                await self.haulier.call(StartJob(job=self.job, plan_hash=view.plan.hash, confirm="YES"))
            elif view.state.is_final or view.state is JobState.BLOCKED:
                await self._ended(view)
                return
            assert time.monotonic() < deadline, f"no end: {view.state} {view.counts}; {self.findings}"
            await asyncio.sleep(0.03)

    def _order(self) -> PlanJob:
        source, target = self.places
        options = dict(OPTIONS)
        sync = self.round.kind is JobKind.SYNC
        if sync:
            options |= {"delete": True, "exclude": ("kept/**",)}
        spec = JobSpec(
            kind=self.round.kind,
            pairs=(Pair(source=source, target=target),),
            options=JobOptions(**{"retry": "0.1x20", **options}),
        )
        return PlanJob(spec=spec, key=self._key, start=not sync)

    async def _ended(self, view: JobView) -> None:
        if view.state is not JobState.COMPLETED:
            errors = await self.haulier.errors(self.job)
            self.findings.lost.append(f"{view.state}: {view.reason} {errors[:3]}")

    async def _bury(self) -> None:
        _kill(self.pid)
        self._is_gone()
        self.pid = 0
        await self.haulier.hang_up()

    # ------------------------------------------------------------ judging

    def _judge_death(self, marks: list[int]) -> None:
        self._judge_requests(marks)
        before, self.recorded = self.recorded, Recorded.of(self.haulier.paths.journal)
        self.findings.wrong += self.round.wrong()
        self.findings.lost += self.round.missing(self.recorded.completed)
        self.findings.lost += [f"forgotten: {name}" for name in before.completed - self.recorded.completed]

    def _judge_requests(self, marks: list[int]) -> None:
        """Nothing that was recorded when the last engine died was moved again by this one."""
        parts_by_offset = {(name, offset) for name, _, offset in self.recorded.parts}
        parts_by_number = {(name, number) for name, number, _ in self.recorded.parts}
        for tap, mark in zip(self._taps, marks, strict=True):
            for request in tap.requests[mark:]:
                name = request.key.partition("/")[2]
                if not request.moves or (request.method == "GET" and not self.round.is_source(request.key)):
                    continue  # a look at the target moves nothing
                again = (
                    name in self.recorded.completed
                    or (request.method == "PUT" and (name, request.part) in parts_by_number)
                    or (request.method == "GET" and (name, request.offset) in parts_by_offset)
                )
                if again:
                    self.findings.repeated.append(str(request))

    def _judge_end(self) -> None:
        found, expected = self.round.found(), self.round.expected
        self.findings.wrong += [name for name in found if found[name] != expected.get(name)]
        self.findings.lost += [name for name in expected if name not in found]
        self.findings.orphans += self.round.orphans()
        rows = Recorded.of(self.haulier.paths.journal).rows
        if rows:
            self.findings.orphans.append(f"{rows} rows of parts and transfers in the journal")
        strays = [path.name for path in self.haulier.paths.metadata_dir.glob("compare-*")]
        self.findings.orphans += strays
        kills = max(1, len(self.findings.kills))
        excess = max(0, self.round.moved() - self.round.size - TALK)
        self.findings.again = excess / PART / kills
        if excess > len(self.findings.kills) * PER_KILL:
            self.findings.repeated.append(f"{excess / PART:.1f} parts for {len(self.findings.kills)} kills")


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def killed_job(world: World, flow: str, seed: int, kills: int, folder: Path) -> Findings:
    """One job of this way, killed up to `kills` times."""
    folder.mkdir(parents=True)
    try:
        return await Killer(world, flow, seed, folder).run(kills)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
