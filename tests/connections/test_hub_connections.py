"""Connections to Hubs: what they may look like, where their token comes from, and trying them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest

from core.connection_rules import check_connection
from core.errors import BadCredentials, Code, HaulierError
from core.hub_trial import try_hub
from core.log import clean
from core.messages import TestReport as Report
from core.model import (
    HUB_TOKEN,
    AnonymousCredentials,
    ChainCredentials,
    Connection,
    KeyringCredentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
    TokenFileCredentials,
)
from core.secrets import SecretVault
from core.stores.hub.opening import hub_service
from tests.fake_hub import Account, FakeHub, Fault, File, fake_hub
from tests.servers import free_port

TOKEN = "hf_example_of_a_token"


@pytest.fixture(autouse=True)
def no_settings(isolated_home: Path) -> None:
    return


@pytest.fixture(scope="module")
def running() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        hub.accounts[TOKEN] = Account("ada", frozenset({"acme/secret"}))
        hub.add("datasets", "acme/numbers", {"empty": b"", "small": b"12", "large": File(b"34" * 99, lfs=True)})
        hub.add("models", "acme/secret", {"a": b"private"}, private=True)
        hub.add("models", "acme/terms", {"a": b"gated"}, gated=True)
        hub.add("models", "acme/closed", {"a": b"disabled"}, disabled=True)
        for number, name in enumerate(("few", "most", "some")):
            hub.add("datasets", f"search/{name}", {"a": b"a"}, downloads=(1, 900, 30)[number])
        yield hub


@pytest.fixture
def hub(running: FakeHub) -> Iterator[FakeHub]:
    yield running
    running.faults.clear()
    running.log.clear()


def at(hub: FakeHub, **settings: object) -> Connection:
    plain = Connection(name="h", kind="hub", endpoint=hub.endpoint, credentials=SessionCredentials(ref="r"))
    return msgspec.structs.replace(plain, **settings)


def token_of(ref: str) -> SecretKeys:
    return SecretKeys(access_key_id=HUB_TOKEN, secret_access_key=TOKEN)


def wrong_token(ref: str) -> SecretKeys:
    return SecretKeys(access_key_id=HUB_TOKEN, secret_access_key="hf_of_nobody")


def outcome(report: Report) -> dict[str, bool | None]:
    return {check.name: check.ok for check in report.checks}


def detail(report: Report, name: str) -> str:
    return next(check.detail for check in report.checks if check.name == name)


# ---------------------------------------------------------------- what they may look like

OK = Connection(name="h", kind="hub", credentials=AnonymousCredentials())


@pytest.mark.parametrize(
    "credentials",
    [
        AnonymousCredentials(),
        SessionCredentials(ref="r"),
        KeyringCredentials(ref="r"),
        TokenFileCredentials(path="/home/ada/.cache/huggingface/token"),
    ],
)
def test_credentials_of_a_hub(credentials: AnonymousCredentials) -> None:
    """A token, the file of one, or none; an empty endpoint stays, and is the official one."""
    kept = check_connection(msgspec.structs.replace(OK, credentials=credentials))
    assert (kept.credentials, kept.endpoint) == (credentials, "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "eu-west-1"},
        {"addressing": "path"},
        {"credentials": ChainCredentials()},
        {"credentials": ProfileCredentials(profile="p")},
        {"credentials": TokenFileCredentials(path="token")},
        {"credentials": TokenFileCredentials(path="")},
        {"endpoint": "huggingface.co"},
        {"endpoint": "https://ada:hunter22@huggingface.co"},
        {"proxy": "proxy.example:3128"},
        {"name": "hf"},
        {"kind": "s3", "credentials": TokenFileCredentials(path="/token")},
    ],
)
def test_what_is_no_hub_connection(wrong: dict[str, object]) -> None:
    """Each is refused as usage, and a password is not repeated."""
    with pytest.raises(HaulierError) as refused:
        check_connection(msgspec.structs.replace(OK, **wrong))
    assert refused.value.code is Code.USAGE
    assert "hunter22" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("token", ["", "hf_a b", "hf_a\nb", "hf_ä", "hf_\x1b[31m"])
def test_what_is_no_token(token: str) -> None:
    """Refused before it is kept anywhere, in words that speak of a token and do not repeat it."""
    with pytest.raises(HaulierError, match="token") as refused:
        SecretVault().provide("r", SecretKeys(access_key_id=HUB_TOKEN, secret_access_key=token))
    assert refused.value.code is Code.USAGE
    assert not token or token not in refused.value.message + refused.value.hint


# ---------------------------------------------------------------- where the token comes from


def test_the_token_file_is_read_when_it_is_needed(hub: FakeHub, tmp_path: Path) -> None:
    """A missing one is no token; what it holds after a refusal is found without a new connection."""
    file = tmp_path / "token"
    connection = at(hub, credentials=TokenFileCredentials(path=str(file)))
    service = hub_service(connection, token_of)
    assert service.token() is None
    file.write_text("hf_of_nobody\n")
    service.forget_token()
    with pytest.raises(BadCredentials):
        service.control.who()
    file.write_text(f"{TOKEN}\n")
    assert service.control.who() == "ada"
    assert TOKEN not in clean(f"the token is {TOKEN}")
    service.close()


def test_a_strangers_token_is_cut_out() -> None:
    """What is written like a Hub's token never reaches a log, although nobody registered it; names do."""
    token = "hf_" + "aB3" * 12
    assert token not in clean(f"GET /x?token={token}&y=1")
    name = "hf_transfer_of_a_rather_long_name_1234567890"
    assert clean(name) == name


