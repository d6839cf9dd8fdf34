"""One bucket as a store: Source, Target, ServerSideCopy and Deletes of core/stores/base.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from core.errors import (
    FileTrouble,
    IntegrityTrouble,
    NetworkTrouble,
    NoPermission,
    NotFound,
    SourceChanged,
    TransferError,
)
from core.model import Entry
from core.stores.base import (
    Body,
    CancelFlag,
    Metadata,
    ObjectInfo,
    PartLimits,
    PartReceipt,
    Receipt,
    Source,
)
from core.stores.s3.addressing import encoded_key, has_dot_segment
from core.stores.s3.answers import BadAnswer, leaf_texts
from core.stores.s3.dotted import Dotted, content_md5
from core.stores.s3.errors import CopyUnsupported, Doing, refusal_from, refused
from core.stores.s3.etag import composite_parts, is_md5, is_opaque, unquoted
from core.stores.s3.headers import (
    all_headers,
    metadata_headers,
    object_info,
    wanted_class,
    whole_number,
)
from core.stores.s3.listing import Lister
from core.stores.s3.multipart import MAX_PART, MAX_PARTS, MIN_PART, Multipart, Upload
from core.stores.s3.reading import read
from core.stores.s3.signing import Header
from core.stores.s3.wire import SERVER_SIDE_SECONDS, Wire, header_of

if TYPE_CHECKING:
    from core.stores.s3.service import S3Service


class S3Bucket:
    """Made by `S3Service.bucket`. Called from many threads. What S3 confirms is durable, so `settle` has
    nothing to do."""

    limits = PartLimits(min_part=MIN_PART, max_part=MAX_PART, max_parts=MAX_PARTS, max_whole=MAX_PART)
    listing_incomplete = False  # a page that cannot be read raises

    def __init__(self, service: S3Service, name: str) -> None:
        self.service = service
        self.name = name
        self._dotted = Dotted(service.control, name)
        self._multipart = Multipart(service.control, name, self.stat)
        self._unlistable: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._deletes_by_condition = True

    @property
    def _wire(self) -> Wire:
        return self.service.wire

    # ------------------------------------------------------------ reading

    def pages(self, prefix: str, *, start_after: str = "", cancelled: CancelFlag) -> Iterator[list[Entry]]:
        """See Source. Raises BrokenListing when pages contradict each other."""
        return self._lister().pages(prefix, start_after=start_after, cancelled=cancelled)

    def level(self, prefix: str, *, cursor: str, limit: int) -> tuple[list[Entry], str]:
        return self._lister().level(prefix, cursor=cursor, limit=limit)

    def take_unlistable(self) -> list[tuple[str, str]]:
        """Keys that a listing named and that are not text: (key as the server wrote it, why). Emptied."""
        with self._lock:
            taken, self._unlistable = self._unlistable, []
            return taken

    def stat(self, key: str) -> ObjectInfo:
        """HEAD, with checksums; the part size of a composite object and the tags cost a request more each,
        and only where there are any. Tags that may not be read are left out, `tag_count` still counts them."""
        info = self._head(key, checksums=True)
        if composite_parts(info.entry.etag):
            info = msgspec.structs.replace(info, part_size=self._first_part_size(info))
        if info.tag_count:
            try:
                tags = self.service.control.tags(self.name, key)
            except NoPermission:
                tags = {}
            info = msgspec.structs.replace(info, metadata=msgspec.structs.replace(info.metadata, tags=tags))
        return info

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[Body]:
        if has_dot_segment(entry.key):
            return self._dotted.read(entry, offset, length, cancelled)
        return read(self._wire, self.name, entry, offset, length, cancelled)

    def _lister(self) -> Lister:
        return Lister(self._wire, self.name, self._note_unlistable)

    def _note_unlistable(self, names: list[tuple[str, str]]) -> None:
        with self._lock:
            self._unlistable += names

    def _head(self, key: str, *, checksums: bool) -> ObjectInfo:
        if has_dot_segment(key):
            return self._dotted.head(key, checksums=checksums)
        doing = Doing("look at", self.name, key)
        headers = [("x-amz-checksum-mode", "ENABLED")] if checksums else []
        region = self.service.control.region_of(self.name)
        try:
            response = self._wire.ask(doing, "HEAD", headers=headers)
        except NotFound:
            raise
        except FileTrouble as refusal:
            self._explain(doing, refusal)
            if self.service.control.region_of(self.name) == region:
                raise
            response = self._wire.ask(doing, "HEAD", headers=headers)  # the explanation was a wrong region
        told = all_headers(response)
        if told is None:  # a header that is not text; boto3 reads those
            return self._dotted.head(key, checksums=checksums)
        return object_info(key, told)

    def _explain(self, doing: Doing, refusal: FileTrouble) -> None:
        """HEAD answers carry no reason: ask for one byte and raise what that says, if it says something."""
        try:
            with self._wire.stream(doing, headers=[("range", "bytes=0-0")]):
                return
        except SourceChanged:  # 416: the object is empty
            return
        except TransferError as explained:
            raise explained from refusal

    def _first_part_size(self, info: ObjectInfo) -> int:
        """The size of part 1 of a composite object where the server tells; 0 where it does not."""
        if has_dot_segment(info.entry.key):
            return 0
        doing = Doing("look at", self.name, info.entry.key)
        try:
            response = self._wire.ask(doing, "HEAD", query="partNumber=1")
        except FileTrouble:
            return 0
        size = whole_number(header_of(response, "content-length") or "")
        parts = composite_parts(info.entry.etag)
        if unquoted(header_of(response, "etag") or "") != info.entry.etag or size <= 0:
            return 0
        # A server that ignores partNumber tells the size of the whole.
        return size if (parts == 1) == (size == info.entry.size) else 0

    # ------------------------------------------------------------ writing

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata, *, md5: str = "") -> Receipt:
        if has_dot_segment(key):
            answer: Mapping[str, str] = self._dotted.put(key, bytes(data), metadata, md5)
            return Receipt(key=key, size=len(data), etag=self._checked(answer, key, md5))
        headers = metadata_headers(metadata)
        if md5:
            headers.append(("content-md5", content_md5(md5)))
        response = self._wire.send(Doing("put", self.name, key, True), "PUT", data, headers=headers)
        etag = unquoted(header_of(response, "etag") or "")
        if md5 and etag != md5:
            self._checked(all_headers(response) or {}, key, md5)
        return Receipt(key=key, size=len(data), etag=etag)

    def stage(self, key: str, size: int, metadata: Metadata) -> str:  # noqa: ARG002 - part of Target
        return self._multipart.begin(key, metadata)

    def put_part(
        self, key: str, token: str, number: int, offset: int, data: memoryview | bytes, *, md5: str = ""
    ) -> PartReceipt:
        if has_dot_segment(key):
            answer: Mapping[str, str] = self._dotted.put_part(key, token, number, bytes(data), md5)
        else:
            headers: list[Header] = [("content-md5", content_md5(md5))] if md5 else []
            query = f"partNumber={number}&uploadId={quote(token, safe='')}"
            doing = Doing("put a part of", self.name, key, True)
            response = self._wire.send(doing, "PUT", data, query=query, headers=headers)
            answer = all_headers(response) or {}
        etag = self._checked(answer, key, md5)
        if not etag:
            raise FileTrouble(f"{self.name}/{key}: the server gives no ETag for a part")
        return PartReceipt(number=number, offset=offset, size=len(data), etag=etag, md5=md5)

    def staged_parts(self, key: str, token: str) -> list[PartReceipt]:
        return self._multipart.parts(key, token)

    def commit(self, key: str, token: str, parts: list[PartReceipt], size: int) -> Receipt:
        return self._multipart.complete(key, token, parts, size)

    def abort(self, key: str, token: str) -> None:
        self._multipart.abort(key, token)

    def settle(self, receipts: list[Receipt]) -> dict[str, Exception]:  # noqa: ARG002 - part of Target
        return {}

    def unfinished(self, prefix: str = "") -> Iterator[Upload]:
        """Unfinished multipart uploads under a prefix."""
        return self._multipart.unfinished(prefix)

    def _checked(self, headers: Mapping[str, str], key: str, md5: str) -> str:
        """The answer's ETag. Raises IntegrityTrouble when it is the MD5 of something else."""
        etag = unquoted(headers.get("etag", ""))
        if md5 and etag != md5 and is_md5(etag) and not is_opaque(headers):
            raise IntegrityTrouble(
                f"{self.name}/{key}: the server stored bytes with MD5 {etag}, sent were {md5}"
            )
        return etag

    # ------------------------------------------------------------ copying

    def can_copy_from(self, source: Source) -> bool:
        return isinstance(source, S3Bucket) and self.service.same_service(source.service)

    def copy(self, source: Source, entry: Entry, key: str, *, storage_class: str = "") -> Receipt:
        """CopyObject. The source's storage class is kept unless another is named. Raises CopyUnsupported."""
        origin, headers = self._copy_source(source, entry)
        if wanted := wanted_class(storage_class or entry.storage_class):
            headers.append(("x-amz-storage-class", wanted))
        doing = Doing("copy to", self.name, key, True)
        try:
            if has_dot_segment(key):
                etag = self._dotted.copy(headers, (origin.name, entry.key), key)
            else:
                etag = self._copied(doing, "", headers)
        except FileTrouble as error:
            raise self._maybe_unsupported(error) from error
        if is_md5(etag) and is_md5(entry.etag) and etag != entry.etag:
            origin._refuse_if_changed(doing, entry)
        return Receipt(key=key, size=entry.size, etag=etag)

    def copy_part(
        self, source: Source, entry: Entry, key: str, token: str, number: int, offset: int, length: int
    ) -> PartReceipt:
        """UploadPartCopy. Raises CopyUnsupported where the server cannot or does not say what it copied."""
        origin, headers = self._copy_source(source, entry)
        headers.append(("x-amz-copy-source-range", f"bytes={offset}-{offset + length - 1}"))
        doing = Doing("copy a part to", self.name, key, True)
        try:
            if has_dot_segment(key):
                etag = self._dotted.copy_part(headers, (origin.name, entry.key), key, token, number)
            else:
                etag = self._copied(doing, f"partNumber={number}&uploadId={quote(token, safe='')}", headers)
        except FileTrouble as error:
            raise self._maybe_unsupported(error) from error
        if not etag:
            raise CopyUnsupported(f"{doing}: the server gives no ETag for a copied part")
        return PartReceipt(number=number, offset=offset, size=length, etag=etag)

    def _copy_source(self, source: Source, entry: Entry) -> tuple[S3Bucket, list[Header]]:
        if not isinstance(source, S3Bucket):
            raise CopyUnsupported("only buckets of one service can be copied inside it")
        headers = [("x-amz-copy-source", f"{quote(source.name, safe='')}/{encoded_key(entry.key)}")]
        if entry.etag:
            headers.append(("x-amz-copy-source-if-match", f'"{entry.etag}"'))
        return source, headers

    def _copied(self, doing: Doing, query: str, headers: list[Header]) -> str:
        """Send a copy request and return the ETag. A 200 may carry an error ("CopyObject", API reference)."""
        response = self._wire.send(doing, "PUT", b"", query=query, headers=headers, seconds=SERVER_SIDE_SECONDS)
        body = response.bytes().to_bytes()
        if not body:
            raise CopyUnsupported(f"{doing}: the server does not say what it copied")
        try:
            root, texts = leaf_texts(body)
        except BadAnswer as error:
            raise NetworkTrouble(f"{doing}: {error}") from None
        if root == "Error":
            raise refused(refusal_from(500, lambda name: header_of(response, name), body), doing)
        return unquoted(texts.get("ETag", ""))

    def _maybe_unsupported(self, error: FileTrouble) -> FileTrouble:
        said = error.message
        if any(sign in said for sign in ("501 ", "405 ", "NotImplemented", "MethodNotAllowed")):
            return CopyUnsupported(said)
        return error

    def _refuse_if_changed(self, doing: Doing, entry: Entry) -> None:
        """For servers that ignore the condition of a copy. An unlike MD5 alone proves nothing: ETags of objects
        encrypted with KMS only look like MD5s."""
        if self._head(entry.key, checksums=False).entry.etag != entry.etag:
            raise SourceChanged(f"{doing}: the source is not the object that was listed")

    # ------------------------------------------------------------ deleting

    def delete(self, entry: Entry) -> None:
        """HEAD, compare, then DELETE with If-Match where the server knows it."""
        try:
            now = self._head(entry.key, checksums=False).entry
        except NotFound:
            return
        changed = now.etag != entry.etag if entry.etag and now.etag else now.size != entry.size
        if changed or now.size != entry.size:
            raise SourceChanged(
                f"delete s3://{self.name}/{entry.key}: the object is not the one that was listed"
            )
        try:
            self._delete(entry.key, now.etag)
        except NotFound:
            return

    def _delete(self, key: str, etag: str) -> None:
        if has_dot_segment(key):
            self._dotted.delete(key, "")
            return
        doing = Doing("delete", self.name, key, True)
        if self._deletes_by_condition and etag:
            try:
                self._wire.ask(doing, "DELETE", headers=[("if-match", f'"{etag}"')])
            except FileTrouble as error:
                if isinstance(error, NotFound | NoPermission):
                    raise
                self._deletes_by_condition = False  # the server does not know conditional deletes
            else:
                return
        self._wire.ask(doing, "DELETE")
