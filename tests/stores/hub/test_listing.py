"""Pinning, listing and looking at files of a repository."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.errors import BadCredentials, HaulierError, NetworkTrouble, NoPermission, NotFound, Throttled
from core.model import Entry
from core.stores.base import Cancelled, Remote, Source
from core.stores.hub import HubRepo, HubService, Token
from core.stores.hub.errors import RepoDisabled, RepoGated, RepoMissing, RevisionMissing, SourceWithdrawn
from core.stores.hub.repo import Checkpoint
from core.stores.s3.errors import BrokenListing
from tests.fake_hub import FakeHub, Fault
from tests.stores.hub.conftest import BIG, DATA, TOKEN

MANY = "datasets/acme/many"


def keys(pages: Iterator[list[Entry]]) -> list[str]:
    return [entry.key for page in pages for entry in page]


def as_source(repo: HubRepo) -> Source:
    """What the type checker says of it."""
    return repo


def test_listing(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """All files with size and digest; the branch is pinned once and everything is asked for by commit."""
    repo = service.repo(DATA)
    files = {entry.key: entry for page in repo.pages("", cancelled=going) for entry in page}
    held = hub.repos["datasets", "acme/numbers"].commits[repo.commit]
    assert set(files) == set(held)
    for path, file in held.items():
        digest = f"sha256:{file.sha256}" if file.lfs else f"git-sha1:{file.git_sha1}"
        assert (files[path].size, files[path].etag) == (len(file.data), digest)
    assert len(hub.asked("hub", "/revision/main")) == 1
    assert all(repo.commit in request.path for request in hub.asked("hub", "/tree/"))
    assert isinstance(as_source(repo), Remote)


def test_prefixes(service: HubService, going: threading.Event) -> None:
    """A prefix is a folder or the beginning of names; a missing folder is an error, not an empty one."""
    repo = service.repo(DATA, "v1/with+slash")
    assert keys(repo.pages("data/deep/", cancelled=going)) == ["data/deep/two & ü#1?.csv"]
    assert keys(repo.pages("data/o", cancelled=going)) == ["data/one.csv"]
    assert keys(repo.pages("READ", cancelled=going)) == ["README.md"]
    for missing in ("none/", "../", "data/../"):
        with pytest.raises(NotFound):
            keys(repo.pages(missing, cancelled=going))


def test_paging_and_going_on(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """Behind the last key of a page the listing goes on at its cursor, in the same object and after a restart;
    behind any other key it begins anew and leaves out what was there."""
    hub.page = 50
    repo = service.repo(MANY)
    everything = keys(repo.pages("", cancelled=going))
    assert len(everything) == 251
    assert everything == sorted(everything)
    listing = repo.pages("", cancelled=going)
    first = [*next(listing), *next(listing)]
    after = first[-1].key
    hub.log.clear()
    assert keys(repo.pages("", start_after=after, cancelled=going)) == everything[len(first) :]
    assert "cursor=c100" in hub.asked("hub", "/tree/")[0].path

    checkpoint = Checkpoint(folder="", last=after, query="recursive=true&expand=false&limit=1000&cursor=c100")
    again = service.repo(MANY, commit=repo.commit, checkpoint=checkpoint)
    hub.log.clear()
    assert keys(again.pages("", start_after=after, cancelled=going)) == everything[len(first) :]
    assert len(hub.asked("hub")) == 4

    hub.faults.add(Fault("hub", "status", "cursor=c100", status=400))
    again = service.repo(MANY, commit=repo.commit, checkpoint=checkpoint)
    assert keys(again.pages("", start_after=after, cancelled=going)) == everything[len(first) :]

    middle = everything[60]
    assert keys(service.repo(MANY).pages("", start_after=middle, cancelled=going)) == everything[61:]
    with pytest.raises(BrokenListing):
        keys(service.repo(MANY).pages("", start_after="never seen", cancelled=going))


def test_foreign_next_link(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """A next link that names another host is followed at the configured one."""
    hub.page = 100
    hub.faults.add(Fault("hub", "foreign next", "/tree/", times=9))
    assert len(keys(service.repo(MANY).pages("", cancelled=going))) == 251


def test_circle(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """A listing that gives the same page again is no listing."""
    hub.page = 100
    hub.faults.add(Fault("hub", "same next", "cursor=c100", times=9))
    with pytest.raises(BrokenListing):
        keys(service.repo(MANY).pages("", cancelled=going))


def test_trouble_between_pages(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """A page that fails raises as network trouble, and the next listing goes on behind what came."""
    hub.page = 100
    repo = service.repo(MANY)
    hub.faults.add(Fault("hub", "status", "cursor=c200", status=502))
    listing = repo.pages("", cancelled=going)
    came = [entry.key for _ in range(2) for entry in next(listing)]
    with pytest.raises(NetworkTrouble):
        next(listing)
    came += keys(repo.pages("", start_after=came[-1], cancelled=going))
    assert len(came) == len(set(came)) == 251


def test_hostile_rows(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """Paths that leave the folder are never offered, and nothing is left out silently."""
    good = {"type": "file", "oid": "a" * 40, "size": 1}
    repo = hub.add("datasets", "acme/hostile", {"good": b"x"})
    paths = ["../up", "/etc/passwd", "a\0b", "C:\\x", "a//b", "..", "\ud800"]
    repo.raw_rows += [{**good, "path": path} for path in paths]
    repo.raw_rows += [
        {**good, "path": "huge", "size": 1 << 70},
        {**good, "path": "negative", "size": -1},
        {**good, "path": "truth", "size": True},
        {**good, "path": "no digest", "oid": "../../x"},
        {**good, "path": "lfs", "lfs": {"oid": "a" * 63, "size": 1}},
        {**good, "path": "module", "type": "submodule"},
        {**good, "path": 7},
        "text",  # type: ignore[list-item]
    ]
    listed = service.repo("datasets/acme/hostile")
    assert keys(listed.pages("", cancelled=going)) == ["good"]
    told = listed.take_unlistable()
    assert len(told) == len(repo.raw_rows)
    assert all(why for _, why in told)
    assert listed.take_unlistable() == []
    with pytest.raises(NotFound):
        listed.stat("../up")


def test_level(hub: FakeHub, service: HubService) -> None:
    """One level with folders, by pages."""
    entries, cursor = service.repo(DATA).level("data/", cursor="", limit=100)
    assert [(entry.key, entry.is_folder) for entry in entries] == [
        ("data/deep/", True),
        ("data/big.bin", False),
        ("data/one.csv", False),
    ]
    assert cursor == ""
    repo, found = service.repo(MANY), list[Entry]()
    page, cursor = repo.level("part/", cursor="", limit=100)
    found += page
    while cursor:
        page, cursor = repo.level("part/", cursor=cursor, limit=100)
        found += page
    assert len({entry.key for entry in found}) == len(found) == 250


def test_stat(service: HubService) -> None:
    """One file, without listing its folder; a folder is none."""
    info = service.repo(DATA).stat("data/big.bin")
    assert info.entry.size == len(BIG)
    assert info.entry.etag.startswith("sha256:")
    for missing in ("data/none", "data"):
        with pytest.raises(NotFound):
            service.repo(DATA).stat(missing)


def test_refusals(hub: FakeHub, service: HubService, stranger: HubService) -> None:
    """Each refusal has its own class, and words that name the repository and the way out."""
    cases = [
        (service, "acme/none", RepoMissing, "may not see it"),
        (stranger, "acme/secret", RepoMissing, "wants a token"),
        (service, "acme/closed", RepoDisabled, "disabled"),
    ]
    for who, name, kind, words in cases:
        with pytest.raises(kind) as caught:
            _ = who.repo(name).commit
        assert words in caught.value.message
        assert name in caught.value.message
    with pytest.raises(RevisionMissing):
        _ = service.repo("gpt2", "none").commit
    assert service.repo("acme/terms").resolve().gated == "manual"
    service.repo("acme/terms").check_access()
    with pytest.raises(RepoGated) as gated:
        stranger.repo("acme/terms").check_access()
    assert f"{hub.endpoint}/acme/terms" in gated.value.message
    assert "give a token" in gated.value.message
    assert service.control.who() == "ada"
    with pytest.raises(HaulierError):
        service.repo("gpt2", "a b")


def test_bad_token(hub: FakeHub) -> None:
    """A refused token is a matter of credentials, the message does not hold it, and a mended one is found."""
    tokens = [Token(TOKEN), Token("hf_wrong")]
    service = HubService(hub.endpoint, tokens.pop)
    with pytest.raises(BadCredentials) as caught:
        _ = service.repo("gpt2").commit
    assert "hf_wrong" not in caught.value.message
    assert service.control.who() == "ada"
    service.close()


def test_withdrawn(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """A repository that was pinned and is gone at the next request is told as such."""
    gone = hub.add("datasets", "acme/gone", {"a": b"x"})
    repo = service.repo("datasets/acme/gone")
    assert repo.commit
    gone.private = True
    with pytest.raises(SourceWithdrawn):
        keys(repo.pages("", cancelled=going))


def test_quota_before_refusal(hub: FakeHub, service: HubService, going: threading.Event) -> None:
    """When the answers say that the quota is used up, nothing is asked until it is new."""
    hub.page = 100
    hub.quota["api"] = [2, 60]
    with pytest.raises(Throttled) as caught:
        keys(service.repo(MANY).pages("", cancelled=going))
    assert 50 < caught.value.retry_after <= 60
    assert len(hub.asked("hub")) == 2


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, 3600, 3600),
        ({"RateLimit": '"api";r=0;t=33'}, 33, 33),
        ({}, 0, 0),
    ],
)
def test_429(hub: FakeHub, service: HubService, header: dict[str, str], least: float, most: float) -> None:
    """The Hub's own wish is told, in seconds, as a date, or by its quota."""
    hub.faults.add(Fault("hub", "status", status=429, headers=header))
    with pytest.raises(Throttled) as caught:
        _ = service.repo("gpt2").commit
    assert least <= caught.value.retry_after <= most


