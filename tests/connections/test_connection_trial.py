"""Trying connections against servers that work, servers that do not, and things that are no S3 server."""

from __future__ import annotations

import email.utils
import http.server
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from core import messages
from core.connection_trial import try_connection
from core.errors import BadCredentials
from core.model import (
    AnonymousCredentials,
    ChainCredentials,
    Connection,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from tests.servers import S3Server, free_port, versitygw_binary

SECRET = "a-secret-that-nobody-may-see"


def keys(ref: str) -> SecretKeys:
    return SecretKeys(access_key_id="AKEY", secret_access_key=SECRET)


def at(endpoint: str, **settings: object) -> Connection:
    plain = Connection(name="t", endpoint=endpoint, credentials=SessionCredentials(ref="t"))
    return msgspec.structs.replace(plain, **settings)


def outcome(report: messages.TestReport) -> dict[str, bool | None]:
    return {check.name: check.ok for check in report.checks}


def detail(report: messages.TestReport, name: str) -> str:
    return next(check.detail for check in report.checks if check.name == name)


# ------------------------------------------------------------ servers that work


def test_a_working_connection(s3_server: S3Server) -> None:
    """Reach, sign, list and read are true against each real server, writing is not tried unasked, and nothing
    is left in the bucket after a test with writing."""
    bucket, judge = s3_server.new_bucket(), s3_server.boto3()
    judge.put_object(Bucket=bucket, Key="some/object", Body=b"x")
    report = try_connection(s3_server.connection(), s3_server.keys_for, bucket=bucket)
    assert report.ok, report
    assert outcome(report) == {"reach": True, "sign": True, "list": True, "read": True}
    assert bucket in report.buckets
    assert report.advice == ""

    report = try_connection(s3_server.connection(), s3_server.keys_for, write=True, bucket=bucket)
    assert outcome(report)["write"] is True, report
    assert [each["Key"] for each in judge.list_objects_v2(Bucket=bucket)["Contents"]] == ["some/object"]


def test_without_a_named_bucket_nothing_is_written(moto_server: S3Server) -> None:
    """The first bucket found is only read from; writing waits for a name."""
    moto_server.new_bucket()
    report = try_connection(moto_server.connection(), moto_server.keys_for, write=True)
    assert report.ok
    assert outcome(report)["write"] is None
    assert "name the bucket" in detail(report, "write")


def test_a_bucket_that_is_not_there(s3_server: S3Server) -> None:
    """The list of buckets works, the named one does not exist: that is said of the list."""
    report = try_connection(s3_server.connection(), s3_server.keys_for, bucket="no-such-bucket-here")
    assert not report.ok
    assert outcome(report)["sign"] is True
    assert "no-such-bucket-here: not there" in detail(report, "list")


def test_anonymous(moto_server: S3Server) -> None:
    """Unsigned requests are called so, and a readable bucket is read."""
    bucket = moto_server.new_bucket()
    judge = moto_server.boto3()
    judge.put_bucket_acl(Bucket=bucket, ACL="public-read")
    judge.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    connection = msgspec.structs.replace(moto_server.connection(), credentials=AnonymousCredentials())
    report = try_connection(connection, keys, bucket=bucket)
    assert report.ok, report
    assert outcome(report)["sign"] is None
    assert outcome(report)["read"] is True


def test_anonymous_where_nothing_is_public(rclone_server: S3Server) -> None:
    """A server that wants signed requests says so in its own words; ours are that it is not public."""
    connection = msgspec.structs.replace(rclone_server.connection(), credentials=AnonymousCredentials())
    report = try_connection(connection, keys)
    assert "Name a public bucket" in report.advice, report
    report = try_connection(connection, keys, bucket=rclone_server.new_bucket())
    assert "access denied without keys" in detail(report, "list"), report
    assert "not public" in report.advice


# ------------------------------------------------------------ keys


@pytest.mark.parametrize("name", ["rclone_server", "versitygw_server"])
def test_a_wrong_key_id(name: str, request: pytest.FixtureRequest) -> None:
    """The server knows no such key id: the sentence speaks of the id, not of the secret."""
    server: S3Server = request.getfixturevalue(name)
    wrong = SecretKeys(access_key_id="NOBODY", secret_access_key=SECRET)
    report = try_connection(server.connection(), lambda _ref: wrong)
    assert outcome(report) == {"reach": True, "sign": False, "list": None, "read": None}
    assert "access key id" in detail(report, "sign")
    assert SECRET not in repr(report)


@pytest.mark.parametrize("name", ["rclone_server", "versitygw_server"])
def test_a_wrong_secret(name: str, request: pytest.FixtureRequest) -> None:
    """The key id is right and the secret is not: the sentence speaks of the secret."""
    server: S3Server = request.getfixturevalue(name)
    wrong = SecretKeys(access_key_id=server.access_key, secret_access_key=SECRET)
    report = try_connection(server.connection(), lambda _ref: wrong)
    assert outcome(report)["sign"] is False
    assert "secret" in detail(report, "sign")
    assert "Type the secret" in report.advice
    assert SECRET not in repr(report)


@pytest.mark.skipif(not versitygw_binary(), reason="versitygw is not installed")
def test_a_wrong_region(versitygw_server: S3Server) -> None:
    """A server that insists on its region: the report names it."""
    connection = msgspec.structs.replace(versitygw_server.connection(), region="eu-central-7")
    report = try_connection(connection, versitygw_server.keys_for)
    assert outcome(report)["sign"] is False, report
    assert "region" in detail(report, "sign")
    assert report.region == "us-east-1"
    assert "us-east-1" in report.advice


def test_keys_that_are_not_at_hand(moto_server: S3Server) -> None:
    """A session reference after a restart: the server is reached, and the vault's sentence is the advice."""

    def unknown(ref: str) -> SecretKeys:
        raise BadCredentials("Type them again.")

    report = try_connection(moto_server.connection(), unknown)
    assert outcome(report) == {"reach": True, "sign": False, "list": None, "read": None}
    assert report.advice == "Type them again."


def test_a_profile_that_is_not_there(moto_server: S3Server) -> None:
    """The AWS profile is named in no file."""
    report = try_connection(at(moto_server.endpoint, credentials=ProfileCredentials(profile="nobody")), keys)
    assert outcome(report)["sign"] is False
    assert "profile is not in the AWS config files" in detail(report, "sign")


def test_a_profile_without_credentials(moto_server: S3Server, isolated_home: Path) -> None:
    """The profile is there and holds a region only."""
    (isolated_home / ".aws").mkdir()
    (isolated_home / ".aws/config").write_text("[profile p]\nregion = eu-west-1\n")
    report = try_connection(at(moto_server.endpoint, credentials=ProfileCredentials(profile="p")), keys)
    assert outcome(report)["sign"] is False
    assert "leads to no credentials" in detail(report, "sign")


def test_a_chain_that_finds_nothing(moto_server: S3Server) -> None:
    """No environment, no files, no instance role."""
    report = try_connection(at(moto_server.endpoint, credentials=ChainCredentials()), keys)
    assert outcome(report)["sign"] is False
    assert "finds no credentials" in detail(report, "sign")


def test_a_credentials_program_that_fails(moto_server: S3Server, isolated_home: Path) -> None:
    """`credential_process` exits with an error."""
    (isolated_home / ".aws").mkdir()
    (isolated_home / ".aws/config").write_text("[profile p]\ncredential_process = /bin/false\n")
    report = try_connection(at(moto_server.endpoint, credentials=ProfileCredentials(profile="p")), keys)
    assert outcome(report)["sign"] is False
    assert "program or role" in detail(report, "sign")


def test_a_credentials_program_that_hangs(moto_server: S3Server, isolated_home: Path) -> None:
    """The limit holds although botocore waits for the program without one; the step is named."""
    (isolated_home / ".aws").mkdir()
    (isolated_home / "hang").write_text(f"#!{sys.executable}\nimport time; time.sleep(3)\n")
    (isolated_home / "hang").chmod(0o700)
    (isolated_home / ".aws/config").write_text(f"[profile p]\ncredential_process = {isolated_home}/hang\n")
    started = time.monotonic()
    report = try_connection(
        at(moto_server.endpoint, credentials=ProfileCredentials(profile="p")), keys, limit=0.7
    )
    assert time.monotonic() - started < 2.5
    assert not report.ok
    assert any("not finished within" in check.detail for check in report.checks)


# ------------------------------------------------------------ a server that answers as it is told


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers every request with what `answer` gives for method and path: status, headers, body."""

    answer: Callable[[str, str], tuple[int, dict[str, str], bytes]]
    protocol_version = "HTTP/1.1"

    def respond(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.rfile.read(length)
        status, headers, body = type(self).answer(self.command, self.path)
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = respond

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def scripted(
    answer: Callable[[str, str], tuple[int, dict[str, str], bytes]],
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[int]:
    handler = type("Handler", (Scripted,), {"answer": staticmethod(answer)})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # failed handshakes are the point
    if certificate is not None:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(*certificate)
        server.socket = trust.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def error(
    code: str, status: int = 403, more: str = ""
) -> Callable[[str, str], tuple[int, dict[str, str], bytes]]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message>{more}</Error>".encode()
    return lambda _method, _path: (status, {"Content-Type": "application/xml"}, body)


BUCKETS = (
    b"<?xml version='1.0'?><ListAllMyBucketsResult><Owner><ID>1</ID></Owner><Buckets><Bucket><Name>first</Name>"
    b"<CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"
)
OBJECTS = (
    b"<?xml version='1.0'?><ListBucketResult><Name>first</Name><IsTruncated>false</IsTruncated><Contents>"
    b"<Key>k</Key><Size>3</Size></Contents></ListBucketResult>"
)
XML = {"Content-Type": "application/xml"}


@pytest.mark.parametrize(
    ("code", "status", "step", "words"),
    [
        ("InvalidAccessKeyId", 403, "sign", "does not know this access key id"),
        ("SignatureDoesNotMatch", 403, "sign", "the secret does not fit"),
        ("ExpiredToken", 400, "sign", "has expired"),
        ("InvalidToken", 400, "sign", "session token"),
        ("RequestTimeTooSkewed", 403, "sign", "clocks differ"),
        ("AccessDenied", 403, "list", "access denied"),
        ("InternalError", 500, "list", "has trouble"),
        ("SlowDown", 503, "list", "has trouble"),
        ("NotImplemented", 501, "list", "has trouble"),
        ("Surprise", 400, "list", "Surprise: No."),
    ],
)
def test_what_a_server_refuses(code: str, status: int, step: str, words: str) -> None:
    """Each error code of S3 is told in words, at the step it belongs to, with something to do about it."""
    with scripted(error(code, status)) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}"), keys)
    assert not report.ok
    assert outcome(report)["reach"] is True
    assert outcome(report)[step] is False, report
    assert words in detail(report, step)
    assert report.advice
    assert SECRET not in repr(report)


@pytest.mark.parametrize("code", ["AuthorizationHeaderMalformed", "PermanentRedirect"])
def test_the_region_that_a_server_wants(code: str) -> None:
    """The region in the error is the report's, and the advice names it."""
    with scripted(error(code, 400, "<Region>mars-north-1</Region>")) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}", region="us-east-1"), keys)
    assert outcome(report)["sign"] is False
    assert report.region == "mars-north-1"
    assert report.advice == "Set the region to mars-north-1."


