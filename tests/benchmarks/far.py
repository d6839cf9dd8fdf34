"""S3 over a long line, and what measuring finds against every fixed setting."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.contest import KIB, MIB, OURS, Goals, Mover, Row
from tests.benchmarks.ours import ROOT, Bench
from tests.benchmarks.s3 import PEERS, Served, filled, keys_of, movers, serve, total, words_of

__all__ = ["PEERS", "rows", "sweep"]

WORKERS = (4, 8, 16, 32, 64)
CONNECTIONS = (1, 2, 4, 8, 16)


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    with serve(bench, options, "server") as near, _far(near, options.latency) as here:
        for sizes in ([(options.far_small, 16 * KIB)], [(1, options.far_big * MIB)]):
            source, bucket = filled(near, bench.folder / f"far-{sizes[0][1]}", sizes)
            name = f"S3 ({near.server.name}), {options.latency} ms away, {words_of(sizes)}"
            yield Row(
                f"{name}, down",
                movers(bench, here.server, f"s3://{bucket}/"),
                bench.new_folder,
                *total(sizes),
                goals=Goals(wall=0.8),
            )
            yield Row(
                f"{name}, up",
                movers(bench, here.server, f"{source}/"),
                near.new_bucket,
                *total(sizes),
                goals=Goals(wall=0.8),
                place=near.place,
            )


def sweep(bench: Bench, options: Namespace) -> Iterator[Row]:
    """Rows in which the peers are haulier itself with fixed settings."""
    with serve(bench, options, "server") as near, _far(near, options.latency) as far:
        for where, here, small, big in (
            ("", near, options.small, options.big),
            (f", {options.latency} ms away", far, options.far_small, options.far_big),
        ):
            for sizes, option, values in (
                ([(small, 16 * KIB)], "--workers", WORKERS),
                ([(1, big * MIB)], "--connections", CONNECTIONS),
            ):
                source, bucket = filled(near, bench.folder / f"sweep-{sizes[0]}{bool(where)}", sizes)
                name = f"S3 ({near.server.name}){where}, {words_of(sizes)}"
                keys = keys_of(here.server)
                for way, place in (("down", f"s3://{bucket}/"), ("up", f"{source}/")):
                    settings = [bench.mover(place, environ=keys)]
                    settings += [_fixed(bench.mover(place, option, str(n), environ=keys), n) for n in values]
                    yield Row(
                        f"{name}, {way}, {option}",
                        settings,
                        bench.new_folder if way == "down" else near.new_bucket,
                        *total(sizes),
                        goals=Goals(wall=1.1),
                        place=Path if way == "down" else near.place,
                    )


def _fixed(mover: Mover, number: int) -> Mover:
    return replace(mover, name=f"{OURS}, {number}")


@contextmanager
def _far(near: Served, milliseconds: int) -> Iterator[Served]:
    """The same server at the other end of a long line."""
    port = near.server.endpoint.rpartition(":")[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.slow_line", port, str(milliseconds)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        there = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        yield replace(near, server=replace(near.server, endpoint=there))
    finally:
        process.communicate()  # the end of its input is the end of it
