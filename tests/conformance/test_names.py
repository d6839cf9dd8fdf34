"""Names that break programs: each must come through byte for byte, or be refused; never become another name."""

from __future__ import annotations

import pytest

from core.errors import TransferError
from core.stores.base import Metadata
from tests.conformance.subject import Subject, md5
from tests.hostile_names import HOSTILE, REFUSED, TWINS


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_name_comes_through(subject: Subject, case: str) -> None:
    """Put, list, stat, read and delete all meet exactly this key, and no other key appears."""
    key, reason = HOSTILE[case], REFUSED[subject.name].get(case, "")
    if reason and subject.name != "local":
        pytest.skip(f"{subject.name}: {reason}")
    data = case.encode()
    try:
        receipt = subject.store.put(key, data, Metadata(), md5=md5(data))
        failed = subject.store.settle([receipt])
    except TransferError:
        failed = {key: Exception()}
    if reason:
        assert failed, f"{case} was accepted"
        assert subject.listed() == []
        return
    assert not failed
    assert [entry.key for entry in subject.listed()] == [key]
    entry = subject.entry(key)
    assert subject.store.stat(key).entry.size == len(data)
    assert subject.bytes_of(entry) == data
    if len(data) > 2:
        assert subject.bytes_of(entry, 1, len(data) - 2) == data[1:-1]
    subject.store.delete(entry)
    assert subject.listed() == []


def test_twins_stay_apart(subject: Subject) -> None:
    """Names that differ only in case, in Unicode form or in an escape are different objects."""
    for n, key in enumerate(TWINS):
        subject.write(key, str(n).encode())
    assert {entry.key: subject.bytes_of(entry) for entry in subject.listed()} == {
        key: str(n).encode() for n, key in enumerate(TWINS)
    }


@pytest.mark.parametrize("case", ["dot dot", "double slash", "plus", "emoji", "tab", "long"])
def test_a_hostile_name_as_a_large_object(s3: Subject, case: str) -> None:
    """Multipart upload and server-side copy take the same names."""
    key, reason = HOSTILE[case], REFUSED[s3.name].get(case, "")
    if reason:
        pytest.skip(f"{s3.name}: {reason}")
    token = s3.store.stage(key, 3, Metadata())
    part = s3.store.put_part(key, token, 1, 0, b"abc", md5=md5(b"abc"))
    assert [part.etag for part in s3.store.staged_parts(key, token)] == [part.etag]
    s3.store.commit(key, token, [part], 3)
    assert s3.bytes_of(s3.entry(key)) == b"abc"
    s3.bucket.copy(s3.bucket, s3.entry(key), "copied")
    assert s3.bytes_of(s3.entry("copied")) == b"abc"
    copied = s3.entry("copied")
    s3.store.delete(s3.entry(key))
    s3.bucket.copy(s3.bucket, copied, key)
    assert s3.bytes_of(s3.entry(key)) == b"abc"
