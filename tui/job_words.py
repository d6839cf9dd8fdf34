"""How a job is put into a few words and glyphs. Pure; every number goes through `core.units`."""

from __future__ import annotations

from core.model import Counts, JobKind, JobProgress, JobState, JobView
from core.safe_text import cell_width, safe_text
from core.units import format_bytes, format_count, format_eta, format_rate, format_when, short_count
from tui.names import short_name
from tui.state import Link, ViewState
from tui.widgets.spans import Line, Span

ARROW = " → "

GLYPHS: dict[JobState, Span] = {
    JobState.PLANNING: ("◌", "key"),
    JobState.PLANNED: ("?", "warn"),
    JobState.RUNNING: ("▶", "good"),
    JobState.PAUSED: ("‖", "warn"),
    JobState.BLOCKED: ("!", "bad"),
    JobState.COMPLETED: ("✓", "good"),
    JobState.PARTIAL: ("!", "warn"),
    JobState.FAILED: ("✗", "bad"),
    JobState.CANCELLED: ("–", "quiet"),
}

WORDS: dict[JobState, str] = {
    JobState.PLANNING: "planning",
    JobState.PLANNED: "plan ready",
    JobState.RUNNING: "running",
    JobState.PAUSED: "paused",
    JobState.BLOCKED: "blocked",
    JobState.COMPLETED: "done",
    JobState.PARTIAL: "partly failed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


def glyph_of(view: ViewState, job: JobView) -> Span:
    """The sign of a job's state; an engine that is away makes everything unfinished uncertain."""
    if view.link is not Link.UP and not job.state.is_final:
        return ("○", "quiet")
    if is_between_disks(job):
        return ("▤", "key")
    return GLYPHS[job.state]


def name_of_kind(job: JobView) -> str:
    """What kind of job it is: "copy", "batches", "batch 2 of job 12"."""
    if job.spec.batches is not None:
        return "batches"
    return f"batch {job.spec.batch}" if job.spec.batch_of else str(job.spec.kind)


def is_between_disks(job: JobView) -> bool:
    """Whether it is a job in batches that waits for the next disk, or for one under way."""
    return job.spec.batches is not None and job.state in (JobState.PLANNED, JobState.PAUSED)


def full_title(job: JobView) -> str:
    """The job's title; a batch says of what it is one."""
    if not job.spec.batch_of:
        return job.title
    target = job.title.partition(ARROW)[2] or job.title
    word = "check" if job.spec.kind is JobKind.VERIFY else "batch"
    return f"#{job.spec.batch_of} {word} {job.spec.batch}{ARROW}{target}"


def title_of(title: str, width: int) -> str:
    """A job's title in `width` cells; short of room, both sides of the arrow keep a share."""
    source, arrow, target = title.partition(ARROW)
    if not arrow or cell_width(safe_text(title)) <= width:
        return short_name(title, width)
    room = width - len(ARROW)
    right = min(cell_width(safe_text(target)), max(room // 2, room - cell_width(safe_text(source))))
    return f"{short_name(source, max(1, room - right))}{ARROW}{short_name(target, max(1, right))}"


def files_of(counts: Counts, *, roomy: bool) -> str:
    """ "312/5 040", or "41k/≥1.2M" while the listing goes on and where room is short."""
    number = format_count if roomy or counts.files_total < 10_000 else short_count
    if not counts.files_total and not counts.listing:
        return "–"
    at_least = "≥" if counts.listing else ""
    if counts.files_done >= counts.files_total and not counts.listing:
        return format_count(counts.files_total)
    return f"{number(counts.files_done)}/{at_least}{number(counts.files_total)}"


def bytes_of(counts: Counts, *, roomy: bool) -> str:
    """ "812 GiB/≥31 TiB", "0.8/≥31 TiB" where room is short, or one number when all is moved."""
    if not counts.bytes_total and not counts.listing:
        return "?" if counts.files_unsized else "–"
    total = format_bytes(counts.bytes_total)
    if counts.bytes_done >= counts.bytes_total and not counts.listing and not counts.files_unsized:
        return total
    at_least = "≥" if counts.listing or counts.files_unsized else ""
    done = format_bytes(counts.bytes_done)
    number, _, unit = done.partition(" ")
    if total.endswith(f" {unit}") or not counts.bytes_done:
        done = number
    elif not roomy:
        done = in_unit_of(counts.bytes_done, counts.bytes_total)
    return f"{done}/{at_least}{total}"


def in_unit_of(part: int, whole: int) -> str:
    """`part` as a number in the unit that `whole` is written in: "0.8", or "<0.1" when that would say 0."""
    unit = 1
    while unit * 1024 <= whole:
        unit *= 1024
    value = part / unit
    return f"{value:.1f}" if value >= 0.05 else "<0.1"


def eta_of(progress: JobProgress | None, counts: Counts, *, roomy: bool) -> str:
    """ "1 h 20", "1 h 20 – 1 h 40", "≥ 2 h", "listing", or "–"; short of room, a range is "~ 1 h 30"."""
    if progress is None:
        return "–"
    low, high = progress.eta_low, progress.eta_high
    if counts.files_unsized and not counts.listing:
        return "unknown" if roomy else "?"
    if low < 0 and high < 0:
        return "listing" if counts.listing else "–"
    if counts.listing:
        return f"≥ {_eta(max(low, 0))}"
    if low < 0 or high < 0 or _eta(low) == _eta(high):
        return _eta(max(low, high))
    least, most = _about(low), _about(high)
    return f"{least} – {most}" if roomy and least != most else f"~ {_about((low + high) / 2)}"


def _about(seconds: float) -> str:
    """As `_eta` without the seconds beside minutes: an end of a range is not known to the second."""
    return _eta(round(seconds / 60) * 60 if seconds >= 60 else seconds)


def _eta(seconds: float) -> str:
    """As `format_eta`, "1 h 20" for "1 h 20 min", seconds left out beside minutes."""
    words = format_eta(round(seconds / 60) * 60 if seconds >= 600 else seconds)
    return words.removesuffix(" min") if " h " in words else words


def when_of(moment: float, now: float, *, roomy: bool) -> str:
    """The time today, the date before; both where there is room."""
    words = format_when(moment, now)
    return words if roomy or len(words) <= 10 else words[:10]


def rate_or_word(view: ViewState, job: JobView) -> Span:
    """What the rate column says: a rate only while bytes can move, else the state in a word."""
    counts = view.counts(job)
    if view.link is not Link.UP and not job.state.is_final:
        return ("no engine", "quiet")
    if is_between_disks(job):
        return ("batches", "key")
    match job.state:
        case JobState.RUNNING:
            progress = view.live(job)
            if progress is not None and progress.waiting:
                return ("waiting", "warn")
            return (format_rate(progress.rate), "lead") if progress is not None else ("running", "")
        case JobState.PLANNING:
            return ("planning", "key")
        case JobState.PARTIAL:
            word = "differ" if job.spec.kind is JobKind.VERIFY else "failed"
            return (f"{short_count(counts.files_failed)} {word}", "warn")
        case JobState.COMPLETED:
            return ("verified" if is_verified(job) else "done", "good")
        case _:
            return (WORDS[job.state], GLYPHS[job.state][1])


def is_verified(job: JobView) -> bool:
    """Whether every item that was moved was checked by more than its size."""
    return bool(job.proofs) and all(how not in ("", "size only") for how, _ in job.proofs)


def state_words(view: ViewState, job: JobView) -> Line:
    glyph, look = glyph_of(view, job)
    word = "not running: engine away" if glyph == "○" else WORDS[job.state]
    return ((f"{glyph} ", look), (word, look))


def why(view: ViewState, job: JobView, width: int) -> Line:
    """The reason of a job's state and the way out, for one line; empty when there is nothing to say."""
    progress = view.live(job)
    if progress is not None and progress.waiting:
        return ((safe_text(progress.waiting, width), "warn"),)
    if progress is not None and progress.bottleneck and job.state is JobState.RUNNING:
        return (("held up by ", "quiet"), (safe_text(progress.bottleneck, width - 11), ""))
    if not job.reason:
        return ()
    reason = safe_text(job.reason, width)
    look = "bad" if job.state in (JobState.BLOCKED, JobState.FAILED) else "warn"
    return ((reason, look), ("  ", ""), (safe_text(job.hint), "quiet")) if job.hint else ((reason, look),)


def hosts_line(view: ViewState, job: JobView, width: int) -> Line:
    """Which hosts sent how much, where it is more than one; for one line."""
    progress = view.live(job)
    if progress is None or len(progress.hosts) < 2:
        return ()
    spans: list[Span] = [("from ", "quiet")]
    used = 5
    for position, (host, size) in enumerate(sorted(progress.hosts, key=lambda one: -one[1])):
        name, amount = safe_text(host, 40), format_bytes(size)
        used += cell_width(name) + len(amount) + 4
        if used > width - 8:
            spans.append((f" · {len(progress.hosts) - position} more", "quiet"))
            break
        spans += [(" · " if position else "", "rule"), (f"{name} ", ""), (amount, "lead")]
    return tuple(spans)


def proofs_of(job: JobView) -> str:
    """ "etag-md5 41 022 · size only 3"."""
    return " · ".join(f"{safe_text(how) or 'not checked'} {format_count(count)}" for how, count in job.proofs)
