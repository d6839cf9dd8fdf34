"""Deleting objects of one bucket, each only while it still is what was listed.

1. HEAD, and compare with the listing; what HEAD told (version, checksums) can be written down. 2. DELETE with
If-Match of the ETag just seen ("Conditional deletes", Amazon S3 User Guide).

Servers differ: some refuse the condition, some ignore it. The first object to go shows which: after HEAD has
found it unchanged it is deleted on a condition that cannot hold. An answer of 412 says that conditions are
kept, and the right one follows; a deletion says that they are not, and has done what was to be done.

Where conditions are kept and the bucket keeps no versions, the condition alone is the second look, and HEAD,
which could tell nothing more that is needed, is left out: one request an object instead of two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Literal

from core.errors import FileTrouble, NoPermission, NotFound, SourceChanged
from core.model import Entry
from core.stores.base import ObjectInfo, Removal
from core.stores.s3.addressing import has_dot_segment
from core.stores.s3.dotted import Dotted
from core.stores.s3.errors import Doing
from core.stores.s3.headers import all_headers
from core.stores.s3.versions import Versions
from core.stores.s3.wire import Wire

NO_SUCH_ETAG = "0" * 32  # the MD5 of nothing that anybody has


class Deleting:
    """`head` looks at a key (raises NotFound), `wire` is asked for when needed. Called from many threads."""

    def __init__(
        self,
        bucket: str,
        wire: Callable[[], Wire],
        dotted: Dotted,
        versions: Versions,
        head: Callable[[str], ObjectInfo],
    ) -> None:
        self._bucket = bucket
        self._wire = wire
        self._dotted = dotted
        self._versions = versions
        self._head = head
        self._conditions: Literal["untried", "kept", "ignored", "refused"] = "untried"
        self._unversioned: bool | None = None
        self._finding_out = threading.Lock()

    def look_again(self, entry: Entry) -> ObjectInfo | None:
        """See Deletes. Where a side has no ETag, size and whole seconds of the time are compared."""
        if self._conditions == "kept" and entry.etag and self._keeps_no_versions():
            return ObjectInfo(entry=entry)
        try:
            seen = self._head(entry.key)
        except NotFound:
            return None
        now = seen.entry
        if entry.etag and now.etag:
            same = now.etag == entry.etag
        else:
            same = not (entry.modified and now.modified) or int(entry.modified) == int(now.modified)
        if not same or now.size != entry.size:
            raise self._changed(entry.key)
        return seen

    def remove(self, seen: ObjectInfo) -> Removal:
        """See Deletes."""
        key, etag = seen.entry.key, seen.entry.etag
        try:
            if not etag or self._conditions in ("ignored", "refused"):
                return self._ask(key, "")
            if self._conditions == "untried" and self._finding_out.acquire(blocking=False):
                try:
                    if (removal := self._find_out(key)) is not None:
                        return removal
                finally:
                    self._finding_out.release()
            return self._ask_on_condition(key, etag)
        except NotFound:
            return Removal()
        except SourceChanged:
            return self._gone_or_changed(key)

    def _find_out(self, key: str) -> Removal | None:
        """What this server makes of a condition; the object's removal when it does not mind it."""
        try:
            removal = self._ask(key, NO_SUCH_ETAG)
        except SourceChanged:
            self._conditions = "kept"
            return None
        except FileTrouble as error:
            if isinstance(error, NotFound | NoPermission):
                raise
            return self._ask_without(key)
        self._conditions = "ignored"
        return removal

    def _ask_on_condition(self, key: str, etag: str) -> Removal:
        try:
            return self._ask(key, etag)
        except FileTrouble as error:
            if isinstance(error, NotFound | NoPermission):
                raise
            return self._ask_without(key)

    def _ask_without(self, key: str) -> Removal:
        removal = self._ask(key, "")
        self._conditions = "refused"  # the condition was what the server did not like
        return removal

    def _ask(self, key: str, etag: str) -> Removal:
        if has_dot_segment(key):
            answer: Mapping[str, str] = self._dotted.delete(key, etag)
        else:
            headers = [("if-match", f'"{etag}"')] if etag else []
            doing = Doing("delete", self._bucket, key, True)
            answer = all_headers(self._wire().ask(doing, "DELETE", headers=headers)) or {}
        if answer.get("x-amz-delete-marker", "").lower() != "true":
            return Removal()
        return Removal(marker_id=answer.get("x-amz-version-id", ""))

    def _gone_or_changed(self, key: str) -> Removal:
        """A condition does not hold for what is gone, either. Raises SourceChanged when something is there."""
        try:
            self._head(key)
        except NotFound:
            return Removal()
        raise self._changed(key)

    def _keeps_no_versions(self) -> bool:
        if self._unversioned is None:
            self._unversioned = self._versions.state() == "off"
        return self._unversioned

    def _changed(self, key: str) -> SourceChanged:
        return SourceChanged(f"s3://{self._bucket}/{key}: changed since the plan: kept")
