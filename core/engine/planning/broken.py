"""Planning from what a verify job found instead of from listings: to copy it again, or to verify it again.

Each item is looked at on both sides as it is now, so a repair takes the source's present version, and what was
mended meanwhile by other means is copied once more without harm.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import msgspec

from core.engine.journal.journal import Journal
from core.engine.planning.compare import Decision
from core.engine.planning.route import Route
from core.engine.storebook import SourceStore, Store
from core.errors import FatalTrouble, FileTrouble, NotFound
from core.model import Action, Entry, JobKind, JobSpec
from core.stores.base import Cancelled

AT_ONCE = 16  # requests
GROUP = 500


def decide_broken(
    spec: JobSpec,
    number: int,
    route: Route,
    source: SourceStore,
    target: Store,
    journal: Journal,
    cancelled: threading.Event,
) -> Iterator[Decision]:
    """What to do with the items of route `number` that job `spec.broken_of` found broken, in its order.

    Raises TransferError when a side cannot be asked at all, Cancelled."""

    def look(item: tuple[str, str, str]) -> Decision:
        name, path, url = item
        try:
            mine = source.stat(url or route.source_key(name, path)).entry
        except FatalTrouble:
            raise
        except NotFound:
            return Decision(Action.CANNOT, Entry(key=name), "missing at the source", path)
        except FileTrouble as error:
            return Decision(Action.CANNOT, Entry(key=name), error.message, path)
        entry = msgspec.structs.replace(mine, key=name, url=url)
        theirs = _there(target, route.target_key(name, path))
        if spec.kind is not JobKind.VERIFY:
            return Decision(Action.COPY if theirs is None else Action.OVERWRITE, entry, path=path)
        if theirs is None:
            return Decision(Action.CANNOT, entry, "missing at the target", path)
        if theirs.size != entry.size:
            return Decision(Action.CANNOT, entry, f"sizes differ: {entry.size} and {theirs.size} bytes", path)
        return Decision(Action.VERIFY, entry, path=path)

    items = journal.failed_names(spec.broken_of, number)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="broken") as pool:
        while group := list(islice(items, GROUP)):
            if cancelled.is_set():
                raise Cancelled
            yield from pool.map(look, group)


def _there(target: Store, key: str) -> Entry | None:
    try:
        return target.stat(key).entry
    except NotFound:
        return None
    except FatalTrouble:
        raise
    except FileTrouble:
        return Entry(key=key, size=-1)  # something is there that cannot be looked at: to be replaced
