"""Reading what a person writes for a place (`NAME:bucket/prefix`, `s3://bucket/key`, `./dir`, `file:///dir`).

Nothing is looked up here: neither the file system nor a server is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import unquote

from core.errors import Code, HaulierError
from core.model import (
    ADHOC_S3,
    ChainCredentials,
    Connection,
    Credentials,
    Place,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from core.safe_text import safe_text

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NAMED = re.compile(r"([^/:]+):(.*)", re.DOTALL)
_LATER = {
    "hf": "the Hugging Face Hub",
    "http": "a web server",
    "https": "a web server",
    "list": "a list of URLs",
}


def parse_place(text: str, *, cwd: Path, known: Collection[str]) -> Place:
    """The place that `text` names; `known` are the names of the connections.

    Local places become absolute (against `cwd`) and keep a trailing slash, which says folder. S3 keys stay as
    written. Raises HaulierError(Code.USAGE) that quotes what was written.
    """
    if not text:
        raise _wrong("An empty place", "Write NAME:bucket/prefix, s3://bucket/prefix or a path.")
    if "\0" in text or not _is_utf8(text):
        raise _wrong(f"{safe_text(text)!r} is not a place: its name cannot be kept (NUL or not UTF-8)")
    scheme = _SCHEME.match(text)
    if scheme:
        return _from_url(text, scheme[1].lower())
    named = _NAMED.fullmatch(text)
    if named and not text.startswith("~"):
        return _from_connection(text, named[1], named[2], known)
    return local_place(text, cwd=cwd)


def local_place(text: str, *, cwd: Path) -> Place:
    """The local file or folder `text`, which may hold colons; `~/` is the home folder."""
    written = str(Path.home()) + text[1:] if text == "~" or text.startswith("~/") else text
    last = text.rsplit("/", 1)[-1]
    pieces = [piece for piece in os.path.join(cwd, written).split("/") if piece not in ("", ".")]  # noqa: PTH118
    # `..` stays: taking it away by text goes wrong where a link is in the way.
    path = "/" + "/".join(pieces)
    is_folder = last in ("", ".", "..") or text == "~"
    return Place(kind="local", path=path.rstrip("/") + "/" if is_folder else path)


def adhoc_from_environment(environ: Mapping[str, str]) -> tuple[Connection, SecretKeys | None]:
    """What `s3://` means in this environment, as a connection without secrets, and the keys if it holds any.

    Follows botocore's order: keys in the environment come before AWS_PROFILE, and that before the default
    chain. When keys come back, the engine needs them (`ProvideKeys`) under the connection's reference.
    Raises HaulierError(Code.USAGE) when only half a key is set.
    """
    ignore = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
    keys = _keys(environ)
    credentials: Credentials
    if keys is not None:
        import hashlib  # loads OpenSSL, and most commands need no digest

        digest = hashlib.sha256((keys.access_key_id + keys.secret_access_key).encode()).hexdigest()
        credentials = SessionCredentials(ref=f"env-{digest[:16]}")
    elif profile := environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE"):
        credentials = ProfileCredentials(profile=profile)
    else:
        credentials = ChainCredentials()
    connection = Connection(
        name=ADHOC_S3,
        endpoint="" if ignore else endpoint,
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "",
        ca_file=environ.get("AWS_CA_BUNDLE", ""),
        credentials=credentials,
    )
    return connection, keys


def _keys(environ: Mapping[str, str]) -> SecretKeys | None:
    access, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not access and not secret:
        return None
    if not access or not secret:
        there, missing = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")[:: 1 if access else -1]
        raise _wrong(f"{there} is set but {missing} is not", "Set both, or neither.")
    return SecretKeys(
        access_key_id=access, secret_access_key=secret, session_token=environ.get("AWS_SESSION_TOKEN", "")
    )


def _from_url(text: str, scheme: str) -> Place:
    rest = text[text.index("://") + 3 :]
    if scheme == "s3":
        return _s3(text, ADHOC_S3, rest)
    if scheme == "file":
        return _from_file_url(text)
    if scheme in _LATER:
        raise _not_yet(text, scheme)
    raise _wrong(
        f"{safe_text(text)!r}: nothing is known of {safe_text(scheme)}://", "Write s3://bucket/prefix."
    )


def _from_connection(text: str, name: str, rest: str, known: Collection[str]) -> Place:
    if name in known:
        return _s3(text, name, rest.removeprefix("/"))
    lowered = name.lower()
    if lowered == "file" and rest.startswith("/"):
        return _from_file_url(text)
    if lowered == "s3":
        raise _wrong(f"{safe_text(text)!r} is not a place", f"Write s3://{safe_text(rest.lstrip('/'))}")
    if lowered in _LATER:
        raise _not_yet(text, lowered)
    names = ", ".join(safe_text(one) for one in sorted(known))
    raise _wrong(
        f"There is no connection called {safe_text(name)!r}",
        (f"Known: {names}. " if names else "None is set up yet: haulier connections add NAME. ")
        + f"For a file of this machine write ./{safe_text(text)}",
    )


def _s3(text: str, connection: str, rest: str) -> Place:
    bucket, _, path = rest.partition("/")
    if not bucket and path:
        raise _wrong(f"{safe_text(text)!r} names no bucket", "Write s3://bucket/prefix or NAME:bucket/prefix.")
    return Place(kind="s3", connection=connection, bucket=bucket, path=path)


def _from_file_url(text: str) -> Place:
    """`file:///dir`, `file://localhost/dir` or `file:/dir`, with percent signs (RFC 8089)."""
    rest = text[len("file:") :]
    host, slash, path = rest[2:].partition("/") if rest.startswith("//") else ("", "/", rest[1:])
    if not slash or host.lower() not in ("", "localhost"):
        raise _wrong(f"{safe_text(text)!r} is not on this machine", "Write file:///folder/name.")
    try:
        decoded = unquote("/" + path, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise _wrong(f"{safe_text(text)!r} is not UTF-8 text behind its percent signs")
    return local_place(decoded, cwd=Path("/"))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_yet(text: str, scheme: str) -> HaulierError:
    return _wrong(
        f"{safe_text(text)!r}: {_LATER[scheme]} is not in this version yet", "S3 and local files are."
    )


def _wrong(message: str, hint: str = "") -> HaulierError:
    return HaulierError(Code.USAGE, message, hint)
