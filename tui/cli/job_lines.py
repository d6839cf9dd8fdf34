"""A job, its workers and its end in words for a terminal or a pipe. Pure; all text is made safe here."""

from __future__ import annotations

from core.model import Counts, JobProgress, JobState, JobView, WorkerView
from core.safe_text import cell_width, safe_text
from core.units import format_bytes, format_count, format_duration, format_eta, format_rate

STATE_WORDS = {
    JobState.PLANNING: "planning",
    JobState.PLANNED: "waits for a start",
    JobState.RUNNING: "running",
    JobState.PAUSED: "paused",
    JobState.BLOCKED: "blocked",
    JobState.COMPLETED: "done",
    JobState.PARTIAL: "partly failed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}
_BAR = 12  # cells


def progress_line(job: JobView, progress: JobProgress | None) -> str:
    """The job in one line: state, files, bytes, rate, time left, trouble."""
    counts = progress.counts if progress is not None else job.counts
    state = progress.state if progress is not None else job.state
    if state is JobState.PLANNING:
        return f"job {job.id} planning: {format_count(counts.listed)} listed, {_to_do(counts)} to do"
    words = [f"job {job.id} {STATE_WORDS[state]}: {files(counts)} files", moved(counts)]
    if progress is not None and state is JobState.RUNNING:
        words.append(format_rate(progress.rate))
        words.extend(_time_left(progress, counts))
    if counts.to_delete:
        words.append(f"{format_count(counts.deleted)}/{format_count(counts.to_delete)} deleted")
    if counts.files_failed:
        words.append(f"{format_count(counts.files_failed)} failed")
    if counts.retries:
        words.append(f"{format_count(counts.retries)} retries")
    if progress is not None and progress.waiting:
        words.append(safe_text(progress.waiting, 100))
    return " · ".join(words)


def files(counts: Counts) -> str:
    """ "312/5 040", with ≥ while the listing goes on."""
    return f"{format_count(counts.files_done)}/{_at_least(counts)}{format_count(counts.files_total)}"


def moved(counts: Counts) -> str:
    return f"{format_bytes(counts.bytes_done)}/{_at_least(counts)}{format_bytes(counts.bytes_total)}"


def worker_line(worker: WorkerView, width: int) -> str:
    """One worker in at most `width` cells: what, which part, bar, rate, tries."""
    share = min(1.0, worker.done / worker.size) if worker.size else 0.0
    bar = "█" * int(share * _BAR)
    part = f"{worker.part}/{worker.parts}" if worker.part else ""
    facts = f"{part:>9} {bar:·<{_BAR}} {share:>4.0%} {format_rate(worker.rate):>10}"
    if worker.attempt > 1:
        facts += f" try {worker.attempt}"
    if worker.phase not in ("moving", "idle"):
        facts += f" {worker.phase}"
    if worker.note:
        facts += f" {safe_text(worker.note, 40)}"
    room = width - cell_width(facts) - 6
    if room < 8:  # too narrow for everything: the name and the share
        facts, room = f"{share:>4.0%}", width - 11
    name = safe_text(worker.key, max(1, room))
    return f"{worker.index + 1:>3}  {name}{' ' * max(0, room - cell_width(name))} {facts}"


def summary_line(job: JobView) -> str:
    """ "✓ Success 5012 / ⊘ Skipped 3 / ✗ Failed 0 / Total 5015 — 1.2 GiB in 00:00:12, verified: etag-md5 5012".

    The words of the counts are a promise to scripts."""
    counts = job.counts
    success, skipped, failed, total = totals(counts)
    text = f"✓ Success {success} / ⊘ Skipped {skipped} / ✗ Failed {failed} / Total {total}"
    text += f" — {format_bytes(counts.bytes_done)} in {format_duration(job.active_seconds)}"
    if counts.to_delete:
        text += f", deleted {counts.deleted} of {counts.to_delete}"
    if job.proofs:
        text += f", verified: {proofs(job)}"
    return text


def proofs(job: JobView) -> str:
    """ "etag-md5 41022, size only 3"."""
    return ", ".join(f"{safe_text(how)} {count}" for how, count in job.proofs)


def totals(counts: Counts) -> tuple[int, int, int, int]:
    """(success, skipped, failed, total) of files; deletions are counted apart."""
    return (
        counts.files_done,
        counts.files_skipped,
        counts.files_failed,
        counts.files_total + counts.files_skipped,
    )


def summary_fields(job: JobView) -> dict[str, object]:
    """The fields of the JSON summary, in their order."""
    success, skipped, failed, total = totals(job.counts)
    return {
        "job": job.id,
        "success": success,
        "skipped": skipped,
        "failed": failed,
        "total": total,
        "bytes": job.counts.bytes_done,
        "seconds": round(job.active_seconds, 3),
    }


def _to_do(counts: Counts) -> str:
    return f"{format_count(counts.files_total)} files, {format_bytes(counts.bytes_total)}"


def _at_least(counts: Counts) -> str:
    return "≥" if counts.listing else ""


def _time_left(progress: JobProgress, counts: Counts) -> list[str]:
    low, high = progress.eta_low, progress.eta_high
    if max(low, high) < 0:
        return ["listing"] if counts.listing else []
    if counts.listing:
        return [f"≥ {format_eta(max(low, 0))} left"]
    if low < 0 or high < 0 or format_eta(low) == format_eta(high):
        return [f"{format_eta(max(low, high))} left"]
    return [f"{format_eta(low)} – {format_eta(high)} left"]
