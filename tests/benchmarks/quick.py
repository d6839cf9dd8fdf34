"""`python -m tests.benchmarks --quick`: many small objects next to s5cmd, so that it does not get worse.

haulier and s5cmd take turns, so that whatever else the machine does meanwhile meets both. What counts is the
ratio of medians or that of the quickest runs, whichever is better: noise makes a run slower, never quicker. A
direction that is worse than `LIMIT` is measured again, with more rounds, and one that stays worse is a failure.
Everything is in memory where there is room for it, so that the disk is not what is measured.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests import servers
from tests.benchmarks.contest import KIB, OURS, Result, Row, compete, find, wall_of
from tests.benchmarks.ours import bench
from tests.benchmarks.s3 import filled, movers, serve, total

ABOUT = (
    "only small objects on S3 against s5cmd: fails when they got slower (skipped without s5cmd or versitygw)"
)
LIMIT = 1.0  # of s5cmd's wall
ROUNDS = (3, 4, 5)  # of the first try, and of those that follow while it was too slow
MEMORY = Path("/dev/shm")
ROOM = 8 << 30  # bytes
SMALL = [(10_000, 16 * KIB)]


def main() -> int:
    """The exit code."""
    missing = [
        name
        for name, there in (("s5cmd", find("s5cmd")), ("versitygw", servers.versitygw_binary()))
        if not there
    ]
    if missing:
        print(
            f"skipped: {' and '.join(missing)} not here (PATH, or HAULIER_TEST_S5CMD, HAULIER_TEST_VERSITYGW)"
        )
        return 0
    failed = False
    with _rows() as rows:
        for row in rows:
            failed |= not _holds(row)
    return int(failed)


@contextmanager
def _rows() -> Iterator[list[Row]]:
    options = Namespace(server="versitygw")
    with (
        tempfile.TemporaryDirectory(prefix="haulier-quick-", dir=_folder()) as name,
        bench(Path(name)) as place,
        serve(place, options, "server") as here,
    ):
        source, bucket = filled(here, Path(name, "source"), SMALL)
        down, up = (
            [mover for mover in movers(place, here.server, where) if mover.name in (OURS, "s5cmd")]
            for where in (f"s3://{bucket}/", f"{source}/")
        )
        yield [
            Row("small objects, down", down, place.new_folder, *total(SMALL)),
            Row("small objects, up", up, here.new_bucket, *total(SMALL), place=here.place),
        ]


def _folder() -> str | None:
    """In memory, where there is enough of it; None: where temporary files are."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return None
    there = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return str(MEMORY) if there > ROOM else None


def _holds(row: Row) -> bool:
    best = float("inf")
    for rounds in ROUNDS:
        result = compete(row, rounds)
        ratio = ratio_of(result)
        walls = ", ".join(f"{mover} {wall_of(result, mover):.2f} s" for mover in result.costs)
        print(f"{row.name}: {ratio:.2f} of s5cmd's wall ({walls}; {rounds} rounds)", flush=True)
        best = min(best, ratio)
        if best <= LIMIT:
            return True
    print(f"{row.name}: FAILED: more than {LIMIT} of s5cmd's wall", flush=True)
    return False


def ratio_of(result: Result) -> float:
    """Our wall to s5cmd's: of the medians, or of the quickest runs."""
    quickest = {name: min(cost.wall for cost in costs) for name, costs in result.costs.items()}
    medians = wall_of(result, OURS) / wall_of(result, "s5cmd")
    return min(medians, quickest[OURS] / quickest["s5cmd"])
