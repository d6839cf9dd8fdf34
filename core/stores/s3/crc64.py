"""CRC64NVME as S3 writes it, and of a whole object from those of its parts.

Source: "Checking object integrity in Amazon S3" (user guide): the value is the base64 of 8 big-endian bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from awscrt.checksums import combine_crc64nvme

from core.stores.base import PartReceipt

CRC64 = "crc64nvme"


def base64_of(value: int) -> str:
    """A CRC64NVME as S3 writes it: base64 of 8 big-endian bytes."""
    return base64.b64encode(value.to_bytes(8, "big")).decode()


def whole_crc64(parts: Sequence[PartReceipt]) -> str:
    """The CRC64NVME (base64) of an object made of these parts, in order; empty when one of theirs is not
    known."""
    if not parts or any(part.crc64 < 0 for part in parts):
        return ""
    whole = 0
    for part in parts:
        whole = combine_crc64nvme(whole, part.crc64, part.size)
    return base64_of(whole)


def crc64_told(text: str) -> int:
    """A CRC64NVME as servers write it; -1 for anything else."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        return -1
    return int.from_bytes(value, "big") if len(value) == 8 else -1
