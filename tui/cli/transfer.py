"""copy, sync, plan, verify: make a job, wait for its plan, start it, follow it to its end."""

from __future__ import annotations

import asyncio
import uuid
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence

from core.errors import Code, HaulierError
from core.messages import (
    CancelJob,
    ForgetJob,
    GetJob,
    ListBuckets,
    ListItems,
    PlanJob,
    StartJob,
)
from core.model import (
    Compare,
    Connection,
    ItemView,
    JobKind,
    JobOptions,
    JobSpec,
    JobState,
    JobView,
    Place,
    PlanSummary,
)
from core.safe_text import safe_text
from core.settings import Settings
from core.units import parse_rate, parse_size
from tui.cli import confirm
from tui.cli.ending import finish, follow_to_the_end
from tui.cli.follow import follow
from tui.cli.interrupts import Interrupts, exit_code
from tui.cli.looking import look_at
from tui.cli.output import Output
from tui.cli.pairs import make_pairs
from tui.cli.plan_text import plan_fields, plan_lines, share_deleted
from tui.cli.session import Session, open_session
from tui.cli.showing import showing_for

EXAMPLES = 5  # items shown of a plan


def copy(chosen: Namespace, output: Output) -> int:
    if chosen.dry_run:
        return _run(chosen, output, _show_plan, JobKind.COPY)
    return _run(chosen, output, _move, JobKind.COPY)


def sync(chosen: Namespace, output: Output) -> int:
    if chosen.dry_run:
        return _run(chosen, output, _show_plan, JobKind.SYNC)
    if chosen.confirm not in (None, confirm.WORD):
        raise _not_confirmed(f"{safe_text(chosen.confirm)!r} does not confirm anything")
    return _run(chosen, output, _confirm_and_move, JobKind.SYNC)


def plan(chosen: Namespace, output: Output) -> int:
    return _run(chosen, output, _show_plan, JobKind.SYNC if chosen.delete else JobKind.COPY)


def verify(chosen: Namespace, output: Output) -> int:
    if len(chosen.what) == 1 and chosen.what[0].isdecimal():
        return asyncio.run(_verify_job(chosen, output, int(chosen.what[0])))
    if len(chosen.what) != 2:
        raise HaulierError(
            Code.USAGE,
            "verify takes a job's number, or two places",
            "For example: haulier verify prod:logs ./logs",
        )
    chosen.sources, chosen.target = chosen.what[:1], chosen.what[1]
    return _run(chosen, output, _move, JobKind.VERIFY)


# ---------------------------------------------------------------- what is done with a spec

_Way = Callable[[Session, Output, Namespace, JobSpec], Awaitable[int]]


def _run(chosen: Namespace, output: Output, way: _Way, kind: JobKind) -> int:
    return asyncio.run(_carry_out(chosen, output, way, kind))


async def _carry_out(chosen: Namespace, output: Output, way: _Way, kind: JobKind) -> int:
    async with open_session(chosen) as session:
        options = _options(chosen, session.settings, kind)
        words = [*chosen.sources, chosen.target]
        places = session.read_places(words)
        adhoc = session.adhoc_for(places)
        await session.check_places(words, places)
        spec = await _spec(session, kind, places, options, adhoc)
        return await way(session, output, chosen, spec)


async def _verify_job(chosen: Namespace, output: Output, number: int) -> int:
    async with open_session(chosen) as session:
        session.lend_environment_keys()
        job = await session.call(GetJob(job=number))
        options = JobOptions(
            include=tuple(chosen.include) or job.spec.options.include,
            exclude=tuple(chosen.exclude) or job.spec.options.exclude,
            skip_smaller_than=job.spec.options.skip_smaller_than,
        )
        spec = JobSpec(kind=JobKind.VERIFY, pairs=job.spec.pairs, options=options, adhoc=job.spec.adhoc)
        return await _move(session, output, chosen, spec)


