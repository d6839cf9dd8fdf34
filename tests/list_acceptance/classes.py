"""The classes of the list: what each archive holds, what happens to it on the way, and how it has to end."""

from __future__ import annotations

import io
import random
import tarfile
from dataclasses import dataclass, field
from itertools import cycle

from tests.extract.making import END, header, member
from tests.list_acceptance.server import Fault

LARGE = 12 << 20  # bytes of the one archive that is moved in parts
ROW = 60  # classes of which each special one is there once

STUMBLES: dict[str, list[Fault]] = {
    "reset": [Fault("reset")],
    "reset midway": [Fault("reset midway"), Fault("reset midway")],
    "500": [Fault("status", 500)],
    "502, then 504": [Fault("status", 502), Fault("status", 504)],
    "503": [Fault("status", 503)],
    "429": [Fault("status", 429, {"Retry-After": "1"})],
    "truncated": [Fault("truncated")],
    "slow drip": [Fault("drip")],
    "login page": [Fault("login page")],
}
REFUSED = {"404": (404, "404 Not Found"), "401": (401, "401 Unauthorized")}
BAD: dict[str, tuple[bytes, str]] = {
    "web page as archive": (b"<!DOCTYPE html><html>sign in</html>", "web page"),
    "cut archive": (b"", "cut off"),  # made of the right one
    "link": (member(b"ok", b"1") + header(b"l", 0, b"2", b"/etc/passwd") + END, "symbolic link"),
    "leads out": (member(b"../x", b"1") + END, "leads out"),
}


@dataclass(frozen=True)
class Class:
    """`files` are what its folder has to hold; `error` is in its line of the failed log, empty when it ends."""

    wnid: str
    kind: str
    files: dict[str, bytes]
    served: bytes = b""  # instead of the right archive
    status: int = 0
    error: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def archive(self) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in self.files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(data), 1_600_000_000
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


def make_classes(count: int, seed: int = 1) -> list[Class]:
    """`count` classes, the first of them large; in each ROW of them every fault, refusal and bad archive once,
    and otherwise good ones. The same for the same numbers."""
    chance = random.Random(seed)
    special = [*STUMBLES, *REFUSED, *BAD]
    kinds = cycle(special + ["good"] * (ROW - len(special)))
    made = [_make(number, kind, chance) for number, kind in zip(range(1, count), kinds, strict=False)]
    large = {f"part{n}.JPEG": chance.randbytes(LARGE // 4) for n in range(4)}
    faults = [Fault("reset"), Fault("reset midway"), Fault("reset midway"), Fault("truncated")]
    first = Class("n00000000", "large, reset midway", large, faults=faults)
    return [first, *made]


def _make(number: int, kind: str, chance: random.Random) -> Class:
    wnid = f"n{number:08}"
    files = {
        f"{wnid}_{n}.JPEG": chance.randbytes(chance.randrange(0, 6000)) for n in range(chance.randrange(1, 7))
    }
    good = Class(wnid, kind, files, faults=list(STUMBLES.get(kind, [])))
    if kind in REFUSED:
        status, words = REFUSED[kind]
        return Class(wnid, kind, files, status=status, error=words)
    if kind in BAD:
        data, words = BAD[kind]
        return Class(wnid, kind, files, served=data or good.archive[:700], error=words)
    return good
