"""The capability cards of all connections: one small file each, in the folder `cards` beside the connections.

A card is knowledge that can be found out again, so a file that is damaged, newer, or of another endpoint counts
as none, and losing one costs a few requests. Files are replaced whole; the last writer wins.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from core.capability_card import VERSION, CapabilityCard, fingerprint, merged
from core.model import Connection

log = logging.getLogger(__name__)
MAX_BYTES = 64 * 1024  # of a file that may be a card


class CardBook:
    """Cards by the connection's name. Thread-safe. Nothing is raised for the disk: a card is not worth it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._held: dict[str, CapabilityCard] = {}

    def get(self, connection: Connection) -> CapabilityCard | None:
        """The kept card, when it was made for this endpoint."""
        with self._lock:
            card = self._held.get(connection.name) or self._read(connection.name)
            if card is None or card.made_for != fingerprint(connection):
                return None
            self._held[connection.name] = card
            return card

    def add(self, connection: Connection, new: CapabilityCard) -> CapabilityCard:
        """Keep what the new card says; what only the old one knows stays. Returns the card as it is kept."""
        with self._lock:
            old = self.get(connection)
            card = merged(old, new)
            if card != old:
                self._held[connection.name] = card
                self._write(connection.name, card)
            return card

    def learn(self, connection: Connection, **facts: object) -> None:
        """Keep what real work showed: fields of the card by name. What is known already costs nothing."""
        with self._lock:
            old = self.get(connection) or CapabilityCard(made_for=fingerprint(connection))
            if any(getattr(old, name) != value for name, value in facts.items()):
                card = msgspec.structs.replace(old, **facts)
                self._held[connection.name] = card
                self._write(connection.name, card)

    def rename(self, old: str, new: str) -> None:
        """The connection has another name now."""
        with self._lock:
            self._held.pop(old, None)
            with suppress(OSError):
                self._path(old).replace(self._path(new))

    def remove(self, name: str) -> None:
        with self._lock:
            self._held.pop(name, None)
            with suppress(OSError):
                self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"  # connection_rules.check_name: no slash, no leading dot

    def _read(self, name: str) -> CapabilityCard | None:
        try:
            with self._path(name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            card = msgspec.json.decode(data, type=CapabilityCard)
        except (OSError, msgspec.DecodeError):
            return None
        return card if card.version <= VERSION else None

    def _write(self, name: str, card: CapabilityCard) -> None:
        target = self._path(name)
        new = target.with_name(f".{target.name}.new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            descriptor = os.open(
                new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
            new.replace(target)
        except OSError as error:
            log.warning("the capability card %s cannot be kept: %s", target, error.strerror)
