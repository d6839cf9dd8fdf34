"""A route: one pair of a job after it was resolved against what is really there."""

from __future__ import annotations

import msgspec

from core.model import Entry, Method, Place, Value


class Route(Value, frozen=True, kw_only=True):
    """Names of items are relative to `source_prefix` in the source store and to `target_prefix` in the target.

    For local places the store's root is `source_root`/`target_root` and the prefixes are empty or end in "/".
    A single object has `single` (its name under the prefix) and `target_name` when it gets another one.
    `commit` is what the revision of a Hub's repository was when the job began: everything is read at it.
    """

    source: Place
    target: Place
    source_root: str = ""  # local: the folder the store is opened on
    target_root: str = ""
    source_prefix: str = ""
    target_prefix: str = ""
    single: str = ""
    target_name: str = ""
    method: Method = "download"
    creates_bucket: bool = False
    commit: str = ""

    def source_entry(self, entry: Entry, path: str = "") -> Entry:
        """An item's entry as its source knows it, with the complete key (see `Entry.url`)."""
        return msgspec.structs.replace(entry, key=entry.url or self.source_key(entry.key, path))

    def source_key(self, name: str, path: str = "") -> str:
        """The complete key at the source. `path` is that of the local side where it is not the name: the
        target's when that is a folder, else the source's."""
        return self.source_prefix + (path if path and self.target.kind != "local" else name)

    def target_key(self, name: str, path: str = "") -> str:
        if path and self.target.kind == "local":
            return path
        return self.target_prefix + (self.target_name if self.single and self.target_name else name)

    def source_url(self, name: str, path: str = "", url: str = "") -> str:
        """An item as a place that can be read; `url` is that of its entry."""
        return url or self._url(self.source, self.source_root, self.source_key(name, path))

    def target_url(self, name: str, path: str = "") -> str:
        return self._url(self.target, self.target_root, self.target_key(name, path))

    def _url(self, place: Place, root: str, key: str) -> str:
        if place.kind in ("local", "disk"):
            return f"{root.rstrip('/')}/{key}"
        revision = self.commit or place.revision
        return str(msgspec.structs.replace(place, path=key, revision=revision))
