"""show: how far a job is by folder, and where the time of its workers goes."""

from __future__ import annotations

from core.messages import GetTiming, ListFolders, Timing
from core.model import FolderView, JobView, Probe
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.cli.output import Output
from tui.cli.session import Session

PAGE = 1000


async def print_timing(session: Session, output: Output, job: int, *, in_full: bool) -> None:
    """The bottleneck in one line where there is one; with `in_full` the shares, the workers and the probes.
    JSON has it in full or not at all."""
    if output.json and not in_full:
        return
    timing = await session.call(GetTiming(job=job))
    if output.json:
        output.record("timing", job=job, **timing_fields(timing))
        return
    if timing.bottleneck:
        output.line(f"  held up by {safe_text(timing.bottleneck)}")
    if not in_full:
        return
    if not timing.shares:
        output.say("Nothing of it moves now, so no time is spent.")
        return
    output.line("  time of the workers, last half minute: " + _shares(timing.shares))
    for worker in timing.workers:
        spent = ", ".join(f"{phase} {seconds:g} s" for phase, seconds in worker.seconds)
        output.line(f"  worker {worker.index + 1:>2}: {spent}")
    for probe in timing.probes:
        output.line(f"  {probe_words(probe)}")


def timing_fields(timing: Timing) -> dict[str, object]:
    """As scripts read it; seconds and shares by the names of the phases."""
    return {
        "bottleneck": timing.bottleneck,
        "shares": dict(timing.shares),
        "workers": [{"worker": each.index + 1, "seconds": dict(each.seconds)} for each in timing.workers],
        "probes": [
            {
                "host": each.host,
                "lookup": _known(each.lookup),
                "connect": _known(each.connect),
                "tls": _known(each.tls),
                "error": each.error,
            }
            for each in timing.probes
        ],
    }


def probe_words(probe: Probe) -> str:
    """ "probe of host:443, beside the transfer: name lookup 2 ms, connection 11 ms, TLS 23 ms"."""
    steps = (("name lookup", probe.lookup), ("connection", probe.connect), ("TLS", probe.tls))
    words = [f"{name} {1000 * seconds:.0f} ms" for name, seconds in steps if seconds >= 0]
    if probe.error:
        words.append(safe_text(probe.error))
    return f"probe of {safe_text(probe.host)}, beside the transfer: {', '.join(words)}"


def _shares(shares: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{phase} {100 * share:.0f} %" for phase, share in shares)


def _known(seconds: float) -> float | None:
    return round(seconds, 4) if seconds >= 0 else None


async def print_folders(session: Session, output: Output, job: JobView, pair: int | None, under: str) -> None:
    """One level of folders. `pair` counts from 1 as people do; None: the pairs, or what the only one holds."""
    prefix = f"{under.strip('/')}/" if under.strip("/") else ""
    number = pair - 1 if pair else (0 if prefix and len(job.spec.pairs) == 1 else -1)
    cursor = ""
    at_least = "≥" if job.counts.listing else ""
    rows: list[tuple[str, ...]] = []
    while True:
        page = await session.call(
            ListFolders(job=job.id, pair=number, prefix=prefix, cursor=cursor, limit=PAGE)
        )
        for each in page.folders:
            if output.json:
                output.record("folder", **folder_fields(each))
            else:
                rows.append(_folder_row(each, at_least))
        cursor = page.cursor
        if not cursor:
            break
    if rows:
        output.table(
            ("FOLDER", "FILES", "DONE", "FAILED", "BYTES", "MOVED"), rows, right=frozenset({1, 2, 3, 4, 5})
        )
    elif not output.json:
        output.say(f"Job {job.id} has no files there.")


def folder_fields(folder: FolderView) -> dict[str, object]:
    """A folder as scripts read it; `pair` counts from 1."""
    return {
        "pair": folder.pair + 1,
        "folder": folder.name,
        "prefix": folder.prefix,
        "total_files": folder.files_total,
        "done_files": folder.files_done,
        "failed_files": folder.files_failed,
        "total_bytes": folder.bytes_total,
        "done_bytes": folder.bytes_done,
    }


def _folder_row(folder: FolderView, at_least: str) -> tuple[str, ...]:
    return (
        safe_text(folder.name, 100) or "(files here)",
        f"{at_least}{format_count(folder.files_total)}",
        format_count(folder.files_done),
        format_count(folder.files_failed),
        f"{at_least}{format_bytes(folder.bytes_total)}",
        format_bytes(folder.bytes_done),
    )
