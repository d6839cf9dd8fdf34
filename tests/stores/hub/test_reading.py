"""Reading bytes: ranges, redirects, and everything that may come instead of the right ones."""

from __future__ import annotations

import threading

import pytest

from core.engine.proving.evidence import digest_of
from core.engine.proving.proof import named_digest
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
from core.model import Entry
from core.stores.base import Cancelled
from core.stores.hub import HubRepo, HubService, Token
from core.stores.hub.errors import RepoGated, SourceWithdrawn
from core.stores.s3.errors import RangesUnsupported
from tests.fake_hub import Account, FakeHub, Fault, File, fake_hub
from tests.stores.hub.conftest import BIG, DATA, SMALL, TOKEN

LFS, GIT = "data/big.bin", "data/one.csv"
NEVER = threading.Event()


@pytest.fixture
def repo(service: HubService) -> HubRepo:
    return service.repo(DATA)


def bytes_of(
    repo: HubRepo,
    entry: Entry,
    offset: int = 0,
    length: int | None = None,
    cancelled: threading.Event = NEVER,
) -> bytes:
    came = bytearray()
    collect(repo, entry, offset, entry.size - offset if length is None else length, came, cancelled)
    return bytes(came)


def collect(
    repo: HubRepo,
    entry: Entry,
    offset: int,
    length: int,
    came: bytearray,
    cancelled: threading.Event = NEVER,
) -> None:
    """Puts what comes into `came`, also when less comes than was asked for."""
    with repo.read(entry, offset, length, cancelled=cancelled) as body:
        for piece in body:
            came += piece


def is_content_of(etag: str, data: bytes) -> bool:
    """Whether the bytes give the digest that an ETag names."""
    kind, wanted = named_digest(etag)
    return digest_of(kind, data).hex() == wanted


def test_bytes(hub: FakeHub, repo: HubRepo, service: HubService) -> None:
    """Every file comes whole and as listed; every request names its range and refuses encodings; the token is
    seen at the Hub and never at the storage port; bytes are counted by host."""
    for page in repo.pages("", cancelled=NEVER):
        for entry in page:
            data = bytes_of(repo, entry)
            assert is_content_of(entry.etag, data)
    asked = [*hub.asked("hub", "/resolve"), *hub.asked("cdn")]
    assert all(request.headers["range"].startswith("bytes=") for request in asked)
    assert all(request.headers["accept-encoding"] == "identity" for request in asked)
    assert all(request.headers["authorization"] == f"Bearer {TOKEN}" for request in hub.asked("hub"))
    assert hub.asked("cdn")
    assert not [request for request in hub.asked("cdn") if "authorization" in request.headers]
    assert service.served()[hub.storage.removeprefix("http://")] == len(BIG)


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (1, 5), (len(BIG) - 1, 1), (1000, 700_000)])
def test_ranges(repo: HubRepo, offset: int, length: int) -> None:
    """Exactly the bytes that were asked for."""
    assert bytes_of(repo, repo.stat(LFS).entry, offset, length) == BIG[offset : offset + length]


def test_range_of_git_file(repo: HubRepo) -> None:
    assert bytes_of(repo, repo.stat(GIT).entry, 5, 3) == SMALL[5:8]


def test_ranges_outside(repo: HubRepo) -> None:
    """What cannot be is a mistake of the caller."""
    entry = repo.stat(GIT).entry
    for offset, length in ((0, 0), (0, 1000), (-1, 1), (entry.size, 1)):
        with pytest.raises(ValueError):
            repo.read(entry, offset, length, cancelled=NEVER)
    with pytest.raises(FileTrouble):
        repo.read(Entry(key="../x", size=1), 0, 1, cancelled=NEVER)


def test_one_resolving_for_many_ranges(hub: FakeHub, repo: HubRepo) -> None:
    """The ranges of a file share a signed URL, unless it ends soon; an expired one is asked for anew."""
    entry = repo.stat(LFS).entry
    for at in range(0, 500, 100):
        assert bytes_of(repo, entry, at, 100) == BIG[at : at + 100]
    assert len(hub.asked("hub", "/resolve/")) == 1
    hub.expire_urls()
    assert bytes_of(repo, entry, 7, 7) == BIG[7:14]
    assert len(hub.asked("hub", "/resolve/")) == 2
    hub.expire_urls()
    hub.url_seconds = 30
    for _ in range(2):
        assert bytes_of(repo, entry, 7, 7) == BIG[7:14]
    assert len(hub.asked("hub", "/resolve/")) == 4