def test_keys_of_one_bucket() -> None:
    """Keys that may not list all buckets: without a bucket the advice is to name one; with it, all is well."""

    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/mine/k"):
            return 206, {"Content-Range": "bytes 0-0/3"}, b"x"
        if path.startswith("/mine"):
            return 200, {**XML, "x-amz-bucket-region": "eu-west-9"}, OBJECTS
        return error("AccessDenied")(method, path)

    with scripted(answer) as port:
        connection = at(f"http://127.0.0.1:{port}", addressing="path")
        unnamed = try_connection(connection, keys)
        named = try_connection(connection, keys, bucket="mine")
    assert outcome(unnamed) == {"reach": True, "sign": True, "list": False, "read": None}
    assert "Name a bucket" in unnamed.advice
    assert named.ok, named
    assert outcome(named) == {"reach": True, "sign": True, "list": True, "read": True}
    assert named.region == "eu-west-9"


def test_an_object_that_cannot_be_deleted_is_named() -> None:
    """Writing works and deleting does not: the report says which object is left."""
    written: dict[str, bytes] = {}

    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        if method == "PUT":
            written["path"] = path.encode()
            return 200, {"ETag": '"0"'}, b""
        if method == "DELETE":
            return error("AccessDenied")(method, path)
        if "haulier-connection-test" in path:
            return 200, {}, b"Written by haulier to test a connection. It may be deleted.\n"
        return 200, XML, OBJECTS if path.startswith("/first") else BUCKETS

    with scripted(answer) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}", addressing="path"), keys, True, "first")
    assert outcome(report)["write"] is False
    assert written["path"].decode().split("?")[0].lstrip("/") in detail(report, "write")
    assert "Delete that object" in report.advice


