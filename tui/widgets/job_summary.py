"""A job on paper: what was asked for, what the plan says, what came of it and how it was verified."""

from __future__ import annotations

from core.model import JobOptions, JobState, JobView, PairPlan, PairResult, Tally
from core.safe_text import safe_text
from core.units import format_bytes, format_count, format_eta, format_when
from tui import clock
from tui.deletion_words import undo_words
from tui.job_words import proofs_of
from tui.option_words import option_words
from tui.plan_words import bytes_words
from tui.state import ViewState
from tui.widgets.spans import Line, LineWidget, Span

NAME_WIDTH = 12
PAIRS_SHOWN = 12


def summary(view: ViewState, job: JobView, width: int) -> list[Line]:
    """The lines, for a widget `width` cells wide."""
    lines: list[Line] = []
    deletes = ", and delete what the source does not have" if job.spec.options.delete else ""
    lines.append(_row("asked for", f"{job.spec.kind}{deletes}"))
    side = width // 2 - 8
    for pair in job.spec.pairs[:8]:
        lines.append(_row("", f"{safe_text(str(pair.source), side)} → {safe_text(str(pair.target), side)}"))
    if len(job.spec.pairs) > 8:
        lines.append(_row("", f"and {len(job.spec.pairs) - 8} more", "quiet"))
    if options := option_words(job.spec.options):
        lines.append(_row("options", options))
    lines.append(_row("time", time_words(job, clock.now()), "quiet"))
    if job.reason:
        look = "bad" if job.state in (JobState.FAILED, JobState.BLOCKED) else "warn"
        lines.append(_row("why", safe_text(job.reason, width - NAME_WIDTH - 3), look))
        if job.hint:
            lines.append(_row("", safe_text(job.hint, width - NAME_WIDTH - 3), "quiet"))
    return [*lines, (), *result_lines(view, job, width), (), *plan_lines(job, width)]


def time_words(job: JobView, now: float) -> str:
    """ "made 21:04 · started 21:06 · ended 22:31 · at work 1 h 20 min"."""
    words = [f"made {format_when(job.created, now)}"]
    if job.started:
        words.append(f"started {format_when(job.started, now)}")
    if job.finished:
        words.append(f"ended {format_when(job.finished, now)}")
    if job.active_seconds:
        words.append(f"at work {format_eta(job.active_seconds)}")
    return " · ".join(words)


def plan_lines(job: JobView, width: int) -> list[Line]:
    """The plan's numbers, in total and per pair when there is more than one."""
    plan = job.plan
    if plan is None:
        return [_row("plan", "not made yet", "quiet")]
    head = f"{'objects':>11}  {'bytes':>10}"
    is_open = any(pair.source.kind in ("list", "web") for pair in job.spec.pairs)  # sizes are not told there
    lines: list[Line] = [((f" {'plan':<{NAME_WIDTH}}", "quiet"), (head, "head"))]
    for name, tally, look in (
        ("copy", plan.copy, ""),
        ("overwrite", plan.overwrite, ""),
        ("skip", plan.skip, "quiet"),
        ("DELETE", plan.delete, "bad"),
        ("cannot", plan.cannot, "warn"),
    ):
        if tally.count:
            lines.append(
                _tally_row(
                    name,
                    tally,
                    look,
                    _reasons(
                        plan.skip_reasons if name == "skip" else plan.cannot_reasons if name == "cannot" else ()
                    ),
                    is_open and name in ("copy", "overwrite"),
                )
            )
    if len(lines) == 1:
        lines.append(_row("", "nothing to do: the target has everything", "good"))
    if len(plan.pairs) > 1:
        lines += [_pair_row(pair, width) for pair in plan.pairs[:12]]
    lines += [
        _row("! " + ("plan" if not i else ""), safe_text(text, width - NAME_WIDTH - 3), "warn")
        for i, text in enumerate(plan.warnings)
    ]
    return lines  # fmt: skip


