"""A Hub as a connection describes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import FatalTrouble
from core.log import register_secret
from core.model import (
    AnonymousCredentials,
    Connection,
    Credentials,
    FileCredentials,
    KeyringCredentials,
    SecretKeys,
    SessionCredentials,
    TokenFileCredentials,
)
from core.stores.hub.service import HubService, no_token
from core.stores.hub.tokens import Token, token_in
from core.stores.s3.wire import STALL

Keys = Callable[[str], SecretKeys]


def hub_service(
    connection: Connection,
    keys: Keys,
    stall: float = STALL,
    told: Callable[[str], None] = lambda _: None,
) -> HubService:
    """Nothing is read or asked yet: the token is looked for at the first request, and again after a refusal.

    `keys` finds a typed token by its reference. `told` hears, once, that a token goes over the net unencrypted.
    Raises HaulierError for a bad address, FatalTrouble for a bad CA file or proxy.
    """
    find = token_finder(connection.credentials, keys)
    return HubService(
        connection.endpoint,
        find if find is no_token else _warned_of(find, connection, told),
        ca_file=connection.ca_file,
        verify_tls=connection.verify_tls,
        stall=stall,
        proxy=connection.proxy,
    )


def token_finder(credentials: Credentials, keys: Keys) -> Callable[[], Token | None]:
    """What finds the token of a Hub connection. It raises BadCredentials, and gives None where none is kept."""
    match credentials:
        case AnonymousCredentials():
            return no_token
        case TokenFileCredentials(path=path):
            return lambda: _kept_out_of_logs(token_in(Path(path)))
        case KeyringCredentials(ref=ref) | FileCredentials(ref=ref) | SessionCredentials(ref=ref):
            return lambda: _kept_out_of_logs(Token(keys(ref).secret_access_key))
    raise FatalTrouble("a Hub takes a token, a token file, or none; these are credentials of an S3 service")


def _kept_out_of_logs(token: Token | None) -> Token | None:
    if token is not None:
        register_secret(token.header().removeprefix("Bearer "))
    return token


def _warned_of(
    find: Callable[[], Token | None], connection: Connection, told: Callable[[str], None]
) -> Callable[[], Token | None]:
    """`find`, which tells once when its token is readable for everybody on the way."""
    parts = urlsplit(connection.endpoint)
    if parts.scheme != "http" or parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return find
    untold = [f"connection {connection.name}: the token goes to {parts.hostname} without encryption (http://)"]

    def finding() -> Token | None:
        token = find()
        if token is not None and untold:
            told(untold.pop())
        return token

    return finding
