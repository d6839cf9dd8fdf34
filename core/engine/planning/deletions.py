"""When a plan may delete, what it may delete, and when YES alone is not enough.

1. What only the target has is a candidate. Candidates are kept on disk until both listings have ended well.
2. A listing that failed, contradicted itself or came out of order ends that: nothing is deleted.
3. A listing of S3 that ended well can still be false. So candidates are looked for at the source: a sample
   spread over all of them, and every one when the listing had to go on after a broken connection. One that is
   there and older than the plan shows that the listing left things out: nothing is deleted. One that came since
   is only kept itself.
4. Names that the source has and cannot give (unreadable, no regular file) are kept at the target.
5. A plan that deletes much asks for a second word, `DELETE` and the count, which the engine insists on.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.engine.planning.route import Route
from core.engine.storebook import SourceStore, Store
from core.errors import NoPermission, NotFound, TransferError
from core.model import Entry, PairPlan
from core.stores.local import LocalFolder
from core.stores.s3 import BrokenListing
from core.units import format_count

IN_MEMORY = 4 << 20  # bytes of candidates before they go to disk
SAMPLE = 64  # candidates looked for at the source
AT_ONCE = 16  # requests
CLOCKS = 900.0  # seconds that a server's clock may be off; AWS refuses requests beyond that
FEW = 100  # a large share of a small target needs no second word …
LITTLE = 1 << 30  # … below these many objects and bytes


# ---------------------------------------------------------------- candidates


class Candidates:
    """Entries that only the target has, in the order they came; on disk when they are many."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115 - see close
        self.count = 0

    def add(self, entry: Entry) -> None:
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self.count += 1

    def __iter__(self) -> Iterator[Entry]:
        self._file.seek(0)
        for line in self._file:
            yield msgspec.json.decode(line, type=Entry)

    def sample(self, wanted: int) -> Iterator[Entry]:
        """At most `wanted` of them, the first and the last among them, the others evenly between."""
        step = max(1, -(-self.count // wanted))
        for number, entry in enumerate(self):
            if number % step == 0 or number == self.count - 1:
                yield entry

    def close(self) -> None:
        self._file.close()


class DeleteHash:
    """Over deletions in the order of the plan: what is carried out must be what was confirmed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, route: int, entry: Entry) -> None:
        self._hash.update(f"{route}\0{entry.key}\0{entry.size}\0{entry.etag}\0{entry.modified!r}\n".encode())

    def value(self) -> str:
        return self._hash.hexdigest()


# ---------------------------------------------------------------- is the listing to be believed


class Belief:
    """Remembers that a listing contradicted itself, also where it is tried again and then goes well."""

    def __init__(self) -> None:
        self.contradiction = ""

    def watch(self, pages: Iterator[list[Entry]]) -> Iterator[list[Entry]]:
        """The same pages."""
        try:
            yield from pages
        except BrokenListing as error:
            self.contradiction = error.message
            raise


class Doubt(NamedTuple):
    """What looking for candidates at the source gave. `why` not empty: nothing may be deleted; else the names
    in `keep` stay."""

    why: str = ""
    keep: frozenset[str] = frozenset()


def unread_side(source: SourceStore, target: Store) -> str:
    """Which side has a folder that could not be read, as the reason to delete nothing; empty when none has."""
    for side, store in (("source", source), ("target", target)):
        if isinstance(store, LocalFolder) and store.listing_incomplete:
            return f"a folder of the {side} could not be read"
    return ""


def look_for_them(
    source: SourceStore, route: Route, candidates: Candidates, *, since: float, resumed: bool
) -> Doubt:
    """Look for candidates at the source, whose listing did not name them. `since` is when the listing began
    (UTC seconds), `resumed` that it went on after a failure. What a file system lists is taken as it is."""
    if isinstance(source, LocalFolder) or not candidates.count:
        return Doubt()

    def look(entry: Entry) -> tuple[str, Entry | None, str]:
        key = route.source_key(entry.key)
        try:
            return entry.key, source.stat(key).entry, ""
        except NotFound:
            return entry.key, None, ""
        except NoPermission:  # of what is not there, somebody who may list hears 404
            return entry.key, Entry(key=key, modified=since), ""
        except TransferError as error:
            return entry.key, None, error.message

    keep: set[str] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="absence") as pool:
        chosen = candidates.sample(candidates.count if resumed else SAMPLE)
        for group in _groups(chosen, 500):
            for name, found, trouble in pool.map(look, group):
                if trouble:
                    return Doubt(f"whether {name} is at the source could not be found out: {trouble}")
                if found is None:
                    continue
                if found.modified < since - CLOCKS:
                    return Doubt(f"the source has {name}, which its listing left out")
                keep.add(name)
    return Doubt(keep=frozenset(keep))


def kept_for(key: str, unlistable: frozenset[str]) -> bool:
    """Whether the source has this name, or one above it, and cannot give it."""
    if not unlistable:
        return False
    if key in unlistable:
        return True
    at = key.find("/")
    while at >= 0:
        if key[:at] in unlistable:
            return True
        at = key.find("/", at + 1)
    return False


def _groups(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    for entry in entries:
        group.append(entry)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


# ---------------------------------------------------------------- the second word


class WordLimits(NamedTuple):
    """Above which a deletion needs a second word: a number of objects in all, a percentage of one target's
    objects or bytes."""

    objects: int = 1000
    share: int = 25


WORD_LIMITS = WordLimits()


def second_word(pairs: Sequence[PairPlan], limits: WordLimits) -> tuple[str, str]:
    """The word that has to be typed after YES, and why; both empty where YES is enough.

    Always asked for when a source is empty. A large share, or everything that the target has (of what the
    filters let in), counts from FEW objects or LITTLE bytes on: below that YES is enough.
    """
    total = sum(pair.delete.count for pair in pairs)
    if not total:
        return "", ""
    reasons: list[str] = []
    if total > limits.objects:
        reasons.append(f"more than {format_count(limits.objects)} objects go")
    for pair in pairs:
        if pair.delete.count and (why := _why_much(pair, limits.share)):
            reasons.append(f"{pair.target}: {why}" if len(pairs) > 1 else why)
    if not reasons:
        return "", ""
    more = f", and {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""
    return f"DELETE {total}", "; ".join(reasons[:3]) + more


def _why_much(pair: PairPlan, share: int) -> str:
    if not pair.source_count:
        return "the source is empty"
    if pair.delete.count < FEW and pair.delete.bytes < LITTLE:
        return ""
    if pair.delete.count >= pair.target_reach.count:
        return "everything goes that the target has"
    for what, part, whole in (
        ("objects", pair.delete.count, pair.target_total.count),
        ("bytes", pair.delete.bytes, pair.target_total.bytes),
    ):
        if whole and 100 * part > share * whole:
            return f"more than {share} % of the target's {what} go"
    return ""
