"""The requests themselves: addressing, regions, headers, signatures."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.errors import FatalTrouble, FileTrouble
from core.model import AnonymousCredentials, Connection, Entry
from core.stores.base import Metadata
from core.stores.s3 import S3Service, control
from tests.stores.s3.scripted import Request, bucket_on, error_xml, http, serving

OK = http(200, b"", ETag='"e"')


def only(requests: list[Request]) -> Request:
    assert len(requests) == 1
    return requests[0]


def test_an_empty_body_has_a_length() -> None:
    """S3 answers 411 to a PUT without Content-Length."""
    with serving(OK) as script, bucket_on(script) as bucket:
        bucket.put("k", b"", Metadata())
    assert only(script.requests).headers["content-length"] == "0"


def test_headers_of_a_put() -> None:
    """Digest, metadata, tags and storage class are there, and all x-amz- headers are signed."""
    metadata = Metadata(
        headers={"content-type": "a/b", "x-evil": "no"},
        user={"Name": "v", "word": "grün"},
        tags={"a b": "c&d"},
        storage_class="STANDARD_IA",
        modified=1_700_000_000.123456,
    )
    with serving(OK) as script, bucket_on(script) as bucket:
        bucket.put("k", b"abc", metadata, md5="900150983cd24fb0d6963f7d28e17f72")
    headers = only(script.requests).headers
    assert headers["content-md5"] == "kAFQmDzST7DWlj99KOF/cg=="
    assert headers["content-type"] == "a/b"
    assert headers["x-amz-meta-name"] == "v"
    assert headers["x-amz-meta-word"] == "=?UTF-8?B?Z3LDvG4=?="
    assert headers["x-amz-meta-mtime"] == "1700000000.123456"
    assert headers["x-amz-tagging"] == "a+b=c%26d"
    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["accept-encoding"] == "identity"
    assert "x-evil" not in headers
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {name for name in headers if name.startswith("x-amz-")} <= set(signed)


def test_metadata_that_no_header_can_carry() -> None:
    """A line break in a value is encoded, in a name refused; neither becomes a header of its own."""
    with serving(OK) as script, bucket_on(script) as bucket:
        bucket.put("k", b"", Metadata(user={"a": "x\r\nx-amz-acl: public-read"}))
        with pytest.raises(FileTrouble):
            bucket.put("k", b"", Metadata(user={"a\r\nx-amz-acl": "public-read"}))
    assert "x-amz-acl" not in only(script.requests).headers


def test_the_base_path_of_an_endpoint_is_kept() -> None:
    """Requests of both planes begin with it."""
    with serving(OK) as script, bucket_on(script, endpoint=f"{script.endpoint}/gate/way/") as bucket:
        bucket.put("a//b", b"1", Metadata())
        bucket.service.has_bucket("b")
    assert script.requests[0].target == "/gate/way/b/a//b"
    assert script.requests[1].target == "/gate/way/b"


def test_another_region_is_learnt_and_tried_once() -> None:
    """The second request is signed for the region that the server named, and so is every later one."""
    wrong = http(400, error_xml("AuthorizationHeaderMalformed", Region="eu-west-3"))
    with serving(wrong, OK) as script, bucket_on(script) as bucket:
        bucket.put("k", b"abc", Metadata())
        bucket.put("k", b"abc", Metadata())
    scopes = [request.headers["authorization"].split("/")[2] for request in script.requests]
    assert scopes == ["us-east-1", "eu-west-3", "eu-west-3"]
    assert script.requests[1].body == b"abc"


@pytest.mark.parametrize("status", [301, 307])
def test_a_region_in_a_header_is_enough(status: int) -> None:
    """HEAD answers have no body."""
    moved = http(status, b"", x_amz_bucket_region="ap-south-1")
    with serving(moved, http(200, b"", ETag='"e"', Content_Length="0")) as script, bucket_on(script) as bucket:
        assert bucket.stat("k").entry.etag == "e"
    assert "/ap-south-1/s3/" in script.requests[1].headers["authorization"]


def test_a_server_cannot_lead_in_circles() -> None:
    """A region that is named again and again is tried once; a redirect elsewhere is never followed."""
    wrong = http(400, error_xml("AuthorizationHeaderMalformed", Region="eu-west-3"))
    with serving(wrong) as script, bucket_on(script) as bucket, pytest.raises(FatalTrouble):
        bucket.stat("k")
    moved = http(307, b"", Location="http://127.0.0.1:1/elsewhere")
    with serving(moved) as script, bucket_on(script) as bucket, pytest.raises(FatalTrouble):
        bucket.put("k", b"abc", Metadata())
    assert len(script.requests) == 1


def test_a_region_must_look_like_one() -> None:
    """What goes into host names and signatures is not any text of a server."""
    wrong = http(400, error_xml("AuthorizationHeaderMalformed", Region="evil.example.com/x"))
    with serving(wrong, OK) as script, bucket_on(script) as bucket, pytest.raises(FatalTrouble):
        bucket.put("k", b"abc", Metadata())
    assert len(script.requests) == 1


def test_anonymous_requests_are_not_signed() -> None:
    """No Authorization header on either plane."""
    with serving(http(200, b"abc", ETag='"e"')) as script:
        connection = Connection(name="x", endpoint=script.endpoint, credentials=AnonymousCredentials())
        service = S3Service(connection, lambda _: pytest.fail("no keys are needed"))
        entry = Entry(key="k", size=3, etag="e")
        with service.bucket("b").read(entry, 0, 3, cancelled=threading.Event()) as body:
            assert b"".join(body) == b"abc"
        service.has_bucket("b")
        service.close()
    assert all("authorization" not in request.headers for request in script.requests)


def test_dotted_keys_reach_the_wire_as_they_are() -> None:
    """A "." or ".." segment is in the request line of every operation on the key."""
    with serving(OK) as script, bucket_on(script) as bucket:
        bucket.put("a/../b/./c", b"1", Metadata())
        bucket.put_part("..", "up", 1, 0, b"1")
    assert script.requests[0].target == "/b/a/../b/./c"
    assert script.requests[1].target.startswith("/b/..?")


def test_refused_credentials_are_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mended keys are found without a new service, once those just read may be read again."""
    monkeypatch.setattr(control, "RENEW", 0.0)
    from core.errors import BadCredentials
    from core.model import SecretKeys, SessionCredentials

    asked: list[str] = []

    def keys(ref: str) -> SecretKeys:
        asked.append(ref)
        return SecretKeys(access_key_id=f"KEY{len(asked)}", secret_access_key="s")

    with serving(http(403, error_xml("InvalidAccessKeyId")), OK) as script:
        connection = Connection(name="x", endpoint=script.endpoint, credentials=SessionCredentials(ref="r"))
        service = S3Service(connection, keys)
        with pytest.raises(BadCredentials):
            service.bucket("b").put("k", b"1", Metadata())
        service.bucket("b").put("k", b"1", Metadata())
        service.close()
    assert ["KEY1" in script.requests[0].headers["authorization"], len(asked)] == [True, 2]
    assert "KEY2" in script.requests[1].headers["authorization"]


def test_a_bad_ca_file_is_named(tmp_path: Path) -> None:
    """Missing, and not a certificate."""
    other = tmp_path / "ca.pem"
    other.write_text("nothing here")
    for path in (tmp_path / "none.pem", other):
        connection = Connection(name="x", endpoint="https://127.0.0.1:1", ca_file=str(path))
        with pytest.raises(FatalTrouble, match="CA file"):
            _ = S3Service(connection, lambda _: pytest.fail("not reached")).wire
