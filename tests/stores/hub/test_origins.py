"""Who gets the token, where redirects may lead, how long a signed URL is good."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from core.errors import FatalTrouble, FileTrouble, HaulierError
from core.stores.hub.origins import Origins, next_hop
from core.stores.hub.signed import SignedUrls, lifetime


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://mirror.example/hf/api", True),
        ("https://mirror.example:443/x", True),
        ("https://MIRROR.example/x", True),
        ("https://huggingface.co/x", True),
        ("https://hf.co/x", True),
        ("http://mirror.example/x", False),
        ("https://mirror.example:8443/x", False),
        ("http://huggingface.co/x", False),
        ("https://huggingface.co.evil.example/x", False),
        ("https://huggingface.co@evil.example/x", False),
        ("https://cdn.hf.co/x", False),
        ("file:///x", False),
        ("https://[", False),
    ],
)
def test_trust(url: str, trusted: bool) -> None:
    """Scheme, host and port all count."""
    assert Origins("https://mirror.example/hf/").is_hub(url) is trusted


@pytest.mark.parametrize(
    "endpoint", ["huggingface.co", "ftp://x", "https://", "https://a:b@x", "https://x?y=1"]
)
def test_bad_endpoints(endpoint: str) -> None:
    with pytest.raises(HaulierError):
        Origins(endpoint)


def test_hops() -> None:
    """Relative ones are joined with their query as it is; encryption is never left."""
    hub = "https://hub.example/a/b?c=d"
    assert (
        next_hop(hub, "/api/x?%2Fa=&etag=%22e%22#f", "get x") == "https://hub.example/api/x?%2Fa=&etag=%22e%22"
    )
    assert next_hop(hub, "//cdn.example/x", "get x") == "https://cdn.example/x"
    with pytest.raises(FatalTrouble):
        next_hop(hub, "http://hub.example/a", "get x")
    for nowhere in ("", "ftp://x/y", "https://["):
        with pytest.raises(FileTrouble):
            next_hop(hub, nowhere, "get x")


def test_lifetimes() -> None:
    """By the server's clock, not by this machine's; unreadable ones are used once."""
    behind = time.time() - 86_400
    date = formatdate(behind, usegmt=True)
    assert 95 < lifetime(f"https://c/x?Expires={int(behind) + 100}", date) <= 101
    amazon = "https://c/x?X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600"
    assert lifetime(amazon, "Thu, 01 Jan 2026 00:10:00 GMT") == 3000
    assert lifetime("https://c/x?Expires=soon", date) == 0
    urls = SignedUrls()
    urls.keep(("r", "c", "p"), "https://c/x?Expires=soon", date)
    assert urls.get(("r", "c", "p")) == ""
    urls.keep(("r", "c", "p"), "https://c/x", date)
    urls.forget(("r", "c", "p"), "https://c/old")
    assert urls.get(("r", "c", "p")) == "https://c/x"
