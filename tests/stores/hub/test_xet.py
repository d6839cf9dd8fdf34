"""Bytes through Xet: the library's own local store, and storage that misbehaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import (
    Code,
    FileTrouble,
    HaulierError,
    NetworkTrouble,
    NoPermission,
    NotFound,
    Throttled,
    TransferError,
)
from core.model import Connection
from core.stores.base import Cancelled
from core.stores.hub import HubRepo, HubService, Token
from core.stores.hub.errors import RepoGated, SourceWithdrawn
from core.stores.hub.origins import Origins
from core.stores.hub.xet import obstacle, xet_hash
from core.stores.hub.xet_token import checked_cas, read_token
from tests.fake_hub import FakeHub, Fault, File
from tests.fake_hub.xet import upload
from tests.paths.driving import noise
from tests.stores.hub.conftest import TOKEN
from tests.stores.hub.test_reading import NEVER, bytes_of, collect

DATA = noise(3_000_000)
NAME = "acme/chunked"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A local Xet store that holds DATA, and its hash."""
    folder = tmp_path_factory.mktemp("xet")
    return folder, upload(folder, DATA)


@pytest.fixture
def chunked(hub: FakeHub, store: tuple[Path, str]) -> Iterator[FakeHub]:
    folder, told = store
    hub.xet_store = f"local://{folder}"
    hub.add(
        "models",
        NAME,
        {
            "big.bin": File(DATA, lfs=True, xet=told),
            "hidden.bin": File(DATA, lfs=True, xet="*" * 64),
            "plain.bin": File(DATA[:1000], lfs=True),
            "small.txt": b"small",
            "empty": b"",
        },
    )
    yield hub
    hub.xet_store, hub.xet_seconds = "", 3600
    del hub.repos["models", NAME]


@pytest.fixture
def repo(chunked: FakeHub, service: HubService) -> HubRepo:
    return service.repo(NAME, xet=True)


@pytest.mark.parametrize(
    ("offset", "length"), [(0, None), (0, 1), (1, 5), (1_234_567, 1_000_000), (2_999_999, 1)]
)
def test_bytes(chunked: FakeHub, repo: HubRepo, service: HubService, offset: int, length: int | None) -> None:
    """The bytes of any range, in pieces of a MiB at most, none of them from the storage port; counted."""
    entry = repo.stat("big.bin").entry
    length = entry.size - offset if length is None else length
    came = bytearray()
    with repo.read(entry, offset, length, cancelled=NEVER) as body:
        assert body.info.entry == entry
        for piece in body:
            assert len(piece) <= 1 << 20
            came += piece
    assert came == DATA[offset : offset + length]
    assert not chunked.asked("cdn")
    assert service.served() == {"xet": length}


def test_what_is_asked(chunked: FakeHub, repo: HubRepo) -> None:
    """Many ranges of a file cost one resolving and one token for the commit; the token's request goes to the
    Hub with the Hub's token."""
    entry = repo.stat("big.bin").entry
    for at in range(0, 500_000, 100_000):
        assert bytes_of(repo, entry, at, 100_000) == DATA[at : at + 100_000]
    assert len(chunked.asked("hub", "/resolve/")) == 1
    (asked,) = chunked.asked("hub", "/xet-read-token/")
    assert asked.path.endswith(repo.commit)
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


def test_token_is_renewed(chunked: FakeHub, repo: HubRepo) -> None:
    """A token in its last minute is asked for anew."""
    chunked.xet_seconds = 59
    entry = repo.stat("big.bin").entry
    for _ in range(2):
        assert bytes_of(repo, entry, 5, 5) == DATA[5:10]
    assert len(chunked.asked("hub", "/xet-read-token/")) == 2


@pytest.mark.parametrize("name", ["hidden.bin", "plain.bin", "small.txt", "empty"])
def test_files_without(chunked: FakeHub, repo: HubRepo, name: str) -> None:
    """A file whose Xet hash is hidden or that has none comes over HTTP."""
    entry = repo.stat(name).entry
    held = chunked.repos["models", NAME]
    assert bytes_of(repo, entry) == held.commits[repo.commit][name].data
    assert not chunked.asked("hub", "/xet-read-token/")


def test_fallback(chunked: FakeHub, service: HubService) -> None:
    """Storage that refuses ranges of a file (400): its bytes come through Xet, and its next ranges at once."""
    repo = service.repo(NAME)
    entry = repo.stat("big.bin").entry
    chunked.faults.add(Fault("cdn", "status", status=400, times=9))
    for at in (0, 1000):
        assert bytes_of(repo, entry, at, 100) == DATA[at : at + 100]
    assert len(chunked.asked("cdn")) == 1
    with pytest.raises(FileTrouble):
        bytes_of(repo, repo.stat("hidden.bin").entry, 0, 100)
    chunked.faults.clear()
    assert bytes_of(repo, repo.stat("hidden.bin").entry, 0, 100) == DATA[:100]


