"""The storage classes that S3 knows ("StorageClass" of PutObject, Amazon S3 API reference)."""

from __future__ import annotations

from core.errors import Code, HaulierError

STORAGE_CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "EXPRESS_ONEZONE",
    "REDUCED_REDUNDANCY",
    "OUTPOSTS",
    "SNOW",
    "FSX_OPENZFS",
    "FSX_ONTAP",
    "AWS_BACKUP_WARM",
    "AWS_BACKUP_LOW_COST_WARM",
)


def check_storage_class(name: str) -> None:
    """Raises HaulierError (usage) for a class that S3 does not know; empty means the bucket's default, or for a
    copy
    the source's."""
    if name and name not in STORAGE_CLASSES:
        raise HaulierError(
            Code.USAGE, f'unknown storage class "{name[:60]}"', f"use one of {', '.join(STORAGE_CLASSES)}"
        )
