"""Multipart uploads: begin, list, complete, abort, through boto3; the parts themselves go over the wire.

Two answers need care ("CompleteMultipartUpload", Amazon S3 API reference): a 200 may carry an <Error>, which
botocore turns into an error; and when the reply to a Complete that worked is lost, the next try says
NoSuchUpload. Then the object itself is looked at, and believed only if its content is proven to be ours.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from awscrt.checksums import combine_crc64nvme

from core.errors import FileTrouble, IntegrityTrouble, NoPermission, NotFound, StageLost, TransferError
from core.stores.base import Metadata, ObjectInfo, PartReceipt, Receipt
from core.stores.s3.control import Control
from core.stores.s3.errors import Doing
from core.stores.s3.etag import composite_etag, composite_parts, is_md5, unquoted
from core.stores.s3.headers import CONTENT_HEADERS, header_text, user_metadata, wanted_class

MIB = 1 << 20
MIN_PART = 5 * MIB
MAX_PART = 5 << 30
MAX_PARTS = 10_000
ARGUMENTS = {
    "content-type": "ContentType",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
}


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished multipart upload at a server. `started` in seconds since the epoch."""

    key: str
    token: str
    started: float = 0.0
    storage_class: str = ""


def part_size_for(size: int, wanted: int) -> int:
    """The part size in bytes for an object of `size`: `wanted`, at least 5 MiB, raised to whole MiB until
    10 000 parts are enough. Source: "Amazon S3 multipart upload limits"."""
    needed = -(-size // MAX_PARTS)
    return max(wanted, MIN_PART, -(-needed // MIB) * MIB)


class Multipart:
    """The multipart uploads of one bucket."""

    def __init__(self, control: Control, bucket: str, stat: Callable[[str], ObjectInfo]) -> None:
        self._control = control
        self._bucket = bucket
        self._stat = stat

    def begin(self, key: str, metadata: Metadata) -> str:
        """Start an upload and return its id. The metadata are those of the object to come."""
        doing = Doing("begin the upload of", self._bucket, key, writes=True)
        with self._control.asking(doing):
            answer = self._client().create_multipart_upload(
                Bucket=self._bucket, Key=key, **metadata_arguments(metadata)
            )
        token: str = answer.get("UploadId", "")
        if not token:
            raise FileTrouble(f"{doing}: the server gave no upload id")
        return token

    def parts(self, key: str, token: str) -> list[PartReceipt]:
        """What the server holds of an upload, in order. Raises StageLost when it is gone.

        A server tells no offsets: they are reckoned for parts of equal size, the last one shorter.
        """
        doing = Doing("list the parts of", self._bucket, key, writes=True)
        listed: list[dict[str, Any]] = []
        marker = 0
        with self._control.asking(doing):
            while True:
                more = {"PartNumberMarker": marker} if marker else {}
                answer = self._client().list_parts(Bucket=self._bucket, Key=key, UploadId=token, **more)
                listed += answer.get("Parts", [])
                if not answer.get("IsTruncated"):
                    break
                following = int(answer.get("NextPartNumberMarker", 0))
                if following <= marker:
                    raise FileTrouble(f"{doing}: the server's list of parts leads in a circle")
                marker = following
        listed.sort(key=lambda part: int(part["PartNumber"]))
        step = max((int(part["Size"]) for part in listed), default=0)
        return [
            PartReceipt(
                number=int(part["PartNumber"]),
                offset=(int(part["PartNumber"]) - 1) * step,
                size=int(part["Size"]),
                etag=unquoted(part.get("ETag", "")),
            )
            for part in listed
        ]

    def complete(self, key: str, token: str, parts: Sequence[PartReceipt], size: int) -> Receipt:
        """Make the parts one object. Safe to call again. Raises StageLost, IntegrityTrouble."""
        doing = Doing("complete the upload of", self._bucket, key, writes=True)
        ordered = sorted(parts, key=lambda part: part.number)
        named = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in ordered]
        try:
            self._must_exist(key, token)
            with self._control.asking(doing):
                answer = self._client().complete_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=token, MultipartUpload={"Parts": named}
                )
        except StageLost as lost:
            return self._completed_before(key, ordered, size, lost)
        etag = unquoted(answer.get("ETag", ""))
        expected = expected_etag(ordered)
        if expected and composite_parts(etag) == len(ordered) and etag != expected:
            raise IntegrityTrouble(f"{doing}: the object's ETag is {etag}, its parts make {expected}")
        return Receipt(key=key, size=size, etag=etag, token=token)

    def abort(self, key: str, token: str) -> None:
        """Remove an upload and its parts. Not an error when it is gone."""
        try:
            with self._control.asking(Doing("abort the upload of", self._bucket, key, writes=True)):
                self._client().abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=token)
        except (StageLost, NotFound):
            return

    def unfinished(self, prefix: str) -> Iterator[Upload]:
        """All unfinished uploads whose key starts with `prefix`."""
        doing = Doing("list unfinished uploads of", self._bucket)
        markers: dict[str, str] = {}
        while True:
            with self._control.asking(doing):
                answer = self._client().list_multipart_uploads(Bucket=self._bucket, Prefix=prefix, **markers)
            for upload in answer.get("Uploads", []):
                started = upload.get("Initiated")
                yield Upload(
                    key=upload["Key"],
                    token=upload["UploadId"],
                    started=started.timestamp() if isinstance(started, datetime) else 0.0,
                    storage_class=upload.get("StorageClass", ""),
                )
            if not answer.get("IsTruncated"):
                return
            following = {
                "KeyMarker": answer.get("NextKeyMarker", ""),
                "UploadIdMarker": answer.get("NextUploadIdMarker", ""),
            }
            if following == markers or not following["KeyMarker"]:
                raise FileTrouble(f"{doing}: the server's list leads in a circle")
            markers = following

    def _must_exist(self, key: str, token: str) -> None:
        """Raises StageLost. versitygw answers a Complete of an upload that is gone with 200 whenever there is
        any object under the key, and leaves that object as it was."""
        try:
            with self._control.asking(Doing("look for the upload of", self._bucket, key, writes=True)):
                self._client().list_parts(Bucket=self._bucket, Key=key, UploadId=token, MaxParts=1)
        except NoPermission:
            return  # it may be completed without being listed

    def _completed_before(self, key: str, parts: Sequence[PartReceipt], size: int, lost: StageLost) -> Receipt:
        """Is the object there what these parts make? Then the Complete before this one had worked."""
        try:
            info = self._stat(key)
        except TransferError as error:
            if isinstance(error, NotFound):
                raise lost from None
            raise
        if info.entry.size != size or not proven(info, parts):
            raise lost
        return Receipt(key=key, size=size, etag=info.entry.etag)

    def _client(self) -> Any:
        return self._control.client(self._bucket)


