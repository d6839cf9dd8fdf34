"""Keys with a "." or ".." segment, through boto3.

The URL parser under the data plane collapses such segments (WHATWG URL standard, "single-dot" and "double-dot"
path segments), so `a/../b` would become another object. boto3 sends them as they are, only slower.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.errors import NetworkTrouble, SourceChanged
from core.model import Entry
from core.stores.base import Body, CancelFlag, Cancelled, Metadata, ObjectInfo
from core.stores.s3.arguments import metadata_arguments
from core.stores.s3.control import Control
from core.stores.s3.errors import Doing
from core.stores.s3.etag import unquoted
from core.stores.s3.headers import object_info

CHUNK = 1 << 20


class DottedBody:
    """The bytes of a boto3 answer, counted."""

    def __init__(
        self, stream: Any, info: ObjectInfo, length: int, doing: Doing, control: Control, cancelled: CancelFlag
    ) -> None:
        self.info = info
        self.modified_ns = info.metadata.modified_ns
        self._stream = stream
        self._length = length
        self._doing = doing
        self._control = control
        self._cancelled = cancelled

    def __iter__(self) -> Iterator[memoryview]:
        received = 0
        while True:
            if self._cancelled.is_set():
                raise Cancelled
            with self._control.asking(self._doing):
                piece: bytes = self._stream.read(CHUNK)
            received += len(piece)
            if received > self._length or (not piece and received < self._length):
                raise NetworkTrouble(
                    f"{self._doing}: {received} bytes came where {self._length} were asked for"
                )
            if not piece:
                return
            yield memoryview(piece)


class Dotted:
    """The objects of one bucket, asked for with boto3."""

    def __init__(self, control: Control, bucket: str) -> None:
        self._control = control
        self._bucket = bucket

    def head(self, key: str, *, checksums: bool) -> ObjectInfo:
        wishes = {"ChecksumMode": "ENABLED"} if checksums else {}
        with self._control.asking(Doing("look at", self._bucket, key)):
            answer = self._client().head_object(Bucket=self._bucket, Key=key, **wishes)
        return object_info(key, headers_of(answer), bucket=self._bucket)

    @contextmanager
    def read(self, entry: Entry, offset: int, length: int, cancelled: CancelFlag) -> Iterator[Body]:
        doing = Doing("get", self._bucket, entry.key)
        wishes: dict[str, str] = {}
        if entry.etag:
            wishes["IfMatch"] = f'"{entry.etag}"'
        if offset or length != entry.size:
            wishes["Range"] = f"bytes={offset}-{offset + length - 1}"
        else:
            wishes["ChecksumMode"] = "ENABLED"
        with self._control.asking(doing):
            answer = self._client().get_object(Bucket=self._bucket, Key=entry.key, **wishes)
        try:
            headers = headers_of(answer)
            if entry.etag and unquoted(headers.get("etag", entry.etag)) != entry.etag:
                raise SourceChanged(f"{doing}: the object is not the one that was listed")
            if int(headers.get("content-length", length)) != length:
                raise SourceChanged(f"{doing}: the server offers another number of bytes than was asked for")
            info = object_info(entry.key, headers, size=entry.size, bucket=self._bucket)
            yield DottedBody(answer["Body"], info, length, doing, self._control, cancelled)
        finally:
            answer["Body"].close()

    def put(self, key: str, data: bytes, metadata: Metadata, md5: str, crc: str = "") -> Mapping[str, str]:
        """`crc` is the CRC64NVME in base64, sent where it is given. Returns the answer's headers, with
        lower-case
        names."""
        wishes = digests(md5, crc)
        with self._control.asking(Doing("put", self._bucket, key, writes=True)):
            answer = self._client().put_object(
                Bucket=self._bucket, Key=key, Body=data, **wishes, **metadata_arguments(metadata)
            )
        return headers_of(answer)

    def put_part(
        self, key: str, token: str, number: int, data: bytes, md5: str, crc: str = ""
    ) -> Mapping[str, str]:
        wishes = digests(md5, crc)
        with self._control.asking(Doing("put a part of", self._bucket, key, writes=True)):
            answer = self._client().upload_part(
                Bucket=self._bucket, Key=key, UploadId=token, PartNumber=number, Body=data, **wishes
            )
        return headers_of(answer)

    def delete(self, key: str, etag: str) -> Mapping[str, str]:
        """Returns the answer's headers, with lower-case names."""
        wishes = {"IfMatch": f'"{etag}"'} if etag else {}
        with self._control.asking(Doing("delete", self._bucket, key, writes=True)):
            answer = self._client().delete_object(Bucket=self._bucket, Key=key, **wishes)
        return headers_of(answer)

    def copy(self, headers: Sequence[tuple[str, str]], source: tuple[str, str], key: str) -> Mapping[str, str]:
        """Server-side copy of `source` (bucket, key); `headers` as for the wire. Returns the elements of the
        CopyObjectResult."""
        given = dict(headers)
        wishes = {
            name: given[header]
            for header, name in (
                ("x-amz-copy-source-if-match", "CopySourceIfMatch"),
                ("x-amz-storage-class", "StorageClass"),
            )
            if header in given
        }
        with self._control.asking(Doing("copy to", self._bucket, key, writes=True)):
            answer = self._client().copy_object(
                Bucket=self._bucket, Key=key, CopySource={"Bucket": source[0], "Key": source[1]}, **wishes
            )
        return {name: str(value) for name, value in answer.get("CopyObjectResult", {}).items()}

    def copy_part(
        self, headers: Sequence[tuple[str, str]], source: tuple[str, str], key: str, token: str, number: int
    ) -> Mapping[str, str]:
        given = dict(headers)
        wishes = {"CopySourceRange": given["x-amz-copy-source-range"]}
        if "x-amz-copy-source-if-match" in given:
            wishes["CopySourceIfMatch"] = given["x-amz-copy-source-if-match"]
        with self._control.asking(Doing("copy a part to", self._bucket, key, writes=True)):
            answer = self._client().upload_part_copy(
                Bucket=self._bucket,
                Key=key,
                UploadId=token,
                PartNumber=number,
                CopySource={"Bucket": source[0], "Key": source[1]},
                **wishes,
            )
        return {name: str(value) for name, value in answer.get("CopyPartResult", {}).items()}

    def _client(self) -> Any:
        return self._control.client(self._bucket)


def headers_of(answer: Mapping[str, Any]) -> dict[str, str]:
    """A boto3 answer's headers. http.client reads them as Latin-1; what is UTF-8 underneath is read as that."""
    headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return {name.lower(): _as_utf8(value) for name, value in headers.items()}


def digests(md5: str, crc: str) -> dict[str, str]:
    """The digests that go with a body; empty ones are left out."""
    wishes = {"ContentMD5": content_md5(md5)} if md5 else {}
    if crc:
        wishes["ChecksumCRC64NVME"] = crc
    return wishes


def content_md5(md5: str) -> str:
    """A hex MD5 as the Content-MD5 header wants it."""
    return base64.b64encode(bytes.fromhex(md5)).decode()


def _as_utf8(value: str) -> str:
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
