"""Lists as sources: names, sizes asked for, and what cannot be had."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Code, FatalTrouble, HaulierError, NetworkTrouble
from core.model import UNSIZED, Entry, Place
from core.stores.base import Cancelled
from core.stores.s3.errors import BrokenListing
from core.stores.web import WebService, WebSource
from tests.servers import free_port
from tests.stores.s3.scripted import Request, http, serving
from tests.stores.s3.test_tls import tls
from tests.stores.web.conftest import NEVER, file

__all__ = ["tls"]  # a fixture


def names(source: WebSource, start_after: str = "") -> list[str]:
    return [e.key for page in source.pages("", start_after=start_after, cancelled=NEVER) for e in page]


def a_list(tmp_path: Path, *rows: str, url: str = "") -> Place:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{row}\n" for row in rows))
    return Place(kind="list", path=str(path), url=url)


def by_name(**answers: Callable[[Request], bytes] | bytes) -> Callable[[Request], bytes]:
    """A server whose answers depend on the file."""

    def reply(request: Request) -> bytes:
        found = answers[request.target.lstrip("/").partition(".")[0]]
        return found if isinstance(found, bytes) else found(request)

    return reply


def test_unsized_listing(tmp_path: Path, service: WebService) -> None:
    """Nothing is asked of a server: names and URLs in the order of the list, and what is wrong with it told
    apart."""
    place = a_list(tmp_path, "b", "", "a", "../x", "b", url="https://data.example/")
    source = service.source(place)
    ((b, a),) = source.pages("", cancelled=NEVER)
    assert b == Entry(key="b.tar", size=UNSIZED, url="https://data.example/b.tar")
    assert a.url == "https://data.example/a.tar"
    assert source.take_unlistable() == [("line 4: ../x", "the id has a slash")]
    assert source.take_unlistable() == []
    assert source.take_notes() == ["1 blank line", "1 id is named twice: b"]
    assert source.host == "data.example"
    assert not source.listing_incomplete


def test_going_on(tmp_path: Path, service: WebService) -> None:
    """A listing goes on behind a name it gave; one that is gone is no place to go on from."""
    place = a_list(tmp_path, "c", "a", "../x", "b", url="https://data.example/")
    source = service.source(place)
    assert names(source, "a.tar") == ["b.tar"]
    with pytest.raises(BrokenListing):
        names(source, "d.tar")
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        list(source.pages("", cancelled=cancelled))


def test_levels(tmp_path: Path, service: WebService) -> None:
    """For looking around, a page at a time."""
    place = a_list(tmp_path, *"abcde", url="https://data.example/")
    source = service.source(place)
    found, cursor = [], ""
    for _ in range(3):
        page, cursor = source.level("", cursor=cursor, limit=2)
        found += [entry.key[0] for entry in page]
    assert ("".join(found), cursor) == ("abcde", "")


def test_no_list(tmp_path: Path, service: WebService) -> None:
    """A list that is none is told when it is listed, not when it is opened."""
    source = service.source(Place(kind="list", path=str(tmp_path / "none")))
    with pytest.raises(HaulierError) as caught:
        names(source)
    assert caught.value.code is Code.USAGE
    with pytest.raises(HaulierError):
        service.source(Place(kind="local", path="/"))


def test_sized_listing(tmp_path: Path, service: WebService) -> None:
    """Every file is asked for, in the order of the list; what is refused is named with its reason, what is in
    trouble is asked again, and nobody's size stays nobody's."""
    busy = [http(503, b"", Retry_After="0"), http(500)]

    def soon(request: Request) -> bytes:
        return busy.pop() if busy else file()(request)

    endless = http(200, b"3\r\nabc\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    answer = by_name(
        a=file(b"a"),
        gone=http(404),
        page=http(200, "<html>no such file", Content_Type="text/html"),
        soon=soon,
        broken=http(500),
        endless=endless,
        z=file(b"zz", etag='W/"z"'),
    )
    with serving(answer) as script:
        place = a_list(tmp_path, "z", "gone", "page", "soon", "broken", "endless", "a", url=script.endpoint)
        source = service.source(place, sized=True)
        (page,) = source.pages("", cancelled=NEVER)
        assert [(entry.key, entry.size, entry.etag) for entry in page] == [
            ("z.tar", 2, "W/z"),
            ("soon.tar", 100_400, "v1"),
            ("endless.tar", UNSIZED, ""),
            ("a.tar", 1, "v1"),
        ]
        assert source.take_unlistable() == [
            ("gone.tar", f"look at {script.endpoint}/gone.tar: 404 Not Found"),
            (
                "page.tar",
                f"look at {script.endpoint}/page.tar: 127.0.0.1:{script.port} answered with a web page instead "
                "of it; perhaps this network wants a login first",
            ),
            ("broken.tar", f"look at {script.endpoint}/broken.tar: 500 Internal Server Error"),
        ]


def test_sized_order(tmp_path: Path, service: WebService) -> None:
    """Sixteen at once do not change the order of two hundred."""
    with serving(file(b"x")) as script:
        wanted = [f"n{number * 7 % 200:03}" for number in range(200)]
        source = service.source(a_list(tmp_path, *wanted, url=script.endpoint), sized=True)
        assert names(source) == [f"{name}.tar" for name in wanted]
        assert len(script.requests) == 200


def test_sized_without_server(tmp_path: Path, service: WebService) -> None:
    """The only server of a list being away is the listing's trouble; one of several is that of its files."""
    nobody = f"http://127.0.0.1:{free_port()}"
    alone = service.source(a_list(tmp_path, f"{nobody}/a", f"{nobody}/b"), sized=True)
    with pytest.raises(NetworkTrouble) as caught:
        names(alone)
    assert caught.value.host == alone.host != ""
    with serving(file()) as script:
        both = service.source(a_list(tmp_path, f"{nobody}/a", f"{script.endpoint}/c", url=nobody), sized=True)
        assert names(both) == ["c"]
        assert [name for name, _ in both.take_unlistable()] == ["a"]
        assert both.host == ""


