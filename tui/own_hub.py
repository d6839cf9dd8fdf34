"""What `hf://` means to the person at this screen: the Hub and the token of its environment."""

from __future__ import annotations

from collections.abc import Mapping

from core.adhoc import hub_from_environment
from core.client import EngineClient
from core.messages import ProvideKeys
from core.model import (
    AnonymousCredentials,
    Connection,
    FileCredentials,
    SessionCredentials,
    TokenFileCredentials,
)
from core.safe_text import safe_text

OFFICIAL = "huggingface.co"


class OwnHub:
    """A connection without secrets; the token, if the environment holds one, goes to an engine once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.connection, self._keys = hub_from_environment(environ)
        self._told: EngineClient | None = None

    def is_news_to(self, client: EngineClient) -> bool:
        """Whether this engine has yet to be given a token."""
        return self._keys is not None and self._told is not client

    async def introduce(self, client: EngineClient) -> None:
        """Give the engine the environment's token, if there is one and it does not know it yet.

        Raises HaulierError."""
        credentials = self.connection.credentials
        if self._keys is None or self._told is client or not isinstance(credentials, SessionCredentials):
            return
        await client.call(ProvideKeys(ref=credentials.ref, keys=self._keys))
        self._told = client


def hub_words(connection: Connection) -> str:
    """Where a Hub is, for a heading. Safe to show."""
    return safe_text(connection.endpoint.removeprefix("https://")) if connection.endpoint else OFFICIAL


def token_words(connection: Connection) -> str:
    """Where its token comes from. Safe to show."""
    match connection.credentials:
        case SessionCredentials():
            return "token of HF_TOKEN" if connection.name == "hf" else "token in memory"
        case TokenFileCredentials():
            return "token file"
        case FileCredentials():
            return "token in encrypted file"
        case AnonymousCredentials():
            return "no token"
        case _:
            return "token in keyring"
