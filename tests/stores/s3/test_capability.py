"""What real servers are found to be able to do, and that asking leaves nothing behind."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ConnectionError as VendorConnectionError

from core.capability_card import CapabilityCard, rows
from core.stores.s3.abilities import Abilities
from core.stores.s3.capability import look, new_card, seed_of, taught
from core.stores.s3.capability_write import HiddenObject, LeftBehind, locked_on_arrival
from core.stores.s3.control import Control
from core.stores.s3.unfinished import page
from tests.servers import S3Server
from tests.stores.s3.scripted import Request, error_xml, http, serving

OBJECTS = ("a", "b-c", "b/d", "é")


def client_of(server: S3Server) -> Any:
    return Control(server.connection(), server.keys_for).client()


def filled(server: S3Server) -> str:
    bucket = server.new_bucket()
    for key in OBJECTS:
        server.boto3().put_object(Bucket=bucket, Key=key, Body=b"xyz")
    return bucket


def everything(server: S3Server, bucket: str) -> tuple[list[str], int]:
    """All keys of all versions and markers, and how many uploads are unfinished."""
    judge = server.boto3()
    if server.name == "rclone":  # keeps no versions and does not list them
        found = {"Versions": judge.list_objects_v2(Bucket=bucket).get("Contents", [])}
    else:
        found = judge.list_object_versions(Bucket=bucket)
    keys = [each["Key"] for kind in ("Versions", "DeleteMarkers") for each in found.get(kind, [])]
    uploads, _ = page(Control(server.connection(), server.keys_for), bucket, "", "", 1000)
    return keys, len(uploads)


def probed(server: S3Server, bucket: str) -> CapabilityCard:
    hidden = HiddenObject(client_of(server), bucket)
    try:
        hidden.write()
        return hidden.probe(new_card(server.connection()))
    finally:
        hidden.remove()


def test_reading_tells_without_changing(s3_server: S3Server) -> None:
    """Reading alone finds ranges, If-Match, order, encoding, clock and server; what would need a write stays
    open, and the bucket is as it was."""
    bucket = filled(s3_server)
    before = everything(s3_server, bucket)
    card = look(client_of(s3_server), s3_server.connection(), bucket)
    assert card.ranges == ("200" if s3_server.name == "rclone" else "206")
    assert card.if_match is (s3_server.name != "rclone")
    assert card.ordered is True
    assert card.encoded_listing is (s3_server.name != "versitygw")
    assert card.addressing == "path"
    assert card.versioning == "off"
    assert card.server
    assert card.skew is not None
    assert abs(card.skew) < 5
    assert (card.copy, card.part_copy, card.content_md5, card.conditional_delete) == (None, None, None, None)
    assert everything(s3_server, bucket) == before


def test_an_empty_bucket_tells_little(moto_server: S3Server) -> None:
    """Nothing is concluded where there is nothing to read."""
    card = look(client_of(moto_server), moto_server.connection(), moto_server.new_bucket())
    assert (card.ranges, card.if_match, card.ordered) == ("", None, None)
    assert {row.words for row in rows(card) if row.name in ("ranges", "checksums")} == {"not known yet"}


def test_writing_tells_the_rest(s3_server: S3Server) -> None:
    """The known differences of three servers are found with one hidden object, which is gone afterwards."""
    bucket = filled(s3_server)
    before = everything(s3_server, bucket)
    card = probed(s3_server, bucket)
    assert everything(s3_server, bucket) == before
    crc64 = card.checksum("crc64nvme")
    seen = (
        card.content_md5,
        card.copies_parts,
        card.composite_etag,
        card.conditional_delete,
        card.tag_count,
        card.metadata_case,
        crc64.accepted,
        crc64.checked,
        crc64.echoed,
    )
    assert (
        seen
        == {
            "moto": (False, True, True, True, True, "kept", True, False, False),
            "rclone": (True, False, False, False, False, "changed", True, False, True),
            "versitygw": (True, True, True, True, True, "kept", True, True, True),
        }[s3_server.name]
    )
    assert (card.copy, card.multi_delete) == (True, True)
    assert card.written == pytest.approx(time.time(), abs=60)


def test_a_bucket_with_versions_keeps_none_of_ours(moto_server: S3Server) -> None:
    """Every version and every delete marker that the test made is removed, others stay."""
    bucket = moto_server.new_bucket()
    judge = moto_server.boto3()
    judge.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    judge.put_object(Bucket=bucket, Key="mine", Body=b"1")
    judge.put_object(Bucket=bucket, Key="mine", Body=b"2")
    probed(moto_server, bucket)
    assert everything(moto_server, bucket) == (["mine", "mine"], 0)
    assert look(client_of(moto_server), moto_server.connection(), bucket).versioning == "on"


def test_locked_on_arrival(moto_server: S3Server) -> None:
    """A bucket that keeps what is written for days is recognised: nothing of a test could be removed there."""
    judge = moto_server.boto3()
    bucket = f"{moto_server.new_bucket()}-locked"
    judge.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    assert not locked_on_arrival(client_of(moto_server), bucket)
    judge.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    assert locked_on_arrival(client_of(moto_server), bucket)
    assert not locked_on_arrival(client_of(moto_server), moto_server.new_bucket())


@pytest.mark.parametrize("breaks_at", [1, 4, 9, 14, 20])
def test_a_test_that_breaks_off_leaves_nothing(moto_server: S3Server, breaks_at: int) -> None:
    """Whichever request fails on the way, the object and its uploads are removed."""
    bucket = filled(moto_server)
    before = everything(moto_server, bucket)
    client = client_of(moto_server)
    sent = 0

    def fail(**_: object) -> None:
        nonlocal sent
        sent += 1
        if sent == breaks_at:
            raise VendorConnectionError(error="cut")

    hidden = HiddenObject(client, bucket)
    hidden.write()
    client.meta.events.register("before-send.s3", fail)
    with pytest.raises(VendorConnectionError):
        hidden.probe(new_card(moto_server.connection()))
    hidden.remove()
    assert everything(moto_server, bucket) == before


def test_what_cannot_be_removed_is_named() -> None:
    """A server that refuses the deletion: the reason is handed on after a few tries, not swallowed."""

    def answer(request: Request) -> bytes:
        if request.method == "DELETE":
            return http(403, error_xml("AccessDenied"))
        return http(200, b"", ETag='"x"')

    with serving(answer) as script:
        server = S3Server("scripted", script.endpoint, "AK", "secret")
        hidden = HiddenObject(client_of(server), "b")
        hidden.write()
        with pytest.raises(LeftBehind, match="403 AccessDenied"):
            hidden.remove()


def test_a_server_that_ignores_ranges() -> None:
    """The whole object under status 200 without Content-Range is called so; a late clock is measured."""

    def answer(request: Request) -> bytes:
        if "list-type=2" in request.target:
            listing = (
                "<ListBucketResult><IsTruncated>false</IsTruncated>"
                "<Contents><Key>b</Key><Size>9</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents>"
                "</ListBucketResult>"
            )
            return http(200, listing, Date="Mon, 01 Jan 2024 00:00:00 GMT", Server="odd/1")
        if "versioning" in request.target:
            return http(501, error_xml("NotImplemented"))
        return http(200, b"123456789", ETag='"e"')

    with serving(answer) as script:
        server = S3Server("scripted", script.endpoint, "AK", "secret")
        card = look(client_of(server), server.connection(), "b")
    assert (card.ranges, card.if_match, card.ordered) == ("ignored", False, False)
    assert (card.versioning, card.server, card.encoded_listing) == ("not offered", "odd/1", False)
    assert card.skew is not None
    assert card.skew < -86400
    words = {row.name: row.words for row in rows(card)}
    assert "one stream" in words["ranges"]
    assert "behind this machine's" in words["clock"]


def test_abilities_travel_both_ways() -> None:
    """What a card knows seeds the work, and what the work learns comes back to the card unharmed."""
    abilities = Abilities()
    abilities.learn("checksum_crc64nvme", able=True)
    abilities.learn("tag_count", able=False)
    card = taught(CapabilityCard(made_for="x"), abilities.known())
    assert card.checksum("crc64nvme").accepted is True
    assert card.checksum("crc64nvme").echoed is None
    assert card.tag_count is False
    again = Abilities()
    again.seed(seed_of(card))
    assert again.known() == abilities.known()
