"""A job being put together: from where, to where, how. Pure values; the screens of the way fill them in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.errors import Code, HaulierError
from core.model import BatchAsk, JobKind, JobOptions, JobSpec, Pair, Place
from core.presets import again
from core.safe_text import safe_text

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ANY_BUCKET = "{bucket}"


@dataclass(frozen=True)
class IntoPlace:
    """Everything under one folder or prefix. Several sources get a folder each; one only when wanted."""

    place: Place
    own_folders: bool = False


@dataclass(frozen=True)
class BucketPerBucket:
    """A bucket for every source bucket. `{bucket}` in the pattern is the source bucket's name."""

    connection: str
    pattern: str = ANY_BUCKET


@dataclass(frozen=True)
class Taken:
    """What a picker hands on: places, and which of what lies there is meant (globs of `core.filters`)."""

    places: tuple[Place, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    batches: BatchAsk | None = None  # already wished to be spread over several disks


@dataclass(frozen=True)
class GivenPairs:
    """As it was before: a job that is made again."""

    pairs: tuple[Pair, ...]


Destination = IntoPlace | BucketPerBucket | GivenPairs


@dataclass(frozen=True)
class Draft:
    """What is known so far."""

    sources: tuple[Place, ...] = ()
    destination: Destination | None = None
    kind: JobKind = JobKind.COPY
    options: JobOptions = field(default_factory=JobOptions)
    batches: BatchAsk | None = None  # several disks, one after the other
    extras_ok: bool = False  # verify: what only the target has is no difference

    def spec(self) -> JobSpec:
        """The job to plan. Raises HaulierError (usage) when something is missing or contradicts itself."""
        pairs = pairs_of(self.sources, self.destination)
        return JobSpec(
            kind=self.kind,
            pairs=pairs,
            options=self.options,
            batches=self.batches,
            extras_ok=self.extras_ok and self.kind is JobKind.VERIFY,
        )


def draft_of(spec: JobSpec) -> Draft:
    """A job to be made again, as it was. Raises HaulierError (usage) for one that is only about another."""
    spec = again(spec)
    return Draft(
        sources=tuple(pair.source for pair in spec.pairs),
        destination=GivenPairs(spec.pairs),
        kind=spec.kind,
        options=spec.options,
        batches=spec.batches,
        extras_ok=spec.extras_ok,
    )


def pairs_of(sources: Sequence[Place], destination: Destination | None) -> tuple[Pair, ...]:
    """Which source goes where. Raises HaulierError (usage)."""
    if not sources:
        raise HaulierError(Code.USAGE, "Nothing is chosen to be moved.")
    if destination is None:
        raise HaulierError(Code.USAGE, "No target is chosen.")
    if isinstance(destination, GivenPairs):
        return destination.pairs
    if isinstance(destination, BucketPerBucket):
        targets = [bucket_for(source, destination) for source in sources]
    elif len(sources) == 1 and not destination.own_folders:
        targets = [destination.place]
    else:
        targets = [_below(destination.place, name) for name in folder_names(sources)]
    for source, target in zip(sources, targets, strict=True):
        if _inside(source, target) or _inside(target, source):
            raise HaulierError(
                Code.USAGE,
                f"{safe_text(str(source), 60)} and {safe_text(str(target), 60)} lie within each other.",
                "Choose a target that does not hold the source.",
            )
    if len(set(targets)) != len(targets):
        raise HaulierError(
            Code.USAGE,
            "Several sources would go to the same place.",
            "Let the pattern hold {bucket}, so that each gets its own.",
        )
    return tuple(Pair(source=source, target=target) for source, target in zip(sources, targets, strict=True))


def bucket_for(source: Place, destination: BucketPerBucket) -> Place:
    """The target bucket of a source. Raises HaulierError (usage) for a name that no bucket can have."""
    if source.kind != "s3" or not source.bucket:
        raise HaulierError(
            Code.USAGE, f"{safe_text(str(source), 60)} has no bucket name.", "Choose one bucket as target."
        )
    name = destination.pattern.replace(ANY_BUCKET, source.bucket)
    return Place(
        kind="s3", connection=destination.connection, bucket=check_bucket_name(name), path=_tail(source)
    )


def check_bucket_name(name: str) -> str:
    """The name, when S3 allows it (3 to 63 of a–z, 0–9, dot, hyphen). Raises HaulierError (usage)."""
    if not _BUCKET.fullmatch(name) or ".." in name:
        raise HaulierError(
            Code.USAGE,
            f"{safe_text(name, 60)!r} cannot be a bucket's name.",
            "3 to 63 of a-z, 0-9, “.” and “-”, beginning and ending with a letter or digit.",
        )
    return name


def folder_names(sources: Sequence[Place]) -> list[str]:
    """A folder for each source: its last name, or its whole path where last names repeat."""
    short = [last_name(source) for source in sources]
    if len(set(short)) == len(short):
        return short
    return [
        "/".join(part for part in (source.bucket, _folder(source).strip("/")) if part) for source in sources
    ]


def last_name(source: Place) -> str:
    """What a person calls the source: its folder or its bucket."""
    folder = _folder(source).rstrip("/")
    name = folder.rpartition("/")[2] or source.bucket.rpartition("/")[2] or "root"
    return name.rpartition(".")[0] or name if source.kind == "list" else name


def as_prefix(text: str) -> str:
    """A typed prefix as a folder: without a leading slash, with one at the end."""
    stripped = text.strip("/")
    return f"{stripped}/" if stripped else ""


def summary(places: Iterable[Place]) -> str:
    """Places in one line: "prod:logs-app, logs-edge". Not yet safe to show."""
    words: list[str] = []
    before = ""
    for place in places:
        text = place_words(place)
        if place.kind == "s3" and before == place.connection:
            text = text.partition(":")[2].removeprefix("//")
        before = place.connection if place.kind == "s3" else ""
        words.append(text)
    return ", ".join(words)


def targets(places: Iterable[Place]) -> str:
    """The first of them and how many others: "dr:copies and 2 more". Not yet safe to show."""
    first, *others = dict.fromkeys(places)
    return f"{place_words(first)} and {len(others)} more" if others else place_words(first)


def place_words(place: Place) -> str:
    """The place as a person would write it: a whole bucket without the slash. Not yet safe to show."""
    text = str(place)
    return text.rstrip("/") if place.kind == "s3" and place.bucket and not place.path else text


def _folder(source: Place) -> str:
    """The folder a source is, or the one its object lies in."""
    if source.kind == "web":
        return urlsplit(source.url).hostname or ""
    return source.path if source.is_folder else source.path.rpartition("/")[0]


def _tail(source: Place) -> str:
    """What of the path is kept below a bucket of its own."""
    return (
        source.path
        if source.path.endswith("/")
        else source.path.rpartition("/")[0] and (source.path.rpartition("/")[0] + "/")
    )


def _below(place: Place, name: str) -> Place:
    path = place.path if not place.path or place.path.endswith("/") else place.path + "/"
    return Place(kind=place.kind, connection=place.connection, bucket=place.bucket, path=f"{path}{name}/")


def _inside(inner: Place, outer: Place) -> bool:
    if inner.kind not in ("local", "s3"):
        return False
    if (inner.kind, inner.connection, inner.bucket) != (outer.kind, outer.connection, outer.bucket):
        return False
    folder = outer.path if not outer.path or outer.path.endswith("/") else outer.path + "/"
    return inner.path == outer.path or (inner.path.rstrip("/") + "/").startswith(folder)
