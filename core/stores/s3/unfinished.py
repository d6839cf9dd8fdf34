"""Unfinished multipart uploads of a bucket, a page at a time, in the order of their keys.

Source: "ListMultipartUploads" in the Amazon S3 API reference. A server may give fewer than were asked for; only
IsTruncated says whether there are more. One whose markers lead in a circle is refused.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from core.errors import FileTrouble, StageLost
from core.model import Value
from core.stores.s3.control import Control
from core.stores.s3.errors import Doing
from core.stores.s3.multipart import Upload

MOST = 1000  # S3's own limit for one page


class _Markers(Value, frozen=True, kw_only=True):
    key: str = ""
    token: str = ""


def page(control: Control, bucket: str, prefix: str, cursor: str, limit: int) -> tuple[list[Upload], str]:
    """At most `limit` uploads whose key begins with `prefix`, and the cursor of the next page (empty: none).

    Raises TransferError; FileTrouble for a cursor that is none of ours.
    """
    doing = Doing("list unfinished uploads of", bucket)
    asked = _read(cursor, doing)
    more = {"KeyMarker": asked.key, "UploadIdMarker": asked.token} if asked.key else {}
    if more and not asked.token:
        del more["UploadIdMarker"]
    try:
        with control.asking(doing):
            answer = control.client(bucket).list_multipart_uploads(
                Bucket=bucket, Prefix=prefix, MaxUploads=max(1, min(limit, MOST)), EncodingType="url", **more
            )
    except StageLost:  # `rclone serve s3` says NoSuchUpload of a bucket that has none
        return [], ""
    encoded = str(answer.get("EncodingType", "")).lower() == "url"

    def plain(text: str) -> str:
        return unquote_plus(text) if encoded else text

    found = [_upload(each, plain(each["Key"])) for each in answer.get("Uploads", [])]
    found = [each for each in found if each.key.startswith(prefix)]
    if not answer.get("IsTruncated"):
        return found, ""
    following = _Markers(
        key=plain(answer.get("NextKeyMarker", "")), token=str(answer.get("NextUploadIdMarker", ""))
    )
    if not following.key or following == asked:
        raise FileTrouble(f"{doing}: the server's list leads in a circle")
    return found, msgspec.json.encode(following).decode()


def _upload(told: dict[str, Any], key: str) -> Upload:
    started = told.get("Initiated")
    return Upload(
        key=key,
        token=str(told["UploadId"]),
        started=started.timestamp() if isinstance(started, datetime) else 0.0,
        storage_class=str(told.get("StorageClass", "")),
    )


def _read(cursor: str, doing: Doing) -> _Markers:
    try:
        return msgspec.json.decode(cursor, type=_Markers) if cursor else _Markers()
    except msgspec.DecodeError:
        raise FileTrouble(f"{doing}: not a cursor of such a list") from None
