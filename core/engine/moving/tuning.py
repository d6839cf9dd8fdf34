"""How much at once: the limits of one job, and what zero ("by measuring", climbing.py) starts from."""

from __future__ import annotations

import os

import msgspec

from core.engine.moving.climbing import AtOnce
from core.model import MOST_CONNECTIONS, MOST_WORKERS, JobOptions, Value

MOST_PARTS = MOST_CONNECTIONS  # of large files at once: each is held in memory
MOST_PUMPED = 512  # small items under way in one thread (pump.py)
MOST_FOUND = AtOnce(MOST_PUMPED, MOST_PARTS)  # small files from far away want very many requests
RATE = 4000.0  # small items a second that answers should come for, however far away they come from
AUTO_FILES = 16
AUTO_DELETIONS = 48
# Measured on loopback with 2 cores: large objects are quickest with about two connections per core, because
# every chunk passes through the interpreter once; small ones want many, because each waits for the server.
AUTO_PARTS = max(4, min(16, 2 * (os.cpu_count() or 2)))
START = AtOnce(AUTO_FILES, AUTO_PARTS)


class Tuning(Value, frozen=True, kw_only=True):
    """Workers are files at once, connections are parts of one file at once; 0 means automatic."""

    workers: int = 0
    connections: int = 0
    bandwidth: int = 0
    timetable: str = ""
    found_files: int = 0  # by measuring, where no number was given; 0: nothing yet
    found_parts: int = 0

    @classmethod
    def of(cls, options: JobOptions) -> Tuning:
        return cls(
            workers=options.workers,
            connections=options.connections,
            bandwidth=options.bandwidth,
            timetable=options.timetable,
        )

    def for_deletions(self) -> Tuning:
        """Deletions move no bytes and mostly wait for the server: more at once, unless a number was given."""
        return self if self.workers else msgspec.structs.replace(self, workers=AUTO_DELETIONS)

    @property
    def is_automatic(self) -> bool:
        """Whether nobody gave a number."""
        return not self.workers and not self.connections

    def found(self, level: AtOnce) -> Tuning:
        """With what measuring has found."""
        return msgspec.structs.replace(self, found_files=level.files, found_parts=level.parts)

    def queue_limits(self) -> dict[str, int]:
        """Keyword arguments for WorkQueue: files, connections, parts, threads."""
        auto_parts = self.found_parts or AUTO_PARTS
        files = min(self.workers or self.found_files or AUTO_FILES, MOST_PUMPED)
        connections = self.connections or auto_parts
        if self.workers or self.connections:
            parts = min(MOST_PARTS, (self.workers or 4) * connections)
        else:
            parts = auto_parts
        return {
            "files": files,
            "connections": connections,
            "parts": parts,
            "threads": max(min(files, MOST_WORKERS), parts),
        }
