"""Checksums on the way up: sent where they are taken, left out where they are refused, compared where they are
told."""

from __future__ import annotations

import base64
import hashlib
import threading

import pytest
from awscrt.checksums import crc64nvme

from core.errors import FileTrouble, IntegrityTrouble, NoPermission
from core.stores.base import Metadata, PartReceipt
from core.stores.s3 import S3Bucket
from core.stores.s3.abilities import MAX_UPLOADS, Abilities
from tests.stores.s3.scripted import Reply, Request, bucket_on, error_xml, http, serving

DATA = b"some bytes"
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
CRC = base64.b64encode(crc64nvme(DATA).to_bytes(8, "big")).decode()
HEADER = "x-amz-checksum-crc64nvme"
BEGUN = http(200, "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>")
REFUSALS = [
    (400, "InvalidRequest"),
    (400, "InvalidArgument"),
    (400, ""),
    (501, "NotImplemented"),
    (501, ""),
]


def refusing(status: int, code: str) -> Reply:
    """A server that takes no checksum of any kind."""

    def reply(request: Request) -> bytes:
        if any(name.startswith("x-amz-checksum") for name in request.headers):
            return http(status, error_xml(code) if code else b"")
        return BEGUN if request.method == "POST" else http(200, b"", ETag=f'"{MD5}"')

    return reply


def put(bucket: S3Bucket) -> dict[str, str]:
    return dict(bucket.put("k", DATA, Metadata(), md5=MD5).checksums)


def test_a_put_carries_both_digests_and_no_trailer() -> None:
    """Plain headers on a plain body; what the answer repeats is in the receipt."""
    reply = http(200, b"", ETag=f'"{MD5}"', x_amz_checksum_crc64nvme=CRC)
    with serving(reply) as script, bucket_on(script) as bucket:
        assert put(bucket) == {"crc64nvme": CRC}
        assert bucket.service.abilities.checksum_crc64nvme is True
    (request,) = script.requests
    assert request.headers[HEADER] == CRC
    assert base64.b64decode(request.headers["content-md5"]).hex() == MD5
    assert "x-amz-trailer" not in request.headers
    assert "aws-chunked" not in request.headers.get("content-encoding", "")
    assert request.body == DATA


def test_a_server_that_repeats_nothing_confirms_nothing() -> None:
    """The receipt holds no checksum; nor where a server was seen to take wrong ones."""
    with serving(http(200, b"", ETag=f'"{MD5}"')) as script, bucket_on(script) as bucket:
        assert put(bucket) == {}
    reply = http(200, b"", ETag='"x"', x_amz_checksum_crc64nvme=CRC)
    with serving(reply) as script, bucket_on(script) as bucket:
        bucket.service.abilities.seed({"checksum_checked": False})
        assert put(bucket) == {}


@pytest.mark.parametrize("key", ["k", "a/../k"], ids=["wire", "boto3"])
@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_refused_checksum_is_left_out_from_then_on(status: int, code: str, key: str) -> None:
    """One more try without, and no further question; of whole objects and of uploads each for itself."""
    with serving(refusing(status, code)) as script, bucket_on(script) as bucket:
        for _ in range(2):
            assert bucket.put(key, DATA, Metadata(), md5=MD5).etag == MD5
        assert len(script.requests) == 3
        for _ in range(2):
            token = bucket.stage(key, len(DATA), Metadata())
        assert len(script.requests) == 6
        assert bucket.put_part(key, token, 1, 0, DATA, md5=MD5).crc64 == crc64nvme(DATA)
        assert len(script.requests) == 7
        assert bucket.service.abilities.known() == {"checksum_crc64nvme": False, "checksum_parts": False}
    assert all("content-md5" in request.headers for request in script.requests if request.method == "PUT")


def test_what_is_known_already_is_not_tried() -> None:
    """A card of an earlier day says that this service takes no checksums."""
    with serving(refusing(501, "NotImplemented")) as script, bucket_on(script) as bucket:
        bucket.service.abilities.seed({"checksum_crc64nvme": False, "checksum_parts": False, "other": True})
        put(bucket)
        bucket.stage("k", 1, Metadata())
    assert len(script.requests) == 2


def test_a_refusal_for_another_reason_teaches_nothing() -> None:
    """The try without is refused as well: the checksum was not what the server did not like."""
    with serving(http(400, error_xml("InvalidTag"))) as script, bucket_on(script) as bucket:
        with pytest.raises(FileTrouble, match="InvalidTag"):
            put(bucket)
        assert bucket.service.abilities.known() == {}
    with serving(http(403, error_xml("AccessDenied"))) as script, bucket_on(script) as bucket:
        with pytest.raises(NoPermission):
            put(bucket)
        assert len(script.requests) == 1