def expected_etag(parts: Sequence[PartReceipt]) -> str:
    """The composite ETag that these parts make where the server's part ETags are MD5s; else empty."""
    if not parts or not all(is_md5(part.etag) and part.md5 in {"", part.etag} for part in parts):
        return ""
    return composite_etag([part.etag for part in parts])


def proven(info: ObjectInfo, parts: Sequence[PartReceipt]) -> bool:
    """Whether an object's ETag or CRC64NVME shows that it is made of these parts."""
    if info.entry.etag == expected_etag(parts):
        return True
    stored = info.metadata.checksums.get("crc64nvme", "")
    if not stored or not parts or any(part.crc64 < 0 for part in parts):
        return False
    whole = parts[0].crc64
    for part in parts[1:]:
        whole = combine_crc64nvme(whole, part.crc64, part.size)
    return base64.b64encode(whole.to_bytes(8, "big")).decode() == stored


def metadata_arguments(metadata: Metadata) -> dict[str, Any]:
    """The metadata as boto3 wants them."""
    arguments: dict[str, Any] = {
        ARGUMENTS[name]: header_text(metadata.headers[name])
        for name in CONTENT_HEADERS
        if name in ARGUMENTS and metadata.headers.get(name)
    }
    if expires := expires_argument(metadata.headers.get("expires", "")):
        arguments["Expires"] = expires
    if user := user_metadata(metadata):
        arguments["Metadata"] = user
    if wanted := wanted_class(metadata.storage_class):
        arguments["StorageClass"] = wanted
    if metadata.tags:
        arguments["Tagging"] = urlencode(dict(metadata.tags))
    return arguments


def expires_argument(value: str) -> datetime | None:
    """The Expires header as boto3 takes it; None for a value that is not a date, which boto3 cannot send."""
    try:
        return parsedate_to_datetime(value) if value else None
    except (ValueError, TypeError):
        return None
