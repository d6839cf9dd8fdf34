"""Bytes to S3: PutObject and UploadPart, guarded by two digests.

1. Content-MD5 where the caller has the MD5; the ETag of the answer is compared with it where it is one.
2. CRC64NVME of every object and part, as a plain header ("Checking object integrity for data uploads", Amazon
   S3
   user guide). Never as a trailer of an aws-chunked body, which many servers store instead of the object.

A server that refuses the CRC header is asked once more without it; when that works, it is never sent there
again (abilities.py). A part carries one only if its upload was begun with the algorithm, because S3 refuses
others ("Checksum Type mismatch"). Whatever checksum an answer echoes is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote

from awscrt.checksums import crc64nvme
from pyreqwest.response import SyncResponse

from core.errors import FileTrouble, IntegrityTrouble
from core.stores.base import Metadata, PartReceipt, Receipt
from core.stores.exchange import Answer, Ask, AskFirst, Response
from core.stores.s3.abilities import Abilities
from core.stores.s3.addressing import has_dot_segment
from core.stores.s3.crc64 import CRC64, base64_of
from core.stores.s3.dotted import Dotted, content_md5
from core.stores.s3.errors import Doing, NotUnderstood
from core.stores.s3.etag import is_directory_bucket, is_md5, is_opaque, unquoted
from core.stores.s3.headers import CHECKSUM, all_headers, metadata_headers
from core.stores.s3.quick import Lines, accepted, written
from core.stores.s3.signing import Header
from core.stores.s3.wire import Wire, header_of

CRC64_HEADER = CHECKSUM + CRC64


class Sending:
    """Of one bucket. `wire` is asked for when it is needed. Called from many threads."""

    def __init__(self, bucket: str, wire: Callable[[], Wire], dotted: Dotted, abilities: Abilities) -> None:
        self._bucket = bucket
        self._wire = wire
        self._dotted = dotted
        self._abilities = abilities

    def put(self, key: str, data: memoryview | bytes, metadata: Metadata, md5: str) -> Receipt:
        """See Target.put. Raises IntegrityTrouble when the server holds something else."""
        headers = metadata_headers(metadata)
        if md5:
            headers.append(("content-md5", content_md5(md5)))
        able = self._abilities.checksum_crc64nvme
        if able is False:
            answer, crc = self._put(key, data, metadata, md5, headers), ""
        else:
            crc = base64_of(crc64nvme(data))
            try:
                answer = self._put(key, data, metadata, md5, [*headers, (CRC64_HEADER, crc)])
            except NotUnderstood:
                if able:
                    raise
                answer, crc = self._put(key, data, metadata, md5, headers), ""
                self._abilities.learn("checksum_crc64nvme", able=False)
            else:
                if able is None:
                    self._abilities.learn("checksum_crc64nvme", able=True)
        etag, confirmed = self._read(answer, key, md5, crc)
        return Receipt(key=key, size=len(data), etag=etag, checksums={CRC64: crc} if confirmed else {})

    def ask_put(
        self, lines: Lines, key: str, data: memoryview | bytes, metadata: Metadata, md5: str
    ) -> Ask | None:
        """See QuickTarget. Which checksums the server takes is learnt the ordinary way."""
        if has_dot_segment(key):
            return None
        able = self._abilities.checksum_crc64nvme
        if able is None:
            raise AskFirst
        headers = metadata_headers(metadata)
        if md5:
            headers.append(("content-md5", content_md5(md5)))
        crc = base64_of(crc64nvme(data)) if able else ""
        if crc:
            headers.append((CRC64_HEADER, crc))
        ask = written(lines, self._wire(), Doing("put", self._bucket, key, True), "PUT", headers, data)
        if ask is not None:
            ask.note = crc
        return ask

    def take_put(self, ask: Ask, answer: Answer, key: str, size: int, md5: str) -> Receipt:
        """See QuickTarget."""
        accepted(self._wire(), ask, answer, Doing("put", self._bucket, key, True))
        etag, confirmed = self._read(answer, key, md5, ask.note)
        return Receipt(key=key, size=size, etag=etag, checksums={CRC64: ask.note} if confirmed else {})

    def put_part(
        self, key: str, token: str, number: int, offset: int, data: memoryview | bytes, md5: str
    ) -> PartReceipt:
        """See Target.put_part."""
        value = crc64nvme(data)
        crc = base64_of(value) if self._abilities.is_checksummed(token) else ""
        headers: list[Header] = [("content-md5", content_md5(md5))] if md5 else []
        try:
            sent = [*headers, (CRC64_HEADER, crc)] if crc else headers
            answer = self._put_part(key, token, number, data, md5, sent)
        except NotUnderstood:
            if not crc or self._abilities.checksum_parts:
                raise
            answer, crc = self._put_part(key, token, number, data, md5, headers), ""
            self._abilities.learn("checksum_parts", able=False)
            self._abilities.note_upload(token, checksummed=False)
        else:
            if crc and self._abilities.checksum_parts is None:
                self._abilities.learn("checksum_parts", able=True)
        etag, _ = self._read(answer, key, md5, crc)
        if not etag:
            raise FileTrouble(f"{self._bucket}/{key}: the server gives no ETag for a part")
        return PartReceipt(number=number, offset=offset, size=len(data), etag=etag, md5=md5, crc64=value)

    # ------------------------------------------------------------ requests

    def _put(
        self, key: str, data: memoryview | bytes, metadata: Metadata, md5: str, headers: list[Header]
    ) -> SyncResponse | Mapping[str, str]:
        if has_dot_segment(key):
            return self._dotted.put(key, bytes(data), metadata, md5, dict(headers).get(CRC64_HEADER, ""))
        return self._wire().send(Doing("put", self._bucket, key, True), "PUT", data, headers=headers)

    def _put_part(
        self, key: str, token: str, number: int, data: memoryview | bytes, md5: str, headers: list[Header]
    ) -> SyncResponse | Mapping[str, str]:
        if has_dot_segment(key):
            crc = dict(headers).get(CRC64_HEADER, "")
            return self._dotted.put_part(key, token, number, bytes(data), md5, crc)
        query = f"partNumber={number}&uploadId={quote(token, safe='')}"
        doing = Doing("put a part of", self._bucket, key, True)
        return self._wire().send(doing, "PUT", data, query=query, headers=headers)

    def _read(self, answer: Response | Mapping[str, str], key: str, md5: str, crc: str) -> tuple[str, bool]:
        """The answer's ETag, and whether it confirms the CRC. Raises IntegrityTrouble when it contradicts."""

        def told(name: str) -> str:
            value = answer.get(name) if isinstance(answer, Mapping) else header_of(answer, name)
            return value or ""

        etag = unquoted(told("etag"))
        if md5 and etag != md5 and is_md5(etag):
            headers = answer if isinstance(answer, Mapping) else all_headers(answer) or {}
            if not is_opaque(headers) and not is_directory_bucket(self._bucket):
                raise IntegrityTrouble(
                    f"{self._bucket}/{key}: the server stored bytes with MD5 {etag}, sent were {md5}"
                )
        if not crc:
            return etag, False
        echoed = told(CRC64_HEADER)
        if echoed and echoed != crc:
            raise IntegrityTrouble(
                f"{self._bucket}/{key}: the server stored bytes with CRC64NVME {echoed}, sent were {crc}"
            )
        # A server that was seen to take any value may well repeat ours.
        return etag, bool(echoed) and self._abilities.checksum_checked is not False
