"""Small objects over lines: asked and judged as the ordinary way does it."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import msgspec
import pytest

from core.errors import (
    BadCredentials,
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NotFound,
    SourceChanged,
    Throttled,
)
from core.model import AnonymousCredentials, Connection, Entry, SecretKeys
from core.stores.base import Metadata
from core.stores.exchange import AskFirst, AskOrdinarily
from core.stores.s3 import CopyUnsupported, S3Bucket, S3Service
from tests.stores.carrying import carried
from tests.stores.s3.scripted import bucket_on, error_xml, http, serving
from tests.stores.s3.test_tls import tls

__all__ = ["tls"]

SMALL = Entry(key="dir/a b+é", size=10, etag="e")
QUOTED = '"e"'
DATA = b"0123456789"


def read(bucket: S3Bucket, entry: Entry = SMALL) -> bytes:
    ask = bucket.ask_read(entry)
    assert ask is not None
    return b"".join(bucket.take_read(ask, carried(ask), entry))


def test_a_whole_object() -> None:
    """The request is the ordinary one: signed, for this version only, of a key byte by byte."""
    with serving(http(200, DATA, ETag=QUOTED)) as script, bucket_on(script) as bucket:
        assert read(bucket) == DATA
        with bucket.read(SMALL, 0, 10, cancelled=threading.Event()) as body:
            assert b"".join(body) == DATA
        over_line, ordinary = script.requests
        assert "Signature" not in repr(bucket.ask_read(SMALL))
    assert over_line.target == ordinary.target == "/b/dir/a%20b%2B%C3%A9"
    same = ("host", "if-match", "x-amz-checksum-mode", "x-amz-content-sha256", "user-agent", "accept-encoding")
    assert {name: over_line.headers.get(name) for name in same} == {
        name: ordinary.headers.get(name) for name in same
    }


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (http(200, DATA[:-1]), SourceChanged),
        (http(200, DATA[:-1], ETag=QUOTED), NetworkTrouble),
        (http(200, DATA, ETag='"other"'), SourceChanged),
        (http(200, b"packed", ETag=QUOTED, Content_Encoding="gzip"), (IntegrityTrouble, NetworkTrouble)),
        (http(206, DATA, ETag=QUOTED), FileTrouble),
        (http(404, error_xml("NoSuchKey")), NotFound),
        (http(412, error_xml("PreconditionFailed")), SourceChanged),
        (http(503, error_xml("SlowDown")), Throttled),
        (http(403, error_xml("InvalidAccessKeyId")), BadCredentials),
        (http(200, b"<html>log in", Content_Type="text/html"), NetworkTrouble),
        (http(400, error_xml("AuthorizationHeaderMalformed", Region="eu-west-1")), AskOrdinarily),
    ],
)
def test_what_is_not_the_object(reply: bytes, error: type[Exception]) -> None:
    """Refusals have the classes of the ordinary way; what teaches the store something is asked again."""
    with serving(reply) as script, bucket_on(script) as bucket, pytest.raises(error):
        read(bucket)


@pytest.mark.parametrize("etag", ['x"\r\nx-evil: 1', "a\nb", "a\rb", "\0", "é"])
def test_what_cannot_be_written(etag: str) -> None:
    """An ETag out of a listing that would add a header goes the ordinary way, which refuses it."""
    with serving(http(200)) as script, bucket_on(script) as bucket:
        assert bucket.ask_read(msgspec.structs.replace(SMALL, etag=etag)) is None
        assert bucket.ask_read(msgspec.structs.replace(SMALL, key="a/../b")) is None
        assert not script.requests


def test_a_region_that_is_learnt_while_others_are_under_way() -> None:
    """They were signed for the old one: every one of them is asked again, none stops the job."""
    moved = http(301, error_xml("PermanentRedirect"), x_amz_bucket_region="eu-west-1")
    with serving(moved) as script, bucket_on(script) as bucket:
        asks = [ask for _ in range(3) if (ask := bucket.ask_read(SMALL)) is not None]
        for ask in asks:
            with pytest.raises(AskOrdinarily):
                bucket.take_read(ask, carried(ask), SMALL)


def test_a_proxy_is_for_the_ordinary_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with serving(http(200)) as script, bucket_on(script) as bucket:
        assert bucket.ask_read(SMALL) is None


def put(bucket: S3Bucket, data: bytes = DATA) -> None:
    md5 = "781e5e245d69b566979b86e28d23f2c7"
    ask = bucket.ask_put("k", data, Metadata(user={"a": "b"}), md5)
    assert ask is not None
    receipt = bucket.take_put(ask, carried(ask), "k", len(data), md5)
    assert receipt.etag == md5


def test_a_put_waits_until_it_is_known_what_the_server_takes() -> None:
    """Then it says what the ordinary one says, and an unlike ETag is an error."""
    right = http(200, ETag='"781e5e245d69b566979b86e28d23f2c7"')
    with serving(right) as script, bucket_on(script) as bucket:
        with pytest.raises(AskFirst):
            bucket.ask_put("k", DATA, Metadata(), "")
        bucket.service.abilities.learn("checksum_crc64nvme", able=True)
        put(bucket)
        [request] = script.requests
        assert request.body == DATA
        assert request.headers["content-length"] == "10"
        assert request.headers["content-md5"] == "eB5eJF1ptWaXm4bijSPyxw=="
        assert request.headers["x-amz-checksum-crc64nvme"]
        assert request.headers["x-amz-meta-a"] == "b"
    with serving(http(200, ETag='"00000000000000000000000000000000"')) as script, bucket_on(script) as bucket:
        bucket.service.abilities.learn("checksum_crc64nvme", able=False)
        with pytest.raises(IntegrityTrouble):
            put(bucket)


COPIED = "<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (http(200, COPIED), None),
        (http(200, COPIED.replace(";e&", ";f&")), AskOrdinarily),
        (http(200), CopyUnsupported),
        (http(200, error_xml("InternalError")), FileTrouble),
        (http(501, error_xml("NotImplemented")), CopyUnsupported),
    ],
)
def test_copies(reply: bytes, error: type[Exception] | None) -> None:
    """Only a copy with the source's ETag is judged here."""
    with serving(reply) as script, bucket_on(script) as bucket:
        ask = bucket.ask_copy(bucket, SMALL, "there", "")
        assert ask is not None
        answer = carried(ask)
        if error is None:
            assert bucket.take_copy(ask, answer, SMALL, "there").etag == "e"
            assert script.requests[0].headers["x-amz-copy-source"] == "b/dir/a%20b%2B%C3%A9"
        else:
            with pytest.raises((error, NetworkTrouble) if error is FileTrouble else error):
                bucket.take_copy(ask, answer, SMALL, "there")


def test_tls_is_verified(tls: tuple[ssl.SSLContext, Path]) -> None:
    """A certificate that nobody known signed opens no line; an authority of the connection's own does, and so
    does a connection that asks for no check."""
    context, ca_file = tls
    with serving(http(200, DATA, ETag=QUOTED), tls=context) as script:
        for ca, verify, trusted in (("", True, False), (str(ca_file), True, True), ("", False, True)):
            connection = Connection(
                name="tls",
                endpoint=script.endpoint,
                region="us-east-1",
                credentials=AnonymousCredentials(),
                ca_file=ca,
                verify_tls=verify,
            )
            service = S3Service(connection, lambda _: SecretKeys(access_key_id="", secret_access_key=""))
            try:
                if trusted:
                    assert read(service.bucket("b")) == DATA
                else:
                    with pytest.raises(ssl.SSLError):
                        read(service.bucket("b"))
            finally:
                service.close()
