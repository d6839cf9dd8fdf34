"""Opening stores for places: which connection, which credentials, one service object per connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from core.engine.route import Route
from core.errors import Code, HaulierError
from core.model import ADHOC_S3, Connection, Place, SecretKeys
from core.stores.local import LocalFolder
from core.stores.s3 import S3Bucket, S3Service

Store = LocalFolder | S3Bucket


class StoreBook:
    """`find` gives a saved connection by name (raises HaulierError), `keys` the secret of a reference,
    `stall_timeout` after how many silent seconds a connection counts as broken."""

    def __init__(
        self, find: Callable[[str], Connection], keys: Callable[[str], SecretKeys], stall_timeout: float = 60.0
    ) -> None:
        self._find = find
        self._stall_timeout = stall_timeout
        self._keys = keys
        self._services: dict[Connection, S3Service] = {}
        self._lock = threading.Lock()

    def connection(self, name: str, adhoc: Connection | None) -> Connection:
        if name != ADHOC_S3:
            return self._find(name)
        if adhoc is None:
            raise HaulierError(Code.USAGE, "what s3:// means was not told to the engine", "name a connection")
        return adhoc

    def service(self, name: str, adhoc: Connection | None) -> S3Service:
        """The service of a connection; the same object for the same settings."""
        connection = self.connection(name, adhoc)
        with self._lock:
            service = self._services.get(connection)
            if service is None:
                service = self._services[connection] = S3Service(connection, self._keys, self._stall_timeout)
            return service

    def forget_services(self) -> None:
        """Connections or keys changed: build services anew when they are asked for next."""
        with self._lock:
            self._services.clear()

    def source(self, route: Route, adhoc: Connection | None) -> Store:
        return self._open(route.source, route.source_root, adhoc, "")

    def target(self, route: Route, adhoc: Connection | None, writer: str = "") -> Store:
        """`writer` names who writes there, the same after a restart and different from everybody else."""
        return self._open(route.target, route.target_root, adhoc, writer)

    def _open(self, place: Place, root: str, adhoc: Connection | None, writer: str) -> Store:
        if place.kind == "local":
            return LocalFolder(Path(root), writer)
        return self.service(place.connection, adhoc).bucket(place.bucket)
