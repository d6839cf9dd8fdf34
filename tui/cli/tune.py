"""tune, limit: what may be changed while jobs run."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace

from core.errors import Code, HaulierError
from core.messages import GetLimit, Limit, SetLimit, TuneJob
from core.model import Priority
from core.timetable import limit_words, parse_limit
from tui.cli.jobs import change_each
from tui.cli.output import Output
from tui.cli.session import open_session


def tune(chosen: Namespace, output: Output) -> int:
    """Other limits for jobs, running or not."""
    if not any((chosen.wanted_workers, chosen.wanted_connections, chosen.wanted_bandwidth, chosen.priority)):
        raise HaulierError(
            Code.USAGE, "nothing to change", "name one of --workers, --connections, --bandwidth, --priority"
        )
    workers, connections = (
        _count("--workers", chosen.wanted_workers),
        _count("--connections", chosen.wanted_connections),
    )
    bandwidth, timetable = -1, None
    if chosen.wanted_bandwidth:
        bandwidth, timetable = read_limit("--bandwidth", chosen.wanted_bandwidth)
    priority = Priority(chosen.priority) if chosen.priority else None

    def command(job: int) -> TuneJob:
        return TuneJob(
            job=job,
            workers=workers,
            connections=connections,
            bandwidth=bandwidth,
            timetable=timetable,
            priority=priority,
        )

    return change_each(chosen, output, command)


def limit(chosen: Namespace, output: Output) -> int:
    """Show or set the limit of all jobs together."""
    return asyncio.run(_limit(chosen, output))


async def _limit(chosen: Namespace, output: Output) -> int:
    text = " ".join(chosen.limit)
    command: GetLimit | SetLimit
    if not text:
        command = GetLimit()
    elif text == "default":
        command = SetLimit(default=True)
    else:
        bandwidth, timetable = read_limit("limit", text)
        command = SetLimit(bandwidth=bandwidth, timetable=timetable)
    async with open_session(chosen) as session:
        found: Limit = await session.call(command)
    if output.json:
        output.record(
            "limit",
            bandwidth=found.bandwidth,
            timetable=found.timetable,
            now=found.now,
            origin="settings" if found.from_settings else "set while running",
        )
        return 0
    words = limit_words(found.bandwidth, found.timetable, time.localtime())
    origin = (
        "as the settings say" if found.from_settings else "`haulier limit default` goes back to the settings"
    )
    output.line(f"All jobs together: {words} ({origin})")
    if found.timetable:
        output.line(f"  {found.timetable}")
    return 0


def read_limit(name: str, text: str) -> tuple[int, str]:
    """A rate or a timetable as two values; raises HaulierError that names where it was written."""
    try:
        return parse_limit(text)
    except ValueError as error:
        raise HaulierError(
            Code.USAGE,
            f"{name}: {error}",
            'a rate like 50MiB or off, or a timetable like "08:00,10MiB 19:00,off"',
        ) from None


def _count(option: str, text: str | None) -> int:
    if text is None:
        return -1
    if text == "auto":
        return 0
    if not text.isdecimal():
        raise HaulierError(Code.USAGE, f"{option}: {text!r} is neither a number nor auto")
    return int(text)
