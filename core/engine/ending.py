"""How a run can end, and what is said then."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from core.errors import BadCredentials, DiskTrouble, FatalTrouble, NoPermission, TargetRefused
from core.model import JobState, Level, PlanSummary
from core.safe_text import safe_text


class RunEnd(NamedTuple):
    """How a run ended. PLANNED, PAUSED and BLOCKED can go on with another run."""

    state: JobState
    reason: str = ""
    hint: str = ""
    plan: PlanSummary | None = None
    blocker: str = ""


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
    DiskTrouble: ("disk", "free space or mend the disk, then resume the job"),
    TargetRefused: ("target", "create the target or get permission to write there, then resume the job"),
}


_NOT_ALLOWED = "mend the connection's credentials or what they are allowed, then resume the job"


def blocked_end(error: FatalTrouble) -> RunEnd:
    """The job stops with a reason that somebody can mend."""
    blocker, way_out = _WAYS_OUT.get(type(error), ("other", "mend it, then resume the job"))
    return RunEnd(JobState.BLOCKED, safe_text(error.message), way_out, blocker=blocker)


def not_allowed_end(error: NoPermission) -> RunEnd:
    """A whole listing or bucket may not be read or written: not one object's trouble."""
    return RunEnd(JobState.BLOCKED, safe_text(error.message), _NOT_ALLOWED, blocker="credentials")
