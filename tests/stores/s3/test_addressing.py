"""Where a bucket and a key are asked for."""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FatalTrouble
from core.stores.s3.addressing import encoded_key, has_dot_segment, is_region, parse_endpoint

Addressing = Literal["auto", "path", "virtual"]


@pytest.mark.parametrize(
    ("url", "addressing", "bucket", "region", "origin", "root"),
    [
        ("", "auto", "logs", "eu-west-1", "https://logs.s3.eu-west-1.amazonaws.com", ""),
        ("", "auto", "my.logs", "eu-west-1", "https://s3.eu-west-1.amazonaws.com", "/my.logs"),
        ("", "auto", "UPPER", "us-east-1", "https://s3.us-east-1.amazonaws.com", "/UPPER"),
        ("", "path", "logs", "us-east-1", "https://s3.us-east-1.amazonaws.com", "/logs"),
        ("", "auto", "logs", "cn-north-1", "https://logs.s3.cn-north-1.amazonaws.com.cn", ""),
        ("http://h:9000", "auto", "logs", "x", "http://h:9000", "/logs"),
        ("http://h:9000", "virtual", "logs", "x", "http://logs.h:9000", ""),
        ("https://h:443/base/", "path", "logs", "x", "https://h", "/base/logs"),
        ("https://h/base", "virtual", "logs", "x", "https://logs.h", "/base"),
        ("http://[::1]:80", "auto", "logs", "x", "http://[::1]", "/logs"),
    ],
)
def test_locations(url: str, addressing: Addressing, bucket: str, region: str, origin: str, root: str) -> None:
    """Virtual hosts on AWS for names that fit its certificate, paths elsewhere, and what the person chose."""
    location = parse_endpoint(url, addressing).locate(bucket, region)
    assert (location.origin, location.root) == (origin, root)
    assert location.origin.endswith(f"//{location.host}")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h",
        "h:9000",
        "http://",
        "http://u:p@h",
        "http://h?x=1",
        "http://h:notaport",
        "http://h#x",
        "http://[::1",
    ],
)
def test_endpoints_that_are_none(url: str) -> None:
    """A clear refusal that does not repeat a password."""
    with pytest.raises(FatalTrouble) as caught:
        parse_endpoint(url, "auto")
    assert "u:p" not in caught.value.message


def test_the_region_in_an_aws_host() -> None:
    """Endpoints typed in full name their region."""
    assert parse_endpoint("https://s3.eu-west-3.amazonaws.com", "auto").region_in_name == "eu-west-3"
    assert (
        parse_endpoint("https://s3.dualstack.us-gov-west-1.amazonaws.com", "auto").region_in_name
        == "us-gov-west-1"
    )
    assert parse_endpoint("https://s3.example.com", "auto").region_in_name == ""


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_keys_are_encoded_without_loss(key: str) -> None:
    """Decoding gives the bytes of the key, and only unreserved characters stand for themselves."""
    encoded = encoded_key(key)
    assert unquote_to_bytes(encoded) == key.encode()
    assert encoded.isascii()
    assert not set(encoded) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/%")


@given(st.text(alphabet="./a", max_size=8))
def test_dot_segments_are_seen(key: str) -> None:
    """Exactly the keys that have one."""
    assert has_dot_segment(key) == any(segment in (".", "..") for segment in key.split("/"))


def test_regions() -> None:
    """Only what can stand in a host name."""
    assert is_region("eu-west-1")
    assert not any(map(is_region, ["", "a.b", "a/b", "A", "x" * 41, "a\n"]))
