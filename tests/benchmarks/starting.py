"""How soon something happens: the version, the first paint, one small object while the engine runs."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from functools import partial

from tests.benchmarks.contest import KIB, OURS, Goals, Mover, Row
from tests.benchmarks.measure import Cost
from tests.benchmarks.ours import PROGRAM, ROOT, Bench
from tests.benchmarks.s3 import filled, keys_of, serve
from tests.face.measures import shows
from tests.face.terminal import PtyTerminal

PEERS = ()


def rows(bench: Bench, options: Namespace) -> Iterator[Row]:
    environ = {**bench.environ, "PYTHONPATH": str(ROOT)}
    version = Mover(OURS, lambda _: [*PROGRAM, "--version"], environ)
    yield Row("haulier --version", [version], str, goals=Goals(seconds=0.1, memory=0))
    paint = Mover(OURS, lambda _: (), environ, timed=partial(_first_paint, bench))
    yield Row("haulier, start to first paint", [paint], str, goals=Goals(seconds=0.4, memory=0))
    with serve(bench, options, "one") as here:
        _, bucket = filled(here, bench.folder / "one-object", [(1, 16 * KIB)])
        mover = bench.mover(f"s3://{bucket}/", environ=keys_of(here.server))
        yield Row(
            f"S3 ({here.server.name}), copy of 1 × 16 KiB, engine running",
            [mover],
            bench.new_folder,
            1,
            16 * KIB,
            goals=Goals(seconds=0.25),
        )


def _first_paint(bench: Bench) -> Cost:
    terminal = PtyTerminal([sys.executable, "-m", "tui"], _person(bench), bench.folder)
    try:
        wall = terminal.until(shows("haulier")) - terminal.started
        cpu = terminal.cpu_seconds()
        terminal.press(b"q")
        terminal.process.wait(20)
    finally:
        terminal.close()
    time.sleep(0.2)  # what the screen has left to do at its end is not the next one's
    return Cost(wall, cpu, 0)


def _person(bench: Bench) -> dict[str, str]:
    return {
        **bench.environ,
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
