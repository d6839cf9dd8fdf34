"""check: whether this machine, folders and servers are fit for a transfer."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from core.errors import Code, HaulierError
from core.messages import CheckSystem, SystemCheckLine, SystemReport
from core.model import Place
from core.safe_text import safe_text
from core.units import parse_size
from tui.cli.output import Output
from tui.cli.session import open_session

FAILED_CHECK = 3
_MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}
_OF_MACHINE = {"journal", "cpu", "memory", "open files"}  # the same whatever the place


def check(chosen: Namespace, output: Output) -> int:
    return asyncio.run(_check(chosen, output))


async def _check(chosen: Namespace, output: Output) -> int:
    try:
        size = parse_size(chosen.size) if chosen.size else 0
    except ValueError as error:
        raise HaulierError(Code.USAGE, f"--size: {error}") from None
    async with open_session(chosen) as session:
        words = [*chosen.places, *([chosen.path] if chosen.path else [])] or [
            str(session.settings.downloads_dir)
        ]
        adhoc = session.adhoc_for(session.read_places(words))
        places = await session.check_places(words, session.read_places(words))
        reports: list[tuple[Place, SystemReport]] = []
        for place in places:
            command = CheckSystem(place=place, size=size, reserve=session.settings.reserve, adhoc=adhoc)
            report = await session.call(command)
            reports.append((place, report))
            _tell_place(output, place, report, alone=len(places) == 1)
    _tell(output, "", [each for each in reports[0][1].checks if each.name in _OF_MACHINE])
    ok = all(report.ok for _, report in reports)
    if output.json:
        output.record("summary", place=str(places[0]), places=[str(place) for place in places], ok=ok)
    return 0 if ok else FAILED_CHECK


def _tell_place(output: Output, place: Place, report: SystemReport, *, alone: bool) -> None:
    if not alone and not output.json:
        output.line(safe_text(str(place)))
    _tell(output, str(place), [each for each in report.checks if each.name not in _OF_MACHINE])
    if not alone and not output.json:
        output.line("")


def _tell(output: Output, place: str, lines: list[SystemCheckLine]) -> None:
    for line in lines:
        if output.json:
            output.record(
                "check", name=line.name, level=line.level, detail=line.detail, hint=line.hint, place=place
            )
            continue
        output.line(f"{_MARKS[line.level]} {line.name:<11}  {safe_text(line.detail)}")
        if line.hint and line.level != "ok":
            output.line(f"  {'':<11}  {safe_text(line.hint)}")
