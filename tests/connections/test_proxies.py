"""Which proxy is gone through, by each of the libraries that carry requests, with a real proxy in between."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from core.connection_rules import check_proxy
from core.errors import Code, FatalTrouble, HaulierError, TransferError
from core.log import clean
from core.model import AnonymousCredentials, Connection, SecretKeys, SessionCredentials
from core.proxies import keep_passwords_out_of_logs, proxy_for, without_password
from core.stores.hub.opening import hub_service
from core.stores.s3 import S3Service
from tests.fake_hub import FakeHub, File, fake_hub
from tests.forward_proxy import ForwardProxy, forward_proxy
from tests.servers import S3Server

KEYS = SecretKeys(access_key_id="RCLONEKEY", secret_access_key="rclone-secret")  # those of the S3 server
PASSWORD = "open-sesame%21"
DATA = bytes(range(200))
ON_ITS_OWN = "proxied.invalid"  # only the proxy knows where that is


@pytest.fixture(autouse=True)
def no_settings(isolated_home: Path) -> None:
    return


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with fake_hub() as hub:
        hub.add("datasets", "acme/numbers", {"small": DATA, "large": File(DATA * 9, lfs=True)})
        yield hub


@pytest.fixture
def to_hub(hub: FakeHub, tmp_path: Path) -> Iterator[ForwardProxy]:
    with forward_proxy(urlsplit(hub.endpoint).netloc, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def to_s3(rclone_server: S3Server, tmp_path: Path) -> Iterator[ForwardProxy]:
    with forward_proxy(urlsplit(rclone_server.endpoint).netloc, tmp_path) as proxy:
        yield proxy


Way = Callable[[Connection], None]


def ask_hub(connection: Connection) -> None:
    """Control (httpx) and bytes (pyreqwest) of a Hub."""
    service = hub_service(connection, _no_keys, 5.0)
    try:
        commit = service.control.pin(service.repo("datasets/acme/numbers").name, "main").commit
        repo = service.repo("datasets/acme/numbers", commit=commit)
        for page in repo.pages("", cancelled=threading.Event()):
            for entry in page:
                if entry.key == "large" and connection.endpoint.startswith("https"):
                    continue  # its storage is plain HTTP, which nothing encrypted may lead to
                with repo.read(entry, 0, entry.size, cancelled=threading.Event()) as body:
                    assert b"".join(bytes(piece) for piece in body)[:200] == DATA
    finally:
        service.close()


def ask_s3(connection: Connection) -> None:
    """Control (boto3) and bytes (pyreqwest) of an S3 service."""
    service = S3Service(connection, lambda _: KEYS, 5.0)
    try:
        if not service.has_bucket("proxied"):
            service.create_bucket("proxied")
        bucket = service.bucket("proxied")
        assert [entry for page in bucket.pages("", cancelled=threading.Event()) for entry in page] == []
    finally:
        service.close()


def _no_keys(ref: str) -> SecretKeys:
    raise AssertionError(ref)


def to(endpoint: str, kind: str, **settings: object) -> Connection:
    plain = Connection(
        name="t",
        kind="hub" if kind == "hub" else "s3",
        endpoint=endpoint,
        addressing="auto" if kind == "hub" else "path",
        verify_tls=False,
        credentials=AnonymousCredentials() if kind == "hub" else SessionCredentials(ref="r"),
    )
    return msgspec.structs.replace(plain, **settings)


@pytest.fixture(params=["hub", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(kind: str, request: pytest.FixtureRequest) -> ForwardProxy:
    found: ForwardProxy = request.getfixturevalue(f"to_{kind}")
    return found


@pytest.fixture
def ask(kind: str) -> Way:
    return ask_hub if kind == "hub" else ask_s3


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_connections_own_proxy(kind: str, proxy: ForwardProxy, ask: Way, scheme: str) -> None:
    """Everything a store asks goes through it, plain or through a tunnel: the name means nothing without it."""
    ask(to(f"{scheme}://{ON_ITS_OWN}", kind, proxy=proxy.url))
    port = ":443" if scheme == "https" else ""
    assert f"{ON_ITS_OWN}{port}" in proxy.hosts()
    assert len(proxy.asked) > 1


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environments_proxy(
    kind: str, proxy: ForwardProxy, ask: Way, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way of naming it is honoured by all three libraries."""
    monkeypatch.setenv(variable, proxy.url)
    ask(to(f"http://{ON_ITS_OWN}", kind))
    assert ON_ITS_OWN in proxy.hosts()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_the_environments_proxy_for_tls(
    kind: str, proxy: ForwardProxy, ask: Way, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is for https, and nothing else has to be set."""
    monkeypatch.setenv(variable, proxy.url)
    ask(to(f"https://{ON_ITS_OWN}", kind))
    assert f"{ON_ITS_OWN}:443" in proxy.hosts()


@pytest.mark.parametrize("way", ["NO_PROXY", "none"])
def test_no_proxy(
    kind: str, proxy: ForwardProxy, ask: Way, way: str, hub: FakeHub, rclone_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A host in NO_PROXY and a connection with `none` are asked directly, whatever the environment names."""
    for variable in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    if way == "NO_PROXY":
        monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.1")
    endpoint = hub.endpoint if kind == "hub" else rclone_server.endpoint
    ask(to(endpoint, kind, proxy="none" if way == "none" else ""))
    assert proxy.asked == []


def test_the_connections_own_goes_first(
    kind: str, proxy: ForwardProxy, ask: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another proxy of the environment nor its exceptions matter to it."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    ask(to(f"http://{ON_ITS_OWN}", kind, proxy=proxy.url))
    assert ON_ITS_OWN in proxy.hosts()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_with_a_password(
    kind: str, proxy: ForwardProxy, ask: Way, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the environment, it is sent; in no log, neither as it is written, nor decoded, nor as it is sent; and
    an error of a proxy that refuses it does not tell it."""
    sent = base64.b64encode(b"me:open-sesame!").decode()
    proxy.wants = f"Basic {sent}"
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", proxy.url.replace("://", f"://me:{PASSWORD}@"))
    keep_passwords_out_of_logs()
    ask(to(f"{scheme}://{ON_ITS_OWN}", kind))
    assert set(proxy.authorizations) == {f"Basic {sent}"}
    for text in (PASSWORD, "open-sesame!", sent):
        assert text not in clean(f"it was {text} and nothing else")
    proxy.wants = "Basic other"
    with pytest.raises(TransferError) as failed:
        ask(to(f"{scheme}://{ON_ITS_OWN}", kind))
    shown = f"{failed.value.message} {failed.value!r}"
    assert "sesame" not in shown
    assert sent not in shown


def test_socks_in_the_environment(kind: str, ask: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear words instead of a missing library."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(FatalTrouble, match="SOCKS"):
        ask(to(f"http://{ON_ITS_OWN}", kind))


def test_proxy_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme's variable goes before ALL_PROXY, a missing scheme means http, ports in NO_PROXY count."""
    monkeypatch.setenv("HTTPS_PROXY", "plain.example:3128")
    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    monkeypatch.setenv("NO_PROXY", "inside.example,outside.example:8443")
    assert proxy_for("https://a.example", "") == "http://plain.example:3128"
    assert proxy_for("http://a.example", "") == "http://all.example:1"
    assert proxy_for("https://deep.inside.example", "") == ""
    assert proxy_for("https://outside.example:8443", "") == ""
    assert proxy_for("https://outside.example", "") == "http://plain.example:3128"
    assert proxy_for("https://inside.example", "http://own.example:1") == "http://own.example:1"
    assert without_password("http://me:secret@own.example:1") == "http://own.example:1"


@pytest.mark.parametrize(
    "written",
    [
        "proxy.example:3128", "http://proxy.example", "http://:3128", "http://proxy.example:3128/path",
        "http://proxy.example:99999", "socks5://proxy.example:1080", "ftp://proxy.example:21", "http://a b:1",
        "http://user:hunter22@proxy.example:3128", "user:hunter22@proxy.example:3128",
    ],
)  # fmt: skip
def test_what_is_no_proxy(written: str) -> None:
    """Bad addresses are refused with a way out, and what may be a password is not repeated."""
    with pytest.raises(HaulierError) as refused:
        check_proxy(written)
    assert refused.value.code is Code.USAGE
    assert refused.value.hint
    assert "hunter22" not in refused.value.message + refused.value.hint


def test_how_a_proxy_is_kept() -> None:
    """The last slash goes; the two words stay."""
    assert check_proxy("http://proxy.example:3128/") == "http://proxy.example:3128"
    assert check_proxy("https://[::1]:3128") == "https://[::1]:3128"
    assert (check_proxy(""), check_proxy("none")) == ("", "none")