def test_a_service_that_took_one_is_not_asked_without() -> None:
    """Later refusals have other reasons and stay what they are."""
    replies = [http(200, b"", ETag=f'"{MD5}"'), http(400, error_xml("InvalidArgument"))]
    with serving(*replies) as script, bucket_on(script) as bucket:
        put(bucket)
        with pytest.raises(FileTrouble):
            put(bucket)
        assert len(script.requests) == 2


@pytest.mark.parametrize("part", [False, True])
def test_another_checksum_in_the_answer_is_damage(part: bool) -> None:
    """The server holds other bytes than were sent."""
    wrong = http(200, b"", ETag='"opaque"', x_amz_checksum_crc64nvme="AAAAAAAAAAA=")
    with serving(BEGUN, wrong) as script, bucket_on(script) as bucket:
        token = bucket.stage("k", 1, Metadata())
        with pytest.raises(IntegrityTrouble, match="CRC64NVME"):
            _ = bucket.put_part("k", token, 1, 0, DATA) if part else bucket.put("k", DATA, Metadata())
    assert script.requests[0].headers["x-amz-checksum-type"] == "FULL_OBJECT"


def test_an_upload_begun_without_checksums_gets_none() -> None:
    """S3 refuses parts whose checksum the upload was not begun with: those of an earlier program carry only
    MD5s."""
    with serving(http(200, b"", ETag=f'"{MD5}"')) as script, bucket_on(script) as bucket:
        bucket.put_part("k", "begun before", 1, 0, DATA, md5=MD5)
    assert HEADER not in script.requests[0].headers


def listed(algorithm: str) -> bytes:
    told = f"<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm>" if algorithm else ""
    part = (
        f"<Part><PartNumber>2</PartNumber><ETag>&quot;x&quot;</ETag><Size>10</Size>"
        f"<ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME></Part>"
    )
    return http(200, f"<ListPartsResult>{told}{part}</ListPartsResult>")


def test_a_listed_upload_tells_how_it_was_begun() -> None:
    """After a restart the parts carry checksums again, and those that are there keep theirs."""
    with serving(listed("CRC64NVME"), http(200, b"", ETag=f'"{MD5}"')) as script, bucket_on(script) as bucket:
        (part,) = bucket.staged_parts("k", "up")
        assert (part.number, part.crc64) == (2, crc64nvme(DATA))
        bucket.put_part("k", "up", 1, 0, DATA, md5=MD5)
    assert script.requests[1].headers[HEADER] == CRC


def completing(*replies: bytes) -> tuple[S3Bucket, list[Request]]:
    parts = [
        PartReceipt(number=1, offset=0, size=len(DATA), etag=MD5, md5=MD5, crc64=crc64nvme(DATA)),
        PartReceipt(number=2, offset=len(DATA), size=len(DATA), etag=MD5, md5=MD5, crc64=crc64nvme(DATA)),
    ]
    with serving(BEGUN, listed(""), *replies) as script, bucket_on(script) as bucket:
        token = bucket.stage("k", 2 * len(DATA), Metadata())
        bucket.commit("k", token, parts, 2 * len(DATA))
        return bucket, script.requests


WHOLE = base64.b64encode(crc64nvme(DATA + DATA).to_bytes(8, "big")).decode()


def done(crc: str = "") -> bytes:
    told = f"<ChecksumCRC64NVME>{crc}</ChecksumCRC64NVME>" if crc else ""
    return http(
        200, f"<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag>{told}</CompleteMultipartUploadResult>"
    )


def test_complete_names_the_checksum_of_the_whole() -> None:
    """Combined from those of the parts, which are named as well."""
    _, requests = completing(done(WHOLE))
    complete = requests[-1]
    assert complete.headers[HEADER] == WHOLE
    assert complete.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert complete.body.decode().count(f"<ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME>") == 2


def test_complete_with_another_checksum_is_damage() -> None:
    """What the server made of the parts is not what they make."""
    with pytest.raises(IntegrityTrouble, match="its parts make"):
        completing(done(CRC))


def test_a_complete_that_takes_no_checksum_is_asked_without() -> None:
    """Once; and the service gets none from then on."""
    bucket, requests = completing(http(400, error_xml("InvalidRequest")), done())
    assert [HEADER in request.headers for request in requests[2:]] == [True, False]
    assert b"ChecksumCRC64NVME" not in requests[-1].body
    assert bucket.service.abilities.checksum_parts is False


def test_abilities_are_safe_and_bounded() -> None:
    """Many threads learn; the memory of uploads does not grow for ever."""
    abilities = Abilities()

    def learn(number: int) -> None:
        for token in range(2000):
            abilities.note_upload(f"{number}/{token}", checksummed=True)
        abilities.learn("tags", able=number % 2 == 0)

    threads = [threading.Thread(target=learn, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert abilities.tags in {True, False}
    remembered = sum(abilities.is_checksummed(f"{n}/{t}") for n in range(8) for t in range(2000))
    assert remembered == MAX_UPLOADS
    abilities.forget_upload("7/1999")
    assert not abilities.is_checksummed("7/1999")
