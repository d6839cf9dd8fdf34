"""Sets of row numbers of a long list, a bit for each row: a million rows take 125 KB and microseconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

_RUNS = re.compile("1+")


class Positions(AbstractSet[int]):
    """Immutable. Numbers count from 0; a negative one raises ValueError."""

    __slots__ = ("_bits",)

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        if isinstance(numbers, Positions):
            self._bits: int = numbers._bits
            return
        wanted = list(numbers)
        if not wanted:
            self._bits = 0
            return
        if min(wanted) < 0:
            raise ValueError(f"no row has the number {min(wanted)}")
        octets = bytearray((max(wanted) >> 3) + 1)
        for number in wanted:
            octets[number >> 3] |= 1 << (number & 7)
        self._bits = int.from_bytes(octets, "little")

    @classmethod
    def _of(cls, bits: int) -> Positions:
        made = cls()
        made._bits = bits
        return made

    @classmethod
    def span(cls, first: int, last: int) -> Positions:
        """All from `first` to `last`, both included; empty when `last` is the smaller one."""
        return cls._of(((1 << (last - first + 1)) - 1) << first) if first <= last else cls()

    @classmethod
    def below(cls, count: int) -> Positions:
        """All rows of a list of `count`."""
        return cls.span(0, count - 1)

    @classmethod
    def from_bytes(cls, octets: bytes) -> Positions:
        """What `to_bytes` gave."""
        return cls._of(int.from_bytes(octets, "little"))

    def to_bytes(self) -> bytes:
        """Row 0 is the lowest bit of the first byte."""
        return self._bits.to_bytes((self._bits.bit_length() + 7) >> 3, "little")

    def runs(self) -> Iterator[tuple[int, int]]:
        """Neighbours joined: the first and the last row of each run, rising."""
        if not self._bits:
            return
        digits = format(self._bits, "b")[::-1]
        for run in _RUNS.finditer(digits):
            yield run.start(), run.end() - 1

    @property
    def last(self) -> int:
        """The largest number, -1 when there is none."""
        return self._bits.bit_length() - 1

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and number >= 0 and bool(self._bits >> number & 1)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.runs():
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return self._bits.bit_count()

    def __bool__(self) -> bool:
        return self._bits != 0

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Positions):
            return self._bits == other._bits
        return super().__eq__(other)

    def __hash__(self) -> int:
        return self._hash()

    def __le__(self, other: AbstractSet[Any]) -> bool:
        return not self._bits & ~_bits_of(other)

    def __or__(self, other: AbstractSet[Any]) -> Positions:
        return self._of(self._bits | _bits_of(other))

    def __and__(self, other: AbstractSet[Any]) -> Positions:
        return self._of(self._bits & _bits_of(other))

    def __sub__(self, other: AbstractSet[Any]) -> Positions:
        return self._of(self._bits & ~_bits_of(other))

    def __xor__(self, other: AbstractSet[Any]) -> Positions:
        return self._of(self._bits ^ _bits_of(other))

    def __repr__(self) -> str:
        runs = list(self.runs())
        shown = ", ".join(f"{first}-{last}" if first < last else f"{first}" for first, last in runs[:8])
        return f"Positions({shown}{', …' if len(runs) > 8 else ''})"


def _bits_of(numbers: AbstractSet[Any]) -> int:
    return numbers._bits if isinstance(numbers, Positions) else Positions(numbers)._bits


NOWHERE = Positions()
