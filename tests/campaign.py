"""`python -m tests.campaign`: data over four disks of which none holds it, with every mistake on the way.

By default 3 GB onto four tmpfs of 1 GB each, swapped at one mount point; needs root, and the memory.
The gate has the same in small: tests/paths/test_campaign.py.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import tempfile
import time
from pathlib import Path

from core.model import BatchAsk
from core.units import format_bytes, parse_size
from tests.paths.campaigns import Shelf, data_names, over_four_disks
from tests.paths.driving import Haulier, here, sha256

NAMES = ("one", "two", "three", "four")


def make_data(folder: Path, total: int) -> dict[str, str]:
    """Small and large files of so many bytes in all; name → SHA-256."""
    chance, found = random.Random(7), dict[str, str]()
    while total > 0:
        size = min(total, chance.choice((1, 4000, 60_000, 900_000, 30_000_000, 110_000_000)))
        name = f"part{len(found) % 12}/{len(found):05}.bin"
        content = os.urandom(size)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        found[name] = hashlib.sha256(content).hexdigest()
        total -= size
    return found


async def run(folder: Path, total: int, disk: int) -> None:
    began = time.monotonic()
    wanted = make_data(folder / "source", total)
    print(f"{len(wanted)} files, {format_bytes(total)}, made in {time.monotonic() - began:.1f} s")
    disks = Shelf(folder / "disks", dict.fromkeys(NAMES, str(disk)))
    try:
        began = time.monotonic()
        async with Haulier(folder / "haulier") as haulier:
            ask = BatchAsk(space=disk)
            await over_four_disks(haulier, disks, here(folder / "source"), ask, bandwidth=total // 12)
        print(f"campaign in {time.monotonic() - began:.1f} s")
        there = {
            file: sha256(disks.disk(name) / file) for name in NAMES for file in data_names(disks.disk(name))
        }
    finally:
        disks.close()
    assert there == wanted, "the disks do not hold what the source has"
    print("every file is on one disk, with its content; all disks verify alone; wrong disks were refused")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign")
    parser.add_argument("--size", default="3GB", help="of the data (default 3GB)")
    parser.add_argument("--disk", default="1GB", help="of each of the four disks (default 1GB)")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="campaign-") as folder:
        asyncio.run(run(Path(folder), parse_size(chosen.size), parse_size(chosen.disk)))


if __name__ == "__main__":
    main()
