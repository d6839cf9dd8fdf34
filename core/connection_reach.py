"""Whether a server is there, speaks HTTP or TLS as the endpoint says, and what its clock shows.

Plain sockets instead of an HTTP library, because each stage has its own mistake and its own advice: the name,
the port, TLS where plain HTTP was written and the other way round, the certificate.
"""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
import time
from contextlib import closing
from urllib.parse import urlsplit

from core.errors import FatalTrouble
from core.model import Connection, Value
from core.proxies import proxy_for, without_password
from core.safe_text import safe_text

STEP = 4.0  # seconds for connecting, for the TLS handshake, and for each read
_FIRST_BYTES = 8 * 1024
_TLS_ALERT = 0x15
_UNKNOWN_ISSUER = {18, 19, 20, 21}  # X509_V_ERR_*: self-signed, or an issuer that is not trusted here
_EXPIRED = {9, 10}
_OTHER_HOST = {62, 64}


class Contact(Value, frozen=True, kw_only=True):
    """What the first contact showed. `ok` None: not tried, because a proxy is in between."""

    ok: bool | None
    detail: str
    advice: str = ""
    skew: float | None = None  # seconds that the server's clock is ahead of ours
    proxied: bool = False  # a proxy is in between
    web_page: bool = False  # the unsigned request was answered with HTML; AWS does that too


def reach(endpoint: str, connection: Connection) -> Contact:
    """Connect to `endpoint` (a checked one, not empty) and ask for its root, unsigned. Blocks a few `STEP`s."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    try:
        proxy = proxy_for(endpoint, connection.proxy)
    except FatalTrouble as error:
        return Contact(ok=False, detail="the proxy cannot be used", advice=f"{error.message}.".capitalize())
    if proxy:
        return _proxied(proxy, connection)
    where = safe_text(f"{host}:{port}", 80)
    started = time.monotonic()
    try:
        line = socket.create_connection((host, port), timeout=STEP)
    except OSError as error:
        return _not_connected(error, host, where)
    with closing(line):
        connected = time.monotonic() - started
        if not tls:
            return _plain(line, parts.path, host, port, where, connected)
        try:
            line = _trust(connection).wrap_socket(line, server_hostname=host)
        except (ssl.SSLCertVerificationError, OSError) as error:
            return _no_handshake(error, connection, host, port, where)
        with closing(line):
            return _answer(_first_bytes(line, parts.path, host), where, connected)


def _proxied(proxy: str, connection: Connection) -> Contact:
    """Whether the proxy is there. What is behind it shows in the requests that follow."""
    parts = urlsplit(proxy)
    shown = safe_text(without_password(proxy), 80)
    whose = "of the connection" if connection.proxy else "that the environment names"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=STEP).close()
    except OSError as error:
        why = safe_text(error.strerror or type(error).__name__, 100)
        return Contact(
            ok=False,
            proxied=True,
            detail=f"the proxy {whose}, {shown}, cannot be reached: {why}",
            advice="Check the proxy of the connection; “none” goes without one."
            if connection.proxy
            else "Check HTTP_PROXY and HTTPS_PROXY, or name the host in NO_PROXY.",
        )
    return Contact(ok=None, proxied=True, detail=f"through the proxy {whose}, {shown}")


def _plain(line: socket.socket, path: str, host: str, port: int, where: str, connected: float) -> Contact:
    data = _first_bytes(line, path, host)
    refused = data.startswith(b"HTTP/") and data[9:12] == b"400"
    if (refused or not data.startswith(b"HTTP/")) and _speaks_tls(host, port):
        return Contact(
            ok=False,
            detail=f"{where} speaks TLS, and the endpoint says http",
            advice="Begin the endpoint with https:// instead of http://, or use the port for plain HTTP.",
        )
    return _answer(data, where, connected)


def _answer(data: bytes, where: str, connected: float) -> Contact:
    if not data:
        return Contact(
            ok=False,
            detail=f"{where} takes the connection and answers nothing",
            advice="Something else may listen there. Check the port.",
        )
    if not data.startswith(b"HTTP/"):
        return Contact(
            ok=False,
            detail=f"{where} answers, but not with HTTP",
            advice="Another kind of server listens there. Check the port.",
        )
    head, _, body = data.partition(b"\r\n\r\n")
    took = connected * 1000
    return Contact(
        ok=True,
        detail=f"{where} answers in {took:.{0 if took >= 10 else 1}f} ms",
        skew=_skew(head),
        web_page=bool(re.search(rb"(?im)^content-type:\s*text/html", head))
        or body.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")),
    )


def _skew(head: bytes) -> float | None:
    found = re.search(rb"(?im)^date:\s*([^\r\n]+)", head)
    if not found:
        return None
    try:
        return (
            email.utils.parsedate_to_datetime(found.group(1).decode("ascii", "replace")).timestamp()
            - time.time()
        )
    except (ValueError, OverflowError):
        return None


def _first_bytes(line: socket.socket, path: str, host: str) -> bytes:
    """The beginning of the answer to an unsigned GET; as much as came when the server stops or stalls."""
    written = f"[{host}]" if ":" in host else host
    lines = (
        f"GET {path}/ HTTP/1.1",
        f"Host: {written}",
        "User-Agent: haulier",
        "Accept: */*",
        "Connection: close",
    )
    data = b""
    deadline = time.monotonic() + STEP
    try:
        line.settimeout(STEP)
        line.sendall("\r\n".join((*lines, "", "")).encode())
        while len(data) < _FIRST_BYTES and time.monotonic() < deadline:
            piece = line.recv(_FIRST_BYTES)
            if not piece:
                break
            data += piece
            if data[0] == _TLS_ALERT:
                break
    except OSError:
        return data
    return data


def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake gets through, whatever the certificate says."""
    trust = ssl.create_default_context()
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=STEP) as line,
            trust.wrap_socket(line, server_hostname=host),
        ):
            return True
    except OSError:
        return False


