"""Whole jobs whose files are fetched by aria2c or wget, with real programs, engines and servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import HaulierError
from core.messages import ListItems, PauseJob, ReadLog, ResumeJob, TuneJob
from core.model import Connection, JobKind, JobState, Place, Status, TokenFileCredentials
from tests.fake_hub import Account, FakeHub, Fault, File, fake_hub
from tests.nginx import nginx
from tests.paths.driving import MIB, Haulier, here, noise, until
from tests.tools.serving import site

TOKEN = "hf_the_token_of_this_test"
DATA = {
    "big.bin": File(noise(24 * MIB + 3, seed=1), lfs=True),
    "odd [name]%20é.bin": File(noise(3 * MIB, seed=2), lfs=True),
    "small.bin": File(noise(1000, seed=3), lfs=True),
    "in_git.json": File(noise(2 * MIB, seed=4)),
    "sub/README.md": File(b"hello"),
}
REPO = Place(kind="hub", connection="hub", bucket="datasets/org/private")


@pytest.fixture(params=["aria2c", "wget"])
def tool(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    return name


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as running:
        running.accounts[TOKEN] = Account("me", sees=frozenset({"org/private"}))
        running.add("datasets", "org/private", DATA, private=True)
        yield running


async def connected(haulier: Haulier, hub: FakeHub, folder: Path) -> None:
    """A connection called "hub" with the token in a file, as the Hub's own tools keep it."""
    token = folder / "token"
    token.write_text(TOKEN)
    credentials = TokenFileCredentials(path=str(token))
    await haulier.save(Connection(name="hub", kind="hub", endpoint=hub.endpoint, credentials=credentials))


def content(out: Path) -> dict[str, bytes]:
    files = [path for path in out.rglob("*") if path.is_file()]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def into(folder: Path) -> Place:
    return Place(kind="local", path=f"{folder}/")


WHOLE = {name: file.data for name, file in DATA.items()}


async def tools_of(haulier: Haulier, tool: str) -> list[psutil.Process]:
    engine = psutil.Process(haulier.client.hello.pid)
    return [one for one in engine.children(recursive=True) if one.name() == tool]


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def notices(haulier: Haulier, job: int) -> list[str]:
    return [notice.text for notice in (await haulier.call(ReadLog(job=job))).notices]


async def test_a_private_repository(haulier: Haulier, hub: FakeHub, tool: str, tmp_path: Path) -> None:
    """Large files come through the tool, from storage alone, and are proven by the Hub's digests; small ones
    and what the Hub serves itself come natively, which is said once. The token is seen by the Hub alone: not
    at storage, not in any argument, environment or file."""
    await connected(haulier, hub, tmp_path)
    out = tmp_path / "out"
    job = (await haulier.submit(REPO, here(out), tool=tool, bandwidth=8 * MIB)).id
    await haulier.reaches(job, lambda view: view.counts.bytes_done > 8 * MIB, "progress")
    shown = []
    for one in await tools_of(haulier, tool):
        shown += [*one.cmdline(), *one.environ().values()]
    view = await haulier.ends(job)
    assert content(out) == WHOLE
    assert dict(view.proofs) == {"sha256": 3, "git-sha1": 2}
    assert shown
    assert not any(TOKEN in word or "Signature" in word for word in shown)
    assert all("authorization" not in request.headers for request in hub.asked("cdn"))
    agents = {
        request.headers["user-agent"] for request in hub.asked("cdn") if DATA["big.bin"].sha256 in request.path
    }
    assert agents == {"haulier"}
    assert {request.headers.get("user-agent") for request in hub.asked("hub")} != {"haulier"}
    said = [text for text in await notices(haulier, job) if tool in text]
    assert said == [f"3 files were moved without {tool}: 1 served by the Hub itself, 2 smaller than 1 MiB"]
    for path in [*(tmp_path / "haulier").rglob("*"), *out.rglob("*")]:
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
            assert b"Signature=g" not in path.read_bytes(), path


async def test_a_wrong_body_is_fetched_again(haulier: Haulier, hub: FakeHub, tool: str, tmp_path: Path) -> None:
    """A body of the right length with another byte is found by its digest, and the file begins anew."""
    hub.faults.add(Fault("cdn", "corrupt", DATA["odd [name]%20é.bin"].sha256, times=1))
    await connected(haulier, hub, tmp_path)
    out = tmp_path / "out"
    job = (await haulier.submit(REPO, here(out), tool=tool, connections=1)).id
    view = await haulier.ends(job)
    assert content(out) == WHOLE
    assert view.counts.retries >= 1


