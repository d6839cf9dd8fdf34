"""What a service can do, found out by reading only: a handful of small requests, nothing is changed.

Each question is asked by itself, so that one refusal (no permission, not implemented) leaves the other answers.
A network that fails ends the asking. Sources: "GetObject", "HeadObject", "ListObjectsV2" and
"GetBucketVersioning" in the Amazon S3 API reference; RFC 9110, 13.1.1 (If-Match) and 14.2 (Range).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec
from botocore.exceptions import ClientError

from core.capability_card import CapabilityCard, ChecksumFact, Ranges, fingerprint
from core.model import Connection

ALGORITHMS = {"crc64nvme": "ChecksumCRC64NVME", "sha256": "ChecksumSHA256", "crc32c": "ChecksumCRC32C"}
NO_SUCH_VERSION = '"00000000000000000000000000000000"'  # an ETag that no object has
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
PAGE = 200  # keys of a listing that are looked at
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z")
_NOT_OFFERED = frozenset({"NotImplemented", "MethodNotAllowed", "NotSupported", "XNotImplemented"})


class Answer(NamedTuple):
    """What came of one question. `status` 0: nothing that says anything."""

    status: int
    code: str
    body: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def headers(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.body.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return found

    @property
    def not_offered(self) -> bool:
        """The server says that it has no such thing; any other refusal says nothing about ability."""
        return self.status in (405, 501) or self.code in _NOT_OFFERED

    @property
    def can(self) -> bool | None:
        """True when it worked, False when the server has no such thing, None when that stayed open."""
        return True if self.ok else False if self.not_offered else None

    @property
    def refused_value(self) -> bool | None:
        """For a request with a wrong digest or condition: True when it was refused for that, False when it
        was carried out all the same."""
        return True if self.status in (400, 412) else False if self.ok else None


def ask(call: Callable[[], Any]) -> Answer:
    """Carry out one request. Raises BotoCoreError (the network, the credentials), nothing of the server's."""
    try:
        body = call()
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return Answer(status, str(error.response.get("Error", {}).get("Code", "")), error.response)
    return Answer(int(body.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)), "", body)


def new_card(connection: Connection) -> CapabilityCard:
    """An empty card for this connection, dated now."""
    return CapabilityCard(made_for=fingerprint(connection), made=time.time())


def look(client: Any, connection: Connection, bucket: str) -> CapabilityCard:
    """Everything that one bucket tells without writing. Raises BotoCoreError."""
    page = ask(lambda: client.list_objects_v2(Bucket=bucket, MaxKeys=PAGE))
    card = seen_of_answer(new_card(connection), client, page)
    if not page.ok:
        return card
    card = seen_of_page(card, page)
    card = seen_of_versioning(card, client, bucket)
    if (found := readable(page.body.get("Contents", []))) is not None:
        card = seen_of_object(card, client, bucket, *found)
    return card


def readable(contents: Sequence[Mapping[str, Any]]) -> tuple[str, int] | None:
    """An object that can be read: (key, size), of two bytes or more when there is one; None without any."""
    whole = [
        (str(each["Key"]), int(each["Size"]))
        for each in contents
        if each.get("Size") and each.get("StorageClass") not in ARCHIVED
    ]
    return next((each for each in whole if each[1] > 1), whole[0] if whole else None)


def seen_of_answer(card: CapabilityCard, client: Any, answer: Answer) -> CapabilityCard:
    """What every answer tells: who answers, by which clock, and which addressing reached it."""
    style = (client.meta.config.s3 or {}).get("addressing_style", "auto")
    sent = answer.headers.get("date", "")
    skew = card.skew
    if sent:
        try:
            skew = round(parsedate_to_datetime(sent).timestamp() - time.time(), 1)
        except (ValueError, OverflowError):
            skew = card.skew
    return msgspec.structs.replace(
        card,
        server=answer.headers.get("server", "") or card.server,
        skew=skew,
        addressing="path" if style == "path" else "virtual",
    )