def _trust(connection: Connection) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=connection.ca_file or None)
    trust.hostname_checks_common_name = False  # as the libraries that carry the data
    if not connection.verify_tls:
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    return trust


def _not_connected(error: OSError, host: str, where: str) -> Contact:
    if isinstance(error, socket.gaierror):
        return Contact(
            ok=False,
            detail=f"the name {safe_text(host, 80)} is not known here",
            advice="Check the spelling of the endpoint; a name inside a company may need its VPN or its DNS.",
        )
    if isinstance(error, ConnectionRefusedError):
        return Contact(
            ok=False,
            detail=f"nothing listens at {where}",
            advice="Check the port, and whether the server runs.",
        )
    if isinstance(error, TimeoutError):
        return Contact(
            ok=False,
            detail=f"{where} does not answer within {STEP:g} s",
            advice="Check host and port; a firewall may drop the connection.",
        )
    return Contact(
        ok=False,
        detail=f"{where} cannot be reached: {safe_text(error.strerror or type(error).__name__, 100)}",
        advice="Check the network of this machine, and the endpoint.",
    )


def _no_handshake(error: OSError, connection: Connection, host: str, port: int, where: str) -> Contact:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _bad_certificate(error, connection, where)
    if _speaks_plain_http(host, port):
        return Contact(
            ok=False,
            detail=f"{where} speaks plain HTTP, and the endpoint says https",
            advice="Begin the endpoint with http:// instead of https://, or use the port for TLS.",
        )
    reason = getattr(error, "reason", "") or error.strerror or type(error).__name__
    return Contact(
        ok=False,
        detail=f"{where} does not complete the TLS handshake ({safe_text(str(reason), 80)})",
        advice="Check the port; the server may not speak TLS there, or only a version that is too old.",
    )


def _bad_certificate(error: ssl.SSLCertVerificationError, connection: Connection, where: str) -> Contact:
    if error.verify_code in _UNKNOWN_ISSUER:
        detail = f"the certificate of {where} was issued by nobody that this machine trusts"
        advice = (
            "The CA file is not the one that signed it: take the CA of this server."
            if connection.ca_file
            else "Name the file of your own CA in the connection. With TLS checks off, anybody could answer."
        )
    elif error.verify_code in _EXPIRED:
        detail = f"the certificate of {where} is not valid at this machine's time"
        advice = "It has expired, or the clock of this machine is wrong."
    elif error.verify_code in _OTHER_HOST:
        detail = f"the certificate of {where} is made out to another name"
        advice = "Write the endpoint with the name that the certificate has."
    else:
        detail = f"the certificate of {where} is refused: {safe_text(error.verify_message, 100)}"
        advice = "Ask whoever runs the server."
    return Contact(ok=False, detail=detail, advice=advice)


def _speaks_plain_http(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=STEP) as line:
            return _first_bytes(line, "", host).startswith(b"HTTP/")
    except OSError:
        return False
