"""The listings that faces have open. Blocking; called in threads."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from core.command import Done
from core.engine.browsing.listing import Listing
from core.engine.browsing.rows_file import gone
from core.engine.browsing.sides import Folder, OneFolder, Reader, TwoFolders
from core.engine.looking import as_refusal
from core.engine.storebook import SourceStore
from core.errors import TransferError
from core.filters import filters_for
from core.listings import (
    CloseListing,
    FindInListing,
    ListingPage,
    Opened,
    OpenListing,
    RangeOfListing,
    ReadListing,
    RowsFound,
    RowsSummed,
    SumOfListing,
)
from core.model import Adhoc, Place
from core.positions import Positions

MOST_OPEN = 200  # the one that was not looked at for longest is closed for another one
MOST_NAMES = 5000  # that a sum tells

Open = Callable[[Place, Adhoc], tuple[SourceStore, str]]


class Listings:
    """`folder` holds their files: it is made when it is needed. `open_place` gives the
    store of a place and what its complete keys begin with."""

    def __init__(self, folder: Path, open_place: Open) -> None:
        self._folder, self._open_place = folder, open_place
        self._open: OrderedDict[str, tuple[Listing, Place]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Remove what a killed engine left. The folder is this engine's alone from now on."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, command: OpenListing) -> Opened:
        """Raises HaulierError for a place that cannot be looked at; what a server says comes with the rows."""
        try:
            reader = self._reader(command)
        except TransferError as error:
            raise as_refusal(error) from error
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = secrets.token_hex(8)
        listing = Listing(self._folder / f"{name}.sqlite3", reader)
        with self._lock:
            self._open[name] = (listing, command.place)
            dropped = [self._open.popitem(last=False)[1] for _ in range(len(self._open) - MOST_OPEN)]
        for one, _ in dropped:
            one.close()
        return Opened(id=name)

    def read(self, command: ReadListing) -> ListingPage:
        return self._get(command.id)[0].read(command)

    def range(self, command: RangeOfListing) -> RowsFound:
        rows, listed = self._get(command.id)[0].range(command.order, command.first, command.last)
        return RowsFound(rows=rows.to_bytes(), listed=listed)

    def find(self, command: FindInListing) -> RowsFound:
        listing, _ = self._get(command.id)
        rows, listed = listing.find(command.words, is_glob=command.is_glob, after=command.after)
        return RowsFound(rows=rows.to_bytes(), listed=listed)

    def sum(self, command: SumOfListing) -> RowsSummed:
        listing, place = self._get(command.id)
        filters = filters_for(place, command.include, command.exclude)
        rows = Positions.from_bytes(command.rows)
        names = max(0, min(command.names, MOST_NAMES))
        return listing.sum(rows, filters if filters else None, command.below, names)

    def close(self, command: CloseListing) -> Done:
        with self._lock:
            found = self._open.pop(command.id, None)
        if found is not None:
            found[0].close()
        return Done()

    def close_all(self) -> None:
        with self._lock:
            found, self._open = list(self._open.values()), OrderedDict()
        for listing, _ in found:
            listing.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _get(self, name: str) -> tuple[Listing, Place]:
        with self._lock:
            if name not in self._open:
                raise gone()
            self._open.move_to_end(name)
            return self._open[name]

    def _reader(self, command: OpenListing) -> Reader:
        source = Folder(*self._open_place(command.place, command.adhoc))
        if command.other is None:
            return OneFolder(source)
        try:
            return TwoFolders(source, Folder(*self._open_place(command.other, command.adhoc)))
        except BaseException:
            source.close()
            raise
