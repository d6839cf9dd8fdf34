"""A job, its workers and its end in words for a terminal or a pipe. Pure; all text is made safe here."""

from __future__ import annotations

from typing import NamedTuple

from core.model import Counts, JobKind, JobProgress, JobState, JobView, PairResult, WorkerView
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
        return f"job {job.id} planning: {listed(counts)} · {_to_do(counts)} to do"
    done = "compared" if job.spec.kind is JobKind.VERIFY else "files"
    words = [f"job {job.id} {STATE_WORDS[state]}: {files(counts)} {done}", moved(counts)]
    if progress is not None and state is JobState.RUNNING:
        words.append(format_rate(progress.rate))
        words.extend(_time_left(progress, counts))
    if counts.to_delete:
        done, all_ = format_count(counts.deleted), f"{_at_least(counts)}{format_count(counts.to_delete)}"
        words.append(f"{done}/{all_} deleted")
    if counts.files_failed:
        words.append(f"{format_count(counts.files_failed)} failed")
    if counts.retries:
        words.append(f"{format_count(counts.retries)} retries")
    if progress is not None and progress.waiting:
        words.append(safe_text(progress.waiting, 100))
    return " · ".join(words)


def listed(counts: Counts) -> str:
    """ "≥ 120 000 files, still listing", "≥ 120 000 of about 1 200 000 files, still listing" where an earlier
    listing of the same places is known, and "1 204 331 files" once it is complete. Never a percentage."""
    seen = format_count(counts.listed)
    if not counts.listing:
        return f"{seen} files"
    about = f" of about {format_count(counts.expected)}" if counts.expected > counts.listed else ""
    return f"≥ {seen}{about} files, still listing"


def slow_line(progress: JobProgress | None) -> str:
    """ "slow because of the server: 71 % of the time …"; empty when nothing stands out."""
    if progress is None or not progress.bottleneck:
        return ""
    return f"held up by {safe_text(progress.bottleneck, 160)}"


def files(counts: Counts) -> str:
    """ "312/5 040", with ≥ while the listing goes on."""
    return f"{format_count(counts.files_done)}/{_at_least(counts)}{format_count(counts.files_total)}"


def moved(counts: Counts) -> str:
    """ "1.0 GiB/4.0 GiB", with ≥ where more may come, and of how many files nobody knows how much."""
    more = "≥" if counts.listing or counts.files_unsized else ""
    text = f"{format_bytes(counts.bytes_done)}/{more}{format_bytes(counts.bytes_total)}"
    return text + (f" ({format_count(counts.files_unsized)} of unknown size)" if counts.files_unsized else "")


def worker_line(worker: WorkerView, width: int) -> str:
    """One worker in at most `width` cells: what, which part, bar, rate, tries."""
    share = min(1.0, worker.done / worker.size) if worker.size > 0 else 0.0
    bar = "█" * int(share * _BAR)
    part = f"{worker.part}/{worker.parts}" if worker.part else ""
    far = f"{bar:·<{_BAR}} {share:>4.0%}"
    if worker.size < 0:  # nobody knows of how much: what came, and no share
        far = f"{format_bytes(worker.done):>{_BAR + 5}}"
    facts = f"{part:>9} {far} {format_rate(worker.rate):>10}"
    if worker.attempt > 1:
        facts += f" try {worker.attempt}"
    if worker.phase not in ("moving", "idle"):
        facts += f" {worker.phase}"
    if worker.note:
        facts += f" {safe_text(worker.note, 40)}"
    room = width - cell_width(facts) - 6
    if room < 8:  # too narrow for everything: the name and the share
        facts, room = f"{share:>4.0%}" if worker.size >= 0 else "   ?", width - 11
    name = safe_text(worker.key, max(1, room))
    return f"{worker.index + 1:>3}  {name}{' ' * max(0, room - cell_width(name))} {facts}"


class Marks(NamedTuple):
    """The signs of the summary's counts."""

    success: str
    skipped: str
    failed: str
    dash: str
    arrow: str


MARKS = Marks("✓", "⊘", "✗", "—", "→")
ASCII_MARKS = Marks("+", "o", "x", "-", "->")


