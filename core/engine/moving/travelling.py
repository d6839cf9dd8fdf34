"""What goes with an object besides its bytes, on its way to another object store."""

from __future__ import annotations

import msgspec

from core.content_types import content_type
from core.model import Entry
from core.stores.base import KeepsTags, Metadata, ObjectInfo, Source


def metadata_to_send(source: Source, entry: Entry, info: ObjectInfo, storage_class: str) -> Metadata:
    """For a target that is an object store and gets the bytes from here: everything the source told of the
    object,
    its tags (at most one request), the class that was asked for, and the time of the content.

    A file gets a Content-Type from its name.
    """
    metadata = info.metadata
    headers, tags = metadata.headers, metadata.tags
    if info.identity:
        if "content-type" not in headers:
            headers = {**headers, "content-type": content_type(entry.key)}
    elif isinstance(source, KeepsTags):
        tags = source.tags_of(info)
    return Metadata(
        headers=headers,
        user=metadata.user,
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
