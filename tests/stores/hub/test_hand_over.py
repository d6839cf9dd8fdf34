"""URLs of the Hub's storage for programs that get no token (HandsOver)."""

from __future__ import annotations

import threading

import msgspec
import pytest

from core.errors import NotFound, SourceChanged
from core.model import Entry
from core.stores.base import HandsOver
from core.stores.hub import HubService, Token
from core.stores.hub.repo import HubRepo
from tests.fake_hub import FakeHub, Fault
from tests.stores.hub.conftest import DATA, TOKEN

NEVER = threading.Event()


@pytest.fixture
def repo(hub: FakeHub) -> HubRepo:
    made = HubService(hub.endpoint, lambda: Token(TOKEN)).repo(DATA)
    assert isinstance(made, HandsOver)
    return made


def entry_of(repo: HubRepo, key: str) -> Entry:
    return repo.stat(key).entry


def test_storage_is_named_and_not_asked(hub: FakeHub, repo: HubRepo) -> None:
    """The URL leads to storage and holds a signature; the Hub alone was asked, once for two times, with the
    token; and nothing that could be logged shows the URL."""
    entry = entry_of(repo, "data/big.bin")
    handed = repo.hand_over(entry, cancelled=NEVER)
    assert handed.url.startswith(f"{hub.storage}/")
    assert handed.info.entry == entry
    assert repo.hand_over(entry, cancelled=NEVER).url == handed.url
    assert hub.asked("cdn") == []
    [resolved] = hub.asked("hub", "/resolve/")
    assert resolved.headers["authorization"] == f"Bearer {TOKEN}"
    assert "Signature" not in repr(handed)
    assert hub.storage not in repr(handed)


def test_a_refused_url_is_signed_anew(hub: FakeHub, repo: HubRepo) -> None:
    """What storage no longer takes is not handed over twice."""
    entry = entry_of(repo, "data/big.bin")
    first = repo.hand_over(entry, cancelled=NEVER).url
    repo.handed_refused(entry, first)
    assert repo.hand_over(entry, cancelled=NEVER).url != first


def test_what_the_hub_serves_is_not_handed_over(hub: FakeHub, repo: HubRepo) -> None:
    """A file in git has no URL that works without the Hub: known from the listing, else found out."""
    entry = entry_of(repo, "data/one.csv")
    handed = repo.hand_over(entry, cancelled=NEVER)
    assert (handed.url, handed.why_not) == ("", "served by the Hub itself")
    assert hub.asked("hub", "/resolve/") == []
    handed = repo.hand_over(msgspec.structs.replace(entry, etag=""), cancelled=NEVER)
    assert (handed.url, handed.why_not) == ("", "served by the Hub itself")
    assert len(hub.asked("hub", "/resolve/")) == 1


def test_a_way_of_its_own_is_not_handed_over(hub: FakeHub) -> None:
    """Where the connection has a proxy, or another idea of trust, other programs would go another way."""
    for service in (HubService(hub.endpoint, proxy="none"), HubService(hub.endpoint, verify_tls=False)):
        repo = service.repo(DATA)
        handed = repo.hand_over(entry_of(repo, "data/big.bin"), cancelled=NEVER)
        assert handed.url == ""
        assert "of its own" in handed.why_not


def test_errors_are_those_of_reading(hub: FakeHub, repo: HubRepo) -> None:
    """A missing file, and one that is another by now."""
    with pytest.raises(NotFound):
        repo.hand_over(Entry(key="data/none", size=5), cancelled=NEVER)
    entry = entry_of(repo, "data/big.bin")
    hub.faults.add(Fault("hub", "other commit", "/resolve/"))
    with pytest.raises(SourceChanged):
        repo.hand_over(entry, cancelled=NEVER)
