"""Multipart uploads: list, complete, abort, through boto3; their begin and the parts themselves go over the
wire.

Uploads are begun with CRC64NVME as a checksum of the whole object (FULL_OBJECT) where the server takes it: each
part carries its own, and Complete the one of the whole, combined from the parts' without reading anything
again.

Two answers need care ("CompleteMultipartUpload", Amazon S3 API reference): a 200 may carry an <Error>, which
botocore turns into an error; and when the reply to a Complete that worked is lost, the next try says
NoSuchUpload. Then the object itself is looked at, and believed only if its content is proven to be ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from core.errors import (
    FileTrouble,
    IntegrityTrouble,
    NoPermission,
    NotFound,
    StageLost,
    TransferError,
)
from core.stores.base import Metadata, ObjectInfo, PartReceipt, Receipt
from core.stores.s3.abilities import Abilities
from core.stores.s3.addressing import has_dot_segment
from core.stores.s3.announced import begun_since, is_announced
from core.stores.s3.arguments import metadata_arguments
from core.stores.s3.control import Control
from core.stores.s3.crc64 import CRC64, base64_of, crc64_told, whole_crc64
from core.stores.s3.errors import Doing, NotUnderstood
from core.stores.s3.etag import composite_etag, composite_parts, is_md5, unquoted
from core.stores.s3.headers import metadata_headers
from core.stores.s3.signing import Header
from core.stores.s3.wire import Wire, texts_of

MIB = 1 << 20
MIN_PART = 5 * MIB
MAX_PART = 5 << 30
MAX_PARTS = 10_000


CHECKSUMMED: list[Header] = [
    ("x-amz-checksum-algorithm", "CRC64NVME"),
    ("x-amz-checksum-type", "FULL_OBJECT"),
]


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
    """The multipart uploads of one bucket. `wire` is asked for when it is needed."""

    def __init__(
        self,
        control: Control,
        bucket: str,
        stat: Callable[[str], ObjectInfo],
        wire: Callable[[], Wire],
        abilities: Abilities,
    ) -> None:
        self._control = control
        self._bucket = bucket
        self._stat = stat
        self._wire = wire
        self._abilities = abilities

    def begin(self, key: str, metadata: Metadata, *, copies: bool = False) -> str:
        """Start an upload and return its id. The metadata are those of the object to come.

        No checksum is asked for where the parts are copied by the service: there is none to send with them, and
        versitygw keeps a wrong one for the object then.
        """
        able = self._abilities.checksum_parts
        checksummed = able is not False and not copies
        try:
            token = self._begin(key, metadata, CHECKSUMMED if checksummed else [])
        except NotUnderstood:
            if able is not None:
                raise
            token = self._begin(key, metadata, [])
            checksummed = False
            self._abilities.learn("checksum_parts", able=False)
        self._abilities.note_upload(token, checksummed=checksummed)
        return token

    def _begin(self, key: str, metadata: Metadata, more: list[Header]) -> str:
        doing = Doing("begin the upload of", self._bucket, key, writes=True)
        if has_dot_segment(key):
            wishes = {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"} if more else {}
            with self._control.asking(doing):
                answer = self._client().create_multipart_upload(
                    Bucket=self._bucket, Key=key, **wishes, **metadata_arguments(metadata)
                )
            token = str(answer.get("UploadId", ""))
        else:
            token = self._begun(doing, metadata_headers(metadata) + more)
        if not token:
            raise FileTrouble(f"{doing}: the server gave no upload id")
        return token

    def _begun(self, doing: Doing, headers: list[Header]) -> str:
        response = self._wire().send(doing, "POST", b"", query="uploads", headers=headers)
        return texts_of(response, response.bytes().to_bytes(), doing).get("UploadId", "")

    def parts(self, key: str, token: str) -> list[PartReceipt]:
        """What the server holds of an upload, in order. Raises StageLost when it is gone.

        A server tells no offsets: they are reckoned for parts of equal size, the last one shorter.
        """
        doing = Doing("list the parts of", self._bucket, key, writes=True)
        if is_announced(token):
            raise StageLost(f"{doing}: the upload was about to begin")
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
        algorithm = answer.get("ChecksumAlgorithm", "")
        if algorithm == "CRC64NVME":  # perhaps begun by an earlier process
            self._abilities.note_upload(token, checksummed=True)
        elif algorithm not in {"", "null"}:  # versitygw writes null for none
            raise StageLost(f"{doing}: begun with checksums of another kind, which all its parts must carry")
        listed.sort(key=lambda part: int(part["PartNumber"]))
        step = max((int(part["Size"]) for part in listed), default=0)
        return [
            PartReceipt(
                number=int(part["PartNumber"]),
                offset=(int(part["PartNumber"]) - 1) * step,
                size=int(part["Size"]),
                etag=unquoted(part.get("ETag", "")),
                crc64=crc64_told(part.get("ChecksumCRC64NVME", "")),
            )
            for part in listed
        ]

    def complete(self, key: str, token: str, parts: Sequence[PartReceipt], size: int) -> Receipt:
        """Make the parts one object. Safe to call again. Raises StageLost, IntegrityTrouble."""
        doing = Doing("complete the upload of", self._bucket, key, writes=True)
        ordered = sorted(parts, key=lambda part: part.number)
        crc = whole_crc64(ordered)
        try:
            self._must_exist(key, token)
            try:
                checksummed = self._abilities.is_checksummed(token)
                answer = self._complete(doing, token, ordered, crc if checksummed else "")
            except NotUnderstood:
                if not (crc and checksummed):
                    raise
                answer = self._complete(doing, token, ordered, "")
                self._abilities.learn("checksum_parts", able=False)
        except StageLost as lost:
            return self._completed_before(key, ordered, size, lost)
        self._abilities.forget_upload(token)
        etag = unquoted(answer.get("ETag", ""))
        expected = expected_etag(ordered)
        if expected and composite_parts(etag) == len(ordered) and etag != expected:
            raise IntegrityTrouble(f"{doing}: the object's ETag is {etag}, its parts make {expected}")
        told = str(answer.get("ChecksumCRC64NVME", ""))
        if told and crc and told != crc:
            raise IntegrityTrouble(f"{doing}: the object's CRC64NVME is {told}, its parts make {crc}")
        return Receipt(key=key, size=size, etag=etag, token=token, checksums={CRC64: told} if told else {})

    def _complete(self, doing: Doing, token: str, parts: Sequence[PartReceipt], crc: str) -> Any:
        """`crc` is the CRC64NVME of the whole; empty: no checksums are sent."""
        named: list[dict[str, Any]] = [
            {"PartNumber": part.number, "ETag": f'"{part.etag}"'}
            | ({"ChecksumCRC64NVME": base64_of(part.crc64)} if crc else {})
            for part in parts
        ]
        whole = {"ChecksumCRC64NVME": crc, "ChecksumType": "FULL_OBJECT"} if crc else {}
        with self._control.asking(doing):
            return self._client().complete_multipart_upload(
                Bucket=self._bucket, Key=doing.key, UploadId=token, MultipartUpload={"Parts": named}, **whole
            )

    def abort(self, key: str, token: str) -> None:
        """Remove an upload and its parts. Not an error when it is gone."""
        if is_announced(token):
            self._abort_announced(key, token)
            return
        self._abilities.forget_upload(token)
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

    def _abort_announced(self, key: str, token: str) -> None:
        """What may not be listed, or is not sure to be ours, stays. See announced.py."""
        client = self._client()
        try:
            with self._control.asking(Doing("look for a begun upload of", self._bucket, key, writes=True)):
                answer = client.list_multipart_uploads(Bucket=self._bucket, Prefix=key, MaxUploads=1000)
        except FileTrouble:  # not allowed, or not known to this server
            return
        for begun in begun_since(token, key, answer):
            with suppress(StageLost):
                if not self.parts(key, begun):
                    self.abort(key, begun)

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
        return Receipt(key=key, size=size, etag=info.entry.etag, checksums=info.metadata.checksums)

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
    stored = info.metadata.checksums.get(CRC64, "")
    return bool(stored) and whole_crc64(parts) == stored