async def _move(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Start at once and follow."""
    job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=True))
    if chosen.detach:
        return _detached(output, job)
    with Interrupts() as stop:
        return await follow_to_the_end(session, output, job, stop)


async def _confirm_and_move(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Plan, show, have it confirmed where needed, start exactly that plan."""
    with Interrupts() as stop:
        job, code = await _planned(session, output, spec, stop)
        if job is None:
            return code
        plan_made = job.plan or PlanSummary()
        if output.json:
            output.record("plan", **plan_fields(job))
        elif plan_made.needs_confirmation:
            await _print_plan(session, output, job, chosen)
        if plan_made.needs_confirmation and not await _is_confirmed(output, chosen, plan_made, stop):
            await _withdraw(session, job)
            raise _not_confirmed("The plan was not confirmed; nothing was changed")
        word = confirm.WORD if plan_made.needs_confirmation else ""
        job = await session.call(StartJob(job=job.id, plan_hash=plan_made.hash, confirm=word))
        if chosen.detach:
            return _detached(output, job)
        return await follow_to_the_end(session, output, job, stop)


async def _show_plan(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Plan, print, withdraw."""
    with Interrupts() as stop:
        job, code = await _planned(session, output, spec, stop)
        if job is None:
            return code
        await _print_plan(session, output, job, chosen)
        if output.json:
            output.record("plan", **plan_fields(job))
        await _withdraw(session, job)
        return 0


async def _planned(
    session: Session, output: Output, spec: JobSpec, stop: Interrupts
) -> tuple[JobView | None, int]:
    """The job with its frozen plan; or None and the exit code, when it came to nothing."""
    job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex))
    ended = await follow(
        session, job, showing_for(output), stop, lambda each: each.state is not JobState.PLANNING
    )
    if ended.signal:
        await _withdraw(session, ended.job)
        return None, exit_code(ended.signal)
    if ended.job.state is JobState.PLANNED:
        return ended.job, 0
    code = await finish(session, output, ended.job)
    if ended.job.state is not JobState.CANCELLED:
        await _withdraw(session, ended.job)
    return None, code


async def _withdraw(session: Session, job: JobView) -> None:
    """Leave no trace of a job that was only planned."""
    if not job.state.is_final:
        job = await session.call(CancelJob(job=job.id))
    ended = asyncio.get_running_loop().time() + 10
    while not job.state.is_final and asyncio.get_running_loop().time() < ended:
        await asyncio.sleep(0.05)
        job = await session.call(GetJob(job=job.id))
    await session.call(ForgetJob(job=job.id))


async def _print_plan(session: Session, output: Output, job: JobView, chosen: Namespace) -> None:
    """To stdout when the plan is what was asked for, else to people on stderr."""
    if output.json:
        return
    page = await session.call(ListItems(job=job.id, limit=EXAMPLES))
    examples: Sequence[ItemView] = page.items
    asked_for = getattr(chosen, "dry_run", True)  # `plan` has no such option: the plan is its result
    for line in plan_lines(job, list(examples)):
        if asked_for:
            output.line(line)
        else:
            output.say(line)


async def _is_confirmed(output: Output, chosen: Namespace, plan_made: PlanSummary, stop: Interrupts) -> bool:
    if chosen.confirm is not None:
        return bool(chosen.confirm == confirm.WORD)
    if not confirm.can_ask():
        return False
    question = "This changes what is there."
    if plan_made.delete.count:
        question = f"This deletes {share_deleted(plan_made)}."
    return await confirm.ask(output, question, stop)


def _detached(output: Output, job: JobView) -> int:
    if output.json:
        output.record("job", job=job.id, state=str(job.state))
    else:
        output.line(str(job.id))
    return 0


def _not_confirmed(message: str) -> HaulierError:
    return HaulierError(
        Code.REFUSED, message, f"Only {confirm.WORD}, in capitals, does; in a script: --confirm {confirm.WORD}"
    )


# ---------------------------------------------------------------- the spec


async def _spec(
    session: Session, kind: JobKind, places: Sequence[Place], options: JobOptions, adhoc: Connection | None
) -> JobSpec:
    async def buckets_of(connection: str) -> Sequence[str]:
        found = await session.call(ListBuckets(connection=connection, adhoc=adhoc))
        return [each.name for each in found.buckets]

    *sources, target = [
        place if place is places[-1] else await _resolved(session, place, adhoc) for place in places
    ]
    return JobSpec(kind=kind, pairs=await make_pairs(sources, target, buckets_of), options=options, adhoc=adhoc)


async def _resolved(session: Session, source: Place, adhoc: Connection | None) -> Place:
    """A source as folder or object. What is not there is told at once; a store that cannot be asked now is the
    job's trouble, which waits and tries again."""
    if source.kind == "local" or not source.bucket:
        return source
    try:
        return (await look_at(session, source, adhoc))[0]
    except HaulierError as error:
        if error.code is Code.NOT_FOUND:
            raise
        return source


def _options(chosen: Namespace, settings: Settings, kind: JobKind) -> JobOptions:
    """Flags first, then what environment and config.toml say."""
    if kind is JobKind.VERIFY:
        return JobOptions(include=tuple(chosen.include), exclude=tuple(chosen.exclude))
    return JobOptions(
        include=tuple(chosen.include),
        exclude=tuple(chosen.exclude),
        workers=settings.workers,
        connections=settings.connections,
        part_size=settings.part_size,
        # The setting limits all jobs together and is the engine's; the flag is this job's own.
        bandwidth=_number("--bandwidth", chosen.bandwidth, parse_rate),
        compare=Compare(chosen.compare),
        skip_smaller_than=_number("--skip-smaller-than", chosen.skip_smaller_than, parse_size),
        storage_class=chosen.storage_class,
        on_unfinished="clean" if settings.on_unfinished == "clean" else "resume",
        server_side=not chosen.no_server_side,
        delete=kind is JobKind.SYNC and chosen.delete,
        retry=settings.retry,
        reserve=settings.reserve,
    )


def _number(option: str, text: str | None, read: Callable[[str], int]) -> int:
    if text is None:
        return 0
    try:
        return read(text)
    except ValueError as error:
        raise HaulierError(Code.USAGE, f"{option}: {error}") from None
