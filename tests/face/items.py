"""The item table of a job of a million files: what keys take there, and what memory the two processes have.

The job is written into the journal as it would be after some of it was moved; it is paused, so that it stays as
it is while it is looked at. Its items are called by their number, so that one sees where the cursor is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion
from core.engine.planning.route import Route
from core.model import Action, Counts, Entry, JobKind, JobSpec, JobState, Pair, Place, Status
from tests.face.measures import GOAL_KEY_MS, Face, Holds, Row, cursor_line, shows, spread

GROUP = 10_000
DONE = 0.6  # of the items
FAILS_EVERY = 500
SOURCE = Place(kind="local", path="/srv/lake")
TARGET = Place(kind="local", path="/mnt/lake")
NUMBER = re.compile(r"(\d{7})\.bin")
LOOKING = "looking"
NOTHING = "No file matches"
STATUSES = ("failed", "downloading", "pending", "completed", "all")
ORDERS = ("A to Z", "largest first", "failed first", "most tries", "newest first", "as planned")
TEXTS = 6  # that are searched for
PAGES = 30
JUMPS = 15

Press = Callable[[], float]


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


class ItemKeys:
    """A face on the item table of that job. `down` is how far below the top of the list of jobs the job is."""

    def __init__(self, face: Face, items: int, down: int) -> None:
        self._face = face
        self._items = items
        self._terminal = face.open()
        self._terminal.until(shows("▌"))
        for _ in range(down):
            line = cursor_line(self._terminal.text())
            self._terminal.press(b"j")
            self._terminal.until(lambda text, line=line: cursor_line(text) == line + 1)  # type: ignore[misc]

    def close(self) -> None:
        self._terminal.close()

    def opened(self) -> Row:
        """From the list of jobs."""
        pressed = self._terminal.press(b"i")
        return spread("open: rows and their number", [self._terminal.until(_stands) - pressed])

    def memory(self) -> int:
        return int(psutil.Process(self._terminal.process.pid).memory_info().rss)

    def turns(self, name: str, rounds: int) -> Iterator[Row]:
        """Filters and orders, one after the other."""
        yield self._through(f"filter by state{name}", b"f", STATUSES, rounds)
        yield self._through(f"sort{name}", b"t", ORDERS, rounds)

    def moves(self) -> Iterator[Row]:
        """Through the list in the plan's order."""
        down, up = self._step(b"j", 1), self._step(b"k", -1)
        yield self._timed("down", [down] * PAGES)
        yield self._timed("up", [up] * PAGES)
        yield self._timed("page down", [self._beyond(b"\x1b[6~", 1)] * PAGES)
        ends, homes = [], []
        for _ in range(JUMPS):
            ends.append(self._press(b"\x1b[F", lambda text: _number(text) == self._items))
            homes.append(self._press(b"\x1b[H", lambda text: _number(text) == 1))
        yield spread("end", ends, GOAL_KEY_MS)
        yield spread("home", homes, GOAL_KEY_MS)

    def searches(self) -> Iterator[Row]:
        """Numbers typed letter by letter: when the letter is there, and when what it finds is."""
        dice = random.Random(2)
        letters: list[float] = []
        found: list[float] = []
        for _ in range(TEXTS):
            wanted = f"{dice.randrange(self._items) + 1:07}"
            self._press(b"/", shows("\n / "))
            for end in range(1, len(wanted) + 1):
                text = wanted[:end]
                self._face.pause()
                pressed = self._terminal.press(text[-1].encode())
                letters.append(self._terminal.until(shows(f"\n / {text}")) - pressed)
                found.append(self._terminal.until(lambda t, text=text: _finds(t, text)) - pressed)  # type: ignore[misc]
            self._press(b"\x1b", lambda text: _stands(text) and "\n / " not in text)
        yield spread("search: the letter is shown", letters, GOAL_KEY_MS)
        yield spread("search: what it finds is shown", found)

    # -- inside

    def _through(self, name: str, key: bytes, words: tuple[str, ...], rounds: int) -> Row:
        taken = []
        for _ in range(rounds):
            for word in words:
                taken.append(self._press(key, lambda text, word=word: word in text and _stands(text)))  # type: ignore[misc]
        return spread(name, taken, GOAL_KEY_MS)

    def _timed(self, name: str, presses: list[Press]) -> Row:
        return spread(name, [press() for press in presses], GOAL_KEY_MS)

    def _step(self, key: bytes, by: int) -> Press:
        def press() -> float:
            before = _number(self._terminal.text())
            return self._press(key, lambda text: _number(text) == before + by)

        return press

    def _beyond(self, key: bytes, by: int) -> Press:
        def press() -> float:
            before = _number(self._terminal.text())
            return self._press(key, lambda text: (_number(text) - before) * by > 1)

        return press

    def _press(self, key: bytes, holds: Holds) -> float:
        self._face.pause()
        pressed = self._terminal.press(key)
        return self._terminal.until(holds) - pressed


def _number(text: str) -> int:
    """The number of the item under the cursor, -1 where none stands there (yet)."""
    line = next((line for line in text.split("\n") if line.startswith("▌")), "")
    found = NUMBER.search(line)
    return int(found[1]) if found else -1


def _stands(text: str) -> bool:
    """Whether the table shows all that was asked for, and knows how much that is."""
    return LOOKING not in text and (NOTHING in text or _number(text) > 0)


def _finds(text: str, wanted: str) -> bool:
    """Whether the first row is of a text that was looked for."""
    found = NUMBER.search(text)
    return LOOKING not in text and found is not None and wanted in found[1]
