"""clean, repair: putting things in order."""

from __future__ import annotations

import asyncio
import re
from argparse import Namespace
from pathlib import Path

from core.errors import Code, HaulierError
from core.messages import CleanUp, ListJobs, Repaired, RepairJob
from core.model import JobState, JobView
from core.places import parse_place
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_duration
from tui.cli import job_lines
from tui.cli.output import Output
from tui.cli.session import AnyName, Session, open_session

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_REPAIRABLE = {JobState.PAUSED, JobState.BLOCKED, JobState.PARTIAL, JobState.FAILED}


def read_age(text: str) -> float:
    """Seconds of "90m", "48h", "7d". Raises ValueError."""
    found = _AGE.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is not an age: write it like 90m, 48h or 7d")
    return float(found[1]) * _SECONDS[found[2]]


# ---------------------------------------------------------------- clean


def clean(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_clean(chosen, output))


async def _clean(chosen: Namespace, output: Output) -> int:
    try:
        older = read_age(chosen.older) if chosen.older else 0.0
    except ValueError as error:
        raise HaulierError(Code.USAGE, f"--older: {error}") from None
    places = tuple(parse_place(word, cwd=Path.cwd(), known=AnyName()) for word in chosen.places)
    command = CleanUp(places=places, older=older, failed=chosen.failed, dry_run=chosen.dry_run)
    async with open_session(chosen) as session:
        done = await session.call(command)
    troubles = [part for part in done.parts if part.trouble]
    if output.json:
        for job in done.jobs:
            output.record("forgotten", job=job, dry_run=chosen.dry_run)
        for part in done.parts:
            output.record(
                "partial", path=part.path, size=part.size, age=round(part.age), trouble=part.trouble,
                dry_run=chosen.dry_run,
            )  # fmt: skip
        output.record(
            "summary",
            dry_run=chosen.dry_run,
            jobs=len(done.jobs),
            partial_files=done.removed.count,
            bytes=done.removed.bytes,
            kept=done.kept.count,
            kept_bytes=done.kept.bytes,
        )
        return 1 if troubles else 0
    for part in done.parts:
        why = f": {safe_text(part.trouble)}" if part.trouble else ""
        age = format_duration(part.age)
        output.line(f"{format_bytes(part.size):>10}  unchanged for {age}  {safe_text(part.path)}{why}")
    would = "would be " if chosen.dry_run else ""
    numbers = ", ".join(map(str, done.jobs[:20])) + (" …" if len(done.jobs) > 20 else "")
    output.say(
        f"{_count(len(done.jobs), 'finished job')} {would}forgotten{f' ({numbers})' if numbers else ''}; "
        f"{_count(done.removed.count, 'stale partial file')} {would}removed, {format_bytes(done.removed.bytes)}"
    )
    if done.kept.count:
        output.say(
            f"{_count(done.kept.count, 'partial file')} stay ({format_bytes(done.kept.bytes)}): a job needs "
            "them, or they were changed in the last 48 hours"
        )
    return 1 if troubles else 0


def _count(count: int, what: str) -> str:
    return f"{format_count(count)} {what}{'' if count == 1 else 's'}"


# ---------------------------------------------------------------- repair


def repair(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_repair(chosen, output))


async def _repair(chosen: Namespace, output: Output) -> int:
    worst = 0
    async with open_session(chosen) as session:
        session.lend_environment_keys()
        jobs = chosen.jobs or await _repairable(session)
        if not jobs:
            output.say("No job waits for anything: there is nothing to repair.")
        for job in jobs:
            try:
                done = await session.call(RepairJob(job=job, other_disk=chosen.other_disk))
            except HaulierError as error:
                output.error(error)
                worst = max(worst, error.exit_code)
                continue
            _tell_repaired(output, done)
            if done.source_trouble:
                worst = max(worst, 1)
    return worst


async def _repairable(session: Session) -> list[int]:
    """Jobs that were started and did not end well, oldest first."""
    found: list[JobView] = []
    before = 0
    while page := (await session.call(ListJobs(before=before))).jobs:
        found += [job for job in page if job.state in _REPAIRABLE and job.started]
        before = page[-1].id
    return sorted(job.id for job in found)


def _tell_repaired(output: Output, done: Repaired) -> None:
    job = done.job
    if output.json:
        output.record(
            "repaired",
            job=job.id,
            state=str(job.state),
            checked=done.checked,
            reopened=done.reopened.count,
            reopened_bytes=done.reopened.bytes,
            adopted=done.adopted.count,
            adopted_bytes=done.adopted.bytes,
            examples=list(done.examples),
            source_trouble=done.source_trouble,
        )
        return
    output.say(f"Job {job.id}: {_count(done.checked, 'file')} looked at, {job_lines.STATE_WORDS[job.state]}")
    if done.reopened.count:
        names = ", ".join(safe_text(name, 60) for name in done.examples[:3])
        more = " …" if done.reopened.count > 3 else ""
        output.say(
            f"  {_count(done.reopened.count, 'file')} recorded as done and not there whole, to be moved again: "
            f"{format_bytes(done.reopened.bytes)} ({names}{more})"
        )
    if done.adopted.count:
        output.say(
            f"  {_count(done.adopted.count, 'file')} there already with the very content: "
            f"{format_bytes(done.adopted.bytes)} taken as done"
        )
    if done.source_trouble:
        output.say(f"  not everything could be compared: {safe_text(done.source_trouble)}")
    if not done.reopened.count and not done.adopted.count:
        output.say("  the records agree with what is there")
    if job.state in (JobState.PAUSED, JobState.BLOCKED):
        output.say(f"  To go on: haulier resume {job.id}")
