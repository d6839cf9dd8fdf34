"""Files are packed onto few disks, each once, none over what a disk holds, and always the same way."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.batches.packing import Capacity, File, Packing, pack

MIB = 1 << 20
GIB = 1 << 30


def files_of(sizes: list[int], per_folder: int = 10) -> list[File]:
    return [File(n, f"f{n // per_folder:05}", size) for n, size in enumerate(sizes)]


def numbers(packing: Packing) -> list[int]:
    return [n for batch in packing.batches for run in batch.runs for n in range(run.first, run.last + 1)]


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12 * MIB), max_size=120),
    per_folder=st.integers(1, 30),
    inodes=st.sampled_from([0, 5, 40]),
)
def test_every_file_is_on_one_disk_or_named_as_too_large(
    sizes: list[int], per_folder: int, inodes: int
) -> None:
    """Nothing twice, nothing lost, no disk too full, and a second time the same."""
    capacity = Capacity(space=10 * MIB, inodes=inodes)
    files = files_of(sizes, per_folder)
    packing = pack(files, capacity)
    assert sorted(numbers(packing) + [file.number for file in packing.oversized]) == list(range(len(sizes)))
    for batch in packing.batches:
        held = [n for run in batch.runs for n in range(run.first, run.last + 1)]
        folders = {files[n].folder for n in held}
        space = sum(capacity.on_disk(files[n].size) for n in held) + len(folders) * capacity.block
        assert space <= batch.space <= capacity.space
        assert (batch.files, batch.size) == (len(held), sum(files[n].size for n in held))
        if inodes:
            assert len(held) + len(folders) <= inodes
    assert pack(files, capacity) == packing


def test_folders_stay_together_where_that_costs_nothing() -> None:
    """A thousand small files on three disks: a folder is divided at most where a disk ends."""
    packing = pack(files_of([MIB] * 1000, per_folder=50), Capacity(space=400 * MIB))
    assert len(packing.batches) == 3
    assert [len(batch.runs) for batch in packing.batches] == [1, 1, 1]


def test_large_files_do_not_waste_half_a_disk_each() -> None:
    """Sixty and forty GiB by turns: in order every disk would hold one file, packed each holds two."""
    packing = pack(files_of([60 * GIB, 60 * GIB, 39 * GIB, 39 * GIB] * 5), Capacity(space=100 * GIB))
    assert len(packing.batches) == 10


@pytest.mark.parametrize("seed", range(5))
def test_packed_well(seed: int) -> None:
    """Sizes as data sets have them: at most one disk more than the bytes alone need."""
    dice = random.Random(seed)
    sizes = [min(int(dice.lognormvariate(15, 2.5)), 300 * GIB) for _ in range(20_000)]
    capacity = Capacity(space=max(sizes) * 2)
    fewest = -(-sum(capacity.on_disk(size) for size in sizes) // capacity.space)
    assert len(pack(files_of(sizes), capacity).batches) <= fewest + 1


def test_empty_files_take_inodes_and_folders_blocks() -> None:
    packing = pack(files_of([0] * 100, per_folder=100), Capacity(space=GIB, inodes=30))
    assert len(packing.batches) >= 4
    assert pack([], Capacity(space=GIB)).batches == ()


def test_no_room_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        pack([], Capacity(space=100))


def test_a_million_files_take_little_memory() -> None:
    """They are kept as runs, not as files."""
    stream = (File(n, f"f{n // 1000}", 16_000) for n in range(300_000))
    tracemalloc.start()
    packing = pack(stream, Capacity(space=GIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(batch.files for batch in packing.batches) == 300_000
    assert peak < 4 * MIB
