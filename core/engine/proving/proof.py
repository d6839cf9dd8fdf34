"""What was proven about an item's content, and how.

S3's ETag of an object sent whole (and not encrypted with KMS or customer keys) is its MD5; of a multipart
object it is the MD5 of the concatenated binary MD5s of its parts, "-", and the number of parts
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html). CRC64NVME of an object
may be stored as `x-amz-checksum-crc64nvme`, base64 of 8 big-endian bytes. Stores that know a file by a digest
of its content write it into the ETag: `sha256:<64 hex>`, or `git-sha1:<40 hex>`, the id of a git blob, which is
the SHA-1 of "blob", a space, the size in decimal, a NUL, and the bytes ("Git Internals – Git Objects").

The words below are stored with each item and shown: nothing else may be called verified. In which order they
are tried is said in evidence.py.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

ETAG_MD5 = "etag-md5"
CRC64 = "crc64nvme"
SHA256 = "sha256"
SHA1 = "sha1"
GIT_SHA1 = "git-sha1"
CRC32C = "crc32c"
CRC32 = "crc32"
SIZE_ONLY = "size only"
UNVERIFIED = "not verified"  # nothing told even how many bytes there should be
DELETED = "deleted"

MIB = 1 << 20
# Those of the usual programs first: where several fit an object, the first one is tried.
_COMMON_PART_SIZES = tuple(
    n * MIB for n in (8, 5, 16, 50, 64, 15, 10, 32, 100, 128, 25, 20, 6, 48, 256, 512, 1024)
)
_PLAIN = re.compile(r"[0-9a-f]{32}")
_COMPOSITE = re.compile(r"[0-9a-f]{32}-(\d{1,5})")
_NAMED = re.compile(r"(sha256):([0-9a-f]{64})|(git-sha1):([0-9a-f]{40})")


_EMPTY_MD5 = hashlib.md5(usedforsecurity=False)


def md5_of(data: memoryview | bytes) -> str:
    """MD5 in hex. A copied context spares OpenSSL's look-up of the algorithm, which costs more than 16 KiB."""
    digest = _EMPTY_MD5.copy()
    digest.update(data)
    return digest.hexdigest()


def is_md5(etag: str) -> bool:
    """Whether an ETag has the shape of a whole object's MD5."""
    return _PLAIN.fullmatch(etag) is not None


def named_digest(etag: str) -> tuple[str, str]:
    """The kind of digest that an ETag names, and the digest in hex; both empty for ETags of any other shape."""
    match = _NAMED.fullmatch(etag)
    return (match[1] or match[3], match[2] or match[4]) if match else ("", "")


def same_etag(one: str, other: str) -> str:
    """The proof when two ETags are the same digest, else "": equal ETags of any other shape prove nothing."""
    if one != other:
        return ""
    return ETAG_MD5 if is_md5(one) or part_count(one) else named_digest(one)[0]


def part_count(etag: str) -> int:
    """The number of parts in a composite ETag, 0 for any other."""
    match = _COMPOSITE.fullmatch(etag)
    return int(match[1]) if match else 0


def composite(md5s: Sequence[bytes]) -> str:
    """The ETag of a multipart object from its parts' binary MD5s in order."""
    return f"{hashlib.md5(b''.join(md5s), usedforsecurity=False).hexdigest()}-{len(md5s)}"


def guess_part_size(etag: str, size: int) -> int:
    """A usual part size that would give this composite ETag's number of parts, 0 when none would.

    Only a guess: agreement proves the content, disagreement proves nothing.
    """
    return _guessed(part_count(etag), size)


def _guessed(count: int, size: int) -> int:
    if count == 0:
        return 0
    if count == 1:
        return size
    for part_size in _COMMON_PART_SIZES:
        if -(-size // part_size) == count:
            return part_size
    return 0


def crc64_base64(value: int) -> str:
    """A CRC64NVME as S3 writes it in x-amz-checksum-crc64nvme."""
    return base64.b64encode(value.to_bytes(8, "big")).decode()


def segment_size(etag: str, size: int, known_part_size: int) -> tuple[int, bool]:
    """Of how many bytes each MD5 in `etag` is made, and whether that is sure.

    (0, False) when the ETag cannot be recomputed. An object of no bytes has segments of 1 byte, none of them.
    """
    if is_md5(etag):
        return max(size, 1), True
    return segment_of_parts(part_count(etag), size, known_part_size)


def segment_of_parts(count: int, size: int, known_part_size: int) -> tuple[int, bool]:
    """The size of the parts that an object was made of, and whether it was told; (0, False) when unknown."""
    if count == 0:
        return 0, False
    if known_part_size and -(-size // known_part_size) == count:
        return known_part_size, True
    return _guessed(count, size), False


def etag_of(data: memoryview | bytes, etag: str, segment: int) -> str:
    """The ETag that `data` would have, in the same shape as `etag`, with segments of `segment` bytes."""
    if is_md5(etag):
        return md5_of(data)
    view = memoryview(data)
    return composite(
        [
            hashlib.md5(view[at : at + segment], usedforsecurity=False).digest()
            for at in range(0, len(view), segment)
        ]
    )
