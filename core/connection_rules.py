"""What a connection may look like. No I/O but a look at its CA file; faces may call this as a person types."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from core.errors import Code, HaulierError
from core.model import (
    NO_PROXY,
    RESERVED_NAMES,
    AnonymousCredentials,
    Connection,
    Credentials,
    FileCredentials,
    KeyringCredentials,
    ProfileCredentials,
    SecretStore,
    SessionCredentials,
    TokenFileCredentials,
)
from core.safe_text import safe_text

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?")
ADDRESSING = ("auto", "path", "virtual")


def check_name(name: str) -> str:
    """The name, when a place can be written with it: `NAME:bucket/prefix`. Raises HaulierError (usage)."""
    if not name:
        raise HaulierError(Code.USAGE, "A connection needs a name.")
    if name.lower() in RESERVED_NAMES:
        raise HaulierError(
            Code.USAGE,
            f"The name {name} means something else already.",
            "Choose another name for the connection.",
        )
    if not _NAME.fullmatch(name):
        raise HaulierError(
            Code.USAGE,
            f"The name {safe_text(name, 60)} cannot be written in a place.",
            "Use up to 64 letters, digits, “.”, “_” and “-”, beginning with a letter or a digit.",
        )
    return name


def check_endpoint(endpoint: str) -> str:
    """The endpoint as it will be used: empty for AWS or the official Hub, else scheme, host, port and path,
    without its last slash.

    Raises HaulierError (usage). What stands before an “@” is never quoted: it may be a secret.
    """
    if not endpoint:
        return ""
    hint = "Write it like https://s3.example.com or http://10.0.0.5:9000."
    if "@" in endpoint:
        raise HaulierError(
            Code.USAGE, "The endpoint holds a user name or a password.", "Leave it out; keys are asked for."
        )
    shown = safe_text(endpoint, 100)
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise HaulierError(Code.USAGE, f"The endpoint {shown} is not a URL.", hint) from None
    if "://" not in endpoint:
        raise HaulierError(Code.USAGE, f"The endpoint {shown} lacks http:// or https://.", hint)
    if parts.scheme not in ("http", "https"):
        raise HaulierError(Code.USAGE, f"The endpoint {shown} is neither http nor https.", hint)
    if any(character.isspace() or not character.isprintable() for character in endpoint) or "\\" in endpoint:
        raise HaulierError(Code.USAGE, f"The endpoint {shown} holds a space or a control character.", hint)
    if not _is_address(host) and not _HOST.fullmatch(_in_ascii(host)):
        raise HaulierError(Code.USAGE, f"The endpoint {shown} names no host.", hint)
    if parts.query or parts.fragment or endpoint.endswith(("?", "#")):
        raise HaulierError(Code.USAGE, f"The endpoint {shown} has a query or a fragment.", hint)
    written = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{written}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def check_proxy(proxy: str) -> str:
    """The proxy as it will be used: empty, "none", or scheme, host and port. Raises HaulierError (usage).

    What stands before an “@” is never quoted: it may be a password.
    """
    if proxy in ("", NO_PROXY):
        return proxy
    hint = "Write it like http://proxy.example.com:3128, or none."
    if "@" in proxy:
        raise HaulierError(
            Code.USAGE,
            "The proxy holds a user name or a password.",
            "Leave it out here, and put the whole address into HTTPS_PROXY where the engine is started.",
        )
    shown = safe_text(proxy, 100)
    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise HaulierError(Code.USAGE, f"The proxy {shown} is not an address.", hint) from None
    if parts.scheme.startswith("socks"):
        raise HaulierError(
            Code.USAGE,
            f"The proxy {shown} speaks SOCKS, and only HTTP proxies can be used.",
            "Many SOCKS servers have a port for HTTP, too.",
        )
    if parts.scheme not in ("http", "https") or "://" not in proxy:
        raise HaulierError(Code.USAGE, f"The proxy {shown} lacks http:// or https://.", hint)
    if not _is_address(host) and not _HOST.fullmatch(_in_ascii(host)):
        raise HaulierError(Code.USAGE, f"The proxy {shown} names no host.", hint)
    if port is None:
        raise HaulierError(Code.USAGE, f"The proxy {shown} names no port.", hint)
    if parts.path.rstrip("/") or parts.query or parts.fragment:
        raise HaulierError(Code.USAGE, f"The proxy {shown} has more than a host and a port.", hint)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def check_connection(connection: Connection) -> Connection:
    """The connection as it will be kept. Raises HaulierError (usage) naming the first thing that cannot be."""
    check_name(connection.name)
    endpoint = check_endpoint(connection.endpoint)
    proxy = check_proxy(connection.proxy)
    if connection.kind == "hub":
        _check_hub(connection)
    else:
        _check_s3(connection, endpoint)
    ca_file = _check_ca_file(connection.ca_file) if connection.ca_file else ""
    return msgspec.structs.replace(connection, endpoint=endpoint, ca_file=ca_file, proxy=proxy)


def _check_s3(connection: Connection, endpoint: str) -> None:
    if connection.region and not _REGION.fullmatch(connection.region):
        raise HaulierError(
            Code.USAGE,
            f"The region {safe_text(connection.region, 60)} is not one.",
            "Leave it empty if unsure.",
        )
    if connection.addressing not in ADDRESSING:
        raise HaulierError(Code.USAGE, f"Addressing is one of {', '.join(ADDRESSING)}.")
    if connection.addressing == "virtual" and endpoint and _is_address(urlsplit(endpoint).hostname or ""):
        raise HaulierError(
            Code.USAGE,
            "Virtual-host addressing needs a host name, and the endpoint is an IP address.",
            "Choose path addressing.",
        )
    if isinstance(connection.credentials, ProfileCredentials) and not connection.credentials.profile:
        raise HaulierError(Code.USAGE, "The AWS profile has no name.")
    if isinstance(connection.credentials, TokenFileCredentials):
        raise HaulierError(Code.USAGE, "A token file is for Hubs; an S3 service takes access keys.")


def _check_hub(connection: Connection) -> None:
    if connection.region or connection.addressing != "auto":
        raise HaulierError(Code.USAGE, "A Hub has no region and no addressing.", "Leave both out.")
    match connection.credentials:
        case TokenFileCredentials(path=path):
            if not Path(path).is_absolute() or "\0" in path:
                raise HaulierError(
                    Code.USAGE,
                    f"The token file {safe_text(path, 200) or '(no name)'} is not a full path.",
                    "Begin it with “/”.",
                )
        case KeyringCredentials() | FileCredentials() | SessionCredentials() | AnonymousCredentials():
            pass
        case _:
            raise HaulierError(
                Code.USAGE,
                "AWS profiles and the AWS chain are not for Hubs.",
                "A Hub takes a token, the token file of its own tools, or none.",
            )


def store_of(credentials: Credentials) -> SecretStore | None:
    """Where stored keys are; None when nothing is stored."""
    match credentials:
        case KeyringCredentials():
            return "keyring"
        case FileCredentials():
            return "file"
        case SessionCredentials():
            return "memory"
    return None


def _check_ca_file(written: str) -> str:
    path = Path(written).expanduser()
    shown = safe_text(str(path), 200)
    if not path.is_absolute():
        raise HaulierError(Code.USAGE, f"The CA file {shown} is not a full path.", "Begin it with “/” or “~/”.")
    try:
        text = path.read_bytes()
    except OSError as error:
        raise HaulierError(Code.USAGE, f"The CA file {shown} cannot be read: {error.strerror}.") from None
    if b"-----BEGIN CERTIFICATE-----" not in text and b"-----BEGIN TRUSTED CERTIFICATE-----" not in text:
        raise HaulierError(Code.USAGE, f"The CA file {shown} holds no certificate in PEM form.")
    return str(path)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _in_ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return ""