def test_no_fallback(chunked: FakeHub) -> None:
    """A connection with a proxy of its own cannot use Xet: asked for it is a mistake, as a fallback it is not
    there."""
    service = HubService(chunked.endpoint, lambda: Token(TOKEN), proxy="none")
    with pytest.raises(HaulierError) as caught:
        service.repo(NAME, xet=True)
    assert caught.value.code is Code.USAGE
    assert "proxy" in caught.value.message
    repo = service.repo(NAME)
    chunked.faults.add(Fault("cdn", "status", status=400))
    with pytest.raises(FileTrouble):
        bytes_of(repo, repo.stat("big.bin").entry, 0, 100)
    service.close()


def test_not_installed(chunked: FakeHub, service: HubService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package it says so and how to get it."""
    monkeypatch.setitem(sys.modules, "hf_xet", None)
    monkeypatch.setattr("core.stores.hub.xet.find_spec", lambda _: None)
    with pytest.raises(HaulierError) as caught:
        service.repo(NAME, xet=True)
    assert "not installed" in caught.value.message
    assert "haulier[xet]" in caught.value.hint


def test_gone(chunked: FakeHub, repo: HubRepo) -> None:
    """Gated, withdrawn, or missing from its storage: the errors of every other reading."""
    entry = repo.stat("big.bin").entry
    held = chunked.repos["models", NAME]
    held.gated = True
    with pytest.raises(RepoGated):
        bytes_of(repo, entry)
    held.gated, held.private = False, True
    with pytest.raises(SourceWithdrawn):
        bytes_of(repo, entry)
    held.private = False
    chunked.xet_store = ""
    with pytest.raises(NotFound):
        bytes_of(repo, entry)


def test_damaged_chunk(chunked: FakeHub, repo: HubRepo, tmp_path: Path) -> None:
    """Whatever the library makes of a damaged store, wrong bytes are never taken for right: an error, or
    another digest."""
    folder = tmp_path / "damaged"
    told = upload(folder, DATA)
    (xorb,) = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 2_000_000]
    with xorb.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    chunked.xet_store = f"local://{folder}"
    held = chunked.repos["models", NAME].commits[repo.commit]
    held["big.bin"] = File(DATA, lfs=True, xet=told)
    try:
        came = bytes_of(repo, repo.stat("big.bin").entry)
    except TransferError:
        return
    assert len(came) == len(DATA)
    assert came != DATA


# ---------------------------------------------------------------- storage over HTTP


@contextmanager
def storage(status: int) -> Iterator[tuple[str, list[str]]]:
    """Answers everything with a status, or with 0 never; its address, and what it saw of authorizations."""
    over, seen = threading.Event(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("authorization") or "")
            if not status:
                over.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "errors"),
    [
        # the library at times ends a stream without telling its error
        (401, (NoPermission, NetworkTrouble)),
        (404, (NotFound, NetworkTrouble)),
        (429, (Throttled, NetworkTrouble)),
        (500, (NetworkTrouble,)),
    ],
)
def test_refusals(
    chunked: FakeHub, repo: HubRepo, status: int, errors: tuple[type[TransferError], ...]
) -> None:
    """Never fewer bytes without an error; the storage sees the token made for it and never the Hub's."""
    entry = repo.stat("big.bin").entry
    with storage(status) as (chunked.xet_store, seen):
        with pytest.raises(errors) as caught:
            bytes_of(repo, entry)
        assert chunked.xet_store.removeprefix("http://") in caught.value.message
    assert seen
    assert set(seen) == {f"Bearer xet-{NAME}"}


def test_stall(chunked: FakeHub, repo: HubRepo) -> None:
    """Storage that never answers is network trouble after the stall time (one second here)."""
    entry = repo.stat("big.bin").entry
    began = time.monotonic()
    with storage(0) as (chunked.xet_store, _), pytest.raises(NetworkTrouble):
        bytes_of(repo, entry)
    assert time.monotonic() - began < 5


def test_cancelled(chunked: FakeHub) -> None:
    """A cancellation is seen within a second while the library waits, and between pieces."""
    service = HubService(chunked.endpoint, stall=60)
    repo, cancelled = service.repo(NAME, xet=True), threading.Event()
    entry = repo.stat("big.bin").entry
    good = chunked.xet_store
    with storage(0) as (chunked.xet_store, seen):
        threading.Thread(target=_cancel_when, args=(seen, cancelled), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            bytes_of(repo, entry, cancelled=cancelled)
        assert time.monotonic() - began < 5
    service.close()
    chunked.xet_store = good
    service = HubService(chunked.endpoint)
    repo, cancelled = service.repo(NAME, xet=True), threading.Event()
    with repo.read(entry, 0, entry.size, cancelled=cancelled) as body:
        pieces = iter(body)
        assert next(pieces)
        cancelled.set()
        with pytest.raises(Cancelled):
            next(pieces)
    service.close()


def _cancel_when(seen: list[str], cancelled: threading.Event) -> None:
    ends = time.monotonic() + 10
    while not seen and time.monotonic() < ends:
        time.sleep(0.01)
    cancelled.set()


def test_many_at_once(chunked: FakeHub, repo: HubRepo) -> None:
    """More readings than are let in at once all end well, and the errors of the reader stay what they are."""
    entry = repo.stat("big.bin").entry
    came = [bytearray() for _ in range(10)]
    threads = [
        threading.Thread(target=collect, args=(repo, entry, at * 300_000, 300_000, came[at]))
        for at in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert b"".join(came) == DATA

    def stumble() -> None:
        with repo.read(entry, 0, 10, cancelled=NEVER):
            raise OSError("of the disk")

    with pytest.raises(OSError, match="of the disk"):
        stumble()


# ---------------------------------------------------------------- words


def test_hashes() -> None:
    """64 hexadecimal digits; anything else is no hash."""
    assert xet_hash("ab" * 32) == xet_hash(f'"{"ab" * 32}"') == "ab" * 32
    assert not any(xet_hash(told) for told in ("", "*" * 64, "ab" * 31, "AB" * 32, "ab" * 32 + "\n.."))


def test_storage_addresses() -> None:
    """Encrypted, unless the Hub itself is not; a folder of this machine only from a Hub on this machine."""
    away, here = Origins("https://hub.example"), Origins("http://127.0.0.1:9")
    assert checked_cas("https://cas.example", away) == "https://cas.example"
    assert checked_cas("local:///x", here) == "local:///x"
    for url in ("http://cas.example", "local:///x", "file:///x", "https://", ""):
        with pytest.raises(FileTrouble):
            checked_cas(url, away)


def test_read_token() -> None:
    """It tells its storage and hides itself; its life is counted from the server's clock; nonsense is none."""
    origins = Origins("https://hub.example")
    told = {"accessToken": "secret", "casUrl": "https://cas.example", "exp": 1_700_000_100}
    token = read_token(told, "Tue, 14 Nov 2023 22:13:20 GMT", origins)
    assert token is not None
    assert 99 < token.until - time.monotonic() <= 100
    assert "secret" not in f"{token!r} {token}"
    several: list[object] = [[], {}, {**told, "exp": "soon"}, {**told, "accessToken": None}]
    for wrong in several:
        assert read_token(wrong, "", origins) is None


def test_obstacles() -> None:
    assert not obstacle(Connection(name="hub"))
    for change in ({"proxy": "http://p:1"}, {"ca_file": "/x"}, {"verify_tls": False}):
        assert obstacle(Connection(name="hub", **change))


MEMORY = """
import resource, sys, threading
from core.stores.hub import HubService

service = HubService(sys.argv[1])
repo = service.repo("acme/heavy", xet=True)
entry = repo.stat("big.bin").entry
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
came = 0
with repo.read(entry, 0, entry.size, cancelled=threading.Event()) as body:
    for piece in body:
        came += len(piece)
print(came, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_and_traces(hub: FakeHub, tmp_path: Path) -> None:
    """A file of 256 MiB takes less memory than it has bytes, and the library leaves nothing in $HF_HOME."""
    data = os.urandom(256 << 20)
    folder, home = tmp_path / "store", tmp_path / "home"
    hub.xet_store = f"local://{folder}"
    hub.add("models", "acme/heavy", {"big.bin": File(data, lfs=True, xet=upload(folder, data))})
    settings = {**os.environ, "HF_HOME": str(home)}
    command = [sys.executable, "-c", MEMORY, hub.endpoint]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
    del hub.repos["models", "acme/heavy"]
    hub.xet_store = ""
    assert done.returncode == 0, done.stderr
    came, mib = map(int, done.stdout.split())
    assert came == len(data)
    assert mib < 170, f"{mib} MiB"
    assert not home.exists()


def test_loaded_only_when_used() -> None:
    """Reading a Hub loads no Xet library."""
    program = "import sys, core.stores.hub, core.stores.hub.xet; print('hf_xet' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
