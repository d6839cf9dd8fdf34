"""Which files go onto which disk: few disks, and folders stay together where that costs little.

1. Files come in the order of their names and are gathered into units: runs of neighbours that together fill at
   most a hundredth of a disk, cut between folders where possible. A file larger than that is a unit by itself.
2. The units are laid out in order, a new disk whenever the next does not fit: every folder stays together but
   where one disk ends. If that needs as few disks as the bytes alone would, it is the answer.
3. Otherwise the large files are placed first, the largest first, each on the first disk that has room
   ("first-fit decreasing", at most 11/9 of the best; D. S. Johnson 1973), and the small units fill up what is
   left, in order. The answer is whichever needs fewer disks; in order, when both need the same.

The same files and the same capacity always give the same batches. What is kept of a million files are runs of
their numbers: memory grows with the number of disks and of large files only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

UNITS_A_DISK = 100


class File(NamedTuple):
    """`number` counts up by one in the order of names; `size` in bytes."""

    number: int
    folder: str
    size: int


@dataclass(frozen=True)
class Capacity:
    """What one disk takes. `space` in bytes, already without what must stay free; `inodes` 0: no limit.
    `record` bytes are written about each file besides."""

    space: int
    inodes: int = 0
    block: int = 4096
    record: int = 0

    def on_disk(self, size: int) -> int:
        """Bytes that a file of this size takes: whole blocks, and what is written about it."""
        return -(-size // self.block) * self.block + self.record


class Run(NamedTuple):
    """Files `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True)
class Batch:
    """What goes onto one disk. `size` is the files' own bytes, `space` what they take there."""

    runs: tuple[Run, ...]
    files: int
    size: int
    space: int


@dataclass(frozen=True)
class Packing:
    """`oversized` are files that no such disk holds, set apart."""

    batches: tuple[Batch, ...]
    oversized: tuple[File, ...]


class _Unit(NamedTuple):
    run: Run
    files: int
    size: int
    space: int
    inodes: int


@dataclass
class _Disk:
    space: int
    inodes: int
    units: list[_Unit] = field(default_factory=list)

    def has_room(self, unit: _Unit) -> bool:
        return unit.space <= self.space and unit.inodes <= self.inodes

    def take(self, unit: _Unit) -> None:
        self.space -= unit.space
        self.inodes -= unit.inodes
        self.units.append(unit)


def pack(files: Iterable[File], capacity: Capacity) -> Packing:
    """Batches in the order of their first files. Raises ValueError when the capacity holds nothing at all."""
    if capacity.space < capacity.block:
        raise ValueError("no room for a single file")
    units, oversized = _units(files, capacity)
    disks = _in_order(units, capacity)
    if len(disks) > _fewest(units, capacity):
        other = _large_first(units, capacity)
        if len(other) < len(disks):
            disks = other
    batches = [_batch(disk) for disk in disks if disk.units]
    batches.sort(key=lambda batch: batch.runs[0])
    return Packing(tuple(batches), tuple(oversized))


def _units(files: Iterable[File], capacity: Capacity) -> tuple[list[_Unit], list[File]]:
    """A folder costs a block and an inode wherever one of its files is the first of a unit or follows another
    folder's: a little too much rather than too little."""
    units: list[_Unit] = []
    oversized: list[File] = []
    most = max(capacity.block, capacity.space // UNITS_A_DISK)
    most_inodes = capacity.inodes // UNITS_A_DISK if capacity.inodes else 1 << 62
    limit = capacity.inodes or 1 << 62
    open_: _Unit | None = None
    folder = ""
    for file in files:
        space, inodes = capacity.on_disk(file.size), 1
        alone = _Unit(Run(file.number, file.number), 1, file.size, space + capacity.block, inodes + 1)
        if alone.space > capacity.space or alone.inodes > limit:
            oversized.append(file)
            continue
        changes = file.folder != folder
        if changes:
            space, inodes = space + capacity.block, inodes + 1
        if (
            open_ is not None
            and open_.run.last + 1 == file.number
            and open_.space + space <= most
            and open_.inodes + inodes <= max(2, most_inodes)
            and not (changes and 4 * open_.space > most)
        ):
            open_ = _Unit(
                Run(open_.run.first, file.number),
                open_.files + 1,
                open_.size + file.size,
                open_.space + space,
                open_.inodes + inodes,
            )
        else:
            if open_ is not None:
                units.append(open_)
            open_ = alone
        folder = file.folder
    if open_ is not None:
        units.append(open_)
    return units, oversized


def _fewest(units: list[_Unit], capacity: Capacity) -> int:
    """No packing needs fewer disks than this."""
    by_space = -(-sum(unit.space for unit in units) // capacity.space)
    by_inodes = -(-sum(unit.inodes for unit in units) // capacity.inodes) if capacity.inodes else 0
    return max(by_space, by_inodes)


def _new(capacity: Capacity) -> _Disk:
    return _Disk(capacity.space, capacity.inodes or 1 << 62)


def _in_order(units: list[_Unit], capacity: Capacity) -> list[_Disk]:
    disks = [_new(capacity)]
    for unit in units:
        if not disks[-1].has_room(unit):
            disks.append(_new(capacity))
        disks[-1].take(unit)
    return disks


def _large_first(units: list[_Unit], capacity: Capacity) -> list[_Disk]:
    border = capacity.space // UNITS_A_DISK
    disks: list[_Disk] = []
    for unit in sorted(
        (unit for unit in units if unit.space > border), key=lambda unit: (-unit.space, unit.run)
    ):
        disk = next((disk for disk in disks if disk.has_room(unit)), None)
        if disk is None:
            disk = _new(capacity)
            disks.append(disk)
        disk.take(unit)
    at = 0
    for unit in units:
        if unit.space > border:
            continue
        while at < len(disks) and not disks[at].has_room(unit):
            at += 1
        if at == len(disks):
            disks.append(_new(capacity))
        disks[at].take(unit)
    return disks


def _batch(disk: _Disk) -> Batch:
    runs: list[Run] = []
    for unit in sorted(disk.units):
        if runs and runs[-1].last + 1 == unit.run.first:
            runs[-1] = Run(runs[-1].first, unit.run.last)
        else:
            runs.append(unit.run)
    return Batch(
        tuple(runs),
        sum(unit.files for unit in disk.units),
        sum(unit.size for unit in disk.units),
        sum(unit.space for unit in disk.units),
    )
