"""S3 and everything that speaks it: `S3Service` for a connection, `S3Bucket` for a store."""

from core.stores.s3.bucket import S3Bucket
from core.stores.s3.errors import BrokenListing, ClockLearnt, CopyUnsupported, RangesUnsupported
from core.stores.s3.multipart import Upload, part_size_for
from core.stores.s3.service import S3Service

__all__ = [
    "BrokenListing",
    "ClockLearnt",
    "CopyUnsupported",
    "RangesUnsupported",
    "S3Bucket",
    "S3Service",
    "Upload",
    "part_size_for",
]
