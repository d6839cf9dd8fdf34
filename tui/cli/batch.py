"""haulier batch: data larger than the disk. Plan batches, move them to disk after disk, say what is where."""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.errors import Code, HaulierError
from core.messages import (
    Analyse,
    ContinueCampaign,
    GetCampaign,
    GetJob,
    ListBatchFiles,
    PlanJob,
)
from core.model import BatchAsk, BatchState, BatchView, CampaignView, JobKind, JobSpec, JobState, JobView, Place
from core.places import local_place
from core.safe_text import safe_text
from core.units import parse_duration, parse_size
from tui.cli import job_lines
from tui.cli.batch_text import batch_fields, print_analysis, print_batches, print_files
from tui.cli.ending import EXIT_BY_STATE, finish, is_over, leave_on_signal
from tui.cli.follow import follow
from tui.cli.interrupts import Interrupts, exit_code
from tui.cli.output import Output
from tui.cli.planned import withdraw
from tui.cli.session import Session, open_session
from tui.cli.showing import showing_for
from tui.cli.sources import described
from tui.cli.transfer import read_spec

LOOK = 0.1  # seconds between looks at what the engine does with a batch next
PAGE = 1000


def analyze(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_analyze(chosen, output))


def plan(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_plan(chosen, output))


def start(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_start(chosen, output))


def go_on(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_go_on(chosen, output))


def status(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_status(chosen, output))


# ---------------------------------------------------------------- looking and planning


async def _analyze(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        places = session.read_places(chosen.sources)
        adhoc = session.adhoc_for(places)
        [place] = described(await session.check_places(chosen.sources, places), chosen)
        command = Analyse(
            place=place,
            include=tuple(chosen.include),
            exclude=tuple(chosen.exclude),
            seconds=_read("--seconds", chosen.seconds, parse_duration),
            adhoc=adhoc,
        )
        print_analysis(output, await session.call(command))
        return 0


async def _plan(chosen: Namespace, output: Output) -> int:
    """Planned against a folder that is not there, and withdrawn."""
    chosen.target = f"{tempfile.gettempdir()}/haulier-batches-{uuid.uuid4().hex}/"
    async with open_session(chosen) as session:
        return await show_packed(session, output, await _spec(session, chosen, _ask(chosen, None)))


def _ask(chosen: Namespace, target: Path | None) -> BatchAsk:
    """The wish; without `--space` what is free where `target` is."""
    block = _size("--block", chosen.block)
    if chosen.space is not None:
        return BatchAsk(
            space=_size("--space", chosen.space), margin=chosen.margin, block=block, inodes=chosen.inodes
        )
    assert target is not None, "only `start` may leave the space out"
    while not target.is_dir() and target != target.parent:
        target = target.parent
    there = os.statvfs(target)
    unit = there.f_frsize or there.f_bsize
    return BatchAsk(
        space=there.f_bavail * unit,
        margin=chosen.margin,
        block=max(block, unit),
        inodes=chosen.inodes or there.f_favail,
    )


async def _spec(session: Session, chosen: Namespace, ask: BatchAsk) -> JobSpec:
    """The margin says what stays free on a disk; a reserve besides only where it is asked for."""
    spec = await read_spec(session, chosen, JobKind.COPY)
    reserve = _size("--reserve", chosen.reserve) if chosen.reserve else 0
    options = msgspec.structs.replace(spec.options, reserve=reserve)
    return msgspec.structs.replace(spec, options=options, batches=ask)


async def _planned(
    session: Session, output: Output, spec: JobSpec, stop: Interrupts
) -> tuple[JobView | None, int]:
    """The campaign once it is planned and packed; or None and the exit code."""
    job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex))
    showing = showing_for(output)
    ended = await follow(session, job, showing, stop, lambda each: each.state is not JobState.PLANNING)
    job = ended.job
    if ended.signal:
        await withdraw(session, job)
        return None, exit_code(ended.signal)
    if job.state in (JobState.PLANNED, JobState.COMPLETED, JobState.PARTIAL):
        return job, 0
    code = await finish(session, output, job)
    if job.state is not JobState.CANCELLED:
        await withdraw(session, job)
    return None, code


# ---------------------------------------------------------------- moving