def test_sized_where_somebody_must_mend_something(tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
    """The only server's certificate is not trusted: that is raised for the whole list, not said of each file;
    of one server among several it is that of its files."""
    context, _ = tls
    with serving(file(), tls=context) as script, serving(file()) as other:
        service = WebService(proxy="none")
        try:
            alone = a_list(tmp_path, f"{script.endpoint}/a", f"{script.endpoint}/b")
            with pytest.raises(FatalTrouble, match="certificate"):
                names(service.source(alone, sized=True))
            both = service.source(a_list(tmp_path, f"{script.endpoint}/a", f"{other.endpoint}/c"), sized=True)
            assert names(both) == ["c"]
            [(name, why)] = both.take_unlistable()
            assert (name, "certificate" in why) == ("a", True)
        finally:
            service.close()


def test_hosts(tmp_path: Path, service: WebService) -> None:
    """A list of one host speaks for it once it was read, also when it is opened anew; one of several speaks for
    none, and one that answers is enough when they are knocked at. Files that are read of a list that nobody
    listed say nothing of the others."""
    with serving(http(200)) as script:
        nobody = f"http://127.0.0.1:{free_port()}"
        place = a_list(tmp_path, f"{script.endpoint}/a")
        assert service.source(place).host == ""
        assert service.source(place).stat(f"{script.endpoint}/a").entry.size == 0
        assert service.source(place).host == ""
        names(service.source(place))
        again = service.source(place)
        assert again.host == f"127.0.0.1:{script.port}"
        again.knock(2.0)
        assert again.heard > 0
        (tmp_path / "list.txt").write_text(f"{nobody}/x\n{script.endpoint}/a\n")
        names(again)
        assert again.host == ""
        again.knock(2.0)
    with pytest.raises(NetworkTrouble):
        again.knock(0.5)
