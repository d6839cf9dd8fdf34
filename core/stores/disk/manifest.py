"""A batch's manifest on its disk: which files, how large, with which SHA-256, and where they came from.

A text file of JSON, one object a line, in UTF-8:

1. The first line is the header: whose batch this is, how many files and bytes, where they came from
   (`sources`), and `lines`, the SHA-256 of everything behind the header, as "sha256:<hex>". It is padded with
   spaces to `HEADER` bytes, because it is known last and stands first.
2. A line for each file, in the byte order of the names' UTF-8, no name twice. `sha256` is what was read back
   from the disk when the batch was checked; `etag` and `proof` are what the source called the content and how
   far that was proven; `source` says which of the header's sources.
3. It is written beside its final name, synced and renamed: a manifest that has its name is whole.

It can be checked with common tools: `tail -n +2 FILE | sha256sum` gives `lines`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from core.errors import Code, FileTrouble, HaulierError, IntegrityTrouble
from core.safe_text import safe_text
from core.stores.local.names import MANIFEST
from core.stores.local.os_errors import map_write_error

HEADER = 4096  # bytes, with the line feed
_TITLE = 200  # characters
_SOURCES = 8
_BUFFER = 1 << 20


class From(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A source of the campaign, without secrets; `commit` of a repository."""

    place: str
    commit: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line."""

    campaign: str  # token
    batch: int  # from 1
    batches: int
    disk: str
    version: int = 1
    job: int = 0  # in the journal that it was made in
    title: str = ""
    made: float = 0.0  # UTC seconds
    files: int = 0
    bytes: int = 0
    left_out: int = 0  # files of the batch that could not be fetched
    sources: tuple[From, ...] = ()
    lines: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file. `name` is relative to the folder that the manifest is in."""

    name: str
    size: int
    sha256: str  # hex
    etag: str = ""
    proof: str = ""
    source: int = 0
    url: str = ""  # where the source is a list: the URL, without what may be a signature
    modified: float = 0.0


_HEADER = msgspec.json.Decoder(Header)
_LINE = msgspec.json.Decoder(Line)


def manifest_name(campaign: str, batch: int) -> str:
    return f"{MANIFEST}{campaign}-{batch:04}.jsonl"


def write_manifest(root: Path, header: Header, lines: Iterable[Line]) -> Header:
    """Durable when it returns; `lines` in the order of names. Returns the header as written, with the sums.
    Raises TransferError of the disk."""
    name = manifest_name(header.campaign, header.batch)
    passing = root / f"{name}.part"
    digest, files, size = hashlib.sha256(), 0, 0
    try:
        with suppress(FileNotFoundError):
            passing.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(passing, flags, mode=0o644), "wb", buffering=_BUFFER) as file:
            file.write(_padded(b""))
            for line in lines:
                data = msgspec.json.encode(line) + b"\n"
                digest.update(data)
                file.write(data)
                files, size = files + 1, size + line.size
            header = msgspec.structs.replace(
                header, files=files, bytes=size, lines=f"sha256:{digest.hexdigest()}"
            )
            file.seek(0)
            file.write(_encoded(header))
            file.flush()
            os.fsync(file.fileno())
        passing.rename(root / name)
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            passing.unlink()
        raise map_write_error(error, str(root / name), root) from error
    return header


def _encoded(header: Header) -> bytes:
    """A header that would be too long tells less of where the files came from."""
    header = msgspec.structs.replace(header, title=header.title[:_TITLE], sources=header.sources[:_SOURCES])
    while len(data := msgspec.json.encode(header)) >= HEADER:
        header = msgspec.structs.replace(header, title="", sources=header.sources[:-1])
    return _padded(data)


def _padded(data: bytes) -> bytes:
    return data.ljust(HEADER - 1) + b"\n"


class Manifest:
    """An open manifest. Lines are found by their names without reading all of them. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Raises FileTrouble when it cannot be read, IntegrityTrouble when it is not what it was written as."""
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise FileTrouble(f"{path}: {error.strerror}") from error
        try:
            self._end = os.fstat(self._fd).st_size
            self.header = _HEADER.decode(os.pread(self._fd, HEADER, 0))
        except (msgspec.MsgspecError, OSError) as error:
            os.close(self._fd)
            raise IntegrityTrouble(f"{path}: damaged: {safe_text(str(error))}") from error
        if self.header.version != 1:
            os.close(self._fd)
            raise HaulierError(
                Code.REFUSED, f"{path} was written by a newer haulier", "verify the disk with that version"
            )

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def check(self) -> None:
        """Raises IntegrityTrouble when a single bit of its lines is not as it was written."""
        digest = hashlib.sha256()
        at = HEADER
        while data := self._read(at, _BUFFER):
            digest.update(data)
            at += len(data)
        if self.header.lines != f"sha256:{digest.hexdigest()}":
            raise IntegrityTrouble(
                f"{self.path}: damaged: its lines do not give the digest that its header names"
            )

    def lines(self, start_after: str = "") -> Iterator[Line]:
        """In the order of names. Raises IntegrityTrouble."""
        at = self._first_behind(start_after) if start_after else HEADER
        rest = b""
        while data := self._read(at, _BUFFER):
            at += len(data)
            *whole, rest = (rest + data).split(b"\n")
            for one in whole:
                yield self._decoded(one)
        if rest:
            raise IntegrityTrouble(f"{self.path}: damaged: its last line is cut off")

    def find(self, name: str) -> Line | None:
        """The line of a file. Raises IntegrityTrouble."""
        at = self._search(name.encode(), behind=False)
        if at >= self._end:
            return None
        found = self._decoded(self._line_at(at))
        return found if found.name == name else None

    def _first_behind(self, name: str) -> int:
        return self._search(name.encode(), behind=True)

    def _search(self, name: bytes, *, behind: bool) -> int:
        """Where the first line begins whose name is not before `name`, or, with `behind`, is behind it."""
        low, high = HEADER, self._end  # beginnings of lines; the answer is in between
        while low < high:
            middle = self._beginning_at((low + high) // 2, low)
            line = self._line_at(middle)
            there = self._decoded(line).name.encode()
            if there < name or (behind and there == name):
                low = middle + len(line) + 1
            else:
                high = middle
        return low

    def _beginning_at(self, at: int, low: int) -> int:
        """The beginning of the line that the byte `at` is in; not before `low`, which is one."""
        step = 512
        while True:
            start = max(low, at - step)
            found = self._read(start, at - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            if start == low:
                return low
            step *= 4

    def _line_at(self, at: int) -> bytes:
        step, data = 512, b""
        while b"\n" not in data:
            more = self._read(at + len(data), step)
            if not more:
                raise IntegrityTrouble(f"{self.path}: damaged: its last line is cut off")
            data += more
            step *= 4
        return data.partition(b"\n")[0]

    def _read(self, at: int, count: int) -> bytes:
        try:
            return os.pread(self._fd, count, at)
        except OSError as error:
            raise FileTrouble(f"{self.path}: {error.strerror}") from error

    def _decoded(self, line: bytes) -> Line:
        try:
            return _LINE.decode(line)
        except msgspec.MsgspecError as error:
            raise IntegrityTrouble(f"{self.path}: damaged: {safe_text(str(error))}") from error
