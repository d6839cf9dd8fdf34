"""One bucket as a store: Source, Target, ServerSideCopy and Deletes of core/stores/base.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from core.errors import FileTrouble, NotFound, SourceChanged, TransferError
from core.model import Entry
from core.stores.base import (
    Body,
    CancelFlag,
    Metadata,
    ObjectInfo,
    PartLimits,
    PartReceipt,
    Receipt,
    Removal,
    Source,
)
from core.stores.exchange import Answer, Ask, AskOrdinarily
from core.stores.s3.addressing import has_dot_segment
from core.stores.s3.announced import announce
from core.stores.s3.copying import Copying
from core.stores.s3.deleting import Deleting
from core.stores.s3.dotted import Dotted
from core.stores.s3.errors import CopyUnsupported, Doing
from core.stores.s3.etag import composite_parts, unquoted
from core.stores.s3.headers import all_headers, object_info, whole_number
from core.stores.s3.listing import Lister
from core.stores.s3.multipart import MAX_PART, MAX_PARTS, MIN_PART, Multipart, Upload
from core.stores.s3.quick import accepted, written
from core.stores.s3.reading import CHECKSUM_MODE, SmallBody, check_answer, headers_of_whole, read
from core.stores.s3.sending import Sending
from core.stores.s3.tagging import Tagging
from core.stores.s3.versions import Versions
from core.stores.s3.wire import Wire, header_of, unexpected_end

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
        self._sending = Sending(name, lambda: self.service.wire, self._dotted, service.abilities)
        self._copying = Copying(name, lambda: self.service.wire, self._dotted)
        self._tagging = Tagging(name, lambda: self.service.wire, service.control, service.abilities)
        self._multipart = Multipart(
            service.control, name, self.stat, lambda: self.service.wire, service.abilities
        )
        self.versions = Versions(service.control, name)
        self._unlistable: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._deleting = Deleting(
            name,
            lambda: self.service.wire,
            self._dotted,
            self.versions,
            lambda key: self._head(key, checksums=True),
        )

    @property
    def _wire(self) -> Wire:
        return self.service.wire

    # ------------------------------------------------------------ the server behind it (base.Remote)

    @property
    def host(self) -> str:
        return self.service.control.host_of(self.name)

    @property
    def heard(self) -> float:
        return self.service.heard(self.host)

    def knock(self, seconds: float) -> None:
        self._wire.knock(self.name, seconds)

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
        """HEAD, with checksums; the part size of a composite object costs one request more. For tags see
        `tags_of`."""
        info = self._head(key, checksums=True)
        if composite_parts(info.entry.etag):
            info = msgspec.structs.replace(info, part_size=self._first_part_size(info))
        return info

    def tags_of(self, info: ObjectInfo) -> Mapping[str, str]:
        return self._tagging.tags_of(info)

    def part_sizes(self, entry: Entry, count: int) -> list[int]:
        """See TellsParts: HEAD with partNumber ("HeadObject", Amazon S3 API reference)."""
        sizes: list[int] = []
        for number in range(1, count + 1):
            size = self._part_size(entry, number)
            if size <= 0:
                return []
            sizes.append(size)
        return sizes if sum(sizes) == entry.size else []

    def kept_time(self, key: str) -> float:
        """See KeepsTimes. One HEAD."""
        return self._head(key, checksums=False).metadata.modified

    def read(
        self, entry: Entry, offset: int, length: int, *, cancelled: CancelFlag
    ) -> AbstractContextManager[Body]:
        if has_dot_segment(entry.key):
            return self._dotted.read(entry, offset, length, cancelled)
        return read(
            self._wire,
            self.name,
            entry,
            offset,
            length,
            lambda: self._dotted.head(entry.key, checksums=True),
            cancelled,
        )

    def ask_read(self, entry: Entry) -> Ask | None:
        """See QuickSource."""
        if has_dot_segment(entry.key):
            return None
        doing = Doing("get", self.name, entry.key)
        headers = headers_of_whole(entry)
        return written(self.service.lines, self._wire, doing, "GET", headers, expected=entry.size)

    def take_read(self, ask: Ask, answer: Answer, entry: Entry) -> Body:
        """See QuickSource."""
        doing = Doing("get", self.name, entry.key)
        accepted(self._wire, ask, answer, doing)
        check_answer(answer, doing, entry, 0, entry.size)
        if len(answer.body) != entry.size:
            raise unexpected_end(doing, len(answer.body), entry.size)
        look = partial(self._dotted.head, entry.key, checksums=True)
        return SmallBody(answer, entry, self.name, look, answer.body)

    def known_tags(self, info: ObjectInfo) -> dict[str, str] | None:
        """See QuickSource."""
        return self._tagging.known(info)

    def ask_tags(self, info: ObjectInfo) -> Ask | None:
        """See QuickSource."""
        if has_dot_segment(info.entry.key):
            return None
        doing = Doing("read tags of", self.name, info.entry.key)
        return written(self.service.lines, self._wire, doing, "GET", [], query="tagging")

    def take_tags(self, answer: Answer, info: ObjectInfo) -> dict[str, str]:
        """See QuickSource."""
        tags = self._tagging.take(info, bytes(answer.body)) if answer.status == 200 else None
        if tags is None:
            raise AskOrdinarily
        return tags

    def ask_copy(self, source: object, entry: Entry, key: str, storage_class: str) -> Ask | None:
        """See QuickTarget."""
        assert isinstance(source, S3Bucket)
        return self._copying.ask_copy(self.service.lines, source.name, entry, key, storage_class)

    def take_copy(self, ask: Ask, answer: Answer, entry: Entry, key: str) -> Receipt:
        """See QuickTarget."""
        return self._copying.take_copy(ask, answer, entry, key)

    def ask_put(self, key: str, data: memoryview | bytes, metadata: Metadata, md5: str) -> Ask | None:
        """See QuickTarget."""
        return self._sending.ask_put(self.service.lines, key, data, metadata, md5)

    def take_put(self, ask: Ask, answer: Answer, key: str, size: int, md5: str) -> Receipt:
        """See QuickTarget."""
        return self._sending.take_put(ask, answer, key, size, md5)

    def _lister(self) -> Lister:
        return Lister(self._wire, self.name, self._note_unlistable)

    def _note_unlistable(self, names: list[tuple[str, str]]) -> None:
        with self._lock:
            self._unlistable += names

    def _head(self, key: str, *, checksums: bool) -> ObjectInfo:
        if has_dot_segment(key):
            return self._dotted.head(key, checksums=checksums)
        doing = Doing("look at", self.name, key)
        headers = [CHECKSUM_MODE] if checksums else []
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
        return object_info(key, told, bucket=self.name)

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
        size = self._part_size(info.entry, 1)
        # A server that ignores partNumber tells the size of the whole.
        return size if (composite_parts(info.entry.etag) == 1) == (size == info.entry.size) else 0

    def _part_size(self, entry: Entry, number: int) -> int:
        if has_dot_segment(entry.key):
            return 0
        doing = Doing("look at", self.name, entry.key)
        try:
            response = self._wire.ask(doing, "HEAD", query=f"partNumber={number}")
        except FileTrouble:
            return 0
        size = whole_number(header_of(response, "content-length") or "")
        return size if unquoted(header_of(response, "etag") or "") == entry.etag and size > 0 else 0

    # ------------------------------------------------------------ writing

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata, *, md5: str = "") -> Receipt:
        return self._sending.put(key, data, metadata, md5)

    def stage(self, key: str, size: int, metadata: Metadata) -> str:  # noqa: ARG002 - part of Target
        return self._multipart.begin(key, metadata)

    def stage_copy(self, key: str, metadata: Metadata) -> str:
        return self._multipart.begin(key, metadata, copies=True)

    def announce(self, key: str) -> str:  # noqa: ARG002 - part of Announces
        return announce()

    def put_part(
        self, key: str, token: str, number: int, offset: int, data: memoryview | bytes, *, md5: str = ""
    ) -> PartReceipt:
        return self._sending.put_part(key, token, number, offset, data, md5)

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

    # ------------------------------------------------------------ copying

    def can_copy_from(self, source: Source) -> bool:
        return isinstance(source, S3Bucket) and self.service.same_service(source.service)

    def copy(self, source: Source, entry: Entry, key: str, *, storage_class: str = "") -> Receipt:
        """CopyObject. The source's storage class is kept unless another is named. Raises CopyUnsupported."""
        origin = self._bucket_of(source)
        return self._copying.copy(
            origin.name, entry, key, storage_class, lambda key: origin._head(key, checksums=False).entry
        )

    def copy_part(
        self, source: Source, entry: Entry, key: str, token: str, number: int, offset: int, length: int
    ) -> PartReceipt:
        """UploadPartCopy. Raises CopyUnsupported."""
        return self._copying.copy_part(self._bucket_of(source).name, entry, key, token, number, offset, length)

    def _bucket_of(self, source: Source) -> S3Bucket:
        if not isinstance(source, S3Bucket):
            raise CopyUnsupported("only buckets of one service can be copied inside it")
        return source

    # ------------------------------------------------------------ deleting

    def look_again(self, entry: Entry) -> ObjectInfo | None:
        return self._deleting.look_again(entry)

    def remove(self, seen: ObjectInfo) -> Removal:
        return self._deleting.remove(seen)

    def delete(self, entry: Entry) -> None:
        """HEAD, compare, then DELETE with If-Match where the server knows it."""
        if (seen := self.look_again(entry)) is not None:
            self.remove(seen)
