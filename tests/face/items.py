"""The item table of a job of a million files: what keys take there, and what memory the two processes have.

The job is written into the journal as it would be after some of it was moved; it is paused, so that it stays as
it is while it is looked at. Its items are called by their number, so that one sees where the cursor is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion
from core.engine.planning.route import Route
from core.model import Action, Counts, Entry, JobKind, JobSpec, JobState, Pair, Place, Status
from tests.face.measures import Face, Row, cursor_line, shows, spread
from tests.face.table_keys import LOOKING, TableKeys

GROUP = 10_000
DONE = 0.6  # of the items
FAILS_EVERY = 500
SOURCE = Place(kind="local", path="/srv/lake")
TARGET = Place(kind="local", path="/mnt/lake")
NOTHING = "No file matches"
STATUSES = ("failed", "downloading", "pending", "completed", "all")
ORDERS = ("A to Z", "largest first", "failed first", "most tries", "newest first", "as planned")


def write_job(path: Path, items: int) -> None:
    """A paused job of that many items in a new journal."""
    dice = random.Random(1)
    spec = JobSpec(kind=JobKind.COPY, pairs=(Pair(source=SOURCE, target=TARGET),))
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(path)
    job = journal.add_job("items", spec, f"{SOURCE} → {TARGET}", moving=True)[0].id
    size = 0
    for first in range(1, items + 1, GROUP):
        numbers = range(first, min(items + 1, first + GROUP))
        entries = [
            Entry(key=f"part={n % 40:02}/{n:07}.bin", size=dice.randrange(1 << 30), etag=f'"{n:032x}"')
            for n in numbers
        ]
        size += sum(entry.size for entry in entries)
        journal.add_items(job, [(0, Action.COPY, entry, "") for entry in entries], first)
    done, failed = int(items * DONE), int(items * DONE) // FAILS_EVERY
    for first in range(1, done + 1, GROUP):
        journal.complete(job, [_end(n, dice) for n in range(first, min(done + 1, first + GROUP))])
    counts = Counts(
        listed=items, files_total=items, files_done=done - failed, files_failed=failed, bytes_total=size
    )
    route = Route(source=SOURCE, target=TARGET, source_root="/srv/lake", target_root="/mnt/lake")
    journal.update_job(job, state=JobState.PAUSED, routes=(route,), counts=counts)
    journal.close()


def _end(number: int, dice: random.Random) -> Completion:
    tries = 1 + (number % 97 == 0)
    if number % FAILS_EVERY == 0:
        return Completion(number, Status.FAILED, 5, 0, "", "403 AccessDenied", 1.79e9 + number)
    return Completion(number, Status.COMPLETED, tries, 100, "etag-md5", "", 1.79e9 + dice.random() * 1e6)


class ItemKeys(TableKeys):
    """A face on the item table of that job. `down` is how far below the top of the list of jobs the job is."""

    def __init__(self, face: Face, items: int, down: int) -> None:
        super().__init__(face, r"(\d{7})\.bin", 1, items)
        self.terminal.until(shows("▌"))
        for _ in range(down):
            line = cursor_line(self.terminal.text())
            self.press(b"j", lambda text, line=line: cursor_line(text) == line + 1)  # type: ignore[misc]

    def opened(self) -> Iterator[Row]:
        """From the list of jobs."""
        yield spread("open: rows and their number", [self.press(b"i", self.stands)])
        yield from self.filters_and_orders(" at once", 1)

    def filters_and_orders(self, name: str, rounds: int) -> Iterator[Row]:
        """One after the other."""
        yield self.turns(f"filter by state{name}", b"f", STATUSES, rounds)
        yield self.turns(f"sort{name}", b"t", ORDERS, rounds)

    def stands(self, text: str) -> bool:
        return LOOKING not in text and (NOTHING in text or self.number(text) > 0)
