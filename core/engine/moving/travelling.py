"""What goes with an object besides its bytes, on its way to another object store."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.content_types import content_type
from core.engine.proving.proof import named_digest
from core.model import Entry
from core.stores.base import KeepsTags, Metadata, ObjectInfo, Source

MADE_OF = "source-digest"  # user metadata of an object made of a file that is known by a digest of its content


def metadata_to_send(
    source: Source,
    entry: Entry,
    info: ObjectInfo,
    storage_class: str,
    known_tags: Mapping[str, str] | None = None,
) -> Metadata:
    """For a target that is an object store and gets the bytes from here: everything the source told of the
    object, its tags (at most one request, none when they are known), the class that was asked for, and the time
    of the content.

    A file gets a Content-Type from its name, and an object made of what has no time but a digest the digest, by
    which the next copy knows it again.
    """
    metadata = info.metadata
    headers, tags = metadata.headers, metadata.tags
    if info.identity or not isinstance(source, KeepsTags):
        if "content-type" not in headers:
            name = entry.url.partition("?")[0] or entry.key
            headers = {**headers, "content-type": content_type(name)}
    else:
        tags = source.tags_of(info) if known_tags is None else known_tags
    user = {**metadata.user, MADE_OF: entry.etag} if named_digest(entry.etag)[0] else metadata.user
    return Metadata(
        headers=headers,
        user=user,
        tags=tags,
        storage_class=storage_class or metadata.storage_class,
        modified=metadata.modified or entry.modified,
        modified_ns=metadata.modified_ns,
    )


def metadata_to_keep(source: Source, info: ObjectInfo, storage_class: str) -> Metadata:
    """For a copy inside the service by parts: what CopyObject keeps by itself, and nothing more."""
    tags = source.tags_of(info) if isinstance(source, KeepsTags) else {}
    return msgspec.structs.replace(
        info.metadata,
        tags=tags,
        storage_class=storage_class or info.metadata.storage_class,
        modified=0.0,
        modified_ns=0,
        checksums={},
        composites={},
    )


def metadata_of_file(entry: Entry, info: ObjectInfo) -> Metadata:
    """For a target that is a file system: the time of the content, as its first owner recorded it."""
    return Metadata(modified=info.metadata.modified or entry.modified, modified_ns=info.metadata.modified_ns)
