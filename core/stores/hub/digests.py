"""Digests that the Hub tells of its files, made while the bytes go by.

A file in LFS is known by the SHA-256 of its bytes ("Git LFS specification"), a file in git by its blob's SHA-1:
of "blob", a space, the size in decimal, a NUL, and the bytes ("Git Internals – Git Objects"). In `Entry.etag`
they are written `sha256:<64 hex>` and `git-sha1:<40 hex>`.
"""

from __future__ import annotations

import hashlib
import re

SHA256 = "sha256"
GIT_SHA1 = "git-sha1"
_WRITTEN = re.compile(r"(?:sha256:[0-9a-f]{64}|git-sha1:[0-9a-f]{40})\Z")
_HEX_64 = re.compile(r"[0-9a-f]{64}\Z")
_HEX_40 = re.compile(r"[0-9a-f]{40}\Z")


class ContentDigest:
    """The digest of `size` bytes in order. `proof` is its word: "sha256" or "git-sha1"."""

    def __init__(self, proof: str, size: int) -> None:
        self.proof = proof
        self.size = size
        self.seen = 0
        if proof == SHA256:
            self._digest = hashlib.sha256()
        elif proof == GIT_SHA1:
            self._digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        else:
            raise ValueError(f"no such digest: {proof}")

    def update(self, data: bytes | memoryview) -> None:
        """The next bytes. Any buffer of single bytes."""
        self._digest.update(data)
        self.seen += len(data)

    def written(self) -> str:
        """As it stands in `Entry.etag`."""
        return f"{self.proof}:{self._digest.hexdigest()}"

    def matches(self, etag: str) -> bool:
        """Whether all bytes came and are those that `etag` names."""
        return self.seen == self.size and self.written() == etag


def digest_for(etag: str, size: int) -> ContentDigest | None:
    """The digest to compare with `etag` of a file of `size` bytes; None where that names no content."""
    return ContentDigest(etag.partition(":")[0], size) if names_content(etag) else None


def names_content(etag: str) -> bool:
    """Whether an ETag is one of ours."""
    return _WRITTEN.match(etag) is not None


def lfs_etag(oid: str) -> str:
    """Of an LFS object's id, with or without its own "sha256:"; empty when it is none."""
    oid = oid.removeprefix("sha256:")
    return f"{SHA256}:{oid}" if _HEX_64.match(oid) else ""


def git_etag(oid: str) -> str:
    """Of a git blob's id; empty when it is none."""
    return f"{GIT_SHA1}:{oid}" if _HEX_40.match(oid) else ""
