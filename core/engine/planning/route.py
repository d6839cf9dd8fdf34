"""A route: one pair of a job after it was resolved against what is really there."""

from __future__ import annotations

from core.model import Method, Place, Value


class Route(Value, frozen=True, kw_only=True):
    """Names of items are relative to `source_prefix` in the source store and to `target_prefix` in the target.

    For local places the store's root is `source_root`/`target_root` and the prefixes are empty or end in "/".
    A single object has `single` (its name under the prefix) and `target_name` when it gets another one.
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

    def source_key(self, name: str, path: str = "") -> str:
        """The complete key at the source. `path` is that of the local side where it is not the name: the
        target's when that is a folder, else the source's."""
        return self.source_prefix + (path if path and self.target.kind != "local" else name)

    def target_key(self, name: str, path: str = "") -> str:
        if path and self.target.kind == "local":
            return path
        return self.target_prefix + (self.target_name if self.single and self.target_name else name)

    def source_url(self, name: str, path: str = "") -> str:
        return self._url(self.source, self.source_root, self.source_key(name, path))

    def target_url(self, name: str, path: str = "") -> str:
        return self._url(self.target, self.target_root, self.target_key(name, path))

    @staticmethod
    def _url(place: Place, root: str, key: str) -> str:
        if place.kind == "local":
            return f"{root.rstrip('/')}/{key}"
        return str(Place(kind="s3", connection=place.connection, bucket=place.bucket, path=key))
