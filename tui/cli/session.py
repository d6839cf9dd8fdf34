"""One command's way to the engine: settings, places, the environment's keys, and a line that is made again.

1. Settings come from flags, environment and config.toml; they say where the engine is.
2. The engine is attached to, or started when none runs and the command needs one.
3. When the environment holds AWS keys, they are given to the engine (memory only) before anything that may
   need them, and again after the engine was started anew.
"""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from core.adhoc import adhoc_from_environment, hub_from_environment
from core.errors import Code, HaulierError
from core.messages import Command, ListConnections, ProvideKeys
from core.model import (
    ADHOC_HUB,
    ADHOC_S3,
    RESERVED_NAMES,
    Adhoc,
    Connection,
    Place,
    SecretKeys,
    SessionCredentials,
)
from core.paths import Paths
from core.places import parse_place
from core.settings import Settings
from core.socket_client import SocketClient
from tui.cli.chosen import settings_of

R = TypeVar("R")

RECONNECT_DELAYS = (0.2, 0.5, 1, 2, 5)  # seconds; the last one repeats
RECONNECT_TRIES = 30


class AnyName(Collection[str]):
    """Stands for "all connections" while the engine has not been asked yet."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() not in RESERVED_NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Session:
    """Used from one event loop, as an async context manager that closes the line."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, start: bool = True) -> None:
        self.settings = settings
        self.paths = Paths.of(settings)
        self._environ = environ
        self._start = start
        self._client: SocketClient | None = None
        self._keys: dict[str, SecretKeys] = {}
        self._given: set[str] = set()  # of those, what this line's engine has

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()

    async def client(self) -> SocketClient:
        """The open line; made when there is none."""
        if self._client is None:
            from core.launch import connect

            self._client, self._given = await connect(self.paths, start=self._start), set()
        for ref in self._keys.keys() - self._given:  # also those of places that were named since
            await self._client.call(ProvideKeys(ref=ref, keys=self._keys[ref]))
            self._given.add(ref)
        return self._client

    async def call(self, command: Command[R]) -> R:
        """Carry out one command; when the line breaks under it, once more over a new line (commands are safe
        to repeat). Raises HaulierError."""
        client = await self.client()
        try:
            return await client.call(command)
        except HaulierError as error:
            if error.code is not Code.UNAVAILABLE or not self._start:
                raise
        await self.reconnect()
        return await (await self.client()).call(command)

    async def reconnect(self) -> None:
        """A new line after the old one broke; the engine is started when it is gone. Raises HaulierError
        (unavailable) when that does not work for about two minutes."""
        for attempt in range(RECONNECT_TRIES):
            await self._drop()
            try:
                await self.client()
            except HaulierError as error:
                if error.code is not Code.UNAVAILABLE or attempt == RECONNECT_TRIES - 1:
                    raise
            else:
                return
            await asyncio.sleep(RECONNECT_DELAYS[min(attempt, len(RECONNECT_DELAYS) - 1)])

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # ------------------------------------------------------------ places

    def read_places(self, words: Sequence[str]) -> list[Place]:
        """Places as far as they can be read without the engine: one of a named connection is taken for S3's
        until `check_places`. Raises HaulierError (usage)."""
        return [parse_place(word, cwd=Path.cwd(), known=AnyName()) for word in words]

    async def check_places(self, words: Sequence[str], places: Sequence[Place]) -> list[Place]:
        """The places by the kinds of their connections. Raises HaulierError (usage) for an unknown one."""
        if not {place.connection for place in places} - {"", ADHOC_S3, ADHOC_HUB}:
            return list(places)
        known = {each.name: each.kind for each in (await self.call(ListConnections())).connections}
        return [parse_place(word, cwd=Path.cwd(), known=known) for word in words]

    def adhoc_for(self, places: Sequence[Place]) -> Adhoc:
        """What `s3://` and `hf://` mean here, if a place is written so; their keys go with the next line."""
        names = {place.connection for place in places}
        meant: list[Connection] = []
        for name, read in ((ADHOC_S3, adhoc_from_environment), (ADHOC_HUB, hub_from_environment)):
            if name in names:
                connection, keys = read(self._environ)
                self._lend(connection, keys)
                meant.append(connection)
        return tuple(meant) or None

    def lend_environment_keys(self) -> None:
        """For commands on jobs made with `s3://` or `hf://` places: give the engine the environment's keys."""
        for read in (adhoc_from_environment, hub_from_environment):
            try:
                self._lend(*read(self._environ))
            except HaulierError:
                continue  # half a key: it is of no use, and the job may need none

    @property
    def lends_keys(self) -> bool:
        return bool(self._keys)

    def _lend(self, connection: Connection, keys: SecretKeys | None) -> None:
        if keys is not None and isinstance(connection.credentials, SessionCredentials):
            self._keys[connection.credentials.ref] = keys


def open_session(chosen: Namespace, *, start: bool = True) -> Session:
    """A session for these arguments in this process's environment. Raises HaulierError (usage)."""
    return Session(settings_of(chosen), os.environ, start=start)
