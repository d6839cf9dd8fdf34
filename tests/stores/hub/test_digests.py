"""Digests that the Hub tells of its files."""

from __future__ import annotations

import hashlib
import subprocess

import pytest

from core.engine.proving.evidence import new_hash
from core.engine.proving.proof import named_digest
from core.stores.hub.digests import git_etag, lfs_etag


@pytest.mark.parametrize("data", [b"", b"hello\n", bytes(100_000)], ids=["empty", "words", "zeros"])
def test_git_blob(data: bytes) -> None:
    """What is proven by is git's own id, also when the bytes come in pieces."""
    told = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True)
    kind, wanted = named_digest(git_etag(told.stdout.decode().strip()))
    digest = new_hash(kind, len(data))
    for at in range(0, len(data), 7777):
        digest.update(memoryview(data)[at : at + 7777])
    assert digest.hexdigest() == wanted


def test_sha256() -> None:
    """SHA-256 of the bytes, with the prefix of Git LFS or without."""
    wanted = hashlib.sha256(b"abc").hexdigest()
    assert named_digest(lfs_etag(f"sha256:{wanted}")) == named_digest(lfs_etag(wanted)) == ("sha256", wanted)


@pytest.mark.parametrize("etag", ["", "abc", "sha256:zz", "md5:" + "0" * 32, "sha256:" + "A" * 64, "a" * 64])
def test_no_content(etag: str) -> None:
    """Nothing else is taken for a digest."""
    assert named_digest(etag) == ("", "")
    assert lfs_etag("../x") == git_etag("f" * 39) == ""
