"""The top of a job's screens: what it is, how far, how fast, until when."""

from __future__ import annotations

from collections import Counter

from core.model import Counts, JobKind, JobState, JobView, Priority
from core.units import format_bytes, format_count, format_duration, format_rate, short_count
from tui import clock
from tui.job_words import bytes_of, eta_of, state_words, title_of
from tui.keys import key_of
from tui.state import ViewState
from tui.widgets.curve import bar, curve
from tui.widgets.spans import LineWidget, Span, ends, width_of

SECONDS_A_SAMPLE = 0.5
ROOMY = 100  # cells from which an ETA is told as the range that it is


class JobHead(LineWidget):
    """`height` decides how much is drawn: 1 the headline, 2 the bar, 3 and more the curve."""

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self._job_id = job_id
        self._view = ViewState()

    def show(self, view: ViewState) -> None:
        self._view = view
        self.redraw()

    def lines(self, width: int, height: int) -> list[list[Span]]:
        view = self._view
        job = view.job(self._job_id)
        if job is None:
            return [[(f" Job {self._job_id}", "lead"), ("  is not in the journal", "quiet")]]
        lines = [headline(view, job, width), progress_line(view, job, width)]
        if height > len(lines):
            lines += curve_lines(view, job, width, height - len(lines))
        return lines[:height]


def headline(view: ViewState, job: JobView, width: int) -> list[Span]:
    """Job, title, state and clock at the left; rate and ETA at the right."""
    counts, progress = view.counts(job), view.live(job)
    right: list[Span] = []
    if job.state is JobState.RUNNING and progress is not None:
        right += [
            (format_rate(progress.rate), "lead"),
            ("  ETA ", "quiet"),
            (eta_of(progress, counts, roomy=width >= ROOMY), ""),
        ]
    at_work = format_duration(view.running_seconds(job, clock.monotonic()))
    state = [("   ", ""), *state_words(view, job), (f" {at_work}", "quiet")]
    right.append((" ", ""))
    number: list[Span] = [(f" Job {job.id}  ", "lead")]
    room = max(12, width - width_of([*number, *state, *right]) - 2)
    return ends([*number, (title_of(job.title, room), ""), *state], right, width)


def progress_line(view: ViewState, job: JobView, width: int) -> list[Span]:
    """The bar and the counters. A total that still grows has an open end and no percentage."""
    counts = view.counts(job)
    if job.state is JobState.PLANNING:
        return listing_line(counts, width)
    if counts.to_delete and _is_deleting(job, counts):
        return deletion_line(counts, width)
    right: list[Span] = [("  ", ""), (bytes_of(counts, roomy=True), ""), ("   ", "")]
    if counts.files_unsized:
        right[-1:] = [(f", {short_count(counts.files_unsized)} of unknown size  ", "warn")]
    left_over = max(0, counts.files_total - counts.files_done - counts.files_failed)
    done = " equal  " if job.spec.kind is JobKind.VERIFY else " done  "
    right += [(format_count(counts.files_done), ""), (done, "quiet")]
    right += [
        (format_count(counts.files_failed), "bad" if counts.files_failed else "quiet"),
        (" failed  ", "quiet"),
    ]
    at_least = "≥ " if counts.listing else ""
    right += [(f"{at_least}{format_count(left_over)}", ""), (" left ", "quiet")]
    if counts.to_delete:
        right += [
            (f" {format_count(counts.deleted)}/{format_count(counts.to_delete)}", ""),
            (" deleted ", "quiet"),
        ]
    room = max(8, width - width_of(right) - 1)
    filled, rest = bar(counts.bytes_done, counts.bytes_total, room)
    if counts.files_unsized:
        filled, rest = "", "┈" * room  # a share of an unknown whole is none
    elif counts.listing:
        rest = "┈" * len(rest)
    look = "good" if job.state is JobState.COMPLETED else "bar"
    return [(" ", ""), (filled, look), (rest, "rest"), *right]