def marks_for(encoding: str | None) -> Marks:
    """Those that a stream of this encoding can carry."""
    try:
        "".join(MARKS).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII_MARKS
    return MARKS


def summary_lines(job: JobView, marks: Marks = MARKS) -> list[str]:
    """A line for each pair when there are several, and the total as the last one."""
    lines = [_pair_line(each, marks) for each in job.results] if len(job.results) > 1 else []
    return [*lines, summary_line(job, marks)]


def _pair_line(result: PairResult, marks: Marks) -> str:
    total = result.done.count + result.skipped.count + result.failed.count
    counts = _counted(marks, result.done.count, result.skipped.count, result.failed.count, total)
    where = f"{safe_text(str(result.source), 60)} {marks.arrow} {safe_text(str(result.target), 60)}"
    deleted = f", deleted {result.deleted}" if result.deleted else ""
    return f"  {where}: {counts} {marks.dash} {format_bytes(result.done.bytes)}{deleted}"


def _counted(marks: Marks, success: int, skipped: int, failed: int, total: int) -> str:
    return (
        f"{marks.success} Success {success} / {marks.skipped} Skipped {skipped} / "
        f"{marks.failed} Failed {failed} / Total {total}"
    )


def summary_line(job: JobView, marks: Marks = MARKS) -> str:
    """ "✓ Success 5012 / ⊘ Skipped 3 / ✗ Failed 0 / Total 5015 — 1.2 GiB in 00:00:12 (102 MiB/s), verified: …".

    The words of the counts are a promise to scripts."""
    counts = job.counts
    text = f"{_counted(marks, *totals(counts))} {marks.dash} "
    text += f"{format_bytes(counts.bytes_done)} in {format_duration(job.active_seconds)}"
    if counts.bytes_done and job.active_seconds >= 1:
        text += f" ({format_rate(counts.bytes_done / job.active_seconds)})"
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
    """The fields of the JSON summary, in their order; of several pairs, each one in `pairs` as well."""
    success, skipped, failed, total = totals(job.counts)
    fields: dict[str, object] = {
        "job": job.id,
        "success": success,
        "skipped": skipped,
        "failed": failed,
        "total": total,
        "bytes": job.counts.bytes_done,
        "seconds": round(job.active_seconds, 3),
    }
    fields |= _drift(job.counts)
    if len(job.results) > 1:
        fields["pairs"] = [result_fields(each) for each in job.results]
    return fields


def result_fields(result: PairResult) -> dict[str, object]:
    """One pair of the summary, with the words of the whole."""
    done, skipped, failed = result.done.count, result.skipped.count, result.failed.count
    return {
        "source": str(result.source),
        "target": str(result.target),
        "success": done,
        "skipped": skipped,
        "failed": failed,
        "total": done + skipped + failed,
        "bytes": result.done.bytes,
        "deleted": result.deleted,
    }


def _drift(counts: Counts) -> dict[str, object]:
    """Only where the source was found to have changed: scripts read the other fields as they are."""
    drift = counts.drift
    if drift is None or not (drift.added or drift.changed or drift.gone):
        return {}
    return {"drift": {"new": drift.added, "changed": drift.changed, "gone": drift.gone}}


def _to_do(counts: Counts) -> str:
    more = "≥ " if counts.listing else ""
    size = f"{'≥ ' if counts.files_unsized else more}{format_bytes(counts.bytes_total)}"
    if counts.files_unsized and not counts.bytes_total:
        size = "size not known beforehand"
    return f"{more}{format_count(counts.files_total)} files, {size}"


def _at_least(counts: Counts) -> str:
    return "≥" if counts.listing else ""


def _time_left(progress: JobProgress, counts: Counts) -> list[str]:
    low, high = progress.eta_low, progress.eta_high
    open_end = counts.listing or counts.files_unsized > 0
    if max(low, high) < 0 or (open_end and low < 1):  # "at least nothing" says nothing
        return ["listing"] if counts.listing else []
    if open_end:
        return [f"≥ {format_eta(max(low, 0))} left"]
    if low < 0 or high < 0 or format_eta(low) == format_eta(high):
        return [f"{format_eta(max(low, high))} left"]
    return [f"{format_eta(low)} – {format_eta(high)} left"]
