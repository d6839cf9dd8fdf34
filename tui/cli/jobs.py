"""jobs, show, watch, pause, resume, cancel, retry, forget."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable

from core.messages import (
    CancelJob,
    Command,
    ForgetJob,
    GetJob,
    ListItems,
    ListJobs,
    PauseJob,
    ResumeJob,
    RetryJob,
)
from core.model import ItemView, JobState, JobView, Status
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_duration, format_size, format_when
from tui.cli import job_lines
from tui.cli.each import for_each
from tui.cli.ending import finish, is_over, item_fields
from tui.cli.follow import follow
from tui.cli.interrupts import Interrupts, exit_code
from tui.cli.output import Output, iso
from tui.cli.plan_text import plan_fields, plan_lines
from tui.cli.session import Session, open_session
from tui.cli.show_more import print_folders, print_timing
from tui.cli.showing import showing_for

PAGE = 500


def jobs(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_jobs(chosen, output))


async def _jobs(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        found = (await session.call(ListJobs(limit=max(1, chosen.limit)))).jobs
    if output.json:
        for job in found:
            output.record("job", **job_fields(job))
        return 0
    if not found:
        output.say("No jobs yet. Start one: haulier copy SRC DST")
        return 0
    now = time.time()
    rows = [
        (
            str(job.id),
            str(job.spec.kind),
            job_lines.STATE_WORDS[job.state],
            job_lines.files(job.counts),
            format_bytes(job.counts.bytes_done),
            format_when(job.created, now),
            safe_text(job.title, 100),
        )
        for job in found
    ]
    output.table(("JOB", "KIND", "STATE", "FILES", "MOVED", "CREATED", "WHAT"), rows, frozenset({0, 3, 4}))
    return 0


def show(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_show(chosen, output))


async def _show(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        job = await session.call(GetJob(job=chosen.job))
        if output.json:
            output.record("job", **job_fields(job))
        else:
            _print_job(output, job)
        if job.state is JobState.RUNNING or chosen.why:
            await print_timing(session, output, job.id, in_full=chosen.why)
        if chosen.folders or chosen.under or chosen.pair is not None:
            await print_folders(session, output, job, chosen.pair, chosen.under)
        if chosen.files or chosen.status:
            await _print_items(session, output, job, Status(chosen.status) if chosen.status else None)
        return 0


def _print_job(output: Output, job: JobView) -> None:
    counts, now = job.counts, time.time()
    output.line(f"Job {job.id}: {job.spec.kind}, {job_lines.STATE_WORDS[job.state]}")
    output.line(f"  {safe_text(job.title)}")
    if job.reason:
        output.line(f"  {safe_text(job.reason)} {safe_text(job.hint)}".rstrip())
    times = [("created", job.created), ("started", job.started), ("finished", job.finished)]
    output.line("  " + ", ".join(f"{word} {format_when(at, now)}" for word, at in times if at))
    output.line(
        f"  {job_lines.files(counts)} files, {job_lines.moved(counts)}, {format_duration(job.active_seconds)}"
    )
    facts = (
        ("failed", counts.files_failed),
        ("skipped", counts.files_skipped),
        ("deleted", counts.deleted),
        ("retries", counts.retries),
        ("throttled", counts.throttled),
    )
    if any(count for _, count in facts):
        output.line("  " + ", ".join(f"{word} {format_count(count)}" for word, count in facts if count))
    if job.proofs:
        output.line(f"  verified: {job_lines.proofs(job)}")
    for line in job_lines.summary_lines(job, job_lines.marks_for(output.out.encoding))[:-1]:
        output.line(line)
    if job.plan is not None and job.plan.hash:
        for line in plan_lines(job, []):
            output.line(f"  {line}")


async def _print_items(session: Session, output: Output, job: JobView, status: Status | None) -> None:
    cursor = ""
    while True:
        page = await session.call(ListItems(job=job.id, status=status, cursor=cursor, limit=PAGE))
        for item in page.items:
            if output.json:
                output.record("item", **item_fields(item))
            else:
                output.line(_item_line(item))
        cursor = page.cursor
        if not cursor:
            return


def _item_line(item: ItemView) -> str:
    size = format_size(item.expected_size)
    facts = f"{item.status:<11}  {item.action:<9}  {size:>10}  {safe_text(item.filename)}"
    return facts + (f"  — {safe_text(item.error)}" if item.error else "")


def watch(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_watch(chosen, output))


async def _watch(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        session.lend_environment_keys()
        job = await session.call(GetJob(job=chosen.job))
        with Interrupts() as stop:
            ended = await follow(session, job, showing_for(output), stop, is_over)
        if ended.signal:
            output.say(f"Job {ended.job.id} goes on. To look again: haulier watch {ended.job.id}")
            return exit_code(ended.signal)
        return await finish(session, output, ended.job)


# ---------------------------------------------------------------- one word, several jobs


def pause(chosen: Namespace, output: Output) -> int:
    return change_each(chosen, output, lambda job: PauseJob(job=job))


def resume(chosen: Namespace, output: Output) -> int:
    return change_each(chosen, output, lambda job: ResumeJob(job=job))


def cancel(chosen: Namespace, output: Output) -> int:
    return change_each(chosen, output, lambda job: CancelJob(job=job))


def retry(chosen: Namespace, output: Output) -> int:
    return change_each(chosen, output, lambda job: RetryJob(job=job))


def forget(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_forget(chosen, output))


def change_each(chosen: Namespace, output: Output, command: Callable[[int], Command[JobView]]) -> int:
    """One command for each of the jobs named; the worst exit code."""
    return asyncio.run(_change(chosen, output, command))


async def _change(chosen: Namespace, output: Output, command: Callable[[int], Command[JobView]]) -> int:
    """The same for each job named; those that refuse are told, the others carried out. The worst exit code."""
    async with open_session(chosen) as session:
        session.lend_environment_keys()

        async def change(number: int) -> None:
            job = await session.call(command(number))
            if output.json:
                output.record("job", **job_fields(job))
            else:
                output.say(f"Job {job.id}: {job_lines.STATE_WORDS[job.state]}")

        return await for_each(output, chosen.jobs, change)


async def _forget(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:

        async def forget_one(number: int) -> None:
            await session.call(ForgetJob(job=number))
            if output.json:
                output.record("forgotten", job=number)
            else:
                output.say(f"Job {number}: forgotten")

        return await for_each(output, chosen.jobs, forget_one)


def job_fields(job: JobView) -> dict[str, object]:
    """A job as scripts read it."""
    counts = job.counts
    fields: dict[str, object] = {
        "job": job.id,
        "kind": str(job.spec.kind),
        "state": str(job.state),
        "title": job.title,
        "reason": job.reason,
        "hint": job.hint,
        "created": iso(job.created),
        "started": iso(job.started),
        "finished": iso(job.finished),
        "seconds": round(job.active_seconds, 3),
        "pairs": [{"source": str(pair.source), "target": str(pair.target)} for pair in job.spec.pairs],
        "done": counts.files_done,
        "failed": counts.files_failed,
        "skipped": counts.files_skipped,
        "total": counts.files_total,
        "bytes_done": counts.bytes_done,
        "bytes_total": counts.bytes_total,
        "deleted": counts.deleted,
        "retries": counts.retries,
        "throttled": counts.throttled,
        "proofs": dict(job.proofs),
        "results": [job_lines.result_fields(each) for each in job.results],
    }
    if job.plan is not None:
        fields["plan"] = plan_fields(job)
    return fields
