"""Metadata as boto3 wants them, for the few requests that go through it."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from core.stores.base import Metadata
from core.stores.s3.headers import CONTENT_HEADERS, header_text, user_metadata, wanted_class

ARGUMENTS = {
    "content-type": "ContentType",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
}


def metadata_arguments(metadata: Metadata) -> dict[str, Any]:
    """The metadata as boto3 wants them."""
    arguments: dict[str, Any] = {
        ARGUMENTS[name]: header_text(metadata.headers[name])
        for name in CONTENT_HEADERS
        if name in ARGUMENTS and metadata.headers.get(name)
    }
    if expires := expires_argument(metadata.headers.get("expires", "")):
        arguments["Expires"] = expires
    if user := user_metadata(metadata):
        arguments["Metadata"] = user
    if wanted := wanted_class(metadata.storage_class):
        arguments["StorageClass"] = wanted
    if metadata.tags:
        arguments["Tagging"] = urlencode(dict(metadata.tags))
    return arguments


def expires_argument(value: str) -> datetime | None:
    """The Expires header as boto3 takes it; None for a value that is not a date, which boto3 cannot send."""
    try:
        return parsedate_to_datetime(value) if value else None
    except (ValueError, TypeError):
        return None
