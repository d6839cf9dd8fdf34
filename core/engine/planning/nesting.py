"""One place of a pair inside the other: with items moving while the listing runs that would never end."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from core.engine.planning.route import Route
from core.engine.storebook import StoreBook
from core.errors import Code, HaulierError
from core.model import Adhoc


class Nesting(NamedTuple):
    """Beginnings of names, relative to the source and to the target; empty when there is no such thing."""

    not_source: str = ""  # the target, as the source lists it: no part of what is copied into it
    not_extra: str = ""  # the source, as the target lists it: nothing that only the target has


def find_nesting(route: Route, stores: StoreBook, adhoc: Adhoc) -> Nesting:
    """Raises HaulierError when source and target are the same place."""
    if not _one_store(route, stores, adhoc):
        return Nesting()
    source = _full_prefix(route.source_root, route.source_prefix)
    target = _full_prefix(route.target_root, route.target_prefix)
    if source == target:
        raise HaulierError(Code.USAGE, f"{route.source} and {route.target} are the same place")
    if target.startswith(source):
        return Nesting(not_source=target.removeprefix(source))
    if source.startswith(target):
        return Nesting(not_extra=source.removeprefix(target))
    return Nesting()


def _one_store(route: Route, stores: StoreBook, adhoc: Adhoc) -> bool:
    source, target = route.source, route.target
    if source.kind != target.kind:
        return False
    if source.kind == "local":
        return True
    here = stores.connection(target.connection, adhoc)
    there = stores.connection(source.connection, adhoc)
    return source.bucket == target.bucket and here.endpoint.rstrip("/") == there.endpoint.rstrip("/")


def _full_prefix(root: str, prefix: str) -> str:
    """Where a route's names begin, for comparing places of one store: links in local paths resolved."""
    return f"{Path(root).resolve()}/".replace("//", "/") if root else prefix