async def _start(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        target = local_place(chosen.target, cwd=Path.cwd())
        return await begin(
            session, output, chosen, await _spec(session, chosen, _ask(chosen, Path(target.path)))
        )


async def begin(session: Session, output: Output, chosen: Namespace, spec: JobSpec) -> int:
    """Plan and pack a campaign, and move its first batch."""
    with Interrupts() as stop:
        job, code = await _planned(session, output, spec, stop)
        if job is None:
            return code
        view = await session.call(GetCampaign(job=job.id))
        if not chosen.detach:
            output.say(f"Job {job.id}, in {len(view.batches)} batches:")
            print_batches(output, view)
        if not view.batches:
            output.say(safe_text(view.job.reason))
            return EXIT_BY_STATE[view.job.state]
        return await _move(session, output, chosen, ContinueCampaign(job=job.id, batch=1), stop)


async def show_packed(session: Session, output: Output, spec: JobSpec) -> int:
    """Plan and pack a campaign, print its batches, and withdraw it."""
    with Interrupts() as stop:
        job, code = await _planned(session, output, spec, stop)
        if job is None:
            return code
    print_batches(output, await session.call(GetCampaign(job=job.id)))
    await withdraw(session, job)
    return 0


async def _go_on(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        session.lend_environment_keys()
        target = _disk(local_place(chosen.target, cwd=Path.cwd()).path) if chosen.target else None
        view = await session.call(GetCampaign(job=chosen.job))
        command = ContinueCampaign(
            job=view.job.id,
            batch=chosen.batch,
            target=target,
            share_disk=chosen.share_disk,
            other_disk=chosen.other_disk,
        )
        with Interrupts() as stop:
            return await _move(session, output, chosen, command, stop)


async def _move(
    session: Session, output: Output, chosen: Namespace, command: ContinueCampaign, stop: Interrupts
) -> int:
    """Move one batch, and follow its jobs until it is safe, or cannot be."""
    job = await session.call(command)
    if chosen.detach:
        output.record("job", job=command.job, mover=job.id) if output.json else output.line(str(command.job))
        return 0
    while True:
        ended = await follow(session, job, showing_for(output), stop, is_over)
        if ended.signal:
            return await leave_on_signal(session, output, ended.job, ended.signal, stop)
        view, batch = await _rests(session, command, ended.job)
        if batch.state is BatchState.SAFE or batch.trouble:
            return await _tell(session, output, view, batch, ended.job)
        job = await session.call(GetJob(job=batch.job))


async def _rests(session: Session, command: ContinueCampaign, ended: JobView) -> tuple[CampaignView, BatchView]:
    """The batch once the engine has drawn the conclusion from the end of a job of it."""
    while True:
        view = await session.call(GetCampaign(job=command.job))
        batch = view.batches[command.batch - 1]
        if batch.state is BatchState.SAFE or batch.trouble or batch.job != ended.id:
            return view, batch
        await asyncio.sleep(LOOK)


async def _tell(session: Session, output: Output, view: CampaignView, batch: BatchView, job: JobView) -> int:
    """How it stands, and what to do now; the exit code."""
    of, safe = len(view.batches), batch.state is BatchState.SAFE
    if output.json:
        output.record("batch", **batch_fields(view.job.id, batch))
        mover = await session.call(GetJob(job=batch.job)) if batch.job != job.id else job
        output.record("summary", **job_lines.summary_fields(mover))
    elif safe:
        disk = f"disk {safe_text(batch.disk)} ({safe_text(batch.target)})"
        output.say(f"Batch {batch.number} of {of} is safe: {disk} may be removed.")
        if batch.trouble:
            output.say(f"  {output.paint('!', 'warn')} {safe_text(batch.trouble)}")
        waiting = next((each for each in view.batches if each.state is BatchState.WAITING), None)
        if waiting is not None:
            output.say(
                f"Swap the disk, then: haulier batch continue {view.job.id} {waiting.number} "
                f"{safe_text(batch.target)}"
            )
        elif all(each.state is BatchState.SAFE for each in view.batches):
            output.say(f"Job {view.job.id}: {safe_text(view.job.reason)}")
    else:
        output.say(
            f"{output.paint('haulier:', 'bad')} batch {batch.number} of {of} is not safe: "
            f"{safe_text(batch.trouble)}"
        )
        again = f"haulier batch continue {view.job.id} {batch.number} {safe_text(batch.target)}"
        output.say(f"  Once that is mended, or to fetch what is damaged: {again}")
    if safe:
        return 1 if batch.trouble else 0
    return 4 if job.state is JobState.BLOCKED else 1


# ---------------------------------------------------------------- status


async def _status(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        view = await session.call(GetCampaign(job=chosen.job))
        if chosen.files or chosen.find or chosen.batch:
            cursor = ""
            while True:
                page = await session.call(
                    ListBatchFiles(
                        job=view.job.id, batch=chosen.batch, contains=chosen.find, cursor=cursor, limit=PAGE
                    )
                )
                print_files(output, page)
                cursor = page.cursor
                if not cursor:
                    return 0
        print_batches(output, view)
        if not output.json:
            output.line(f"job {view.job.id} is {view.job.state}: {safe_text(view.job.reason)}")
        return 0


# ---------------------------------------------------------------- small things


def _disk(path: str) -> Place:
    return Place(kind="local", path=path)


def _size(option: str, text: str) -> int:
    return int(_read(option, text, parse_size))


def _read(option: str, text: str, read: Callable[[str], float]) -> float:
    try:
        return read(text)
    except ValueError as error:
        raise HaulierError(Code.USAGE, f"{option}: {error}") from None
