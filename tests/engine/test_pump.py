"""Small items over lines: which go there, what becomes of trouble on the way, and that nothing is lost."""

from __future__ import annotations

import collections
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
import pytest_asyncio

import core.engine.moving.pump as pump_module
from core.engine.moving.crew import rows_of
from core.engine.moving.move import Slot
from core.engine.moving.smalls import MOST_UNLIKE
from core.engine.network.line import Line, open_line
from core.inprocess import InProcessClient
from core.messages import SaveConnection, TuneJob
from core.model import ItemView, JobState, JobView, Place
from core.stores.exchange import SMALL, Ask, Origin
from tests.engine.asking import at, ends, here, items, reaches, read, run, spec_of, submit, write
from tests.faults.faults import Reset, Say, Truncate, error_xml
from tests.faults.faults import http as said
from tests.faults.proxy import Exchange as Exchanged
from tests.faults.proxy import Fault, Head, Proxy, Rule
from tests.servers import S3Server

FILES = {f"d{number % 7}/f{number:03}": b"%d" % number * 40 for number in range(120)} | {"empty": b""}


@dataclass
class Counted:
    """Lines that were opened, and requests that went over them."""

    lines: int = 0
    asks: list[str] = field(default_factory=list)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()

    class CountedLine(Line):
        def begin(self, ask: Ask) -> None:
            found.asks.append(str(ask.doing))
            super().begin(ask)

    def opening(origin: Origin, acknowledged: float) -> Line:
        found.lines += 1
        line = open_line(origin, acknowledged=acknowledged)
        return CountedLine(line.socket, origin)

    monkeypatch.setattr(pump_module, "open_line", opening)
    return found


@pytest.fixture
def proxy(moto_server: S3Server) -> Iterator[Proxy]:
    made = Proxy(moto_server.endpoint)
    yield made
    made.close()


@pytest_asyncio.fixture
async def place(client: InProcessClient, moto_server: S3Server, proxy: Proxy) -> Place:
    """A new bucket, through the proxy."""
    connection = msgspec.structs.replace(moto_server.connection("moto"), endpoint=proxy.endpoint)
    await client.call(
        SaveConnection(connection=connection, keys=moto_server.keys, keys_in_memory=True, untested_ok=True)
    )
    return at(moto_server, moto_server.new_bucket())


@pytest.fixture
def bucket(place: Place, moto_server: S3Server) -> str:
    """The bucket, with FILES in it."""
    s3 = moto_server.boto3()
    for name, data in FILES.items():
        s3.put_object(Bucket=place.bucket, Key=name, Body=data)
    return place.bucket


def attempts(found: dict[str, ItemView]) -> list[int]:
    return sorted({one.attempts for one in found.values()})


async def fetched(client: InProcessClient, place: Place, out: Path, **options: Any) -> JobView:
    view = await run(client, spec_of((place, here(out)), **options))
    assert view.state is JobState.COMPLETED, view.reason
    assert read(out) == FILES
    return view


@pytest.mark.usefixtures("bucket")
async def test_down(client: InProcessClient, place: Place, tmp_path: Path, counted: Counted) -> None:
    """All of them over few lines, each asked for once, proven."""
    view = await fetched(client, place, tmp_path / "out", workers=6)
    assert sorted(counted.asks) == sorted(f"get s3://{place.bucket}/{name}" for name in FILES)
    assert counted.lines <= 6
    assert {one.proof for one in (await items(client, view.id)).values()} == {"etag-md5"}


async def test_up(
    client: InProcessClient, place: Place, tmp_path: Path, moto_server: S3Server, counted: Counted
) -> None:
    """All but the first, which teach what the server takes; their times and types go with them."""
    source = write(tmp_path / "src", FILES | {"page.html": b"<html>"})
    view = await run(client, spec_of((here(source), place), workers=6))
    assert view.state is JobState.COMPLETED
    assert len(counted.asks) >= len(FILES) // 2
    s3 = moto_server.boto3()
    for name, data in FILES.items():
        told = s3.get_object(Bucket=place.bucket, Key=name)
        assert told["Body"].read() == data
        assert told["ETag"].strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()
        assert float(told["Metadata"]["mtime"]) == pytest.approx((source / name).stat().st_mtime, abs=1e-6)
    assert s3.head_object(Bucket=place.bucket, Key="page.html")["ContentType"] == "text/html"


