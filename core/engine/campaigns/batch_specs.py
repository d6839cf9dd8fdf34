"""The jobs that are made for a batch: one copies it to its disk, one reads it back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.engine.campaigns.settling import folders_below
from core.engine.journal.rows import JobRow
from core.model import Compare, JobKind, JobSpec, Pair, Place


def move_spec(campaign: JobRow, batch: int, folder: str, broken_of: int = 0) -> JobSpec:
    """Copies a batch below a disk's folder, or with `broken_of` only what that check found damaged. What is
    there already is compared by content."""
    options = campaign.spec.options
    records = {
        name: _of_batch(text, batch)
        for name in ("csv", "progress_csv", "failed_log")
        if (text := getattr(options, name))
    }
    return JobSpec(
        kind=JobKind.COPY,
        pairs=_pairs(campaign, folder),
        options=msgspec.structs.replace(options, compare=Compare.CHECKSUM, **records),
        adhoc=campaign.spec.adhoc,
        broken_of=broken_of,
        batch_of=campaign.id,
        batch=batch,
    )


def check_spec(campaign: JobRow, batch: int, folder: str) -> JobSpec:
    """Reads the whole batch back from the disk."""
    options = msgspec.structs.replace(
        campaign.spec.options, bandwidth=0, timetable="", csv="", progress_csv="", failed_log=""
    )
    return JobSpec(
        kind=JobKind.VERIFY,
        pairs=_pairs(campaign, folder),
        options=options,
        adhoc=campaign.spec.adhoc,
        extras_ok=True,
        batch_of=campaign.id,
        batch=batch,
    )


def _pairs(campaign: JobRow, folder: str) -> tuple[Pair, ...]:
    return tuple(
        Pair(source=pair.source, target=Place(kind="local", path=f"{folder.rstrip('/')}/{below}"))
        for pair, below in zip(campaign.spec.pairs, folders_below(campaign.routes), strict=True)
    )


def _of_batch(record: str, batch: int) -> str:
    """A record file of its own for each batch: "out.csv" → "out-batch2.csv"."""
    path = Path(record)
    return str(path.with_name(f"{path.stem}-batch{batch}{path.suffix}"))
