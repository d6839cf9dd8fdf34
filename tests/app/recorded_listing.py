"""Open listings over recorded pages: the engine's own room for them, with a store that plays back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from core.engine.browsing.listings import Listings
from core.engine.storebook import SourceStore
from core.listings import (
    CloseListing,
    FindInListing,
    LookAtObject,
    ObjectDetails,
    ObjectVersion,
    OpenListing,
    RangeOfListing,
    ReadListing,
    SumOfListing,
)
from core.messages import EntryPage, ListEntries
from core.model import Adhoc, Entry, Place
from tests.app.recorded import HOSTILE, NOW, RecordedClient

Pages = Callable[[ListEntries], EntryPage]


class _Store:
    """One place, as the recording has its pages."""

    in_order = False  # recordings begin with hostile names

    def __init__(self, place: Place, pages: Pages, asked: list[Any]) -> None:
        self._place, self._pages, self._asked = place, pages, asked

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        ask = ListEntries(place=self._place, cursor=cursor, limit=limit)
        self._asked.append(ask)
        page = self._pages(ask)
        # A name that is no text never comes out of a store.
        entries = [entry for entry in page.entries if _is_text(entry.key)]
        return [replace(entry, key=prefix + entry.key) for entry in entries], page.cursor

    def take_unlistable(self) -> list[tuple[str, str]]:
        return []


def plays_listings(client: RecordedClient, pages: Pages) -> RecordedClient:
    """Let the client answer what is asked of listings. The pages that were read are in `client.asked`, too."""
    folder = tempfile.TemporaryDirectory(prefix="haulier-listings-")

    def open_place(place: Place, _adhoc: Adhoc) -> tuple[SourceStore, str]:
        return cast("SourceStore", _Store(place, pages, client.asked)), place.path

    listings = Listings(Path(folder.name) / "listings", open_place)

    def opened(ask: OpenListing) -> Any:
        assert folder.name  # it lives as long as the recording
        return listings.open(ask)

    client.answers |= {
        OpenListing: opened,
        ReadListing: listings.read,
        RangeOfListing: listings.range,
        FindInListing: listings.find,
        SumOfListing: listings.sum,
        CloseListing: listings.close,
        LookAtObject: details,
    }
    return client


def details(ask: LookAtObject) -> ObjectDetails:
    """An object with everything that can be told, some of it hostile."""
    return ObjectDetails(
        place=ask.place,
        size=123_456_789,
        modified=NOW,
        etag="9b2cf535f27731c974343645a3985328-8",
        storage_class="STANDARD_IA",
        version_id="3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
        part_size=16 << 20,
        headers={"content-type": "application/zstd", "cache-control": HOSTILE[4]},
        user={"mtime": "1790000000.25", HOSTILE[0]: HOSTILE[1]},
        tags={"team": "logs"},
        checksums={"crc64nvme": "AAAAAAAAAAA="},
        versions=(
            ObjectVersion(version_id="3sL4", modified=NOW, size=123_456_789, is_latest=True),
            ObjectVersion(version_id="2aaa", modified=NOW - 90_000, is_marker=True),
            ObjectVersion(version_id="1bbb", modified=NOW - 900_000, size=99, storage_class="GLACIER"),
        ),
        untold=("its tags: 403 AccessDenied",),
    )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