def test_writing_that_is_refused() -> None:
    """Read-only keys: everything else is true."""

    def answer(method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        if method == "PUT":
            return error("AccessDenied")(method, path)
        if path.startswith("/first/k"):
            return 200, {}, b"x"
        return 200, XML, OBJECTS if path.startswith("/first") else BUCKETS

    with scripted(answer) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}", addressing="path"), keys, True, "first")
    assert outcome(report) == {"reach": True, "sign": True, "list": True, "read": True, "write": False}


@pytest.mark.parametrize(("minutes", "ok"), [(-3, True), (20, False)])
def test_a_clock_that_is_wrong(minutes: int, ok: bool) -> None:
    """A few minutes are mentioned, more than S3's quarter of an hour is a failure, with the direction."""
    shown = email.utils.formatdate(time.time() + minutes * 60, usegmt=True)
    with scripted(lambda _method, _path: (200, {**XML, "Date": shown}, BUCKETS)) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}"), keys)
    assert outcome(report)["clock"] is ok
    assert f"{abs(minutes)} min {'behind' if minutes > 0 else 'ahead of'}" in detail(report, "clock")
    assert "NTP" in report.advice


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><body>Console</body></html>"),
        (200, {"Content-Type": "text/html"}, b"<html><body>well-formed</body></html>"),
        (404, {"Content-Type": "text/html"}, b"<html><h1>404"),
        (403, {"Content-Type": "text/html; charset=utf-8"}, b"<html><body><p>no</p></body></html>"),
        (200, {"Content-Type": "application/json"}, b'{"hello": "world"}'),
        (200, {"Content-Type": "application/xml"}, b"<feed><title>not S3</title></feed>"),
        (200, {}, b""),
    ],
)
def test_something_that_is_not_s3(answer: tuple[int, dict[str, str], bytes]) -> None:
    """Web pages, JSON and other XML are called what they are, never an empty list of buckets."""
    with scripted(lambda _method, _path: answer) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}"), keys)
    assert outcome(report) == {"reach": False, "sign": None, "list": None, "read": None}, report
    assert "not as S3 does" in detail(report, "reach")
    assert "port" in report.advice


