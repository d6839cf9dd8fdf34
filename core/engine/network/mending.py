"""Jobs that wait for credentials go on by themselves when these were mended where they come from.

Typed keys come through a command. Profiles, the AWS chain and a Hub's token file are looked at here: at once
when one of the AWS files changed, otherwise every `EVERY` seconds, because a `credential_process` or an
instance role tells nobody of new keys. Keys that were refused once are not tried again; new ones are first
shown to the server, so that a job does not start only to stop again. Of keys only a digest is kept, in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from core.engine.journal.rows import JobRow
from core.engine.storebook import StoreBook
from core.errors import BadCredentials, HaulierError, TransferError
from core.model import ChainCredentials, Connection, JobState, Level, Place, ProfileCredentials

log = logging.getLogger(__name__)

GLANCE = 1.0  # seconds between two looks at the files' times
EVERY = 30.0  # seconds between two looks at the keys themselves
TYPED, ANONYMOUS = "typed", "none"  # what stands for keys that nothing here can mend
_NOT_READ_HERE = frozenset({TYPED, ANONYMOUS})


class CredentialWatch:
    """`blocked` gives the jobs that wait, `go_on` starts one again, `notice` tells people."""

    def __init__(
        self,
        stores: StoreBook,
        blocked: Callable[[], Awaitable[Sequence[JobRow]]],
        go_on: Callable[[int], Awaitable[object]],
        notice: Callable[[Level, str, int], None],
    ) -> None:
        self._stores, self._blocked, self._go_on, self._notice = stores, blocked, go_on, notice
        self._refused: set[str] = set()  # keys that a server did not take
        self._stopped_with: dict[int, str] = {}  # job → the keys with which something was not allowed
        self._files: dict[str, float] = {}
        self._next_look = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(GLANCE)
            rows = await self._blocked()
            self._stopped_with = {
                job: keys for job, keys in self._stopped_with.items() if any(row.id == job for row in rows)
            }
            if not rows:
                self._next_look = 0.0
                continue
            files = _times()
            if files == self._files and time.monotonic() < self._next_look:
                continue
            self._files, self._next_look = files, time.monotonic() + EVERY
            for row in rows:
                if await asyncio.to_thread(self._works, row):
                    self._notice(Level.INFO, "there are new credentials, going on", row.id)
                    with suppress(HaulierError):  # cancelled or forgotten meanwhile
                        await self._go_on(row.id)

    def _works(self, row: JobRow) -> bool:
        """Whether all keys of a job are there and accepted, and others than those it stopped with."""
        places = {place for pair in row.spec.pairs for place in (pair.source, pair.target)}
        try:
            tokens = [self._token(row, place) for place in sorted(places, key=str) if place.kind == "hub"]
            found = [self._accepted(row, place) for place in sorted(places, key=str) if place.kind == "s3"]
        except (HaulierError, TransferError) as error:
            log.debug("job %d still waits for credentials: %s", row.id, type(error).__name__)
            return False
        if not all(found) or not (tokens or any(each not in _NOT_READ_HERE for each in found)):
            return False
        keys = "".join(sorted(found) + tokens)
        return (row.blocker != "permission" and not tokens) or self._stopped_with.setdefault(
            row.id, keys
        ) != keys

    def _token(self, row: JobRow, place: Place) -> str:
        """A digest of a Hub's token as it is now. Hubs count how often they are asked whose a token is: a new
        one is simply tried. Raises BadCredentials, HaulierError."""
        hub = self._stores.hub(place.connection, row.spec.adhoc)
        hub.forget_token()
        token = hub.token()
        return hashlib.sha256(token.header().encode()).hexdigest() if token is not None else "none"

    def _accepted(self, row: JobRow, place: Place) -> str:
        """A digest of the keys for a place, once its server has taken them; empty when it did not. Raises
        TransferError, HaulierError."""
        connection = self._stores.connection(place.connection, row.spec.adhoc)
        fresh = self._stores.another(connection)
        try:
            keys = fresh.control.credentials()
            if keys is None:
                return ANONYMOUS
            if not _is_read_here(connection):
                return TYPED  # whoever mends those says so
            text = f"{connection.name}\0{keys.access_key}\0{keys.secret_key}\0{keys.token}"
            digest = hashlib.sha256(text.encode()).hexdigest()
            if digest in self._refused:
                return ""
            try:
                fresh.has_bucket(place.bucket)
            except BadCredentials:
                self._refused.add(digest)
                return ""
            except TransferError as error:
                log.debug("asked whether credentials work: %s", type(error).__name__)
                if error.host:
                    raise
        finally:
            fresh.close()
        self._stores.service(place.connection, row.spec.adhoc).control.forget_credentials()
        return digest


def _is_read_here(connection: Connection) -> bool:
    return isinstance(connection.credentials, ProfileCredentials | ChainCredentials)


def is_waiting(state: JobState, blocker: str) -> bool:
    """Whether a job waits for credentials or for what they are allowed."""
    return state is JobState.BLOCKED and blocker in ("credentials", "permission")


def _times() -> dict[str, float]:
    """When the files that keys are read from, or cached in, were last changed."""
    home = Path.home() / ".aws"
    files = [
        Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"),
        Path(os.environ.get("AWS_CONFIG_FILE") or home / "config"),
        home / "sso" / "cache",
        home / "cli" / "cache",
    ]
    found: dict[str, float] = {}
    for file in files:
        with suppress(OSError):
            found[str(file)] = file.stat().st_mtime_ns
    return found
