"""A web server that many people run, over files."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import SourceChanged
from core.model import UNSIZED, Entry, Place
from core.stores.s3.errors import RangesUnsupported
from core.stores.web import WebMissing, WebRefused, WebService
from tests.nginx import nginx
from tests.stores.web.conftest import NEVER, all_of

BIG = hashlib.sha256(b"seed").digest() * 40_000  # 1.28 MB
MORE = """
  gzip on; gzip_types *; gzip_min_length 1;
  location /whole/ { alias %s/; max_ranges 0; }
  location /old/ { return 302 /big.bin; }
  location /secret/ { return 403; }
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    (root / "big.bin").write_bytes(BIG)
    (root / "empty.bin").write_bytes(b"")
    (root / "page.html").write_text("<html>hello</html>" * 100)
    (root / "text.json.gz").write_bytes(gzip.compress(b"{}" * 1000))
    (root / "a b+ü#1.bin").write_bytes(b"odd name")
    return root


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nginx(root, tmp_path_factory.mktemp("nginx"), MORE % root) as url:
        yield url


def test_files(server: str, root: Path, service: WebService) -> None:
    """Every file comes as it lies there, whole by its size and in one go without, and never compressed."""
    for name, written in [
        ("big.bin", "big.bin"),
        ("empty.bin", "empty.bin"),
        ("page.html", "page.html"),
        ("text.json.gz", "text.json.gz"),
        ("a b+ü#1.bin", "a%20b+%C3%BC%231.bin"),
    ]:
        url = f"{server}/{written}"
        source = service.source(Place(kind="web", url=url), sized=True)
        ((entry,),) = source.pages("", cancelled=NEVER)
        data = (root / name).read_bytes()
        assert (entry.key, entry.size) == (name, len(data))
        assert int(entry.modified) == int((root / name).stat().st_mtime)
        asked = source.stat(url).entry
        assert all_of(source, asked) == data
        with source.read_unsized(Entry(key=url, size=UNSIZED), 1 << 20, cancelled=NEVER) as body:
            came = b"".join(body)
            assert body.info.entry == asked
            assert body.modified_ns == int(asked.modified) * 10**9
            assert (came, body.whole) == (data[: 1 << 20], len(data) <= 1 << 20)


def test_many_at_once(server: str, service: WebService) -> None:
    """Pieces by sixteen threads make the file."""
    url = f"{server}/old/"
    source = service.source(Place(kind="web", url=url))
    entry = source.stat(url).entry
    step = 50_001
    with ThreadPoolExecutor(16) as pool:
        pieces = pool.map(
            lambda at: all_of(source, entry, at, min(step, len(BIG) - at)), range(0, len(BIG), step)
        )
        assert b"".join(pieces) == BIG


def test_no_ranges(server: str, service: WebService) -> None:
    """A server without ranges says so, and the whole can be had."""
    url = f"{server}/whole/big.bin"
    source = service.source(Place(kind="web", url=url))
    entry = source.stat(url).entry
    assert all_of(source, entry) == BIG
    with pytest.raises(RangesUnsupported):
        all_of(source, entry, 10, 10)
    with source.read_unsized(Entry(key=url, size=UNSIZED), 1000, cancelled=NEVER) as body:
        assert (body.ranges, body.whole, body.length) == (False, True, len(BIG))


def test_refusals(server: str, service: WebService) -> None:
    """What is not there, and what is not given."""
    source = service.source(Place(kind="web", url=server))
    with pytest.raises(WebMissing, match="404 Not Found"):
        source.stat(f"{server}/none.bin")
    with pytest.raises(WebRefused, match="403 Forbidden"):
        source.stat(f"{server}/secret/x.bin")


def test_changes(server: str, root: Path, service: WebService) -> None:
    """A file that is replaced between two pieces is noticed."""
    url, path = f"{server}/changing.bin", root / "changing.bin"
    path.write_bytes(b"a" * 1000)
    source = service.source(Place(kind="web", url=url))
    entry = source.stat(url).entry
    assert all_of(source, entry, 0, 500) == b"a" * 500
    path.unlink()
    path.write_bytes(b"b" * 1001)
    with pytest.raises(SourceChanged):
        all_of(source, entry, 500, 500)


def test_a_list(server: str, root: Path, tmp_path: Path, service: WebService) -> None:
    """The ImageNet way: ids of a CSV file and a base URL; what is missing is named, all else is there."""
    (root / "classes").mkdir()
    for number in range(100):
        (root / "classes" / f"n{number:03}.tar").write_bytes(b"%d" % number)
    rows = "".join(f"n{number:03},words\n" for number in range(101))
    (tmp_path / "classes.csv").write_text(f"wnid,words\n{rows}")
    place = Place(kind="list", path=str(tmp_path / "classes.csv"), url=f"{server}/classes")
    source = service.source(place, sized=True)
    entries = [entry for page in source.pages("", cancelled=threading.Event()) for entry in page]
    assert [(entry.key, entry.size) for entry in entries] == [
        (f"n{number:03}.tar", len(str(number))) for number in range(100)
    ]
    assert source.take_unlistable() == [
        ("n100.tar", f"look at {server}/classes/n100.tar: 404 Not Found"),
    ]
