"""haulier disks: the catalogue of disks that hold batches, and verifying one of them alone."""

from __future__ import annotations

import asyncio
import uuid
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from core.messages import DropDisk, FindOnDisks, ListDisks, PlanJob
from core.model import JobKind, JobOptions, JobSpec, KnownDisk, Pair, Place
from core.places import local_place
from core.safe_text import safe_text
from core.units import format_count
from tui.cli import confirm
from tui.cli.batch_text import print_disks, print_files
from tui.cli.each import for_each
from tui.cli.ending import follow_to_the_end
from tui.cli.interrupts import Interrupts
from tui.cli.output import Output
from tui.cli.session import open_session

PAGE = 1000


def list_all(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_list(chosen, output))


def find(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_find(chosen, output))


def drop(chosen: Namespace, output: Output) -> int:
    confirm.refuse_other_words(chosen)
    return asyncio.run(_drop(chosen, output))


def verify(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_verify(chosen, output))


async def _list(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        disks = (await session.call(ListDisks())).disks
    if disks or output.json:
        print_disks(output, disks)
    else:
        output.say("No disk is known yet. To pack data onto disks: haulier batch start SRC DST --space SIZE")
    return 0


async def _drop(chosen: Namespace, output: Output) -> int:
    async with open_session(chosen) as session:
        known = {disk.id: disk for disk in (await session.call(ListDisks())).disks}
        if found := [known[name] for name in chosen.ids if name in known]:
            await _have_confirmed(chosen, output, found)

        async def drop(name: str) -> None:
            await session.call(DropDisk(disk=name))
            if output.json:
                output.record("dropped", disk=name)
            else:
                output.say(f"No longer in the catalogue: {safe_text(name)}. What is on the disk stays.")

        return await for_each(output, chosen.ids, drop)


async def _have_confirmed(chosen: Namespace, output: Output, disks: Sequence[KnownDisk]) -> None:
    """Raises HaulierError (refused) for anything but YES."""
    if chosen.confirm == confirm.WORD:
        return
    if confirm.can_ask():
        names = ", ".join(f"{disk.id} ({format_count(disk.files)} files)" for disk in disks)
        question = (
            f"To be forgotten: {names}. Nothing on the disks is touched.\n"
            f"Type {confirm.WORD} to go on, anything else to leave: "
        )
        with Interrupts() as stop:
            if await confirm.ask(output, question, confirm.WORD, stop):
                return
    raise confirm.not_confirmed("It was not confirmed; nothing was forgotten")


async def _find(chosen: Namespace, output: Output) -> int:
    """Exit code 1 when no disk is known to hold such a file, as grep has it."""
    async with open_session(chosen) as session:
        cursor, found = "", False
        while True:
            page = await session.call(FindOnDisks(contains=chosen.text, cursor=cursor, limit=PAGE))
            print_files(output, page)
            found, cursor = found or bool(page.files), page.cursor
            if not cursor:
                return 0 if found else 1


async def _verify(chosen: Namespace, output: Output) -> int:
    """The disk's manifests against its files; what else lies there is no difference."""
    folder = local_place(chosen.path, cwd=Path.cwd())
    disk = Place(kind="disk", path=folder.path.rstrip("/") or "/")
    spec = JobSpec(
        kind=JobKind.VERIFY,
        pairs=(Pair(source=disk, target=folder),),
        options=JobOptions(),
        extras_ok=True,
    )
    async with open_session(chosen) as session:
        job = await session.call(PlanJob(spec=spec, key=uuid.uuid4().hex, start=True))
        if chosen.detach:
            output.record("job", job=job.id, state=str(job.state)) if output.json else output.line(str(job.id))
            return 0
        with Interrupts() as stop:
            return await follow_to_the_end(session, output, job, stop)
