"""Archives as people make them, and as nobody should: header by header."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

BLOCK = 512


def header(
    name: bytes,
    size: int = 0,
    flag: bytes = b"0",
    link: bytes = b"",
    mode: bytes = b"0000644\0",
    size_field: bytes = b"",
) -> bytes:
    """One ustar header with a right checksum. `size_field` writes the size otherwise than in octal."""
    fields = (
        name[:100].ljust(100, b"\0")
        + mode
        + b"0001750\0" * 2
        + (size_field or b"%011o\0" % size)
        + b"14700000000\0"
        + b" " * 8
        + flag
        + link[:100].ljust(100, b"\0")
        + b"ustar\x0000"
        + bytes(247)
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def member(name: bytes, data: bytes = b"", flag: bytes = b"0", **told: bytes) -> bytes:
    """A header and its bytes, filled up."""
    return header(name, len(data), flag, **told) + data + bytes(-len(data) % BLOCK)


def pax(**records: str) -> bytes:
    """A pax header for the next member."""
    data = b""
    for key, value in records.items():
        text = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(text) + 1
        while len(str(length)) + len(text) != length:
            length += 1
        data += str(length).encode() + text
    return member(b"PaxHeaders/x", data, b"x")


END = bytes(2 * BLOCK)


def written(path: Path, *members: bytes, end: bytes = END) -> Path:
    path.write_bytes(b"".join(members) + end)
    return path


def usual(path: Path, files: dict[str, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> Path:
    """An archive by Python's own writer, an independent one."""
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_600_000_000
            archive.addfile(info, io.BytesIO(data))
    return path
