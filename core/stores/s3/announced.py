"""Uploads that were about to begin when the engine was killed, and whose id nobody was told.

Before an upload is begun, the engine records a token made here: the moment from which it may exist. When it
finds such a token instead of an upload id, the upload of that key that began then, and holds nothing, is ours.
Whoever else began one of the same key has parts in it by now, or began at another time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from core.stores.s3.errors import http_date

_PREFIX = "announced:"  # no server gives such an upload id
_BEGIN_SECONDS = 180.0  # that a request to begin an upload may be on its way
_COARSE = 2.0  # seconds; servers tell times in whole ones


def announce() -> str:
    """A token for the upload that is begun next."""
    return f"{_PREFIX}{time.time():.3f}"


def is_announced(token: str) -> bool:
    """Whether this is such a token and no upload id."""
    return token.startswith(_PREFIX)


def begun_since(token: str, key: str, answer: dict[str, Any]) -> Iterator[str]:
    """The ids of uploads in an answer of ListMultipartUploads that the announced one may be, by key and time.

    Times are compared by the server's clock, as far as its Date tells that; what is not sure is left out.
    """
    since = float(token.removeprefix(_PREFIX))
    told = http_date(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", ""))
    ahead = told - time.time() if told else 0.0
    if abs(ahead) < _COARSE:
        ahead = 0.0
    for upload in answer.get("Uploads", []):
        started = upload.get("Initiated")
        if upload["Key"] != key or not isinstance(started, datetime):
            continue
        if -_COARSE <= started.timestamp() - ahead - since <= _BEGIN_SECONDS:
            yield upload["UploadId"]
