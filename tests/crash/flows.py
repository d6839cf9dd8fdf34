"""The five ways that are killed: what is there before, what must be there afterwards, and what may be seen in
between.

Small data: one large item of five parts, some small ones beside it, a name that is overwritten. At every
instant a final name holds what was there before or the whole new content; at the end exactly what is expected.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.model import Connection, JobKind, Place
from tests import servers
from tests.crash.tap import Request, Tap, tapping
from tests.paths.driving import (
    MIB,
    at,
    connection_of,
    digests,
    here,
    noise,
    put_all,
    tree,
    unfinished_uploads,
)
from tests.servers import S3Server

PART = 5 * MIB
LARGE = 4 * PART + 700_000
SMALL = 30_000
SMALLS = 24
BANDWIDTH = 14 * MIB
CONNECTIONS = 2
HELD = 0.12  # seconds that a copy inside the service takes at least
STAGING = ".haulier"  # begins the names that nobody mistakes for final ones
SOURCE = "source"  # the bucket that is read

OPTIONS: dict[str, Any] = {"workers": 2, "connections": CONNECTIONS, "part_size": PART, "bandwidth": BANDWIDTH}


def content() -> dict[str, bytes]:
    """What every source holds."""
    smalls = {f"small/{number % 4}/{number:03}": noise(SMALL, number) for number in range(SMALLS)}
    return {"large.bin": noise(LARGE, 99), "zz/last": noise(SMALL, 777), **smalls}


def before() -> dict[str, bytes]:
    """What is at every target when a job begins: two names that the job overwrites."""
    return {"small/0/000": b"old", "zz/last": b"older"}


def extras() -> dict[str, bytes]:
    """What a sync finds at its target and deletes."""
    return {f"extra/{number:02}": noise(300, 1000 + number) for number in range(40)}


KEPT = {"kept/me": b"not in the plan"}  # excluded: nobody may touch it


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Round:
    """One job: made, looked at after every kill, judged at the end."""

    kind = JobKind.COPY
    small_parts = False

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.wanted = {name: sha(data) for name, data in content().items()}
        self.old = {name: sha(data) for name, data in before().items()}
        self.expected = dict(self.wanted)

    # what the ways differ in

    def prepare(self) -> tuple[Place, Place]:
        raise NotImplementedError

    def found(self) -> dict[str, str]:
        """Final name → SHA-256 at the target now."""
        raise NotImplementedError

    def orphans(self) -> list[str]:
        """What is left at the target that no job will ever use."""
        raise NotImplementedError

    def tidy(self) -> None:
        """Make room for the next round."""

    def is_source(self, key: str) -> bool:
        """Whether bucket/key is read by this job, rather than written."""
        return key.startswith(f"{SOURCE}/")

    @property
    def tap(self) -> Tap:
        """Where the bytes of the target side, or else of the source side, pass."""
        raise NotImplementedError

    def moved(self) -> int:
        """Bytes that crossed the wire in the direction of the job."""
        raise NotImplementedError

    # what they have in common

    @property
    def size(self) -> int:
        """Bytes that a job without a kill moves."""
        return sum(len(data) for data in content().values())

    def wrong(self) -> list[str]:
        """Final names that hold neither the new content nor what was there before. One that is missing
        although it was there before is wrong as well, unless the plan deletes it."""
        found = self.found()
        bad = [
            name for name, digest in found.items() if digest not in (self.wanted.get(name), self.old.get(name))
        ]
        deleted = self.old.keys() - self.expected.keys()
        return bad + [name for name in self.old if name not in found and name not in deleted]

    def missing(self, completed: set[str]) -> list[str]:
        """Names that the journal calls completed and that are not as it says."""
        found = self.found()
        return [name for name in completed if found.get(name) != self.expected.get(name)]


class Download(Round):
    def prepare(self) -> tuple[Place, Place]:
        self.out = self.folder / "out"
        for name, data in before().items():
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return at(self.world.source, SOURCE), here(self.out)

    @property
    def tap(self) -> Tap:
        return self.world.source_tap

    def moved(self) -> int:
        return self.tap.to_client

    def found(self) -> dict[str, str]:
        return {name: digest for name, digest in tree(self.out).items() if not name.startswith(STAGING)}

    def orphans(self) -> list[str]:
        return [str(path) for path in self.out.rglob("*") if ".haulier" in str(path) or ".part" in path.name]

    def tidy(self) -> None:
        shutil.rmtree(self.out)


class Sync(Download):
    """Down into a folder in which extra files are deleted, and some are none of its business."""

    kind = JobKind.SYNC

    def prepare(self) -> tuple[Place, Place]:
        places = super().prepare()
        for name, data in (extras() | KEPT).items():
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.old |= {name: sha(data) for name, data in (extras() | KEPT).items()}
        self.expected |= {name: sha(data) for name, data in KEPT.items()}
        return places


class ToS3(Round):
    """What the ways into a bucket share."""

    def open_bucket(self) -> None:
        self.bucket = self.world.target.new_bucket()
        put_all(self.world.target, self.bucket, before().items())

    @property
    def tap(self) -> Tap:
        return self.world.target_tap

    def moved(self) -> int:
        return self.tap.to_server

    def found(self) -> dict[str, str]:
        return digests(self.world.target, self.bucket)

    def orphans(self) -> list[str]:
        return unfinished_uploads(self.world.target, self.bucket)

    def tidy(self) -> None:
        client = self.world.target.boto3()
        for key in self.found():
            client.delete_object(Bucket=self.bucket, Key=key)
        client.delete_bucket(Bucket=self.bucket)


class Upload(ToS3):
    def prepare(self) -> tuple[Place, Place]:
        self.open_bucket()
        return here(self.world.files), at(self.world.target, self.bucket)


class SyncUp(ToS3):
    """Up into a bucket from which extra objects are deleted."""

    kind = JobKind.SYNC

    def prepare(self) -> tuple[Place, Place]:
        self.open_bucket()
        more = extras() | KEPT
        put_all(self.world.target, self.bucket, more.items())
        self.old |= {name: sha(data) for name, data in more.items()}
        self.expected |= {name: sha(data) for name, data in KEPT.items()}
        return here(self.world.files), at(self.world.target, self.bucket)


class Relay(ToS3):
    def prepare(self) -> tuple[Place, Place]:
        self.open_bucket()
        return at(self.world.source, SOURCE), at(self.world.target, self.bucket)


class Copied(ToS3):
    """Inside one service, the large object by UploadPartCopy."""

    small_parts = True

    def prepare(self) -> tuple[Place, Place]:
        self.open_bucket()
        return at(self.world.target, self.world.inside), at(self.world.target, self.bucket)

    @property
    def size(self) -> int:
        return sum(PART if name == "large.bin" else SMALL for name in self.wanted) + 4 * PART

    def moved(self) -> int:
        """A copied part counts as a part, a copied object as its size: no byte crosses the wire."""
        copies = [request for request in self.tap.requests if request.copies]
        return sum(PART if request.part else SMALL for request in copies)


ROUNDS: dict[str, type[Round]] = {
    "download": Download,
    "upload": Upload,
    "relay": Relay,
    "server-side copy": Copied,
    "sync down": Sync,
    "sync up": SyncUp,
}


@dataclass
class World:
    """The servers, once for all rounds: rclone as the source, and as the target versitygw where it is
    installed, else a second rclone (whose copies inside the service know no parts: moto does that)."""

    source: S3Server
    target: S3Server
    source_tap: Tap
    target_tap: Tap
    files: Path
    inside: str
    connections: tuple[Connection, Connection]  # through the taps


def _hold(request: Request) -> float:
    return HELD if request.copies and request.part else 0.0


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with ExitStack() as stack:
        (folder / "source").mkdir(parents=True)
        source = stack.enter_context(servers.rclone(folder / "source"))
        source.boto3().create_bucket(Bucket=SOURCE)
        put_all(source, SOURCE, content().items())
        if servers.versitygw_binary():
            (folder / "target").mkdir()
            target = stack.enter_context(servers.versitygw(folder / "target"))
        else:
            target = stack.enter_context(servers.moto())
        files = folder / "files"
        for name, data in content().items():
            path = files / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        inside = target.new_bucket()
        put_all(target, inside, content().items())
        source_tap = stack.enter_context(tapping(source.endpoint))
        target_tap = stack.enter_context(tapping(target.endpoint, _hold))
        connections = (
            connection_of(source, source_tap.endpoint),
            connection_of(target, target_tap.endpoint),
        )
        yield World(source, target, source_tap, target_tap, files, inside, connections)
