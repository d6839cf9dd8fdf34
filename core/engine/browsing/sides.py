"""Reading one folder page by page, or two of them side by side, as rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from core.engine.planning.compare import Sameness
from core.engine.planning.sorting import in_order
from core.engine.storebook import SourceStore
from core.errors import Code, HaulierError, NotFound
from core.listings import Difference
from core.model import Compare, Entry
from core.stores.disk import DiskSource
from core.stores.local import LocalFolder

PAGE = 1000


@dataclass(frozen=True)
class Row:
    """What a listing keeps of a row. Of one folder alone, `theirs` is None."""

    name: str
    mine: Entry | None
    theirs: Entry | None = None
    difference: Difference = ""


class Reader(Protocol):
    """What a listing is read from. Called from one thread at a time."""

    def page(self) -> list[Row] | None:
        """The next rows, perhaps none; None at the end. After an error the next call goes on where it struck.
        Raises TransferError, HaulierError."""
        ...

    def take_notes(self) -> list[str]:
        """What is there and cannot be offered, as "name: why". Emptied."""
        ...

    def close(self) -> None: ...


class Folder:
    """One level of a store. Names are relative to it."""

    def __init__(self, store: SourceStore, prefix: str) -> None:
        self._store, self._prefix = store, prefix
        self._cursor = ""
        self._last = ""
        self._pages: Iterator[list[Entry]] | None = None
        self._ended = False
        self._found: dict[str, Entry] = {}  # of `all_in_order`, kept when a page cannot be had

    def entries(self) -> list[Entry] | None:
        """The next entries; None at the end."""
        if self._ended:
            return None
        found = self._next_local() if isinstance(self._store, LocalFolder) else self._next_by_cursor()
        named = (replace(entry, key=entry.key.removeprefix(self._prefix)) for entry in found)
        return [entry for entry in named if entry.key]

    def _next_by_cursor(self) -> list[Entry]:
        found, self._cursor = self._store.level(self._prefix, cursor=self._cursor, limit=PAGE)
        self._ended = not self._cursor
        return found

    def _next_local(self) -> list[Entry]:
        assert isinstance(self._store, LocalFolder)
        if self._pages is None:
            self._pages = self._store.level_pages(self._prefix, start_after=self._last)
        try:
            found = next(self._pages, None)
        except Exception:
            self._pages = None  # an iterator that raised is over; another one goes on behind the last entry
            raise
        if found is None:
            self._ended = True
            return []
        self._last = found[-1].key
        return found

    def all_in_order(self) -> list[Entry]:
        """The whole level by name, for stores that list in an order of their own."""
        while (page := self.entries()) is not None:
            self._found |= {entry.key: entry for entry in page}
        found, self._found = self._found, {}
        return [found[name] for name in sorted(found)]

    @property
    def is_in_order(self) -> bool:
        return in_order(self._store)

    def take_notes(self) -> list[str]:
        return [f"{name}: {why}" for name, why in self._store.take_unlistable()]

    def close(self) -> None:
        if isinstance(self._store, LocalFolder | DiskSource):  # a disk can be unmounted again
            self._store.close()


class OneFolder:
    """The rows of one folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def page(self) -> list[Row] | None:
        entries = self._folder.entries()
        return None if entries is None else [Row(entry.key, entry) for entry in entries]

    def take_notes(self) -> list[str]:
        return self._folder.take_notes()

    def close(self) -> None:
        self._folder.close()


@dataclass
class _Side:
    folder: Folder
    what: str
    waiting: deque[Entry] = field(default_factory=deque)
    ended: bool = False
    last: str = ""

    def fill(self) -> None:
        """See that an entry is waiting, unless the side has ended. Raises TransferError, HaulierError."""
        while not self.waiting and not self.ended:
            entries = self.folder.entries() if self.folder.is_in_order else self._everything()
            if entries is None:
                self.ended = True
                return
            for entry in entries:
                if self.last and entry.key <= self.last:
                    raise HaulierError(
                        Code.FAILED,
                        f"The {self.what} lists {entry.key!r} after {self.last!r}: out of order, it cannot be "
                        "compared side by side.",
                        "Look at each side alone; a job's plan compares them without an order.",
                    )
                self.last = entry.key
            self.waiting.extend(entries)

    def _everything(self) -> list[Entry] | None:
        return self.folder.all_in_order() or None


class TwoFolders:
    """Source and target side by side: rows of equal names are one row. A target that is not there is empty."""

    def __init__(self, source: Folder, target: Folder) -> None:
        self._mine, self._theirs = _Side(source, "source"), _Side(target, "target")
        self._sameness = Sameness(Compare.TIME)
        self._notes: list[str] = []
        self._made: list[Row] = []  # kept when a side breaks in the middle of a page

    def page(self) -> list[Row] | None:
        made = self._made
        while len(made) < PAGE:
            self._mine.fill()
            try:
                self._theirs.fill()
            except NotFound as missing:
                if self._theirs.last:
                    raise
                self._theirs.ended = True
                self._notes.append(f"nothing is at the target yet: {missing.message}")
            mine = self._mine.waiting[0] if self._mine.waiting else None
            theirs = self._theirs.waiting[0] if self._theirs.waiting else None
            if mine is None and theirs is None:
                self._made = []
                return made or None
            if mine is not None and theirs is not None and mine.key != theirs.key:
                mine, theirs = (mine, None) if mine.key < theirs.key else (None, theirs)
            if mine is not None:
                self._mine.waiting.popleft()
            if theirs is not None:
                self._theirs.waiting.popleft()
            made.append(self._row(mine, theirs))
        self._made = []
        return made

    def _row(self, mine: Entry | None, theirs: Entry | None) -> Row:
        if mine is None:
            assert theirs is not None
            return Row(theirs.key, None, theirs, "target")
        if theirs is None:
            return Row(mine.key, mine, None, "source")
        return Row(mine.key, mine, theirs, "" if mine.is_folder else self._difference(mine, theirs))

    def _difference(self, mine: Entry, theirs: Entry) -> Difference:
        seen = self._sameness.at_sight(mine, theirs)
        if seen is not None:
            return "same" if seen else "size"
        return "older" if mine.modified and theirs.modified < mine.modified else "content"

    def take_notes(self) -> list[str]:
        taken, self._notes = self._notes, []
        return taken + self._mine.folder.take_notes() + self._theirs.folder.take_notes()

    def close(self) -> None:
        self._mine.folder.close()
        self._theirs.folder.close()
