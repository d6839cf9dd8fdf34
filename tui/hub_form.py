"""What the form of a connection has for Hubs: the token, the mirror, and what the shared fields mean there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from core.adhoc import hub_token_file
from core.messages import ConnectionList
from core.model import (
    HUB_TOKEN,
    AnonymousCredentials,
    Connection,
    Credentials,
    FileCredentials,
    KeyringCredentials,
    SecretKeys,
    SessionCredentials,
    TokenFileCredentials,
)
from tui import store_form
from tui.keys import key_of
from tui.widgets.form import Ask

S3, HUB = "s3", "hub"
FILE, TYPED, NONE = "file", "typed", "none"
MIRROR = "https://hf-mirror.com"  # run by others; where the official Hub cannot be reached
SERVICE_MEANS = {S3: "AWS, MinIO, Ceph, any S3", HUB: "models, datasets, spaces"}
TOKEN_MEANS = {
    FILE: "a reference; nothing is stored",
    TYPED: "a token of your own",
    NONE: "public repositories only",
}
MEANS = {"endpoint": "empty: huggingface.co", "bucket": "a repository; empty: search only"}
PLACEHOLDERS = {"endpoint": "https://huggingface.co", "bucket": "org/name"}


def more(name: str, usual: str) -> str:
    """What is said below the form of a field that means something else for a Hub."""
    match name:
        case "endpoint":
            return f"The official Hub, a mirror ({MIRROR}: {key_of('use_mirror')}), or a Hub of your own."
        case "bucket":
            return "Like gpt2 or datasets/org/name: whether its files may be read is tried."
    return usual


def asks(connection: Connection, known: ConnectionList) -> list[Ask]:
    """The fields that only a Hub has, filled with this connection. A stored token is never shown."""
    credentials = connection.credentials
    kind = token_kind_of(connection)
    stored = connection.kind == HUB and kind == TYPED and connection.name not in known.locked
    kept = store_form.kept_words(known)
    path = (
        credentials.path if isinstance(credentials, TokenFileCredentials) else str(hub_token_file(os.environ))
    )
    return [
        Ask("token_kind", "token", TOKEN_MEANS[kind], kind,
            ((FILE, "token file"), (TYPED, "typed token"), (NONE, "none")),
            more="Gated and private repositories need the token of an account that may read them."),
        Ask("token_file", "token file", "as the Hub's own tools keep it", path,
            more="Read whenever it is needed. `hf auth login` writes it."),
        Ask("hub_token", "token", "empty: the stored one stays" if stored else "hf_…, not shown while typed",
            hidden=True, more=f"Goes to: {kept}. Never to a file or a log, and never to another host."),
    ]  # fmt: skip


def token_kind_of(connection: Connection) -> str:
    match connection.credentials:
        case KeyringCredentials() | FileCredentials() | SessionCredentials():
            return TYPED
        case AnonymousCredentials() if connection.kind == HUB:
            return NONE
        case _:
            return FILE


def fields_for(values: Mapping[str, str], known: ConnectionList) -> list[str]:
    """The fields that mean something for a Hub."""
    names = ["service", "name", "endpoint"]
    if not values["endpoint"].strip().lower().startswith("http://"):
        names += ["verify_tls", "ca_file"]
    names.append("token_kind")
    if values["token_kind"] == FILE:
        names.append("token_file")
    elif values["token_kind"] == TYPED:
        names += ["hub_token"]
        names += store_form.fields(known)
    return [*names, "proxy", "bucket"]


def problems(values: Mapping[str, str], known: ConnectionList, old: Connection) -> dict[str, str]:
    """What is wrong with the token, by field name."""
    if values["token_kind"] == FILE:
        path = Path(values["token_file"].strip()).expanduser()
        return {} if path.is_absolute() else {"token_file": "a full path: it begins with / or ~/"}
    if values["token_kind"] == NONE:
        return {}
    if not values["hub_token"].strip():
        stays = old.kind == HUB and token_kind_of(old) == TYPED and old.name not in known.locked
        return {} if stays else {"hub_token": "type the token, or choose none"}
    return store_form.problem(values, known, "token")


def credentials_of(values: Mapping[str, str], old: Connection) -> Credentials:
    """Where the token comes from. Of a typed one the engine puts its own reference there."""
    if values["token_kind"] == FILE:
        return TokenFileCredentials(path=str(Path(values["token_file"].strip()).expanduser()))
    if values["token_kind"] == TYPED and old.kind == HUB and token_kind_of(old) == TYPED:
        return old.credentials
    return AnonymousCredentials()


def keys_of(values: Mapping[str, str]) -> SecretKeys | None:
    """The token as typed; None when none was."""
    token = values["hub_token"].strip()
    if values["token_kind"] != TYPED or not token:
        return None
    return SecretKeys(access_key_id=HUB_TOKEN, secret_access_key=token)
