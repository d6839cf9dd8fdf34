"""What a GET must not let through."""

from __future__ import annotations

import socket
import threading

import pytest

from core.errors import FileTrouble, IntegrityTrouble, NetworkTrouble, SourceChanged
from core.model import Entry
from core.stores.base import Metadata
from core.stores.s3 import RangesUnsupported
from tests.stores.s3.scripted import bucket_on, http, serving

MIB = 1 << 20
SMALL = Entry(key="k", size=10, etag="e")
LARGE = Entry(key="k", size=3 * MIB, etag="e")
QUOTED = '"e"'


def read(entry: Entry, reply: bytes, offset: int = 0, length: int = -1) -> bytes:
    wanted = entry.size if length < 0 else length
    with (
        serving(reply) as script,
        bucket_on(script) as bucket,
        bucket.read(entry, offset, wanted, cancelled=threading.Event()) as body,
    ):
        return b"".join(body)


@pytest.mark.parametrize("entry", [SMALL, LARGE])
def test_another_size_is_another_object(entry: Entry) -> None:
    """Without an ETag the length tells; with the same ETag the answer was cut on the way; both are refused."""
    for difference in (-1, 1):
        data = b"x" * (entry.size + difference)
        with pytest.raises(SourceChanged):
            read(entry, http(200, data))
        with pytest.raises(NetworkTrouble):
            read(entry, http(200, data, ETag=QUOTED))


def test_a_length_that_changes_on_the_way() -> None:
    """A proxy that packs or unpacks what was asked for as it is: not the object's bytes, however many."""
    with pytest.raises((IntegrityTrouble, NetworkTrouble)):
        read(SMALL, http(200, b"packed", ETag=QUOTED, Content_Encoding="gzip"))
    with pytest.raises(SourceChanged):  # a weak ETag of a rewritten answer without a mark, for instance
        read(SMALL, http(200, b"unpacked, and longer"))


@pytest.mark.parametrize("entry", [SMALL, LARGE])
@pytest.mark.parametrize("difference", [-1, 1, 500])
def test_bytes_are_counted_without_a_length(entry: Entry, difference: int) -> None:
    """A chunked answer with too few or too many bytes is an error."""
    data = b"x" * (entry.size + difference)
    chunked = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"
    with pytest.raises(NetworkTrouble):
        read(entry, http(200, chunked, ETag=QUOTED, Transfer_Encoding="chunked"))


def test_a_range_answered_with_200_is_believed() -> None:
    """rclone's way: status 200 and a right Content-Range."""
    reply = http(200, b"cdef", ETag=QUOTED, Content_Range="bytes 2-5/10")
    assert read(SMALL, reply, 2, 4) == b"cdef"


@pytest.mark.parametrize(
    ("sent_range", "expected"),
    [
        ("bytes 0-3/10", NetworkTrouble),
        ("bytes 2-6/10", NetworkTrouble),
        ("bytes 2-5/11", SourceChanged),
        ("bytes nonsense", NetworkTrouble),
        ("bytes 2-5/99999999999999999999999", NetworkTrouble),
    ],
)
def test_a_wrong_range_is_refused(sent_range: str, expected: type[Exception]) -> None:
    """Content-Range must name what was asked for."""
    with pytest.raises(expected):
        read(SMALL, http(206, b"cdef", ETag=QUOTED, Content_Range=sent_range), 2, 4)


def test_a_server_without_ranges_is_known_as_such() -> None:
    """The whole object instead of a part is not used, and named."""
    with pytest.raises(RangesUnsupported):
        read(SMALL, http(200, b"0123456789", ETag=QUOTED), 2, 4)


def test_a_range_of_unknown_total_is_taken() -> None:
    """`*` says nothing against the entry."""
    assert read(SMALL, http(206, b"cdef", ETag=QUOTED, Content_Range="bytes 2-5/*"), 2, 4) == b"cdef"


def test_content_is_not_decoded() -> None:
    """gzip stays gzip."""
    assert (
        read(SMALL, http(200, b"\x1f\x8bgarbage!", ETag=QUOTED, Content_Encoding="gzip")) == b"\x1f\x8bgarbage!"
    )


def test_chunk_framing_is_not_taken_for_content() -> None:
    """An upload's aws-chunked framing in an answer is refused; the mere word is not."""
    framed = b"a;chunk-signature=00\r\n0123456789\r\n0;chunk-signature=00\r\n\r\n"
    with pytest.raises(FileTrouble, match="chunk framing"):
        read(SMALL, http(200, framed, ETag=QUOTED, Content_Encoding="aws-chunked"))
    assert read(SMALL, http(200, b"0123456789", ETag=QUOTED, Content_Encoding="aws-chunked")) == b"0123456789"


def test_weak_and_missing_etags() -> None:
    """A proxy's weak mark does not make another version; an answer without an ETag is taken."""
    assert read(SMALL, http(200, b"0123456789", ETag='W/"e"')) == b"0123456789"
    assert read(SMALL, http(200, b"0123456789")) == b"0123456789"


def test_metadata_of_a_body() -> None:
    """The body's info has the object's headers, without aws-chunked, and the whole size for a range."""
    reply = http(
        206,
        b"cdef",
        ETag=QUOTED,
        Content_Range="bytes 2-5/10",
        Content_Encoding="aws-chunked,gzip",
        x_amz_meta_Mtime="1.25",
        x_amz_checksum_sha256="abc=",
        x_amz_checksum_crc32="abc=-3",
    )
    with (
        serving(reply) as script,
        bucket_on(script) as bucket,
        bucket.read(SMALL, 2, 4, cancelled=threading.Event()) as body,
    ):
        info = body.info
    assert (info.entry.size, info.entry.etag) == (10, "e")
    assert info.metadata.headers["content-encoding"] == "gzip"
    assert info.metadata.user == {"mtime": "1.25"}
    assert info.metadata.modified == 1.25
    assert info.metadata.checksums == {"sha256": "abc="}


def test_a_slow_line_gives_small_chunks() -> None:
    """Progress and cancellation do not wait for a mebibyte."""
    entry = Entry(key="k", size=2 * MIB, etag="e")
    gate = threading.Event()

    with serving(http(200, b"", ETag=QUOTED, Content_Length=str(entry.size))) as script:
        piece = b"x" * (32 << 10)

        def trickle(connection: socket.socket) -> None:
            for _ in range(entry.size // len(piece)):
                connection.sendall(piece)
                gate.wait(0.04)  # the pace of the line, about 800 KiB/s

        script.after = trickle
        with bucket_on(script) as bucket, bucket.read(entry, 0, entry.size, cancelled=gate) as body:
            sizes = [len(chunk) for chunk in body]
    assert sum(sizes) == entry.size
    assert min(sizes[1:]) <= 128 << 10


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both planes go through HTTP_PROXY, and not to hosts in NO_PROXY."""
    with serving(http(200, b"", ETag=QUOTED)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
        monkeypatch.setenv("http_proxy", proxy.endpoint)
        with bucket_on(proxy, endpoint="http://s3.example.invalid") as bucket:
            bucket.put("k", b"1", Metadata())
            bucket.service.has_bucket("b")
        assert [request.target for request in proxy.requests] == [
            "http://s3.example.invalid/b/k",
            "http://s3.example.invalid/b",
        ]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with serving(http(200, b"", ETag=QUOTED)) as direct, bucket_on(direct) as bucket:
            bucket.put("k", b"1", Metadata())
            bucket.service.has_bucket("b")
        assert len(direct.requests) == 2
