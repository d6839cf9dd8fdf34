"""What every S3 server must give through our store, judged by boto3 where bytes or metadata are concerned."""

from __future__ import annotations

import msgspec
import pytest

from core.errors import IntegrityTrouble, NotFound, SourceChanged, StageLost, TargetRefused
from core.stores.base import Metadata
from core.stores.s3 import CopyUnsupported
from core.stores.s3.etag import composite_etag
from tests.conformance.subject import MIB, Subject, md5, pattern

STEP = 5 * MIB
SIZE = 11 * MIB
RICH = Metadata(
    headers={
        "content-type": "text/x-test",
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="x y.txt"',
        "content-language": "de",
    },
    user={"Colour": "blue", "odd": "grün"},
    modified=1_700_000_000.5,
)


def test_etag_is_the_md5(s3: Subject) -> None:
    """The receipt of a small object carries the MD5 of its bytes."""
    assert s3.write("object", b"hello").etag == md5(b"hello")


def test_wrong_bytes_are_refused(s3: Subject) -> None:
    """A digest that does not fit the bytes is an IntegrityTrouble, whole or part."""
    with pytest.raises(IntegrityTrouble):
        s3.store.put("object", b"hello", Metadata(), md5=md5(b"other"))
    token = s3.store.stage("large", STEP, Metadata())
    with pytest.raises(IntegrityTrouble):
        s3.store.put_part("large", token, 1, 0, b"hello", md5=md5(b"other"))
    s3.store.abort("large", token)


def test_metadata_travel(s3: Subject) -> None:
    """Content headers and user metadata come back, and boto3 sees them."""
    s3.write("object", b"x", RICH)
    metadata = s3.store.stat("object").metadata
    assert dict(metadata.headers).items() >= dict(RICH.headers).items()
    assert metadata.user["colour"] == "blue"
    assert metadata.user["mtime"] == "1700000000.5"
    assert s3.server is not None
    seen = s3.server.boto3().head_object(Bucket=s3.bucket.name, Key="object")
    assert seen["ContentType"] == "text/x-test"
    assert {name.lower() for name in seen["Metadata"]} == {"colour", "odd", "mtime"}


def test_metadata_of_a_large_object_travel(s3: Subject) -> None:
    """They are given when the upload begins and belong to the finished object."""
    token = s3.store.stage("large", STEP, RICH)
    parts = s3.send_parts("large", token, pattern(STEP), STEP)
    s3.store.commit("large", token, parts, STEP)
    metadata = s3.store.stat("large").metadata
    assert dict(metadata.headers).items() >= dict(RICH.headers).items()
    assert (metadata.user["colour"], metadata.modified) == ("blue", 1_700_000_000.5)


def test_tags_travel(s3: Subject) -> None:
    """Tags given at the put are stored; boto3 reads them."""
    if s3.name == "rclone":
        pytest.skip("rclone keeps no tags given with a put")
    s3.write("object", b"x", Metadata(tags={"team": "a b", "cost": "1+1"}))
    assert s3.bucket.service.control.tags(s3.bucket.name, "object") == {"team": "a b", "cost": "1+1"}


def test_staged_parts_are_listed(s3: Subject) -> None:
    """Numbers, offsets, sizes and ETags of what was sent."""
    data = pattern(SIZE)
    token = s3.store.stage("large", SIZE, Metadata())
    s3.send_parts("large", token, data, STEP)
    listed = s3.store.staged_parts("large", token)
    spans = [(1, 0, STEP), (2, STEP, STEP), (3, 2 * STEP, MIB)]
    assert [(part.number, part.offset, part.size) for part in listed] == spans
    assert [part.etag for part in listed] == [md5(data[o : o + n]) for _, o, n in spans]
    assert [upload.key for upload in s3.bucket.unfinished()] == ["large"]
    s3.store.abort("large", token)
    assert list(s3.bucket.unfinished()) == []


def test_commit_after_a_lost_reply(s3: Subject) -> None:
    """A second Complete finds the object made by the first, where the server's ETag proves it is ours."""
    data = pattern(SIZE)
    token = s3.store.stage("large", SIZE, Metadata())
    parts = s3.send_parts("large", token, data, STEP)
    first = s3.store.commit("large", token, parts, SIZE)
    assert first.etag == composite_etag([part.md5 for part in parts])
    if s3.name == "rclone":  # its ETag of a finished upload is another one and proves nothing
        with pytest.raises(StageLost):
            s3.store.commit("large", token, parts, SIZE)
        return
    assert s3.store.commit("large", token, parts, SIZE).etag == first.etag