def test_a_token_file_that_is_something_else(hub: FakeHub, tmp_path: Path) -> None:
    """It is named, and nothing of what it holds."""
    file = tmp_path / "token"
    file.write_text("my diary: dear diary")
    with pytest.raises(BadCredentials, match=str(file)) as refused:
        hub_service(at(hub, credentials=TokenFileCredentials(path=str(file))), token_of).token()
    assert "diary" not in refused.value.message.replace(str(file), "")


def test_a_token_without_encryption_is_told_once() -> None:
    """Not of this machine, and not where nothing is sent."""
    told: list[str] = []
    far = Connection(
        name="far", kind="hub", endpoint="http://hub.example", credentials=SessionCredentials(ref="r")
    )
    service = hub_service(far, token_of, told=told.append)
    service.token()
    service.forget_token()
    service.token()
    assert len(told) == 1
    assert "without encryption" in told[0]
    assert TOKEN not in told[0]
    near = msgspec.structs.replace(far, endpoint="http://127.0.0.1:9")
    public = msgspec.structs.replace(far, credentials=AnonymousCredentials())
    for quiet in (near, public):
        hub_service(quiet, token_of, told=told.append).token()
    assert len(told) == 1


# ---------------------------------------------------------------- search


def test_search_is_ordered_by_downloads(hub: FakeHub) -> None:
    """What is found comes as the Hub counts it; private ones only for those who see them."""
    service = hub_service(at(hub), token_of)
    found = service.control.search("search/", "datasets", 2)
    assert [(each.id, each.downloads) for each in found] == [("search/most", 900), ("search/some", 30)]
    assert found[0].modified > 0
    assert [each.private for each in service.control.search("secret", "models", 9)] == [True]
    service.close()
    anonymous = hub_service(at(hub, credentials=AnonymousCredentials()), token_of)
    assert anonymous.control.search("secret", "models", 9) == []
    anonymous.close()


# ---------------------------------------------------------------- trying


def test_a_good_token(hub: FakeHub) -> None:
    """All is told, whose it is, and the Hub was asked for the account once."""
    report = try_hub(at(hub), token_of, "datasets/acme/numbers")
    assert report.ok, report
    assert outcome(report) == {"reach": True, "token": True, "list": True, "read": True}
    assert "ada" in detail(report, "token")
    assert len(hub.asked("hub", "whoami")) == 1
    assert report.skew is not None
    assert TOKEN not in str(report)


