"""Batches and disks as people read them and as scripts read them."""

from __future__ import annotations

from core.messages import DiskFiles
from core.model import Analysis, BatchState, BatchView, CampaignView, DiskFile, KnownDisk, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.cli.output import Output, iso

OVERSIZED_SHOWN = 10
_STATES = {
    BatchState.WAITING: "not begun",
    BatchState.MOVING: "being moved",
    BatchState.CHECKING: "being read back",
    BatchState.SAFE: "safe",
}


def print_batches(output: Output, view: CampaignView) -> None:
    """A row for each batch, what fits no disk and what would hold it."""
    if output.json:
        _record_batches(output, view)
        return
    output.table(
        ("batch", "files", "size", "on disk", "state", "disk", "at"),
        [
            (
                str(batch.number),
                format_count(batch.files),
                format_bytes(batch.bytes),
                format_bytes(batch.space),
                _STATES[batch.state] + (" !" if batch.trouble else ""),
                safe_text(batch.disk),
                safe_text(batch.target),
            )
            for batch in view.batches
        ],
        right=frozenset({0, 1, 2, 3}),
    )
    for batch in view.batches:
        if batch.trouble:
            output.line(f"batch {batch.number}: {safe_text(batch.trouble)}")
    total = view.oversized_total
    if total.count:
        output.line(
            f"{_tally(total)} too large for a disk of {format_bytes(view.ask.space)}; one of "
            f"{format_bytes(view.would_hold)} would hold the largest:"
        )
        for name, size in view.oversized[:OVERSIZED_SHOWN]:
            output.line(f"  {format_bytes(size)}  {safe_text(name)}")
        if total.count > OVERSIZED_SHOWN:
            output.line(f"  … and {format_count(total.count - OVERSIZED_SHOWN)} more")
    if view.unplaced.count:
        output.line(f"{_tally(view.unplaced)} cannot be copied at all: haulier show {view.job.id} --files")


def _tally(tally: Tally) -> str:
    files = "file" if tally.count == 1 else "files"
    return f"{format_count(tally.count)} {files} ({format_bytes(tally.bytes)})"


def _record_batches(output: Output, view: CampaignView) -> None:
    for batch in view.batches:
        output.record("batch", **batch_fields(view.job.id, batch))
    for name, size in view.oversized:
        output.record("oversized", name=name, size=size)
    output.record(
        "batches",
        job=view.job.id,
        state=str(view.job.state),
        reason=view.job.reason,
        count=len(view.batches),
        files=sum(batch.files for batch in view.batches),
        bytes=sum(batch.bytes for batch in view.batches),
        oversized={"count": view.oversized_total.count, "bytes": view.oversized_total.bytes},
        impossible={"count": view.unplaced.count, "bytes": view.unplaced.bytes},
        would_hold=view.would_hold,
    )


def batch_fields(job: int, batch: BatchView) -> dict[str, object]:
    return {
        "job": job,
        "number": batch.number,
        "state": str(batch.state),
        "files": batch.files,
        "bytes": batch.bytes,
        "space": batch.space,
        "first": batch.first,
        "last": batch.last,
        "mover": batch.job,
        "disk": batch.disk,
        "target": batch.target,
        "done_at": iso(batch.done_at),
        "trouble": batch.trouble,
    }


def print_files(output: Output, page: DiskFiles) -> None:
    """A page of files with where they are."""
    for file in page.files:
        if output.json:
            output.record("file", **_file_fields(file))
        else:
            batch = f"batch {file.batch}" if file.batch else "no batch"
            where = f"disk {safe_text(file.disk)}" if file.disk else "on no disk yet"
            output.line(f"{where:15}  {batch:9}  {format_bytes(file.size):>10}  {safe_text(file.name)}")


def _file_fields(file: DiskFile) -> dict[str, object]:
    return {
        "name": file.name,
        "size": file.size,
        "job": file.job,
        "batch": file.batch,
        "state": str(file.state),
        "disk": file.disk,
        "digest": file.digest,
    }


def print_disks(output: Output, disks: tuple[KnownDisk, ...]) -> None:
    if output.json:
        for disk in disks:
            output.record(
                "disk",
                id=disk.id,
                label=disk.label,
                path=disk.last_path,
                last_seen=iso(disk.last_seen),
                verified_at=iso(disk.verified_at),
                total=disk.total,
                files=disk.files,
                bytes=disk.bytes,
                holds=[{"job": job, "batch": batch} for job, batch in disk.holds],
            )
        return
    output.table(
        ("disk", "files", "size", "verified", "last seen", "at", "label"),
        [
            (
                safe_text(disk.id),
                format_count(disk.files),
                format_bytes(disk.bytes),
                iso(disk.verified_at) or "never alone",
                iso(disk.last_seen),
                safe_text(disk.last_path),
                safe_text(disk.label),
            )
            for disk in disks
        ],
        right=frozenset({1, 2}),
    )


def print_analysis(output: Output, found: Analysis) -> None:
    """How much is there, in which sizes, and where."""
    if output.json:
        output.record(
            "analysis",
            count=found.total.count,
            bytes=found.total.bytes,
            unsized=found.unsized,
            complete=found.complete,
            histogram=[
                {"below": bound or None, "count": tally.count, "bytes": tally.bytes}
                for bound, tally in found.histogram
            ],
            largest=[{"key": entry.key, "size": entry.size} for entry in found.largest],
            folders=[
                {"name": name, "count": tally.count, "bytes": tally.bytes} for name, tally in found.folders
            ],
            folders_left_out=found.folders_left_out,
            unlistable=found.unlistable,
        )
        return
    output.line(_tally(found.total) + ("" if found.complete else ", and more: not looked at to the end"))
    if found.unsized:
        output.line(f"{format_count(found.unsized)} of unknown size")
    if found.unlistable:
        output.line(f"{format_count(found.unlistable)} cannot be read")
        for name, why in found.unlistable_examples:
            output.line(f"  {safe_text(name)}: {safe_text(why)}")
    output.line("\nby size")
    output.table(
        ("", "files", "size"),
        [
            (
                f"below {format_bytes(bound)}" if bound else "larger",
                format_count(t.count),
                format_bytes(t.bytes),
            )
            for bound, t in found.histogram
            if t.count
        ],
        right=frozenset({1, 2}),
    )
    if found.folders:
        output.line("\nby folder")
        rows = [(safe_text(n), format_count(t.count), format_bytes(t.bytes)) for n, t in found.folders]
        output.table(("", "files", "size"), rows, right=frozenset({1, 2}))
        if found.folders_left_out:
            output.line(f"… and {format_count(found.folders_left_out)} more")
    if found.largest:
        output.line("\nlargest")
        for entry in found.largest:
            output.line(f"  {format_bytes(entry.size):>10}  {safe_text(entry.key)}")
