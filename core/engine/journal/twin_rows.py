"""Which completed files are known by a digest of their content: the same content need not be fetched again."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from core.engine.journal.database import Database
from core.engine.planning.route import Route

MOST = 8  # places of one content that are looked at


class KnownFile(NamedTuple):
    """A file that a job has put into a folder of this machine; it may have gone or changed since."""

    root: str
    key: str


class TwinRows:
    """Part of the journal. Thread-safe."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, digest: str, size: int) -> list[KnownFile]:
        """Where jobs have put content of this digest ("sha256:…"), the newest first, at most `MOST`."""
        rows = self._db.rows(
            "SELECT j.routes, i.route, i.name, i.path FROM items i JOIN jobs j ON j.id = i.job "
            "WHERE i.etag = ? AND i.etag >= 'sha256:' AND i.etag < 'sha256;' AND i.size = ? "
            "AND i.state = 'completed' AND i.action IN ('copy', 'overwrite') ORDER BY i.job DESC LIMIT ?",
            (digest, size, MOST),
        )
        found: list[KnownFile] = []
        for routes, number, name, path in rows:
            route = msgspec.json.decode(routes, type=tuple[Route, ...])[number]
            if route.target.kind == "local":
                found.append(KnownFile(route.target_root, route.target_key(name, path)))
        return found
