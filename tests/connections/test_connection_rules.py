"""What may be a connection's name, endpoint, region, addressing and CA file."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.connection_rules import check_connection, check_endpoint, check_name
from core.errors import Code, HaulierError
from core.model import RESERVED_NAMES, Connection, ProfileCredentials


@pytest.mark.parametrize("name", ["a", "prod", "Prod-EU_2.new", "7", "x" * 64])
def test_names_that_can_be(name: str) -> None:
    """Letters, digits, dot, underscore, hyphen."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a:b", "a/b", "a\n", "-a", ".", "..", "ä", "a@b", "x" * 65, *RESERVED_NAMES, "S3", "HTTP"],
)
def test_names_that_cannot_be(name: str) -> None:
    """What would break the writing of a place, or means something else there."""
    with pytest.raises(HaulierError) as refused:
        check_name(name)
    assert refused.value.code is Code.USAGE


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ""),
        ("https://s3.example.com", "https://s3.example.com"),
        ("HTTPS://S3.Example.com/", "https://s3.example.com"),
        ("http://10.0.0.5:9000", "http://10.0.0.5:9000"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
        ("https://gate.example/some/path/", "https://gate.example/some/path"),
        ("http://localhost:80", "http://localhost:80"),
        ("https://bücher.example", "https://bücher.example"),
    ],
)
def test_endpoints_that_can_be(written: str, kept: str) -> None:
    """Scheme and host in small letters, port and path as written, no last slash."""
    assert check_endpoint(written) == kept


@pytest.mark.parametrize(
    "endpoint",
    [
        "s3.example.com",
        "localhost:9000",
        "ftp://host",
        "http://",
        "http://:9000",
        "http://host:port",
        "http://host:99999",
        "http://host/?x=1",
        "http://host/#x",
        "http://host?",
        "http://ho st",
        "http://host\n.evil",
        "http://host\\path",
        "http://-host",
        "http://[::1",
        "http://a/\x1b[31m",
    ],
)
def test_endpoints_that_cannot_be(endpoint: str) -> None:
    """Each is refused in a sentence that can be shown as it is."""
    with pytest.raises(HaulierError) as refused:
        check_endpoint(endpoint)
    assert refused.value.code is Code.USAGE
    assert refused.value.message.isprintable()


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    """Keys pasted into a URL are refused without quoting them."""
    with pytest.raises(HaulierError) as refused:
        check_endpoint("https://AKEY:very-secret@host")
    assert "secret" not in refused.value.message + refused.value.hint


def test_the_ca_file_must_be_one(tmp_path: Path) -> None:
    """Missing, relative and non-PEM files are named."""
    certificate = tmp_path / "ca.pem"
    certificate.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    assert check_connection(Connection(name="a", ca_file=str(certificate))).ca_file == str(certificate)
    (tmp_path / "other").write_text("nothing")
    for wrong in ("ca.pem", str(tmp_path / "none"), str(tmp_path / "other"), str(tmp_path)):
        with pytest.raises(HaulierError, match="CA file"):
            check_connection(Connection(name="a", ca_file=wrong))


@pytest.mark.parametrize(
    "connection",
    [
        Connection(name="a", region="eu central"),
        Connection(name="a", addressing="upside-down"),  # type: ignore[arg-type]
        Connection(name="a", addressing="virtual", endpoint="http://10.0.0.5:9000"),
        Connection(name="a", credentials=ProfileCredentials(profile="")),
    ],
)
def test_other_settings_that_cannot_be(connection: Connection) -> None:
    """Region with a blank, unknown addressing, host names under an IP address, a profile without a name."""
    with pytest.raises(HaulierError) as refused:
        check_connection(connection)
    assert refused.value.code is Code.USAGE
