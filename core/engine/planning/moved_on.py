"""Whether a branch points to another commit at the end of a job than the one that the job has read."""

from __future__ import annotations

from collections.abc import Iterable

from core.engine.planning.route import Route
from core.engine.storebook import StoreBook
from core.errors import HaulierError, TransferError
from core.model import Adhoc
from core.safe_text import safe_text
from core.stores.hub.names import MAIN, is_commit

SHOWN = 8  # digits of a commit


def moved_on(routes: Iterable[Route], stores: StoreBook, adhoc: Adhoc) -> str:
    """What to say of the branches that moved on, one request a repository; "" when none did, or nobody knows.

    The job itself is not concerned: it has read one commit.
    """
    said: list[str] = []
    asked: set[tuple[str, str, str]] = set()
    for route in routes:
        place = route.source
        revision = place.revision or MAIN
        which = (place.connection, place.bucket, revision)
        if place.kind != "hub" or is_commit(revision) or which in asked:
            continue
        asked.add(which)
        try:
            now = stores.hub(place.connection, adhoc).repo(place.bucket, revision).resolve().commit
        except (TransferError, HaulierError):
            continue
        if now != route.commit:
            said.append(
                f"{safe_text(revision)} of {safe_text(place.bucket)} points to {now[:SHOWN]} by now, and "
                f"{route.commit[:SHOWN]} was copied; run it again to take what is new"
            )
    return "; ".join(said)
