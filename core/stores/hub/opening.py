"""From a connection to its Hub: which token, from where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.model import Connection, KeyringCredentials, SecretKeys, SessionCredentials, TokenFileCredentials
from core.stores.hub.service import HubService
from core.stores.hub.tokens import Token, token_in


def hub_service(
    connection: Connection,
    keys: Callable[[str], SecretKeys],
    stall: float,
    told: Callable[[str], None] = lambda _: None,
) -> HubService:
    """`keys` gives the secret of a reference, or raises BadCredentials. Raises HaulierError for a bad address.
    """
    del told

    def token() -> Token | None:
        credentials = connection.credentials
        if isinstance(credentials, TokenFileCredentials):
            return token_in(Path(credentials.path))
        if isinstance(credentials, KeyringCredentials | SessionCredentials):
            return Token(keys(credentials.ref).secret_access_key)
        return None

    return HubService(
        connection.endpoint,
        token,
        ca_file=connection.ca_file,
        verify_tls=connection.verify_tls,
        stall=stall,
    )