def test_expiry_is_bounded(hub: FakeHub, repo: HubRepo) -> None:
    """Storage that refuses every URL is asked three times, and named."""
    hub.faults.add(Fault("cdn", "status", status=403, times=99))
    with pytest.raises(NoPermission) as caught:
        bytes_of(repo, repo.stat(LFS).entry)
    assert len(hub.asked("cdn")) == 3
    assert "127.0.0.1" in caught.value.message
    assert "Signature" not in caught.value.message


def test_expired_in_the_middle(hub: FakeHub, repo: HubRepo) -> None:
    """A URL that ends during the transfer: the rest comes from a new one."""
    entry = repo.stat(LFS).entry
    hub.faults.add(Fault("cdn", "later 403", after=300_000))
    came = bytearray()
    with pytest.raises(NetworkTrouble):
        collect(repo, entry, 0, entry.size, came)
    assert 0 < len(came) <= 300_000
    came += bytes_of(repo, entry, len(came))
    assert came == BIG
    assert len(hub.asked("hub", "/resolve/")) == 2


@pytest.mark.parametrize(
    ("kind", "offset", "error"),
    [
        ("cut", 0, NetworkTrouble),
        ("stall", 0, NetworkTrouble),
        ("trickle", 0, NetworkTrouble),
        ("wrong start", 0, NetworkTrouble),
        ("wrong total", 0, IntegrityTrouble),
        ("no content range", 0, NetworkTrouble),
        ("gzip", 0, IntegrityTrouble),
        ("labelled gzip", 0, IntegrityTrouble),
        ("ignore range", 10, RangesUnsupported),
        ("web page", 0, NetworkTrouble),
        ("web page", 10, NetworkTrouble),
    ],
)
def test_faults_of_storage(
    hub: FakeHub, repo: HubRepo, kind: str, offset: int, error: type[TransferError]
) -> None:
    """Nothing wrong is handed over, each has its class, and the next try is a good one."""
    entry = repo.stat(LFS).entry
    hub.faults.add(Fault("cdn", kind, after=5000))  # type: ignore[arg-type]
    length = entry.size - offset - (1 if kind == "wrong start" else 0)
    came = bytearray()
    with pytest.raises(error):
        collect(repo, entry, offset, length, came)
    assert bytes(came) == BIG[offset : offset + len(came)]
    assert bytes_of(repo, entry, offset, length) == BIG[offset : offset + length]


def test_whole_without_range(hub: FakeHub, repo: HubRepo) -> None:
    """200 with the whole file is right when the whole file was asked for, and only then."""
    entry = repo.stat(LFS).entry
    hub.faults.add(Fault("cdn", "ignore range", times=2))
    assert bytes_of(repo, entry) == BIG
    with pytest.raises(RangesUnsupported):
        bytes_of(repo, entry, 0, 100)


def test_same_size_corruption(hub: FakeHub, repo: HubRepo) -> None:
    """It is the digest that finds it; no header tells."""
    entry = repo.stat(LFS).entry
    for times in (1, 0):
        hub.faults.add(Fault("cdn", "corrupt", times=times))
        assert is_content_of(entry.etag, bytes_of(repo, entry)) == (times == 0)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (429, Throttled), (500, NetworkTrouble), (503, Throttled), (400, FileTrouble)],
)
@pytest.mark.parametrize("port", ["hub", "cdn"])
def test_statuses(hub: FakeHub, repo: HubRepo, port: str, status: int, error: type[TransferError]) -> None:
    """Statuses of either port become the right classes, with the server's wish."""
    entry = repo.stat(LFS).entry
    where = "/resolve/" if port == "hub" else ""
    fault = Fault(port, "status", where, status=status, headers={"Retry-After": "9"})  # type: ignore[arg-type]
    hub.faults.add(fault)
    with pytest.raises(error) as caught:
        bytes_of(repo, entry)
    assert LFS in caught.value.message
    assert caught.value.retry_after == (9 if error in {Throttled, NetworkTrouble} else 0)


def test_shorter_and_longer(hub: FakeHub, repo: HubRepo) -> None:
    """A file that is not as long as listed is never handed over, at either end of it."""
    entry = repo.stat(GIT).entry
    listed = Entry(key=GIT, size=entry.size + 5, etag="")
    for offset in (0, entry.size):
        with pytest.raises(TransferError):
            bytes_of(repo, listed, offset)