async def test_from_bucket_to_bucket(
    client: InProcessClient, place: Place, bucket: str, moto_server: S3Server, counted: Counted
) -> None:
    """By the service, of any size that is one request, with everything that belongs to the objects."""
    s3 = moto_server.boto3()
    s3.put_object(Bucket=bucket, Key="large", Body=bytes(9 << 20), Metadata={"who": "me"}, Tagging="a=b")
    there = at(moto_server, moto_server.new_bucket())
    view = await run(client, spec_of((place, there)))
    assert view.state is JobState.COMPLETED
    assert sorted(counted.asks) == sorted(f"copy to s3://{there.bucket}/{name}" for name in [*FILES, "large"])
    assert s3.head_object(Bucket=there.bucket, Key="large")["Metadata"]["who"] == "me"
    assert s3.get_object_tagging(Bucket=there.bucket, Key="large")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert {one.proof for one in (await items(client, view.id)).values()} == {"etag-md5"}


async def test_through_this_machine(
    client: InProcessClient, place: Place, bucket: str, moto_server: S3Server, counted: Counted
) -> None:
    """To another service: read, its tags asked for, written, all of it over lines."""
    s3 = moto_server.boto3()
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"x", Metadata={"who": "me"}, Tagging="a=b&c=d")
    await client.call(
        SaveConnection(
            connection=moto_server.connection("direct"),
            keys=moto_server.keys,
            keys_in_memory=True,
            untested_ok=True,
        )
    )
    there = msgspec.structs.replace(at(moto_server, moto_server.new_bucket()), connection="direct")
    view = await run(client, spec_of((place, there)))
    assert view.state is JobState.COMPLETED
    asked = collections.Counter(ask.partition(" s3:")[0] for ask in counted.asks)
    assert asked["get"] >= len(FILES)
    assert asked["put"] >= len(FILES) // 2
    assert asked["read tags of"] >= 1
    for name, data in FILES.items():
        assert s3.get_object(Bucket=there.bucket, Key=name)["Body"].read() == data
    assert s3.head_object(Bucket=there.bucket, Key="tagged")["Metadata"]["who"] == "me"
    assert len(s3.get_object_tagging(Bucket=there.bucket, Key="tagged")["TagSet"]) == 2
    assert {one.proof for one in (await items(client, view.id)).values()} == {"etag-md5"}


async def test_what_is_larger_goes_to_the_workers(
    client: InProcessClient, place: Place, tmp_path: Path, moto_server: S3Server, counted: Counted
) -> None:
    """Up to SMALL and no more; both at the same time."""
    sizes = {"at": SMALL, "above": SMALL + 1, "large": 9 << 20}
    for name, size in sizes.items():
        moto_server.boto3().put_object(Bucket=place.bucket, Key=name, Body=name.encode() * size)
    sizes = {name: size * len(name) for name, size in sizes.items()}
    moto_server.boto3().put_object(Bucket=place.bucket, Key="small", Body=bytes(SMALL))
    view = await run(client, spec_of((place, here(tmp_path / "out"))))
    assert view.state is JobState.COMPLETED
    assert {name: len(data) for name, data in read(tmp_path / "out").items()} == {**sizes, "small": SMALL}
    assert counted.asks == [f"get s3://{place.bucket}/small"]


@pytest.mark.usefixtures("bucket")
async def test_lines_that_are_closed_while_idle(
    client: InProcessClient, place: Place, proxy: Proxy, tmp_path: Path, counted: Counted
) -> None:
    """A server that ends every connection after a few answers costs a line each time, and no try."""

    class Closing(Fault):
        def answered(self, exchange: Exchanged, head: Head) -> None:
            head.set("Connection", "close")

    proxy.add(Rule(Closing(), "GET", "/d3/", times=-1))
    view = await fetched(client, place, tmp_path / "out", workers=3)
    assert counted.lines > 10
    assert attempts(await items(client, view.id)) == [1]


TROUBLES = {
    "reset": lambda: Rule(Reset(0), "GET", "/d2/", times=3),
    "truncated": lambda: Rule(Truncate(5), "GET", "/d2/", times=3),
    "busy": lambda: Rule(Say(said(503, error_xml("SlowDown"))), "GET", "/d2/", times=3),
    "refused once": lambda: Rule(Say(said(500, error_xml("InternalError"))), "GET", "/d2/", times=3),
}


