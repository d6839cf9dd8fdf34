"""Rows of the table: several movers do the same work in turn, and what each of them cost."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.benchmarks.measure import Cost, cost_of, cpu_of

KIB, MIB = 1024, 1024**2
OURS = "haulier"
SERVERS = frozenset({"nginx", "rclone", "versitygw"})
KEPT = frozenset({".cache", ".haulier", ".sgwtmp"})  # of hf, of haulier, of versitygw
MANY = 1000  # files from which on removing them is left for the end of a row


@dataclass(frozen=True)
class Mover:
    """A program. `command` is what it is started with to move a row's work to a target."""

    name: str
    command: Callable[[str], Sequence[str]]
    environ: Mapping[str, str]
    engine: psutil.Process | None = None  # works for it and is counted, too
    is_peer: bool = True  # else it is a limit of the machine, such as cp
    timed: Callable[[], Cost] | None = None  # how it is run and timed, where a command is not enough


@dataclass(frozen=True)
class Goals:
    """What a row is to reach; 0 where nothing is asked. `wall` and `cpu` are ratios to the best peer's, `of` a
    ratio of wall to a mover's by its name, `seconds` is a wall of its own."""

    wall: float = 0.0
    cpu: float = 0.0
    of: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    memory: float = 256.0  # MiB, of the engine


@dataclass(frozen=True)
class Row:
    """`fresh` makes a target that nobody used before, by a name that no other has; `place` is the folder of
    this machine that it lies in. `files` and `size` are what has to be there afterwards; 0: nothing is."""

    name: str
    movers: Sequence[Mover]
    fresh: Callable[[str], str]
    files: int = 0
    size: int = 0
    server: Sequence[psutil.Process] = ()
    goals: Goals = Goals()
    place: Callable[[str], Path] = Path


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
    kept: list[Path] = []
    for number in range(rounds):
        for mover in row.movers:
            target = row.fresh(f"{mover.name}-{number}")
            os.sync()  # what the one before left to be written is not for this one to wait for
            before = sum(map(cpu_of, row.server))
            costs[mover.name].append(_run(mover, target))
            servers[mover.name].append(sum(map(cpu_of, row.server)) - before)
            if row.files:
                check(row.place(target), row, mover)
                kept.append(row.place(target))
            # ext4 passes over inodes that were freed a moment ago one by one (recently_deleted() in
            # fs/ext4/ialloc.c): what comes next would pay for what was removed before.
            if row.files < MANY:
                _remove(kept)
    _remove(kept)
    return Result(costs, servers)


def _run(mover: Mover, target: str) -> Cost:
    if mover.timed is not None:
        return mover.timed()
    return cost_of(mover.command(target), mover.environ, mover.engine)


def _remove(kept: list[Path]) -> None:
    while kept:
        shutil.rmtree(kept.pop())


def check(target: Path, row: Row, mover: Mover) -> None:
    """Whether everything is there, by count and bytes; what programs keep for themselves does not count."""
    there = [path.stat().st_size for path in target.rglob("*") if path.is_file() and not _is_kept(path, target)]
    if (len(there), sum(there)) != (row.files, row.size):
        raise RuntimeError(
            f"{row.name}: {mover.name} moved {len(there)} files of {sum(there)} bytes, "
            f"not {row.files} of {row.size}"
        )


def _is_kept(path: Path, target: Path) -> bool:
    return path.relative_to(target).parts[0] in KEPT


HEAD = """\
| work | mover | wall, s | CPU, s | peak, MiB | server CPU, s | wall: haulier ÷ it |
|---|---|---|---|---|---|---|"""


def lines_of(row: Row, result: Result) -> list[str]:
    """Medians, with the fastest and the slowest wall."""
    ours = wall_of(result, OURS)
    lines = []
    for mover, found in result.costs.items():
        walls = [cost.wall for cost in found]
        memory = max(cost.memory for cost in found) / MIB
        served = f"{statistics.median(result.servers[mover]):.2f}" if row.server else ""
        timed = f"{wall_of(result, mover):.2f} ({min(walls):.2f}–{max(walls):.2f})"
        ratio = f"{ours / wall_of(result, mover):.2f}"
        cells = (row.name, mover, timed, f"{_cpu(result, mover):.2f}", f"{memory:.0f}", served, ratio)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


VERDICT_HEAD = """\
| work | goal | measured | |
|---|---|---|---|"""


def verdicts_of(row: Row, result: Result) -> list[str]:
    """A line for each goal of the row: the goal, what was measured, met or missed."""
    lines = []
    for goal, value, limit, form in _compared(row, result):
        word = "met" if value <= limit else "**missed**"
        lines.append(f"| {row.name} | {goal} | {value:{form}} | {word} |")
    return lines


def _compared(row: Row, result: Result) -> Iterable[tuple[str, float, float, str]]:
    goals = row.goals
    peers = [mover.name for mover in row.movers if mover.is_peer and mover.name != OURS]
    if goals.wall and peers:
        best = min(peers, key=lambda name: wall_of(result, name))
        ratio = wall_of(result, OURS) / wall_of(result, best)
        yield f"wall ≤ {goals.wall} × the best peer's ({best})", ratio, goals.wall, ".2f"
    if goals.cpu and peers:
        thrifty = min(peers, key=lambda name: _cpu(result, name))
        ratio = _cpu(result, OURS) / _cpu(result, thrifty)
        yield f"CPU ≤ {goals.cpu:g} × the best peer's ({thrifty})", ratio, goals.cpu, ".2f"
    for name, limit in goals.of.items():
        if name in result.costs:
            yield f"wall ≤ {limit} × {name}", wall_of(result, OURS) / wall_of(result, name), limit, ".2f"
    if goals.seconds:
        yield f"≤ {goals.seconds * 1000:.0f} ms", wall_of(result, OURS) * 1000, goals.seconds * 1000, ".0f"
    engine = max(cost.engine_memory for cost in result.costs[OURS]) / MIB
    if goals.memory and engine:
        yield f"engine ≤ {goals.memory:.0f} MiB", engine, goals.memory, ".0f"


def wall_of(result: Result, mover: str) -> float:
    """The median, in seconds."""
    return statistics.median(cost.wall for cost in result.costs[mover])


def _cpu(result: Result, mover: str) -> float:
    return statistics.median(cost.cpu for cost in result.costs[mover])


def find(name: str) -> str:
    """The program that HAULIER_TEST_… names, beside this interpreter, or on PATH; empty when it is not here."""
    beside = Path(sys.executable).with_name(name)
    told = os.environ.get(f"HAULIER_TEST_{name.upper()}", "")
    return told or (str(beside) if beside.exists() else shutil.which(name) or "")


def serving(folder: Path) -> Sequence[psutil.Process]:
    """The servers that were started with a path in this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "name"])
        if process.info["name"] in SERVERS and str(folder) in " ".join(process.info["cmdline"] or ())
    ]


def label(size: int) -> str:
    """ "16 KiB", "1024 MiB"."""
    return f"{size // KIB} KiB" if size < MIB else f"{size // MIB} MiB"
