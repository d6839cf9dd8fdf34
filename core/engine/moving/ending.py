"""How a run can end, and what is said then."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from core.errors import (
    BadCredentials,
    DiskTrouble,
    FatalTrouble,
    NoPermission,
    NoRoom,
    OtherDisk,
    SecretsLocked,
    TargetRefused,
)
from core.model import Counts, JobKind, JobState, Level, PlanSummary
from core.safe_text import safe_text


class RunEnd(NamedTuple):
    """How a run ended. PLANNED, PAUSED and BLOCKED can go on with another run."""

    state: JobState
    reason: str = ""
    hint: str = ""
    plan: PlanSummary | None = None
    blocker: str = ""
    room: int = 0  # bytes that a full disk did not take


class Stop(Enum):
    """Why a run was told to stop."""

    NO = 0
    PAUSE = 1
    CANCEL = 2
    LEAVE = 3  # the engine stops: the job stays as it is


class Reports(NamedTuple):
    """What a run tells the engine; called from the run's threads."""

    notice: Callable[[Level, str], None]
    changed: Callable[[], None]  # state, routes or plan changed
    ended: Callable[[RunEnd], None]


_WAYS_OUT = {
    BadCredentials: ("credentials", "mend the connection's credentials; the job then goes on"),
    SecretsLocked: ("credentials", "`haulier secrets unlock` opens the file; the job then goes on by itself"),
    DiskTrouble: ("disk", "free space or mend the disk; the job then goes on by itself"),
    NoRoom: ("disk", "free space, and the job goes on by itself; how much stays free is said with --reserve"),
    OtherDisk: (
        "disk",
        "mount that disk, and the job goes on by itself; `haulier repair --other-disk` takes the one there now",
    ),
    TargetRefused: ("target", "create the target or get permission to write there, then resume the job"),
}


_NOT_ALLOWED = "mend the connection's credentials or what they are allowed, then resume the job"


def blocked_end(error: FatalTrouble) -> RunEnd:
    """The job stops with a reason that somebody can mend."""
    blocker, way_out = _WAYS_OUT.get(type(error), ("other", "mend it, then resume the job"))
    room = error.room if isinstance(error, DiskTrouble) else 0
    return RunEnd(JobState.BLOCKED, safe_text(error.message), way_out, blocker=blocker, room=room)


def failure_words(kind: JobKind, counts: Counts, plan: PlanSummary | None) -> str:
    """ "2 of 9 files failed; 3 not copied: symbolic links": what was tried, and what the plan knew before."""
    if kind is JobKind.VERIFY:
        return f"{counts.files_failed} of {counts.files_total} files differ or are missing"
    known = plan.cannot.count if plan is not None else 0
    words: list[str] = []
    if failed := counts.files_failed - known:
        words.append(f"{failed} of {counts.files_total} files failed")
    reasons = plan.cannot_reasons if plan is not None else ()
    words += [f"{count} not copied: {_short(reason, count)}" for reason, count in reasons[:_REASONS]]
    if more := sum(count for _, count in reasons[_REASONS:]):
        words.append(f"{more} not copied for other reasons")
    return "; ".join(words)


_REASONS = 3


def _short(reason: str, count: int) -> str:
    """A reason as the listing gave it, for `count` files."""
    short = safe_text(reason.removesuffix(", not copied"))
    return f"{short}s" if count > 1 and short in ("symbolic link", "named pipe", "socket", "device") else short


def not_allowed_end(error: NoPermission) -> RunEnd:
    """A whole listing or bucket may not be read or written: not one object's trouble."""
    return RunEnd(JobState.BLOCKED, safe_text(error.message), _NOT_ALLOWED, blocker="permission")
