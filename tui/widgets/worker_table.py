"""The workers of a job, one line each, drawn as lines: fifty of them cost no more than five."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.model import WorkerView
from core.safe_text import safe_text
from core.units import format_bytes, format_rate
from tui.names import short_name
from tui.widgets.curve import bar
from tui.widgets.spans import Line
from tui.widgets.table import ACROSS, Column, LineTable

BAR = 10
REST = 3.0  # seconds that an idle worker keeps its line

_PHASES = {
    "hashing": "verifying",
    "finishing": "finishing",
    "copying": "server side",
    "deleting": "deleting",
    "extracting": "extracting",
}


class WorkerRow(NamedTuple):
    """What a line shows, ready made."""

    number: int
    phase: str
    key: str
    part: str
    done: int
    size: int
    rate: str
    attempt: int
    seconds: int
    note: str


def row_of(worker: WorkerView) -> WorkerRow:
    if worker.phase == "idle":
        return WorkerRow(worker.index, "idle", "", "", 0, 0, "", 0, 0, worker.note)
    moving = worker.phase in ("moving", "copying") and worker.rate >= 1024  # less is the tail of an average
    return WorkerRow(
        number=worker.index,
        phase=worker.phase,
        key=worker.key,
        part=f"{worker.part}/{worker.parts}" if worker.part else "whole",
        done=worker.done,
        size=worker.size,
        rate=format_rate(worker.rate) if moving else _PHASES.get(worker.phase, ""),
        attempt=worker.attempt,
        seconds=int(worker.seconds),
        note=worker.note,
    )


class Crew:
    """Which workers have a line: those at work, and for a moment those who just were, so that a worker
    between two parts does not make the lines jump. The others are one line at the end."""

    def __init__(self) -> None:
        self._busy_at: dict[int, float] = {}

    def rows(self, workers: Sequence[WorkerView], job: int, now: float) -> tuple[WorkerRow, ...]:
        """`now` is monotonic."""
        rows: list[WorkerRow] = []
        idle = 0
        for worker in sorted(workers, key=lambda worker: worker.index):
            if worker.job not in (0, job):
                continue
            if worker.phase != "idle":
                self._busy_at[worker.index] = now
            if now - self._busy_at.get(worker.index, -REST) < REST:
                rows.append(row_of(worker))
            else:
                idle += 1
        if idle:
            rows.append(WorkerRow(-1, "idle", "", "", 0, 0, "", 0, 0, f"{idle} idle"))
        return tuple(rows)


class WorkerTable(LineTable[WorkerRow]):
    COLUMNS = (
        Column("index", "w", 2, right=True),
        Column("key", "object", 20, grow=1),
        Column("part", "part", 7, right=True),
        Column("done", "done", BAR + 6, wide=2 * BAR + 6),
        Column("bytes", "bytes", 22, right=True, from_width=118),
        Column("rate", "rate", 11, right=True),
        Column("seconds", "for", 6, right=True, from_width=100),
        Column("try", "try", 4),
    )
    HAS_CURSOR = False

    def key_of(self, row: WorkerRow) -> int:
        return row.number

    def cells(self, row: WorkerRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        number: Line = ((f"{row.number:02}" if row.number >= 0 else "", "quiet"),)
        if row.phase == "idle":
            return {"index": number, "key": ((safe_text(row.note) or "–", "quiet"),)}
        if row.phase == "waiting":
            where = f"{safe_text(row.key)}  {row.part}" + (f"  try {row.attempt}" if row.attempt > 1 else "")
            return {
                "index": number,
                ACROSS: (
                    (f"– waiting: {safe_text(row.note)}" if row.note else "– waiting", "warn"),
                    (f"   {where}", "quiet"),
                ),
            }
        filled, rest = bar(row.done, row.size, widths.get("done", BAR + 6) - 6)
        if row.size < 0:  # nobody knows how much is to come: what came is said instead
            filled, rest = "", f"{format_bytes(row.done):<{BAR}}"
        percent = f"{100 * row.done // row.size:>4} %" if row.size > 0 else ""
        return {
            "index": number,
            "key": (
                *((((f"{safe_text(row.note, 30)}  ", "warn"),)) if row.note else ()),
                (short_name(row.key, widths["key"] - (min(len(row.note), 30) + 2 if row.note else 0)), ""),
            ),
            "part": ((row.part, "quiet"),),
            "done": ((filled, "bar"), (rest, "rest"), (percent, "")),
            "bytes": ((_amount(row), "quiet"),),
            "rate": ((row.rate, "" if row.rate.endswith("/s") else "key"),),
            "seconds": ((f"{row.seconds} s", "quiet"),),
            "try": self._try(row),
        }

    def _try(self, row: WorkerRow) -> Line:
        return ((f"{row.attempt} ⟳", "warn"),) if row.attempt > 1 else ((str(row.attempt), "quiet"),)


def _amount(row: WorkerRow) -> str:
    done = format_bytes(row.done)
    return f"{done} of {format_bytes(row.size)}" if row.size > 0 else f"{done} of an unknown size"
