"""What `s3://` and `hf://` mean to a face: connections made of its environment, without secrets.

They travel with each command that names such places (`Adhoc`); the keys go to the engine once (`ProvideKeys`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.errors import Code, HaulierError
from core.model import (
    ADHOC_HUB,
    ADHOC_S3,
    HUB_TOKEN,
    Adhoc,
    AnonymousCredentials,
    ChainCredentials,
    Connection,
    Credentials,
    ProfileCredentials,
    SecretKeys,
    SessionCredentials,
    TokenFileCredentials,
)


def meant_by(name: str, adhoc: Adhoc) -> Connection | None:
    """The connection that a place's `name` means, when it is one of these."""
    several = adhoc if isinstance(adhoc, tuple) else () if adhoc is None else (adhoc,)
    return next((each for each in several if each.name == name), None)


def hub_from_environment(environ: Mapping[str, str]) -> tuple[Connection, SecretKeys | None]:
    """What `hf://` means in this environment, and the token when it is in the environment itself.

    As the Hub's own tools: HF_ENDPOINT; HF_TOKEN goes before the file that HF_TOKEN_PATH names, else
    $HF_HOME/token ("Environment variables" in the documentation of the Hub's Python client). The file need not
    be there: then nothing is sent.
    """
    text = environ.get("HF_TOKEN", "").strip()
    credentials: Credentials
    keys = None
    if text:
        keys = SecretKeys(access_key_id=HUB_TOKEN, secret_access_key=text)
        credentials = SessionCredentials(ref=_env_ref(keys))
    elif environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").strip().upper() in {"1", "ON", "YES", "TRUE"}:
        credentials = AnonymousCredentials()
    else:
        credentials = TokenFileCredentials(path=str(hub_token_file(environ)))
    endpoint = environ.get("HF_ENDPOINT", "").strip().rstrip("/")
    return Connection(name=ADHOC_HUB, kind="hub", endpoint=endpoint, credentials=credentials), keys


def hub_token_file(environ: Mapping[str, str]) -> Path:
    """Where the Hub's own tools keep the token, an absolute path."""
    if named := environ.get("HF_TOKEN_PATH", ""):
        return Path(named).expanduser().absolute()
    if home := environ.get("HF_HOME", ""):
        return Path(home).expanduser().absolute() / "token"
    cache = environ.get("XDG_CACHE_HOME", "") or "~/.cache"
    return Path(cache).expanduser().absolute() / "huggingface" / "token"


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
        credentials = SessionCredentials(ref=_env_ref(keys))
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
        raise HaulierError(Code.USAGE, f"{there} is set but {missing} is not", "Set both, or neither.")
    return SecretKeys(
        access_key_id=access, secret_access_key=secret, session_token=environ.get("AWS_SESSION_TOKEN", "")
    )


def _env_ref(keys: SecretKeys) -> str:
    import hashlib  # loads OpenSSL, and most commands need no digest

    digest = hashlib.sha256((keys.access_key_id + keys.secret_access_key).encode()).hexdigest()
    return f"env-{digest[:16]}"
