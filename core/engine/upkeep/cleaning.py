"""Cleaning up: finished jobs are forgotten, stale partial files removed. Moved data is never touched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.engine.journal.journal import Journal
from core.engine.journal.rows import JobRow
from core.engine.upkeep.mounts import mounted_below
from core.messages import Cleaned, CleanUp, StalePart
from core.model import JobState, Tally
from core.safe_text import safe_text
from core.stores.local.leftovers import PartialFile, partial_files, remove_partial, sweep_folder
from core.stores.local.staging import staged_name

SHOWN = 1000  # partial files named in one reply


def finished_jobs(rows: Iterable[JobRow], command: CleanUp, now: float) -> list[int]:
    """The jobs that a clean-up forgets: completed and cancelled ones, with `failed` those too that did not do
    everything, as long ago as the command says."""
    states = {JobState.COMPLETED, JobState.CANCELLED}
    if command.failed:
        states |= {JobState.PARTIAL, JobState.FAILED}
    return [row.id for row in rows if row.state in states and now - row.finished >= command.older]


def target_folders(rows: Iterable[JobRow], command: CleanUp) -> list[str]:
    """Folders that jobs wrote to, and those of the command, each once."""
    found: dict[str, None] = {}
    for row in rows:
        for route in row.routes:
            if route.target.kind == "local" and route.method != "verify":
                found.setdefault(route.target_root)
    for place in command.places:
        found.setdefault(place.path.rstrip("/") or "/")
    return list(found)


def clean_folders(journal: Journal, folders: Iterable[str], *, dry_run: bool) -> Cleaned:
    """Look for partial files in `folders` and remove the stale ones, unless `dry_run`. Blocking."""
    needed = {staged_name(token) for token in journal.staged_tokens()}
    shown: list[StalePart] = []
    stale_count = stale_bytes = kept_count = kept_bytes = 0
    for folder in folders:
        root = Path(folder)
        for found, stale in partial_files(root, needed, mounted_below):
            if not stale:
                kept_count, kept_bytes = kept_count + 1, kept_bytes + found.size
                continue
            trouble = "" if dry_run else _remove(found)
            stale_count, stale_bytes = stale_count + (not trouble), stale_bytes + (not trouble) * found.size
            if len(shown) < SHOWN:
                shown.append(StalePart(path=str(found.path), size=found.size, age=found.age, trouble=trouble))
        if not dry_run:
            sweep_folder(root)
    return Cleaned(
        parts=tuple(shown),
        removed=Tally(count=stale_count, bytes=stale_bytes),
        kept=Tally(count=kept_count, bytes=kept_bytes),
        folders=tuple(folders),
    )


def _remove(found: PartialFile) -> str:
    """Why it could not be removed; empty when it went."""
    try:
        return "" if remove_partial(found) else "changed meanwhile"
    except OSError as error:
        return safe_text(error.strerror or str(error))