def listing_line(counts: Counts, width: int) -> list[Span]:
    """What the listing has found: a number that grows. An earlier listing of the same places says how many
    there may be, and still makes no percentage of it."""
    about = f" of about {format_count(counts.expected)}" if counts.expected > counts.listed else ""
    words: list[Span] = [(f"≥ {format_count(counts.listed)}{about}", ""), (" files, still listing", "quiet")]
    right: list[Span] = [("  ", ""), *words, (" ", "")]
    return [(" ", ""), ("┈" * max(0, width - width_of(right) - 1), "rest"), *right]


def deletion_line(counts: Counts, width: int) -> list[Span]:
    """The bar of the deletions, which come when everything is copied."""
    right: list[Span] = [("  ", ""), (f"{format_count(counts.deleted)}/{format_count(counts.to_delete)}", "")]
    right += [(" deleted   ", "quiet"), (format_count(counts.files_done), ""), (" done ", "quiet")]
    filled, rest = bar(counts.deleted, counts.to_delete, max(8, width - width_of(right) - 1))
    return [(" ", ""), (filled, "bad"), (rest, "rest"), *right]


def _is_deleting(job: JobView, counts: Counts) -> bool:
    """Whether everything has been moved and only deletions are left."""
    moved = counts.files_done + counts.files_failed >= counts.files_total
    return job.state is JobState.RUNNING and not counts.listing and moved and counts.deleted < counts.to_delete


def curve_lines(view: ViewState, job: JobView, width: int, height: int) -> list[list[Span]]:
    """The job's throughput, newest at the right, and what its workers are at."""
    rates = view.job_rates.get(job.id, ())
    if not rates:
        return []
    room = max(20, min(len(rates), width // 2) if width < 100 else width * 3 // 5)
    drawn = curve(rates, room, height)
    minutes = len(rates) * SECONDS_A_SAMPLE / 60
    span = f"last {minutes:.0f} min" if minutes >= 1.5 else f"last {int(minutes * 60)} s"
    words: list[Span] = [(f"  {span}", "quiet"), ("  peak ", "quiet"), (format_rate(max(rates, default=0)), "")]
    lines: list[list[Span]] = [[(" ", ""), (text, "bar")] for text in drawn]
    phases = phase_words(view, job)
    if height > 1:
        lines[-2] += [("  ", ""), *phases]
        lines[-1] += words
    else:
        lines[-1] += [*words, ("  ", ""), *phases]
    return lines


def phase_words(view: ViewState, job: JobView) -> list[Span]:
    """ "18 moving · 3 waiting", from the worker rows."""
    if view.live(job) is None:
        return []
    phases = Counter(worker.phase for worker in view.workers if worker.job == job.id and worker.phase != "idle")
    spans: list[Span] = []
    for phase, count in phases.most_common():
        if spans:
            spans.append((" · ", "rule"))
        spans.append((f"{count} {phase}", "warn" if phase == "waiting" else "quiet"))
    return spans


def settings_line(view: ViewState, job: JobView) -> list[Span]:
    """Workers, connections per file and the limit, each with the keys that change it."""
    progress = view.progress.get(job.id)
    options = job.spec.options
    workers = progress.workers_wanted if progress is not None else options.workers
    connections = progress.connections_wanted if progress is not None else options.connections
    limit = progress.bandwidth if progress is not None else options.bandwidth
    return [
        ("workers ", "quiet"),
        (str(workers) if workers else "by measuring", ""),
        (f" {key_of('more_workers')} {key_of('fewer_workers')}", "key"),
        ("   per file ", "quiet"),
        (str(connections) if connections else "by measuring", ""),
        (f" {key_of('fewer_connections')} {key_of('more_connections')}", "key"),
        ("   limit ", "quiet"),
        (f"{format_bytes(limit)}/s" if limit else "none", ""),
        *([(" by the clock", "quiet")] if options.timetable else []),
        (f" {key_of('tune_bandwidth')}", "key"),
        *_priority_words(options.priority),
    ]


def _priority_words(priority: Priority) -> list[Span]:
    if priority is Priority.NORMAL:
        return []
    return [("   goes ", "quiet"), (str(priority), ""), (f" {key_of('next_priority')}", "key")]