def test_no_token_is_fine_and_said(hub: FakeHub, tmp_path: Path) -> None:
    """Neither an anonymous connection nor a token file that is not there is a failure."""
    report = try_hub(at(hub, credentials=AnonymousCredentials()), token_of)
    assert report.ok
    assert outcome(report) == {"reach": True, "token": None, "list": True, "read": None}
    assert "public" in detail(report, "token")
    file = str(tmp_path / "none")
    report = try_hub(at(hub, credentials=TokenFileCredentials(path=file)), token_of, "datasets/acme/numbers")
    assert report.ok
    assert file in detail(report, "token")


def test_a_wrong_token(hub: FakeHub) -> None:
    """The blame is the token's, with a way out."""
    report = try_hub(at(hub), wrong_token)
    assert not report.ok
    assert outcome(report) == {"reach": True, "token": False, "list": None, "read": None}
    assert "settings" in report.advice


def test_a_token_that_is_not_at_hand(hub: FakeHub) -> None:
    """What the vault says is passed on."""
    report = try_hub(at(hub), SecretVault().keys)
    assert outcome(report)["token"] is False
    assert report.advice


@pytest.mark.parametrize(
    ("repo", "step", "words"),
    [
        ("acme/none", "list", "no such repository"),
        ("acme/secret", "list", "private"),
        ("acme/closed", "list", "disabled"),
        ("acme/terms", "read", "gated"),
        ("a/b/c", "list", "no repository name"),
    ],
)
def test_repositories_that_cannot_be_read(hub: FakeHub, repo: str, step: str, words: str) -> None:
    """Each is told where it fails, in its own words, without a token."""
    report = try_hub(at(hub, credentials=AnonymousCredentials()), token_of, repo)
    assert not report.ok
    assert outcome(report)[step] is False
    assert words in detail(report, step)
    assert report.advice


def test_a_login_page(hub: FakeHub) -> None:
    """A web page with status 200 is no Hub."""
    hub.faults.add(Fault("hub", "web page", "/api/", times=9))
    report = try_hub(at(hub, credentials=AnonymousCredentials()), token_of)
    assert outcome(report)["reach"] is False
    assert "not as a Hub" in detail(report, "reach")
    assert "login" in report.advice


def test_another_web_server() -> None:
    """One that answers 404 to everything is no Hub either."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        other = Connection(
            name="o",
            kind="hub",
            endpoint=f"http://127.0.0.1:{server.server_port}",
            credentials=SessionCredentials(ref="r"),
        )
        for repo in ("", "acme/numbers"):
            report = try_hub(other, token_of, repo)
            assert outcome(report)["reach"] is False, report
            assert "not as a Hub" in detail(report, "reach")
        server.shutdown()


def test_nobody_is_there() -> None:
    """A closed port is told as that, and no mirror of the official Hub is offered for another one."""
    there = Connection(
        name="o", kind="hub", endpoint=f"http://127.0.0.1:{free_port()}", credentials=AnonymousCredentials()
    )
    report = try_hub(there, token_of)
    assert outcome(report) == {"reach": False, "token": None, "list": None, "read": None}
    assert "mirror" not in report.advice


def test_the_official_one_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror is suggested by name."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    report = try_hub(OK, token_of)
    assert outcome(report)["reach"] is False
    assert "https://hf-mirror.com" in report.advice


def test_a_slow_hub(hub: FakeHub) -> None:
    """The test ends within its limit and says at which step."""
    silent = socket.create_server(("127.0.0.1", 0))
    with silent:
        port = silent.getsockname()[1]
        report = try_hub(at(hub, endpoint=f"http://127.0.0.1:{port}"), token_of, limit=0.5)
    assert not report.ok
    assert "not finished within 0.5 s" in detail(report, "reach")
