"""copy, sync, plan, verify: make a job, wait for its plan, start it, follow it to its end."""

from __future__ import annotations

import asyncio
import uuid
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from core.errors import Code, HaulierError
from core.messages import (
    GetJob,
    ListBuckets,
    PlanJob,
)
from core.model import (
    Adhoc,
    Compare,
    JobKind,
    JobOptions,
    JobSpec,
    JobView,
    Place,
    Priority,
)
from core.repair import verify_spec
from core.settings import Settings
from core.units import parse_duration, parse_size
from tui.cli import confirm
from tui.cli.ending import follow_to_the_end
from tui.cli.interrupts import Interrupts
from tui.cli.looking import look_at
from tui.cli.output import Output
from tui.cli.pairs import make_pairs
from tui.cli.planned import planned, print_plan, record_plan, start_confirmed, withdraw
from tui.cli.repairing import refuse_wrong_use, verify_and_repair
from tui.cli.session import Session, open_session
from tui.cli.sources import described
from tui.cli.tune import read_limit

N = TypeVar("N", int, float)


def copy(chosen: Namespace, output: Output) -> int:
    if chosen.dry_run:
        return _run(chosen, output, _show_plan, JobKind.COPY)
    return _run(chosen, output, _move, JobKind.COPY)


def sync(chosen: Namespace, output: Output) -> int:
    if chosen.dry_run:
        return _run(chosen, output, _show_plan, JobKind.SYNC)
    confirm.refuse_other_words(chosen)
    return _run(chosen, output, _confirm_and_move, JobKind.SYNC)


def plan(chosen: Namespace, output: Output) -> int:
    return _run(chosen, output, _show_plan, JobKind.SYNC if chosen.delete else JobKind.COPY)


def verify(chosen: Namespace, output: Output) -> int:
    refuse_wrong_use(chosen)
    if len(chosen.what) == 1 and chosen.what[0].isdecimal():
        return asyncio.run(_verify_job(chosen, output, int(chosen.what[0])))
    if len(chosen.what) != 2:
        raise HaulierError(
            Code.USAGE,
            "verify takes a job's number, or two places",
            "For example: haulier verify prod:logs ./logs",
        )
    chosen.sources, chosen.target = chosen.what[:1], chosen.what[1]
    return _run(chosen, output, _verify, JobKind.VERIFY)


async def carry_out(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Do what a spec says, as the command of its kind would; with `--dry-run` only say what would be done."""
    if chosen.dry_run:
        return await _show_plan(session, output, chosen, spec)
    if spec.kind is JobKind.SYNC:
        return await _confirm_and_move(session, output, chosen, spec)
    return await _move(session, output, chosen, spec)


# ---------------------------------------------------------------- what is done with a spec

_Way = Callable[[Session, Output, Namespace, JobSpec], Awaitable[int]]


def _run(chosen: Namespace, output: Output, way: _Way, kind: JobKind) -> int:
    return asyncio.run(_carry_out(chosen, output, way, kind))


async def _carry_out(chosen: Namespace, output: Output, way: _Way, kind: JobKind) -> int:
    async with open_session(chosen) as session:
        return await way(session, output, chosen, await read_spec(session, chosen, kind))


async def read_spec(session: Session, chosen: Namespace, kind: JobKind) -> JobSpec:
    """What the command line asks for, of `sources` and `target`. Raises HaulierError."""
    options = _options(chosen, session.settings, kind)
    words = [*chosen.sources, chosen.target]
    places = session.read_places(words)
    adhoc = session.adhoc_for(places)
    places = described(await session.check_places(words, places), chosen)
    return await _spec(session, kind, places, options, adhoc)


async def _verify_job(chosen: Namespace, output: Output, number: int) -> int:
    async with open_session(chosen) as session:
        session.lend_environment_keys()
        job = await session.call(GetJob(job=number))
        options = JobOptions(
            include=tuple(chosen.include) or job.spec.options.include,
            exclude=tuple(chosen.exclude) or job.spec.options.exclude,
            skip_smaller_than=job.spec.options.skip_smaller_than,
            names=job.spec.options.names,
            links=job.spec.options.links,
            **_record_files(chosen),
        )
        return await _verify(session, output, chosen, verify_spec(job.spec, options))


async def _move(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Start at once and follow."""
    job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=True))
    if chosen.detach:
        return _detached(output, job)
    with Interrupts() as stop:
        return await follow_to_the_end(session, output, job, stop)


