"""Digests that a Hub tells of its files, as they stand in `Entry.etag`.

A file in LFS is known by the SHA-256 of its bytes ("Git LFS specification"), a file in git by its blob's SHA-1
("Git Internals – Git Objects"): `sha256:<64 hex>` and `git-sha1:<40 hex>` (core/engine/proving/proof.py).
"""

from __future__ import annotations

import re

_HEX_64 = re.compile(r"[0-9a-f]{64}\Z")
_HEX_40 = re.compile(r"[0-9a-f]{40}\Z")


def lfs_etag(oid: str) -> str:
    """Of an LFS object's id, with or without its own "sha256:"; empty when it is none."""
    oid = oid.removeprefix("sha256:")
    return f"sha256:{oid}" if _HEX_64.match(oid) else ""


def git_etag(oid: str) -> str:
    """Of a git blob's id; empty when it is none."""
    return f"git-sha1:{oid}" if _HEX_40.match(oid) else ""
