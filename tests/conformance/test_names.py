"""Names that break programs: each must come through byte for byte, or be refused; never become another name."""

from __future__ import annotations

import pytest

from core.errors import TransferError
from core.stores.base import Metadata
from tests.conformance.subject import Subject, md5

NAMES = {
    "plain": "plain.bin",
    "double slash": "a//b",
    "many slashes": "a////b",
    "leading slash": "/lead",
    "trailing slash": "folder/",
    "only a slash": "/",
    "dot segment": "a/./b",
    "leading dot segment": "./x",
    "trailing dot segment": "x/.",
    "dot dot": "a/../b",
    "leading dot dot": "../x",
    "only dot dot": "..",
    "three dots": "a/.../b",
    "dots in names": "..a/b../.c.",
    "encoded dot dot": "a/%2e%2e/b",
    "tab": "tab\there",
    "newline": "new\nline",
    "carriage return": "carriage\rreturn",
    "control": "control\x01\x1f\x7f",
    "escape": "esc\x1b[31mred",
    "space": "a b c ",
    "leading space": " a",
    "NFC": "caf\u00e9",
    "NFD": "cafe\u0301",
    "emoji": "\U0001f980/\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "outside the first plane": "\U00020000",
    "right to left": "a\u202ecba",
    "line separator": "a\u2028b",
    "plus": "a+b",
    "percent": "100%",
    "percent forty six": "%46%2F%00",
    "query marks": "a?b=c&d#e",
    "xml": '<a href="x">&amp;\'',
    "backslash": "back\\slash\\..\\x",
    "sub-delimiters": "a!$&'()*,;=:@~b",
    "braces": "{a}|^`[b]",
    "markup": "k[@click=app.quit]z",
    "long": "/".join(["k" * 200] * 5) + "/" + "é" * 9 + "x",  # 1024 bytes
}
SLASHES = {"double slash", "many slashes", "leading slash", "only a slash"}
DOTS = {
    "dot segment",
    "leading dot segment",
    "trailing dot segment",
    "dot dot",
    "leading dot dot",
    "only dot dot",
}

# What a store cannot hold, and why. Whatever is not named here must come through.
CANNOT: dict[str, dict[str, str]] = {
    "local": {
        **dict.fromkeys(SLASHES | DOTS, "a file system has no such name"),
        "trailing slash": "a file system has no such name",
    },
    "moto": {"newline": "its router matches paths without newlines and answers 404"},
    "rclone": {
        **dict.fromkeys(SLASHES | DOTS, "refuses names that are not clean paths"),
        "trailing slash": "stores the name without its slash",
    },
    "versitygw": {
        **dict.fromkeys(SLASHES | DOTS, "cleans the path before it looks at it"),
        "trailing slash": "takes it for a folder, which holds no bytes",
        **dict.fromkeys(["control", "escape"], "ignores encoding-type and lists U+FFFD instead"),
    },
}


@pytest.mark.parametrize("case", NAMES)
def test_a_hostile_name_comes_through(subject: Subject, case: str) -> None:
    """Put, list, stat, read and delete all meet exactly this key, and no other key appears."""
    key, reason = NAMES[case], CANNOT[subject.name].get(case, "")
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
    twins = ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "a+b", "a b", "a%20b", "a%2Bb"]
    for n, key in enumerate(twins):
        subject.write(key, str(n).encode())
    assert {entry.key: subject.bytes_of(entry) for entry in subject.listed()} == {
        key: str(n).encode() for n, key in enumerate(twins)
    }


@pytest.mark.parametrize("case", ["dot dot", "double slash", "plus", "emoji", "tab", "long"])
def test_a_hostile_name_as_a_large_object(s3: Subject, case: str) -> None:
    """Multipart upload and server-side copy take the same names."""
    key, reason = NAMES[case], CANNOT[s3.name].get(case, "")
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