def result_lines(view: ViewState, job: JobView, width: int) -> list[Line]:
    """What came of it so far."""
    counts = view.counts(job)
    lines: list[Line] = [
        (
            (f" {'result':<{NAME_WIDTH}}", "quiet"),
            ("✓ ", "good"),
            (f"{format_count(counts.files_done)} done", ""),
            ("   ⊘ ", "quiet"),
            (f"{format_count(counts.files_skipped)} skipped", ""),
            ("   ✗ ", "bad" if counts.files_failed else "quiet"),
            (f"{format_count(counts.files_failed)} failed", "bad" if counts.files_failed else ""),
            (f"   {format_bytes(counts.bytes_done)}", ""),
        )
    ]
    if counts.to_delete:
        lines.append(_row("", f"{format_count(counts.deleted)} of {format_count(counts.to_delete)} deleted"))
        if job.plan is not None and counts.deleted and job.plan.undo_file:
            lines.append(_row("undo file", safe_text(job.plan.undo_file), "quiet"))
            lines.append(_row("", f"deletions {undo_words(job.plan, job.id)}", "quiet"))
    if counts.retries or counts.throttled:
        lines.append(
            _row(
                "",
                f"{format_count(counts.retries)} retries · {format_count(counts.throttled)} times throttled",
                "quiet",
            )
        )
    if job.active_seconds > 0 and counts.bytes_done:
        lines.append(
            _row("", f"{format_bytes(round(counts.bytes_done / job.active_seconds))}/s on average", "quiet")
        )
    if job.proofs:
        lines.append(_row("verified", proofs_of(job)))
    if len(job.results) > 1:
        lines += [_result_row(each, width) for each in job.results[:PAIRS_SHOWN]]
    if len(job.results) > PAIRS_SHOWN:
        lines.append(_row("", f"and {len(job.results) - PAIRS_SHOWN} more: o shows all", "quiet"))
    for name, path in record_files(job.spec.options):
        lines.append(_row(name, safe_text(path, width - NAME_WIDTH - 3), "quiet"))
    return lines


def record_files(options: JobOptions) -> list[tuple[str, str]]:
    """The files that the job keeps, with what they are."""
    kept = (("log", options.csv), ("folders", options.progress_csv), ("failed log", options.failed_log))
    return [(name, path) for name, path in kept if path]


def _result_row(result: PairResult, width: int) -> Line:
    failed = result.failed.count
    return (
        (f" {'':<{NAME_WIDTH}}", ""),
        ("✓ ", "good"),
        (format_count(result.done.count), ""),
        ("  ⊘ ", "quiet"),
        (format_count(result.skipped.count), ""),
        ("  ✗ ", "bad" if failed else "quiet"),
        (format_count(failed), "bad" if failed else ""),
        (f"  {format_bytes(result.done.bytes)}", ""),
        (
            f"   {safe_text(str(result.source), width // 4)} → {safe_text(str(result.target), width // 4)}",
            "quiet",
        ),
    )


def _row(name: str, text: str, look: str = "") -> Line:
    return ((f" {name:<{NAME_WIDTH}}", "quiet"), (text, look))


def _tally_row(name: str, tally: Tally, look: str, note: str, is_open: bool = False) -> Line:
    numbers = f"{format_count(tally.count):>11}  {bytes_words(tally, is_open):>10}"
    return ((f"   {name:<{NAME_WIDTH - 2}}", look or "quiet"), (numbers, look), (f"   {note}", "quiet"))


def _reasons(reasons: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{format_count(count)} {safe_text(reason, 40)}" for reason, count in reasons[:3])


def _pair_row(pair: PairPlan, width: int) -> Line:
    moved = Tally(count=pair.copy.count + pair.overwrite.count, bytes=pair.copy.bytes + pair.overwrite.bytes)
    where = f"{safe_text(str(pair.source), width // 4)} → {safe_text(str(pair.target), width // 4)}"
    spans: list[Span] = [
        (f"   {'':<{NAME_WIDTH - 2}}", ""),
        (f"{format_count(moved.count):>11}  {format_bytes(moved.bytes):>10}", ""),
        (f"   {where}  {pair.method}", "quiet"),
    ]
    return tuple(spans)


class JobSummary(LineWidget):
    """Scrolls with the container it stands in: it is as high as its lines."""

    def __init__(self, job_id: int) -> None:
        super().__init__()
        self._job_id = job_id
        self._view = ViewState()

    def show(self, view: ViewState) -> None:
        self._view = view
        self.styles.height = max(1, len(self.lines(self.size.width or 80, 0)))
        self.redraw()

    def lines(self, width: int, height: int) -> list[Line]:
        job = self._view.job(self._job_id)
        return summary(self._view, job, width) if job is not None else []
