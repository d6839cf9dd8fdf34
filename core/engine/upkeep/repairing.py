"""A job's records recomputed from what is at its target, without moving anything.

1. Items recorded as completed are looked for at the target: missing ones, and those of another size, are
   pending again. (Whether their content is still right is `verify`'s question: that reads everything.)
2. Pending and failed items whose name is at the target with the right size are compared by digest with the
   source, as cheaply as content.py can; what is proven to be the same is completed with that proof.
3. Of an archive that the job extracts the folder counts: completed without its archive it is right, and an
   archive alone proves nothing.
4. Local files are looked at one by one; of an S3 target one listing is taken into a table on disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from core.engine.journal.journal import Journal
from core.engine.journal.rows import Completion, ItemRow, JobRow
from core.engine.moving.extracting import is_filled
from core.engine.planning.route import Route
from core.engine.planning.target_index import TargetIndex
from core.engine.proving.content import same_content
from core.engine.storebook import SourceStore, Store, StoreBook
from core.errors import DiskTrouble, FatalTrouble, FileTrouble, HaulierError, NotFound, TransferError
from core.extract import folder_name
from core.model import Entry, Status, Tally
from core.safe_text import safe_text
from core.stores.base import Cancelled
from core.stores.local import LocalFolder

PAGE = 1000
EXAMPLES = 10
Look = Callable[[str], Entry | None]  # a complete key at the target → what is there


class Repair:
    """One repair of one job; `run` blocks, and may be called once. Counts are what was changed."""

    def __init__(self, row: JobRow, journal: Journal, stores: StoreBook, cancelled: threading.Event) -> None:
        self._row, self._journal, self._stores, self._cancelled = row, journal, stores, cancelled
        self._reopened = [0, 0]  # count, bytes
        self._adopted = [0, 0]
        self.checked = 0
        self.examples: list[str] = []
        self.source_trouble = ""

    @property
    def reopened(self) -> Tally:
        return Tally(count=self._reopened[0], bytes=self._reopened[1])

    @property
    def adopted(self) -> Tally:
        return Tally(count=self._adopted[0], bytes=self._adopted[1])

    def run(self) -> None:
        """Raises TransferError when a target cannot be looked at, HaulierError, Cancelled."""
        for number, route in enumerate(self._row.routes):
            with self._looking(number, route) as (look, target):
                self._reopen(number, route, look)
                self._adopt(number, route, look, target)

    @contextmanager
    def _looking(self, number: int, route: Route) -> Iterator[tuple[Look, Store]]:
        target = self._stores.target(route, self._row.spec.adhoc)
        if isinstance(target, LocalFolder):
            try:
                yield lambda key: _stat(target, key), target
            finally:
                target.close()
            return
        path = self._journal.path.with_name(f"repair-{self._row.id}-{number}.sqlite3")
        with closing(TargetIndex(path, number)) as there:
            for page in target.pages(route.target_prefix, cancelled=self._cancelled):
                there.add(page, "")
            there.added()
            yield there.find, target
        there.remove()

    def _reopen(self, number: int, route: Route, look: Look) -> None:
        for rows in self._pages(number, (Status.COMPLETED,)):
            gone = []
            for row in rows:
                self.checked += 1
                there = look(route.target_key(row.name))
                if self._is_to_be_extracted(route, row):
                    right = self._is_extracted(route, row)
                else:
                    right = there is not None and there.size == row.entry.size
                if not right and not row.name.endswith("/"):
                    gone.append(row)
            if gone:
                self._journal.reopen_items(self._row.id, [row.id for row in gone])
                self._reopened[0] += len(gone)
                self._reopened[1] += sum(row.entry.size for row in gone)
                self.examples += [safe_text(row.name) for row in gone[: EXAMPLES - len(self.examples)]]

    def _adopt(self, number: int, route: Route, look: Look, target: Store) -> None:
        source = self._stores.source(route, self._row.spec.adhoc)
        try:
            for rows in self._pages(number, (Status.PENDING, Status.FAILED)):
                done: list[Completion] = []
                for row in rows:
                    self.checked += 1
                    there = look(route.target_key(row.name))
                    if there is None or there.size != row.entry.size or row.name.endswith("/"):
                        continue
                    if self._is_to_be_extracted(route, row) and not self._is_extracted(route, row):
                        continue
                    proof = self._prove(route, row, source, target, there)
                    if proof:
                        size = row.entry.size
                        done.append(
                            Completion(row.id, Status.COMPLETED, row.attempts, size, proof, "", time.time())
                        )
                        self._adopted[0] += 1
                        self._adopted[1] += size
                if done:
                    self._journal.complete(self._row.id, done)
        except (FatalTrouble, TransferError, HaulierError) as error:
            if isinstance(error, DiskTrouble):
                raise
            self.source_trouble = safe_text(error.message)
        finally:
            if isinstance(source, LocalFolder):
                source.close()

    def _is_to_be_extracted(self, route: Route, row: ItemRow) -> bool:
        options = self._row.spec.options
        local = route.target.kind == "local"
        return options.extract and local and bool(folder_name(route.target_key(row.name, row.path)))

    def _is_extracted(self, route: Route, row: ItemRow) -> bool:
        if not self._is_to_be_extracted(route, row):
            return False
        return is_filled(Path(route.target_root, folder_name(route.target_key(row.name, row.path))))

    def _prove(self, route: Route, row: ItemRow, source: SourceStore, target: Store, there: Entry) -> str:
        """How the target's file was found to be the source's, empty when it was not."""
        mine = route.source_entry(row.entry)
        theirs = msgspec.structs.replace(there, key=route.target_key(row.name))
        try:
            now = source.stat(mine.key).entry
            if (now.size, now.etag) != (mine.size, mine.etag):
                return ""  # the source has another version by now
            verdict = same_content(
                source,
                mine,
                target,
                theirs,
                read_both=isinstance(source, LocalFolder) and isinstance(target, LocalFolder),
                cancelled=self._cancelled,
            )
        except FileTrouble:
            return ""
        return verdict.proof if verdict.equal else ""

    def _pages(self, number: int, states: tuple[Status, ...]) -> Iterator[list[ItemRow]]:
        after = 0
        while rows := self._journal.items_in(self._row.id, number, states, after, PAGE):
            if self._cancelled.is_set():
                raise Cancelled
            after = rows[-1].id
            yield rows


def _stat(target: LocalFolder, key: str) -> Entry | None:
    try:
        return target.stat(key).entry
    except NotFound:
        return None
    except FileTrouble:
        return None  # a link or a device where a file should be
