"""Who gets the token, and where a redirect may lead.

An origin is scheme, host and port (RFC 6454 section 4). The token goes to the configured Hub and to the
official one, to nobody else; files lie with storage companies, whose signed URLs need none.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from core.errors import Code, FatalTrouble, FileTrouble, HaulierError

OFFICIAL = "https://huggingface.co"
MIRROR = "https://hf-mirror.com"  # offered where the official one cannot be reached; run by others
MAX_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


class Origins:
    """One configured Hub. `endpoint` may have a path of its own, "https://mirror.example/hf"."""

    def __init__(self, endpoint: str = "") -> None:
        """Raises HaulierError (usage) when this is no address of a server."""
        endpoint = (endpoint or OFFICIAL).rstrip("/")
        try:
            own = origin_of(endpoint)
        except ValueError:
            raise HaulierError(
                Code.USAGE,
                f'"{endpoint}" is no address of a Hub',
                "Write it with its scheme, for example https://huggingface.co",
            ) from None
        parts = urlsplit(endpoint)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise HaulierError(
                Code.USAGE,
                "the address of a Hub has a user, a password, a query or a fragment in it",
                "Write the address alone, and give the token by itself",
            )
        self.endpoint = endpoint
        self.host = host_of(endpoint)
        self._trusted = {own, origin_of(OFFICIAL), origin_of("https://hf.co")}

    def url(self, path: str) -> str:
        """The URL of a path at the configured Hub."""
        return self.endpoint + path

    def is_hub(self, url: str) -> bool:
        """Whether a URL leads to a Hub, which may get the token."""
        try:
            return origin_of(url) in self._trusted
        except ValueError:
            return False


def origin_of(url: str) -> Origin:
    """Raises ValueError for anything but http and https."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("no origin")
    return parts.scheme, parts.hostname.rstrip("."), parts.port or _PORTS[parts.scheme]


def host_of(url: str) -> str:
    """The server as people write it, "hub.example:8080". Raises ValueError."""
    scheme, host, port = origin_of(url)
    named = f"[{host}]" if ":" in host else host
    return named if port == _PORTS[scheme] else f"{named}:{port}"


def next_hop(url: str, location: str, doing: object) -> str:
    """Where a redirect from `url` leads. Raises FatalTrouble when it leaves encryption, FileTrouble when it
    leads nowhere."""
    try:
        led = urljoin(url, location).partition("#")[0]
        origin = origin_of(led)
        ours = origin_of(url)
    except ValueError:
        raise FileTrouble(f"{doing}: the server points to an address that cannot be used") from None
    if not location:
        raise FileTrouble(f"{doing}: the server points elsewhere and does not say where")
    if ours[0] == "https" and origin[0] != "https":
        raise FatalTrouble(
            f"{doing}: {host_of(url)} points to {host_of(led)} without encryption, where nothing is asked for"
        )
    return led