def test_no_hub(hub: FakeHub, service: HubService) -> None:
    """A login page, a stall, and a cut are network trouble."""
    hub.faults.add(Fault("hub", "web page"), Fault("hub", "status", status=500))
    for _ in range(2):
        with pytest.raises(NetworkTrouble):
            _ = service.repo("gpt2").commit
    nowhere = HubService("http://127.0.0.1:9", stall=1.0)
    with pytest.raises(NetworkTrouble) as caught:
        nowhere.repo("gpt2").knock(1.0)
    assert caught.value.host == "127.0.0.1:9"
    nowhere.close()
    service.repo("gpt2").knock(1.0)


def test_cancelled(service: HubService) -> None:
    """A cancelled listing asks for nothing."""
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        keys(service.repo(MANY).pages("", cancelled=cancelled))


def test_token_stays_with_hubs(hub: FakeHub, service: HubService) -> None:
    """A redirect of the API to another port is followed without the token."""
    hub.faults.add(Fault("hub", "redirect", "/revision/", location=f"{hub.storage}/api/elsewhere"))
    with pytest.raises(NoPermission):
        service.control.pin(service.repo("gpt2").name, "main")
    assert hub.asked("hub")[-1].headers["authorization"] == f"Bearer {TOKEN}"
    seen = hub.asked("cdn", "elsewhere")
    assert seen
    assert "authorization" not in seen[-1].headers
