"""The connections: `connections.json` in the config folder. It holds references to secrets, never a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.connection_rules import check_connection, check_endpoint, check_name, check_proxy
from core.errors import Code, HaulierError
from core.json_records import JsonRecords, Problem
from core.model import Connection
from core.safe_text import safe_text

Connections = tuple[Connection, ...]


class ConnectionRegistry:
    """The connections, in the order of their names. Thread-safe; several processes may use one file."""

    def __init__(self, path: Path) -> None:
        self._records = JsonRecords(path, "connections", Connection, lambda each: each.name, _check)

    @property
    def path(self) -> Path:
        return self._records.path

    def list(self) -> Connections:
        """All connections. Raises HaulierError (usage) when the file is damaged or cannot be read."""
        return self._records.list()

    def get(self, name: str) -> Connection:
        """Raises HaulierError (not_found)."""
        connections = self.list()
        for connection in connections:
            if connection.name == name:
                return connection
        names = ", ".join(connection.name for connection in connections) or "none yet"
        raise HaulierError(
            Code.NOT_FOUND,
            f"There is no connection {safe_text(name, 60)}.",
            f"Connections: {safe_text(names, 300)}.",
        )

    def put(self, connection: Connection, replaces: str = "") -> Connection:
        """Add a connection, or put it in the place of the one called `replaces` (which may rename it).

        Returns it as it was kept. Raises HaulierError: usage when it cannot be (see `connection_rules`),
        refused when another one has that name, not_found when there is nothing called `replaces`.
        """
        kept = check_connection(connection)

        def change(old: Connections) -> Connections:
            names = {each.name for each in old}
            if replaces and replaces not in names:
                raise HaulierError(
                    Code.NOT_FOUND, f"There is no connection {safe_text(replaces, 60)} any more."
                )
            if kept.name in names - {replaces}:
                raise HaulierError(
                    Code.REFUSED,
                    f"There is a connection {kept.name} already.",
                    "Choose another name, or edit that one.",
                )
            return (*(each for each in old if each.name != replaces), kept)

        self._records.change(change)
        return kept

    def remove(self, name: str) -> Connection:
        """Take a connection out of the file and return it. Its secret is left alone. Raises not_found."""
        gone = self.get(name)
        self._records.change(lambda old: tuple(each for each in old if each.name != name))
        return gone


def _check(connection: Connection) -> None:
    fields: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("name", check_name),
        ("endpoint", check_endpoint),
        ("proxy", check_proxy),
    )
    for field, check in fields:
        try:
            check(getattr(connection, field))
        except HaulierError as error:
            raise Problem(field, error.message) from None
