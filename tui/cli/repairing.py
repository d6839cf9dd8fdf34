"""verify --repair: verify, copy again what was broken or missing at the target, verify that again."""

from __future__ import annotations

import uuid
from argparse import Namespace

from core.errors import Code, HaulierError
from core.messages import GetJob, PlanJob
from core.model import JobSpec, JobView, PlanSummary
from core.repair import can_repair, check_key, check_spec, repair_spec
from tui.cli import confirm
from tui.cli.ending import follow_to_the_end
from tui.cli.interrupts import Interrupts
from tui.cli.output import Output
from tui.cli.planned import planned, start_confirmed, withdraw
from tui.cli.session import Session


def refuse_wrong_use(chosen: Namespace) -> None:
    """Raises HaulierError for options of verify that do not go together."""
    confirm.refuse_other_words(chosen)
    if chosen.repair and chosen.detach:
        raise HaulierError(
            Code.USAGE, "--repair waits for what verifying finds", "leave --detach out, or verify first"
        )


async def verify_and_repair(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """The exit code: 0 when everything is equal in the end, 1 when not, others as of any job."""
    chosen.dry_run = False  # the repair's plan is on the way to something, not what was asked for
    with Interrupts() as stop:
        job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=True))
        code = await follow_to_the_end(session, output, job, stop)
        job = await session.call(GetJob(job=job.id))
        if not can_repair(job):
            return code
        return await _repair(session, output, chosen, job, stop)


async def _repair(
    session: Session, output: Output, chosen: Namespace, verified: JobView, stop: Interrupts
) -> int:
    job, code = await planned(session, output, repair_spec(verified), stop)
    if job is None:
        return code
    plan = job.plan or PlanSummary()
    if not plan.copy.count + plan.overwrite.count:
        output.say("Nothing of this can be copied again from the source.")
        await withdraw(session, job)
        return 1
    job = await start_confirmed(session, output, chosen, job, stop)
    code = await follow_to_the_end(session, output, job, stop)
    if code not in (0, 1):
        return code
    check = PlanJob(spec=check_spec(job.spec), key=check_key(job.id, job.created), start=True)
    return await follow_to_the_end(session, output, await session.call(check), stop)
