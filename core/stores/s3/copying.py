"""Server-side copies: CopyObject and UploadPartCopy ("CopyObject", "UploadPartCopy", Amazon S3 API reference).

A copy is tied to the listed version by x-amz-copy-source-if-match; servers that ignore the condition are
noticed by an unlike ETag. CopyObject keeps metadata, content headers and tags by itself (its directives default
to COPY), the storage class only when it is named. A 200 may carry an <Error>.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from core.errors import FileTrouble, SourceChanged
from core.model import Entry
from core.stores.base import PartReceipt, Receipt
from core.stores.exchange import Answer, Ask, AskOrdinarily, Response
from core.stores.s3.addressing import encoded_key, has_dot_segment
from core.stores.s3.crc64 import crc64_told
from core.stores.s3.dotted import Dotted
from core.stores.s3.errors import CopyUnsupported, Doing
from core.stores.s3.etag import is_md5, unquoted
from core.stores.s3.headers import ALGORITHMS, wanted_class
from core.stores.s3.quick import Lines, accepted, written
from core.stores.s3.signing import Header
from core.stores.s3.wire import SERVER_SIDE_SECONDS, Wire, texts_of


class Copying:
    """Into one bucket. `wire` is asked for when it is needed. Called from many threads."""

    def __init__(self, bucket: str, wire: Callable[[], Wire], dotted: Dotted) -> None:
        self._bucket = bucket
        self._wire = wire
        self._dotted = dotted

    def copy(
        self, origin: str, entry: Entry, key: str, storage_class: str, now: Callable[[str], Entry]
    ) -> Receipt:
        """See ServerSideCopy. `origin` is the source's bucket, `now` looks at a key there again."""
        headers = headers_of_copy(origin, entry, storage_class)
        doing = Doing("copy to", self._bucket, key, True)
        try:
            if has_dot_segment(key):
                told = self._dotted.copy(headers, (origin, entry.key), key)
            else:
                told = self._copied(doing, "", headers)
        except FileTrouble as error:
            raise maybe_unsupported(error) from error
        etag = unquoted(told.get("ETag", ""))
        # An unlike MD5 alone proves nothing: ETags of objects encrypted with KMS only look like MD5s.
        if is_md5(etag) and is_md5(entry.etag) and etag != entry.etag and now(entry.key).etag != entry.etag:
            raise SourceChanged(f"{doing}: the source is not the object that was listed")
        return Receipt(key=key, size=entry.size, etag=etag, checksums=checksums_in(told))

    def ask_copy(self, lines: Lines, origin: str, entry: Entry, key: str, storage_class: str) -> Ask | None:
        """See QuickCopy."""
        if has_dot_segment(key):
            return None
        doing = Doing("copy to", self._bucket, key, True)
        headers = headers_of_copy(origin, entry, storage_class)
        return written(lines, self._wire(), doing, "PUT", headers, seconds=SERVER_SIDE_SECONDS)

    def take_copy(self, ask: Ask, answer: Answer, entry: Entry, key: str) -> Receipt:
        """See QuickCopy."""
        doing = Doing("copy to", self._bucket, key, True)
        try:
            accepted(self._wire(), ask, answer, doing)
            told = _told(answer, bytes(answer.body), doing)
        except FileTrouble as error:
            raise maybe_unsupported(error) from error
        receipt = Receipt(
            key=key, size=entry.size, etag=unquoted(told.get("ETag", "")), checksums=checksums_in(told)
        )
        if receipt.etag != entry.etag:
            raise AskOrdinarily  # what that means has to be asked
        return receipt

    def copy_part(
        self, origin: str, entry: Entry, key: str, token: str, number: int, offset: int, length: int
    ) -> PartReceipt:
        """See ServerSideCopy. Raises CopyUnsupported where the server cannot or does not say what it copied."""
        headers = copy_source(origin, entry)
        headers.append(("x-amz-copy-source-range", f"bytes={offset}-{offset + length - 1}"))
        doing = Doing("copy a part to", self._bucket, key, True)
        try:
            if has_dot_segment(key):
                told = self._dotted.copy_part(headers, (origin, entry.key), key, token, number)
            else:
                told = self._copied(doing, f"partNumber={number}&uploadId={quote(token, safe='')}", headers)
        except FileTrouble as error:
            raise maybe_unsupported(error) from error
        etag = unquoted(told.get("ETag", ""))
        if not etag:
            raise CopyUnsupported(f"{doing}: the server gives no ETag for a copied part")
        crc = crc64_told(told.get("ChecksumCRC64NVME", ""))
        return PartReceipt(number=number, offset=offset, size=length, etag=etag, crc64=crc)

    def _copied(self, doing: Doing, query: str, headers: list[Header]) -> Mapping[str, str]:
        response = self._wire().send(
            doing, "PUT", b"", query=query, headers=headers, seconds=SERVER_SIDE_SECONDS
        )
        return _told(response, response.bytes().to_bytes(), doing)


def _told(response: Response, body: bytes, doing: Doing) -> Mapping[str, str]:
    """What the answer to a copy says was made. Raises CopyUnsupported, NetworkTrouble, what an error says."""
    if not body:
        raise CopyUnsupported(f"{doing}: the server does not say what it copied")
    return texts_of(response, body, doing)


def headers_of_copy(origin: str, entry: Entry, storage_class: str) -> list[Header]:
    """What a copy of a whole object says."""
    headers = copy_source(origin, entry)
    if wanted := wanted_class(storage_class or entry.storage_class):
        headers.append(("x-amz-storage-class", wanted))
    return headers


def copy_source(origin: str, entry: Entry) -> list[Header]:
    """The headers that name what is copied, and which version of it."""
    headers = [("x-amz-copy-source", f"{quote(origin, safe='')}/{encoded_key(entry.key)}")]
    if entry.etag:
        headers.append(("x-amz-copy-source-if-match", f'"{entry.etag}"'))
    return headers


def checksums_in(told: Mapping[str, str]) -> dict[str, str]:
    """The checksums of the whole object in a CopyObjectResult, as `Metadata.checksums` has them."""
    found = {name: told.get(f"Checksum{name.upper()}", "") for name in ALGORITHMS}
    return {name: value for name, value in found.items() if value and "-" not in value}


def maybe_unsupported(error: FileTrouble) -> FileTrouble:
    """CopyUnsupported when that is what the server's refusal says."""
    said = error.message
    if any(sign in said for sign in ("501 ", "405 ", "NotImplemented", "MethodNotAllowed")):
        return CopyUnsupported(said)
    return error
