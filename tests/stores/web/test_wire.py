"""On the way to a web server: whom it is trusted to be, proxies, and encryption that is not left."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from core.errors import FatalTrouble, NetworkTrouble
from core.model import Entry, Place
from core.stores.web import WebFailed, WebService
from tests.stores.s3.scripted import http, serving
from tests.stores.s3.test_tls import tls
from tests.stores.web.conftest import DATA, all_of, at, file

__all__ = ["tls"]  # a fixture


def test_trust(tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
    """A certificate that is not trusted stops the job where it is the only server's, and only its files where
    there are others; a CA file of one's own, or not looking, lets it pass."""
    context, ca_file = tls
    with serving(file(), tls=context) as script, serving(file()) as other:
        service = WebService(proxy="none")
        source, entry = at(service, script)
        with pytest.raises(FatalTrouble, match="certificate"):
            all_of(source, entry)
        source.stat(f"{other.endpoint}/x")
        with pytest.raises(WebFailed, match="certificate"):
            all_of(source, entry)
        service.close()
        for settings in ({"ca_file": str(ca_file)}, {"verify_tls": False}):
            service = WebService(proxy="none", **settings)
            source, entry = at(service, script)
            assert all_of(source, entry) == DATA
            source.knock(2.0)
            service.close()
    with pytest.raises(FatalTrouble, match="CA file"):
        WebService(ca_file=str(tmp_path / "none"))


def test_encryption_is_not_left(tls: tuple[ssl.SSLContext, Path]) -> None:
    """A redirect from https to http is refused, for this file alone, and the other server is never asked (case
    16)."""
    context, ca_file = tls
    with serving(file()) as plain:
        led = http(302, b"", Location=f"{plain.endpoint}/x?X-Amz-Signature=abc")
        with serving(led, tls=context) as script:
            service = WebService(proxy="none", ca_file=str(ca_file))
            source, entry = at(service, script)
            with pytest.raises(WebFailed, match="without encryption") as caught:
                all_of(source, entry)
            assert "Signature" not in caught.value.message
            assert not plain.requests
            service.close()


def test_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is asked for the whole URL; the connection's goes before the environment's, and `none` before
    both."""
    with serving(file()) as proxy, serving(file()) as direct:
        url = "http://data.example/x.bin"
        entry = Entry(key=url, size=len(DATA), etag="v1")
        service = WebService(proxy=proxy.endpoint)
        assert all_of(service.source(Place(kind="web", url=url)), entry) == DATA
        assert proxy.requests[0].target == url
        service.close()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        service = WebService(stall=1.0)
        source, entry = at(service, direct)
        with pytest.raises(NetworkTrouble):
            all_of(source, entry)
        service.close()
        service = WebService(proxy="none")
        source, entry = at(service, direct)
        assert all_of(source, entry) == DATA
        service.close()