def seen_of_page(card: CapabilityCard, page: Answer) -> CapabilityCard:
    """Order and encoding of one page; a page of one key says nothing of order."""
    keys = [str(each["Key"]).encode("utf-8", "surrogatepass") for each in page.body.get("Contents", [])]
    ordered = None if len(keys) < 2 else keys == sorted(keys)
    return msgspec.structs.replace(
        card,
        ordered=ordered if ordered is not None else card.ordered,
        encoded_listing=page.body.get("EncodingType") == "url",
    )


def seen_of_versioning(card: CapabilityCard, client: Any, bucket: str) -> CapabilityCard:
    """Whether the bucket keeps versions."""
    answer = ask(lambda: client.get_bucket_versioning(Bucket=bucket))
    if answer.not_offered:
        return msgspec.structs.replace(card, versioning="not offered")
    if not answer.ok:
        return card
    state = {"Enabled": "on", "Suspended": "suspended"}.get(str(answer.body.get("Status", "")), "off")
    return msgspec.structs.replace(card, versioning=state, bucket=bucket)


def seen_of_object(card: CapabilityCard, client: Any, bucket: str, key: str, size: int) -> CapabilityCard:
    """Ranges, If-Match, checksums and tags of an object that is there. At most a byte of it is read."""
    name = {"Bucket": bucket, "Key": key}
    ranged = ask(lambda: _closed(client.get_object(**name, Range="bytes=0-0")))
    wrong = ask(lambda: _closed(client.get_object(**name, Range="bytes=0-0", IfMatch=NO_SUCH_VERSION)))
    head = ask(lambda: client.head_object(**name, ChecksumMode="ENABLED"))
    return seen_of_head(
        msgspec.structs.replace(
            card,
            ranges=ranges_of(ranged, size) or card.ranges,
            if_match=card.if_match if wrong.refused_value is None else wrong.refused_value,
        ),
        head,
    )


def ranges_of(answer: Answer, size: int) -> Ranges:
    """How `bytes=0-0` of an object of `size` bytes was answered."""
    told = _CONTENT_RANGE.match(answer.headers.get("content-range", ""))
    if not answer.ok:
        return ""
    if told is not None and (int(told[1]), int(told[2])) == (0, 0):
        return "206" if answer.status == 206 else "200"
    return "ignored" if size > 1 else ""


def seen_of_head(card: CapabilityCard, head: Answer) -> CapabilityCard:
    """What HEAD tells. Only what is there is believed: an object may have been stored without a checksum."""
    if not head.ok:
        return card
    facts = {each.algorithm: each for each in card.checksums}
    for algorithm, argument in ALGORITHMS.items():
        if head.body.get(argument):
            old = facts.get(algorithm, ChecksumFact(algorithm=algorithm))
            facts[algorithm] = msgspec.structs.replace(old, echoed=True)
    told = "x-amz-tagging-count" in head.headers
    return msgspec.structs.replace(
        card, checksums=tuple(facts.values()), tag_count=True if told else card.tag_count
    )


def _closed(answer: Any) -> Any:
    """The answer without the rest of its body: the connection is dropped instead of read to the end."""
    answer["Body"].close()
    return answer


# ---------------------------------------------------------------- what is learnt while working


def seed_of(card: CapabilityCard) -> dict[str, bool | None]:
    """The card as `Abilities.seed` takes it."""
    crc64 = card.checksum("crc64nvme")
    return {
        "checksum_crc64nvme": crc64.accepted,
        "checksum_checked": crc64.checked,
        "checksum_parts": card.checksum_parts,
        "tag_count": card.tag_count,
        "tags": card.tags,
    }


def taught(card: CapabilityCard, known: Mapping[str, bool]) -> CapabilityCard:
    """The card with what `Abilities.known` tells."""
    fact = ChecksumFact(
        algorithm="crc64nvme",
        accepted=known.get("checksum_crc64nvme"),
        checked=known.get("checksum_checked"),
    )
    if fact.accepted is not None or fact.checked is not None:
        card = card.with_checksum(fact)
    plain = {name: known[name] for name in ("checksum_parts", "tag_count", "tags") if name in known}
    return msgspec.structs.replace(card, **plain)
