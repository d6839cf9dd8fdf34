"""The capability card: what one S3 service was seen to do, kept with its connection, and the words for it.

Services that speak S3 differ where it hurts: whether a version can be pinned, whether a damaged part is
noticed, whether the service copies by itself. A fact stands on the card only when it was seen; `None`, an empty
text or an absent checksum mean "not known yet", and nothing is concluded from them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from core.model import Connection, ProfileCredentials, Value
from core.safe_text import safe_text
from core.units import format_duration, format_eta

VERSION = 1
UNKNOWN = "not known yet"
SKEW_SAID = 60.0  # seconds of difference between two clocks that are worth a word
STALE_AFTER = 7 * 86400.0  # seconds; what needs no writing is looked at again after a while

Ranges = Literal["", "206", "200", "ignored"]
Look = Literal["good", "warn", "quiet", ""]


class ChecksumFact(Value, frozen=True, kw_only=True):
    """One checksum algorithm at this service ("Checking object integrity", Amazon S3 User Guide)."""

    algorithm: str  # "crc64nvme", "sha256", "crc32c" …
    accepted: bool | None = None  # an upload that carries it is taken
    checked: bool | None = None  # an upload with a wrong value is refused
    echoed: bool | None = None  # HEAD tells it afterwards


class CapabilityCard(Value, frozen=True, kw_only=True):
    """What was seen of one service. Times in seconds since the epoch, 0 for never."""

    version: int = VERSION
    made_for: str = ""  # `fingerprint` of the connection; a card of another endpoint says nothing
    made: float = 0.0  # when what needs no writing was last looked at
    written: float = 0.0  # when a write test was last made
    server: str = ""  # the Server header
    skew: float | None = None  # seconds that the server's clock is ahead of this machine's
    addressing: Literal["", "path", "virtual"] = ""
    if_match: bool | None = None  # GET with another version's ETag is refused
    ranges: Ranges = ""  # "200": a right Content-Range under status 200
    ordered: bool | None = None  # listings came in the byte order of their keys
    encoded_listing: bool | None = None  # encoding-type=url is honoured
    checksums: tuple[ChecksumFact, ...] = ()
    content_md5: bool | None = None  # a wrong Content-MD5 is refused
    composite_etag: bool | None = None  # HEAD tells a multipart object's ETag as "…-N"
    copy: bool | None = None  # CopyObject
    part_copy: bool | None = None  # UploadPartCopy
    part_copy_etag: bool | None = None  # … and it answers the part's ETag
    conditional_delete: bool | None = None
    multi_delete: bool | None = None
    versioning: Literal["", "on", "suspended", "off", "not offered"] = ""  # of `bucket`
    bucket: str = ""  # where versioning was looked at
    checksum_parts: bool | None = None  # multipart uploads take a CRC64NVME of every part
    tags: bool | None = None  # objects have tags at all
    tag_count: bool | None = None  # HEAD tells how many tags an object has
    metadata_case: Literal["", "kept", "changed"] = ""

    @property
    def copies_parts(self) -> bool | None:
        """Whether UploadPartCopy can be used: without an ETag nobody knows what was copied."""
        if self.part_copy is False or self.part_copy_etag is False:
            return False
        return True if self.part_copy and self.part_copy_etag else None

    def checksum(self, algorithm: str) -> ChecksumFact:
        """The fact of one algorithm, all unknown when there is none."""
        found = (each for each in self.checksums if each.algorithm == algorithm)
        return next(found, ChecksumFact(algorithm=algorithm))

    def with_checksum(self, fact: ChecksumFact) -> CapabilityCard:
        """The card with what this fact knows."""
        others = [each for each in self.checksums if each.algorithm != fact.algorithm]
        mine = _merged_fact(self.checksum(fact.algorithm), fact)
        return msgspec.structs.replace(self, checksums=(*others, mine))


class FactRow(Value, frozen=True, kw_only=True):
    """One line of a card in words. The words are safe to show."""

    name: str
    words: str
    look: Look = ""  # "good", "warn" for what is missing, "quiet" for what is not known


def fingerprint(connection: Connection) -> str:
    """What a card was made for: another endpoint or addressing is another service."""
    profile = ""
    if not connection.endpoint and isinstance(connection.credentials, ProfileCredentials):
        profile = connection.credentials.profile  # it may name the endpoint
    return " ".join((connection.endpoint or "aws", connection.addressing, profile)).rstrip()


def merged(old: CapabilityCard | None, new: CapabilityCard) -> CapabilityCard:
    """The new card, with what only the old one knows. A card of another service is not taken over."""
    if old is None or old.made_for != new.made_for:
        return new
    changes: dict[str, object] = {"made": max(old.made, new.made), "written": max(old.written, new.written)}
    for name in CapabilityCard.__struct_fields__:
        value = getattr(new, name)
        if value is None or (isinstance(value, str) and not value):
            changes[name] = getattr(old, name)
    names = {each.algorithm: None for each in (*old.checksums, *new.checksums)}
    changes["checksums"] = tuple(_merged_fact(old.checksum(name), new.checksum(name)) for name in names)
    return msgspec.structs.replace(new, **changes)


def _merged_fact(old: ChecksumFact, new: ChecksumFact) -> ChecksumFact:
    def newer(name: str) -> bool | None:
        value: bool | None = getattr(new, name)
        return getattr(old, name) if value is None else value

    return ChecksumFact(
        algorithm=new.algorithm, accepted=newer("accepted"), checked=newer("checked"), echoed=newer("echoed")
    )


# ---------------------------------------------------------------- in words


def rows(card: CapabilityCard) -> list[FactRow]:
    """The whole card in words, one fact a row, in a fixed order."""
    return [
        _checksums(card),
        _fact("Content-MD5", card.content_md5, "checked", "ignored: damage shows in the ETag only"),
        _fact("If-Match on GET", card.if_match, "honoured", "ignored: every answer's ETag is compared instead"),
        _ranges(card),
        _fact("listing order", card.ordered, "by key, as far as seen", "not by key: compared by index"),
        _fact("listing names", card.encoded_listing, "percent-encoded", "not encoded"),
        _fact("multipart ETag", card.composite_etag, "kept (…-N)", "another one afterwards"),
        _fact("CopyObject", card.copy, "works", "no: copied through this machine"),
        _part_copy(card),
        _fact("conditional delete", card.conditional_delete, "honoured", "no: looked at just before instead"),
        _fact("multi-delete", card.multi_delete, "works", "no: one request for each object"),
        _versioning(card),
        _fact("tag count on HEAD", card.tag_count, "told", "not told"),
        _metadata_case(card),
        FactRow(name="addressing", words=card.addressing) if card.addressing else _unknown("addressing"),
        _clock(card),
        FactRow(name="server", words=safe_text(card.server, 60)) if card.server else _unknown("server"),
    ]


def fields(card: CapabilityCard) -> dict[str, object]:
    """The card as scripts read it: null for what is not known yet."""
    found: dict[str, object] = {
        name: getattr(card, name) for name in CapabilityCard.__struct_fields__ if name != "checksums"
    }
    found = {name: None if value == "" else value for name, value in found.items()}
    found["checksums"] = {
        each.algorithm: {"accepted": each.accepted, "checked": each.checked, "echoed": each.echoed}
        for each in card.checksums
    }
    return found


def age_words(card: CapabilityCard, now: float) -> str:
    """ "seen 3 h 10 min ago, write test 2 d 1 h ago"."""
    seen = f"seen {format_eta(max(0.0, now - card.made))} ago" if card.made else "never looked at"
    if not card.written:
        return f"{seen}, no write test yet"
    return f"{seen}, write test {format_eta(max(0.0, now - card.written))} ago"


def summary(card: CapabilityCard) -> tuple[str, str, str]:
    """For narrow screens: the names of what works, what is missing with its words, what is not known."""
    shown = rows(card)
    works = [row.name for row in shown if row.look == "good"]
    missing = [f"{row.name} {row.words}" for row in shown if row.look == "warn"]
    unknown = [row.name for row in shown if row.look == "quiet"]
    return ", ".join(works), "; ".join(missing), ", ".join(unknown)


def skew_words(skew: float) -> str:
    """ "7 min ahead of this machine's"."""
    amount = f"{abs(skew) / 60:.0f} min" if abs(skew) < 3600 else format_duration(abs(skew))
    return f"{amount} {'ahead of' if skew > 0 else 'behind'} this machine's"


def _unknown(name: str) -> FactRow:
    return FactRow(name=name, words=UNKNOWN, look="quiet")


def _fact(name: str, value: bool | None, yes: str, no: str) -> FactRow:
    if value is None:
        return _unknown(name)
    return FactRow(name=name, words=yes if value else no, look="good" if value else "warn")


def _checksums(card: CapabilityCard) -> FactRow:
    groups: dict[str, list[str]] = {}
    for fact in card.checksums:
        groups.setdefault(_checksum_words(fact), []).append(safe_text(fact.algorithm.upper(), 20))
    groups.pop("", None)
    if not groups:
        return _unknown("checksums")
    words = "; ".join(f"{', '.join(names)} {said}" for said, names in groups.items())
    kept = any(fact.echoed for fact in card.checksums)
    return FactRow(name="checksums", words=words, look="good" if kept else "warn")


def _checksum_words(fact: ChecksumFact) -> str:
    if fact.accepted is False:
        return "refused"
    if fact.echoed:
        return "checked and kept" if fact.checked else "kept, not checked" if fact.checked is False else "kept"
    if fact.checked:
        return "checked, not kept"
    return "ignored" if fact.accepted else ""


def _ranges(card: CapabilityCard) -> FactRow:
    words = {
        "206": "206 with Content-Range",
        "200": "200 with a right Content-Range",
        "ignored": "ignored: objects are read whole, in one stream",
    }
    if not card.ranges:
        return _unknown("ranges")
    return FactRow(name="ranges", words=words[card.ranges], look="warn" if card.ranges == "ignored" else "good")


def _part_copy(card: CapabilityCard) -> FactRow:
    if card.part_copy and card.part_copy_etag is False:
        return FactRow(name="part copy", words="answers no ETag: through this machine", look="warn")
    return _fact("part copy", card.copies_parts, "works", "no: large objects go through this machine")


def _versioning(card: CapabilityCard) -> FactRow:
    if not card.versioning:
        return _unknown("versioning")
    where = f" in {safe_text(card.bucket, 40)}" if card.bucket and card.versioning != "not offered" else ""
    return FactRow(name="versioning", words=f"{card.versioning}{where}")


def _metadata_case(card: CapabilityCard) -> FactRow:
    name = "metadata names"
    if not card.metadata_case:
        return _unknown(name)
    if card.metadata_case == "kept":
        return FactRow(name=name, words="come back as sent", look="good")
    return FactRow(name=name, words="come back in other letter case", look="warn")


def _clock(card: CapabilityCard) -> FactRow:
    if card.skew is None:
        return _unknown("clock")
    if abs(card.skew) <= SKEW_SAID:
        return FactRow(name="clock", words="agrees with this machine's", look="good")
    return FactRow(name="clock", words=skew_words(card.skew), look="warn")
