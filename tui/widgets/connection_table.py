"""The table of connections, and how a connection's parts are said in words."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from core.model import (
    AnonymousCredentials,
    Check,
    Connection,
    Credentials,
    FileCredentials,
    KeyringCredentials,
    ProfileCredentials,
    SessionCredentials,
    TokenFileCredentials,
)
from core.safe_text import safe_text
from tui.widgets.spans import Line, Span
from tui.widgets.table import Column, LineTable


def credentials_words(credentials: Credentials) -> str:
    """Where the secret comes from, for a table. Safe to show."""
    match credentials:
        case ProfileCredentials(profile=profile):
            return f"profile {safe_text(profile)}"
        case AnonymousCredentials():
            return "anonymous"
        case KeyringCredentials():
            return "keys in keyring"
        case FileCredentials():
            return "keys in file"
        case SessionCredentials():
            return "keys in memory"
        case TokenFileCredentials():
            return "token file"
        case _:
            return "AWS chain"


def _locked_words(credentials: Credentials) -> str:
    return "file is locked" if isinstance(credentials, FileCredentials) else "keys needed again"


def endpoint_words(connection: Connection) -> str:
    """Where it goes. Safe to show."""
    if connection.kind == "hub":
        return f"Hub {safe_text(connection.endpoint.removeprefix('https://')) or 'huggingface.co'}"
    return safe_text(connection.endpoint.removeprefix("https://")) if connection.endpoint else "AWS"


def check_line(check: Check) -> Line:
    """One check of a test: ✓ worked, ✗ did not, – was not tried. Safe to show."""
    sign, look = {True: ("✓", "good"), False: ("✗", "bad"), None: ("–", "quiet")}[check.ok]
    detail = safe_text(check.detail) if check.detail else ("not tried" if check.ok is None else "")
    return ((f"  {sign}", look), (f" {safe_text(check.name):<6} ", ""), (detail, "quiet"))


@dataclass(frozen=True)
class ConnectionRow:
    connection: Connection
    locked: bool = False  # its keys were in an engine's memory that is gone, or are in the locked file


class ConnectionTable(LineTable[ConnectionRow]):
    COLUMNS = (
        Column("name", "name", 12, grow=2),
        Column("where", "endpoint", 14, grow=3),
        Column("region", "region", 12, grow=1, from_width=60),
        Column("credentials", "credentials", 16, grow=1),
        Column("tested", "tested", 10),
    )

    def key_of(self, row: ConnectionRow) -> Hashable:
        return row.connection.name

    def cells(self, row: ConnectionRow, widths: Mapping[str, int]) -> Mapping[str, Line]:
        connection = row.connection
        where: list[Span] = [(safe_text(endpoint_words(connection), widths["where"]), "quiet")]
        if not connection.verify_tls:
            where = [
                ("TLS unchecked ", "warn"),
                (safe_text(endpoint_words(connection), max(1, widths["where"] - 14)), "quiet"),
            ]
        tested = time.strftime("%Y-%m-%d", time.localtime(connection.tested_at)) if connection.tested_at else ""
        return {
            "name": ((safe_text(connection.name, widths["name"]), "lead"),),
            "where": tuple(where),
            "region": ((safe_text(connection.region, widths.get("region", 1)) or "–", "quiet"),),
            "credentials": (
                ((_locked_words(connection.credentials), "warn"),)
                if row.locked
                else ((safe_text(credentials_words(connection.credentials), widths["credentials"]), ""),)
            ),
            "tested": ((tested, "quiet") if tested else ("never", "warn"),),
        }
