"""The real engine, which dies by its own hand at a chosen moment: `python -m tests.crash.doomed …`.

A file `doom` in the config folder names the moment, "after rename 3": the third time, after it was done, the
process kills itself with SIGKILL, so nothing is flushed and nobody is told. The file is removed first, so the
next engine lives. Moments are calls of the engine's own code and of the system; outside of them not a line
runs differently. `small-parts` in that folder makes the service's own copies use parts of 5 MiB above 8 MiB, so
that they can be tested without objects of 5 GiB; `no-copies` there makes a service that copies nothing itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import core.daemon
from core.engine.journal.database import Database
from core.engine.journal.fetched import FetchedBook
from core.engine.journal.journal import Journal
from core.engine.moving import large
from core.extract import unpacking
from core.stores.base import Receipt
from core.stores.local import LocalFolder
from core.stores.s3 import CopyUnsupported
from core.stores.s3.bucket import S3Bucket

MIB = 1 << 20

# name → where it happens. "before" and "after" are before and after the call.
MOMENTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "fsync": ((os, "fsync"), (os, "fdatasync")),
    "rename": ((os, "rename"),),
    "unlink": ((os, "unlink"),),
    "write": ((os, "pwrite"), (os, "write")),
    "stage": ((S3Bucket, "stage"), (LocalFolder, "stage")),
    "part": ((S3Bucket, "put_part"), (S3Bucket, "copy_part")),
    "put": ((S3Bucket, "put"), (LocalFolder, "put"), (S3Bucket, "copy")),
    "finish": ((S3Bucket, "commit"), (LocalFolder, "commit")),
    "settle": ((LocalFolder, "settle"),),
    "removal": ((S3Bucket, "remove"), (LocalFolder, "remove")),
    "parts-recorded": ((Journal, "add_parts"),),
    "items-recorded": ((Journal, "complete"),),
    "begin-recorded": ((Journal, "begin_transfer"),),
    "items-planned": ((Journal, "add_items"),),
    "job-recorded": ((Journal, "update_job"),),
    "migration": ((Database, "_bring_up_to_date"),),
    "look": ((Database, "_look"),),
    "member": ((unpacking, "_write"),),
    "tree-durable": ((unpacking, "make_durable"),),
    "tree-named": ((unpacking, "give_name"),),
    "fetched-recorded": ((FetchedBook, "note"),),
    "extracted-recorded": ((FetchedBook, "change"),),
    "archive-deleted": ((LocalFolder, "delete"),),
    "commit": (),  # see _doom_commits
}


class Doom:
    """Counts down to the moment."""

    def __init__(self, when: str, count: int) -> None:
        self.when, self._left = when, count
        self._lock = threading.Lock()

    def met(self, when: str) -> None:
        if when != self.when:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, name: str, doom: Doom) -> None:
    real: Callable[..., Any] = getattr(owner, name)

    def doomed(*args: Any, **kwargs: Any) -> Any:
        doom.met("before")
        result = real(*args, **kwargs)
        doom.met("after")
        return result

    setattr(owner, name, doomed)


def _doom_commits(doom: Doom) -> None:
    """Every transaction of the journal: with everything written and not committed, and just committed."""
    real = Database.write

    @contextmanager
    def write(self: Database) -> Iterator[Any]:
        with real(self) as db:
            yield db
            doom.met("before")
        doom.met("after")

    Database.write = write  # type: ignore[method-assign]


def _refuse_copy(*_values: Any, **_options: Any) -> Receipt:
    raise CopyUnsupported("the service does not copy")


def prepare(config: Path) -> None:
    """Do what the files in the config folder say."""
    if (config / "small-parts").exists():
        large.SERVER_SIDE_PART = 5 * MIB
        S3Bucket.limits = msgspec.structs.replace(S3Bucket.limits, max_whole=8 * MIB)
    if (config / "no-copies").exists():
        S3Bucket.copy = _refuse_copy  # type: ignore[method-assign]
    file = config / "doom"
    if not file.exists():
        return
    when, moment, count = file.read_text().split()
    file.unlink()
    doom = Doom(when, int(count))
    if moment == "commit":
        _doom_commits(doom)
    for owner, name in MOMENTS[moment]:
        wrap(owner, name, doom)


if __name__ == "__main__":
    prepare(Path(next(word for word in sys.argv if word.startswith("--config-dir=")).partition("=")[2]))
    core.daemon.main()
