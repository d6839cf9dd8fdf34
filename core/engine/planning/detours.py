"""Ways around what a store cannot do, for one job: known from its capability card, or learnt while it works.

| the store … | then … |
|---|---|
| answers ranges with the whole object | large items are read in one stream (whole.py) |
| copies objects, but no parts | what is too large for one copy goes through this machine |
| could not be reached to remove an upload | it is remembered and removed later (leftovers.py) |
| has unfinished uploads nobody here knows | they are continued or removed (unfinished.py) |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from core.engine.journal.journal import Journal
from core.engine.journal.rows import ItemRow
from core.engine.moving.large import LargeDownload, LargeItem, LargeUpload
from core.engine.moving.whole import WholeDownload, WholeRelay
from core.engine.planning.route import Route
from core.engine.storebook import Store, StoreBook
from core.engine.upkeep.unfinished import Unfinished
from core.errors import TransferError
from core.model import JobSpec, Level, Place
from core.safe_text import safe_text
from core.stores.base import CancelFlag
from core.stores.s3 import S3Bucket
from core.stores.s3.headers import user_metadata


class Detours:
    """Of one job. `begin` when its routes are known; before that there are none. Called from many workers."""

    def __init__(
        self,
        journal: Journal,
        stores: StoreBook,
        spec: JobSpec,
        cancelled: CancelFlag,
        notice: Callable[[Level, str], None],
    ) -> None:
        self._journal, self._stores, self._spec, self._notice = journal, stores, spec, notice
        options = spec.options
        self._unfinished = Unfinished(
            journal.uploads,
            options.on_unfinished,
            options.part_size,
            options.storage_class,
            cancelled,
            notice,
        )
        self._routes: tuple[Route, ...] = ()
        self._unranged: set[tuple[int, str]] = set()  # routes, and hosts of lists, that cannot be read in parts
        self.partless: set[int] = set()  # routes whose target cannot copy parts by itself

    def begin(self, routes: tuple[Route, ...]) -> None:
        """What the cards say of the places."""
        self._routes = routes
        for number, route in enumerate(routes):
            source = self._stores.card(route.source, self._spec.adhoc)
            if source is not None and source.ranges == "ignored":
                self._unranged.add((number, ""))
            target = self._stores.card(route.target, self._spec.adhoc)
            if target is not None and target.copies_parts is False:
                self.partless.add(number)

    # ------------------------------------------------------------ which way

    def download(self, row: ItemRow) -> type[LargeDownload]:
        return WholeDownload if (row.route, server_of(row)) in self._unranged else LargeDownload

    def upload(self, row: ItemRow) -> type[LargeUpload]:
        return WholeRelay if (row.route, server_of(row)) in self._unranged else LargeUpload

    def has_unfinished(self, route: int, target: Store, key: str) -> bool:
        """Whether the target holds an unknown unfinished upload of this key. Raises TransferError."""
        if not isinstance(target, S3Bucket) or not self._routes:
            return False
        return self._unfinished.has(target, self._routes[route].target_prefix, key)

    def prepare(self, large: LargeItem) -> None:
        """Before it begins: an upload may go on with an unfinished one that it finds."""
        if isinstance(large, LargeUpload) and not isinstance(large, WholeRelay) and self._routes:
            prefix = self._routes[large.row.route].target_prefix
            large.take_over = partial(self._unfinished.take_over, prefix=prefix)

    def finished(self, large: LargeItem) -> None:
        """An upload that was begun elsewhere carries what it was begun with: told, when that is not ours."""
        if not large.there:
            return
        try:
            now = large.target.stat(large.key).metadata
        except TransferError:
            return  # it is there; what it carries is not known
        wanted = large.metadata()
        alike = {name.lower(): value for name, value in now.user.items()} == user_metadata(wanted)
        if not alike or any(now.headers.get(name) != value for name, value in wanted.headers.items() if value):
            self._notice(
                Level.INFO,
                f"{safe_text(large.row.name)}: complete; its metadata are those that the unfinished upload was "
                "begun with",
            )

    # ------------------------------------------------------------ learning

    def no_ranges(self, row: ItemRow, error: TransferError) -> bool:
        """The source of an item ignores ranges. False when that was known: then it is another trouble."""
        if (row.route, server_of(row)) in self._unranged or not self._routes:
            return False
        self._unranged.add((row.route, server_of(row)))
        self._learn(self._routes[row.route].source, ranges="ignored")
        self._notice(
            Level.WARNING,
            f"{safe_text(error.message)}: large objects are read whole, in one stream; one that is interrupted "
            "begins again from its first byte",
        )
        return True

    def no_copy(self, route: int, *, of_parts: bool) -> None:
        """The target does not copy by itself after all."""
        if of_parts:
            self.partless.add(route)
        if self._routes:
            target = self._routes[route].target
            if of_parts:
                self._learn(target, part_copy_etag=False)
            else:
                self._learn(target, copy=False)

    def _learn(self, place: Place, **facts: object) -> None:
        if place.kind == "s3":
            self._stores.learn(place.connection, self._spec.adhoc, **facts)

    # ------------------------------------------------------------ what is left behind

    def left_behind(self, route: int, name: str, key: str, token: str, why: str) -> None:
        """A staged item could not be removed: told, and an upload is remembered to be removed later."""
        place = self._routes[route].target if self._routes else None
        if place is None or place.kind != "s3":
            self._notice(Level.WARNING, f"{safe_text(name)}: partial data left behind: {safe_text(why)}")
            return
        self._journal.uploads.leave(place, self._spec.adhoc, key, token, safe_text(why))
        self._notice(
            Level.WARNING,
            f"{safe_text(name)}: its unfinished upload could not be removed now ({safe_text(why)}); "
            "that is tried again by itself until it is gone",
        )


def server_of(row: ItemRow) -> str:
    """The host of an item that a list names; "" for the one of its route."""
    return urlsplit(row.entry.url).netloc if row.entry.url else ""
