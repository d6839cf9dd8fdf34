"""Versions of objects, through boto3: whether a bucket keeps them, and taking a delete marker away again.

Source: "Using versioning in S3 buckets" and "Working with delete markers" in the Amazon S3 User Guide. Deleting
the version that is a delete marker brings back what it hides.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from botocore.exceptions import ClientError

from core.errors import TransferError
from core.listings import ObjectVersion
from core.stores.s3.control import Control
from core.stores.s3.errors import Doing

Versioning = Literal["enabled", "suspended", "off", "unknown"]


class Current(msgspec.Struct, frozen=True):
    """What is at the top of a key's versions. `version_id` is "null" for one made without versioning, and empty
    where the server tells none."""

    exists: bool
    version_id: str = ""
    is_marker: bool = False


class Versions:
    """Of one bucket. Called from many threads."""

    def __init__(self, control: Control, bucket: str) -> None:
        self._control = control
        self._bucket = bucket

    def state(self) -> Versioning:
        """Whether the bucket keeps versions; "unknown" where the server does not say."""
        try:
            with self._control.asking(Doing("ask for the versioning of", self._bucket)):
                answer = self._control.client(self._bucket).get_bucket_versioning(Bucket=self._bucket)
        except TransferError:
            return "unknown"  # often not allowed, or not known: no reason to stop anything
        told = str(answer.get("Status", ""))
        return "enabled" if told == "Enabled" else "suspended" if told == "Suspended" else "off"

    def current(self, key: str) -> Current:
        """The newest version of a key, object or delete marker. Raises TransferError."""
        client = self._control.client(self._bucket)
        with self._control.asking(Doing("look at", self._bucket, key)):
            try:
                answer = client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                meta = error.response.get("ResponseMetadata", {})
                if meta.get("HTTPStatusCode") != 404:
                    raise
                headers = meta.get("HTTPHeaders", {})
                is_marker = str(headers.get("x-amz-delete-marker", "")).lower() == "true"
                return Current(False, str(headers.get("x-amz-version-id", "")), is_marker)
        return Current(True, str(answer.get("VersionId", "")))

    def of(self, key: str, most: int) -> tuple[list[ObjectVersion], bool]:
        """The versions and delete markers of a key, newest first, and whether there are more than `most`.

        Source: "ListObjectVersions", Amazon S3 API reference: keys that begin with this one follow it, in the
        order of names. Raises TransferError."""
        found: list[ObjectVersion] = []
        ask: dict[str, str | int] = {"Bucket": self._bucket, "Prefix": key, "MaxKeys": 1000}
        with self._control.asking(Doing("list the versions of", self._bucket, key)):
            while True:
                page = self._control.client(self._bucket).list_object_versions(**ask)
                ours = [(one, False) for one in page.get("Versions", [])]
                ours += [(one, True) for one in page.get("DeleteMarkers", [])]
                found += [_version(one, is_marker) for one, is_marker in ours if one.get("Key") == key]
                passed = any(str(one.get("Key", "")) > key for one, _ in ours)
                if len(found) > most or passed or not page.get("IsTruncated"):
                    break
                ask |= {
                    "KeyMarker": page["NextKeyMarker"],
                    "VersionIdMarker": page.get("NextVersionIdMarker", ""),
                }
        found.sort(key=lambda version: (version.is_latest, version.modified), reverse=True)
        return found[:most], len(found) > most

    def remove_marker(self, key: str, marker_id: str) -> None:
        """Delete this version of the key, which must be known to be a delete marker. Raises TransferError."""
        with self._control.asking(Doing("take back the deletion of", self._bucket, key, writes=True)):
            self._control.client(self._bucket).delete_object(Bucket=self._bucket, Key=key, VersionId=marker_id)


def _version(told: dict[str, Any], is_marker: bool) -> ObjectVersion:
    return ObjectVersion(
        version_id=str(told.get("VersionId", "")),
        modified=told["LastModified"].timestamp() if "LastModified" in told else 0.0,
        size=int(told.get("Size", 0)),
        etag=str(told.get("ETag", "")).strip('"'),
        storage_class=str(told.get("StorageClass", "")),
        is_latest=bool(told.get("IsLatest", False)),
        is_marker=is_marker,
    )
