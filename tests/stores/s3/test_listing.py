"""Listings that lie, break off or attack."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NetworkTrouble, TransferError
from core.model import Entry
from core.stores.s3 import BrokenListing
from core.stores.s3.answers import BadAnswer
from core.stores.s3.page import PageParser
from tests.stores.s3.scripted import Script, bucket_on, http, serving


def page(*keys: str, token: str = "", truncated: str = "", encoding: str = "url") -> bytes:
    """A ListBucketResult; `keys` as they stand in the XML."""
    rows = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><Size>1</Size>"
        "<ETag>&quot;e&quot;</ETag></Contents>"
        for key in keys
    )
    more = truncated or ("true" if token else "false")
    mark = f"<EncodingType>{encoding}</EncodingType>" if encoding else ""
    where = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return http(
        200, f"<ListBucketResult>{rows}<IsTruncated>{more}</IsTruncated>{where}{mark}</ListBucketResult>"
    )


def keys_of(*replies: bytes, start_after: str = "") -> tuple[list[str], Script]:
    with serving(*replies) as script, bucket_on(script) as bucket:
        pages = bucket.pages("", start_after=start_after, cancelled=threading.Event())
        return [entry.key for found in pages for entry in found], script


def test_pages_follow_the_token() -> None:
    """The token is sent back as it came, and every page is used."""
    keys, script = keys_of(page("a", "b", token="1+/=&amp;x"), page("c"))
    assert keys == ["a", "b", "c"]
    asked = [parse_qs(urlsplit(request.target).query) for request in script.requests]
    assert "continuation-token" not in asked[0]
    assert asked[1]["continuation-token"] == ["1+/=&x"]


@pytest.mark.parametrize(
    "replies",
    [
        [page("a", token="t"), page("b", token="t")],
        [page("a", token="t"), page("b", token="u"), page("c", token="t")],
        [page("a", truncated="true")],
        [page("a", token="t"), page("a")],
        [page("a", "a")],
        [page("a", "b", token="t"), page("b", "c")],
        [page("a", truncated="maybe")],
        [page(token="t"), page(token="t")],
    ],
    ids=["same token", "circle", "no token", "same page", "twice", "overlap", "maybe", "empty circle"],
)
def test_pages_that_contradict_each_other(replies: list[bytes]) -> None:
    """Such a listing raises instead of ending as if complete."""
    with pytest.raises(BrokenListing):
        keys_of(*replies)


def test_an_empty_page_is_not_the_end() -> None:
    """S3 sends them while it skips deleted keys."""
    assert keys_of(page(token="t"), page("a"))[0] == ["a"]


def test_a_failing_page_raises() -> None:
    """What was listed before is not taken for everything."""
    with pytest.raises(NetworkTrouble):
        keys_of(page("a", token="t"), http(500))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<html><body>log in</body></html>",
        b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>-1</Size></Contents>"
        b"</ListBucketResult>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><ListBucketResult/>',
        b"<ListBucketResult><IsTruncated>&undefined;</IsTruncated></ListBucketResult>",
        b"<a>" * 200 + b"</a>" * 200,
        b"\xff\xfe\x00garbage",
        b'<?xml version="1.0" encoding="klingon"?><ListBucketResult/>',
        b"<ListBucketResult><Contents><Key>\x01</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>\xff</Key></Contents></ListBucketResult>",
    ],
)
def test_documents_that_are_no_listing(body: bytes) -> None:
    """Each is a classified error."""
    with pytest.raises(BrokenListing):
        keys_of(http(200, body))


def test_an_endless_page_is_cut_off() -> None:
    """A page of 17 MiB is refused without being held."""
    row = b"<Contents><Key>a</Key></Contents>"
    with pytest.raises(BrokenListing, match="larger"):
        keys_of(http(200, b"<ListBucketResult>" + row * ((17 << 20) // len(row))))


def test_a_key_that_is_not_text_is_reported() -> None:
    """It is neither left out silently nor in the way of the others."""
    with serving(page("a", "%ff%fe", "b")) as script, bucket_on(script) as bucket:
        pages = list(bucket.pages("", cancelled=threading.Event()))
        assert [entry.key for entry in pages[0]] == ["a", "b"]
        assert bucket.take_unlistable() == [("%ff%fe", "the key is not UTF-8")]
        assert bucket.take_unlistable() == []


def test_keys_outside_the_prefix_are_refused() -> None:
    """A server that ignores the prefix would have everything copied."""
    with (
        serving(page("in/a", "out")) as script,
        bucket_on(script) as bucket,
        pytest.raises(BrokenListing),
    ):
        list(bucket.pages("in/", cancelled=threading.Event()))


def test_start_after_is_kept_even_where_it_is_ignored() -> None:
    """Keys up to it are not offered again, on any page."""
    assert keys_of(page("a", "b", token="t"), page("c", "d"), start_after="c")[0] == ["d"]


@pytest.mark.parametrize(
    ("written", "encoding", "key"),
    [("a+b%2Bc%20%25", "url", "a b+c %"), ("a+b%2B", "", "a+b%2B"), ("a&amp;&#x9;b", "", "a&\tb")],
)
def test_both_ways_of_writing_keys(written: str, encoding: str, key: str) -> None:
    """Percent-encoded where the answer says so, literal where it does not."""
    assert keys_of(page(written, encoding=encoding))[0] == [key]


def test_entries_carry_what_was_listed() -> None:
    """Size, ETag without quotes, time and class."""
    body = (
        '<x:ListBucketResult xmlns:x="u"><IsTruncated>false</IsTruncated></x:ListBucketResult>',
        '<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n'
        "<Contents>\n <Key>k</Key>\n <LastModified>2026-11-21T01:40:13.500Z</LastModified>\n"
        " <ETag>&#34;abc-2&#34;</ETag>\n <Size>5368709120</Size>\n <Owner><ID>Key</ID></Owner>\n"
        " <StorageClass>GLACIER</StorageClass>\n</Contents><CommonPrefixes><Prefix>f/</Prefix></CommonPrefixes>"
        "<IsTruncated>false</IsTruncated></ListBucketResult>",
    )
    parser = PageParser()
    parser.feed(body[1].encode())
    assert parser.finish().entries == [
        Entry(key="k", size=5 << 30, etag="abc-2", modified=1795225213.5, storage_class="GLACIER"),
        Entry(key="f/", is_folder=True),
    ]
    assert keys_of(http(200, body[0]))[0] == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 300), st.integers(0, 20))
def test_no_document_crashes_the_parser(noise: bytes, at: int, cut: int) -> None:
    """Whatever bytes come, in whatever pieces: a page or BadAnswer."""
    good = page("a", "b%20c", token="t").partition(b"\r\n\r\n")[2]
    document = good[:at] + noise + good[at + cut :]
    parser = PageParser()
    try:
        parser.feed(document[:at])
        parser.feed(document[at:])
        parser.finish()
    except BadAnswer:
        return


_ROWS = [
    "<Contents><Key>k{n}</Key><LastModified>2020-01-01T00:00:{n:02d}Z</LastModified><ETag>&quot;e{n}&quot;</ETag>"
    "<Size>{n}</Size><StorageClass>STANDARD</StorageClass></Contents>",
    "<Contents><ETag>&#34;e&#34;</ETag><Key>k%20{n}</Key><LastModified>x</LastModified><Owner><ID>o</ID></Owner>"
    "<Size>{n}</Size></Contents>",
    "<Contents><Key>%FF{n}</Key><LastModified/><ETag>W/e</ETag><Size>{n}</Size></Contents>",
    "<Contents><Key>a&amp;b{n}</Key><LastModified>x</LastModified><ETag></ETag><Size>{n}</Size></Contents>",
    "<Contents><Key>é+{n}</Key><Key>twice</Key><LastModified>x</LastModified><ETag>e</ETag><Size>1</Size></Contents>",
    "<Contents a='b'><Key>k</Key><Size>1</Size></Contents>",
    "<Contents><Size>x</Size></Contents>",
    "<CommonPrefixes><Prefix>f{n}/</Prefix></CommonPrefixes>",
]
_BETWEEN = [
    "",
    "",
    "",
    "\n",
    "<!-- ",
    " -->",
    "<![CDATA[",
    "]]>",
    "<X>",
    "</X>",
    "<Contents>",
    "</Contents>",
    "<?x ",
    "?>",
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(_ROWS), st.integers(1, 20)), max_size=3),
    st.lists(st.sampled_from(_BETWEEN), min_size=4, max_size=4),
    st.sampled_from(["", "<?xml version='1.0'?>", '<?xml version="1.0" encoding="ISO-8859-1"?>']),
)
def test_rows_that_are_alike_are_read_as_all_others(
    runs: list[tuple[str, int]], between: list[str], beginning: str
) -> None:
    """Runs of rows of one form, with anything before, between and behind them: what comes out, an error too, is
    that of the same document with a space behind every row, which is parsed element by element."""

    def read(space: str) -> object:
        rows = [
            between[at] + "".join(row.format(n=at * 20 + n) + space for n in range(count))
            for at, (row, count) in enumerate(runs)
        ]
        document = (
            f"{beginning}<ListBucketResult><EncodingType>url</EncodingType>{''.join(rows)}{between[3]}"
            "<IsTruncated>false</IsTruncated></ListBucketResult>"
        )
        parser = PageParser()
        parser.feed(document.encode())
        try:
            page = parser.finish()
        except BadAnswer:
            return None
        return page.entries, page.unreadable, page.truncated

    assert read("") == read(" ")


def test_levels_refuse_a_cursor_without_end() -> None:
    """A level that leads to itself is an error."""
    with serving(page("a", token="t")) as script, bucket_on(script) as bucket:
        found, cursor = bucket.level("", cursor="", limit=10)
        assert [(entry.key, entry.size, entry.etag) for entry in found] == [("a", 1, "e")]
        assert cursor == "t"
        with pytest.raises(TransferError):
            bucket.level("", cursor="t", limit=10)
