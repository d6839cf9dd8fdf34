"""Multipart uploads and copies where servers answer badly."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from awscrt.checksums import crc64nvme

from core.errors import (
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NotFound,
    SourceChanged,
    StageLost,
    Throttled,
)
from core.model import Entry
from core.stores.base import Metadata, PartReceipt
from core.stores.s3 import CopyUnsupported, S3Bucket, part_size_for
from core.stores.s3.etag import composite_etag
from tests.servers import S3Server
from tests.stores.s3.scripted import Reply, Request, Script, bucket_on, error_xml, http, serving

MIB = 1 << 20
PIECES = [b"first part", b"second"]
MD5S = [hashlib.md5(piece, usedforsecurity=False).hexdigest() for piece in PIECES]
PARTS = [
    PartReceipt(number=n, offset=0, size=len(piece), etag=md5, md5=md5, crc64=crc64nvme(piece))
    for n, (piece, md5) in enumerate(zip(PIECES, MD5S, strict=True), 1)
]
SIZE = sum(map(len, PIECES))
WHOLE = composite_etag(MD5S)
ENTRY = Entry(key="k", size=SIZE, etag="e")
GONE = http(404, error_xml("NoSuchUpload"))


def completed(etag: str) -> bytes:
    return http(
        200, f"<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>"
    )


def listed(numbers: range, following: int = 0) -> bytes:
    parts = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>&quot;e{n}&quot;</ETag><Size>5</Size></Part>" for n in numbers
    )
    more = f"<IsTruncated>true</IsTruncated><NextPartNumberMarker>{following}</NextPartNumberMarker>"
    return http(200, f"<ListPartsResult>{parts}{more if following else ''}</ListPartsResult>")


def commit(*replies: Reply) -> tuple[str, Script]:
    with serving(*replies) as script, bucket_on(script) as bucket:
        return bucket.commit("k", "up", PARTS, SIZE).etag, script


THERE = listed(range(1, 2))


def test_commit_names_every_part() -> None:
    """Numbers and quoted ETags, in order."""
    etag, script = commit(THERE, completed(WHOLE))
    assert etag == WHOLE
    body = script.requests[1].body.decode()
    assert re.findall(r"<PartNumber>(\d+)</PartNumber>", body) == ["1", "2"]
    assert all(md5 in body for md5 in MD5S)


@pytest.mark.parametrize(
    "reply",
    [
        http(200, error_xml("InternalError")),
        http(200, '<?xml version="1.0"?>\n   ' + error_xml("InternalError").partition("\n")[2]),
        http(200, b"<CompleteMultipartUploadResult><ETag>"),
        http(500, error_xml("InternalError")),
        b"",
    ],
    ids=["error in 200", "after blanks", "cut", "500", "closed"],
)
def test_a_complete_that_failed_is_not_a_success(reply: bytes) -> None:
    """A 200 says nothing before its body is read."""
    with pytest.raises((NetworkTrouble, FileTrouble)):
        commit(THERE, reply)


def test_a_composite_of_other_parts_is_refused() -> None:
    """The ETag of the object must follow from the parts."""
    with pytest.raises(IntegrityTrouble):
        commit(THERE, completed(composite_etag(MD5S[::-1])))


def test_an_opaque_etag_is_accepted() -> None:
    """Servers need not make ETags of MD5s."""
    assert commit(THERE, completed("opaque"))[0] == "opaque"


def head(etag: str, size: int = SIZE, **headers: str) -> bytes:
    return http(200, b"", ETag=f'"{etag}"', Content_Length=str(size), **headers)


def whole_crc() -> str:
    return base64.b64encode(crc64nvme(b"".join(PIECES)).to_bytes(8, "big")).decode()


@pytest.mark.parametrize(
    "there", [head(WHOLE), head("other", x_amz_checksum_crc64nvme=whole_crc())], ids=["etag", "crc64nvme"]
)
def test_a_lost_reply_is_made_up_for(there: bytes) -> None:
    """The upload is gone and the object proves to be ours, by its ETag or its checksum."""
    commit(GONE, there)


@pytest.mark.parametrize(
    "there",
    [
        head("0" * 32),
        head(WHOLE, SIZE + 1),
        head("other", x_amz_checksum_crc64nvme="AAAAAAAAAAA="),
        head("other", x_amz_checksum_crc64nvme=whole_crc(), x_amz_checksum_type="COMPOSITE"),
        http(404),
    ],
    ids=["etag", "size", "checksum", "composite checksum", "nothing"],
)
def test_another_object_is_not_taken_for_ours(there: bytes) -> None:
    """Without proof the parts are to be sent again."""
    with pytest.raises(StageLost):
        commit(GONE, there)


def test_parts_are_listed_past_one_page() -> None:
    """Markers are followed; offsets come from the common size."""
    with (
        serving(listed(range(1, 1001), 1000), listed(range(1001, 1003))) as script,
        bucket_on(script) as bucket,
    ):
        parts = bucket.staged_parts("k", "up")
    assert [part.number for part in parts] == list(range(1, 1003))
    assert parts[-1].offset == 1001 * 5
    assert "part-number-marker=1000" in script.requests[1].target


def test_lists_of_parts_in_circles() -> None:
    """A marker that does not go forward ends the listing with an error."""
    with (
        serving(listed(range(1, 3), 2)) as script,
        bucket_on(script) as bucket,
        pytest.raises(FileTrouble),
    ):
        bucket.staged_parts("k", "up")


def copied(*replies: Reply, part: bool = False) -> Script:
    with serving(*replies) as script, bucket_on(script) as bucket:
        if part:
            bucket.copy_part(bucket, ENTRY, "to", "up", 3, 5, 10)
        else:
            bucket.copy(bucket, ENTRY, "to")
        return script


def test_a_copy_names_its_source() -> None:
    """Percent-encoded, tied to the listed version, with the storage class of the source."""
    reply = http(200, "<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>")
    with serving(reply) as script, bucket_on(script) as bucket:
        bucket.copy(bucket, Entry(key="a+b/é", size=1, etag="e", storage_class="STANDARD_IA"), "to/../x")
        bucket.copy(bucket, Entry(key="a+b/é", size=1, etag="e", storage_class="STANDARD_IA"), "to")
    for request in script.requests:
        assert request.headers["x-amz-copy-source"].removeprefix("/") == "b/a%2Bb/%C3%A9"
        assert request.headers["x-amz-copy-source-if-match"] == '"e"'
        assert request.headers["x-amz-storage-class"] == "STANDARD_IA"
    assert script.requests[0].target == "/b/to/../x"


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (http(200, error_xml("InternalError")), NetworkTrouble),
        (http(200, error_xml("SlowDown")), Throttled),
        (http(200, "<CopyPartResult><ETag>cut"), NetworkTrouble),
        (http(412, error_xml("PreconditionFailed")), SourceChanged),
        (http(404, error_xml("NoSuchKey")), NotFound),
        (http(501, error_xml("NotImplemented")), CopyUnsupported),
        (http(405, error_xml("MethodNotAllowed")), CopyUnsupported),
        (http(200), CopyUnsupported),
    ],
)
def test_copies_that_did_not_work(reply: bytes, expected: type[Exception], part: bool) -> None:
    """Errors inside a 200 are errors; servers that cannot copy are known as such."""
    with pytest.raises(expected):
        copied(reply, part=part)


def test_a_copied_part_without_an_etag_is_unsupported() -> None:
    """Nothing could be completed with it."""
    with pytest.raises(CopyUnsupported):
        copied(http(200, "<CopyPartResult></CopyPartResult>"), part=True)


def test_a_copy_of_something_else_is_noticed() -> None:
    """Where the condition is ignored, the unlike MD5 makes us look at the source again."""
    old, new = "a" * 32, "b" * 32
    reply = http(200, f"<CopyObjectResult><ETag>&quot;{new}&quot;</ETag></CopyObjectResult>")
    entry = Entry(key="k", size=1, etag=old)
    with serving(reply, head(new)) as script, bucket_on(script) as bucket, pytest.raises(SourceChanged):
        bucket.copy(bucket, entry, "to")
    with serving(reply, head(old)) as script, bucket_on(script) as bucket:  # an opaque ETag at the target
        assert bucket.copy(bucket, entry, "to").etag == new


@pytest.mark.parametrize(
    ("size", "wanted", "expected"),
    [
        (0, 0, 5 * MIB),
        (100 * MIB, 1 * MIB, 5 * MIB),
        (100 * MIB, 50 * MIB, 50 * MIB),
        (50_000 * MIB, 5 * MIB, 5 * MIB),
        (50_000 * MIB + 1, 5 * MIB, 6 * MIB),
        (5 << 40, 8 * MIB, 525 * MIB),
    ],
)
def test_part_sizes_keep_to_ten_thousand_parts(size: int, wanted: int, expected: int) -> None:
    """At least 5 MiB, in whole MiB when raised."""
    assert part_size_for(size, wanted) == expected
    assert -(-size // expected) <= 10_000


def test_metadata_begin_with_the_upload() -> None:
    """boto3 sends content headers, user metadata, tags and class, Expires included."""
    reply = http(200, "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>")
    metadata = Metadata(
        headers={"content-type": "a/b", "expires": "Wed, 21 Oct 2026 07:28:00 GMT"},
        user={"word": "grün"},
        tags={"a": "b c"},
        storage_class="GLACIER_IR",
        modified=1.25,
    )
    with serving(reply) as script, bucket_on(script) as bucket:
        assert bucket.stage("k", 1, metadata) == "up"
    sent = script.requests[0].headers
    assert sent["content-type"] == "a/b"
    assert "21 Oct 2026 07:28:00" in sent["expires"]
    assert (sent["x-amz-meta-word"], sent["x-amz-meta-mtime"]) == ("=?UTF-8?B?Z3LDvG4=?=", "1.25")
    assert (sent["x-amz-tagging"], sent["x-amz-storage-class"]) == ("a=b+c", "GLACIER_IR")


def test_kms_etags_are_not_compared() -> None:
    """With KMS the ETag is no MD5 of ours and no reason to doubt the bytes."""
    kms = http(200, b"", ETag=f'"{"0" * 32}"', x_amz_server_side_encryption="aws:kms")
    plain = http(200, b"", ETag=f'"{"0" * 32}"')
    with serving(kms) as script, bucket_on(script) as bucket:
        bucket.put("k", b"abc", Metadata(), md5=MD5S[0])
        bucket.put_part("k", "up", 1, 0, b"abc", md5=MD5S[0])
    with serving(plain) as script, bucket_on(script) as bucket:
        with pytest.raises(IntegrityTrouble):
            bucket.put("k", b"abc", Metadata(), md5=MD5S[0])
        with pytest.raises(IntegrityTrouble):
            bucket.put_part("k", "up", 1, 0, b"abc", md5=MD5S[0])


def test_conditional_delete_falls_back() -> None:
    """A server that does not know If-Match on DELETE is asked without it from then on."""

    def reply(request: Request) -> bytes:
        if request.method == "HEAD":
            return head("e", 3)
        return http(501, error_xml("NotImplemented")) if "if-match" in request.headers else http(204)

    entry = Entry(key="k", size=3, etag="e")
    with serving(reply) as script, bucket_on(script) as bucket:
        bucket.delete(entry)
        bucket.delete(entry)
    assert [request.method for request in script.requests] == ["HEAD", "DELETE", "DELETE", "HEAD", "DELETE"]


def test_an_object_replaced_between_head_and_delete() -> None:
    """Where the server knows the condition, the last instant is covered too."""

    def reply(request: Request) -> bytes:
        return head("e", 3) if request.method == "HEAD" else http(412, error_xml("PreconditionFailed"))

    with serving(reply) as script, bucket_on(script) as bucket, pytest.raises(SourceChanged):
        bucket.delete(Entry(key="k", size=3, etag="e"))


def test_the_part_size_of_a_large_object(versitygw_server: S3Server) -> None:
    """Told by HEAD with partNumber where the server knows it."""
    from core.stores.s3 import S3Service

    service = S3Service(versitygw_server.connection(), versitygw_server.keys_for)
    bucket: S3Bucket = service.bucket(versitygw_server.new_bucket())
    token = bucket.stage("k", 6 * MIB, Metadata())
    parts = [
        bucket.put_part("k", token, 1, 0, bytes(5 * MIB)),
        bucket.put_part("k", token, 2, 5 * MIB, bytes(MIB)),
    ]
    bucket.commit("k", token, parts, 6 * MIB)
    assert bucket.stat("k").part_size == 5 * MIB
    service.close()
