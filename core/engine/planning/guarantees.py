"""Which guarantees are missing at the stores of a job: said in its plan, in plain words, once each.

Only what matters for this job is said, and only what was seen (capability_card.py): a fact that is not known
yet warns of nothing. A service without a card, or with one that is old, is looked at by reading only, in a few
requests, before the plan is frozen; when that fails, the plan goes on without.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from core.capability_card import SKEW_SAID, STALE_AFTER, CapabilityCard, skew_words
from core.engine.journal.journal import Journal
from core.engine.moving.large import LARGE_DOWNLOAD, LARGE_UPLOAD
from core.engine.planning.route import Route
from core.engine.storebook import StoreBook
from core.engine.upkeep.unfinished import unknown_uploads
from core.errors import HaulierError, TransferError
from core.model import Compare, JobKind, JobSpec, PairPlan, Place
from core.safe_text import safe_text
from core.stores.s3 import S3Bucket
from core.stores.s3.capability import look
from core.stores.s3.errors import Doing
from core.stores.s3.multipart import MAX_PART
from core.units import format_count, format_eta

log = logging.getLogger(__name__)


class Guarantees:
    """Of one job, when its items are in the journal. Blocking: called in the planner's thread."""

    def __init__(self, job: int, spec: JobSpec, journal: Journal, stores: StoreBook) -> None:
        self._job, self._spec, self._journal, self._stores = job, spec, journal, stores

    def missing(self, routes: tuple[Route, ...], plans: list[PairPlan]) -> list[str]:
        """The warnings, each guarantee of each store once."""
        largest = self._journal.uploads.largest_items(self._job)
        said: dict[str, None] = {}
        for number, (route, plan) in enumerate(zip(routes, plans, strict=True)):
            biggest = largest.get(number, 0)
            moves = plan.copy.count + plan.overwrite.count > 0
            if route.source.kind == "s3" and (moves or route.method == "verify"):
                card = self._card(route.source)
                if card is not None:
                    said.update(dict.fromkeys(self._at_source(route, card, biggest)))
            if route.source.kind == "hub" and moves:
                said.update(dict.fromkeys(self._quota(route, plan)))
            if route.target.kind == "s3" and (moves or plan.delete.count):
                card = None if route.creates_bucket else self._card(route.target)
                if card is not None:
                    said.update(dict.fromkeys(self._at_target(route, card, biggest, plan)))
            if route.method in ("upload", "relay") and moves and not route.creates_bucket:
                said.update(dict.fromkeys(self._unfinished(number, route)))
        return list(said)

    # ------------------------------------------------------------ the stores

    def _quota(self, route: Route, plan: PairPlan) -> Iterator[str]:
        """What the account's request quota alone will take; every file is at least one request."""
        try:
            window = self._stores.hub(route.source.connection, self._spec.adhoc).resolvers()
        except (HaulierError, TransferError):
            return
        files = plan.copy.count + plan.overwrite.count
        if window is None or files <= window.requests:
            return
        seconds = files / window.requests * window.seconds
        yield (
            f"{_name(route.source)}: {format_count(files)} files take at least {format_eta(seconds)} of this "
            f"account's quota ({format_count(window.requests)} requests in {window.seconds:.0f} s)"
        )

    def _at_source(self, route: Route, card: CapabilityCard, biggest: int) -> Iterator[str]:
        who = _name(route.source)
        by_parts = biggest >= (LARGE_DOWNLOAD if route.method == "download" else LARGE_UPLOAD)
        if by_parts and route.method in ("download", "relay"):
            if card.ranges == "ignored":
                yield (
                    f"{who}: ranges are ignored: large objects are read whole, in one stream each, and one "
                    "that is interrupted begins again from its first byte"
                )
            elif card.if_match is False:
                yield (
                    f"{who}: answers to ranges cannot be pinned to a version (If-Match is ignored): the ETag "
                    "of every answer is compared instead"
                )
        if route.method in ("download", "relay", "verify") and card.composite_etag is False:
            yield f"{who}: ETags of multipart objects change after the upload: some are proven by size only"
        if route.method == "relay" and card.tag_count is False and card.tags is not False:
            yield f"{who}: does not tell which objects have tags: tags may not be carried over"
        yield from self._clock(who, card)

    def _at_target(self, route: Route, card: CapabilityCard, biggest: int, plan: PairPlan) -> Iterator[str]:
        who = _name(route.target)
        sends = route.method in ("upload", "relay") and plan.copy.count + plan.overwrite.count > 0
        crc64 = card.checksum("crc64nvme")
        if sends and crc64.accepted is not None and not crc64.echoed:
            yield f"{who}: no checksum is kept: proof is the MD5 in the ETag"
        if sends and card.content_md5 is False and not crc64.checked:
            yield f"{who}: Content-MD5 is not checked: damage on the way shows in the ETag only"
        if route.method == "server side" and biggest > MAX_PART and card.copies_parts is False:
            yield f"{who}: parts cannot be copied by the store: objects above 5 GiB go through this machine"
        if plan.delete.count and card.conditional_delete is False:
            yield (
                f"{who}: no conditional delete: each object is looked at just before it goes, and a change in "
                "that moment is not noticed"
            )
        yield from self._clock(who, card)

    def _clock(self, who: str, card: CapabilityCard) -> Iterator[str]:
        if card.skew is None or abs(card.skew) <= SKEW_SAID:
            return
        words = f"{who}: its clock is {skew_words(card.skew)}"
        if self._spec.kind is not JobKind.VERIFY and self._spec.options.compare is Compare.TIME:
            words += ": times of changes are compared across that difference"
        yield words

    # ------------------------------------------------------------ unfinished uploads

    def _unfinished(self, number: int, route: Route) -> Iterator[str]:
        """Uploads nobody here knows, of keys that this job will write."""
        try:
            store = self._stores.target(route, self._spec.adhoc)
            if not isinstance(store, S3Bucket):
                return
            rows = self._journal.uploads
            ours = rows.known().keys() | {left.token for left in rows.leftovers()}
            found = unknown_uploads(store, route.target_prefix, ours)
        except (TransferError, HaulierError) as error:
            log.info("unfinished uploads at %s: %s", route.target, error)
            return
        if not found:
            return
        count = sum(
            found.pop(route.target_key(name), 0)
            for at, name, _ in rows.large_items(self._job, 1)
            if at == number
        )
        if not count:
            return
        many = count > 1
        if self._spec.options.on_unfinished == "clean":
            done = f"{'they are' if many else 'it is'} removed and begun anew (clean)"
        else:
            done = f"continued where {'their' if many else 'its'} parts hold the same bytes (resume)"
        yield (
            f"{_name(route.target)}: {count} unfinished upload{'s' if many else ''} of this job's files found "
            f"there: {done}; --on-unfinished resume|clean chooses"
        )

    # ------------------------------------------------------------ the card

    def _card(self, place: Place) -> CapabilityCard | None:
        """The kept card; made or refreshed by reading when there is none that is recent."""
        cards = self._stores.cards
        if cards is None:
            return None
        try:
            service = self._stores.service(place.connection, self._spec.adhoc)
            card = cards.get(service.connection)
            if card is not None and time.time() - card.made < STALE_AFTER:
                return card
            with service.control.asking(Doing("look at the abilities of", place.bucket)):
                seen = look(service.control.client(place.bucket), service.connection, place.bucket)
            return cards.add(service.connection, seen)
        except (TransferError, HaulierError) as error:
            log.info("the abilities of %s stay as they were: %s", place.connection, error)
            return None


def _name(place: Place) -> str:
    return safe_text(place.connection, 60)
