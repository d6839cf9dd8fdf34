"""From a file to the bytes of a tar: what it is packed with is told by its first bytes, never by its name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from core.extract.errors import ArchiveTrouble

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard"),
)
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, OSError, ValueError)


@contextmanager
def opened(packed: BinaryIO) -> Iterator[BinaryIO]:
    """The tar's bytes out of an open file, which stands at its beginning; its `tell` says how much was read.

    Raises ArchiveTrouble for what is no tar, with or without gzip, bzip2 or xz; OSError for the disk's own.
    """
    start = packed.read(512)
    packed.seek(0)
    if not start:
        raise ArchiveTrouble("the archive is empty")
    how = next((name for magic, name in _MAGIC if start.startswith(magic)), "")
    match how:
        case "gzip":
            with gzip.GzipFile(fileobj=packed) as plain:
                yield cast(BinaryIO, plain)
        case "bzip2":
            with bz2.BZ2File(packed) as plain_bz2:
                yield cast(BinaryIO, plain_bz2)
        case "xz":
            with lzma.LZMAFile(packed) as plain_xz:
                yield cast(BinaryIO, plain_xz)
        case _:
            _refuse_what_is_no_tar(start)
            yield packed


def _refuse_what_is_no_tar(start: bytes) -> None:
    if start.lstrip()[:64].lower().startswith(_PAGES):
        raise ArchiveTrouble("it is a web page, not an archive: the server answered with something else")
    for magic, what in _OTHERS:
        if start.startswith(magic):
            raise ArchiveTrouble(f"it is {what}; tar, plain or with gzip, bzip2 or xz, can be extracted")
