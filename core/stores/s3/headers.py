"""Object metadata as request headers, and what an answer's headers tell of an object.

Modified times travel as the user metadata `mtime`, decimal seconds with up to nine places: rclone's form, so
both programs read each other's.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, urlencode

from core.errors import FileTrouble
from core.model import Entry
from core.stores.base import Metadata, ObjectInfo
from core.stores.exchange import Response
from core.stores.s3.errors import http_date
from core.stores.s3.etag import is_directory_bucket, is_opaque, unquoted
from core.stores.s3.signing import Header

META = "x-amz-meta-"
CHECKSUM = "x-amz-checksum-"
CONTENT_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
ALGORITHMS = ("crc64nvme", "crc32c", "crc32", "sha1", "sha256")
MTIME = META + "mtime"
DEFAULT_CLASS = "STANDARD"
_USER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # an RFC 9110 token
_DIGITS = re.compile(r"[0-9]{1,19}\Z")
_OF_PARTS = re.compile(r"[A-Za-z0-9+/]{4,88}={0,2}-[1-9][0-9]{0,4}\Z")
MAX_NANOSECONDS = 1 << 63


def metadata_headers(metadata: Metadata) -> list[Header]:
    """The headers that store this metadata with an object."""
    headers = [
        (name, header_text(value))
        for name, value in metadata.headers.items()
        if name in CONTENT_HEADERS and value
    ]
    headers += [(META + name, value) for name, value in user_metadata(metadata).items()]
    if wanted := wanted_class(metadata.storage_class):
        headers.append(("x-amz-storage-class", wanted))
    if metadata.tags:
        headers.append(("x-amz-tagging", urlencode(dict(metadata.tags))))
    return headers


def wanted_class(storage_class: str) -> str:
    """The storage class to ask for; empty for the bucket's default, which some servers know by no name."""
    return "" if storage_class == DEFAULT_CLASS else storage_class


def user_metadata(metadata: Metadata) -> dict[str, str]:
    """The user metadata to store, `mtime` included, as ASCII. A given `mtime` is kept as it is.

    Raises FileTrouble for a name that cannot be a header.
    """
    found: dict[str, str] = {}
    for name, value in metadata.user.items():
        if not _USER_NAME.match(name):
            raise FileTrouble("user metadata with a name that S3 cannot take")
        found[name.lower()] = header_text(value)
    if metadata.modified_ns:
        found.setdefault("mtime", decimal_nanoseconds(metadata.modified_ns))
    elif metadata.modified:
        found.setdefault("mtime", decimal_seconds(metadata.modified))
    return found


def header_text(value: str) -> str:
    """The value as a header can carry it: printable ASCII as it is, everything else as RFC 2047 says, which is
    how S3 itself shows such metadata ("Working with object metadata")."""
    if value.isascii() and value.isprintable():
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode('utf-8', 'surrogatepass')).decode()}?="


def decimal_seconds(seconds: float) -> str:
    """Seconds since the epoch as rclone writes them: "1700000000.123456789" without needless zeros."""
    text = format(Decimal(repr(seconds)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimal_nanoseconds(nanoseconds: int) -> str:
    """The same of whole nanoseconds since the epoch, exactly."""
    text = format(Decimal(nanoseconds).scaleb(-9), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds_from_decimal(text: str) -> float:
    """The inverse; 0.0 for what is not a plain decimal number."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def nanoseconds_from_decimal(text: str) -> int:
    """The inverse in whole nanoseconds; 0 for what is not a number, or no time that a file system can hold."""
    whole, _, places = text.partition(".")
    if whole.isdecimal() and whole.isascii() and len(whole) <= 10 and (not places or places.isdecimal()):
        return int(whole) * 1_000_000_000 + int(places[:9].ljust(9, "0"))  # as good as always
    try:
        nanoseconds = int(Decimal(text[:40]).scaleb(9)) if text else 0
    except (InvalidOperation, ValueError, OverflowError):
        return 0
    return nanoseconds if abs(nanoseconds) < MAX_NANOSECONDS else 0


def all_headers(response: Response) -> dict[str, str] | None:
    """All headers with lower-case names; None when one of them is not text and cannot be read."""
    try:
        return {name.lower(): value for name, value in response.headers.items()}
    except ValueError:
        return None


def object_info(key: str, headers: Mapping[str, str], *, size: int = -1, bucket: str = "") -> ObjectInfo:
    """What HEAD or GET told. `size` overrides Content-Length, which for a range is the range's. `bucket` may
    say
    more of ETags than the headers do.

    Raises FileTrouble when the size cannot be read.
    """
    if size < 0:
        size = whole_number(headers.get("content-length", ""))
        if size < 0:
            raise FileTrouble(f"{key}: the server does not tell the object's size")
    user = {name.removeprefix(META): value for name, value in headers.items() if name.startswith(META)}
    stored = http_date(headers.get("last-modified", ""))
    storage_class = headers.get("x-amz-storage-class", "") or DEFAULT_CLASS
    return ObjectInfo(
        entry=Entry(
            key=key,
            size=size,
            etag=unquoted(headers.get("etag", "")),
            modified=stored,
            storage_class=storage_class,
        ),
        metadata=Metadata(
            headers=content_headers(headers),
            user=user,
            storage_class=storage_class,
            modified=seconds_from_decimal(user.get("mtime", "")) or stored,
            modified_ns=nanoseconds_from_decimal(user.get("mtime", "")),
            # A few servers tell them here.
            tags=dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True)),
            checksums=whole_checksums(headers),
            composites=checksums_of_parts(headers),
        ),
        opaque_etag=is_opaque(headers) or is_directory_bucket(bucket),
        tag_count=max(whole_number(headers.get("x-amz-tagging-count", "0")), 0),
        version_id=version_id if (version_id := headers.get("x-amz-version-id", "")) != "null" else "",
    )


def content_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to the object. `aws-chunked` describes an upload and never the object."""
    found = {name: headers[name] for name in CONTENT_HEADERS if headers.get(name)}
    if "content-encoding" in found:
        codings = [coding.strip() for coding in found["content-encoding"].split(",")]
        kept = ",".join(coding for coding in codings if coding and coding.lower() != "aws-chunked")
        if kept:
            found["content-encoding"] = kept
        else:
            del found["content-encoding"]
    return found


def whole_checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """Checksums of the whole object; those made of the parts' checksums ("…-3") say nothing of the bytes."""
    if headers.get(CHECKSUM + "type", "").upper() == "COMPOSITE":
        return {}
    found = {name: headers.get(CHECKSUM + name, "") for name in ALGORITHMS}
    return {name: value for name, value in found.items() if value and "-" not in value}


def checksums_of_parts(headers: Mapping[str, str]) -> dict[str, str]:
    """Checksums made of the parts' checksums, with their number: "…-3"."""
    found = {name: headers.get(CHECKSUM + name, "") for name in ALGORITHMS}
    return {name: value for name, value in found.items() if _OF_PARTS.match(value)}


def whole_number(text: str) -> int:
    """A count of bytes; -1 for anything but plain digits."""
    return int(text) if _DIGITS.match(text) else -1
