"""The hash of an object whose parts arrive out of order.

MD5 and the SHAs can only be computed front to back. The object is cut into the segments that the digest the
store keeps is made of (the whole object, or the parts it was once uploaded in); each segment has a frontier. A
worker whose part begins at a frontier hashes the chunks as they pass; parts that come early are read back from
the partial file (from the page cache, as a rule) when the frontier reaches them, by whichever worker moved it
there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from core.engine.proving.evidence import MD5, new_hash

_READ_BACK = 1 << 20


class _Segment:
    def __init__(self, start: int, end: int, kind: str) -> None:
        self.position, self.end = start, end
        self.hash = new_hash(kind, end - start)
        self.taken = False


class InlineHash:
    """The right to hash one part as it passes. `finish` or `give_up` must be called, once."""

    def __init__(self, digest: OrderedDigest, segment: _Segment) -> None:
        self._digest, self._segment = digest, segment
        self._hash = segment.hash.copy()
        self._count = 0
        self.update = self._update

    def _update(self, chunk: memoryview | bytes) -> None:
        self._hash.update(chunk)
        self._count += len(chunk)

    def finish(self) -> None:
        self._digest._advance(self._segment, self._hash, self._count)

    def give_up(self) -> None:
        """The part failed: what was hashed of it does not count."""
        self._digest._release(self._segment)


class OrderedDigest:
    """Safe for several threads. `read_back(offset, length)` gives bytes of parts that are complete, `kind` is
    "md5", "sha1", "sha256" or "git-sha1"."""

    def __init__(self, kind: str, size: int, segment: int, read_back: Callable[[int, int], bytes]) -> None:
        self._step = segment
        self._read_back = read_back
        self._segments = [
            _Segment(start, min(start + segment, size), kind) for start in range(0, max(size, 1), segment)
        ]
        self._done: dict[int, int] = {}  # offset → end of parts complete but not hashed yet
        self._lock = threading.Lock()

    def begin(self, offset: int) -> InlineHash | None:
        """Hash the part at `offset` as it passes? None when its turn has not come."""
        segment = self._segments[offset // self._step]
        with self._lock:
            if segment.taken or segment.position != offset:
                return None
            segment.taken = True
            return InlineHash(self, segment)

    def part_done(self, offset: int, length: int) -> None:
        """The part is complete in the partial file. Hashes what can be hashed now."""
        segment = self._segments[offset // self._step]
        with self._lock:
            if segment.position <= offset:
                self._done[offset] = offset + length
        self._catch_up(segment)

    def _advance(self, segment: _Segment, digest: hashlib._Hash, count: int) -> None:
        with self._lock:
            segment.hash = digest
            segment.position += count
            segment.taken = False

    def _release(self, segment: _Segment) -> None:
        with self._lock:
            segment.taken = False

    def _catch_up(self, segment: _Segment) -> None:
        while True:
            with self._lock:
                start = segment.position
                end = self._done.get(start)
                if segment.taken or end is None:
                    return
                segment.taken = True
                digest = segment.hash.copy()
            try:
                for at in range(start, end, _READ_BACK):
                    digest.update(self._read_back(at, min(_READ_BACK, end - at)))
            except BaseException:
                self._release(segment)
                raise
            with self._lock:
                del self._done[start]
            self._advance(segment, digest, end - start)

    @property
    def complete(self) -> bool:
        with self._lock:
            return all(segment.position == segment.end for segment in self._segments)

    def digests(self) -> list[bytes]:
        """Those of the segments, in order; only when `complete`."""
        return [segment.hash.digest() for segment in self._segments]


class PassingDigest:
    """The hash (MD5 unless told otherwise) of an object whose parts only pass through memory (a relay) and
    cannot be read back.

    Each worker hands in its part once it is at the target, and waits for the parts before it. A part that does
    not come soon (it waits for a retry) ends the digest: then the content is simply not proven this way.
    """

    def __init__(self, kind: str = MD5, patience: float = 5.0, *, size: int = 0) -> None:
        """`size` of the whole object, for kinds that need it ("git-sha1")."""
        self._patience = patience
        self._hash = new_hash(kind, size)
        self._position = 0
        self._given_up = False
        self._moved = threading.Condition()

    def absorb(self, offset: int, data: memoryview | bytes) -> None:
        """Hash the part at `offset` when its turn comes."""
        with self._moved:
            self._moved.wait_for(lambda: self._given_up or self._position == offset, self._patience)
            if self._given_up or self._position != offset:
                self._given_up = True
                self._moved.notify_all()
                return
        self._hash.update(data)  # outside the lock: nobody else can be at this position
        with self._moved:
            self._position += len(data)
            self._moved.notify_all()

    def digest(self, size: int) -> bytes:
        """Of the whole object; empty when parts are missing from it."""
        return self._hash.digest() if self._position == size and not self._given_up else b""
