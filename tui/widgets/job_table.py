"""The list of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.model import JobState
from core.units import format_when
from tui.job_words import (
    bytes_of,
    eta_of,
    files_of,
    full_title,
    glyph_of,
    name_of_kind,
    rate_or_word,
    title_of,
    when_of,
)
from tui.keys import key_of
from tui.state import Link, ViewState
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable


class JobRow(NamedTuple):
    """What a line shows, ready made, so that two rows are equal when they look equal."""

    id: int
    glyph: Span
    title: str
    files: str
    bytes: str
    rate: Span
    last: str
    kind: str
    failed: str
    began: str


def row_of(view: ViewState, job_id: int, now: float, *, roomy: bool) -> JobRow:
    """`now` is UTC seconds."""
    job = view.job(job_id)
    if job is None:
        raise KeyError(job_id)
    counts = view.counts(job)
    if view.link is not Link.UP and not job.state.is_final:
        last = "–"
    elif job.state is JobState.RUNNING or job.state is JobState.PLANNING:
        last = eta_of(view.live(job), counts, roomy=roomy)
    elif job.state is JobState.PARTIAL:
        last = f"{key_of('retry_failed')} retry"
    elif job.spec.batches is not None and not job.state.is_final:
        last = "⏎ disks"
    elif job.state is JobState.PLANNED:
        last = "⏎ look"
    elif job.state in (JobState.PAUSED, JobState.BLOCKED):
        last = f"{key_of('toggle_pause')} resume"
    else:
        last = when_of(job.finished, now, roomy=roomy) if job.finished else "–"
    return JobRow(
        id=job.id,
        glyph=glyph_of(view, job),
        title=full_title(job),
        files=files_of(counts, roomy=roomy),
        bytes=bytes_of(counts, roomy=roomy),
        rate=rate_or_word(view, job),
        last=last,
        kind=name_of_kind(job).partition(" ")[0],
        failed=str(counts.files_failed or ""),
        began=format_when(job.started or job.created, now),
    )


class JobTable(LineTable[JobRow]):
    COLUMNS = (
        Column("state", "", 1),
        Column("id", "#", 3, right=True),
        Column("kind", "kind", 7, from_width=118),
        Column("job", "job", 17, grow=1),
        Column("files", "files", 10, right=True, wide=19),
        Column("bytes", "bytes", 13, right=True, wide=18),
        Column("failed", "failed", 6, right=True, from_width=118),
        Column("rate", "rate", 10, right=True),
        Column("began", "began", 16, right=True, from_width=150),
        Column("last", "ETA / end", 10, right=True, wide=17),
    )

    def key_of(self, row: JobRow) -> int:
        return row.id

    def cells(self, row: JobRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return {
            "state": (row.glyph,),
            "id": ((str(row.id), "quiet"),),
            "kind": ((row.kind, "quiet"),),
            "job": ((title_of(row.title, widths["job"]), ""),),
            "files": ((row.files, ""),),
            "bytes": ((row.bytes, ""),),
            "failed": ((row.failed, "warn"),),
            "rate": (row.rate,),
            "began": ((row.began, "quiet"),),
            "last": ((row.last, "quiet"),),
        }


def rows_of(view: ViewState, now: float, wanted: str, *, roomy: bool) -> Sequence[JobRow]:
    """The jobs whose title or state holds `wanted`, newest first."""
    needle = wanted.casefold()
    return tuple(
        row_of(view, job.id, now, roomy=roomy)
        for job in view.jobs
        if not needle or needle in f"{job.id} {full_title(job)} {job.state} {name_of_kind(job)}".casefold()
    )
