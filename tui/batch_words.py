"""Batches and disks in words, glyphs and bars. Pure."""

from __future__ import annotations

from core.model import BatchState, BatchView, CampaignView, Counts, JobState
from core.safe_text import safe_text
from core.units import format_bytes, format_count
from tui.keys import key_of
from tui.state import ViewState
from tui.widgets.spans import Line, Span

DONE, PLANNED, FREE = "█", "▒", "·"

_STOPPED = {
    JobState.PAUSED: ("‖", "paused", "warn"),
    JobState.BLOCKED: ("!", "stopped", "bad"),
    JobState.PARTIAL: ("!", "partly failed", "bad"),
    JobState.FAILED: ("✗", "failed", "bad"),
    JobState.CANCELLED: ("–", "cancelled", "warn"),
    JobState.PLANNED: ("?", "plan ready", "warn"),
    JobState.PLANNING: ("◌", "looking at the disk", "key"),
}
_STATES = {
    BatchState.WAITING: ("○", "waiting", "quiet"),
    BatchState.MOVING: ("▶", "moving", "good"),
    BatchState.CHECKING: ("◍", "checking", "key"),
    BatchState.SAFE: ("✓", "safe to remove", "good"),
}


def counts_of(view: ViewState, batch: BatchView) -> Counts | None:
    """The counters of the job that moves it; None while there is none."""
    job = view.job(batch.job) if batch.job else None
    return view.counts(job) if job is not None else None


def share_done(view: ViewState, batch: BatchView) -> float:
    """How much of the batch is on its disk, 0 to 1."""
    if batch.state in (BatchState.SAFE, BatchState.CHECKING):
        return 1.0
    counts = counts_of(view, batch)
    if batch.state is not BatchState.MOVING or counts is None or not batch.bytes:
        return 0.0
    return min(1.0, counts.bytes_done / batch.bytes)


def state_of(view: ViewState, batch: BatchView, is_next: bool) -> tuple[Span, Span]:
    """The glyph and the words of a batch's state."""
    job = view.job(batch.job) if batch.job else None
    if batch.trouble and batch.state is BatchState.SAFE:
        return ("✓", "warn"), ("safe, incomplete", "warn")
    if batch.trouble:
        return ("!", "bad"), ("trouble", "bad")
    if batch.state is BatchState.MOVING and job is not None and job.state in _STOPPED:
        glyph, words, look = _STOPPED[job.state]
        return (glyph, look), (words, look)
    glyph, words, look = _STATES[batch.state]
    if batch.state is BatchState.MOVING:
        words = f"{words} {100 * share_done(view, batch):.0f} %"
    elif batch.state is BatchState.WAITING and is_next:
        glyph, words, look = "◦", "next", "lead"
    return (glyph, look), (words, look)


def next_batch(found: CampaignView) -> BatchView | None:
    """The first that nobody began."""
    return next((batch for batch in found.batches if batch.state is BatchState.WAITING), None)


def disk_bar(batch: BatchView, space: int, done: float, width: int) -> list[Span]:
    """A disk of `space` bytes as `width` cells: what is there, what is still to come, what stays free."""
    filled = min(width, max(1, round(batch.space / space * width))) if space > 0 else width
    there = int(filled * done)
    look = "good" if batch.state is BatchState.SAFE else "bar"
    return [(DONE * there, look), (PLANNED * (filled - there), "quiet"), (FREE * (width - filled), "rule")]


def what_next(view: ViewState, found: CampaignView) -> list[Line]:
    """What the person can do now, in one or two sentences."""
    moving = [batch for batch in found.batches if batch.state in (BatchState.MOVING, BatchState.CHECKING)]
    stuck = next((one for one in found.batches if one.trouble and one.state is not BatchState.SAFE), None)
    waiting = next_batch(found)
    lines: list[Line] = []
    if stuck is not None:
        lines.append(((f" Batch {stuck.number}: ", "bad"), (safe_text(stuck.trouble), "")))
    for batch in moving:
        job = view.job(batch.job)
        if (
            job is not None
            and job.state in (JobState.BLOCKED, JobState.PAUSED, JobState.PARTIAL)
            and job.reason
        ):
            lines.append(((f" Batch {batch.number}: ", "warn"), (safe_text(job.reason), "")))
    safe = [batch for batch in found.batches if batch.state is BatchState.SAFE]
    if waiting is None and not moving and not stuck and found.batches:
        lines.append(((" All batches are on their disks, verified.", "good"),))
    elif waiting is not None and not moving:
        last = max(safe, key=lambda batch: batch.done_at, default=None)
        taken_out: Line = (
            ((f" Disk {safe_text(last.disk, 20)} may be removed. ", "good"),)
            if last is not None and last.disk
            else ()
        )
        need = format_bytes(waiting.space)
        lines.append((*taken_out, (f" A disk with {need} free, then ", ""), (key_of("continue_batch"), "key"),
                      (f" moves batch {waiting.number}.", "")))  # fmt: skip
    elif moving and not lines:
        numbers = ", ".join(str(batch.number) for batch in moving)
        word = "Batch" if len(moving) == 1 else "Batches"
        lines.append(
            (
                (
                    f" {word} {numbers} under way. Leave the disk where it is until it says safe to remove.",
                    "quiet",
                ),
            )
        )
    return lines


def oversized_line(found: CampaignView) -> Line:
    """What no such disk holds, and what would; empty when all fits."""
    total = found.oversized_total
    if not total.count:
        return ()
    word = "file is" if total.count == 1 else "files are"
    return (
        (f" ! {format_count(total.count)} {word} on no disk: ", "bad"),
        (f"{format_bytes(total.bytes)}, ", ""),
        (f"the largest needs {format_bytes(found.would_hold)} free. ", ""),
        (key_of("show_too_large"), "key"),
        (" names them", "quiet"),
    )


def progress_words(found: CampaignView, view: ViewState) -> str:
    """ "2 of 5 safe · 1.2 TiB of 3.1 TiB"."""
    safe = sum(batch.state is BatchState.SAFE for batch in found.batches)
    total = sum(batch.bytes for batch in found.batches)
    done = sum(int(batch.bytes * share_done(view, batch)) for batch in found.batches)
    return f"{safe} of {len(found.batches)} safe · {format_bytes(done)} of {format_bytes(total)}"
