"""Rows of the table: several movers do the same work in turn, and what each of them cost."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.measure import Cost, cost_of, cpu_of

KIB, MIB = 1024, 1024**2
OURS = "haulier"


@dataclass(frozen=True)
class Mover:
    """A program. `command` is what it is started with to move a row's work to a target."""

    name: str
    command: Callable[[str], Sequence[str]]
    environ: Mapping[str, str]
    engine: psutil.Process | None = None  # works for it and is counted, too


@dataclass(frozen=True)
class Row:
    """`fresh` makes a target that nobody used before, by a name that no other has. `files` and `size` are what
    has to be in it afterwards, where it is a folder; 0: it is none."""

    name: str
    movers: Sequence[Mover]
    fresh: Callable[[str], str]
    files: int = 0
    size: int = 0
    server: Sequence[psutil.Process] = ()


@dataclass(frozen=True)
class Result:
    """`servers`: processor seconds that the servers of the row took meanwhile."""

    costs: Mapping[str, list[Cost]]
    servers: Mapping[str, list[float]]


def compete(row: Row, rounds: int) -> Result:
    """Every mover in turn, `rounds` times, each time into an empty place. Raises RuntimeError for a mover that
    fails or does not move everything."""
    costs: dict[str, list[Cost]] = {mover.name: [] for mover in row.movers}
    servers: dict[str, list[float]] = {mover.name: [] for mover in row.movers}
    for number in range(rounds):
        for mover in row.movers:
            target = row.fresh(f"{mover.name}-{number}")
            os.sync()  # what the one before left to be written is not for this one to wait for
            before = sum(map(cpu_of, row.server))
            costs[mover.name].append(cost_of(mover.command(target), mover.environ, mover.engine))
            servers[mover.name].append(sum(map(cpu_of, row.server)) - before)
            if row.files:
                check(Path(target), row, mover)
                shutil.rmtree(target)
    return Result(costs, servers)


def check(target: Path, row: Row, mover: Mover) -> None:
    """Whether everything is there, by count and bytes; what programs keep for themselves does not count."""
    there = [path.stat().st_size for path in target.rglob("*") if path.is_file() and not _is_kept(path, target)]
    if (len(there), sum(there)) != (row.files, row.size):
        raise RuntimeError(
            f"{row.name}: {mover.name} moved {len(there)} files of {sum(there)} bytes, "
            f"not {row.files} of {row.size}"
        )


def _is_kept(path: Path, target: Path) -> bool:
    return path.relative_to(target).parts[0] in (".cache", ".haulier")


HEAD = """\
| work | mover | wall, s | CPU, s | peak, MiB | server CPU, s | wall: haulier ÷ it |
|---|---|---|---|---|---|---|"""


def lines_of(row: Row, result: Result) -> list[str]:
    """Medians, with the fastest and the slowest wall."""
    ours = statistics.median(cost.wall for cost in result.costs[OURS])
    lines = []
    for mover, found in result.costs.items():
        walls = [cost.wall for cost in found]
        wall = statistics.median(walls)
        cpu = statistics.median(cost.cpu for cost in found)
        memory = max(cost.memory for cost in found) / MIB
        served = f"{statistics.median(result.servers[mover]):.2f}" if row.server else ""
        timed = f"{wall:.2f} ({min(walls):.2f}–{max(walls):.2f})"
        cells = (row.name, mover, timed, f"{cpu:.2f}", f"{memory:.0f}", served, f"{ours / wall:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def find(name: str) -> str:
    """The program beside this interpreter, or on PATH; empty when it is not here."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or ""


def label(size: int) -> str:
    """ "16 KiB", "1024 MiB"."""
    return f"{size // KIB} KiB" if size < MIB else f"{size // MIB} MiB"
