"""Checksums and ETags of real servers, through our store, judged by boto3."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from awscrt.checksums import crc32c, crc64nvme

from core.errors import IntegrityTrouble
from core.stores.base import Metadata
from core.stores.s3.crc64 import base64_of
from tests.conformance.subject import MIB, Subject, md5, pattern

STEP = 5 * MIB
SIZE = 6 * MIB


def head(s3: Subject, key: str) -> dict[str, Any]:
    assert s3.server is not None
    answer: dict[str, Any] = s3.server.boto3().head_object(
        Bucket=s3.bucket.name, Key=key, ChecksumMode="ENABLED"
    )
    return answer


def test_a_small_object_has_its_crc64(s3: Subject) -> None:
    """Where the server keeps checksums it keeps ours, and the receipt says so where the answer did."""
    receipt = s3.write("object", b"hello")
    assert s3.bucket.service.abilities.checksum_crc64nvme is True
    expected = base64_of(crc64nvme(b"hello"))
    told = {"versitygw": expected, "rclone": expected, "moto": None}[s3.name]
    assert head(s3, "object").get("ChecksumCRC64NVME") == told
    assert dict(receipt.checksums) == ({"crc64nvme": expected} if s3.name == "versitygw" else {})
    assert dict(s3.store.stat("object").metadata.checksums) == ({"crc64nvme": told} if told else {})


def test_a_large_object_has_the_crc64_of_the_whole(s3: Subject) -> None:
    """FULL_OBJECT, combined from the parts; also when another process takes up the upload in the middle."""
    data = pattern(SIZE)
    token = s3.store.stage("large", SIZE, Metadata())
    first = s3.store.put_part("large", token, 1, 0, data[:STEP], md5=md5(data[:STEP]))
    s3.bucket.service.abilities.forget_upload(token)  # as in a process that did not begin it
    (listed,) = s3.store.staged_parts("large", token)
    assert listed.crc64 in {-1, first.crc64}
    second = s3.store.put_part("large", token, 2, STEP, data[STEP:], md5=md5(data[STEP:]))
    receipt = s3.store.commit("large", token, [first, second], SIZE)
    expected = base64_of(crc64nvme(data))
    if s3.name == "versitygw":
        assert dict(receipt.checksums) == {"crc64nvme": expected}
        assert head(s3, "large")["ChecksumType"] == "FULL_OBJECT"
    stored = s3.store.stat("large").metadata.checksums
    assert dict(stored) == ({} if s3.name == "rclone" else {"crc64nvme": expected})


def test_a_wrong_checksum_is_noticed_where_the_server_computes_it(s3: Subject) -> None:
    """A part that does not give its CRC is refused by versitygw, and our class for it is IntegrityTrouble."""
    if s3.name != "versitygw":
        pytest.skip("takes any checksum without a look")
    wrong = [("x-amz-checksum-crc64nvme", base64_of(5))]
    with pytest.raises(IntegrityTrouble):
        s3.bucket._sending._put("object", b"hello", Metadata(), "", wrong)


@pytest.mark.parametrize("algorithm", ["SHA256", "CRC32C"])
def test_checksums_that_others_left(s3: Subject, algorithm: str) -> None:
    """Of the whole object, and COMPOSITE ones of parts with the size of the parts."""
    assert s3.server is not None
    client, bucket, data = s3.server.boto3(), s3.bucket.name, pattern(SIZE)
    kind = algorithm.lower()

    def digest(piece: bytes) -> bytes:
        if algorithm == "SHA256":
            return hashlib.sha256(piece).digest()
        value: int = crc32c(piece)
        return value.to_bytes(4, "big")

    def wish(piece: bytes) -> dict[str, str]:
        return {f"Checksum{algorithm}": base64.b64encode(digest(piece)).decode()}

    client.put_object(Bucket=bucket, Key="small", Body=b"abc", **wish(b"abc"))
    small = s3.store.stat("small").metadata.checksums
    assert dict(small) in ({}, {kind: base64.b64encode(digest(b"abc")).decode()})
    upload = client.create_multipart_upload(
        Bucket=bucket, Key="large", ChecksumAlgorithm=algorithm, ChecksumType="COMPOSITE"
    )["UploadId"]
    parts = []
    for number, piece in enumerate((data[:STEP], data[STEP:]), 1):
        answer = client.upload_part(
            Bucket=bucket, Key="large", UploadId=upload, PartNumber=number, Body=piece, **wish(piece)
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"], **wish(piece)})
    client.complete_multipart_upload(
        Bucket=bucket, Key="large", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    info = s3.store.stat("large")
    assert info.metadata.checksums == {}  # none is of the whole
    joined = base64.b64encode(digest(digest(data[:STEP]) + digest(data[STEP:]))).decode()
    if s3.name == "versitygw":
        assert dict(info.metadata.composites) == {kind: f"{joined}-2"}
        assert info.part_size == STEP
        assert s3.bucket.part_sizes(info.entry, 2) == [STEP, MIB]
    else:
        assert info.metadata.composites == {}
        assert s3.bucket.part_sizes(info.entry, 2) == []


def test_kms_makes_etags_opaque(s3: Subject) -> None:
    """Put by another program with SSE-KMS: whatever the shape of its ETag, it is known to prove nothing."""
    assert s3.server is not None
    client = s3.server.boto3()
    client.put_object(Bucket=s3.bucket.name, Key="k", Body=b"abc", ServerSideEncryption="aws:kms")
    info = s3.store.stat("k")
    assert info.opaque_etag == (s3.name != "versitygw")  # which knows nothing of KMS
    entry = s3.entry("k")
    assert s3.bytes_of(entry) == b"abc"
