"""What is said of a campaign: how far it is, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from core.engine.journal.campaign_rows import BatchRow
from core.model import BatchState
from core.safe_text import safe_text
from core.units import format_count


def continue_command(job: int, batch: BatchRow | int, target: str = "") -> str:
    """How a batch is moved, on the command line."""
    number = batch if isinstance(batch, int) else batch.number
    where = f" {shlex.quote(target)}" if target else ""
    return f"haulier batch continue {job} {number}{where}"


def next_step(job: int, batches: Sequence[BatchRow]) -> str:
    """What can be done now; empty when nothing is left."""
    waiting = next((batch for batch in batches if batch.state is BatchState.WAITING), None)
    if waiting is None:
        return ""
    last = next((batch.target for batch in reversed(batches) if batch.target), "")
    return f"next: {continue_command(job, waiting, last)}"


def state_words(job: int, batches: Sequence[BatchRow]) -> str:
    """The whole in a sentence or two."""
    of = len(batches)
    said = [words for batch in batches if (words := _words(job, batch, of))]
    safe = [batch for batch in batches if batch.state is BatchState.SAFE]
    if safe and not said:
        newest = max(safe, key=lambda batch: batch.done)
        said.append(safe_words(newest, of))
    elif safe:
        said.append(f"{format_count(len(safe))} of {format_count(of)} batches are safe")
    if step := next_step(job, batches):
        said.append(step)
    return "; ".join(said)


def safe_words(batch: BatchRow, of: int) -> str:
    words = f"batch {batch.number} of {of} is safe: disk {batch.disk} may be removed"
    return f"{words} ({batch.trouble})" if batch.trouble else words


def _words(job: int, batch: BatchRow, of: int) -> str:
    where = f"disk {batch.disk} at {batch.target}"
    match batch.state:
        case BatchState.MOVING if batch.trouble:
            again = continue_command(job, batch, batch.target)
            return f"batch {batch.number} of {of} on {where}: {batch.trouble} ({again})"
        case BatchState.MOVING:
            return f"batch {batch.number} of {of} is being moved to {where} by job {batch.mover}"
        case BatchState.CHECKING:
            return f"batch {batch.number} of {of} is being read back from {where}: do not remove it yet"
    return ""


def damage_words(count: int, examples: Sequence[tuple[str, str]]) -> str:
    return f"{_files(count)} on the disk damaged or missing: {_examples(count, examples)}"


def left_out_words(count: int, examples: Sequence[tuple[str, str]]) -> str:
    return f"{_files(count)} not on it, they could not be fetched: {_examples(count, examples)}"


def final_words(batches: Sequence[BatchRow], failed: int) -> str:
    """Of a campaign all of whose batches are safe."""
    disks = ", ".join(dict.fromkeys(batch.disk for batch in batches))
    words = f"all {format_count(len(batches))} batches are safe, on {disks}"
    return f"{words}; {_files(failed)} left out" if failed else words


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{format_count(count)} files are"


def _examples(count: int, examples: Sequence[tuple[str, str]]) -> str:
    named = "; ".join(f"{safe_text(name)}: {safe_text(why)}" for name, why in examples)
    return f"{named}; …" if count > len(examples) else named
