"""ETags as evidence: when they are MD5s, and what the ETag of a multipart object must be.

Source: "Checking object integrity" in the Amazon S3 user guide. The ETag of an object put whole is the MD5 of
its bytes unless it is encrypted with KMS or a customer's key; that of a multipart object is the MD5 of the
parts' binary MD5s, a dash, and the number of parts. Other servers mostly do the same, and nobody promises it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

_MD5 = re.compile(r"[0-9a-f]{32}\Z")
_COMPOSITE = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})\Z")


def unquoted(etag: str) -> str:
    """The bare value of an ETag header or element: without quotes and without the mark of a weak one."""
    return etag.strip().removeprefix("W/").strip('"')


def is_md5(etag: str) -> bool:
    """Whether the ETag looks like the MD5 of a whole object."""
    return _MD5.match(etag) is not None


def composite_parts(etag: str) -> int:
    """The number of parts that a composite ETag names; 0 when it is not composite."""
    match = _COMPOSITE.match(etag)
    return int(match[1]) if match else 0


def composite_etag(part_md5s: Sequence[str]) -> str:
    """The ETag of an object made of parts with these MD5s (hex), in order."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in part_md5s:
        digest.update(bytes.fromhex(part))
    return f"{digest.hexdigest()}-{len(part_md5s)}"


def is_directory_bucket(bucket: str) -> bool:
    """Whether the name is that of an S3 Express bucket, whose ETags are random ("Directory bucket naming rules"
    and
    "Differences for directory buckets" in the Amazon S3 user guide)."""
    return bucket.endswith("--x-s3")


def is_opaque(headers: Mapping[str, str]) -> bool:
    """Whether an answer's headers (lower-case names) say that its ETag is not made of the bytes."""
    kms = headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    return kms or "x-amz-server-side-encryption-customer-algorithm" in headers