def test_hostile_words_of_a_server_are_safe_to_show() -> None:
    """Escape sequences in an error message, and ones in a bucket's region, arrive as visible stand-ins."""
    with scripted(error("Odd", 400, "")) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}"), keys, bucket="x\x1b[31m\u202e")
    assert all(check.detail.isprintable() for check in report.checks)
    assert report.advice.isprintable()


# ------------------------------------------------------------ the way there


def test_a_closed_port() -> None:
    """Nothing listens: said at once."""
    started = time.monotonic()
    report = try_connection(at(f"http://127.0.0.1:{free_port()}"), keys)
    assert outcome(report) == {"reach": False, "sign": None, "list": None, "read": None}
    assert "nothing listens at 127.0.0.1:" in detail(report, "reach")
    assert time.monotonic() - started < 5


def test_a_name_that_does_not_exist() -> None:
    """A name of the reserved top-level domain `invalid`."""
    report = try_connection(at("http://s3.nowhere.invalid"), keys)
    assert outcome(report)["reach"] is False
    assert "s3.nowhere.invalid is not known" in detail(report, "reach") or "within" in detail(report, "reach")


def test_a_server_that_says_nothing() -> None:
    """Accepts the connection and stays silent: bounded, and named."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        report = try_connection(at(f"http://127.0.0.1:{silent.getsockname()[1]}"), keys)
        assert time.monotonic() - started < 15
    assert outcome(report)["reach"] is False
    assert "answers nothing" in detail(report, "reach")


def test_a_server_that_speaks_something_else() -> None:
    """A greeting of another protocol on the port."""

    def greet() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            with line:
                line.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                line.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        report = try_connection(at(f"http://127.0.0.1:{listening.getsockname()[1]}"), keys)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert outcome(report)["reach"] is False
    assert "not with HTTP" in detail(report, "reach")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def good(_method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    if path.startswith("/first/k"):
        return 200, {}, b"x"
    return 200, XML, OBJECTS if path.startswith("/first") else BUCKETS


def test_tls_with_its_own_ca(certificate: tuple[Path, Path]) -> None:
    """An unknown CA is refused with advice; with its file all is well; without checks it works, warned of."""
    with scripted(good, certificate) as port:
        connection = at(f"https://127.0.0.1:{port}", addressing="path")
        unknown = try_connection(connection, keys)
        known = try_connection(msgspec.structs.replace(connection, ca_file=str(certificate[0])), keys)
        unchecked = try_connection(msgspec.structs.replace(connection, verify_tls=False), keys)
    assert outcome(unknown)["reach"] is False
    assert "issued by nobody that this machine trusts" in detail(unknown, "reach")
    assert "CA" in unknown.advice
    assert known.ok, known
    assert unchecked.ok, unchecked
    assert "TLS checks are off" in detail(unchecked, "reach")


def test_a_certificate_for_another_name(certificate: tuple[Path, Path]) -> None:
    """The CA is known, the name in the certificate is not the endpoint's."""
    with scripted(good, certificate) as port:
        report = try_connection(at(f"https://localhost:{port}", ca_file=str(certificate[0])), keys)
    assert outcome(report)["reach"] is False
    assert "made out to another name" in detail(report, "reach")


def test_http_where_tls_is_spoken(certificate: tuple[Path, Path]) -> None:
    """The endpoint says http, the server speaks TLS: the advice is to write https."""
    with scripted(good, certificate) as port:
        report = try_connection(at(f"http://127.0.0.1:{port}"), keys)
    assert outcome(report)["reach"] is False
    assert "speaks TLS" in detail(report, "reach")
    assert "https://" in report.advice


def test_tls_where_http_is_spoken(moto_server: S3Server) -> None:
    """The endpoint says https, the server speaks plain HTTP: the advice is to write http."""
    report = try_connection(at(moto_server.endpoint.replace("http:", "https:")), keys)
    assert outcome(report)["reach"] is False
    assert "speaks plain HTTP" in detail(report, "reach")
    assert "http://" in report.advice


def test_behind_a_proxy(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy in the environment there is no direct contact to judge; a dead proxy is named."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    report = try_connection(moto_server.connection(), moto_server.keys_for)
    assert outcome(report)["reach"] is False
    assert "proxy" in detail(report, "reach")
    assert os.environ["http_proxy"]
