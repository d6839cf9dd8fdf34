"""Reading what a person writes for a place: `NAME:bucket/prefix`, `s3://bucket/key`, `hf://datasets/org/name@rev/path`,
`https://host/file`, `list:FILE`, `disk:DIR`, `./dir`, `file:///dir`.

Nothing is looked up here: neither the file system nor a server is asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.errors import Code, HaulierError
from core.model import ADHOC_HUB, ADHOC_S3, Place, shown_url
from core.safe_text import safe_text

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NAMED = re.compile(r"([^/:]+):(.*)", re.DOTALL)


def parse_place(text: str, *, cwd: Path, known: Collection[str]) -> Place:
    """The place that `text` names; `known` are the names of the connections, as a mapping with their kinds.

    Without kinds a named connection is taken for one to S3. Local places become absolute (against `cwd`) and
    keep a trailing slash, which says folder. S3 keys stay as written. Raises HaulierError(Code.USAGE) that
    quotes what was written, without what may be a secret in it.
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
        return _from_connection(text, named[1], named[2], known, cwd)
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


def _from_url(text: str, scheme: str) -> Place:
    rest = text[text.index("://") + 3 :]
    if scheme == "s3":
        return _s3(text, ADHOC_S3, rest)
    if scheme == "hf":
        return _hub(text, ADHOC_HUB, rest)
    if scheme == "file":
        return _from_file_url(text)
    if scheme in ("http", "https"):
        return Place(kind="web", url=check_url(text))
    raise _wrong(
        f"{safe_text(text)!r}: nothing is known of {safe_text(scheme)}://", "Write s3://bucket/prefix."
    )


def _from_connection(text: str, name: str, rest: str, known: Collection[str], cwd: Path) -> Place:
    if name in known:
        if isinstance(known, Mapping) and known[name] == "hub":
            return _hub(text, name, rest)
        return _s3(text, name, rest.removeprefix("/"))
    lowered = name.lower()
    if lowered == "file" and rest.startswith("/"):
        return _from_file_url(text)
    if lowered in ("list", "disk"):
        if not rest:
            raise _wrong(f"{safe_text(text)!r} names no {'file' if lowered == 'list' else 'folder'}")
        return Place(kind=lowered, path=local_place(rest, cwd=cwd).path)  # type: ignore[arg-type]
    if lowered in ("s3", "hf", "http", "https"):
        raise _wrong(f"{safe_text(text)!r} is not a place", f"Write {lowered}://{safe_text(rest.lstrip('/'))}")
    names = ", ".join(safe_text(one) for one in sorted(known))
    raise _wrong(
        f"There is no connection called {safe_text(name)!r}",
        (f"Known: {names}. " if names else "None is set up yet: haulier connections add NAME. ")
        + f"For a file of this machine write ./{safe_text(text)}",
    )


def check_url(text: str) -> str:
    """An http or https URL as it will be asked for, without its fragment. Raises HaulierError (usage); neither
    a password nor a query is repeated."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    shown = safe_text(shown_url(text.rpartition("@")[2]))
    if parts.scheme not in ("http", "https") or not host:
        raise _wrong(f"{shown!r} is not a URL with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise _wrong(
            f"The URL of {safe_text(host)} holds a user name or a password, which would be kept in the journal",
            "Leave it out.",
        )
    if any(letter.isspace() or not letter.isprintable() for letter in text) or "\\" in text:
        raise _wrong(f"{shown!r} holds a space, a backslash or a control character", "Write it with % escapes.")
    return text.partition("#")[0]


def _hub(text: str, connection: str, rest: str) -> Place:
    """`[models/|datasets/|spaces/]ID[@REVISION][/PATH]`, where ID has one or two parts (the form of the Hub's
    own file system interface). A revision with slashes is written with %2F, and an ID of one part takes a path
    only behind a revision: `gpt2@main/config.json`."""
    words = rest.split("/")
    kind = words[0] if words[0] in ("models", "datasets", "spaces") else ""
    words = words[1:] if kind else words
    if not words or not words[0]:
        raise _wrong(
            f"{safe_text(text)!r} names no repository", "Write hf://datasets/org/name or hf://org/name."
        )
    # One part and no more ("gpt2", "squad@main", "gpt2/"), else two: "org/name@rev/path".
    count = 1 if "@" in words[0] or len(words) == 1 or (len(words) == 2 and not words[1]) else 2
    head, path = "/".join(words[:count]), "/".join(words[count:])
    name, at, revision = head.partition("@")
    if at and not revision:
        raise _wrong(f"{safe_text(text)!r} has an empty revision behind its @")
    if kind and kind != "models":
        name = f"{kind}/{name}"
    return Place(kind="hub", connection=connection, bucket=name, revision=unquote(revision), path=path)


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


def _wrong(message: str, hint: str = "") -> HaulierError:
    return HaulierError(Code.USAGE, message, hint)
