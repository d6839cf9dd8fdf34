"""From a bucket and a key to the host and path that go on the wire.

Every byte of a key but letters, digits and `-._~/` is percent-encoded, which is also how the signature sees the
path ("Create a canonical request", Signature Version 4). An endpoint's own base path stays in front.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote, urlsplit

import msgspec

from core.errors import FatalTrouble

# Names that may stand in front of a host name; dots would break the wildcard certificate.
_DNS_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z")
_AWS_HOST = re.compile(r"s3[.-](?:dualstack\.)?(?:([a-z]{2}(?:-[a-z]+)+-\d)\.)?amazonaws\.com(?:\.cn)?\Z")
_REGION = re.compile(r"[a-z0-9-]{1,40}\Z")
DEFAULT_REGION = "us-east-1"


class Location(msgspec.Struct, frozen=True):
    """Where requests for one bucket go. `root` is the path in front of the key, "" or "/…" without an end
    slash; `host` is the Host header."""

    origin: str  # "https://host:port"
    host: str
    root: str

    def path(self, key: str) -> str:
        """The percent-encoded path of a key; of the bucket itself when the key is empty."""
        return f"{self.root}/{encoded_key(key)}" if key else self.root or "/"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A service. `netloc` is empty for AWS itself, whose host depends on the region."""

    scheme: str = "https"
    netloc: str = ""
    base: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"

    @property
    def is_aws(self) -> bool:
        return not self.netloc

    @property
    def is_of_aws(self) -> bool:
        """AWS itself, also by a host name typed in full."""
        host = self.netloc.partition(":")[0]
        return self.is_aws or host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    @property
    def region_in_name(self) -> str:
        """The region that an AWS endpoint typed in full names; else empty."""
        match = _AWS_HOST.match(self.netloc)
        return (match[1] or "") if match else ""

    def locate(self, bucket: str, region: str) -> Location:
        """Where `bucket` is asked for, as a bucket of `region`."""
        netloc = self.netloc or aws_host(region)
        if bucket and self._virtual(bucket):
            netloc = f"{bucket}.{netloc}"
            root = self.base
        else:
            root = f"{self.base}/{quote(bucket, safe='')}" if bucket else self.base
        return Location(f"{self.scheme}://{netloc}", netloc, root)

    def _virtual(self, bucket: str) -> bool:
        if self.addressing != "auto":
            return self.addressing == "virtual"
        return self.is_aws and _DNS_NAME.match(bucket) is not None


def parse_endpoint(url: str, addressing: Literal["auto", "path", "virtual"]) -> Endpoint:
    """The endpoint of a connection; an empty URL is AWS. Raises FatalTrouble for what is not an http(s) URL."""
    if not url:
        return Endpoint(addressing=addressing)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FatalTrouble("the connection's endpoint is not a valid URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise FatalTrouble("the connection's endpoint is not an http or https URL of a server")
    if parts.username is not None:
        raise FatalTrouble("the connection's endpoint holds a user name; keys belong into the credentials")
    host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    host = f"[{host}]" if ":" in host else host
    usual = 443 if parts.scheme == "https" else 80
    netloc = host if port is None or port == usual else f"{host}:{port}"
    base = parts.path.rstrip("/")
    return Endpoint(scheme=parts.scheme, netloc=netloc, base=base, addressing=addressing)


def aws_host(region: str) -> str:
    """The regional S3 host of AWS ("Amazon S3 endpoints", AWS general reference)."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"s3.{region or DEFAULT_REGION}.{suffix}"


def is_region(name: str) -> bool:
    """Whether a server's word can be a region: it becomes part of a host name and of a signature."""
    return _REGION.match(name) is not None


def encoded_key(key: str) -> str:
    """The key, percent-encoded but for unreserved characters and slashes."""
    return quote(key, safe="/~")


def has_dot_segment(key: str) -> bool:
    """Whether a URL parser would collapse the key: one of its segments is "." or ".."."""
    if "./" not in key and not key.endswith("."):
        return False
    return any(segment in {".", ".."} for segment in key.split("/"))
