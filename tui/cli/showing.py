"""What a followed job looks like: live lines on a terminal, a line now and then in a pipe, JSON, or nothing."""

from __future__ import annotations

import time
from typing import Protocol

from core.messages import Progress
from core.model import JobProgress, JobState, JobView, Level, Notice, WorkerView
from core.safe_text import safe_text
from tui.cli import job_lines
from tui.cli.live import LiveBlock, plain
from tui.cli.output import Output, iso

LIVE_RATE = 4.0  # frames a second
PLAIN_SECONDS = 5.0  # between two lines in a pipe
JSON_RATE = 1.0  # progress objects a second


class Showing(Protocol):
    """Takes what happens to one job. `rate`: wished progress messages a second."""

    rate: float

    def job(self, job: JobView) -> None: ...

    def progress(self, job: JobView, progress: Progress) -> None: ...

    def notice(self, notice: Notice) -> None: ...

    def message(self, text: str) -> None: ...

    def rest(self) -> None:
        """Following ends, perhaps for a while: leave the terminal as it was."""
        ...


def showing_for(output: Output) -> Showing:
    """The fitting one for where the output goes."""
    if output.json:
        return JsonShowing(output)
    if output.quiet:
        return QuietShowing(output)
    return LiveShowing(output) if output.is_live else PlainShowing(output)


class QuietShowing:
    """Nothing but trouble."""

    rate = 1.0

    def __init__(self, output: Output) -> None:
        self._output = output

    def job(self, job: JobView) -> None:
        pass

    def progress(self, job: JobView, progress: Progress) -> None:
        pass

    def notice(self, notice: Notice) -> None:
        pass

    def message(self, text: str) -> None:
        pass

    def rest(self) -> None:
        pass


class JsonShowing(QuietShowing):
    """One object a line on stdout. With --quiet only changes of state, not the progress between them."""

    rate = JSON_RATE

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._state = ""

    def job(self, job: JobView) -> None:
        if job.state != self._state:
            self._state = job.state
            self._output.record("state", job=job.id, state=str(job.state), reason=job.reason, hint=job.hint)

    def progress(self, job: JobView, progress: Progress) -> None:
        mine = _of(job, progress)
        if mine is None or self._output.quiet:
            return
        counts = mine.counts
        self._output.record(
            "progress",
            job=job.id,
            state=str(mine.state),
            listing=counts.listing,
            done=counts.files_done,
            failed=counts.files_failed,
            skipped=counts.files_skipped,
            total=counts.files_total,
            bytes_done=counts.bytes_done,
            bytes_total=counts.bytes_total,  # at least, while `listing` or where there are `unsized` files
            unsized=counts.files_unsized,
            rate=round(mine.rate),
            eta=round(max(mine.eta_low, mine.eta_high), 1),
            waiting=mine.waiting,
            listed=counts.listed,
            eta_low=round(mine.eta_low, 1),
            eta_high=round(mine.eta_high, 1),
            bottleneck=mine.bottleneck,
            shares=dict(mine.shares),
        )

    def notice(self, notice: Notice) -> None:
        if _is_told(notice, self._output):
            self._output.record(
                "notice", job=notice.job, at=iso(notice.at), level=str(notice.level), text=notice.text
            )


class PlainShowing(QuietShowing):
    """A line at most every few seconds, on stderr."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._state = JobState.PLANNING
        self._told_at = time.monotonic()

    def job(self, job: JobView) -> None:
        if job.state in (JobState.PAUSED, JobState.BLOCKED) and job.state is not self._state:
            self._output.say(_standstill(job))
        self._state = job.state

    def progress(self, job: JobView, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told_at >= PLAIN_SECONDS and (mine := _of(job, progress)) is not None:
            self._told_at = now
            self._output.say(job_lines.progress_line(job, mine))
            if self._output.verbose and (slow := job_lines.slow_line(mine)):
                self._output.say(f"  {slow}")

    def notice(self, notice: Notice) -> None:
        if _is_told(notice, self._output):
            self._output.say(_notice_line(notice))

    def message(self, text: str) -> None:
        self._output.say(text)


class LiveShowing(QuietShowing):
    """One line per worker and a total line, redrawn."""

    rate = LIVE_RATE

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._block = LiveBlock(output.err)
        self._job: JobView | None = None
        self._mine: JobProgress | None = None
        self._workers: tuple[WorkerView, ...] = ()
        self._drawn_at = 0.0

    def job(self, job: JobView) -> None:
        changed = self._job is None or self._job.state is not job.state
        self._job = job
        if changed:
            self._mine = None
            if job.state is JobState.PAUSED:
                self.message(_standstill(job))
            self._draw()

    def progress(self, job: JobView, progress: Progress) -> None:
        self._job, self._mine = job, _of(job, progress) or self._mine
        self._workers = tuple(each for each in progress.workers if each.job == job.id and each.phase != "idle")
        # Two messages may come close together after a stall; the terminal gets five frames a second at most.
        if time.monotonic() - self._drawn_at >= 0.2:
            self._draw()

    def notice(self, notice: Notice) -> None:
        if _is_told(notice, self._output):
            self.message(_notice_line(notice))

    def message(self, text: str) -> None:
        self._block.clear()
        self._output.say(text)
        self._draw()

    def rest(self) -> None:
        self._block.clear()

    def _draw(self) -> None:
        if self._job is None or self._job.state.is_final:
            return
        width, height = self._block.size()
        slow = job_lines.slow_line(self._mine) if self._output.verbose else ""
        shown = self._workers[: max(0, height - 2 - bool(slow))]
        lines = [plain(job_lines.worker_line(each, width)) for each in shown]
        if len(shown) < len(self._workers):
            lines[-1] = plain(safe_text(f"     … and {len(self._workers) - len(shown) + 1} more", width))
        total, cells = plain(safe_text(job_lines.progress_line(self._job, self._mine), width))
        last = [plain(safe_text(f"  {slow}", width))] if slow else []
        self._block.draw([*lines, (self._output.paint(total, "lead"), cells), *last])
        self._drawn_at = time.monotonic()


def _of(job: JobView, progress: Progress) -> JobProgress | None:
    return next((each for each in progress.jobs if each.job == job.id), None)


def _is_told(notice: Notice, output: Output) -> bool:
    told = {0: (Level.WARNING,), 1: (Level.WARNING, Level.INFO)}.get(output.verbose, tuple(Level))
    return notice.level in told


def _notice_line(notice: Notice) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(notice.at))
    return f"{clock} {notice.level} {safe_text(notice.text)}"


def _standstill(job: JobView) -> str:
    why = f": {safe_text(job.reason)}" if job.reason else ""
    return f"Job {job.id} is {job_lines.STATE_WORDS[job.state]}{why}. To go on: haulier resume {job.id}"
