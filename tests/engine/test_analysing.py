"""What is at a place, asked of an engine: sizes, largest files, folders, and what a list holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.analysing import MOST_FOLDERS, Findings, bound_of
from core.errors import Code, HaulierError
from core.inprocess import InProcessClient
from core.messages import Analyse, ListEntries, Measure, Measured, ReadList
from core.model import UNSIZED, Entry, Place, Tally
from tests.engine.asking import at, here, save
from tests.servers import S3Server
from tests.stores.s3.scripted import Request, http, serving

KIB = 1024


def test_bounds() -> None:
    """Powers of four from 4 KiB, each bound exclusive, and none above the last."""
    assert [bound_of(size) for size in (0, 4095, 4096, 16383, 16384, 1 << 39, 1 << 40, 1 << 60)] == [
        4 * KIB,
        4 * KIB,
        16 * KIB,
        16 * KIB,
        64 * KIB,
        1 << 40,
        0,
        0,
    ]


def test_bounded_memory() -> None:
    """Folders beyond the most that are counted by name are counted, and everything stays in the total."""
    found = Findings()
    for number in range(MOST_FOLDERS + 5):
        for name in ("a", "b"):
            found.add(Entry(key=f"{number:06}/{name}", size=number))
    analysis = found.analysis(True, [])
    assert analysis.total.count == 2 * (MOST_FOLDERS + 5)
    assert len(analysis.folders) == 50
    assert analysis.folders_left_out == MOST_FOLDERS + 5 - 50
    assert analysis.folders[0] == (f"{MOST_FOLDERS - 1:06}/", Tally(count=2, bytes=2 * (MOST_FOLDERS - 1)))
    assert [entry.size for entry in analysis.largest] == [MOST_FOLDERS + 4 - place // 2 for place in range(20)]


async def test_folder(client: InProcessClient, tmp_path: Path) -> None:
    """Count, bytes, histogram, largest, folders directly below; filters; one file; nothing there."""
    for name, size in {"a/x.bin": 5000, "a/deep/y.bin": 20_000, "b/z.json": 1, "top.json": 0}.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    found = await client.call(Analyse(place=here(tmp_path / "data")))
    assert (found.total, found.complete, found.unsized) == (Tally(count=4, bytes=25_001), True, 0)
    assert found.histogram == (
        (4 * KIB, Tally(count=2, bytes=1)),
        (16 * KIB, Tally(count=1, bytes=5000)),
        (64 * KIB, Tally(count=1, bytes=20_000)),
    )
    assert [entry.key for entry in found.largest] == ["a/deep/y.bin", "a/x.bin", "b/z.json", "top.json"]
    assert found.folders == (
        ("a/", Tally(count=2, bytes=25_000)),
        ("b/", Tally(count=1, bytes=1)),
        ("", Tally(count=1)),
    )
    found = await client.call(Analyse(place=here(tmp_path / "data"), include=("*.json",), exclude=("b/",)))
    assert [entry.key for entry in found.largest] == ["top.json"]
    found = await client.call(Analyse(place=here(tmp_path / "data" / "a" / "x.bin")))
    assert (found.total, found.largest[0].key) == (Tally(count=1, bytes=5000), "x.bin")
    with pytest.raises(HaulierError) as caught:
        await client.call(Analyse(place=here(tmp_path / "none")))
    assert caught.value.code is Code.NOT_FOUND


async def test_bucket(client: InProcessClient, moto_server: S3Server) -> None:
    """Of a prefix, named with and without its slash, and of one object; what only begins alike is left out."""
    await save(client, moto_server)
    bucket, boto3 = moto_server.new_bucket(), moto_server.boto3()
    for key in ("logs/", "logs/a/1", "logs/a/2", "logs/b", "logs-old/c"):
        boto3.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else b"12")
    for path in ("logs/", "logs"):
        found = await client.call(Analyse(place=at(moto_server, bucket, path)))
        assert found.total == Tally(count=3, bytes=6)
        assert found.folders == (("a/", Tally(count=2, bytes=4)), ("", Tally(count=1, bytes=2)))
    found = await client.call(Analyse(place=at(moto_server, bucket, "logs/b")))
    assert [(entry.key, entry.size) for entry in found.largest] == [("b", 2)]


async def test_list(client: InProcessClient, tmp_path: Path) -> None:
    """Servers are asked for the sizes of a list; what is refused or cannot be is named; when the time is up,
    what was found so far is told as that."""

    def answer(request: Request) -> bytes:
        if "gone" in request.target:
            return http(404)
        if "endless" in request.target:
            return http(200, b"3\r\nabc\r\n0\r\n\r\n", Transfer_Encoding="chunked")
        return http(200, b"", Content_Length="7000")

    path = tmp_path / "list.txt"
    with serving(answer) as script:
        place = Place(kind="list", path=str(path), url=script.endpoint)
        path.write_text("a\nb\ngone\n../x\nendless\n\na\n")
        found = await client.call(Analyse(place=place))
        assert (found.total, found.unsized) == (Tally(count=3, bytes=14_000), 1)
        assert found.unlistable == 2
        assert {name for name, _ in found.unlistable_examples} == {"gone.tar", "line 4: ../x"}
        assert found.folders == ()
        path.write_text("".join(f"{number}\n" for number in range(100_000)))
        found = await client.call(Analyse(place=place, seconds=0.5))
        assert not found.complete
        assert found.total.count < 100_000


async def test_read_list(client: InProcessClient, tmp_path: Path) -> None:
    """The preview of a list comes without asking a server, and so do its count and its rows, page by page;
    other places are refused."""
    path = tmp_path / "classes.csv"
    path.write_text("wnid\nn01\n\nn01\n..\n")
    place = Place(kind="list", path=str(path), url="https://data.example/sets")
    found = await client.call(ReadList(place=place, limit=5))
    assert (found.rows, found.blanks, found.duplicates, found.bad) == (1, 1, 1, 1)
    assert found.first == (Entry(key="n01.tar", size=UNSIZED, url="https://data.example/sets/n01.tar"),)
    measured = await client.call(Measure(place=place))
    assert measured == Measured(total=Tally(count=1), complete=True)
    page = await client.call(ListEntries(place=place))
    assert (page.entries, page.cursor) == (found.first, "")
    for wrong in (here(tmp_path), Place(kind="web", url="https://data.example/x")):
        with pytest.raises(HaulierError) as caught:
            await client.call(ReadList(place=wrong))
        assert caught.value.code is Code.USAGE
