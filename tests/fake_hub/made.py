"""Content that is made while it is read: large repositories that take no memory."""

from __future__ import annotations

import hashlib
import random
from functools import cached_property

BLOCK = 1 << 16
_NOISE = random.Random(0).randbytes(2 << 20)
_PIECE = 1 << 20


class Made:
    """`size` bytes, the same for the same size and seed; each block begins with a digest of its own."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.seed = seed

    def read(self, offset: int, length: int) -> bytes:
        """As a file: fewer bytes at the end."""
        end = min(offset + length, self.size)
        first = offset // BLOCK
        made = b"".join(self._block(number) for number in range(first, -(-end // BLOCK)))
        return made[offset - first * BLOCK : end - first * BLOCK]

    def _block(self, number: int) -> bytes:
        head = hashlib.sha256(f"{self.seed} {self.size} {number}".encode()).digest()
        at = int.from_bytes(head[:4]) % (len(_NOISE) - BLOCK)
        return head + _NOISE[at : at + BLOCK - len(head)]

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for at in range(0, self.size, _PIECE):
            digest.update(self.read(at, _PIECE))
        return digest.hexdigest()
