"""From a frozen plan to batches: what fits one disk together, and what fits none.

Packing reads the items as a stream and notes each one's batch in groups; a last transaction makes the job a
campaign. A kill before that leaves a plan that is packed again, with the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from core.batches.packing import Batch, Capacity, File, Packing, pack
from core.engine.campaigns.words import next_step
from core.engine.journal.campaign_rows import GROUP, OVERSIZED, BatchRow, CampaignRows, PackedItem
from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.moving.ending import RunEnd
from core.model import BatchAsk, JobState, PlanSummary
from core.units import format_bytes, format_count

RECORD = 400  # bytes that a disk's manifest holds about a file, about


def capacity_of(ask: BatchAsk) -> Capacity:
    """What one disk is filled with."""
    return Capacity(int(ask.space * ask.margin), ask.inodes, ask.block, RECORD)


def would_hold(ask: BatchAsk, size: int) -> int:
    """Bytes of space that a disk needs for one file of this size, margin included; 0 for 0."""
    if not size:
        return 0
    needs = capacity_of(ask).on_disk(size) + ask.block  # and its folder
    return int(-(-needs // ask.margin))


def pack_campaign(row: JobRow, ask: BatchAsk, plan: PlanSummary, journal: Journal) -> RunEnd:
    """Packs a planned job, unless it was packed before. Blocks; raises DiskTrouble of the journal."""
    campaigns = journal.campaigns
    if not campaigns.token(row.id):
        campaigns.leave_out_unsized(row.id, "its server does not tell how large it is")
        packing = pack(_files(campaigns.to_pack(row.id)), capacity_of(ask))
        batches = _place(row.id, packing, ask, campaigns)
        largest = max((file.size for file in packing.oversized), default=0)
        campaigns.packed(row.id, _token(row), largest, batches)
    batches = campaigns.batches(row.id)
    left_out = campaigns.failed(row.id)
    if batches:
        what = f"{format_count(len(batches))} batches of up to {format_bytes(ask.space)}"
        return RunEnd(JobState.PLANNED, f"{what}; {next_step(row.id, batches)}", plan=plan)
    if left_out:
        return RunEnd(
            JobState.PARTIAL, f"{format_count(left_out)} files fit no such disk or cannot be copied", plan=plan
        )
    return RunEnd(JobState.COMPLETED, "there is nothing to move", plan=plan)


def _token(row: JobRow) -> str:
    """The same however often it is asked for, and no other campaign's, in whatever journal."""
    return hashlib.sha256(f"{row.id}\0{row.created!r}\0{row.title}".encode()).hexdigest()[:12]


def _files(items: Iterator[PackedItem]) -> Iterator[File]:
    for number, item in enumerate(items):
        path = item.path or item.name
        yield File(number, f"{item.route}/{path.rpartition('/')[0]}", item.size)


def _place(job: int, packing: Packing, ask: BatchAsk, campaigns: CampaignRows) -> list[BatchRow]:
    """Note the batch of every item; returns the batches as they will be stored."""
    runs = sorted((run, number) for number, batch in enumerate(packing.batches, 1) for run in batch.runs)
    blocks = [0] * (len(packing.batches) + 1)  # bytes that the files of each batch take
    ends: list[tuple[str, str]] = [("", "")] * len(blocks)  # names of first and last
    why_not = f"larger than what a disk of {format_bytes(ask.space)} holds"
    capacity = capacity_of(ask)
    group: list[tuple[int, int]] = []
    at = 0
    for number, item in enumerate(campaigns.to_pack(job)):
        while at < len(runs) and runs[at][0].last < number:
            at += 1
        batch = runs[at][1] if at < len(runs) and runs[at][0].first <= number else OVERSIZED
        if batch != OVERSIZED:
            blocks[batch] += capacity.on_disk(item.size)
            ends[batch] = (ends[batch][0] or item.name, item.name)
        group.append((item.id, batch))
        if len(group) == GROUP:
            campaigns.put_into(job, group, why_not)
            group = []
    if group:
        campaigns.put_into(job, group, why_not)
    return [
        _row(number, batch, (batch.space - blocks[number]) // ask.block, ends[number])
        for number, batch in enumerate(packing.batches, 1)
    ]


def _row(number: int, batch: Batch, folders: int, ends: tuple[str, str]) -> BatchRow:
    return BatchRow(number, batch.files, batch.size, batch.space, folders, *ends)
