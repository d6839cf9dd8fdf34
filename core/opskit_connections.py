"""The connections that OpsKit's own S3 tool kept, secrets in base64: read, and scrubbed.

That tool writes one object, a member for each connection (its `s3-sync/main.py`):

    {"prod": {"name": "prod", "aws_access_key": "AKIA…", "aws_secret_key": "<base64>", "aws_region": "…",
              "s3_endpoint": "…"}}

Others were seen, or are near enough: a list of such objects; either of them as `connections`; other spellings
of the fields (`_FIELDS`); a profile's name instead of keys; a secret that is not encoded. What is not
understood is named, never guessed. An empty access key means the default AWS chain.

Base64 is told from plain text by what comes out: text that decodes, with its padding, to printable ASCII is
base64. A plain secret of AWS (40 random characters) does so once in 10¹² cases. Fields called `…_b64` or
`…_base64` must decode.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.connection_rules import check_connection, check_name
from core.errors import Code, HaulierError
from core.json_position import line_and_column, offset_of
from core.kept_file import locked, replace, stamp_of
from core.log import SHORTEST_SECRET, register_secret
from core.model import (
    RESERVED_NAMES,
    ChainCredentials,
    Connection,
    Credentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
)
from core.safe_text import safe_text

MOST_BYTES = 16 * 1024 * 1024
Encoding = Literal["base64", "plain", ""]

_FIELDS = {
    "name": ("name", "alias", "connectionname", "connection"),
    "endpoint": ("s3endpoint", "endpoint", "endpointurl", "url", "host"),
    "region": ("awsregion", "region", "regionname", "s3region"),
    "key_id": ("awsaccesskey", "awsaccesskeyid", "accesskey", "accesskeyid", "s3accesskey", "keyid", "ak"),
    "secret": (
        "awssecretkey",
        "awssecretaccesskey",
        "secretkey",
        "secretaccesskey",
        "s3secretkey",
        "secret",
        "sk",
    ),
    "token": ("awssessiontoken", "sessiontoken", "securitytoken"),
    "profile": ("profile", "awsprofile", "profilename"),
}
_MEANS = {spelling: field for field, spellings in _FIELDS.items() for spelling in spellings}
_SECRET = ("secret", "token")
_ENCODED = re.compile(r"(b64|base64|encoded)$")
_SAYS_NOTHING = frozenset({"lastused", "createdat", "updatedat", "description", "type"})


class OldConnection(msgspec.Struct, frozen=True, kw_only=True):
    """One connection of the file. `keys` None: it refers to a profile or the AWS chain. `spans` are where its
    secrets stand in the text; `unknown` are fields that were not understood. Its repr hides the secrets."""

    connection: Connection
    keys: SecretKeys | None
    encoding: Encoding
    line: int
    spans: tuple[tuple[int, int], ...]
    written: tuple[str, ...]  # the secrets as the file has them
    unknown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"OldConnection({self.connection.name!r})"


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that cannot be taken over: `why` in words, with its place in the file."""

    name: str
    line: int
    column: int
    why: str


class OldFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds. `unknown` are members of the whole that were not understood."""

    path: Path
    found: tuple[OldConnection, ...]
    refused: tuple[Refused, ...]
    unknown: tuple[str, ...]
    text: str

    def __repr__(self) -> str:
        return f"OldFile({str(self.path)!r})"


def read_old(path: Path) -> OldFile:
    """Read a file whole and change nothing. Raises HaulierError (usage) that names the file, and where it is
    damaged line and column."""
    text = _text_of(path)
    try:
        raw = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise _damaged(path, text, error.pos + text.startswith("\ufeff"), error.msg) from None
    except RecursionError:
        raise _damaged(path, text, 0, "nested too deeply") from None
    steps, members, unknown = _members(path, text, raw)
    found: list[OldConnection] = []
    refused: list[Refused] = []
    for step, member in members:
        at = (*steps, step)
        try:
            found.append(_connection(text, at, member))
        except HaulierError as error:
            line, column = line_and_column(text, _offset(text, at))
            hint = f" {error.hint}" if error.hint else ""
            named = member.get("name") if isinstance(member, dict) else None
            name = named if isinstance(named, str) and named else str(step)
            refused.append(Refused(name=name, line=line, column=column, why=f"{error.message}{hint}"))
    return OldFile(path=path, found=tuple(found), refused=tuple(refused), unknown=unknown, text=text)


def scrub(old: OldFile, moved: tuple[OldConnection, ...]) -> None:
    """Write the file anew without the secrets of these connections; every other byte stays, and no copy with
    the secrets is left behind. Durable and at once.

    Raises HaulierError: refused when the file is not the one that was read, or when a secret would stay in it
    at another place; blocked when it cannot be written."""
    text = old.text
    for start, end in sorted((span for each in moved for span in each.spans), reverse=True):
        text = f'{text[:start]}""{text[end:]}'
    for each in moved:
        _refuse_left(old, text, each)
    target = Path(os.path.realpath(old.path))
    try:
        stamp = stamp_of(target)
        status = target.stat()
    except OSError as error:
        raise HaulierError(Code.BLOCKED, f"{old.path} cannot be looked at: {error.strerror}.") from None
    if status.st_uid != os.geteuid():
        raise HaulierError(
            Code.REFUSED, f"{old.path} belongs to another user (uid {status.st_uid}); it is as it was."
        )
    if _text_of(target) != old.text:
        raise HaulierError(
            Code.REFUSED, f"{old.path} was changed meanwhile; it is as it was found.", "Import it once more."
        )
    with locked(target):
        replace(target, text.encode(), lambda: stamp_of(target) == stamp, status.st_mode & 0o700)
    target.with_name(f".{target.name}.lock").unlink(missing_ok=True)


def _refuse_left(old: OldFile, text: str, moved: OldConnection) -> None:
    """A secret may stand a second time, in a field that is not understood or under a name given twice."""
    keys = moved.keys
    secrets = (keys.secret_access_key, keys.session_token) if keys is not None else ()
    for secret in {*moved.written, *secrets}:
        packed = base64.b64encode(secret.encode()).decode().rstrip("=")
        for writing in (secret, json.dumps(secret)[1:-1], packed):
            at = text.find(writing) if len(writing) >= SHORTEST_SECRET else -1
            if at >= 0:
                line, column = line_and_column(text, at)
                raise HaulierError(
                    Code.REFUSED,
                    f"{old.path}: the secret of {moved.connection.name} stands once more, at line {line}, "
                    f"column {column} of what would be left. The file is as it was.",
                    "Take it out by hand, or remove the file.",
                )


def free_names(wanted: str, taken: set[str]) -> Iterator[str]:
    """Names that a connection can have, the one most like `wanted` first; those taken come too, in their turn,
    because what has that name may be the very same connection."""
    letters = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "-" for one in wanted)
    name = letters.strip("._-")[:50] or "opskit"
    if name.lower() in RESERVED_NAMES:
        name = f"opskit-{name}"
    yield name
    for number in range(2, len(taken) + 3):
        yield f"{name}-{number}"


# ---------------------------------------------------------------- the text


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise HaulierError(Code.USAGE, f"{path} is too large for a file of connections.")
        data = path.read_bytes()
    except OSError as error:
        raise HaulierError(Code.USAGE, f"{path} cannot be read: {error.strerror}.") from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        readable = data[: error.start].decode()
        raise _damaged(path, readable, len(readable), "a byte that is not UTF-8") from None


def _damaged(path: Path, text: str, offset: int, words: str) -> HaulierError:
    line, column = line_and_column(text, offset)
    return HaulierError(
        Code.USAGE,
        f"{path}, line {line}, column {column}: {safe_text(words, 200).rstrip('.')}.",
        "Nothing was imported, and the file has not been touched.",
    )


def _offset(text: str, steps: tuple[str | int, ...]) -> int:
    mark = 1 if text.startswith("\ufeff") else 0
    return offset_of(text[mark:], steps) + mark


def _span(text: str, steps: tuple[str | int, ...]) -> tuple[int, int]:
    start = _offset(text, steps)
    return start, json.JSONDecoder().raw_decode(text, start)[1]


# ---------------------------------------------------------------- its shape


def _members(
    path: Path, text: str, raw: Any
) -> tuple[tuple[str, ...], list[tuple[str | int, Any]], tuple[str, ...]]:
    """Where the connections are, each with its step from there, and what else there is."""
    steps: tuple[str, ...] = ()
    beside: list[str] = []
    if isinstance(raw, dict):
        for name in ("connections", "s3_connections"):
            if isinstance(raw.get(name), dict | list):
                beside = [safe_text(each, 60) for each in raw if each != name]
                steps, raw = (name,), raw[name]
                break
    if isinstance(raw, list):
        return steps, list(enumerate(raw)), tuple(beside)
    if not isinstance(raw, dict):
        raise _damaged(path, text, _offset(text, steps), "connections are a list, or an object of them")
    fields = [name for name, one in raw.items() if not isinstance(one, dict)]
    if any(_MEANS.get(_plain(name)) in ("key_id", "secret") for name in fields):
        raise _damaged(
            path, text, _offset(text, steps), "this is one connection without a name, not a list of them"
        )
    beside += [safe_text(name, 60) for name, member in raw.items() if not isinstance(member, dict)]
    return steps, [(name, member) for name, member in raw.items() if isinstance(member, dict)], tuple(beside)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _connection(text: str, at: tuple[str | int, ...], member: Any) -> OldConnection:
    """Raises HaulierError (usage) with what it lacks."""
    if not isinstance(member, dict):
        raise HaulierError(Code.USAGE, "it is no object with fields")
    values: dict[str, str] = {}
    spans: list[tuple[int, int]] = []
    unknown: list[str] = []
    must_decode = False
    for name, value in member.items():
        plain = _plain(name)
        bare = _ENCODED.sub("", plain)
        field = _MEANS.get(plain) or _MEANS.get(bare)
        if field is None or field in values:
            if plain not in _SAYS_NOTHING:
                unknown.append(safe_text(name, 60))
            continue
        if value is None:
            continue
        if not isinstance(value, str):
            line, column = line_and_column(text, _offset(text, (*at, name)))
            raise HaulierError(Code.USAGE, f"{safe_text(name, 60)} (line {line}, column {column}) is no text")
        values[field] = value.strip()
        if field in _SECRET and value:
            must_decode = must_decode or plain != bare
            spans.append(_span(text, (*at, name)))
    name = values.get("name") or (at[-1] if isinstance(at[-1], str) else "")
    if not name:
        raise HaulierError(Code.USAGE, "it has no name")
    keys, encoding = _keys(values, must_decode)
    connection = check_connection(
        Connection(
            name=next(free_names(name, set())),
            endpoint=values.get("endpoint", ""),
            region=values.get("region", ""),
            credentials=_credentials(values, keys),
        )
    )
    check_name(connection.name)
    return OldConnection(
        connection=connection,
        keys=keys,
        encoding=encoding,
        line=line_and_column(text, _offset(text, at))[0],
        spans=tuple(spans),
        written=tuple(values[field] for field in _SECRET if values.get(field)),
        unknown=tuple(unknown),
    )


def _credentials(values: dict[str, str], keys: SecretKeys | None) -> Credentials:
    if keys is not None:
        return SessionCredentials(ref="typed")  # the engine says where the keys really went
    if profile := values.get("profile", ""):
        return ProfileCredentials(profile=profile)
    return ChainCredentials()


def _keys(values: dict[str, str], must_decode: bool) -> tuple[SecretKeys | None, Encoding]:
    key_id, secret, token = (values.get(field, "") for field in ("key_id", "secret", "token"))
    if not key_id and not secret:
        return None, ""
    if not secret:
        raise HaulierError(Code.USAGE, "its secret is not in the file any more: it was taken out before")
    if not key_id:
        raise HaulierError(Code.USAGE, "it has a secret and no access key id")
    decoded = _decoded(secret)
    if decoded is None and must_decode:
        raise HaulierError(Code.USAGE, "its secret is said to be base64, and is not")
    text = decoded if decoded is not None else secret
    # The id is no secret; a tool that encodes it does so with both.
    id_text = _decoded(key_id) if decoded is not None else None
    keys = SecretKeys(
        access_key_id=id_text or key_id,
        secret_access_key=text,
        session_token=(_decoded(token) or token) if decoded is not None else token,
    )
    for each in (secret, text, token, keys.session_token):
        register_secret(each)
    return keys, "base64" if decoded is not None else "plain"


def _decoded(text: str) -> str | None:
    """What base64 stands for; None when it is none, or not text that could be a key."""
    try:
        plain = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    printable = len(plain) >= 3 and all(0x21 <= letter <= 0x7E for letter in plain)
    return plain.decode("ascii") if printable else None