async def test_urls_that_expire(haulier: Haulier, hub: FakeHub, tool: str, tmp_path: Path) -> None:
    """A signed URL refused midway is asked for anew, and what came is kept."""
    hub.faults.add(Fault("cdn", "later 403", DATA["big.bin"].sha256, after=9 * MIB))
    await connected(haulier, hub, tmp_path)
    out = tmp_path / "out"
    job = (await haulier.submit(REPO, here(out), tool=tool, connections=1)).id
    view = await haulier.ends(job)
    assert content(out) == WHOLE
    assert view.counts.files_failed == 0
    assert max(starts(hub)) >= 4 * MIB


async def test_pause_and_resume(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """Paused within two seconds with no tool left; resumed, only what is missing comes."""
    files = {"/f.bin": noise(24 * MIB, seed=5)}
    out = tmp_path / "out"
    with site(files, rate=3 * MIB) as server:
        place = Place(kind="web", url=f"{server.base}/f.bin")
        job = (await haulier.submit(place, into(out), tool=tool, connections=2)).id
        await haulier.reaches(job, lambda view: view.counts.bytes_done > 14 * MIB, "progress")
        began = time.monotonic()
        await haulier.call(PauseJob(job=job))
        await haulier.reaches(job, lambda view: view.state is JobState.PAUSED, "pause")
        assert time.monotonic() - began < 2
        assert not await tools_of(haulier, tool)
        server.rate, server.sent = 0, 0
        await haulier.call(ResumeJob(job=job))
        await haulier.ends(job)
        # 10 MiB were missing; what is on the way in sockets when a connection is left counts as well.
        assert server.sent < 22 * MIB
    assert content(out) == {"f.bin": files["/f.bin"]}


def starts(hub: FakeHub) -> list[int]:
    """Where the requests to storage for the large file began."""
    asked = hub.asked("cdn", DATA["big.bin"].sha256)
    ranges = [request.headers.get("range", "bytes=0-") for request in asked]
    return [int(text.removeprefix("bytes=").partition("-")[0]) for text in ranges]


async def test_killed_and_restarted(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """kill -9 of the engine in the middle of a file: the tool ends with it, and the next engine's moves only
    what is missing."""
    files = {"/f.bin": noise(24 * MIB, seed=5)}
    out = tmp_path / "out"
    with site(files, rate=3 * MIB) as server:
        place = Place(kind="web", url=f"{server.base}/f.bin")
        job = (await haulier.submit(place, into(out), tool=tool, connections=2)).id
        await haulier.reaches(job, lambda view: view.counts.bytes_done > 16 * MIB, "progress")
        tools = await tools_of(haulier, tool)
        assert tools
        await haulier.kill()
        await until(lambda: not any(alive(one) for one in tools), "end of the tools")
        server.rate, server.sent = 0, 0
        await haulier.start()
        await haulier.ends(job)
        assert content(out) == {"f.bin": files["/f.bin"]}
        # What was missing, what aria2c had not noted in its last second, and what was on the way in sockets.
        assert server.sent < 22 * MIB


async def test_after_a_power_cut_notes_are_not_believed(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """What a tool had of a file without a digest is not gone on with after the machine started anew: nobody
    knows what of it has reached the disk."""
    files = {"/f.bin": noise(24 * MIB, seed=5)}
    out = tmp_path / "out"
    with site(files, rate=6 * MIB) as server:
        place = Place(kind="web", url=f"{server.base}/f.bin")
        job = (await haulier.submit(place, into(out), tool=tool, connections=2)).id
        await haulier.reaches(job, lambda view: view.counts.bytes_done > 8 * MIB, "progress")
        await haulier.kill()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        with contextlib.closing(sqlite3.connect(haulier.paths.journal)) as db, db:
            changed = db.execute("UPDATE transfers SET identity = replace(identity, ?, 'another')", (boot,))
            assert changed.rowcount == 1
        server.rate, server.sent = 0, 0
        await haulier.start()
        await haulier.ends(job)
        assert server.sent >= len(files["/f.bin"])
    assert content(out) == {"f.bin": files["/f.bin"]}


async def test_a_changed_source_is_not_mixed(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """A file that is replaced at its server while the job is paused begins anew, whatever the tool notes."""
    out = tmp_path / "out"
    new = noise(24 * MIB, seed=7)
    with site({"/f.bin": noise(24 * MIB, seed=6)}, rate=6 * MIB) as server:
        place = Place(kind="web", url=f"{server.base}/f.bin")
        job = (await haulier.submit(place, into(out), tool=tool, connections=2)).id
        await haulier.reaches(job, lambda view: view.counts.bytes_done > 6 * MIB, "progress")
        await haulier.call(PauseJob(job=job))
        await haulier.reaches(job, lambda view: view.state is JobState.PAUSED, "pause")
        server.files["/f.bin"], server.etags["/f.bin"], server.rate = new, "two", 0
        await haulier.call(ResumeJob(job=job))
        await haulier.ends(job)
    assert content(out) == {"f.bin": new}


async def test_a_list(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """A list at a real web server: every size arrives with the server's time, a redirect is followed before the
    tool is called, and what is missing fails at once by its status."""
    served = tmp_path / "served"
    served.mkdir()
    files = {"large.bin": noise(13 * MIB, seed=8), "middle.bin": noise(6 * MIB, seed=9), "small.txt": b"hello"}
    for name, data in files.items():
        (served / name).write_bytes(data)
        os.utime(served / name, (1_600_000_000, 1_600_000_000))
    (served / "x").mkdir()
    out = tmp_path / "out"
    with nginx(served, tmp_path / "nginx", "rewrite ^/moved/(.*)$ /$1 redirect;") as base:
        urls = tmp_path / "urls.txt"
        urls.write_text(f"{base}/large.bin\n{base}/moved/middle.bin\n{base}/small.txt\n{base}/missing.bin\n")
        job = (await haulier.submit(Place(kind="list", path=str(urls)), into(out), tool=tool)).id
        view = await haulier.ends(job, JobState.PARTIAL)
    assert content(out) == files
    assert {int((out / name).stat().st_mtime) for name in files} == {1_600_000_000}
    assert (view.counts.files_done, view.counts.files_failed) == (3, 1)
    [failed] = (await haulier.call(ListItems(job=job, status=Status.FAILED))).items
    assert (failed.filename, failed.attempts) == ("missing.bin", 1)
    assert "404" in failed.error


async def test_a_limit_that_changes(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """The limit of a job holds for its tool, over several files, and another one takes effect at once."""
    files = {f"/{name}.bin": noise(12 * MIB, seed=index) for index, name in enumerate("abc", 10)}
    out = tmp_path / "out"
    with site(files) as server:
        urls = tmp_path / "urls.txt"
        urls.write_text("".join(f"{server.base}{name}\n" for name in files))
        job = (await haulier.submit(
            Place(kind="list", path=str(urls)), into(out), tool=tool, bandwidth=3 * MIB
        )).id  # fmt: skip
        first = await haulier.reaches(job, lambda view: view.counts.bytes_done > 3 * MIB, "progress")
        began = time.monotonic()
        later = await haulier.reaches(
            job, lambda view: view.counts.bytes_done > first.counts.bytes_done + 6 * MIB, "progress"
        )
        rate = (later.counts.bytes_done - first.counts.bytes_done) / (time.monotonic() - began)
        assert rate < 5 * MIB
        await haulier.call(TuneJob(job=job, bandwidth=0))
        began = time.monotonic()
        await haulier.ends(job)
        assert time.monotonic() - began < 5
    assert content(out) == {name[1:]: data for name, data in files.items()}


async def test_cancelled_leaves_nothing(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """A cancelled job leaves neither its partial files nor the tool's notes."""
    from core.messages import CancelJob

    out = tmp_path / "out"
    with site({"/f.bin": noise(24 * MIB, seed=6)}, rate=4 * MIB) as server:
        job = (await haulier.submit(
            Place(kind="web", url=f"{server.base}/f.bin"), into(out), tool=tool, connections=2
        )).id  # fmt: skip
        await haulier.reaches(job, lambda view: view.counts.bytes_done > 9 * MIB, "progress")
        assert list((out / ".haulier").iterdir())
        await haulier.call(CancelJob(job=job))
        await haulier.ends(job, JobState.CANCELLED)
    assert not list(out.iterdir())


async def test_refused_for_other_places(haulier: Haulier, tool: str, tmp_path: Path) -> None:
    """What a tool cannot do is refused before anything is looked at, with the way out."""
    web = Place(kind="web", url="http://127.0.0.1:1/f")
    for source, target, kind in [
        (here(tmp_path / "a"), here(tmp_path / "b"), JobKind.COPY),
        (web, Place(kind="s3", connection="x", bucket="b"), JobKind.COPY),
        (web, here(tmp_path / "b"), JobKind.VERIFY),
    ]:
        with pytest.raises(HaulierError) as caught:
            await haulier.submit(source, target, kind, tool=tool)
        assert tool in caught.value.message
        assert "--tool" in caught.value.hint
