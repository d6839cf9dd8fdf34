"""One open listing: read no further than somebody looks, seen in any order."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from core.engine.browsing.rows_file import RowsFile, gone
from core.engine.browsing.sides import Reader
from core.engine.looking import as_refusal
from core.errors import Code, HaulierError, TransferError
from core.filters import Filters
from core.listings import ListingPage, ReadListing, RowOrder, RowsSummed
from core.positions import NOWHERE, Positions
from core.safe_text import safe_text

AHEAD = 2000  # rows that are read beyond those that were asked for
PATIENCE = 0.2  # seconds that a question waits for rows, or works on an order, before it answers with less
STEP = 50_000  # rows that a filter looks through at once
MOST_ROWS = 500  # in one page
MOST_NOTES = 20
WHOLE = 1 << 62


class _Known(NamedTuple):
    """How things stood at one moment."""

    listed: int
    complete: bool
    reading: bool
    trouble: HaulierError | None
    notes: tuple[str, ...]


class Listing:
    """Called from many threads. Raises HaulierError once it was closed."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._file = RowsFile(path)
        self._reader = reader
        self._changed = threading.Condition()
        self._wanted = 0
        self._listed = 0
        self._complete = False
        self._closed = False
        self._reading = False
        self._trouble: HaulierError | None = None
        self._notes: list[str] = []
        self._orders_lock = threading.Lock()
        self._order = _Ordered(
            RowOrder(different=True)
        )  # of the last question that was not for the listing's own

    # ------------------------------------------------------------ reading

    def _want(self, rows: int, *, again: bool = False) -> None:
        """See that so many rows are listed, or the whole folder."""
        with self._changed:
            if again:
                self._trouble = None
            self._wanted = max(self._wanted, rows)
            if self._reading or self._complete or self._trouble is not None or self._listed >= self._wanted:
                return
            if self._closed:
                raise gone()
            self._reading = True
        threading.Thread(target=self._read, name="listing", daemon=True).start()

    def _read(self) -> None:
        """The reading thread, until nobody wants more."""
        try:
            while not self._is_enough():
                page = self._reader.page()
                notes = [safe_text(note) for note in self._reader.take_notes()]
                if page:
                    self._file.add(self._listed, page)
                with self._changed:
                    self._notes += notes[: MOST_NOTES - len(self._notes)]
                    self._complete = page is None
                    self._listed += len(page or ())
                    self._changed.notify_all()
        except TransferError as error:
            self._stop_for(as_refusal(error))
        except HaulierError as error:
            self._stop_for(error)
        except BaseException as defect:
            self._stop_for(HaulierError(Code.FAILED, f"The list could not be read on: {defect!r}"))
            raise

    def _is_enough(self) -> bool:
        """Whether the thread ends here: whoever wants more afterwards starts another one."""
        with self._changed:
            if not (self._closed or self._complete or self._listed >= self._wanted):
                return False
            self._reading, closed = False, self._closed
            self._changed.notify_all()
        if closed:
            self._reader.close()
        return True

    def _stop_for(self, trouble: HaulierError) -> None:
        with self._changed:
            self._trouble = trouble
            self._reading, closed = False, self._closed
            self._changed.notify_all()
        if closed:
            self._reader.close()

    def close(self) -> None:
        with self._changed:
            if self._closed:
                return
            self._closed = True
            is_reading = self._reading
            self._changed.notify_all()
        self._file.close()
        if not is_reading:
            self._reader.close()

    # ------------------------------------------------------------ looking

    def read(self, command: ReadListing) -> ListingPage:
        """A page of rows, with what is known of the whole."""
        order = command.order
        first, count = max(0, command.first), max(0, min(command.count, MOST_ROWS))
        whole = command.to_end or not order.is_listed
        self._want(WHOLE if whole else first + count + AHEAD, again=command.again)
        until = time.monotonic() + PATIENCE
        if order.is_listed:
            self._wait_for(first + count, until)
            known = self._known()
            numbers: Sequence[int] = range(first, max(first, min(first + count, known.listed)))
            return self._page(numbers, known.listed, known, settled=known.complete)
        self._wait_for(1, until)
        with self._orders_lock:
            ordered = self._ordered(order)
            known = self._known()
            settled = ordered.follow(self._file, known.listed, known.complete, until) and known.complete
            return self._page(
                ordered.numbers[first : first + count], len(ordered.numbers), known, settled=settled
            )

    def _page(self, numbers: Sequence[int], passing: int, known: _Known, *, settled: bool) -> ListingPage:
        trouble = known.trouble
        return ListingPage(
            rows=self._file.rows(numbers) if len(numbers) else (),
            passing=passing,
            listed=known.listed,
            complete=known.complete,
            settled=settled,
            reading=known.reading,
            trouble=safe_text(trouble.message) if trouble is not None else "",
            hint=safe_text(trouble.hint) if trouble is not None else "",
            notes=known.notes,
        )

    def range(self, order: RowOrder, first: int, last: int) -> tuple[Positions, int]:
        """The rows from `first` to `last` in an order as far as it is known, and how many are listed."""
        known = self._known()
        if order.is_listed:
            return Positions.span(max(0, first), min(last, known.listed - 1)), known.listed
        with self._orders_lock:
            ordered = self._ordered(order)
            ordered.follow(self._file, known.listed, known.complete, time.monotonic() + 60.0)
            return Positions(ordered.numbers[max(0, first) : last + 1]), known.listed

    def find(self, words: Sequence[str], *, is_glob: bool, after: int) -> tuple[Positions, int]:
        """The rows from `after` on that the words mean, and how many rows are listed."""
        listed = self._known().listed
        first = max(0, after)
        if not is_glob:
            return self._file.called(words, first, listed), listed
        found = NOWHERE
        for word in words:
            found |= self._file.matching(word, first, listed)
        return found, listed

    def sum(self, rows: Positions, filters: Filters | None, below: str, names: int) -> RowsSummed:
        known = self._known()
        return self._file.sum(rows, known.listed if known.complete else 0, filters, below, names)

    # ------------------------------------------------------------ inside

    def _known(self) -> _Known:
        with self._changed:
            if self._closed:
                raise gone()
            notes = tuple(self._notes)
            return _Known(self._listed, self._complete, self._reading, self._trouble, notes)

    def _wait_for(self, rows: int, until: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._listed >= rows or self._complete or self._closed or self._trouble is not None,
                max(0.0, until - time.monotonic()),
            )

    def _ordered(self, order: RowOrder) -> _Ordered:
        if self._order.order != order:
            self._order = _Ordered(order)
        return self._order


class _Ordered:
    """The numbers of the rows that pass, in order: four bytes a row."""

    def __init__(self, order: RowOrder) -> None:
        self.order = order
        self.numbers: array[int] = array("I")
        self._seen = 0  # rows that were looked through
        self._sorted_at = 0.0
        self._took = 0.0

    def follow(self, file: RowsFile, listed: int, complete: bool, until: float) -> bool:
        """Take in what was listed since; whether everything is in. Works no longer than `until` where it can be
        left half done."""
        if self.order.sort == "name" and not self.order.descending:
            while self._seen < listed:
                end = min(listed, self._seen + STEP)
                self.numbers.extend(file.passing(self.order, self._seen, end))
                self._seen = end
                if time.monotonic() >= until:
                    break
            return self._seen == listed
        # To sort anew for every page would cost more than it shows.
        due = time.monotonic() - self._sorted_at > 4 * self._took
        if self._seen < listed and (complete or due):
            began = time.monotonic()
            self.numbers, self._seen = file.passing(self.order, 0, listed), listed
            self._sorted_at = time.monotonic()
            self._took = self._sorted_at - began
        return self._seen == listed
