"""Digests that the Hub tells of its files."""

from __future__ import annotations

import hashlib
import subprocess

import pytest

from core.stores.hub.digests import ContentDigest, digest_for, git_etag, lfs_etag


@pytest.mark.parametrize("data", [b"", b"hello\n", bytes(100_000)], ids=["empty", "words", "zeros"])
def test_git_blob(data: bytes) -> None:
    """The same as git's own, also when the bytes come in pieces."""
    told = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    digest = ContentDigest("git-sha1", len(data))
    for at in range(0, len(data), 7777):
        digest.update(memoryview(data)[at : at + 7777])
    assert digest.matches(git_etag(told.stdout.decode().strip()))


def test_sha256() -> None:
    """SHA-256 of the bytes; missing bytes never match."""
    etag = lfs_etag("sha256:" + hashlib.sha256(b"abc").hexdigest())
    whole, part = digest_for(etag, 3), digest_for(etag, 4)
    assert whole is not None
    assert part is not None
    for digest in (whole, part):
        digest.update(b"abc")
    assert whole.matches(etag)
    assert not part.matches(etag)


@pytest.mark.parametrize("etag", ["", "abc", "sha256:zz", "md5:" + "0" * 32, "sha256:" + "A" * 64, "a" * 64])
def test_no_content(etag: str) -> None:
    """Nothing else is taken for a digest."""
    assert digest_for(etag, 1) is None
    assert lfs_etag("../x") == git_etag("f" * 39) == ""