@pytest.mark.usefixtures("bucket", "counted")
@pytest.mark.parametrize("name", TROUBLES)
async def test_trouble_is_tried_again(
    client: InProcessClient, place: Place, proxy: Proxy, tmp_path: Path, name: str
) -> None:
    """By the workers, as a second try that is on record; a line that ended while it was idle says nothing."""
    rule = TROUBLES[name]()
    proxy.add(rule)
    view = await fetched(client, place, tmp_path / "out", retry="0.01x9")
    assert rule.hits == 3
    assert attempts(await items(client, view.id))[-1] >= (1 if name == "reset" else 2)


@pytest.mark.usefixtures("bucket")
async def test_what_is_gone_fails_alone(
    client: InProcessClient, place: Place, proxy: Proxy, tmp_path: Path, counted: Counted
) -> None:
    """A refusal is judged as it came, not asked for in another way first."""
    proxy.add(Rule(Say(said(404, error_xml("NoSuchKey"))), "GET", "/d2/f002", times=-1))
    view = await run(client, spec_of((place, here(tmp_path / "out"))))
    assert view.state is JobState.PARTIAL
    found = await items(client, view.id)
    assert [name for name, one in found.items() if one.error] == ["d2/f002"]
    assert proxy.count("GET", "/d2/f002") == found["d2/f002"].attempts
    assert len(counted.asks) == len(FILES)


@pytest.mark.usefixtures("bucket", "counted")
async def test_answers_that_are_not_understood(
    client: InProcessClient, place: Place, proxy: Proxy, tmp_path: Path
) -> None:
    """A header that is not ASCII: those items go to the workers, in the same try."""

    class Accents(Fault):
        def answered(self, exchange: Exchanged, head: Head) -> None:
            head.set("x-amz-meta-name", "é")

    rule = Rule(Accents(), "GET", "/d1/", times=-1)
    proxy.add(rule)
    view = await fetched(client, place, tmp_path / "out")
    assert rule.hits >= 2 * sum(name.startswith("d1/") for name in FILES)
    assert attempts(await items(client, view.id)) == [1]