def test_changed(hub: FakeHub, repo: HubRepo) -> None:
    """Another commit, another digest or another size told by the Hub: the source changed."""
    lfs, git = repo.stat(LFS).entry, repo.stat(GIT).entry
    hub.faults.add(Fault("hub", "other commit", "/resolve/"))
    others = [
        lfs,
        Entry(key=LFS, size=lfs.size, etag="sha256:" + "0" * 64),
        Entry(key=LFS, size=lfs.size - 1, etag=lfs.etag),
        Entry(key=GIT, size=git.size, etag="git-sha1:" + "0" * 40),
    ]
    for entry in others:
        with pytest.raises(SourceChanged):
            bytes_of(repo, entry)


def test_withdrawn_and_gated(hub: FakeHub, service: HubService) -> None:
    """A repository that goes away, or gets terms, after it was listed stops the job."""
    held = hub.add("models", "acme/moody", {"a": File(b"x" * 100, lfs=True)})
    repo = service.repo("acme/moody")
    entry = repo.stat("a").entry
    held.gated = True
    with pytest.raises(RepoGated):
        bytes_of(repo, entry)
    held.gated, held.private = False, True
    with pytest.raises(SourceWithdrawn):
        bytes_of(repo, entry)


def test_redirects(hub: FakeHub, repo: HubRepo) -> None:
    """A redirect to a stranger goes without the token; circles end; so do addresses that are none."""
    entry = repo.stat(LFS).entry
    hub.faults.add(Fault("hub", "redirect", "/resolve/", times=3, location=f"{hub.storage}/none"))
    with pytest.raises(NoPermission):
        bytes_of(repo, entry)
    assert not [request for request in hub.asked("cdn") if "authorization" in request.headers]
    hub.faults.add(Fault("hub", "redirect", "", times=50, location="/again"))
    with pytest.raises(FileTrouble) as caught:
        bytes_of(repo, entry)
    assert "20 redirects" in caught.value.message
    hub.faults.clear()
    for location in ("file:///etc/passwd", "http://[", ""):
        hub.faults.add(Fault("hub", "redirect", "/resolve/", location=location))
        with pytest.raises(FileTrouble):
            bytes_of(repo, entry)


def test_mirror_that_sends_elsewhere() -> None:
    """A mirror whose storage is that of another Hub: what came from there is told by its name."""
    files: dict[str, File | bytes] = {"big": File(BIG, lfs=True), "small": SMALL}
    with fake_hub() as mirror, fake_hub() as official:
        for hub in (mirror, official):
            hub.add("models", "acme/mirrored", files)
        mirror.storage = official.storage
        mirror.accounts[TOKEN] = Account("ada")
        service = HubService(mirror.endpoint, lambda: Token(TOKEN))
        repo = service.repo("acme/mirrored")
        assert bytes_of(repo, repo.stat("big").entry) == BIG
        assert bytes_of(repo, repo.stat("small").entry) == SMALL
        hosts = [url.removeprefix("http://") for url in (official.storage, mirror.endpoint)]
        assert service.served() == {hosts[0]: len(BIG), hosts[1]: len(SMALL)}
        assert not [request for request in official.log if "authorization" in request.headers]
        service.close()


def test_quota_of_resolving(hub: FakeHub, repo: HubRepo) -> None:
    """Resolving stops before it is refused; ranges of a file that is resolved go on."""
    entry, other = repo.stat(LFS).entry, repo.stat(GIT).entry
    hub.quota["resolvers"] = [1, 60]
    assert bytes_of(repo, entry, 0, 10) == BIG[:10]
    with pytest.raises(Throttled) as caught:
        bytes_of(repo, other)
    assert caught.value.retry_after > 50
    assert len(hub.asked("hub", "/resolve/")) == 1
    assert bytes_of(repo, entry, 10, 10) == BIG[10:20]


def test_cancelled(hub: FakeHub, repo: HubRepo) -> None:
    """Between pieces a cancellation is seen."""
    entry, cancelled = repo.stat(LFS).entry, threading.Event()
    with repo.read(entry, 0, entry.size, cancelled=cancelled) as body:
        pieces = iter(body)
        assert next(pieces)
        cancelled.set()
        with pytest.raises(Cancelled):
            next(pieces)
    with pytest.raises(Cancelled):
        bytes_of(repo, entry, cancelled=cancelled)
