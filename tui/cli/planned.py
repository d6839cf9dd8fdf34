"""A plan on the command line: waited for, shown, confirmed and started, or withdrawn again."""

from __future__ import annotations

import asyncio
import uuid
from argparse import Namespace

from core.errors import HaulierError
from core.messages import CancelJob, ForgetJob, GetJob, ListItems, PlanJob, StartJob
from core.model import ItemView, JobSpec, JobState, JobView, PlanSummary
from tui.cli import confirm
from tui.cli.ending import finish
from tui.cli.follow import follow
from tui.cli.interrupts import Interrupts, exit_code
from tui.cli.output import Output
from tui.cli.plan_text import deletion_fields, plan_fields, plan_lines
from tui.cli.session import Session
from tui.cli.showing import showing_for
from tui.plan_examples import EXAMPLES, example_kinds


async def planned(
    session: Session, output: Output, spec: JobSpec, stop: Interrupts
) -> tuple[JobView | None, int]:
    """The job with its frozen plan; or None and the exit code, when it came to nothing."""
    job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex))
    ended = await follow(
        session, job, showing_for(output), stop, lambda each: each.state is not JobState.PLANNING
    )
    if ended.signal:
        await withdraw(session, ended.job)
        return None, exit_code(ended.signal)
    if ended.job.state is JobState.PLANNED:
        return ended.job, 0
    code = await finish(session, output, ended.job)
    if ended.job.state is not JobState.CANCELLED:
        await withdraw(session, ended.job)
    return None, code


async def start_confirmed(
    session: Session, output: Output, chosen: Namespace, job: JobView, stop: Interrupts
) -> JobView:
    """Show the plan, have it confirmed where needed, start exactly that plan. A plan that is not confirmed is
    withdrawn; raises HaulierError."""
    plan = job.plan or PlanSummary()
    if output.json:
        record_plan(output, job)
    elif plan.needs_confirmation:
        await print_plan(session, output, job, chosen)
    try:
        words = await confirm.confirmed(output, chosen, plan, stop)
    except HaulierError:
        await withdraw(session, job)
        raise
    return await session.call(StartJob(job=job.id, plan_hash=plan.hash, **words._asdict()))


async def withdraw(session: Session, job: JobView) -> None:
    """Leave no trace of a job that was only planned."""
    if not job.state.is_final:
        job = await session.call(CancelJob(job=job.id))
    ended = asyncio.get_running_loop().time() + 10
    while not job.state.is_final and asyncio.get_running_loop().time() < ended:
        await asyncio.sleep(0.05)
        job = await session.call(GetJob(job=job.id))
    await session.call(ForgetJob(job=job.id))


async def print_plan(session: Session, output: Output, job: JobView, chosen: Namespace) -> None:
    """To stdout when the plan is what was asked for, else to people on stderr."""
    if output.json:
        return
    examples = await _examples(session, job)
    asked_for = getattr(chosen, "dry_run", True)  # `plan` has no such option: the plan is its result
    for line in plan_lines(job, examples):
        if asked_for:
            output.line(line)
        else:
            output.say(line)


async def _examples(session: Session, job: JobView) -> list[ItemView]:
    """The first ones of each kind: what clashes and what is replaced or deleted before what is only new."""
    found: list[ItemView] = []
    for action in example_kinds(job.plan or PlanSummary(), job.spec.kind):
        found += (await session.call(ListItems(job=job.id, action=action, limit=EXAMPLES))).items
    return found


def record_plan(output: Output, job: JobView) -> None:
    if (deletions := deletion_fields(job)) is not None:
        output.record("deletions", **deletions)
    output.record("plan", **plan_fields(job))
