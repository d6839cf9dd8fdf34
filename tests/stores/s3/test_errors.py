"""Every answer of a server, and every way to get none, becomes the right class of error."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import formatdate

import pytest

from core.errors import (
    BadCredentials,
    FatalTrouble,
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    StageLost,
    TargetRefused,
    Throttled,
    TransferError,
)
from core.model import Entry
from core.stores.base import Metadata
from core.stores.s3.errors import NotUnderstood, retry_after_seconds
from tests.stores.s3.scripted import bucket_on, error_xml, http, serving

ENTRY = Entry(key="k", size=3, etag="e")


def reading(reply: bytes) -> None:
    with serving(reply) as script, bucket_on(script) as bucket:
        bucket.read(ENTRY, 0, 3, cancelled=threading.Event())


def putting(reply: bytes) -> None:
    with serving(reply) as script, bucket_on(script) as bucket:
        bucket.put("k", b"abc", Metadata())


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "InvalidAccessKeyId", BadCredentials),
        (403, "SignatureDoesNotMatch", BadCredentials),
        (400, "ExpiredToken", BadCredentials),
        (400, "InvalidToken", BadCredentials),
        (401, "", BadCredentials),
        (403, "RequestTimeTooSkewed", FatalTrouble),
        (403, "AccessDenied", NoPermission),
        (403, "", NoPermission),
        (403, "InvalidObjectState", FileTrouble),
        (404, "NoSuchKey", NotFound),
        (404, "NoSuchBucket", NotFound),
        (404, "", NotFound),
        (404, "NoSuchUpload", StageLost),
        (412, "PreconditionFailed", SourceChanged),
        (416, "InvalidRange", SourceChanged),
        (429, "", Throttled),
        (503, "SlowDown", Throttled),
        (503, "", Throttled),
        (400, "RequestTimeout", NetworkTrouble),
        (500, "InternalError", NetworkTrouble),
        (502, "", NetworkTrouble),
        (504, "", NetworkTrouble),
        (501, "NotImplemented", NotUnderstood),
        (400, "BadDigest", IntegrityTrouble),
        (400, "SomethingNew", NotUnderstood),
        (301, "PermanentRedirect", FatalTrouble),
    ],
)
def test_codes_and_statuses(status: int, code: str, expected: type[TransferError]) -> None:
    """The class is exactly the expected one, and the message names what was asked."""
    with pytest.raises(TransferError) as caught:
        reading(http(status, error_xml(code) if code else b""))
    assert type(caught.value) is expected
    assert "s3://b/k" in caught.value.message


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchBucket", TargetRefused),
        (403, "QuotaExceeded", TargetRefused),
        (507, "XMinioStorageFull", TargetRefused),
        (403, "AccessDenied", NoPermission),
        (503, "SlowDown", Throttled),
    ],
)
def test_refused_writes(status: int, code: str, expected: type[TransferError]) -> None:
    """What concerns the whole target stops the job, what concerns the object does not."""
    with pytest.raises(TransferError) as caught:
        putting(http(status, error_xml(code)))
    assert type(caught.value) is expected


def test_an_archived_object_is_named_so() -> None:
    """The sentence says what to do."""
    with pytest.raises(FileTrouble, match="archived and must be restored"):
        reading(http(403, error_xml("InvalidObjectState")))


def test_retry_after_in_seconds_and_as_a_date() -> None:
    """Both forms of RFC 9110 are understood; nonsense is no wish."""
    with pytest.raises(Throttled) as caught:
        reading(http(503, error_xml("SlowDown"), Retry_After="7"))
    assert caught.value.retry_after == 7
    with pytest.raises(Throttled) as caught:
        reading(http(429, b"", Retry_After=formatdate(time.time() + 30, usegmt=True)))
    assert 25 <= caught.value.retry_after <= 31
    assert [retry_after_seconds(text) for text in ("", "soon", "-5", "inf", "nan", "1e9")] == [
        0,
        0,
        0,
        0,
        0,
        3600,
    ]


def test_a_wrong_clock_is_measured() -> None:
    """The message names the difference."""
    reply = http(403, error_xml("RequestTimeTooSkewed", ServerTime="2000-01-01T00:00:00Z"))
    with pytest.raises(FatalTrouble, match=r"clock is \d+ s ahead of the server's"):
        reading(reply)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\x01\x02 not http\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: e\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: e\r\n\r\n3\r\nabc\r\n",
    ],
    ids=["closed", "garbage", "short", "cut chunks"],
)
def test_a_broken_exchange_is_network_trouble(reply: bytes) -> None:
    """Nothing but NetworkTrouble comes out of a broken connection."""
    with pytest.raises(NetworkTrouble):
        reading(reply)


def test_nobody_listens() -> None:
    """A refused connection and an unknown host are NetworkTrouble, for both planes."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for endpoint in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        with serving(b"") as script, bucket_on(script, endpoint=endpoint) as bucket:
            with pytest.raises(NetworkTrouble):
                bucket.stat("k")
            with pytest.raises(NetworkTrouble):
                bucket.service.list_buckets()


def test_head_refusals_are_explained_by_a_get() -> None:
    """HEAD answers carry no code: the reason is asked for with one byte."""
    with (
        serving(http(400), http(400, error_xml("ExpiredToken"))) as script,
        bucket_on(script) as bucket,
        pytest.raises(BadCredentials),
    ):
        bucket.stat("k")
    assert [request.method for request in script.requests] == ["HEAD", "GET"]
    assert script.requests[1].headers["range"] == "bytes=0-0"


def test_an_error_page_of_a_proxy_is_not_taken_for_s3() -> None:
    """HTML in an error answer leaves the status to decide."""
    with pytest.raises(NoPermission):
        reading(http(403, "<html><Code>SlowDown</Code></html>"))


def test_boto3_errors_map_the_same_way() -> None:
    """The control plane's errors go through the same table."""
    with serving(http(503, error_xml("SlowDown"), Retry_After="9")) as script, bucket_on(script) as bucket:
        with pytest.raises(Throttled) as caught:
            bucket.stage("k", 10, Metadata())
        assert caught.value.retry_after == 9
        assert len(script.requests) == 1, "botocore must not retry"


def test_secrets_stay_out_of_errors() -> None:
    """Neither message nor chain nor repr of an error shows the secret key."""
    with (
        serving(http(403, error_xml("SignatureDoesNotMatch"))) as script,
        bucket_on(script) as bucket,
        pytest.raises(BadCredentials) as caught,
    ):
        bucket.put("k", b"abc", Metadata())
    error: BaseException | None = caught.value
    while error is not None:
        assert "very-secret-key" not in repr(error) + str(error)
        error = error.__cause__ or error.__context__
