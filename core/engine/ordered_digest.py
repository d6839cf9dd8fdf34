"""The ETag of an object whose parts arrive out of order.

An MD5 can only be computed front to back. The object is cut into the segments its ETag is made of (the whole
object, or the parts it was once uploaded in); each segment has a frontier. A worker whose part begins at a
frontier hashes the chunks as they pass; parts that come early are read back from the partial file (from the
page cache, as a rule) when the frontier reaches them, by whichever worker moved it there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

from core.engine.proof import composite, is_md5

_READ_BACK = 1 << 20


class _Segment:
    def __init__(self, start: int, end: int) -> None:
        self.position, self.end = start, end
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.taken = False


class InlineHash:
    """The right to hash one part as it passes. `finish` or `give_up` must be called, once."""

    def __init__(self, digest: OrderedDigest, segment: _Segment) -> None:
        self._digest, self._segment = digest, segment
        self._md5 = segment.md5.copy()
        self._count = 0
        self.update = self._update

    def _update(self, chunk: memoryview | bytes) -> None:
        self._md5.update(chunk)
        self._count += len(chunk)

    def finish(self) -> None:
        self._digest._advance(self._segment, self._md5, self._count)

    def give_up(self) -> None:
        """The part failed: what was hashed of it does not count."""
        self._digest._release(self._segment)


class OrderedDigest:
    """Safe for several threads. `read_back(offset, length)` gives bytes of parts that are complete."""

    def __init__(self, etag: str, size: int, segment: int, read_back: Callable[[int, int], bytes]) -> None:
        self._etag, self._size, self._step = etag, size, segment
        self._read_back = read_back
        self._segments = [
            _Segment(start, min(start + segment, size)) for start in range(0, max(size, 1), segment)
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

    def _advance(self, segment: _Segment, md5: hashlib._Hash, count: int) -> None:
        with self._lock:
            segment.md5 = md5
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
                md5 = segment.md5.copy()
            try:
                for at in range(start, end, _READ_BACK):
                    md5.update(self._read_back(at, min(_READ_BACK, end - at)))
            except BaseException:
                self._release(segment)
                raise
            with self._lock:
                del self._done[start]
            self._advance(segment, md5, end - start)

    @property
    def complete(self) -> bool:
        with self._lock:
            return all(segment.position == segment.end for segment in self._segments)

    def etag(self) -> str:
        """The recomputed ETag; only when `complete`."""
        if is_md5(self._etag):
            return self._segments[0].md5.hexdigest()
        return composite([segment.md5.digest() for segment in self._segments])


class PassingDigest:
    """The MD5 of an object whose parts only pass through memory (a relay) and cannot be read back.

    Each worker hands in its part once it is at the target, and waits for the parts before it. A part that does
    not come soon (it waits for a retry) ends the digest: then the content is simply not proven this way.
    """

    def __init__(self, patience: float = 5.0) -> None:
        self._patience = patience
        self._md5 = hashlib.md5(usedforsecurity=False)
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
        self._md5.update(data)  # outside the lock: nobody else can be at this position
        with self._moved:
            self._position += len(data)
            self._moved.notify_all()

    def etag(self, size: int) -> str:
        """The MD5 in hex, or "" when parts are missing from it."""
        return self._md5.hexdigest() if self._position == size and not self._given_up else ""
