"""Large items whose source answers ranges with the whole object: one stream from the first byte to the last.

Nothing can be read twice or side by side there, so an interrupted item begins again from nothing. What arrives
is still written where it belongs, cut into parts for object stores, and proven as everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.engine.journal.rows import TransferRow
from core.engine.moving.large import LargeDownload, LargeUpload, PartSpan, spans_of
from core.engine.proving.proof import md5_of
from core.errors import NetworkTrouble
from core.stores.base import Body, CancelFlag, PartReceipt

if TYPE_CHECKING:
    from core.engine.moving.move import Means


class WholeDownload(LargeDownload):
    """One part that is everything."""

    def layout(self, wanted: int) -> None:
        super().layout(wanted)
        self.spans = spans_of(self.entry.size, self.entry.size)
        self.proof.read_back_only()


class WholeRelay(LargeUpload):
    """One read, `cuts` parts written. The receipts are those of the cuts."""

    def layout(self, wanted: int) -> None:
        super().layout(wanted)
        self.cuts = self.spans
        self.spans = spans_of(self.entry.size, self.entry.size)

    def take_up(self, recorded: TransferRow, cancelled: CancelFlag) -> None:
        """Nothing can be kept without reading all before it; a part that is the same is not sent again."""

    @property
    def complete(self) -> bool:
        return len(self.receipts) == len(self.cuts)


def relay_whole(large: WholeRelay, means: Means) -> PartReceipt:
    """Read the object once and send it part by part. Returns the first part's receipt, the others are noted.

    Parts that an earlier try of this engine has sent are compared by digest and not sent again.
    """
    sent, large.receipts = large.receipts, {}
    try:
        large.opened()
        with (
            means.memory.hold(large.part_size, means.cancelled),
            large.source.read(large.entry, 0, large.entry.size, cancelled=means.cancelled) as body,
        ):
            for span, data in _cut(body, large.cuts, means):
                means.slot.part, means.slot.parts = span.number, len(large.cuts)
                sent[span.number] = _sent(large, span, data, sent.get(span.number))
    finally:
        with large.lock:
            large.receipts = sent
    return sent[1]


def _sent(large: WholeRelay, span: PartSpan, data: memoryview, before: PartReceipt | None) -> PartReceipt:
    md5 = md5_of(data)
    if before is None or before.md5 != md5:
        before = large.target.put_part(large.key, large.token, span.number, span.offset, data, md5=md5)
    if large.relay is not None:
        large.relay.absorb(span.offset, data)
    return before


def _cut(body: Body, spans: list[PartSpan], means: Means) -> Iterator[tuple[PartSpan, memoryview]]:
    """The body in the pieces of `spans`; each is valid until the next is taken."""
    chunks = iter(body)
    rest = memoryview(b"")
    for span in spans:
        part, at = memoryview(bytearray(span.length)), 0
        while at < span.length:
            if not rest:
                rest = memoryview(next(chunks, b""))
                if not rest:
                    raise NetworkTrouble(f"{span.offset + at} bytes arrived and then no more")
                means.slot.done += len(rest)
                means.slot.moved += len(rest)
                if means.bandwidth.limits:
                    means.bandwidth.take(len(rest), means.cancelled)
            piece = rest[: span.length - at]
            part[at : at + len(piece)] = piece
            at += len(piece)
            rest = rest[len(piece) :]
        yield span, part
    for _ in chunks:  # the body checks its end here
        raise NetworkTrouble("more bytes arrived than were announced")
