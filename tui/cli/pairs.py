"""From the places on a command line to the pairs of a job: what goes where.

1. One source that is a folder: its contents go into the target.
2. Several sources: each goes into the target under its own name (last path segment, or the name of the bucket,
   the repository, or the list).
3. A connection's root as source means each of its buckets, as several sources.
4. A connection's root as target means one bucket per source bucket, of the same name, the path kept.
5. A target that ends in "/", is a bucket, or is a folder here, takes a single file in under its own name.

Whether an S3 path without a slash is an object or a folder only the engine knows; it is passed on as written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from core.errors import Code, HaulierError
from core.model import Pair, Place
from core.safe_text import safe_text

BucketsOf = Callable[[str], Awaitable[Sequence[str]]]  # names of a connection's buckets


async def make_pairs(sources: Sequence[Place], target: Place, buckets_of: BucketsOf) -> tuple[Pair, ...]:
    """Raises HaulierError (usage) when a source is missing here, or places do not fit together."""
    several = len(sources) > 1 or any(_is_root(source) for source in sources)
    spread: list[Place] = []
    for source in sources:
        if _is_root(source):
            names = await buckets_of(source.connection)
            spread.extend(msgspec.structs.replace(source, bucket=name) for name in names)
        else:
            spread.append(_as_it_is(source))
    if not spread:
        raise HaulierError(Code.USAGE, f"{safe_text(str(sources[0]))} holds no bucket")
    if _is_root(target):
        pairs = tuple(Pair(source=source, target=_same_bucket(source, target)) for source in spread)
    else:
        into = _as_target(target, spread, several)
        pairs = tuple(Pair(source=source, target=_into(source, into, several)) for source in spread)
    _refuse_clash(pairs)
    return pairs


def _is_root(place: Place) -> bool:
    return place.kind == "s3" and not place.bucket


def _as_it_is(source: Place) -> Place:
    """A local source as a folder or a file, as the disk says."""
    if source.kind != "local":
        return source
    path = Path(source.path)
    if path.is_dir():
        return _folder(source)
    if source.is_folder and path.exists():
        raise HaulierError(Code.USAGE, f"{safe_text(source.path)} is a file, not a folder")
    if not path.exists():
        raise HaulierError(Code.USAGE, f"{safe_text(source.path)}: no such file or folder")
    return source


def _as_target(target: Place, sources: Sequence[Place], several: bool) -> Place:
    """The target as a folder where it can only be one."""
    if target.is_folder:
        return target
    if several or sources[0].is_folder:
        if target.kind == "local" and Path(target.path).is_file():
            raise HaulierError(Code.USAGE, f"{safe_text(target.path)} is a file, not a folder")
        return _folder(target)
    return _folder(target) if target.kind == "local" and Path(target.path).is_dir() else target


def _into(source: Place, target: Place, several: bool) -> Place:
    if not several:
        return target
    name = _last_name(source)
    path = target.path + name
    return msgspec.structs.replace(target, path=f"{path}/" if source.is_folder else path)


def _last_name(source: Place) -> str:
    if source.kind == "s3" and not source.path:
        return source.bucket
    if source.kind == "list":
        return Path(source.path).stem
    if source.kind == "web":
        path = unquote(urlsplit(source.url).path)
    elif source.kind == "hub" and not source.path:
        path = source.bucket
    else:
        path = str(Path(source.path).resolve()) if source.kind == "local" else source.path.rstrip("/")
    name = path.rpartition("/")[2]
    if not name:
        raise HaulierError(Code.USAGE, f"{safe_text(str(source))} has no name of its own to go under")
    return name


def _same_bucket(source: Place, target: Place) -> Place:
    if source.kind != "s3":
        raise HaulierError(
            Code.USAGE,
            f"{safe_text(str(target))} names no bucket for {safe_text(str(source))}",
            f"Write {safe_text(str(target))}bucket/prefix/.",
        )
    return msgspec.structs.replace(target, bucket=source.bucket, path=source.path)


def _folder(place: Place) -> Place:
    return place if place.is_folder else msgspec.structs.replace(place, path=f"{place.path}/")


def _refuse_clash(pairs: Sequence[Pair]) -> None:
    seen: dict[str, Place] = {}
    for pair in pairs:
        there = str(pair.target).rstrip("/")
        if there in seen:
            both = f"{safe_text(str(seen[there]))} and {safe_text(str(pair.source))}"
            raise HaulierError(
                Code.USAGE,
                f"{both} would both go to {safe_text(there)}",
                "Copy them one after the other, into different folders.",
            )
        seen[there] = pair.source
