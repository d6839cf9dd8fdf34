"""Tags: never lost, and asked for no more often than a server makes necessary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NetworkTrouble
from core.stores.base import ObjectInfo
from core.stores.s3 import S3Bucket
from core.stores.s3.answers import BadAnswer
from core.stores.s3.tagging import parse_tags
from tests.stores.s3.scripted import Reply, Request, bucket_on, error_xml, http, serving

TAGS = "<Tag><Key>a</Key><Value>b c</Value></Tag><Tag><Key>d</Key><Value/></Tag>"
TAGGED = f"<Tagging><TagSet>{TAGS}</TagSet></Tagging>"
EMPTY = "<Tagging><TagSet/></Tagging>"


def look(bucket: S3Bucket, key: str = "k") -> tuple[ObjectInfo, dict[str, str]]:
    info = bucket.stat(key)
    return info, dict(bucket.tags_of(info))


def server(tags: bytes, **head: str) -> Reply:
    def reply(request: Request) -> bytes:
        if request.method == "HEAD":
            return http(200, b"", ETag='"e"', Content_Length="3", **head)
        return tags

    return reply


@pytest.mark.parametrize(
    ("counts", "tags", "expected", "asked"),
    [
        (True, http(200, TAGGED), {"a": "b c", "d": ""}, 2),  # counted: asked each time
        (False, http(200, TAGGED), {"a": "b c", "d": ""}, 2),  # not counted: must be asked each time
        (False, http(200, EMPTY), {}, 2),  # nobody knows yet whether this server counts
        (False, http(501, error_xml("NotImplemented")), {}, 1),  # no tags here at all
        (False, http(404, error_xml("NoSuchKey")), {}, 2),  # perhaps only this object is gone
        (False, http(403, error_xml("AccessDenied")), {}, 1),
        (False, http(500), {}, 2),  # twice for one object, then never again
        (False, http(200, b"\x00\x01 the object itself"), {}, 1),
        (True, http(403, error_xml("AccessDenied")), {}, 2),  # may not be read: left out
    ],
    ids=["counted", "uncounted", "none", "501", "404", "403", "500", "object", "counted 403"],
)
def test_tags_of_two_objects(counts: bool, tags: bytes, expected: dict[str, str], asked: int) -> None:
    """How many requests two objects cost."""
    head = {"x_amz_tagging_count": "2"} if counts else {}
    with serving(server(tags, **head)) as script, bucket_on(script) as bucket:
        assert [look(bucket)[1], look(bucket)[1]] == [expected, expected]
    assert sum(request.method == "GET" for request in script.requests) == asked


def test_a_server_that_counts_is_believed_when_it_does_not() -> None:
    """Once it has counted for one object, no header means no tags."""
    head = http(200, b"", ETag='"e"', Content_Length="3")
    counted = http(200, b"", ETag='"e"', Content_Length="3", x_amz_tagging_count="2")
    with serving(counted, http(200, TAGGED), head) as script, bucket_on(script) as bucket:
        assert look(bucket)[1] == {"a": "b c", "d": ""}
        assert look(bucket)[1] == {}
        assert bucket.service.abilities.tag_count is True
    assert [request.method for request in script.requests] == ["HEAD", "GET", "HEAD"]


def test_trouble_is_no_absence_of_tags() -> None:
    """A server that says what went wrong, or that has told tags before, is asked again later."""
    failing = server(http(500, error_xml("InternalError")))
    with serving(failing) as script, bucket_on(script) as bucket, pytest.raises(NetworkTrouble):
        look(bucket)
    with serving(server(http(500))) as script, bucket_on(script) as bucket:
        bucket.service.abilities.seed({"tags": True})
        with pytest.raises(NetworkTrouble):
            look(bucket)


def test_tags_told_with_the_object() -> None:
    """A few servers put them into a header of HEAD."""
    with serving(server(b"", x_amz_tagging="a=b%20c&d=")) as script, bucket_on(script) as bucket:
        assert look(bucket)[1]["a"] == "b c"
    assert len(script.requests) == 1


def test_what_is_no_set_of_tags_is_refused() -> None:
    """Other documents, cut ones, deep ones."""
    for document in (b"", b"<a/>", b"<Tagging><TagSet>", b"<Tagging>" + b"<x>" * 20):
        with pytest.raises(BadAnswer):
            parse_tags(document)


@given(st.binary(max_size=60))
def test_any_document_is_tags_or_refused(document: bytes) -> None:
    """Nothing else comes out."""
    try:
        assert isinstance(parse_tags(b"<Tagging>" + document), dict)
    except BadAnswer:
        return
