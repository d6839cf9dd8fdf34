"""What a store must be able to do, so that the scheduler can move bytes without knowing whose they are.

Read this file and you can write a new store. Rules that hold for every method:

- Called from worker threads, several at once, on one store object. Methods block. No method retries; the
  scheduler does, by the class of the `TransferError` that the method raises. Nothing else may be raised
  for what the other side did; OSError, vendor exceptions and HTTP statuses are mapped here, at the edge.
- Keys are the store's own, complete (not relative to a prefix), str, never changed on the way.
- A `Body` gives exactly the bytes asked for or raises: too few is NetworkTrouble, another version of the
  object is SourceChanged. Content is never decoded or decompressed.
- `cancelled` events are looked at between chunks; a cancelled call raises Cancelled.

Optional abilities are optional protocols (`ServerSideCopy`, `Buckets`, `Deletes`), found with isinstance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import msgspec

from core.model import BucketInfo, Entry


class Cancelled(Exception):
    """The call was given up because its job was paused or cancelled. Not an error."""


class CancelFlag(Protocol):
    """The part of threading.Event that stores look at."""

    def is_set(self) -> bool: ...


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What travels with an object besides its bytes.

    `headers` uses lower-case names out of content-type, cache-control, content-disposition,
    content-encoding, content-language, expires. `user` is the user metadata without the x-amz-meta- prefix.
    """

    headers: Mapping[str, str] = {}
    user: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    storage_class: str = ""
    modified: float = 0.0  # of the source; local targets set it as mtime, S3 targets as user metadata "mtime"
    modified_ns: int = (
        0  # the same in whole nanoseconds, where the source tells them; 0: only `modified` is known
    )
    checksums: Mapping[str, str] = {}  # "crc64nvme" → base64, as the store told; whole-object values only
    composites: Mapping[
        str, str
    ] = {}  # "sha256" → "base64-3": the checksum of the parts' checksums, and their number


class ObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One object looked at closely (HEAD, stat). `entry.key` is the complete key."""

    entry: Entry
    metadata: Metadata = Metadata()
    part_size: int = 0  # of a multipart object whose ETag is composite, where the store tells; else 0
    opaque_etag: bool = False  # the ETag is no digest of the content (SSE-KMS, SSE-C), whatever its shape
    tag_count: int = 0
    version_id: str = ""
    identity: str = ""  # changes when the content may have (inode, mtime_ns …); "" when the ETag does


class Body(Protocol):
    """The bytes of a range, as they arrive. Where they may come from any of several servers, `host` is the name
    of the one that sent them."""

    @property
    def info(self) -> ObjectInfo:
        """What the answer told of the object these bytes belong to."""
        ...

    @property
    def modified_ns(self) -> int:
        """When the content was made at its origin, nanoseconds since the epoch, told by the answer itself (the
        file's time, the metadata `mtime`); 0 when it was not. Cheaper than `info`."""
        ...

    def __iter__(self) -> Iterator[memoryview]:
        """Chunks of 1 byte to about 1 MiB, valid until the next one is taken."""
        ...


class Source(Protocol):
    """Reading."""

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        """All objects whose key starts with `prefix`, by pages, with complete keys.

        In the byte order of UTF-8 keys where the store promises it (`in_order`, if it has that attribute, says
        that it does not); the planner checks and does not trust.
        Raises when a page fails, repeats, or the listing ends early without saying so: a page sequence that
        ends normally is complete. Entries that cannot be read (FIFOs, sockets, names that are not UTF-8)
        are reported through `unlistable` of the same store, never silently left out.
        """
        ...

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        """One page of one level under `prefix` (folders as entries with is_folder), and the next cursor."""
        ...

    def stat(self, key: str) -> ObjectInfo:
        """Raises NotFound, NoPermission."""
        ...

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[Body]:
        """`length` bytes from `offset` of the version that `entry.etag` names (or size and mtime where there
        is no ETag). The whole object when offset is 0 and length is entry.size, which may be 0."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """The source lists in an order of its own, and can go on with a listing that another object began."""

    def going_on(self) -> str:
        """How far the listing is, after a page was taken; holds no secret. "" before the first."""
        ...

    def go_on(self, state: str) -> None:
        """What `going_on` told: the next `pages` behind that page's last key begins there."""
        ...


@runtime_checkable
class TellsNotes(Protocol):
    """Listing finds things worth telling that concern no single entry."""

    def take_notes(self) -> list[str]:
        """Sentences for people, since the last call: "3 blank lines"."""
        ...


@runtime_checkable
class NeverChanges(Protocol):
    """What was listed stays as it is, and the listing told all there is to know: a commit of a repository."""

    def known(self, entry: Entry) -> ObjectInfo:
        """What `stat` would say, without asking. `entry` has the complete key."""
        ...


class Handed(msgspec.Struct, frozen=True):
    """A URL that gives an object's bytes to anybody who has it, or why there is none. `info` is what the
    server told of the object."""

    url: str  # may hold a signature: it is a secret
    info: ObjectInfo
    why_not: str = ""

    def __repr__(self) -> str:
        return f"Handed({self.info.entry.key!r}, {self.why_not!r})"


@runtime_checkable
class HandsOver(Protocol):
    """What it stores can be fetched by programs that get no credentials."""

    def hand_over(self, entry: Entry, *, cancelled: CancelFlag) -> Handed:
        """Where an object (`entry` has the complete key) can be fetched, redirects followed. May ask the server
        each time. Raises as `read` does."""
        ...

    def handed_refused(self, entry: Entry, url: str) -> None:
        """The server gives nothing for this URL any more: another one is to be handed over next."""
        ...


def look_at(source: Source, entry: Entry) -> ObjectInfo:
    """An entry (complete key) as it is now. Raises as `stat` does."""
    return source.known(entry) if isinstance(source, NeverChanges) else source.stat(entry.key)


class PartLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a target can take. Sizes in bytes."""

    min_part: int = 1  # but the last
    max_part: int = 5 * 1024**3
    max_parts: int = 10_000
    max_whole: int = 5 * 1024**3  # the largest object that `put` takes
    max_size: int = 5 * 1024**4
    sequential: bool = False  # parts must be written in order


class PartReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is at the target. `etag` is the store's word for it, `md5` and `crc64` are ours."""

    number: int  # from 1
    offset: int
    size: int
    etag: str = ""
    md5: str = ""  # hex; empty when not computed
    crc64: int = -1  # CRC64NVME; -1 when not computed


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is at the target, or will be once `settle` has been called with this receipt."""

    key: str
    size: int
    etag: str = ""
    token: str = ""  # the store's own, for settle
    checksums: Mapping[str, str] = {}  # of the whole object, as the store's answer told them; compared already


class Target(Protocol):
    """Writing. Nothing appears under a final name before it is whole.

    Small items: `put`, then `settle`. Large ones: `stage`, `put_part` (any order unless sequential, several
    at once, the same part may be sent again), `commit`, then `settle`. `settle` makes durable and visible,
    for many receipts at once; until it returns nothing may be called completed.
    """

    limits: PartLimits

    def stat(self, key: str) -> ObjectInfo: ...

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata, *, md5: str = "") -> Receipt:
        """The whole object at once. `md5` (hex), when known, is checked by the target where it can. Targets may
        send checksums of their own making as well; the receipt holds those that the answer confirmed."""
        ...

    def stage(self, key: str, size: int, metadata: Metadata) -> str:
        """Begin a large item; the token survives restarts and is recorded before any part is sent."""
        ...

    def put_part(
        self, key: str, token: str, number: int, offset: int, data: memoryview | bytes, *, md5: str = ""
    ) -> PartReceipt:
        """One part, or for targets that write in place (`WritesInPlace`) any run of bytes."""
        ...

    def staged_parts(self, key: str, token: str) -> list[PartReceipt]:
        """What is really there of a staged item, for resuming. Raises StageLost when it is gone."""
        ...

    def commit(self, key: str, token: str, parts: list[PartReceipt], size: int) -> Receipt:
        """All parts are there: make it one object. Safe to call again after a lost reply."""
        ...

    def abort(self, key: str, token: str) -> None:
        """Remove a staged item. Not an error when it is gone."""
        ...

    def settle(self, receipts: list[Receipt]) -> dict[str, Exception]:
        """Durable and visible. Returns the keys that failed, with why; the others are settled."""
        ...


class StageFile(Protocol):
    """An open staged file, shared by the workers of one item; positions are explicit, nothing is buffered.

    `allocated`: all its space was taken from the file system when it was staged; writing takes no more."""

    allocated: bool

    def write(self, offset: int, data: memoryview | bytes) -> None: ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes as they stand in the staged file, for digests out of order."""
        ...

    def begin_sync(self, offset: int, length: int) -> None:
        """These bytes are complete: they may go to the disk while others arrive. A hint, which promises nothing
        and fails at nothing."""
        ...

    def sync(self) -> None:
        """Everything written so far is durable."""
        ...

    def close(self) -> None: ...


class UnsizedBody(Body, Protocol):
    """The beginning of an object whose size nobody knew; all of it where `whole`."""

    length: int  # bytes that this body will give; -1: it ends where it ends
    whole: bool  # this body is the whole object
    ranges: bool  # the server answered the range: further ones may be asked for

    @property
    def info(self) -> ObjectInfo:
        """`entry.size` is the object's, UNSIZED when the server does not tell."""
        ...


@runtime_checkable
class ReadsUnsized(Protocol):
    """Objects may be listed without a size (UNSIZED); reading one tells it."""

    def read_unsized(
        self, entry: Entry, limit: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[UnsizedBody]:
        """The first `limit` bytes, or everything, whatever the server gives: see UnsizedBody. The context may
        be left before the end. A body of unknown length that is cut off raises where the protocol tells that
        it is; otherwise only a digest can."""
        ...


@runtime_checkable
class KeepsTags(Protocol):
    """The store's objects have tags, which do not come with their bytes."""

    def tags_of(self, info: ObjectInfo) -> Mapping[str, str]:
        """The tags of an object that was looked at or read; empty without a request where the answer told that
        there are none."""
        ...


@runtime_checkable
class KeepsTimes(Protocol):
    """The time of the file that an object was made of travels with it, and its listing does not show it."""

    def kept_time(self, key: str) -> float:
        """That time, UTC seconds; without one, when it was stored. Raises NotFound, NoPermission."""
        ...


@runtime_checkable
class TellsParts(Protocol):
    """The store can say how an object was cut into parts when it was uploaded."""

    def part_sizes(self, entry: Entry, count: int) -> list[int]:
        """The sizes in order of `count` parts, asked for one by one; empty where the store does not tell."""
        ...


@runtime_checkable
class Announces(Protocol):
    """The target gives a staged item its token, which is unknown to everybody when `stage` was interrupted."""

    def announce(self, key: str) -> str:
        """A token to be recorded before `stage` is called. `abort` with it removes what a `stage` from then on
        has left, if nothing was put into it; `staged_parts` with it raises StageLost."""
        ...


@runtime_checkable
class WritesInPlace(Protocol):
    """The target is a file system: parts are written as they arrive instead of being held in memory."""

    def open_stage(self, key: str, token: str) -> StageFile:
        """Raises StageLost when the staged file is gone."""
        ...


@runtime_checkable
class ServerSideCopy(Protocol):
    """The target can copy from a source by itself."""

    def can_copy_from(self, source: Source) -> bool: ...

    def copy(self, source: Source, entry: Entry, key: str, *, storage_class: str = "") -> Receipt:
        """Whole object, at most `limits.max_whole`. Metadata and tags kept."""
        ...

    def stage_copy(self, key: str, metadata: Metadata) -> str:
        """As Target.stage, for an item whose parts come by `copy_part`."""
        ...

    def copy_part(
        self, source: Source, entry: Entry, key: str, token: str, number: int, offset: int, length: int
    ) -> PartReceipt: ...


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What a deletion left where a store keeps versions; empty where it keeps none.

    An S3 bucket with versioning keeps the object under a delete marker; removing the marker brings it back
    ("Working with delete markers", Amazon S3 User Guide).
    """

    marker_id: str = ""


@runtime_checkable
class Remote(Protocol):
    """The store is at the other end of a network, which may go away."""

    @property
    def host(self) -> str:
        """The server as people write it, "store.example:9000"; the same text as in `TransferError.host`."""
        ...

    @property
    def heard(self) -> float:
        """When that server last answered anything (monotonic seconds), 0.0 when it never did."""
        ...

    def knock(self, seconds: float) -> None:
        """Ask the server for any answer at all, unsigned. Raises NetworkTrouble when there is none in time."""
        ...


@runtime_checkable
class Deletes(Protocol):
    """Two steps, so that what is about to go can be written down between them."""

    def look_again(self, entry: Entry) -> ObjectInfo | None:
        """The object as it is now, where it still is what `entry` (complete key) says; None when it is gone.
        Raises SourceChanged when it is another one."""
        ...

    def remove(self, seen: ObjectInfo) -> Removal:
        """Remove what `look_again` has just seen, on the condition that nobody replaced it since, as far as the
        store knows conditions. SourceChanged when somebody did, no error when it is gone already."""
        ...

    def delete(self, entry: Entry) -> None:
        """Both steps at once."""
        ...


@runtime_checkable
class DeletesInGroups(Protocol):
    """The store makes deletions durable for many at once; others have done so when `remove` returns."""

    def settle_deletions(self, keys: list[str]) -> dict[str, Exception]:
        """Returns the keys whose deletion could not be made durable, with why."""
        ...


@runtime_checkable
class Buckets(Protocol):
    """The store is divided into buckets, and this object speaks for one service, not one bucket."""

    def list_buckets(self) -> list[BucketInfo]: ...

    def create_bucket(self, name: str) -> None: ...

    def has_bucket(self, name: str) -> bool: ...
