"""What travels with an object besides its bytes: through a put, an upload, a copy, and a copy by parts."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest

from core.engine.moving.travelling import metadata_to_keep
from core.stores.base import Metadata, ObjectInfo
from tests.conformance.subject import MIB, Subject, md5, pattern

STEP = 5 * MIB
EXPIRES = "Wed, 21 Oct 2026 07:28:00 GMT"
RICH = Metadata(
    headers={
        "content-type": "text/x-test",
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="x y.txt"',
        "content-encoding": "gzip",
        "content-language": "de",
        "expires": EXPIRES,
    },
    user={"colour": "blue", "UPPER-Case_1": "x", "odd": "grün ☃", "mtime": "1700000000.123456789"},
    tags={"team": "a b", "cost": "1+1", "empty": ""},
    storage_class="STANDARD_IA",
)
WAYS = ["put", "upload", "copy", "copy by parts", "dotted put", "dotted upload"]


def make(s3: Subject, way: str) -> str:
    """The rich object, in one of the ways; its key."""
    store, bucket, data = s3.store, s3.bucket, pattern(STEP + 10)
    key = "a/../made" if way.startswith("dotted") else "made"
    if way.endswith("put"):
        store.put(key, b"abc", RICH, md5=md5(b"abc"))
    elif way.endswith("upload"):
        token = store.stage(key, len(data), RICH)
        parts = s3.send_parts(key, token, data, STEP)
        store.commit(key, token, parts, len(data))
    else:
        store.put("source", data, RICH, md5=md5(data))
        entry = s3.entry("source")
        if way == "copy":
            bucket.copy(bucket, entry, key, storage_class=RICH.storage_class)
        else:
            token = store.stage(key, len(data), metadata_to_keep(bucket, store.stat("source"), ""))
            spans = [(1, 0, STEP), (2, STEP, 10)]
            parts = [bucket.copy_part(bucket, entry, key, token, *span) for span in spans]
            store.commit(key, token, parts, len(data))
    return key


@pytest.mark.parametrize("way", WAYS)
def test_everything_travels(s3: Subject, way: str) -> None:
    """Content headers, user metadata (names in any case, text beyond ASCII), tags, class, and the time."""
    if way == "copy by parts" and s3.name == "rclone":
        pytest.skip("rclone cannot copy parts")
    if way.startswith("dotted") and s3.name != "moto":
        pytest.skip("refuses such keys")
    key = make(s3, way)
    info = s3.store.stat(key)
    metadata = info.metadata
    kept = {name for name in RICH.headers if (s3.name, name) != ("rclone", "expires")}  # which it forgets
    assert dict(metadata.headers) == {name: RICH.headers[name] for name in kept}
    assert {name: metadata.user[name] for name in ("colour", "upper-case_1", "mtime")} == {
        "colour": "blue",
        "upper-case_1": "x",
        "mtime": "1700000000.123456789",
    }
    assert metadata.user["odd"] == "=?UTF-8?B?Z3LDvG4g4piD?="
    assert metadata.modified_ns == 1_700_000_000_123_456_789
    assert s3.server is not None
    seen: dict[str, Any] = s3.server.boto3().head_object(Bucket=s3.bucket.name, Key=key)
    assert seen["ContentEncoding"] == "gzip"
    assert {name.lower() for name in seen["Metadata"]} == {"colour", "upper-case_1", "odd", "mtime"}
    if s3.name == "versitygw":
        assert metadata.storage_class == "STANDARD"  # it has no others
    else:
        assert metadata.storage_class == "STANDARD_IA"
    assert dict(s3.bucket.tags_of(info)) == dict(RICH.tags)


def test_expires_that_is_no_date(s3: Subject) -> None:
    """People write "0" or "-1": kept as it is, also with an upload in parts."""
    if s3.name == "rclone":
        pytest.skip("rclone keeps no Expires")
    metadata = Metadata(headers={"expires": "0"})
    s3.store.put("small", b"x", metadata)
    token = s3.store.stage("large", 3, metadata)
    s3.store.commit("large", token, s3.send_parts("large", token, b"abc", STEP), 3)
    for key in ("small", "large"):
        assert s3.store.stat(key).metadata.headers["expires"] == "0"


def test_metadata_in_raw_utf8(s3: Subject) -> None:
    """A server that answers with bytes that are no ASCII is understood, from HEAD as from GET."""
    if s3.name != "rclone":
        pytest.skip("only rclone takes and gives such headers")
    assert s3.server is not None
    client = s3.server.boto3()

    def raw(params: dict[str, Any], **_: object) -> None:
        params["headers"]["x-amz-meta-word"] = "grün"  # botocore sends it as UTF-8

    client.meta.events.register("before-call.s3.PutObject", raw)
    client.put_object(Bucket=s3.bucket.name, Key="k", Body=b"abc", ContentType="a/b")
    looked = s3.store.stat("k")

    def described() -> ObjectInfo:
        with s3.store.read(s3.entry("k"), 0, 3, cancelled=threading.Event()) as body:
            return body.info

    for info in (looked, described()):
        assert info.metadata.user["word"] == "grün"
        assert info.metadata.headers["content-type"] == "a/b"


def test_a_gzip_object_is_passed_on_as_it_is(s3: Subject) -> None:
    """Content-Encoding describes the object: nobody unpacks it on the way."""
    packed = gzip.compress(b"hello " * 1000)
    s3.write("packed", packed, Metadata(headers={"content-encoding": "gzip"}))
    entry = s3.entry("packed")
    assert entry.size == len(packed)
    assert s3.bytes_of(entry) == packed
    assert s3.bytes_of(entry, 3, 10) == packed[3:13]
    s3.bucket.copy(s3.bucket, entry, "copied")
    assert s3.bytes_of(s3.entry("copied")) == packed
    assert s3.store.stat("copied").metadata.headers["content-encoding"] == "gzip"