@pytest.mark.usefixtures("bucket")
async def test_without_lines(
    client: InProcessClient, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none can be opened, everything goes the ordinary way."""

    def refuse(origin: Origin, acknowledged: float) -> Line:
        raise OSError(f"no line to {origin.host} for {acknowledged} s")

    monkeypatch.setattr(pump_module, "open_line", refuse)
    view = await fetched(client, place, tmp_path / "out")
    assert attempts(await items(client, view.id)) == [1]


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("lacking", ["descriptors", "threads"])
async def test_without_means(
    client: InProcessClient, place: Place, tmp_path: Path, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No selector, or no thread to open a line: the workers do it all."""

    class Refusing(threading.Thread):
        def start(self) -> None:
            if self.name.startswith("line-opener"):
                raise RuntimeError("can't start new thread")
            super().start()

    def refuse() -> None:
        raise OSError(24, "Too many open files")

    if lacking == "threads":
        monkeypatch.setattr("core.engine.moving.pump.threading.Thread", Refusing)
    else:
        monkeypatch.setattr("core.engine.moving.pump.os.pipe", refuse)
    await fetched(client, place, tmp_path / "out", workers=4)


@pytest.mark.usefixtures("bucket")
async def test_a_defect(
    client: InProcessClient, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the pump itself: the workers do what is left, and the job ends."""
    turns = iter(range(5))

    def turn(pump: pump_module.Pump) -> None:
        if next(turns, None) is None:
            raise ZeroDivisionError
        original(pump)

    original = pump_module.Pump._turn
    monkeypatch.setattr(pump_module.Pump, "_turn", turn)
    await fetched(client, place, tmp_path / "out", workers=4)


@pytest.mark.usefixtures("bucket")
async def test_a_disk_that_makes_everything_wait(
    client: InProcessClient, place: Place, tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many wait for it side by side then."""
    monkeypatch.setattr(pump_module, "SLOW_DISK", 0.0)
    await fetched(client, place, tmp_path / "out", workers=4)
    assert pump_module.MEASURED <= len(counted.asks) < len(FILES)


@pytest.mark.usefixtures("bucket")
async def test_limits_are_kept_by_the_workers(
    client: InProcessClient, place: Place, tmp_path: Path, counted: Counted
) -> None:
    """With a limit of the bandwidth the pump takes nothing; without one it takes over what is left."""
    job = (await submit(client, spec_of((place, here(tmp_path / "out")), bandwidth=2000, workers=2))).id
    await reaches(client, job, lambda view: view.counts.files_done > 0)
    assert counted.asks == []
    await client.call(TuneJob(job=job, bandwidth=0))
    assert (await ends(client, job)).state is JobState.COMPLETED
    assert read(tmp_path / "out") == FILES


def slots(*phases: str) -> list[Slot]:
    made = [Slot(index) for index in range(len(phases))]
    for slot, phase in zip(made, phases, strict=True):
        slot.phase = phase  # type: ignore[assignment]
    return made


def test_every_row_shows_somebody() -> None:
    """Errands have the row of their number, workers theirs or an idle one; nobody who works is left out."""
    workers, pumped = slots("idle", "hashing", "moving", "idle"), slots("idle", "moving", "idle", "moving")
    assert rows_of(workers, pumped, 4) == [workers[1], pumped[1], workers[2], pumped[3]]
    assert rows_of(workers, slots(), 2) == workers[:2]
    busy = slots("moving", "moving")
    assert {id(slot) for slot in rows_of(busy, pumped, 2)} == {
        id(slot) for slot in (*busy, pumped[1], pumped[3])
    }


PAGES = {f"p{number:03}.bin": b"%d" % number * 30 for number in range(60)} | {"none.bin": b""}


class Web(http.server.SimpleHTTPRequestHandler):
    """Ranges as RFC 9110 wants them, for files of a folder; "moved-" leads to the file named by the rest."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        self.asked.append(name)
        if name.startswith("moved-"):
            self.send_response(302)
            self.send_header("Location", f"/{name.removeprefix('moved-')}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        file = Path(self.directory, name)
        if not file.is_file():
            self.send_error(404)
            return
        data = file.read_bytes()
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        piece = data[int(first or 0) : int(last or len(data)) + 1]
        self.send_response(206 if first and data else 416 if first else 200)
        total = (
            f"bytes {first}-{int(first or 0) + len(piece) - 1}/{len(data)}" if data else f"bytes */{len(data)}"
        )
        self.send_header("Content-Range", total)
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    root = write(tmp_path / "web", PAGES | {"large.bin": bytes(300_000)})
    Web.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Web, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


async def test_a_list_of_urls(client: InProcessClient, web: str, tmp_path: Path, counted: Counted) -> None:
    """Small files come with one request each over few lines; what is large, empty or elsewhere is for the
    workers; sizes are learnt."""
    names = [*PAGES, "large.bin", "moved-p001.bin", "gone.bin"]
    listed = tmp_path / "urls.txt"
    listed.write_text("".join(f"{web}/{name}\n" for name in names))
    view = await run(client, spec_of((Place(kind="list", path=str(listed)), here(tmp_path / "out")), workers=4))
    assert view.state is JobState.PARTIAL
    assert read(tmp_path / "out") == PAGES | {"large.bin": bytes(300_000), "moved-p001.bin": PAGES["p001.bin"]}
    found = await items(client, view.id)
    assert [name for name, one in found.items() if one.error] == ["gone.bin"]
    assert len(counted.asks) >= len(PAGES)
    assert counted.lines <= 8
    once = [name for name in PAGES if name not in ("none.bin", "p001.bin")]
    assert [Web.asked.count(name) for name in once] == [1] * len(once)
    assert {found[name].expected_size for name in once} == {len(PAGES[name]) for name in once}
    assert view.counts.bytes_done == sum(map(len, read(tmp_path / "out").values()))


async def test_a_list_of_large_files_is_left_to_the_workers(
    client: InProcessClient, web: str, tmp_path: Path, counted: Counted
) -> None:
    """After a few that the pump has asked for in vain."""
    listed = tmp_path / "urls.txt"
    files = {f"big-{number:02}.bin": bytes([number]) * 200_000 for number in range(30)}
    write(tmp_path / "web", files)
    listed.write_text("".join(f"{web}/{name}\n" for name in files))
    view = await run(client, spec_of((Place(kind="list", path=str(listed)), here(tmp_path / "out")), workers=2))
    assert view.state is JobState.COMPLETED
    assert read(tmp_path / "out") == files
    assert 1 <= len(counted.asks) <= MOST_UNLIKE + 2  # and as many as were on their way by then
