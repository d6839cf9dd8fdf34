"""ETags as evidence."""

from __future__ import annotations

import hashlib

import pytest

from core.stores.s3.etag import composite_etag, composite_parts, is_md5, is_opaque, unquoted

MD5 = hashlib.md5(b"x", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("written", "bare"),
    [('"abc"', "abc"), ("abc", "abc"), ('W/"abc"', "abc"), (' "abc-2" ', "abc-2"), ("", "")],
)
def test_quotes_and_weakness_are_removed(written: str, bare: str) -> None:
    """What listings, headers and boto3 write is one value."""
    assert unquoted(written) == bare


def test_shapes() -> None:
    """Only 32 hex digits look like an MD5, only those with a count like a composite."""
    assert is_md5(MD5)
    assert not any(map(is_md5, [MD5.upper(), MD5 + "\n", MD5[1:], f"{MD5}-1", ""]))
    assert [composite_parts(text) for text in (f"{MD5}-1", f"{MD5}-10000", MD5, f"{MD5}-0", f"{MD5}-")] == [
        1,
        10_000,
        0,
        0,
        0,
    ]


def test_composite_of_known_parts() -> None:
    """The MD5 of the parts' binary MD5s and their number."""
    parts = [hashlib.md5(bytes([n]), usedforsecurity=False) for n in range(3)]
    joined = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False).hexdigest()
    assert composite_etag([part.hexdigest() for part in parts]) == f"{joined}-3"


def test_encrypted_objects_have_opaque_etags() -> None:
    """KMS of either kind and customer keys; AES256 of S3 itself leaves the MD5."""
    assert is_opaque({"x-amz-server-side-encryption": "aws:kms"})
    assert is_opaque({"x-amz-server-side-encryption": "aws:kms:dsse"})
    assert is_opaque({"x-amz-server-side-encryption-customer-algorithm": "AES256"})
    assert not is_opaque({"x-amz-server-side-encryption": "AES256"})
