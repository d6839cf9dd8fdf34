"""Reading over HTTP: ranges, validators, redirects, and everything that may come instead of the right bytes."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time

import msgspec
import pytest

from core.errors import (
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    Throttled,
    TransferError,
)
from core.model import UNSIZED, Entry, Place
from core.stores.base import Cancelled, ReadsUnsized, Remote
from core.stores.s3.errors import RangesUnsupported
from core.stores.web import WebFailed, WebMissing, WebRefused, WebService
from tests.stores.s3.scripted import http, serving
from tests.stores.web.conftest import DATA, ETAG, NEVER, all_of, at, file

SECRET = "X-Amz-Signature=0123abcd"


def test_ranges(service: WebService) -> None:
    """Pieces and the whole come right; each request names its range and refuses encodings; bytes are counted by
    host."""
    with serving(file()) as script:
        source, entry = at(service, script)
        assert all_of(source, entry) == DATA
        assert all_of(source, entry, 1000, 70_000) == DATA[1000:71_000]
        assert all_of(source, entry, len(DATA) - 1, 1) == DATA[-1:]
        ranges = [request.headers["range"] for request in script.requests]
        assert ranges == ["bytes=0-100399", "bytes=1000-70999", "bytes=100399-100399"]
        assert {request.headers["accept-encoding"] for request in script.requests} == {"identity"}
        assert service.served() == {f"127.0.0.1:{script.port}": len(DATA) + 70_001}
        assert isinstance(source, Remote)
        assert isinstance(source, ReadsUnsized)
        assert source.host == f"127.0.0.1:{script.port}"
        assert source.heard > 0


def test_if_range(service: WebService) -> None:
    """A strong ETag goes along as If-Range once the host that gave it is known, and a file that changed
    meanwhile is never mixed (case 13)."""
    with serving(file(), file(), file(DATA[::-1], etag='"v2"')) as script:
        source, entry = at(service, script)
        assert all_of(source, entry, 0, 10) == DATA[:10]
        assert all_of(source, entry, 10, 10) == DATA[10:20]
        with pytest.raises(SourceChanged):
            all_of(source, entry, 20, 10)
        assert [request.headers.get("if-range") for request in script.requests] == [None, '"v1"', '"v1"']


def test_if_range_of_another_hop(service: WebService) -> None:
    """If-Range is sent neither with a weak ETag nor to a host that did not give it."""
    with serving(file(etag='W/"v1"')) as storage, serving(file(etag='"v1"')) as other:
        led = [storage.endpoint, storage.endpoint, other.endpoint]
        reply = [http(302, b"", Location=f"{endpoint}/x") for endpoint in led]
        with serving(*reply) as front:
            source, entry = at(service, front)
            weak = msgspec.structs.replace(entry, etag="W/v1")
            all_of(source, weak, 0, 10)
            all_of(source, weak, 10, 10)
            all_of(source, entry, 20, 10)
            asked = [*storage.requests, *other.requests, *front.requests]
            assert not [request for request in asked if "if-range" in request.headers]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(200, DATA, ETag='"v1"'), RangesUnsupported),  # case 9
        (http(206, DATA[5:15], ETag='"v1"', Content_Range="bytes 5-14/100400"), NetworkTrouble),  # case 10
        (http(206, DATA[:10], ETag='"v1"', Content_Range="bytes 0-9/77"), SourceChanged),
        (http(206, DATA[:10], ETag='"v1"'), NetworkTrouble),
        (http(206, DATA[:9], ETag='"v1"', Content_Range="bytes 0-9/100400"), IntegrityTrouble),
        (http(206, DATA[:10], ETag='"v2"', Content_Range="bytes 0-9/100400"), SourceChanged),  # case 13
        (
            http(206, DATA[:10], Content_Range="bytes 0-9/100400", Content_Encoding="gzip"),
            IntegrityTrouble,
        ),  # case 14
        (http(416, b"", Content_Range="bytes */5"), SourceChanged),
        (http(416, b"", Content_Range="bytes */100400"), NetworkTrouble),
        (http(200, b"<html>log in", Content_Type="text/html"), NetworkTrouble),  # case 15
        (http(204), NetworkTrouble),
    ],
)
def test_wrong_answers(service: WebService, answer: bytes, error: type[TransferError]) -> None:
    """What is not the wanted range of the wanted version is refused before a byte of it is handed over."""
    with serving(answer) as script:
        source, entry = at(service, script)
        with pytest.raises(error), source.read(entry, 0, 10, cancelled=NEVER):
            pytest.fail("it was taken")


def test_times_are_validators(service: WebService) -> None:
    """Without ETags a new Last-Modified is a new version; a weak ETag does not hide it."""
    old, new = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:01 GMT"
    for etag in ('W/"v1"', ""):
        with serving(file(etag=etag, Last_Modified=old), file(etag=etag, Last_Modified=new)) as script:
            source, entry = at(service, script)
            seen = source.stat(entry.key).entry
            assert seen.modified == 1445412480.0
            with pytest.raises(SourceChanged):
                all_of(source, seen, 0, 10)


@pytest.mark.parametrize("whole", [True, False])
def test_lengths_lie(service: WebService, whole: bool) -> None:
    """A body that ends early, or goes on behind its range, is network trouble (case 11)."""
    head = {"ETag": '"v1"', "Content_Range": "bytes 0-100399/100400"}
    status = 200 if whole else 206
    if whole:
        head.pop("Content_Range")
    short = http(status, DATA[:50_000], **head, Content_Length=str(len(DATA)))
    chunked = http(status, b"4\r\nabcd\r\n0\r\n\r\n", **head, Transfer_Encoding="chunked")
    long = http(status, DATA + b"!", **head).replace(b"Content-Length: 100401\r\n", b"")
    for answer in (short, chunked, long):
        with serving(answer) as script:
            source, entry = at(service, script)
            with pytest.raises(NetworkTrouble):
                all_of(source, entry)


def test_gzip_files(service: WebService) -> None:
    """A file that is compressed itself comes as it is, though the server names its coding."""
    with serving(file(Content_Encoding="x-gzip")) as script:
        source, entry = at(service, script, "data.tar.gz")
        assert all_of(source, entry) == DATA
        plain, entry = at(service, script, "data.tar")
        with pytest.raises(IntegrityTrouble):
            plain.stat(entry.key)


def test_pages(service: WebService) -> None:
    """A web page is taken where the URL names one or nothing, and where it is the file that was seen before."""
    with serving(file(Content_Type="text/html; charset=utf-8")) as script:
        for name in ("index.html", "about.php", "download?id=3", "folder/"):
            source, entry = at(service, script, name)
            assert source.stat(entry.key).entry.size == len(DATA)
        source, entry = at(service, script, "n01.tar")
        with pytest.raises(NetworkTrouble, match="wants a login"):
            source.stat(entry.key)
        assert all_of(source, entry) == DATA  # its ETag is the expected one


@pytest.mark.parametrize(
    ("status", "words", "error", "final"),
    [
        (404, "404 Not Found", WebMissing, True),
        (410, "410 Gone", NotFound, True),
        (401, "401 Unauthorized", WebRefused, True),
        (403, "403 Forbidden", NoPermission, True),
        (405, "405 Method Not Allowed", WebFailed, True),
        (400, "400 Bad Request", FileTrouble, True),
        (501, "501 Not Implemented", FileTrouble, True),
        (408, "408 Request Timeout", NetworkTrouble, False),
        (500, "500 Internal Server Error", NetworkTrouble, False),
        (502, "502 Bad Gateway", NetworkTrouble, False),
        (504, "504 Gateway Timeout", NetworkTrouble, False),
        (520, "520", NetworkTrouble, False),
        (429, "429 Too Many Requests", Throttled, False),
        (503, "503 Service Unavailable", Throttled, False),
    ],
)
def test_refusals(
    service: WebService, status: int, words: str, error: type[TransferError], final: bool
) -> None:
    """Which statuses are tried again and which are not (the base behaviour); the text has the status in words
    and no query."""
    with serving(http(status, "<html>", Retry_After="7")) as script:
        source, entry = at(service, script, f"n01.tar?{SECRET}")
        with pytest.raises(error) as caught:
            all_of(source, entry)
        assert caught.value.message == f"get {script.endpoint}/n01.tar?…: {words}"
        assert caught.value.final is final
        assert caught.value.retry_after == (0.0 if final else 7.0)
        assert not caught.value.host


def test_retry_after_date(service: WebService) -> None:
    """A wish may be a date (case 23)."""
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    with serving(http(429, "", Retry_After=when)) as script:
        source, entry = at(service, script)
        with pytest.raises(Throttled) as caught:
            all_of(source, entry)
        assert 90 < caught.value.retry_after <= 100


def test_redirects(service: WebService) -> None:
    """Relative and absolute ones are followed by hand, with the range; nothing but it goes to other hosts
    (case 16)."""
    with serving(file()) as storage:
        led = (
            http(301, b"moved", Location="/b?x=1"),
            http(307, b"", Location=f"{storage.endpoint}/c?{SECRET}#f"),
        )
        with serving(*led) as front:
            source, entry = at(service, front)
            assert all_of(source, entry, 5, 5) == DATA[5:10]
            assert [request.target for request in front.requests] == ["/data.bin", "/b?x=1"]
            (asked,) = storage.requests
            assert asked.target == f"/c?{SECRET}"
            assert set(asked.headers) == {"range", "accept-encoding", "user-agent", "host", "accept"}
            assert service.served() == {f"127.0.0.1:{storage.port}": 5}


@pytest.mark.parametrize("where", ["/again", "", "ftp://127.0.0.1/x", "http://[bad/"])
def test_bad_redirects(service: WebService, where: str) -> None:
    """Circles and redirects to nowhere are final for this file, and end."""
    with serving(http(302, b"", Location=where)) as script:
        source, entry = at(service, script)
        with pytest.raises(WebFailed):
            all_of(source, entry)
        assert len(script.requests) == (21 if where == "/again" else 1)


def test_signed_urls_end(service: WebService) -> None:
    """Each request begins at the URL of the list, so that a signed one that ended is never used again (case
    17)."""
    with (
        serving(file(), http(403), file()) as storage,
        serving(*[http(302, b"", Location=f"{storage.endpoint}/x?{number}") for number in range(3)]) as front,
    ):
        source, entry = at(service, front)
        assert all_of(source, entry, 0, 10) == DATA[:10]
        with pytest.raises(WebRefused) as caught:
            all_of(source, entry, 10, 10)
        assert storage.endpoint not in caught.value.message
        assert all_of(source, entry, 10, 10) == DATA[10:20]


def test_slow_drip(service: WebService) -> None:
    """A byte now and then is a stall, although no single wait is long (case 24)."""
    with serving(
        http(206, b"", ETag='"v1"', Content_Range="bytes 0-100399/100400", Content_Length="100400")
    ) as s:
        ended = threading.Event()

        def drip(connection: socket.socket) -> None:
            try:
                while not ended.wait(0.1):
                    connection.sendall(b"x")
            except OSError:
                return

        s.after = drip
        source, entry = at(service, s)
        began = time.monotonic()
        with pytest.raises(NetworkTrouble, match="only"):
            all_of(source, entry)
        ended.set()
        assert time.monotonic() - began < 5


def test_silence(service: WebService) -> None:
    """No answer within the stall time is network trouble of that host; so is no server; a knock tells."""
    with serving(lambda _: b"") as script:
        ended = threading.Event()

        def wait(_: socket.socket) -> None:
            ended.wait(10)

        script.after = wait
        source, entry = at(service, script)
        with pytest.raises(NetworkTrouble) as caught:
            all_of(source, entry)
        assert caught.value.host == source.host
        with pytest.raises(NetworkTrouble):
            source.knock(0.3)
        ended.set()
    with pytest.raises(NetworkTrouble) as caught:
        all_of(source, entry)
    assert caught.value.host == source.host


def test_cancelled(service: WebService) -> None:
    """A cancelled reading asks for nothing, and one under way ends between two pieces."""
    cancelled = threading.Event()
    with serving(file(DATA * 50)) as script:
        source, entry = at(service, script)
        entry = msgspec.structs.replace(entry, size=len(DATA) * 50)
        with source.read(entry, 0, entry.size, cancelled=cancelled) as body:
            pieces = iter(body)
            next(pieces)
            cancelled.set()
            with pytest.raises(Cancelled):
                next(pieces)
        with pytest.raises(Cancelled):
            all_of(source, entry, cancelled=cancelled)
        assert len(script.requests) == 1


# ---------------------------------------------------------------- what a file is


def test_stat(service: WebService) -> None:
    """Size, validators, type and digests of the whole out of HEAD; an ETag says nothing of the content unless
    S3 itself gave it."""
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    told = {
        "Last_Modified": "Wed, 21 Oct 2015 07:28:00 GMT",
        "Content_Type": "application/x-tar",
        "Repr_Digest": f"sha-512=:AAAA:, sha-256=:{digest}:",
        "x_goog_hash": "crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==",
    }
    with serving(file(DATA, etag=ETAG, **told)) as script:
        source, entry = at(service, script)
        info = source.stat(entry.key)
        assert info.entry == Entry(key=entry.key, size=len(DATA), etag="v1", modified=1445412480.0)
        assert info.metadata.headers == {"content-type": "application/x-tar"}
        assert info.metadata.checksums == {"sha256": digest, "crc32c": "n03x6A=="}
        assert info.opaque_etag
        assert not info.identity
        assert [request.method for request in script.requests] == ["HEAD"]
    with serving(file(Digest=f"SHA-256={digest}", x_amz_request_id="1")) as script:
        info = at(service, script)[0].stat(f"{script.endpoint}/data.bin")
        assert info.metadata.checksums == {"sha256": digest}
        assert not info.opaque_etag
    with serving(file(Repr_Digest="sha-256=:short:", x_amz_cf_id="1")) as script:
        info = at(service, script)[0].stat(f"{script.endpoint}/data.bin")
        assert info.opaque_etag
        assert not info.metadata.checksums


def test_hashes_of_stored_gzip(service: WebService) -> None:
    """The hash of what is stored is none of what comes, where it was unpacked on the way."""
    hashed = {"x_goog_hash": "crc32c=n03x6A=="}
    for stored, known in (("gzip", False), ("identity", True)):
        with serving(file(DATA, etag=ETAG, x_goog_stored_content_encoding=stored, **hashed)) as script:
            source, entry = at(service, script)
            assert ("crc32c" in source.stat(entry.key).metadata.checksums) is known


def test_empty_files(service: WebService) -> None:
    """A file of no bytes is read as that, however the server says it; one that has some by now is not."""
    for empty in (http(200), http(416, "not satisfiable"), http(416, Content_Range="bytes */0")):
        with serving(empty) as script:
            source, entry = at(service, script)
            assert all_of(source, msgspec.structs.replace(entry, size=0)) == b""
    chunked = http(200, b"3\r\nabc\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    for more in (chunked, http(200, "x"), http(206, "x", Content_Range="bytes 0-0/1")):
        with serving(more) as script:
            source, entry = at(service, script)
            with pytest.raises(TransferError):
                all_of(source, msgspec.structs.replace(entry, size=0))


@pytest.mark.parametrize("refusal", [403, 405, 501])
def test_stat_without_head(service: WebService, refusal: int) -> None:
    """Where HEAD is refused, the first byte tells; a file that is not there is asked for once."""
    with serving(http(refusal), file()) as script:
        source, entry = at(service, script)
        assert source.stat(entry.key).entry.size == len(DATA)
        assert script.requests[1].headers["range"] == "bytes=0-0"
    with serving(http(404)) as script:
        source, entry = at(service, script)
        with pytest.raises(WebMissing):
            source.stat(entry.key)
        assert len(script.requests) == 1


def test_stat_of_strange_servers(service: WebService) -> None:
    """A HEAD that tells no size, or none where there is one, is not believed; nobody's size is UNSIZED."""
    with serving(http(200, b"", Content_Length="0"), file()) as script:
        source, entry = at(service, script)
        assert source.stat(entry.key).entry.size == len(DATA)
    with serving(http(200, b"", Content_Length="0"), file(b"")) as script:
        source, entry = at(service, script)
        assert source.stat(entry.key).entry.size == 0
    endless = http(200, b"3\r\nabc\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    with serving(http(405), endless) as script:
        source, entry = at(service, script)
        assert source.stat(entry.key).entry.size == UNSIZED


# ---------------------------------------------------------------- files whose size nobody knows


def unsized(service: WebService, script: object, limit: int) -> tuple[bytes, int, int, bool, bool]:
    """(bytes, total, length, whole, ranges)."""
    source, entry = at(service, script)  # type: ignore[arg-type]
    fresh = Entry(key=entry.key, size=UNSIZED)
    with source.read_unsized(fresh, limit, cancelled=NEVER) as body:
        told = body.info.entry.size, body.length, body.whole, body.ranges
        return b"".join(body), *told


def test_unsized(service: WebService) -> None:
    """One request gives the beginning, the size, and whether that was all."""
    with serving(file()) as script:
        assert unsized(service, script, 1000) == (DATA[:1000], len(DATA), 1000, False, True)
        assert unsized(service, script, len(DATA)) == (DATA, len(DATA), len(DATA), True, True)
        assert unsized(service, script, 1 << 30) == (DATA, len(DATA), len(DATA), True, True)
        assert len(script.requests) == 3
    with serving(http(200, DATA)) as script:
        assert unsized(service, script, 1000) == (DATA, len(DATA), len(DATA), True, False)
    for empty in (http(200, b""), http(416, b"", Content_Range="bytes */0"), http(416), file(b"")):
        with serving(empty) as script:
            assert unsized(service, script, 1000)[:4] == (b"", 0, 0, True)


def test_unsized_without_length(service: WebService) -> None:
    """A body of unknown length ends where it ends; cut in the middle of its chunks it is network trouble (case
    12)."""
    with serving(http(200, b"3\r\nabc\r\n0\r\n\r\n", Transfer_Encoding="chunked")) as script:
        assert unsized(service, script, 1000) == (b"abc", UNSIZED, -1, True, False)
    with serving(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA) as script:
        assert unsized(service, script, 1000) == (DATA, UNSIZED, -1, True, False)
    with (
        serving(http(200, b"3\r\nabc\r\n5\r\nab", Transfer_Encoding="chunked")) as script,
        pytest.raises(NetworkTrouble),
    ):
        unsized(service, script, 1000)


def test_unsized_of_nobody_knows_how_much(service: WebService) -> None:
    """Where the server does not tell the size with a range, the whole is asked for."""
    part = http(206, DATA[:1000], Content_Range="bytes 0-999/*")
    with serving(part, http(200, DATA)) as script:
        assert unsized(service, script, 1000) == (DATA, len(DATA), len(DATA), True, False)
        assert "range" not in script.requests[1].headers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(200, b"<html>log in", Content_Type="text/html"), NetworkTrouble),
        (http(206, DATA[:10], Content_Range="bytes 0-9/100400", Content_Encoding="br"), IntegrityTrouble),
        (http(206, DATA[:10], Content_Range="bytes 0-9/100400"), NetworkTrouble),
        (http(206, DATA[:10]), NetworkTrouble),
        (http(206, DATA[:10], Content_Range="bytes 0-999/100400"), IntegrityTrouble),
        (http(416, b"", Content_Range="bytes */5"), NetworkTrouble),
        (http(404), WebMissing),
    ],
)
def test_unsized_wrong_answers(service: WebService, answer: bytes, error: type[TransferError]) -> None:
    """The same care as with a size."""
    with serving(answer) as script, pytest.raises(error):
        unsized(service, script, 1000)


def test_unsized_left_early(service: WebService) -> None:
    """The context may be left before the end, and the next reading is none the worse."""
    with serving(file(DATA * 100)) as script:
        source, entry = at(service, script)
        fresh = Entry(key=entry.key, size=UNSIZED)
        with source.read_unsized(fresh, 1 << 30, cancelled=NEVER) as body:
            assert len(next(iter(body))) > 0
        assert all_of(source, body.info.entry, 7, 7) == (DATA * 100)[7:14]


def test_places(service: WebService) -> None:
    """A single URL is listed under its file's name, percent signs decoded, with no size; sized, with one."""
    with serving(file()) as script:
        place = Place(kind="web", url=f"{script.endpoint}/a/b%20c.bin?{SECRET}")
        ((entry,),) = service.source(place).pages("", cancelled=NEVER)
        assert (entry.key, entry.url, entry.size) == ("b c.bin", place.url, UNSIZED)
        assert not script.requests
        ((entry,),) = service.source(place, sized=True).pages("", cancelled=NEVER)
        assert (entry.key, entry.url, entry.size, entry.etag) == ("b c.bin", place.url, len(DATA), "v1")