def test_commit_does_not_take_another_object_for_ours(s3: Subject) -> None:
    """With the upload gone and something else under the key, even of the same size: StageLost."""
    data = pattern(STEP)
    token = s3.store.stage("large", STEP, Metadata())
    parts = s3.send_parts("large", token, data, STEP)
    s3.store.abort("large", token)
    s3.write("large", pattern(STEP + 1)[1:])
    with pytest.raises(StageLost):
        s3.store.commit("large", token, parts, STEP)


def test_server_side_copy_keeps_everything(s3: Subject) -> None:
    """Bytes, content headers and user metadata are those of the source."""
    s3.write("from here", b"hello", RICH)
    entry = s3.entry("from here")
    assert s3.bucket.can_copy_from(s3.bucket)
    receipt = s3.bucket.copy(s3.bucket, entry, "to/there+%41")
    assert receipt.size == 5
    assert s3.bytes_of(s3.entry("to/there+%41")) == b"hello"
    metadata = s3.store.stat("to/there+%41").metadata
    assert (metadata.user["colour"], metadata.headers["content-type"]) == ("blue", "text/x-test")


def test_server_side_copy_of_a_changed_source(s3: Subject) -> None:
    """Another version than the listed one is not copied silently."""
    s3.write("source", b"old")
    entry = s3.entry("source")
    s3.write("source", b"new")
    with pytest.raises(SourceChanged):
        s3.bucket.copy(s3.bucket, entry, "target")


def test_server_side_copy_by_parts(s3: Subject) -> None:
    """Parts copied inside the service make the object, or the server is known not to be able to."""
    data = pattern(SIZE)
    s3.write("source", data)
    entry = s3.entry("source")
    token = s3.store.stage("target", SIZE, Metadata())
    spans = [(1, 0, STEP), (2, STEP, STEP), (3, 2 * STEP, MIB)]
    if s3.name == "rclone":
        with pytest.raises(CopyUnsupported):
            s3.bucket.copy_part(s3.bucket, entry, "target", token, *spans[0])
        return
    parts = [s3.bucket.copy_part(s3.bucket, entry, "target", token, *span) for span in spans]
    s3.store.commit("target", token, parts, SIZE)
    assert s3.bytes_of(s3.entry("target")) == data


def test_delete_compares_etags(s3: Subject) -> None:
    """An object of the same size and other content is not the listed one."""
    s3.write("object", b"old")
    entry = s3.entry("object")
    s3.write("object", b"new")
    with pytest.raises(SourceChanged):
        s3.store.delete(entry)
    assert s3.bytes_of(s3.entry("object")) == b"new"


def test_a_wrong_etag_is_noticed_even_where_if_match_is_ignored(s3: Subject) -> None:
    """The ETag of the answer is compared, for small and for streamed reads."""
    for size in (10, 2 * MIB):
        s3.write("object", pattern(size))
        entry = msgspec.structs.replace(s3.entry("object"), etag="0" * 32)
        with pytest.raises(SourceChanged):
            s3.bytes_of(entry)


def test_buckets(s3: Subject) -> None:
    """A bucket is made, made again without harm, found, and listed in order."""
    service = s3.bucket.service
    name = f"{s3.bucket.name}-more"
    assert not service.has_bucket(name)
    service.create_bucket(name)
    service.create_bucket(name)
    assert service.has_bucket(name)
    names = [bucket.name for bucket in service.list_buckets()]
    assert names == sorted(names)
    assert {name, s3.bucket.name} <= set(names)
    assert service.find_region(name) == "us-east-1"


def test_a_missing_bucket(s3: Subject) -> None:
    """Reading from it is NotFound; writing to it stops the job."""
    missing = s3.bucket.service.bucket("no-such-bucket-here")
    with pytest.raises(TargetRefused):
        missing.put("x", b"1", Metadata())
    with pytest.raises(TargetRefused):
        missing.stage("x", STEP, Metadata())
    with pytest.raises(NotFound):
        missing.stat("x")
    other = Subject(s3.name, missing, s3.server)
    with pytest.raises(NotFound):
        other.listed()