async def _verify(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    if chosen.repair:
        return await verify_and_repair(session, output, chosen, spec)
    return await _move(session, output, chosen, spec)


async def _confirm_and_move(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Plan, show, have it confirmed where needed, start exactly that plan."""
    with Interrupts() as stop:
        job, code = await planned(session, output, spec, stop)
        if job is None:
            return code
        job = await start_confirmed(session, output, chosen, job, stop)
        if chosen.detach:
            return _detached(output, job)
        return await follow_to_the_end(session, output, job, stop)


async def _show_plan(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Plan, print, withdraw."""
    with Interrupts() as stop:
        job, code = await planned(session, output, spec, stop)
        if job is None:
            return code
        await print_plan(session, output, job, chosen)
        if output.json:
            record_plan(output, job)
        await withdraw(session, job)
        return 0


def _detached(output: Output, job: JobView) -> int:
    if output.json:
        output.record("job", job=job.id, state=str(job.state))
    else:
        output.line(str(job.id))
    return 0


# ---------------------------------------------------------------- the spec


async def _spec(
    session: Session, kind: JobKind, places: Sequence[Place], options: JobOptions, adhoc: Adhoc
) -> JobSpec:
    async def buckets_of(connection: str) -> Sequence[str]:
        found = await session.call(ListBuckets(connection=connection, adhoc=adhoc))
        return [each.name for each in found.buckets]

    *sources, target = [
        place if place is places[-1] else await _resolved(session, place, adhoc) for place in places
    ]
    return JobSpec(kind=kind, pairs=await make_pairs(sources, target, buckets_of), options=options, adhoc=adhoc)


async def _resolved(session: Session, source: Place, adhoc: Adhoc) -> Place:
    """A source as folder or object. What is not there is told at once, and a list whose first rows cannot be
    read; a store that cannot be asked now is the job's trouble, which waits and tries again."""
    if not source.bucket and source.kind != "list":  # this machine's files, a connection's root, URLs
        return source
    try:
        return (await look_at(session, source, adhoc))[0]
    except HaulierError as error:
        if error.code in (Code.NOT_FOUND, Code.USAGE):
            raise
        return source


def _options(chosen: Namespace, settings: Settings, kind: JobKind) -> JobOptions:
    """Flags first, then what environment and config.toml say."""
    if kind is JobKind.VERIFY:
        return JobOptions(
            include=tuple(chosen.include),
            exclude=tuple(chosen.exclude),
            names=chosen.names,
            links=chosen.links,
            **_record_files(chosen),
        )
    bandwidth, timetable = read_limit("--bandwidth", chosen.bandwidth) if chosen.bandwidth else (0, "")
    return JobOptions(
        include=tuple(chosen.include),
        exclude=tuple(chosen.exclude),
        workers=settings.workers,
        connections=settings.connections,
        part_size=settings.part_size,
        # The setting limits all jobs together and is the engine's; the flag is this job's own.
        bandwidth=bandwidth,
        timetable=timetable,
        priority=Priority(chosen.priority),
        compare=Compare(chosen.compare),
        names=chosen.names,
        links=chosen.links,
        skip_smaller_than=_number("--skip-smaller-than", chosen.skip_smaller_than, parse_size),
        storage_class=chosen.storage_class.upper(),
        on_unfinished="clean" if settings.on_unfinished == "clean" else "resume",
        server_side=not chosen.no_server_side,
        delete=kind is JobKind.SYNC and chosen.delete,
        tool=chosen.tool,
        extract=chosen.extract,
        delete_tar=chosen.delete_tar,
        retry=settings.retry,
        reserve=settings.reserve,
        file_seconds=_number("--max-file-time", chosen.max_file_time, parse_duration),
        **_record_files(chosen),
    )


def _record_files(chosen: Namespace) -> dict[str, Any]:
    """The engine works in another folder than the person: paths are made absolute here."""
    wanted = {name: getattr(chosen, name, None) for name in ("csv", "progress_csv", "failed_log")}
    return {name: str(Path(text).absolute()) for name, text in wanted.items() if text}


def _number(option: str, text: str | None, read: Callable[[str], N]) -> N | int:
    if text is None:
        return 0
    try:
        return read(text)
    except ValueError as error:
        raise HaulierError(Code.USAGE, f"{option}: {error}") from None
