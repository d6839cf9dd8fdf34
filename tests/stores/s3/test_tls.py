"""Whom the connection trusts, on both planes."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import FatalTrouble
from core.model import AnonymousCredentials, Connection
from core.stores.base import Metadata
from core.stores.s3 import S3Service
from tests.stores.s3.scripted import Script, http, serving

OK = http(200, b"", ETag='"e"')


def authority(called: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    return signed(name, name, key, key, ca=True), key


def signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(alternatives, critical=False)
        .sign(by, hashes.SHA256())
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and a CA file whose second certificate is its authority."""
    root, root_key = authority("ours")
    other, _ = authority("another")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
    certificate = signed(name, root.subject, key, root_key, ca=False)
    chain = tmp_path / "server.pem"
    chain.write_bytes(
        pem(certificate)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(b"# a comment\n" + pem(other) + b"\n" + pem(root))
    return context, ca_file


def connection_to(script: Script) -> Connection:
    return Connection(name="tls", endpoint=script.endpoint, credentials=AnonymousCredentials())


def use_both_planes(connection: Connection) -> None:
    service = S3Service(connection, lambda _: pytest.fail("not asked"))
    try:
        service.bucket("b").put("k", b"1", Metadata())
        assert service.has_bucket("b")
    finally:
        service.close()


def test_a_ca_file_is_trusted(tls: tuple[ssl.SSLContext, Path]) -> None:
    """Every certificate of the file counts."""
    with serving(OK, tls=tls[0]) as script:
        use_both_planes(msgspec.structs.replace(connection_to(script), ca_file=str(tls[1])))


def test_checks_can_be_switched_off(tls: tuple[ssl.SSLContext, Path]) -> None:
    """Only for the connection that says so."""
    with serving(OK, tls=tls[0]) as script:
        use_both_planes(msgspec.structs.replace(connection_to(script), verify_tls=False))


def test_an_unknown_authority_stops_the_job(tls: tuple[ssl.SSLContext, Path]) -> None:
    """It is not retried for hours, on either plane, and nothing was sent."""
    with serving(OK, tls=tls[0]) as script:
        service = S3Service(connection_to(script), lambda _: pytest.fail("not asked"))
        with pytest.raises(FatalTrouble, match="certificate"):
            service.bucket("b").put("k", b"1", Metadata())
        with pytest.raises(FatalTrouble, match="certificate"):
            service.has_bucket("b")
        service.close()
    assert script.requests == []
