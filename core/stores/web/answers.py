"""What an answer's head tells of a file, and whether it is the file that was meant.

Sources: RFC 9110 (validators, section 8.8; conditions and ranges, 13 and 14), RFC 9530 and RFC 3230 (digests of
the whole content), "x-goog-hash" of Cloud Storage's XML API.
"""

from __future__ import annotations

import base64
import binascii
import re

from core.errors import IntegrityTrouble, SourceChanged
from core.model import Entry
from core.stores.base import Metadata, ObjectInfo
from core.stores.http_reading import PLAIN
from core.stores.s3.errors import http_date
from core.stores.s3.etag import is_opaque
from core.stores.s3.headers import all_headers
from core.stores.web.errors import not_the_file
from core.stores.web.names import decoded, last_segment, may_be_page
from core.stores.web.wire import Answer

WEAK = "W/"
OF_S3 = ("x-amz-request-id", "x-amz-id-2")  # not x-amz-cf-…: a cache says that in front of any server
_STORED = {
    "gzip": (".gz", ".tgz"),
    "x-gzip": (".gz", ".tgz"),
    "br": (".br",),
    "zstd": (".zst", ".tzst"),
    "bzip2": (".bz2", ".tbz", ".tbz2"),
    "x-bzip2": (".bz2", ".tbz", ".tbz2"),
    "xz": (".xz", ".txz"),
    "x-xz": (".xz", ".txz"),
    "compress": (".z",),
    "x-compress": (".z",),
}
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:?([A-Za-z0-9+/]{43}=):?\s*(?:,|\Z)", re.IGNORECASE)
_CRC32C = re.compile(r"(?:^|,)\s*crc32c=([A-Za-z0-9+/]{6}==)\s*(?:,|\Z)")


def info_of(answer: Answer, size: int) -> ObjectInfo:
    """The object as this answer tells it. `size` is that of the whole, UNSIZED when nobody told."""
    headers = all_headers(answer.response) or {}
    modified = http_date(answer.header("last-modified"))
    kind = answer.header("content-type")
    from_s3 = any(name in headers for name in OF_S3) and not is_opaque(headers)
    etag = written_etag(answer.header("etag"))
    return ObjectInfo(
        entry=Entry(key=answer.doing.url, size=size, etag=etag, modified=modified),
        metadata=Metadata(
            headers={"content-type": kind} if kind else {}, modified=modified, checksums=checksums_of(answer)
        ),
        opaque_etag=not from_s3 or etag.startswith(WEAK),
    )


def written_etag(value: str) -> str:
    """An ETag header without quotes; a weak one keeps its mark."""
    value = value.strip()
    weak = value.startswith(WEAK)
    bare = value.removeprefix(WEAK).strip('"')
    return f"{WEAK}{bare}" if weak and bare else bare


def checksums_of(answer: Answer) -> dict[str, str]:
    """Digests of the whole content, base64, that the server sends along."""
    found: dict[str, str] = {}
    # `Content-Digest` is that of what this one answer holds, and `Repr-Digest` that of all of it.
    for name in ("repr-digest", "digest"):
        if (match := _SHA256.search(_joined(answer, name))) and _decodes(match[1], 32):
            found["sha256"] = match[1]
            break
    if (match := _CRC32C.search(_joined(answer, "x-goog-hash"))) and _decodes(match[1], 4):
        # "Transcoding of gzip-compressed files": unpacked on the way, the hash is still that of what is stored.
        stored = answer.header("x-goog-stored-content-encoding").strip().lower()
        if stored in PLAIN or stored == answer.header("content-encoding").strip().lower():
            found["crc32c"] = match[1]
    return found


def check_is_file(answer: Answer, expected_etag: str = "") -> None:
    """Whether a success holds the file and nothing else. Raises IntegrityTrouble for an encoded body,
    NetworkTrouble for a web page, unless it has the ETag that is expected."""
    doing = answer.doing
    coding = answer.header("content-encoding").strip().lower()
    if coding not in PLAIN and not _is_stored_so(doing.url, coding):
        raise IntegrityTrouble(
            f"{doing}: {answer.host}: what comes is encoded ({coding[:40]}), which nobody asked for"
        )
    kind = answer.header("content-type").lower()
    if answer.status == 200 and kind.startswith("text/html") and not may_be_page(doing.url):
        if expected_etag and written_etag(answer.header("etag")) == expected_etag:
            return  # a server that calls everything so
        raise not_the_file(doing, answer.host)


def check_same(answer: Answer, entry: Entry) -> None:
    """Whether an answer is of the version that `entry` names, as far as both tell. Raises SourceChanged."""
    if not entry.etag and not entry.modified:
        return
    now = Entry(
        key="", etag=written_etag(answer.header("etag")), modified=http_date(answer.header("last-modified"))
    )
    if differs(now, entry):
        raise SourceChanged(f"{answer.doing}: the file at {answer.host} is not the one that was seen before")


def differs(now: Entry, before: Entry) -> bool:
    """By ETags, compared weakly (RFC 9110 section 8.8.3.2); by times where one is weak or missing."""
    strong = bool(now.etag and before.etag)
    if strong and now.etag.removeprefix(WEAK) != before.etag.removeprefix(WEAK):
        return True
    if strong and not (now.etag.startswith(WEAK) or before.etag.startswith(WEAK)):
        return False
    return bool(now.modified and before.modified and int(now.modified) != int(before.modified))


def _is_stored_so(url: str, coding: str) -> bool:
    """Servers name the coding of a file that is compressed itself, too."""
    return decoded(last_segment(url)).lower().endswith(_STORED.get(coding, ("\0",)))


def _joined(answer: Answer, name: str) -> str:
    try:
        return ",".join(answer.response.get_header_all(name))
    except ValueError:
        return ""


def _decodes(text: str, length: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == length
    except (binascii.Error, ValueError):
        return False
