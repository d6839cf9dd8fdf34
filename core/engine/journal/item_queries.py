"""What a face may ask of a job's items, as a condition of SQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from core.model import Action, Status


def matching_items(
    job: int, action: Action | None, status: Status | None, contains: str, active: Collection[int]
) -> tuple[str, list[Any]]:
    """The condition after WHERE, and its values. `active` are the ids that workers hold now: the journal calls
    them pending, a face DOWNLOADING."""
    where: list[str] = ["job = ?"]
    values: list[Any] = [job]
    ids = ",".join(str(item) for item in active) or "-1"
    if action is not None:
        where.append("action = ?")
        values.append(action.value)
    if status is Status.DOWNLOADING:
        where.append(f"state = 'pending' AND id IN ({ids})")
    elif status is Status.PENDING:
        where.append(f"state = 'pending' AND id NOT IN ({ids})")
    elif status is not None:
        where.append(f"state = '{status.value}'")  # written out: only so can SQLite use an index of one state
    if contains:
        where.append("instr(name, ?) > 0")
        values.append(contains)
    return " AND ".join(where), values
