"""How far the source has moved on while a job ran: its listing at the end against the one of the plan.

1. While the plan is made, every entry of the source (after the filters) goes into a file beside the journal,
   one JSON array a line, in the order of the listing; a last line says that the listing was complete.
2. When the job's work is done, the source is listed again and both are merged in order, so that nothing is held
   in memory but what changed.
3. Objects that changed and that the job noticed and took in their new state do not count.

By itself ("auto") this is done where it costs little: up to `MOST` entries, when the listing took a small part
of the time since, and when that time is long enough for something to have happened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from core.engine.journal.journal import Journal
from core.engine.planning.compare import OutOfOrder, merge, ordered
from core.engine.planning.listing import ahead, relative, wanted
from core.engine.planning.nesting import find_nesting
from core.engine.planning.route import Route
from core.engine.storebook import SourceStore, StoreBook
from core.errors import HaulierError, NotFound, TransferError
from core.filters import filters_for
from core.model import Drift, Entry, JobKind, JobSpec, Level
from core.safe_text import safe_text
from core.stores.base import Cancelled
from core.stores.local import LocalFolder

MOST = 100_000  # entries that are remembered by themselves
LEAST_SECONDS = 5.0  # since the listing; before that nothing is expected to have changed
QUICK = 2.0  # seconds that listing again may always take
SHARE = 0.2  # of the time since, that it may take otherwise
KEPT = 10_000  # changed names that are looked up in the journal


def seen_path(journal: Path, job: int) -> Path:
    """Where the entries that the plan of a job saw are kept until its end."""
    return journal.with_name(f"seen-{job}.jsonl")


class _Line(msgspec.Struct, array_like=True, frozen=True):
    route: int  # -1: the last line, with the number of entries as `size` and the seconds as `modified`
    name: str
    size: int
    etag: str
    modified: float


class SeenListing:
    """Written by the planner. A listing of which nothing can be concluded leaves no file."""

    def __init__(self, path: Path, most: int) -> None:
        """`most` entries at most, 0 for any number; with more the file is given up."""
        self._path, self._most = path, most
        self._count = 0
        self._began = time.monotonic()
        self._file: IO[bytes] | None = None
        self._given_up = False
        path.unlink(missing_ok=True)

    def note(self, route: int, page: Sequence[Entry]) -> None:
        if self._given_up:
            return
        self._count += len(page)
        if self._most and self._count > self._most:
            self.give_up()
            return
        try:
            if self._file is None:
                self._file = self._path.open("wb", buffering=1 << 16)
                self._path.chmod(0o600)
            lines = [_Line(route, entry.key, entry.size, entry.etag, entry.modified) for entry in page]
            self._file.write(_ENCODER.encode_lines(lines))
        except OSError:  # no room: the job itself will tell
            self.give_up()

    def give_up(self) -> None:
        self._given_up = True
        with suppress(OSError):
            self._close()
        self._path.unlink(missing_ok=True)

    def complete(self) -> None:
        """Every source was listed to its end."""
        if self._given_up:
            return
        try:
            end = _Line(-1, "", self._count, "", time.monotonic() - self._began)
            file = self._file or self._path.open("wb")
            file.write(msgspec.json.encode(end) + b"\n")
            self._file = file
            self._close()
        except OSError:
            self.give_up()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def seen_listing(path: Path, spec: JobSpec, how: str) -> SeenListing | None:
    """For the planner of this job; None where its source will not be listed again."""
    if how == "never" or spec.kind is JobKind.VERIFY or spec.broken_of or spec.batches or spec.batch_of:
        return None
    if any(pair.source.kind not in ("local", "s3") for pair in spec.pairs):
        return None  # a commit does not change, and a list is taken as it was
    if spec.options.names == "escape" and any(pair.source.kind == "local" for pair in spec.pairs):
        return None  # its keys come in another order than its files
    return SeenListing(path, 0 if how == "always" else MOST)


class Recorded(NamedTuple):
    """What the last line says."""

    entries: int
    seconds: float
    age: float  # seconds since


class DriftCheck:
    """For one job, at its end. Blocks; `cancelled` ends it."""

    def __init__(
        self,
        job: int,
        spec: JobSpec,
        routes: tuple[Route, ...],
        sources: list[SourceStore],
        journal: Journal,
        stores: StoreBook,
        cancelled: threading.Event,
    ) -> None:
        self._job, self._spec, self._routes, self._sources = job, spec, routes, sources
        self._journal, self._stores, self._cancelled = journal, stores, cancelled
        self._path = seen_path(journal.path, job)
        self._changed: dict[tuple[int, str], Entry] = {}

    def find(self, how: str, notice: Callable[[Level, str], None]) -> Drift | None:
        """The drift, where the source is to be listed again (see `is_due`) and can be; else None. `notice` is
        told what was found; the job itself is never in danger of it."""
        try:
            if not self.is_due(how):
                return None
            drift = self.run()
        except Cancelled:
            return None
        except (TransferError, HaulierError, OutOfOrder, OSError) as error:
            message = error.message if isinstance(error, TransferError | HaulierError) else str(error)
            notice(Level.INFO, f"whether the source changed meanwhile is not known: {safe_text(message)}")
            return None
        if words := drift_words(drift):
            notice(Level.WARNING, words)
        return drift

    def is_due(self, how: str) -> bool:
        """Whether the source is to be listed again: "auto", "always" or "never", and what there is to go by."""
        recorded = self._recorded()
        if recorded is None or how == "never":
            return False
        if how == "always":
            return True
        return recorded.age >= LEAST_SECONDS and recorded.seconds <= max(QUICK, SHARE * recorded.age)

    def run(self) -> Drift:
        """Raises TransferError, OutOfOrder, HaulierError or OSError when nothing can be said, Cancelled."""
        added = changed = gone = 0
        with self._path.open("rb") as file:
            before = _by_route(file)
            for number, route in enumerate(self._routes):
                now = self._listed(number, route)
                for old, new in merge(before.of(number), now):
                    if old is None:
                        added += 1
                    elif new is None:
                        gone += 1
                    elif _differs(old, new):
                        changed += 1
                        if len(self._changed) < KEPT:
                            self._changed[number, new.key] = new
        if self._changed and changed <= KEPT:
            changed -= self._taken()
        return Drift(added=added, changed=changed, gone=gone)

    def _recorded(self) -> Recorded | None:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, self._path.stat().st_size - 4096))
                last = _DECODER.decode(file.read().rstrip(b"\n").rpartition(b"\n")[2])
            age = time.time() - self._path.stat().st_mtime
        except (OSError, msgspec.MsgspecError):
            return None  # never written, given up, or cut off by a crash
        return Recorded(last.size, last.modified, age) if last.route == -1 else None

    def _listed(self, number: int, route: Route) -> Iterator[Entry]:
        source = self._sources[number]
        if route.single:
            with suppress(NotFound):
                entry = source.stat(route.source_key(route.single)).entry
                yield msgspec.structs.replace(entry, key=route.single)
            return
        not_source = find_nesting(route, self._stores, self._spec.adhoc).not_source
        pages = ahead(source.pages(route.source_prefix, cancelled=self._cancelled))
        options = self._spec.options
        filters = filters_for(route.source, options.include, options.exclude)
        found = wanted(relative(pages, route.source_prefix), filters, not_source)
        yield from ordered("source", found)
        source.take_unlistable()
        if isinstance(source, LocalFolder) and source.listing_incomplete:
            raise TransferError(f"a folder of {route.source} could not be read")

    def _taken(self) -> int:
        """How many of the changed objects the job has taken in the state in which they are now."""
        taken = 0
        for route, entry in self._journal.completed_entries(self._job):
            now = self._changed.get((route, entry.key))
            taken += now is not None and not _differs(entry, now)
        return taken


class _ByRoute:
    """Entries of one route after the other, each asked for once, in rising order."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines = lines
        self._next = next(lines, None)

    def of(self, route: int) -> Iterator[Entry]:
        while self._next is not None and self._next.route == route:
            line = self._next
            self._next = next(self._lines, None)
            yield Entry(key=line.name, size=line.size, etag=line.etag, modified=line.modified)


def _by_route(file: Iterable[bytes]) -> _ByRoute:
    return _ByRoute(_DECODER.decode(line) for line in file)


def _differs(old: Entry, new: Entry) -> bool:
    if old.size != new.size:
        return True
    if old.etag and new.etag:
        return old.etag != new.etag
    return old.modified != new.modified


def drift_words(drift: Drift) -> str:
    """ "the source changed while the job ran: 3 new, 1 changed; run it again to take them", or nothing."""
    counted = (("new", drift.added), ("changed", drift.changed), ("gone", drift.gone))
    words = ", ".join(f"{count} {what}" for what, count in counted if count)
    if not words:
        return ""
    again = "; run it again to take them" if drift.added or drift.changed else ""
    return f"the source changed while the job ran: {words}{again}"


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)
