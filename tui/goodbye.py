"""What the terminal says after the screen is left."""

from __future__ import annotations

from core.model import JobState
from tui.state import Link, ViewState

_WORKING = {JobState.RUNNING, JobState.PLANNING}


def goodbye(view: ViewState) -> str:
    """One or two sentences: what goes on without the screen, and the way back."""
    if view.link is not Link.UP:
        return "No engine is running. Jobs are safe in the journal; `haulier` takes them up again."
    working = [job.id for job in view.jobs if job.state in _WORKING]
    waiting = [job for job in view.jobs if job.state in (JobState.BLOCKED, JobState.PAUSED, JobState.PLANNED)]
    if working:
        return f"The engine keeps working ({_jobs(working)}). `haulier` brings you back."
    if waiting:
        words = ", ".join(
            f"job {job.id} is {_WAITING[job.state]}" for job in sorted(waiting, key=lambda job: job.id)
        )
        return f"The engine is idle: {words}. `haulier` brings you back."
    return "The engine is idle. `haulier engine stop` ends it, `haulier` brings you back."


_WAITING = {
    JobState.BLOCKED: "blocked",
    JobState.PAUSED: "paused",
    JobState.PLANNED: "waiting for your YES",
}


def _jobs(ids: list[int]) -> str:
    return f"job {ids[0]}" if len(ids) == 1 else "jobs " + ", ".join(str(job) for job in sorted(ids))
