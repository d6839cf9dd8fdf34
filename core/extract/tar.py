"""Reading a tar as a stream: headers checked, one member after the other, always forward.

1. Blocks of 512 bytes: a header, then the member's bytes, filled up to a whole block.
2. A header's checksum is the sum of its bytes with the checksum field as spaces (POSIX.1-1988 ustar, pax in
   POSIX.1-2001; https://www.gnu.org/software/tar/manual/html_node/Standard.html).
3. A long name comes before its member: as GNU `L` member, or as `path` in a pax `x` header. Sizes above 8 GiB
   are base-256 (GNU) or a pax `size`.
4. Two blocks of zeros end the archive. One that ends without them was cut off.

Python's own reader (tarfile) loops for ever over a negative size before 3.11.14 (CVE-2025-8194), and its ways
with links have been wrong more than once; here a number is refused unless it is one, and links are only told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from core.extract.compression import BROKEN
from core.extract.errors import ArchiveTrouble

BLOCK = 512
CHUNK = 1 << 20
MAX_HEADER_DATA = 1 << 20  # of a long name or a pax header
MAX_SIZE = 1 << 62

Kind = Literal["file", "folder", "symbolic link", "hard link", "device", "FIFO", "sparse file", "unknown kind"]
_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",  # "contiguous", which is a file everywhere
    b"5": "folder",
    b"2": "symbolic link",
    b"1": "hard link",
    b"3": "device",
    b"4": "device",
    b"6": "FIFO",
    b"S": "sparse file",
}
_BODILESS = {"folder", "symbolic link", "hard link", "device", "FIFO"}


@dataclass(frozen=True)
class Member:
    """One entry. `name` is as the archive says it: not checked, perhaps hostile."""

    name: bytes
    kind: Kind
    size: int
    mode: int
    modified: float


class TarStream:
    """`for member in stream:`, and `stream.data()` for the bytes of the member just given, before the next."""

    def __init__(self, plain: BinaryIO) -> None:
        self._plain = plain
        self._left = 0  # of the member's bytes
        self._padding = 0
        self.position = 0  # bytes of the tar read so far

    def __iter__(self) -> Iterator[Member]:
        """Raises ArchiveTrouble where the archive is damaged or ends early."""
        long_name: bytes | None = None
        pax: dict[bytes, bytes] = {}
        everywhere: dict[bytes, bytes] = {}
        while True:
            self._skip()
            header = self._read(BLOCK, "a header")
            if not any(header):
                if any(self._read(BLOCK, "its end")):
                    raise ArchiveTrouble(f"damaged at byte {self.position - BLOCK}: an end that is none")
                return
            self._check(header)
            size = _number(header[124:136], "size")
            flag = header[156:157]
            if flag in (b"L", b"K", b"x", b"g"):
                data = self._header_data(size)
                if flag == b"L":
                    long_name = data.split(b"\0", 1)[0]
                elif flag == b"x":
                    pax = _pax(data)
                elif flag == b"g":
                    everywhere |= _pax(data)
                continue
            told = everywhere | pax
            member = self._member(header, flag, size, long_name, told)
            long_name, pax = None, {}
            self._left = member.size if member.kind not in _BODILESS else 0
            self._padding = -self._left % BLOCK
            if flag != b"V":  # a label of the archive is no member
                yield member

    def data(self) -> Iterator[bytes]:
        """The bytes of the member just given, as they come. Raises ArchiveTrouble when they end early."""
        while self._left:
            chunk = self._read_some(min(CHUNK, self._left))
            self._left -= len(chunk)
            yield chunk

    def _member(
        self, header: bytes, flag: bytes, size: int, long_name: bytes | None, told: dict[bytes, bytes]
    ) -> Member:
        if b"size" in told:
            size = _decimal(told[b"size"])
        name = header[0:100].split(b"\0", 1)[0]
        if header[257:263] == b"ustar\0" and (prefix := header[345:500].split(b"\0", 1)[0]):
            name = prefix + b"/" + name
        name = told.get(b"path", name if long_name is None else long_name)
        kind = _KINDS.get(flag, "unknown kind")
        if any(key.startswith(b"GNU.sparse.") for key in told):
            kind = "sparse file"
        elif kind == "file" and name.endswith(b"/"):
            kind = "folder"  # as archives before POSIX wrote them
        mode = _number(header[100:108], "mode") & 0o7777
        modified = _seconds(told.get(b"mtime", b"")) or float(_number(header[136:148], "time"))
        return Member(name, kind, size, mode, modified)

    def _header_data(self, size: int) -> bytes:
        if size > MAX_HEADER_DATA:
            raise ArchiveTrouble(f"damaged at byte {self.position}: a name of {size} bytes")
        data = self._read(size, "a name")
        self._read(-size % BLOCK, "a name")
        return data

    def _check(self, header: bytes) -> None:
        try:
            told = _number(header[148:156], "checksum")
        except ArchiveTrouble:
            told = -1
        others = header[:148] + b" " * 8 + header[156:]
        signed = sum(byte - 256 if byte > 127 else byte for byte in others)
        if told not in (sum(others), signed):
            if self.position == BLOCK:
                raise ArchiveTrouble("it is no tar archive")
            raise ArchiveTrouble(f"damaged at byte {self.position - BLOCK}: a header's checksum is wrong")

    def _skip(self) -> None:
        for _ in self.data():
            pass
        self._read(self._padding, "a member")
        self._padding = 0

    def _read(self, count: int, what: str) -> bytes:
        pieces = []
        while count:
            piece = self._read_some(count, what)
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

    def _read_some(self, count: int, what: str = "a member") -> bytes:
        try:
            piece = self._plain.read(count)
        except BROKEN as error:
            raise ArchiveTrouble(f"cannot be unpacked after byte {self.position}: {error}") from error
        if not piece:
            raise ArchiveTrouble(f"cut off: it ends inside {what}, after byte {self.position}")
        self.position += len(piece)
        return piece


def _number(field: bytes, what: str) -> int:
    """Octal digits between blanks, or base-256 with the top bit set. Raises ArchiveTrouble for others."""
    if field[0] & 0x80:
        if field[0] != 0x80:  # 0xff begins a negative number; no archive in use needs more than 95 bits
            raise ArchiveTrouble(f"damaged: a {what} that is negative or beyond any disk")
        value = int.from_bytes(field[1:], "big")
    else:
        digits = field.strip(b" \0").split(b"\0", 1)[0].strip()
        if digits.strip(b"01234567"):
            raise ArchiveTrouble(f"damaged: a {what} that is no number")
        value = int(digits, 8) if digits else 0
    if value > MAX_SIZE:
        raise ArchiveTrouble(f"damaged: a {what} beyond any disk")
    return value


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19 or int(text) > MAX_SIZE:
        raise ArchiveTrouble("damaged: a size that is no number")
    return int(text)


def _seconds(text: bytes) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < 1e11 else 0.0


def _pax(data: bytes) -> dict[bytes, bytes]:
    """ "LENGTH KEY=VALUE\\n", the length counting all of it. Raises ArchiveTrouble."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data) and data[at]:
        length, blank, _ = data[at : at + 20].partition(b" ")
        if not blank or not length.isdigit():
            raise ArchiveTrouble("damaged: a pax header that is none")
        end = at + int(length)
        record = data[at + len(length) + 1 : end]
        key, equals, value = record.partition(b"=")
        if end > len(data) or not equals or not value.endswith(b"\n"):
            raise ArchiveTrouble("damaged: a pax header that is none")
        found[key] = value[:-1]
        at = end
    return found
