"""How a followed job ends for the person: Ctrl+C, the summary, what failed, and the exit code."""

from __future__ import annotations

import asyncio

from core.errors import HaulierError
from core.messages import ListItems, PauseJob
from core.model import UNSIZED, ItemView, JobState, JobView, Status
from core.safe_text import safe_text
from tui.cli import job_lines
from tui.cli.follow import follow
from tui.cli.interrupts import Interrupts, exit_code
from tui.cli.output import Output, iso
from tui.cli.session import Session
from tui.cli.showing import showing_for
from tui.deletion_words import after_deleting

FAILED_SHOWN = 10  # for people; JSON gets all

EXIT_BY_STATE = {
    JobState.COMPLETED: 0,
    JobState.PARTIAL: 1,
    JobState.FAILED: 1,
    JobState.CANCELLED: 1,
    JobState.BLOCKED: 4,
    JobState.PLANNED: 3,
}


def is_over(job: JobView) -> bool:
    """Nothing happens any more without a person: final, blocked, or planned and not confirmed."""
    return job.state in EXIT_BY_STATE


async def follow_to_the_end(session: Session, output: Output, job: JobView, stop: Interrupts) -> int:
    """Follow an attached job. The first Ctrl+C pauses it, so that nothing goes on behind the person's back."""
    ended = await follow(session, job, showing_for(output), stop, is_over)
    if ended.signal:
        return await leave_on_signal(session, output, ended.job, ended.signal, stop)
    return await finish(session, output, ended.job)


async def leave_on_signal(session: Session, output: Output, job: JobView, signal: int, stop: Interrupts) -> int:
    """Pause the job and wait until the parts in flight are finished; a second signal leaves at once."""
    output.say(f"Pausing job {job.id}: finishing the parts in flight. Once more to leave at once.")
    pausing = asyncio.create_task(session.call(PauseJob(job=job.id)))
    hurry = asyncio.create_task(stop.asked())
    await asyncio.wait({pausing, hurry}, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if pausing.done():
        try:
            job = pausing.result()
        except HaulierError as error:  # it ended by itself just now, or the engine is gone
            output.error(error)
    else:
        pausing.cancel()
    if output.json:
        output.record("summary", **job_lines.summary_fields(job))
    if job.state.is_final:
        output.say(f"Job {job.id} had ended already: {job_lines.STATE_WORDS[job.state]}.")
    else:
        output.say(f"Stopped; everything so far is kept. To go on: haulier resume {job.id}")
    return exit_code(signal)


async def finish(session: Session, output: Output, job: JobView) -> int:
    """Tell how the job ended; the exit code."""
    code = EXIT_BY_STATE[job.state]
    if job.counts.files_failed:
        await _tell_failed(session, output, job)
    if output.json:
        if job.state not in (JobState.COMPLETED, JobState.PARTIAL):
            output.record("error", job=job.id, state=str(job.state), message=job.reason, hint=job.hint)
        output.record("summary", **job_lines.summary_fields(job))
        return code
    if job.state in (JobState.COMPLETED, JobState.PARTIAL):
        if not output.quiet:
            if job.state is JobState.PARTIAL and job.reason:
                output.say(safe_text(job.reason))
            for line in job_lines.summary_lines(job, job_lines.marks_for(output.err.encoding)):
                output.say(line)
            for line in after_deleting(job):
                output.say(line)
        return code
    why = f": {safe_text(job.reason)}" if job.reason else ""
    output.say(f"{output.paint('haulier:', 'bad')} job {job.id} {job_lines.STATE_WORDS[job.state]}{why}")
    if job.hint:
        output.say(f"  {safe_text(job.hint)}")
    if job.state is JobState.BLOCKED:
        output.say(f"  Once that is mended: haulier resume {job.id}")
    if job.state is JobState.PLANNED:
        output.say("  It waits for its plan to be confirmed, in the app.")
    return code


async def _tell_failed(session: Session, output: Output, job: JobView) -> None:
    shown, cursor = 0, ""
    while True:
        page = await session.call(ListItems(job=job.id, status=Status.FAILED, cursor=cursor))
        for item in page.items:
            if output.json:
                output.record("item", **item_fields(item))
            elif shown < FAILED_SHOWN:
                output.say(f"{output.paint('✗', 'bad')} {safe_text(item.filename)}: {safe_text(item.error)}")
            shown += 1
        cursor = page.cursor
        if not cursor or (not output.json and shown >= FAILED_SHOWN):
            break
    if not output.json and job.counts.files_failed > FAILED_SHOWN:
        left = job.counts.files_failed - FAILED_SHOWN
        output.say(f"… and {left} more: haulier show {job.id} --status failed")


def item_fields(item: ItemView) -> dict[str, object]:
    """The columns that people's scripts read, and what else is known of the item."""
    return {
        "filename": item.filename,
        "url": item.url,
        "target": item.target,
        "action": str(item.action),
        "expected_size": item.expected_size if item.expected_size != UNSIZED else None,
        "actual_size": item.actual_size,
        "status": str(item.status),
        "attempts": item.attempts,
        "created_at": iso(item.created_at),
        "completed_at": iso(item.completed_at),
        "error": item.error,
        "proof": item.proof,
    }
